"""Hypothesis strategies for run configurations, drawn from every field's whole range."""

import dataclasses

from hypothesis import strategies as st

from jetlab import config as configs
from jetlab import inputs
from jetlab.config import INTEGERS, RunConfig

KNOWN_NAMES = (*configs.INPUTS["dense"], *inputs.CONSTITUENT, *inputs.CHANNELS)
#: How each field is drawn; one added to RunConfig without an entry here fails a test.
FIELDS = {
    **{name: st.sampled_from(choices) for name, choices in configs.CHOICES.items()},
    **{name: st.integers(*limits) for name, limits in INTEGERS.items()},
    "train_size": st.none() | st.integers(*INTEGERS["train_size"]),
    "dropout": st.floats(0, 1, exclude_max=True),
    "learning_rate": st.floats(0, 10, exclude_min=True) | st.floats(1e-6, 1),
    "bidirectional": st.booleans(),
    "inputs": st.lists(st.sampled_from(KNOWN_NAMES), unique=True).map(tuple),
    "widths": st.just(()),
}
#: Names of inputs that nobody would choose, halves of characters among them.
ODD_NAMES = st.lists(st.text(min_size=1, max_size=20), unique=True, max_size=5).map(tuple)
SURROGATES = st.lists(st.text("\ud83d\ude00a", min_size=1, max_size=4), unique=True, max_size=3).map(tuple)


def configurations(**changed: st.SearchStrategy) -> st.SearchStrategy[RunConfig]:
    """Any legal configuration, with some fields drawn in another way; dense ones often have widths of their own."""
    return st.builds(RunConfig, **{**FIELDS, **changed}).flatmap(_perhaps_with_widths)


def _perhaps_with_widths(config: RunConfig) -> st.SearchStrategy[RunConfig]:
    if config.model != "dense":
        return st.just(config)
    widths = st.lists(FIELDS["nodes"], min_size=config.layers, max_size=config.layers)
    return st.just(config) | widths.map(lambda each: dataclasses.replace(config, widths=tuple(each)))
