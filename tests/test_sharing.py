"""The short text of a configuration: both ways, short, and kind about what goes wrong in a chat."""

import dataclasses
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jetlab import config as configs
from jetlab import inputs, sharing
from jetlab.config import ConfigError, RunConfig

TYPICAL = [
    RunConfig(),
    RunConfig(
        layers=6, nodes=32, batch_size=1024, learning_rate=0.0032, activation="tanh", dropout=0.2, train_size=5000
    ),
    RunConfig(inputs=("jet_pt_ak7", "jet_msd_ak7"), layers=1, nodes=8, optimizer="sgd", epochs=50, seed=12),
    RunConfig.standard("cnn", inputs=("charged hadron", "photon"), nodes=8, image_size=33),
    RunConfig.standard("lstm", bidirectional=True, layers=2, nodes=32, length=30, order_by="dr"),
    RunConfig.standard("gru", inputs=("log_pt", "dr", "charge"), pf_id="one_hot", dropout=0.1),
    RunConfig.standard("deep_sets", nodes=128, batch_size=256, patience=3, order_by="random"),
    RunConfig(loss="gaussian_nll", layers=2),
    RunConfig(layers=4, widths=(128, 64, 32, 16)),
]
#: Written by the first version of this text: every later one must read it.
KEPT = {
    "jl1-3e3mTW0YTVKX0Musyueeusrw7qr5Xarq5": {
        "layers": 2,
        "nodes": 128,
        "batch_size": 256,
        "learning_rate": 0.003,
        "activation": "gelu",
        "seed": 7,
    },
    "jl1-mp3NdTgD9nPCkb3a4FiS2bP0xIlEmiWj57Z": {
        "inputs": ("jet_pt_ak7", "jet_msd_ak7"),
        "dropout": 0.1,
        "optimizer": "rmsprop",
        "train_size": 2000,
    },
    "jl1-PO7LvzxfYneu2DiUq2TO2x118mDIUgsHQ2upJw": {
        "model": "lstm",
        "layers": 1,
        "learning_rate": 0.002,
        "bidirectional": True,
        "order_by": "dr",
        "length": 30,
    },
}


def numbers(name):
    return st.integers(*configs.INTEGERS[name])


COLUMNS = st.lists(st.sampled_from([*configs.INPUTS["dense"], *inputs.CONSTITUENT, *inputs.CHANNELS]), unique=True)
NAMES = st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20), unique=True, max_size=5)
UNIFORM = st.builds(
    RunConfig,
    inputs=(COLUMNS | NAMES).map(tuple),
    widths=st.just(()),
    dropout=st.floats(0, 1, exclude_max=True),
    learning_rate=st.floats(0, 10, exclude_min=True),
    bidirectional=st.booleans(),
    train_size=st.none() | numbers("train_size"),
    **{name: st.sampled_from(choices) for name, choices in configs.CHOICES.items()},
    **{name: numbers(name) for name in configs.INTEGERS if name != "train_size"},
)
PYRAMIDS = st.lists(numbers("nodes"), min_size=1, max_size=6).map(
    lambda widths: RunConfig(layers=len(widths), widths=tuple(widths))
)
CONFIGS = UNIFORM | PYRAMIDS
WRAPPED = st.sampled_from(["", " ", "\n", "\r\n  ", "\t", "\u00a0", "\u200b", "\u00ad"])


@given(CONFIGS)
@settings(deadline=None)
def test_both_ways(config):
    text = sharing.to_text(config)
    assert text.startswith("jl1-")
    assert set(text[4:]) <= set(string.ascii_letters + string.digits)
    assert sharing.from_text(text) == config
    assert sharing.from_text(config.to_json()) == config


@given(CONFIGS, st.data())
@settings(deadline=None, max_examples=50)
def test_blanks_anywhere_change_nothing(config, data):
    text = sharing.to_text(config)
    places = data.draw(st.lists(st.tuples(st.integers(0, len(text)), WRAPPED), max_size=5))
    for place, blank in places:
        text = text[:place] + blank + text[place:]
    assert sharing.from_text(text) == config


@given(CONFIGS, st.data())
@settings(deadline=None, max_examples=50)
def test_no_slip_of_a_letter_gives_another_configuration(config, data):
    text = sharing.to_text(config)
    place = data.draw(st.integers(4, len(text) - 1))
    letter = data.draw(st.sampled_from([each for each in string.ascii_letters + string.digits if each != text[place]]))
    for slip in (text[:place] + letter + text[place + 1 :], text[:place] + text[place + 1 :], text[:place]):
        # One slip in 16 million passes the checksum.
        with pytest.raises(ConfigError):
            sharing.from_text(slip)


LETTERS = st.text(string.ascii_letters + string.digits, max_size=60)


