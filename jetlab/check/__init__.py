"""What checks itself in a lesson: exercises, predictions and build tasks, and how far one has come.

`check.exercise("M1.01", answer)`, `check.predict("M2.P1", guess)` and `check.reveal`, `check.build("M2.B1", model)`,
`check.progress()`.
"""

from jetlab.check.engine import NOT_ANSWERED, exercise, exercises, verdict
from jetlab.check.held_back import open_collisions, without_held_back
from jetlab.check.predictions import predict, reveal
from jetlab.check.progress import progress
from jetlab.check.tasks import build

__all__ = [
    "NOT_ANSWERED",
    "build",
    "exercise",
    "exercises",
    "open_collisions",
    "predict",
    "progress",
    "reveal",
    "verdict",
    "without_held_back",
]
