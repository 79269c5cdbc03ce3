"""The panel of scans without a browser."""

import threading

import ipywidgets as widgets
import pytest

from jetlab import panel, plots, scan
from jetlab.config import ConfigError, RunConfig
from jetlab.plots import scan as pictures
from tests.panel.panels import button, control, find, picture, text, wait_until
from tests.panel.test_training import TEST
from tests.scan.scans import CONFIG, GRID, data, whole

pytest.importorskip("optuna", reason="the scan extra is not installed")

KNOBS = {"nodes": [2, 4], "layers": [1, 2], "seed": [1, 2]}


def quiet(study):
    """No progress bar."""


@pytest.fixture(scope="module")
def table():
    space = scan.Space.of(CONFIG, nodes=[2, 4], layers=[1, 2], batch_size=[16, 64, 256], seed=[1, 2])
    return scan.run(space, data(), workers=1, on_change=quiet)


def scanner(**options):
    return panel.ScanPanel(data(), CONFIG, KNOBS, workers=1, **options)


def chosen(shown):
    (points,) = find(shown, widgets.Select)
    return points


def test_boxes_say_what_is_scanned():
    shown = scanner()
    assert shown.space == scan.Space.of(CONFIG, **KNOBS)
    control(shown, "nodes per layer").value = "2 to 8"
    control(shown, "learning rate").value = "1e-4 to 1e-2 log"
    control(shown, "layers").value = ""
    control(shown, "activation").value = "relu, tanh"
    rate = scan.Range(1e-4, 1e-2, log=True)
    knobs = {"nodes": scan.Range(2, 8), "learning_rate": rate, "activation": ["relu", "tanh"], "seed": [1, 2]}
    assert shown.space.to_json() == scan.Space.of(CONFIG, **knobs).to_json()


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ("2, 0", "nodes is 0"),
        ("two", "nodes is 'two'"),
        ("8 to 2", "nodes goes from 8 to 2"),
        ("1 to 2 to 3", "a range"),
    ],
)
def test_bad_values_are_refused_by_the_name_of_the_knob(values, complaint):
    shown = scanner()
    control(shown, "nodes per layer").value = values
    shown.start(blocking=False)
    assert complaint in text(shown)
    assert not button(shown, "Start").disabled


def test_unknown_knobs_are_refused():
    with pytest.raises(ConfigError, match="knobs names nods"):
        panel.ScanPanel(data(), CONFIG, {"nods": [1]})


def test_a_scan_fills_pictures_list_and_table():
    shown = scanner()
    empty = picture(shown)
    shown.start(blocking=True)
    assert whole(shown.table)
    assert picture(shown) != empty
    assert "4 of 4 points are over" in text(shown)
    assert len(chosen(shown).options) == 1 + 4
    rows = text(shown).count("<tr title=")
    assert rows == 0  # the table is not among the texts
    (found,) = [each.value for each in find(shown, widgets.HTML) if each.value.startswith("<table>")]
    assert found.count("<tr title=") == 4
    # To point at a row says the whole configuration.
    assert "&quot;learning_rate&quot;: 0.01" in found


@pytest.mark.parametrize("view", list(panel.ScanPanel.VIEWS))
def test_each_picture_can_be_chosen(view, tmp_path, table):
    shown = scanner()
    shown.start(blocking=True)
    before = picture(shown)
    (left,) = [each for each in find(shown, widgets.Dropdown) if each.description == "left"]
    left.value = "parallel coordinates"
    left.value = view
    assert (picture(shown) == before) == (view == "heat map")


def test_a_click_brings_a_point_into_the_training_panel():
    lab = panel.TrainingPanel(data(), TEST, CONFIG)
    shown = scanner(into=lab)
    shown.start(blocking=True)
    _, (said, number) = chosen(shown).options[:2]
    chosen(shown).value = number
    (point,) = [each for each in shown.table.points if each.number == number]
    assert lab.config == point.configs[0]
    assert f"nodes {point.values['nodes']}" in said
    assert "is in the training panel" in text(shown)


def test_two_panels_on_one_file_share_a_scan(tmp_path):
    first = scanner(storage=tmp_path / "class")
    first.start(blocking=True)
    second = panel.ScanPanel(data(), CONFIG, storage=tmp_path / "class", workers=1)
    assert whole(second.table)
    assert control(second, "nodes per layer").value == "2, 4"
    assert control(second, "nodes per layer").disabled
    second.start(blocking=True)
    assert [point.number for point in second.table.points] == [point.number for point in first.table.points]


def test_points_of_others_are_seen_while_and_after_they_come(tmp_path):
    mine = scan.run(GRID, data(), tmp_path / "class", workers=1, trials=2, on_change=quiet)
    shown = panel.ScanPanel(data(), CONFIG, storage=tmp_path / "class", workers=1)
    assert len(shown.table.done) == len(mine.done) == 2
    scan.run(GRID, data(), tmp_path / "class", workers=1, on_change=quiet)
    button(shown, "Refresh").click()
    assert whole(shown.table)


def test_pause_and_stop_steer_the_scan():
    shown, taken = scanner(), threading.Event()
    control(shown, "epochs").value = "1000"
    control(shown, "batch size").value = "1"
    shown.start()
    wait_until(lambda: shown.table is not None and bool(shown.table.running) and (taken.set() or True))
    button(shown, "Pause").click()
    assert button(shown, "Go on").disabled is False
    button(shown, "Stop").click()
    wait_until(lambda: button(shown, "Stop").disabled)
    assert shown.table.done == shown.table.running == []
    assert not button(shown, "Start").disabled


def test_heat_map_has_the_best_of_each_place(table):
    fig = plots.figure()
    pictures.heat(fig.axes[0], table, "nodes", "layers")
    shown = fig.axes[0].images[0].get_array()
    for row, layers in enumerate([1, 2]):
        for column, nodes in enumerate([2, 4]):
            here = [p for p in table.done if (p.values["nodes"], p.values["layers"]) == (nodes, layers)]
            best = min(here, key=lambda point: table.judged(point).value)
            assert shown[row, column] == pytest.approx(pictures.auc(best).value)


def test_lines_have_mean_and_spread_of_each_batch_size(table):
    fig = plots.figure()
    pictures.against(fig.axes[0], table, "batch_size")
    lines = fig.axes[0].containers
    assert len(lines) == 4
    drawn = {round(float(y), 6) for line in lines for y in line[0].get_ydata()}
    assert drawn == {round(pictures.auc(point).value, 6) for point in table.done}


def test_steps_and_seconds_to_a_target_count_until_it_is_reached(table):
    point = table.best
    each = point.outcomes[0]
    last = max(outcome.history["val_loss"][-1] for outcome in point.outcomes)
    assert pictures.steps_to(1e9)(point).value == each.steps
    assert pictures.steps_to(0.0)(point) is None
    assert pictures.steps_to(last)(point).value <= 2 * each.steps
    assert pictures.seconds_to(0.0)(point).value == pytest.approx(
        sum(outcome.history["seconds"][0] for outcome in point.outcomes) / 2
    )
    assert pictures.seconds_to(1.1)(point) is None


def test_a_regression_has_no_auc(table):
    point = scan.Point(1, {"nodes": 2}, (RunConfig(),), "done")
    assert pictures.auc(point) is None
    assert pictures.loss(point) is None
