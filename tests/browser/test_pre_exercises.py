"""Sliders move their pictures in a real JupyterLab, and running the folded solutions is no progress."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from .labpage import Lab

pytestmark = pytest.mark.browser


def test_sliders_play_and_progress(lab: Lab, tmp_path: Path) -> None:
    lab.open("notebooks/pre/P1_fitting_functions.ipynb")
    lab.run_all()
    lab.wait_idle(timeout=300)
    assert lab.errors() == []
    last = lab.cell_outputs(lab.page.locator(".jp-Notebook .jp-Cell").count() - 1)
    assert next(line for line in last.splitlines() if line.startswith("P1")).endswith("0 of 8")

    number = lab.find_cell("def draw_line")
    lab.scroll_to_cell(number)
    cell = lab.cell(number)
    image = cell.locator("img")
    before = image.get_attribute("src")
    readout = cell.locator(".widget-hslider").filter(has_text="slope").locator(".widget-readout")
    readout.fill("0.9")
    readout.press("Enter")
    expect(image).not_to_have_attribute("src", before, timeout=20_000)

    number = lab.find_cell("def draw_path")
    lab.scroll_to_cell(number)
    film = lab.cell(number)
    step = film.locator(".widget-hslider").filter(has_text="step").locator(".widget-readout")
    assert step.inner_text() == "8"
    film.locator("button").first.click()
    expect(step).to_have_text("12", timeout=20_000)
    picture = film.locator("img")
    before = picture.get_attribute("src")
    expect(picture).not_to_have_attribute("src", before, timeout=20_000)
    assert lab.screenshot(tmp_path / "sliders.png").stat().st_size > 10_000
