"""Sliders move their pictures in a real JupyterLab, and running the folded solutions is no progress."""

import re
from pathlib import Path

from playwright.sync_api import expect

from .labpage import MARKS, Lab, readout, set_slider

pytestmark = MARKS


def test_sliders_play_and_progress(lab: Lab, tmp_path: Path) -> None:
    lab.open("notebooks/pre/P1_fitting_functions.ipynb")
    lab.run_all()
    lab.wait_idle()
    assert lab.errors() == []
    last = lab.page.locator(".jp-Notebook .jp-Cell").count() - 1
    said = re.compile(r"^P1.* 0 of 8, built □, predicted 0 of 4$", re.MULTILINE)
    expect(lab.outputs(last)).to_have_text(said, use_inner_text=True)

    number = lab.find_cell("def draw_line")
    lab.scroll_to_cell(number)
    cell = lab.cell(number)
    image = cell.locator("img")
    before = image.get_attribute("src")
    set_slider(cell, "slope", "0.9")
    expect(image).not_to_have_attribute("src", before)

    number = lab.find_cell("def draw_path")
    lab.scroll_to_cell(number)
    film = lab.cell(number)
    step, picture = readout(film, "step"), film.locator("img")
    expect(step).to_have_text("8")
    before = picture.get_attribute("src")
    film.locator("button").first.click()
    # No step stands for long: the second from here, or whatever comes later.
    expect(step).to_have_text(re.compile(r"^[1-6]\d$"))
    expect(picture).not_to_have_attribute("src", before)
    assert lab.screenshot(tmp_path / "sliders.png").stat().st_size > 10_000
