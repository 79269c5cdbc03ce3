"""The drawn figures are on the page, in the repository's notebooks and in a copy handed out, on light and dark."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from jetlab.classroom.release import release

from .labpage import MARKS, Lab

pytestmark = MARKS

THEME = "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"


@pytest.mark.parametrize(
    ("lesson", "figure"),
    [
        ("notebooks/02_dense_tagger.ipynb", "figures/roc.svg"),
        ("notebooks/pre/P3_images_and_sequences.ipynb", "../figures/lstm.svg"),
        ("handout/01_open_data.ipynb", "figures/detector_slice.svg"),
        ("handout/pre/P2_neural_networks.ipynb", "../figures/backpropagation.svg"),
    ],
)
def test_a_figure_is_shown_in_full_size(
    lesson: str, figure: str, lab: Lab, served: tuple[Path, str], tmp_path: Path
) -> None:
    handout = served[0] / "handout"
    if not handout.exists():
        release(handout, solutions=False)
    lab.open(lesson)
    number = lab.find_cell(f"]({figure})")
    lab.scroll_to_cell(number)
    image = lab.cell(number).locator("img")
    expect(image).to_be_visible()
    lab.wait_drawn()
    natural, shown = image.evaluate("image => [image.naturalWidth, image.getBoundingClientRect().width]")
    assert natural == shown == 720
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        lab.page.evaluate(THEME, theme)
        lab.page.wait_for_timeout(300)
        assert lab.screenshot(tmp_path / f"{theme[11:]}.png").stat().st_size > 10_000
