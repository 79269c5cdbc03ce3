"""The live panels of the jet energy scale (M6) and of tracking (M7), each in a notebook that holds it alone."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from .labpage import MARKS, TRAINS, Lab, button, runs, store

pytestmark = MARKS

JES = """
from jetlab import catalog, jes, jets, panel, training
from jetlab.config import RunConfig

sample = catalog.load("jets")
train, validation, test = jets.split(sample.event_index)
x, y = jes.jet_inputs(sample), jes.log_correction(sample)
x = (x - x[train].mean(axis=0)) / x[train].std(axis=0)
data = training.Data(x[train], y[train], None, x[validation], y[validation], None, regression=True)
panel.JesPanel(data, sample[validation], RunConfig(loss="mae", patience=0), test=(x[test], sample[test]))
"""
TRACKING = """
from jetlab import tracking
from jetlab.panel import TrackingPanel

sizes = (200, 20, 30)
learnt_from, chosen_by, looked_at = (tracking.simulate(events, multiplicity=10, seed=events) for events in sizes)
TrackingPanel(learnt_from, chosen_by, looked_at)
"""


@pytest.mark.parametrize("panel", [JES, TRACKING], ids=["jes", "tracking"])
def test_panel_trains_and_stops(lab: Lab, served: tuple[Path, str], tmp_path: Path, panel: str) -> None:
    store(served[0] / "panel.ipynb", panel, "2 + 2")
    lab.open("panel.ipynb")
    lab.run_all()
    lab.wait_idle()
    assert lab.errors() == []
    shown = lab.cell(1)
    image, train, stop = shown.locator("img"), button(shown, "Train"), button(shown, "Stop")
    empty = image.get_attribute("src")
    expect(stop).to_be_disabled()

    train.click()
    shown.get_by_text(TRAINS).wait_for()
    expect(image).not_to_have_attribute("src", empty)
    expect(train).to_be_disabled()
    lab.run_cell(2)
    lab.wait_idle()
    expect(lab.outputs(2)).to_contain_text("4")
    expect(stop).to_be_enabled()

    stop.click()
    shown.get_by_text("Stopped").wait_for()
    expect(runs(shown)).to_have_count(1)
    expect(train).to_be_enabled()
    assert lab.errors() == []
    assert lab.screenshot(tmp_path / "panel.png").stat().st_size > 10_000

    # What was trained stays in the table beside the next.
    train.click()
    shown.get_by_text(TRAINS).wait_for()
    stop.click()
    expect(runs(shown)).to_have_count(2)

    # Test figures come when they are asked for.
    look = button(shown, r"Look at the test (jets|events) of run 2")
    expect(look).to_be_enabled()
    assert "look 1" not in shown.locator("table").inner_text()
    look.click()
    expect(runs(shown).nth(1)).to_contain_text("(look 1 of 1)")
    assert lab.errors() == []
