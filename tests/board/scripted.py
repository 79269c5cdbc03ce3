"""A room of twenty, scripted: they enter, work through an exercise or two, get stuck, and vote."""

import numpy as np

from .boards import JETS, Served, scores_of

MARKUP = '<img src=x onerror="window.xss=1">'
NAMES = ("Ada", "Ben", "Cleo", MARKUP)
HINTS = {
    "M2.01": "efficiency is of one class, purity is of what passes: divide by the QCD jets there are.",
    "M2.02": "count the biases as well: every node has one.",
    "M2.03": "argmin counts from 0, epochs from 1.",
}


def twenty(served: Served) -> list[str]:
    """Their secrets. Two groups of five, and ten alone; three gave a name, one gave markup; every third is slow."""
    secrets = [served.join(NAMES[number] if number < len(NAMES) else "") for number in range(20)]
    for number, secret in enumerate(secrets):
        group = "red" if number in range(4, 9) else "blue team" if number in range(9, 14) else ""
        note = MARKUP if number == 3 else "pt, mass, tau21" if number % 2 else "LSTM, 30 candidates, bidirectional"
        code = "" if number % 3 == 2 else f"layers = {number % 4 + 1}\nnodes = 64  # {MARKUP}"
        scores = scores_of(1 + number / 12, seed=number)
        assert served.enter(secret, scores, note=note, group=group, config=code).status_code == 201
    for number, secret in enumerate(secrets[:18]):
        for place, (exercise, hint) in enumerate(HINTS.items()):
            if number % 6 < place:
                continue
            key = 100 * number + 10 * place
            served.answer(secret, exercise, "seen", key=key)
            for attempt in range(1 + (number + place) % 2):
                said = hint if (number + attempt) % 3 else f"{exercise} asks for a number; {MARKUP}"
                served.answer(secret, exercise, "wrong", said, key=key + 1 + attempt)
            if number % 3 != place % 3:
                served.answer(secret, exercise, "right", key=key + 9)
        if number % 5 == 0:
            served.answer(secret, "P1.01", "right", key=100 * number + 90)
    return secrets


def vote(served: Served, secrets: list[str], choices: list[str]) -> None:
    """Every one votes, most for the first."""
    for number, secret in enumerate(secrets):
        choice = choices[number % 3 % len(choices)]
        assert served.call("POST", "api/votes", secret, json={"choice": choice}).status_code == 200


def best() -> np.ndarray:
    """Scores better than those of all twenty."""
    return np.clip(np.arange(JETS) % 2 * 0.5 + scores_of(2, seed=99) / 2, 0, 1)
