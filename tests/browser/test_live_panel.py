"""The live panel of the dense tagger while a network trains: knobs turned on the fly, cells run, keys alone.

Nothing here depends on how fast the machine is: the trainings do not end by themselves (startup.py), and each step
waits for what the page shows.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from .labpage import MARKS, MOST, Lab, button, choose_left, handle, readout, runs, set_slider

pytestmark = MARKS

GREY = (0xBB, 0xBB, 0xBB)  # the curve of the run before
MODE = "() => window.jupyterapp.shell.currentWidget.content.mode"
LINE = 20  # pixels that are a line, of the curve or in the legend, and no edge of a letter


@pytest.fixture(scope="module")
def number(lesson: Lab) -> int:
    """The cell of the panel, in a notebook run to its end."""
    lesson.open("panel.ipynb")
    lesson.run_all()
    lesson.wait_idle()
    assert lesson.errors() == []
    number = lesson.find_cell("TrainingPanel")
    lesson.cell(number).get_by_text("more settings").click()
    return number


@pytest.fixture
def panel(lesson: Lab, number: int) -> Iterator[Locator]:
    """The panel as in the beginning, set to a training that does not end by itself."""
    panel = lesson.cell(number)
    lesson.scroll_to_cell(number)
    set_slider(panel, "patience", "0")
    yield panel
    if button(panel, "Stop").is_enabled():
        button(panel, "Stop").click()
    expect(button(panel, "Stop")).to_be_disabled()
    button(panel, "Reset").click()
    panel.get_by_text("Choose the network, then press Train.").wait_for()


def test_the_learning_rate_acts_at_once(lesson: Lab, panel: Locator) -> None:
    finished = runs(panel).count()
    begin(lesson, panel, "learning rate 1.0e-03")
    set_slider(panel, "learning rate", "1e-4")
    lesson.wait_for_text("learning rate 1.0e-04")
    # Epochs count on (fast ones are not all shown), with no word of another network, and no run joins the table.
    epochs = [int(epoch) for epoch in re.findall(r"Epoch (\d+) of", "\n".join(lesson.texts()))]
    assert epochs == sorted(set(epochs))
    assert "new network" not in "".join(lesson.texts())
    assert runs(panel).count() == finished
    expect(button(panel, "Stop")).to_be_enabled()


@pytest.mark.parametrize(("slider", "value", "label"), [("layers", "1", "64/1"), ("nodes per layer", "16", "16/3")])
def test_another_structure_starts_anew_after_the_epoch(
    lesson: Lab, panel: Locator, tmp_path: Path, slider: str, value: str, label: str
) -> None:
    image = panel.locator("img")
    assert lesson.longest_row(image, GREY) < LINE
    finished = runs(panel, "64/3").count()
    begin(lesson, panel, "· loss")
    set_slider(panel, slider, value)
    lesson.wait_for_text(f"A new network, {label}, starts at the end of this epoch")
    built = f"the best. A new network, {label}, is being built"
    lesson.wait_for_text(built)
    lesson.wait_for_text("· loss", after=built)
    # The old run is in the table and its curve in the picture.
    expect(runs(panel, "64/3")).to_have_count(finished + 1)
    # Another view is drawn at once: where drawing is slow, the panel rests forty times as long between two pictures.
    choose_left(panel, "loss, logarithmic")
    until(lesson, lambda: lesson.longest_row(image, GREY) >= LINE)
    expect(button(panel, "Stop")).to_be_enabled()
    image.scroll_into_view_if_needed()
    assert lesson.screenshot(tmp_path / "anew.png").stat().st_size > 10_000
    choose_left(panel, "loss")


def test_a_cell_answers_while_a_network_trains(
    lesson: Lab, panel: Locator, record_property: Callable[[str, object], None]
) -> None:
    begin(lesson, panel, "· loss")
    cell = lesson.find_cell('check.exercise("M2.04"')
    seconds = []
    for _ in range(5):
        lesson.run_cell(cell)
        lesson.wait_idle()
        expect(lesson.outputs(cell)).to_contain_text("M2.04")
        assert button(panel, "Train").is_disabled()
        assert button(panel, "Stop").is_enabled()
        seconds.append(round(lesson.seconds(), 3))
    # Half a second is the promise; how long it takes here says more of what else this machine does.
    print("\nseconds until a cell answers while a network trains:", *seconds)
    record_property("seconds_until_a_cell_answers", seconds)


def test_keys_alone_are_enough(lesson: Lab, panel: Locator) -> None:
    def tab_to(target: Locator, key: str = "Tab") -> None:
        for _ in range(60):
            lesson.page.keyboard.press(key)
            if target.evaluate("node => node === document.activeElement"):
                return
        raise AssertionError(f"{key} does not lead to {target}")

    keys, rate = lesson.page.keyboard, readout(panel, "learning rate")
    panel.locator("select").first.focus()
    tab_to(button(panel, "Train"))
    lesson.keep_texts(panel)
    keys.press("Enter")
    lesson.wait_for_text("learning rate 1.0e-03")
    # The button that was pressed is disabled now; the way back starts where it is all the same.
    tab_to(handle(panel, "learning rate"), "Shift+Tab")
    keys.press("ArrowLeft")
    expect(rate).to_have_text("5.6e-4")
    lesson.wait_for_text("learning rate 5.6e-04")
    tab_to(button(panel, "Pause"))
    keys.press("Space")
    resume = button(panel, "Resume")
    expect(resume).to_be_enabled()
    tab_to(resume, "Shift+Tab")
    keys.press("Space")
    expect(button(panel, "Pause")).to_be_enabled()
    tab_to(button(panel, "Stop"))
    keys.press("Enter")
    expect(button(panel, "Stop")).to_be_disabled()
    tab_to(handle(panel, "layers"), "Shift+Tab")
    keys.press("ArrowRight")
    expect(readout(panel, "layers")).to_have_text("4")
    # None of these keys were taken for JupyterLab's own: no cell was entered, added or left.
    assert lesson.page.evaluate(MODE) == "command"


def begin(lesson: Lab, panel: Locator, said: str) -> None:
    """Press Train and wait until the panel has said something."""
    lesson.keep_texts(panel)
    expect(button(panel, "Train")).to_be_enabled()
    button(panel, "Train").click()
    lesson.wait_for_text(said)


def until(lesson: Lab, true: Callable[[], bool]) -> None:
    for _ in range(MOST * 10):
        if true():
            return
        lesson.page.wait_for_timeout(100)
    raise AssertionError("the page never came to show it")