@given(st.text(st.characters(exclude_characters="{"), max_size=60) | LETTERS.map("jl1-".__add__))
@settings(deadline=None)
def test_any_text_gives_a_sentence_and_no_configuration(text):
    with pytest.raises(ConfigError) as caught:
        sharing.from_text(text)
    assert str(caught.value)[0].isupper()
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("config", TYPICAL)
def test_typical_texts_are_short(config):
    assert len(sharing.to_text(config)) < 80
    assert sharing.from_text(sharing.to_text(config)) == config


def test_the_defaults_are_shortest():
    for model in configs.MODELS:
        assert len(sharing.to_text(RunConfig(model=model))) < 20
        assert len(sharing.to_text(RunConfig.standard(model))) < 60


@pytest.mark.parametrize("text", KEPT)
def test_texts_of_earlier_days_are_read(text):
    assert sharing.from_text(text) == RunConfig(**KEPT[text])


@pytest.mark.parametrize(
    "pasted",
    [
        "`{}`",
        "```\n{}\n```",
        "> {}\n",
        "\u201c{}\u201d.",
        "'{}',",
        "**{}**",
        "Anna Lena, 11:04: {}!",
        "({})",
    ],
)
def test_what_a_chat_puts_around_a_text(pasted):
    config = TYPICAL[4]
    assert sharing.from_text(pasted.format(sharing.to_text(config))) == config
    assert sharing.from_text(pasted.format(config.to_json())) == config


def test_what_a_chat_changes_within():
    config = TYPICAL[2]
    text, json_text = sharing.to_text(config), config.to_json()
    assert sharing.from_text(text.replace("-", "\u2013").replace("jl", "JL")) == config
    assert sharing.from_text(json_text.replace(' "', "\u201c").replace('"', "\u201d")) == config
    assert sharing.from_text(json_text.replace("\n ", "\n\u00a0\u00a0")) == config
    assert sharing.from_text(json_text.replace("jet_pt", "jet_\npt")) == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "There is no text: paste"),
        (" \n\u200b", "There is no text: paste"),
        ("https://example.org/lab", "There is no jl1- in the text"),
        ("jl1-", "not complete"),
        ("jl1-abc-def", "letters and digits only, but there is '-'"),
        ("jl1-" + "ä" * 30, "letters and digits only, but there is 'ä'"),
        (sharing.to_text(TYPICAL[1]) + "thanks", "not complete, or a letter of it was changed"),
        (sharing.to_text(TYPICAL[1]) + " " + sharing.to_text(TYPICAL[2]), "letters and digits only"),
        ("jl2-abcdef", "another version of jetlab"),
        ("jl1-" + "a" * 30_000, "30,004 characters"),
        ('{"layers": 3', "not JSON"),
        ('{"layers": 77}', "layers is 77; allowed"),
        ('{"layer": 3}', "no field 'layer'; did you mean 'layers'"),
        ('{"model": "dens"}', "Did you mean 'dense'"),
        ('{"layers": ' + "9" * 5000 + "}", "no run configuration"),
        ('{"dropout": ' + "9" * 400 + "}", "dropout is 9999"),
        ('{"layers": ' + "[" * 15_000 + "}", "no run configuration|not JSON"),
    ],
)
def test_mistakes_are_told_kindly(text, message):
    with pytest.raises(ConfigError, match=message):
        sharing.from_text(text)


def test_a_text_means_the_same_when_defaults_are_tuned(monkeypatch):
    config = RunConfig(model="lstm", layers=2)
    text = sharing.to_text(config)
    monkeypatch.setitem(configs.STANDARD, "lstm", {"nodes": 96})
    monkeypatch.setitem(configs.INPUTS, "lstm", configs.INPUTS["lstm"][1:])
    monkeypatch.setattr(RunConfig.__init__, "__defaults__", tuple(_tuned(RunConfig.__init__.__defaults__)))
    assert RunConfig().batch_size == 64
    assert sharing.from_text(text) == config
    for tuned in (RunConfig(), RunConfig(model="lstm")):
        assert sharing.from_text(sharing.to_text(tuned)) == tuned


def _tuned(defaults):
    return [64 if value == 128 else value for value in defaults]


def test_a_field_added_later_changes_no_text(monkeypatch):
    fields = {name: value for name, value in sharing.BASE.items() if name != "image_size"}
    text = sharing.to_text(RunConfig(layers=2))
    monkeypatch.setattr(sharing, "BASE", fields)
    assert sharing.to_text(RunConfig(layers=2)) == text
    assert sharing.from_text(text) == RunConfig(layers=2)
    changed = RunConfig(model="cnn", image_size=9)
    assert sharing.from_text(sharing.to_text(changed)) == changed


def test_a_field_of_a_later_version_is_told(monkeypatch):
    later = dataclasses.make_dataclass("Later", [("heads", int, 4)], bases=(RunConfig,), frozen=True)
    with monkeypatch.context() as patch:
        patch.setattr(sharing, "RunConfig", later)
        text = sharing.to_text(later(heads=8))
    with pytest.raises(ConfigError, match=r"cannot read the text .*no field 'heads'.*ask for the JSON"):
        sharing.from_text(text)
