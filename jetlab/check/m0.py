"""The exercise of M0, the welcome."""

from jetlab.check.engine import LETTER, RIGHT

# What is a jet with score 0.95?
LETTER["M0.01"] = {"b": RIGHT, "a": "look at the right plot: which kind of jet has scores near 1?"}
