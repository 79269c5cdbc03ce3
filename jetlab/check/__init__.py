"""Exercises that check themselves: `check.exercise("M1.01", answer)`, and `check.progress()`."""

from jetlab.check.engine import NOT_ANSWERED, exercise, exercises, progress, verdict

__all__ = ["NOT_ANSWERED", "exercise", "exercises", "progress", "verdict"]
