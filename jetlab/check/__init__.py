"""What checks itself in a lesson: exercises, predictions and build tasks, and how far one has come.

`check.exercise("M1.01", answer)`, `check.predict("M2.P1", guess)` and `check.reveal`, `check.build("M2.B1", model)`,
`check.progress()`. With a class: `check.join()`, `check.challenge("W-tagger")`, `check.submit("W-tagger", scores)`,
`check.vote("LSTM")`, `check.leave()`.
"""

from jetlab.check.engine import NOT_ANSWERED, exercise, exercises, verdict
from jetlab.check.grading import grade
from jetlab.check.held_back import open_collisions, without_held_back
from jetlab.check.predictions import predict, reveal
from jetlab.check.progress import progress
from jetlab.check.room import challenge, join, leave, submit, vote
from jetlab.check.tasks import build

__all__ = [
    "NOT_ANSWERED",
    "build",
    "challenge",
    "exercise",
    "exercises",
    "grade",
    "join",
    "leave",
    "open_collisions",
    "predict",
    "progress",
    "reveal",
    "submit",
    "verdict",
    "vote",
    "without_held_back",
]
