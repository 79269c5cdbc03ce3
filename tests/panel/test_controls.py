"""The controls stand at a legal configuration whatever is moved, and are set to exactly what is asked or not at all."""

import dataclasses
from dataclasses import replace

import ipywidgets as widgets
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jetlab.config import INPUTS, ConfigError, RunConfig
from jetlab.panel import share
from jetlab.panel.controls import PRESETS, Controls
from tests.configurations import configurations
from tests.panel.by_label import labelled, texts, walk

N_TRAIN = 1200
START = RunConfig(inputs=("b", "a"), layers=2, nodes=8, epochs=3, patience=0)
WIDE = replace(START, layers=3, widths=(300, 8, 4))
CNN = RunConfig(model="cnn", image_size=4)
CHANNELS = ("all", "photon", "muon")
#: What a panel may be made of: its start, and the options of an instructor.
PANELS = {
    "plain": (START, {"inputs": ("a", "b", "c")}),
    "inputs fixed": (START, {}),
    "own widths": (WIDE, {"inputs": ("a", "b")}),
    "nodes hidden": (WIDE, {"hide": ("nodes", "dropout"), "inputs": ("a", "b")}),
    "nodes locked": (WIDE, {"lock": ("nodes", "inputs", "epochs"), "inputs": ("a", "b", "c")}),
    "layers hidden": (WIDE, {"hide": ("layers",)}),
    "capped": (replace(START, epochs=50), {"most": {"epochs": 20, "train_size": 700}}),
    "caps beyond the data": (START, {"most": {"epochs": 2000, "train_size": 5000}}),
    "few jets": (replace(START, train_size=5000), {}),
    "out of range": (
        replace(START, nodes=1024, dropout=0.999, learning_rate=5e-324, epochs=1000, patience=1000, batch_size=77),
        {},
    ),
    "cnn": (CNN, {"inputs": CHANNELS, "remade": True}),
    "lstm": (RunConfig(model="lstm", length=150), {"inputs": INPUTS["lstm"], "remade": True}),
    "regression": (replace(START, loss="huber"), {}),
}


def made(name):
    start, options = PANELS[name]
    return Controls(start, N_TRAIN, **options)


def movements(controls):
    """What a participant may do: a control, and a value that it takes."""
    moved = [each for each in walk(controls.widget) if hasattr(each, "value") and not isinstance(each, widgets.HTML)]
    possible = [each for each in moved if not each.disabled and each.layout.display != "none"]
    return st.sampled_from(possible).flatmap(lambda each: st.tuples(st.just(each), values(each)))


def values(widget):
    if isinstance(widget, widgets.Checkbox):
        return st.booleans()
    if isinstance(widget, widgets.Dropdown | widgets.SelectionSlider):
        full = [each[1] if isinstance(each, tuple) else each for each in widget.options]
        return st.sampled_from(full)
    if isinstance(widget, widgets.FloatLogSlider):
        return st.floats(widget.base**widget.min, widget.base**widget.max, exclude_min=True)
    if isinstance(widget, widgets.FloatSlider):
        return st.floats(widget.min, widget.max)
    return st.integers(widget.min, widget.max)


@pytest.mark.parametrize("name", PANELS)
def test_the_controls_begin_where_the_configuration_says(name):
    cut = {"epochs": 20, "train_size": 700} if name == "capped" else {}
    assert made(name).config() == replace(PANELS[name][0], **cut)


@pytest.mark.parametrize("name", PANELS)
@given(data=st.data())
@settings(deadline=None, max_examples=10)
def test_any_movements_give_a_legal_configuration_that_can_be_shared(name, data):
    controls, other = made(name), made(name)
    ticks = [labelled(controls.widget, each) for each in PANELS[name][1].get("inputs", ())]
    for _ in range(8):
        widget, value = data.draw(movements(controls))
        widget.value = value
        if ticks and not any(tick.value for tick in ticks):
            with pytest.raises(ConfigError, match="No input is ticked"):
                controls.config()
            continue
        config = controls.config()
        assert config.layer_nodes == shown_nodes(controls, config)
        other.set(share.from_text(share.to_text(config)))
        assert other.config() == config


def shown_nodes(controls, config):
    """Nodes of each layer as the sliders show them, or as the start says where there are none."""
    if not controls.chooses("nodes"):
        return (*controls.start.layer_nodes, *[controls.start.nodes] * 6)[: config.layers]
    own = [each for each in walk(controls.widget) if getattr(each, "description", "").startswith("nodes of layer")]
    if own and labelled(controls.widget, "each layer its own").value:
        shown = [each.value for each in own if each.layout.display != "none"]
        assert len(shown) == config.layers
        return tuple(shown)
    assert all(each.layout.display == "none" for each in own)
    return (controls.fields["nodes"].value,) * config.layers


