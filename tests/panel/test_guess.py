"""Buttons for a guess: each gives its letter, the last one counts, and words stand where there are no widgets."""

from jetlab.panel import Guess
from tests.panel.by_label import labelled, texts


def shown(chosen: str = "") -> tuple[Guess, list[str]]:
    taken: list[str] = []

    def take(letter: str) -> str:
        taken.append(letter)
        return f"{letter} < noted"

    return Guess("abc", take, "no guess yet", chosen), taken


def marked(guess: Guess) -> list[str]:
    return [letter for letter in "abc" if labelled(guess.widget, letter).button_style == "primary"]


def test_a_button_gives_its_letter_and_the_last_counts() -> None:
    guess, taken = shown()
    assert (texts(guess.widget), marked(guess)) == ("no guess yet", [])
    labelled(guess.widget, "b").click()
    assert (texts(guess.widget), marked(guess)) == ("b &lt; noted", ["b"])
    labelled(guess.widget, "a").click()
    assert (taken, marked(guess)) == (["b", "a"], ["a"])


def test_a_guess_made_before_is_marked() -> None:
    guess, taken = shown("c")
    assert (taken, marked(guess)) == ([], ["c"])


def test_words_stand_where_there_are_no_widgets() -> None:
    guess, _ = shown()
    assert guess._repr_mimebundle_()["text/plain"] == "no guess yet"
    guess.press("b")
    bundle = guess._repr_mimebundle_()
    assert bundle["text/plain"] == "b < noted"
    assert "application/vnd.jupyter.widget-view+json" in bundle
