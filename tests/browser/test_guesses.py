"""A prediction is answered by mouse or by keys, without editing a cell, and the cell after it answers to the guess."""

import re
from pathlib import Path

from playwright.sync_api import expect

from .labpage import MARKS, Lab, button, store

pytestmark = MARKS

ASK = """
from jetlab import check

guess = ...
check.predict("M1.P1", guess)
"""
ANSWER = 'check.reveal("M1.P1", ratio=40_000.0)'


def test_buttons_take_a_guess(lab: Lab, served: tuple[Path, str], tmp_path: Path) -> None:
    store(served[0] / "guesses.ipynb", ASK, ANSWER)
    lab.open("guesses.ipynb")
    lab.run_all()
    lab.wait_idle()
    asked, answered = lab.cell(1), lab.outputs(2)
    expect(asked).to_contain_text("M1.P1: no guess yet. Press a button")
    expect(answered).to_contain_text("M1.P1: you made no guess.")

    button(asked, "a").click()
    expect(asked).to_contain_text("M1.P1: your guess, a, is noted.")
    assert lab.screenshot(tmp_path / "guess.png").stat().st_size > 10_000
    lab.page.keyboard.press("Tab")
    lab.page.keyboard.press("Tab")
    expect(button(asked, "c")).to_be_focused()
    lab.page.keyboard.press("Enter")
    expect(asked).to_contain_text("M1.P1: your guess, c, is noted.")
    expect(button(asked, "c")).to_have_class(re.compile("mod-primary"))

    lab.run_cell(2)
    lab.wait_idle()
    expect(answered).to_contain_text("M1.P1: you expected c, and so it is.")
    # In a home that is new, Matplotlib may say that it looks for fonts.
    assert [error for error in lab.errors() if "font cache" not in error] == []
