"""The text of a configuration: exact both ways, and kind about what goes wrong in a chat."""

import base64
import dataclasses
import string
import zlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jetlab import config as configs
from jetlab.config import ConfigError, RunConfig
from jetlab.panel import share
from tests.configurations import FIELDS, ODD_NAMES, SURROGATES, configurations

TYPICAL = [
    RunConfig(
        layers=6, nodes=32, batch_size=1024, learning_rate=0.0032, activation="tanh", dropout=0.2, train_size=5000
    ),
    RunConfig(inputs=("jet_pt_ak7", "jet_msd_ak7"), layers=1, nodes=8, optimizer="sgd", epochs=50, seed=12),
    RunConfig.standard("lstm", bidirectional=True, layers=2, nodes=32, length=30, order_by="dr", schedule="cosine"),
]
#: A text of the first day of this format: every later version of jetlab must read it.
KEPT = (
    "jl2-pdndkuhnj3ccaed4s76u2tfn23j35cvzsaw6yxkrbiclngtkpr3ypc76modptwg5n7nlff2ign4ustoikbeglv2g6mv33co2ukln6t5ahp"
    "mjvp5bwoq4rb2uvbdegcibpa6t2gx2brpnp3t5gejuj3bupsyinheql4s65shrgwl3yk6nypowa2dbowvw3yklnc7b7h4rfnofgscxlnm6kjq2"
    "dygdln4k34rqq2rkauy3s2gymcv2bwhtazfeu5v5prcg4qnleqd4gbfxrct7szcifod7jvzwbybximjxhbuatcplmfoqlffeddy2apslxlviuc"
    "aiop2vf3lsibobi72l6cqyv253ggxhpyoyas2rog2qiwzc3yr523uppxhyfl72lu6pf647e6hjmnu2puq",
    RunConfig(
        inputs=("jet_pt_ak7", "jet_msd_ak7"),
        layers=2,
        widths=(9, 5),
        learning_rate=0.003,
        schedule="step",
        train_size=2000,
        seed=7,
    ),
)
CONFIGS = configurations(inputs=FIELDS["inputs"] | ODD_NAMES)
WRAPPED = st.sampled_from(["", " ", "\n", "\r\n  ", "\t", "\u00a0", "\u200b", "\u00ad"])
LETTERS = string.ascii_lowercase + "234567"


def test_every_field_is_drawn():
    assert set(FIELDS) == {field.name for field in dataclasses.fields(RunConfig)}


@given(CONFIGS | configurations(inputs=SURROGATES))
@settings(deadline=None)
@example(RunConfig(inputs=("\ud83d\ude00", "jl2-", '{"', "\u200b", "\x00\r\n")))
@example(RunConfig(learning_rate=5e-324, dropout=1 - 2**-53, seed=2**32 - 1, train_size=100_000_000))
def test_every_configuration_comes_back_from_its_text(config):
    text = share.to_text(config)
    assert text.startswith("jl2-")
    assert set(text[4:]) <= set(LETTERS)
    assert share.from_text(text) == config


@given(CONFIGS)
@settings(deadline=None)
@example(RunConfig(inputs=("jl2-", '{"}', "\u200b\u00a0", "\x00\r\n", "\u201cquoted\u201d")))
def test_every_configuration_comes_back_from_its_json(config):
    assert share.from_text(config.to_json()) == config


@given(CONFIGS, st.data())
@settings(deadline=None, max_examples=50)
def test_blanks_and_capitals_anywhere_change_nothing(config, data):
    text = data.draw(st.sampled_from([str.lower, str.upper]))(share.to_text(config))
    places = data.draw(st.lists(st.tuples(st.integers(0, len(text)), WRAPPED), max_size=5))
    for place, blank in places:
        text = text[:place] + blank + text[place:]
    assert share.from_text(text) == config


@given(CONFIGS, st.data())
@settings(deadline=None, max_examples=50)
def test_no_slip_of_a_letter_gives_another_configuration(config, data):
    text = share.to_text(config)
    place = data.draw(st.integers(4, len(text) - 1))
    letter = data.draw(st.sampled_from([each for each in LETTERS if each != text[place]]))
    for slip in (text[:place] + letter + text[place + 1 :], text[:place] + text[place + 1 :], text[:place]):
        with pytest.raises(ConfigError):
            share.from_text(slip)


@given(
    st.text(st.characters(exclude_characters="{"), max_size=60)
    | st.text(string.ascii_letters + string.digits, max_size=60).map("jl2-".__add__)
)
@settings(deadline=None)
def test_any_text_gives_a_sentence_and_no_configuration(text):
    with pytest.raises(ConfigError) as caught:
        share.from_text(text)
    assert str(caught.value)[0].isupper()
    assert str(caught.value).endswith(".")


def test_texts_of_earlier_days_are_read():
    text, config = KEPT
    assert share.from_text(text) == config