@pytest.mark.parametrize("name", PANELS)
@given(data=st.data())
@settings(deadline=None, max_examples=15)
def test_the_controls_are_set_exactly_or_not_at_all(name, data):
    controls = made(name)
    start = controls.start
    like = {"model": st.just(start.model), "loss": st.just(start.loss), "inputs": st.just(start.inputs)}
    for field in dataclasses.fields(RunConfig):
        if field.name not in ("widths", *like) and not controls.chooses(field.name):
            like[field.name] = st.just(getattr(start, field.name))
    before = controls.config()
    told = []
    controls.on_change(lambda: told.append(controls.config()))
    for config in data.draw(st.lists(configurations(**like) | configurations(), min_size=1, max_size=3)):
        told.clear()
        moved, refusal = tried(controls, config)
        if refusal:
            assert (controls.config(), told) == (before, [])
            assert "nothing was moved" in refusal
            assert any(f"{field.name} is " in refusal for field in dataclasses.fields(RunConfig))
        else:
            assert controls.config() == config
            assert told == [config]
            assert bool(moved) == (config != before)
            before = config


def tried(controls, config):
    """What has moved, and the refusal if nothing could."""
    try:
        return controls.set(config), ""
    except ConfigError as error:
        return [], str(error)


def test_what_is_set_may_lie_beyond_a_slider():
    controls = made("plain")
    config = replace(START, learning_rate=5.0, nodes=1024, batch_size=100, dropout=0.97, patience=600, train_size=1200)
    controls.set(config)
    assert controls.config() == config
    assert (controls.fields["nodes"].max, controls.fields["learning_rate"].max) == (1024, 1)
    controls.set(replace(config, learning_rate=3e-9, train_size=7000))
    assert controls.config() == replace(config, learning_rate=3e-9, train_size=7000)
    assert controls.fields["train_size"].label == "7,000 (here 1,200)"
    controls.set(START)
    assert (
        controls.fields["nodes"].max,
        controls.fields["learning_rate"].min,
        controls.fields["learning_rate"].max,
    ) == (256, -5, 0)
    assert 100 not in [value for _, value in controls.fields["batch_size"].options]


def test_what_has_moved_is_said_from_what_to_what():
    controls = made("plain")
    moved = controls.set(
        replace(START, inputs=("c", "a"), learning_rate=5.0, batch_size=100, train_size=300, layers=2, widths=(3, 8))
    )
    assert set(moved) == {
        "learning rate 0.001 → 5.0",
        "batch size 128 → 100",
        "training jets all 1,200 → 300",
        "b on → off",
        "c off → on",
        "each layer its own off → on",
        "nodes of layer 1: 3",
        "nodes of layer 2: 8",
    }
    assert controls.set(controls.config()) == []
    controls.fields["layers"].value = 3
    assert set(controls.set(replace(controls.config(), widths=(3, 8, 5)))) == {"nodes of layer 3 8 → 5"}
    for name in "ac":
        labelled(controls.widget, name).value = False
    assert controls.set(START)
    assert controls.config() == START


def test_a_change_of_the_order_of_inputs_alone_is_said_too():
    controls = made("plain")
    assert controls.set(replace(START, inputs=("a", "b"))) == ["order of the inputs b, a → a, b"]


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        (
            "plain",
            {"model": "lstm", "inputs": ("a",)},
            'model is "lstm", but this panel trains "dense".* a panel of th',
        ),
        ("plain", {"loss": "mse"}, 'loss is "mse", but stays "binary_crossentropy" here.*in the JSON, then .* Apply'),
        ("plain", {"length": 7}, "length is 7, but stays 50 here"),
        ("plain", {"inputs": ("a", "x", "y")}, 'inputs is .*"x", "y".*, but this panel has a, b, c only'),
        ("inputs fixed", {"inputs": ("a", "b")}, r'inputs is \["a", "b"\], but stays \["b", "a"\] here'),
        ("nodes hidden", {"dropout": 0.5}, "dropout is 0.5, but stays 0.0 here"),
        ("nodes hidden", {"widths": (8, 4, 300)}, r"widths is \[8, 4, 300\], but stays \[300, 8, 4\] here"),
        ("nodes locked", {"nodes": 9}, "nodes is 9, but is locked at 8"),
        ("nodes locked", {"widths": ()}, r"widths is \[\], but is locked at \[300, 8, 4\]"),
        ("nodes locked", {"inputs": ("a",)}, r'inputs is \["a"\], but is locked at'),
        ("capped", {"epochs": 21, "train_size": 700}, "epochs is 21, but at most 20 are allowed here"),
        ("capped", {"epochs": 1, "train_size": None}, "train_size is null, but at most 700 are allowed here"),
        ("cnn", {"pf_id": "one_hot", "loss": "mse"}, 'pf_id is "one_hot".*loss is "mse"|loss is "mse".*pf_id'),
    ],
)
def test_what_the_panel_cannot_be_is_refused_by_field(name, changes, reason):
    controls = made(name)
    before = controls.config()
    with pytest.raises(ConfigError, match=reason):
        controls.set(replace(PANELS[name][0], **changes))
    assert controls.config() == before


