"""The panel of scans beside a training panel: it fills while a cell runs, and a click brings a point over."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from .labpage import LESSON, MARKS, Lab, button, readout, runs, store

pytest.importorskip("optuna", reason="the scan extra is not installed")
pytestmark = MARKS

PREPARE = """
from jetlab import catalog, inputs, jets, panel
from jetlab.config import RunConfig

sample = catalog.load("jets")
parts = jets.split(sample.event_index)
weight = jets.reweight(
    sample["jet_pt_ak7"], sample["jet_eta_ak7"], sample["jet_isW_ak7"] == 1, sample["mcweight"], train=parts[0]
)
prepare = inputs.remembering(sample, parts, weight)
config = RunConfig(epochs=3, train_size=3000)
lab = panel.TrainingPanel.of(sample, parts, weight, config)
lab
"""
SCAN = """
shown = panel.ScanPanel(prepare, config, {"nodes": [4, 16, 64], "layers": [1, 2], "batch_size": [32, 256]},
                        storage="scan.log", workers=2, into=lab)
shown
"""


def test_a_scan_grows_beside_cells_and_a_point_goes_to_the_training_panel(
    lab: Lab, served: tuple[Path, str], tmp_path: Path
) -> None:
    store(served[0] / "scan.ipynb", PREPARE, SCAN, "2 + 2")
    lab.open("scan.ipynb")
    lab.run_cell(1)
    lab.wait_idle()
    lab.run_cell(2)
    lab.wait_idle()
    assert lab.errors() == []
    shown = lab.cell(2)
    lab.scroll_to_cell(2)
    lab.screenshot(tmp_path / "begin.png")

    button(shown, "Start").click()
    shown.get_by_text(re.compile(r"[1-9]\d* of 12 points are over")).wait_for(timeout=LESSON * 1000)
    lab.run_cell(3)
    lab.wait_idle()
    expect(lab.outputs(3)).to_contain_text("4")
    lab.scroll_to_cell(2)
    lab.screenshot(tmp_path / "growing.png")

    shown.get_by_text("12 of 12 points are over").wait_for(timeout=LESSON * 1000)
    expect(button(shown, "Start")).to_be_enabled()
    expect(button(shown, "Stop")).to_be_disabled()
    expect(runs(shown)).to_have_count(12)
    assert lab.errors() == []
    # To point at a run says its whole configuration.
    expect(runs(shown).first).to_have_attribute("title", re.compile('"batch_size": '))

    points = shown.get_by_label("points", exact=True)
    said = points.locator("option").nth(1).inner_text().replace("\u00a0", " ")
    batch, nodes = (re.search(rf"{name} (\d+)", said)[1] for name in ("batch size", "nodes"))
    points.select_option(index=1)
    shown.get_by_text("is in the training panel").wait_for()
    expect(readout(lab.cell(1), "nodes per layer")).to_have_text(nodes)
    expect(readout(lab.cell(1), "batch size")).to_have_text(batch)
    lab.scroll_to_cell(2)
    lab.screenshot(tmp_path / "end.png")
    assert lab.errors() == []
