"""The lessons as a participant meets them: run from top to bottom, then the live panel with mouse and keyboard."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from .labpage import Lab

pytestmark = pytest.mark.browser


def test_open_data_runs_from_top_to_bottom(lab: Lab, tmp_path: Path) -> None:
    lab.open("notebooks/01_open_data.ipynb")
    lab.run_all()
    lab.wait_idle(timeout=300)
    assert lab.errors() == []
    display = lab.find_cell("plots.eta_phi")
    assert lab.cell(display).locator("img").evaluate("image => image.naturalWidth") > 1000
    assert "M1.01: not answered yet" in lab.cell_outputs(lab.find_cell('check.exercise("M1.01"'))
    lab.scroll_to_cell(display)
    assert lab.screenshot(tmp_path / "display.png").stat().st_size > 10_000


def test_live_panel_trains_stops_and_keeps_its_runs(lab: Lab, tmp_path: Path) -> None:
    lab.open("notebooks/02_dense_tagger.ipynb")
    lab.run_all()
    lab.wait_idle(timeout=400)
    assert lab.errors() == []

    number = lab.find_cell("TrainingPanel")
    lab.scroll_to_cell(number)
    panel = lab.cell(number)
    image = panel.locator("img")
    empty = image.get_attribute("src")
    train, stop = (panel.get_by_role("button", name=name) for name in ("Train", "Stop"))

    lab.set_slider(panel, "epochs", "100")
    train.click()
    panel.get_by_text(re.compile(r"Epoch \d+ of 100")).wait_for(timeout=60_000)
    expect(image).not_to_have_attribute("src", empty, timeout=20_000)
    assert train.is_disabled()

    # The kernel answers while the worker trains.
    other = lab.find_cell('check.exercise("M2.04"')
    lab.run_cell(other)
    lab.wait_idle(timeout=10)
    assert "M2.04" in lab.cell_outputs(other)

    pause, resume = (panel.get_by_role("button", name=name) for name in ("Pause", "Resume"))
    pause.click()
    expect(resume).to_be_enabled(timeout=10_000)
    held = image.get_attribute("src")
    panel.get_by_role("button", name="1 batch").click()
    panel.get_by_text(re.compile(r"Epoch \d+, batch \d+ of \d+: loss")).wait_for(timeout=10_000)
    panel.get_by_role("button", name="1 epoch").click()
    expect(image).not_to_have_attribute("src", held, timeout=20_000)
    resume.click()
    expect(train).to_be_disabled(timeout=10_000)

    stop.click()
    panel.get_by_text("Stopped in batch").or_(panel.get_by_text("Saturated")).wait_for(timeout=20_000)
    table = panel.locator("table tr")
    expect(table).to_have_count(2, timeout=20_000)
    assert "64/3" in table.nth(1).inner_text()

    lab.set_slider(panel, "layers", "1")
    lab.set_slider(panel, "epochs", "2")
    panel.get_by_text("385 parameters").wait_for(timeout=10_000)  # 5 * 64 + 65
    expect(train).to_be_enabled(timeout=20_000)
    train.press("Enter")
    expect(table).to_have_count(3, timeout=60_000)
    assert "64/1" in table.nth(2).inner_text()
    lab.scroll_to_cell(number)
    assert lab.screenshot(tmp_path / "panel.png").stat().st_size > 10_000

    # Another picture, and the first run's ROC laid over.
    shown = image.get_attribute("src")
    panel.locator(".widget-dropdown").filter(has_text="left").locator("select").select_option("network")
    expect(image).not_to_have_attribute("src", shown, timeout=20_000)
    shown = image.get_attribute("src")
    panel.get_by_label("1: 64/3").check()
    expect(image).not_to_have_attribute("src", shown, timeout=20_000)
    assert lab.screenshot(tmp_path / "overlaid.png").stat().st_size > 10_000

    # The configuration goes through a text and back.
    panel.get_by_text("share", exact=True).click()
    panel.get_by_role("button", name="Share").click()
    text = panel.get_by_label("code")
    expect(text).not_to_have_value("", timeout=10_000)
    shared = text.input_value()
    lab.set_slider(panel, "layers", "5")
    panel.get_by_text("17,025 parameters").wait_for(timeout=10_000)  # 5 * 64 + 4 * 65 * 64 + 65
    text.fill(shared)
    text.press("Tab")
    panel.get_by_role("button", name="Apply").click()
    panel.get_by_text("385 parameters").wait_for(timeout=10_000)

    panel.get_by_text("Keras code").click()
    panel.get_by_role("button", name="Show").click()
    panel.get_by_text("keras.layers.Dense(64").first.wait_for(timeout=10_000)
    assert lab.screenshot(tmp_path / "code.png").stat().st_size > 10_000


def test_a_training_goes_on_after_the_kernel_died(lab: Lab) -> None:
    lab.open("notebooks/02_dense_tagger.ipynb")
    number = lab.find_cell("TrainingPanel")
    lab.run_all()
    lab.wait_idle(timeout=400)
    panel = lab.cell(number)
    lab.set_slider(panel, "epochs", "100")
    panel.get_by_role("button", name="Train").click()
    panel.get_by_text(re.compile(r"Epoch \d+ of 100")).wait_for(timeout=60_000)
    panel.get_by_role("button", name="Pause").click()
    expect(panel.get_by_role("button", name="Resume")).to_be_enabled(timeout=20_000)
    lab.restart_and_run_all()
    lab.wait_idle(timeout=400)
    panel.get_by_text(re.compile(r"A training of 64/3 was cut off after epoch \d+ of 100")).wait_for(timeout=20_000)
    panel.get_by_role("button", name="Go on").click()
    panel.get_by_text(re.compile(r"Epoch \d+ of 100")).wait_for(timeout=60_000)
    panel.get_by_role("button", name="Stop").click()
    expect(panel.locator("table tr")).to_have_count(2, timeout=20_000)
