"""The lessons as a participant meets them: run from top to bottom, then the live panel with mouse and keyboard."""

import re
from pathlib import Path

from playwright.sync_api import expect

from .labpage import MARKS, TRAINS, Lab, button, choose_left, runs, set_slider

pytestmark = MARKS


def test_open_data_runs_from_top_to_bottom(lab: Lab, tmp_path: Path) -> None:
    lab.open("notebooks/01_open_data.ipynb")
    lab.run_all()
    lab.wait_idle()
    assert lab.errors() == []
    display = lab.find_cell("plots.eta_phi")
    lab.wait_drawn()
    assert lab.cell(display).locator("img").evaluate("image => image.naturalWidth") > 1000
    expect(lab.outputs(lab.find_cell('check.exercise("M1.01"'))).to_contain_text("M1.01: not answered yet")
    lab.scroll_to_cell(display)
    assert lab.screenshot(tmp_path / "display.png").stat().st_size > 10_000


def test_live_panel_trains_stops_and_keeps_its_runs(lab: Lab, tmp_path: Path) -> None:
    lab.open("panel.ipynb")
    lab.run_all()
    lab.wait_idle()
    assert lab.errors() == []

    number = lab.find_cell("TrainingPanel")
    lab.scroll_to_cell(number)
    panel = lab.cell(number)
    image = panel.locator("img")
    empty = image.get_attribute("src")
    train, stop = button(panel, "Train"), button(panel, "Stop")

    panel.get_by_text("more settings").click()
    set_slider(panel, "patience", "0")
    train.click()
    panel.get_by_text(TRAINS).wait_for()
    expect(image).not_to_have_attribute("src", empty)
    expect(train).to_be_disabled()

    # The kernel answers while the worker trains.
    other = lab.find_cell('check.exercise("M2.04"')
    lab.run_cell(other)
    lab.wait_idle()
    expect(lab.outputs(other)).to_contain_text("M2.04")
    expect(stop).to_be_enabled()

    resume = button(panel, "Resume")
    button(panel, "Pause").click()
    expect(resume).to_be_enabled()
    held = image.get_attribute("src")
    button(panel, "1 batch").click()
    panel.get_by_text(re.compile(r"Epoch \d+, batch \d+ of \d+: loss")).wait_for()
    button(panel, "1 epoch").click()
    expect(image).not_to_have_attribute("src", held)
    resume.click()
    expect(train).to_be_disabled()

    stop.click()
    panel.get_by_text("Stopped in batch").wait_for()
    expect(runs(panel, "64/3")).to_have_count(1)

    # This one ends by itself.
    set_slider(panel, "patience", "5")
    set_slider(panel, "layers", "1")
    set_slider(panel, "epochs", "2")
    panel.get_by_text("385 parameters").wait_for()  # 5 * 64 + 65
    train.press("Enter")
    panel.get_by_text("All 2 epochs are done").wait_for()
    expect(runs(panel, "64/1")).to_have_count(1)
    expect(runs(panel)).to_have_count(2)
    lab.scroll_to_cell(number)
    assert lab.screenshot(tmp_path / "panel.png").stat().st_size > 10_000

    # Test figures come when they are asked for, by a key too, and are marked.
    look = panel.get_by_role("button", name="Look at the test jets of run 2")
    expect(look).to_be_enabled()
    assert "look 1" not in " ".join(panel.locator("table").inner_text().split())
    look.press("Enter")
    panel.get_by_text("The test jets of one run were looked at").wait_for()
    expect(runs(panel, "64/1")).to_contain_text("(look 1 of 1)")
    assert lab.screenshot(tmp_path / "looked_at.png").stat().st_size > 10_000

    # Another picture, and the first run's ROC laid over.
    expect(train).to_be_enabled()
    shown = image.get_attribute("src")
    choose_left(panel, "network")
    expect(image).not_to_have_attribute("src", shown)
    shown = image.get_attribute("src")
    panel.get_by_label("1: 64/3").check()
    expect(image).not_to_have_attribute("src", shown)
    assert lab.screenshot(tmp_path / "overlaid.png").stat().st_size > 10_000

    # The configuration goes through a text and back.
    panel.get_by_text("share", exact=True).click()
    button(panel, "Share").click()
    text = panel.get_by_label("code")
    expect(text).not_to_have_value("")
    shared = text.input_value()
    set_slider(panel, "layers", "5")
    panel.get_by_text("17,025 parameters").wait_for()  # 5 * 64 + 4 * 65 * 64 + 65
    text.fill(shared)
    text.press("Tab")
    button(panel, "Apply").click()
    panel.get_by_text("385 parameters").wait_for()

    panel.get_by_text("Keras code").click()
    button(panel, "Show").click()
    panel.get_by_text("keras.layers.Dense(64").first.wait_for()
    assert lab.screenshot(tmp_path / "code.png").stat().st_size > 10_000


def test_a_training_goes_on_after_the_kernel_died(lab: Lab) -> None:
    lab.open("panel.ipynb")
    number = lab.find_cell("TrainingPanel")
    lab.run_all()
    lab.wait_idle()
    panel = lab.cell(number)
    panel.get_by_text("more settings").click()
    set_slider(panel, "patience", "0")
    button(panel, "Train").click()
    panel.get_by_text(TRAINS).wait_for()
    button(panel, "Pause").click()
    expect(button(panel, "Resume")).to_be_enabled()
    lab.restart_and_run_all()
    lab.wait_idle()
    panel.get_by_text(re.compile(r"A training of 64/3 was cut off after epoch \d+ of 1000000")).wait_for()
    button(panel, "Go on").click()
    panel.get_by_text(TRAINS).wait_for()
    button(panel, "Stop").click()
    expect(runs(panel, "64/3")).to_have_count(1)