def test_what_a_chat_puts_around_a_text(subtests):
    for pasted in [
        "`{}`",
        "```\n{}\n```",
        "> {}\n",
        "\u201c{}\u201d.",
        "'{}',",
        "**{}**",
        "~~{}~~",
        "Anna Lena, 11:04: {}!",
        "please try {}",
        "({})",
    ]:
        with subtests.test(pasted=pasted):
            config = TYPICAL[2]
            assert share.from_text(pasted.format(share.to_text(config))) == config
            assert share.from_text(pasted.format(config.to_json())) == config


def test_what_a_chat_changes_within():
    config = TYPICAL[1]
    text, json_text = share.to_text(config), config.to_json()
    assert share.from_text(text.replace("-", "\u2013").replace("jl", "JL")) == config
    assert share.from_text(json_text.replace(' "', "\u201c").replace('"', "\u201d")) == config
    assert share.from_text(json_text.replace("\n ", "\n\u00a0\u00a0")) == config
    assert share.from_text(json_text.replace("jet_pt", "jet_\npt")) == config


def test_mistakes_are_explained_kindly(subtests):
    for text, message in [
        ("", "There is no text: paste"),
        (" \n\u200b", "There is no text: paste"),
        ("https://example.org/lab", "The text has no jl2-"),
        ("projl2-abcdef", "The text has no jl2-"),
        ("jl2-", "not complete"),
        ("jl2-abc-def", "only letters and 2 to 7, but there is '-'"),
        ("jl2-abc1", "only letters and 2 to 7, but there is '1'"),
        ("jl2-" + "ä" * 30, "only letters and 2 to 7, but there is 'ä'"),
        ("jl2-" + "\u0131" * 8, "only letters and 2 to 7"),  # a Turkish letter that becomes I as a capital
        (share.to_text(TYPICAL[0]) + "thanks", "not complete, or a letter of it was changed"),
        (share.to_text(TYPICAL[0]) + " " + share.to_text(TYPICAL[1]), "only letters and 2 to 7"),
        (
            "jl1-3e3mTW0YTVKX0Musyueeusrw7qr5Xarq5",
            "another version of jetlab wrote it, an earlier one; ask for its JSON",
        ),
        ("jl3-abcdef", "another version of jetlab wrote it, a later one; update jetlab"),
        ("jl2-" + "a" * 60_000, "60,004 characters"),
        ("jl" + "9" * 5000 + "-", "The text has no jl2-"),
        ('{"layers": 3', "not JSON"),
        ('{"layers": 77}', "layers is 77; allowed"),
        ('{"layer": 3}', "no field 'layer'; did you mean 'layers'"),
        ('{"model": "dens"}', "Did you mean 'dense'"),
        ('{"layers": ' + "9" * 5000 + "}", "not a run configuration"),
        ('{"dropout": ' + "9" * 400 + "}", "dropout is 9999"),
        ('{"layers": ' + "[" * 15_000 + "}", "not a run configuration|not JSON"),
    ]:
        with subtests.test(text=text, message=message):
            with pytest.raises(ConfigError, match=message):
                share.from_text(text)


def written(content: bytes) -> str:
    """Any content in the form of a text, whole and with the right checksum."""
    packed = zlib.compress(content)
    return "jl2-" + base64.b32encode(packed + zlib.crc32(packed).to_bytes(4)).decode().rstrip("=")


def test_the_form_is_the_documented_one():
    assert share.from_text(written(b'{"layers": 2}')) == RunConfig(layers=2)


def test_a_whole_text_of_something_else_is_refused(subtests):
    for content, message in [
        (b" " * 10_000_000, "more than 20,000 bytes"),  # some 10,000 letters
        (b"[1]", "JSON list"),
        (b"\xff", "can't decode"),
        (b'{"layers": 7}', "layers is 7"),
        (b'{"layers": ' + b"9" * 5000 + b"}", "digits"),
        (b"[" * 15_000, "recursion|JSON"),
        (b'{"heads": 8}', "no field 'heads'"),  # of a later version
    ]:
        with subtests.test(message=message):
            with pytest.raises(
                ConfigError, match=f"This version of jetlab cannot read the text .*{message}.*ask for the JSON"
            ):
                share.from_text(written(content))


def test_what_is_too_long_to_share_is_refused_when_it_is_written():
    with pytest.raises(ConfigError, match="at most 20,000 can be shared; use fewer inputs"):
        share.to_text(RunConfig(inputs=tuple(f"input {number}" for number in range(2000))))
    # Names that do not compress: the longest text that is written is read.
    long = RunConfig(inputs=tuple(chr(0x4E00 + 37 * number % 20_000) * 2 for number in range(2100)))
    assert share.from_text(share.to_text(long)) == long


def test_a_text_means_the_same_when_defaults_are_tuned(monkeypatch):
    config = RunConfig(model="lstm", layers=2)
    text = share.to_text(config)
    monkeypatch.setitem(configs.STANDARD, "lstm", {"nodes": 96})
    monkeypatch.setitem(configs.INPUTS, "lstm", configs.INPUTS["lstm"][1:])
    tuned = [64 if value == 128 else value for value in RunConfig.__init__.__defaults__]
    monkeypatch.setattr(RunConfig.__init__, "__defaults__", tuple(tuned))
    assert RunConfig().batch_size == 64
    assert share.from_text(text) == config