def test_unticking_own_widths_gives_equal_ones():
    controls = made("own widths")
    assert controls.config().layer_nodes == (300, 8, 4)
    labelled(controls.widget, "each layer its own").value = False
    assert controls.config().layer_nodes == (8, 8, 8)
    controls.fields["layers"].value = 5
    assert controls.config().layer_nodes == (8,) * 5


def test_moving_layers_keeps_own_widths():
    controls = made("own widths")
    assert controls.fields["nodes"].disabled
    controls.fields["layers"].value = 2
    assert controls.config().widths == (300, 8)
    controls.fields["layers"].value = 4
    assert controls.config().widths == (300, 8, 4, 8)
    controls.fields["layers"].value = 0
    assert controls.config().widths == ()


@pytest.mark.parametrize("name", PANELS)
def test_every_preset_that_is_offered_is_reached_exactly(name):
    controls = made(name)
    preset = labelled(controls.widget, "preset")
    for label in reversed(preset.options):
        preset.value = label
        config, changes = controls.config(), dict(PRESETS[label])
        if name == "capped" and "epochs" in changes:
            assert config.epochs == 20
            assert "epochs is 60 in this preset, but at most 20 are allowed here" in texts(controls.widget)
            changes.pop("epochs")
        for field, value in changes.items():
            assert getattr(config, field) == value
        others = {field.name for field in dataclasses.fields(RunConfig)} - set(PRESETS[label])
        for field in others - {"widths", "epochs"}:
            assert getattr(config, field) == getattr(controls.start, field)


def test_a_preset_that_was_cut_is_forgotten_with_the_next_movement():
    controls = made("capped")
    labelled(controls.widget, "preset").value = "learning by heart: few jets"
    controls.fields["nodes"].value = 9
    assert "in this preset" not in texts(controls.widget)


def test_presets_that_would_move_what_is_held_are_not_offered_and_an_instructors_own_are_refused():
    start, held = replace(START, nodes=5, patience=1), {"hide": ("patience",), "lock": ("nodes",)}
    offered = labelled(Controls(start, N_TRAIN, **held).widget, "preset").options
    assert offered == ("as in the lesson", "learning rate too large")
    for presets, reason in [
        ({"mine": {"patience": 3}}, "preset 'mine'.*patience is 3, but stays 1"),
        ({"mine": {"nodes": 3}}, "preset 'mine'.*nodes is 3, but is locked at 5"),
        ({"mine": {"loss": "mse"}}, "preset 'mine'.*loss is"),
        ({"mine": {"activation": "rellu"}}, "activation is 'rellu'"),
    ]:
        with pytest.raises(ConfigError, match=reason):
            Controls(start, N_TRAIN, presets=presets, **held)


def test_a_preset_of_layers_or_nodes_is_for_equal_layers_unless_it_says_otherwise():
    presets = {
        "start": {},
        "rate": {"learning_rate": 0.1},
        "layers": {"layers": 2},
        "own": {"layers": 2, "widths": (5, 6)},
    }
    controls = Controls(WIDE, N_TRAIN, presets=presets)
    found = {}
    for name in reversed(presets):
        labelled(controls.widget, "preset").value = name
        found[name] = controls.config().layer_nodes
    assert found == {"start": (300, 8, 4), "rate": (300, 8, 4), "layers": (8, 8), "own": (5, 6)}


def test_the_schedule_is_among_the_rarer_settings():
    controls = made("plain")
    (folded,) = [each for each in walk(controls.widget) if isinstance(each, widgets.Accordion)]
    chooser = labelled(folded, "rate over epochs")
    assert chooser.options == ("constant", "cosine", "step")
    chooser.value = "cosine"
    assert controls.config() == replace(START, schedule="cosine")


@pytest.mark.parametrize("name", PANELS)
def test_every_control_has_a_label_and_a_sentence(name):
    for each in walk(made(name).widget):
        if hasattr(each, "value") and not isinstance(each, widgets.HTML):
            assert len(each.tooltip) > 10, each.description
            assert each.description


def test_an_instructor_hides_locks_and_caps():
    controls = Controls(
        START,
        N_TRAIN,
        inputs=("a", "b"),
        hide=("dropout", "inputs"),
        lock=("seed",),
        most={"epochs": 2, "train_size": 100},
    )
    assert not controls.chooses("dropout")
    assert not controls.chooses("inputs")
    assert controls.fields["seed"].disabled
    assert controls.fields["epochs"].max == 2
    assert [value for _, value in controls.fields["train_size"].options] == [100]
    assert (controls.config().epochs, controls.config().train_size) == (2, 100)
    for option, name in ({"hide": ("nodse",)}, "hide names nodse"), ({"most": {"nodes": 3}}, "most names nodes"):
        with pytest.raises(ConfigError, match=name):
            Controls(START, N_TRAIN, **option)
