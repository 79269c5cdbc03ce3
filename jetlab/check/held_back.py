"""Jets that the lessons never have, so that a network built there is judged on jets that nobody trained it with."""

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jetlab import catalog, inputs, jets
from jetlab.config import RunConfig
from jetlab.io.readout import Crossings
from jetlab.io.sample import JetSample
from jetlab.training import Inputs, clock

#: Parts of the shipped jets: what lessons have, and what is held back.
FRACTIONS = (0.85, 0.15)
SEED = 2017


class Part(NamedTuple):
    """Inputs (n, ...) as a network takes them, labels (n,) 1 or 0, and weights (n,)."""

    x: Inputs
    y: NDArray[np.float64]
    weight: NDArray[np.float64]


class Parts(NamedTuple):
    """What a network is judged on: jets that the lesson chooses with, and jets that it never had."""

    validation: Part
    held_back: Part


def without_held_back(sample: JetSample) -> JetSample:
    """The sample without the events that `check.build` judges networks on: about one in seven, always the same."""
    kept: JetSample = sample[opened(sample)]
    return kept


@functools.cache
def tagging(config: RunConfig) -> Parts:
    """Validation and held-back jets of the shipped sample, prepared as the lessons do for networks of `config`.

    Weights and scaling are learnt from the training jets of the lessons, which have the sample `without_held_back`.
    """
    with clock("held-back jets"):
        sample = catalog.load("jets")
        parts, weight = dealt(sample)
        made = inputs.prepare(sample, config, parts, weight)
    data = made.data
    assert data.w_validation is not None  # Data fills in ones
    return Parts(
        Part(data.x_validation, data.y_validation, data.w_validation), Part(made.x_test, made.y_test, made.w_test)
    )


@functools.cache
def columns(names: tuple[str, ...]) -> Parts:
    """Validation and held-back jets with these columns as inputs, (n, columns), unscaled; else as `tagging`."""
    with clock("held-back jets"):
        sample = catalog.load("jets")
        (_, *seen), weight = dealt(sample)
    x = np.stack([sample[name] for name in names], axis=1).astype(np.float64)
    y = (sample["jet_isW_ak7"] == 1).astype(np.float64)
    validation, held_back = (Part(x[part], y[part], weight[part]) for part in seen)
    return Parts(validation, held_back)


def dealt(sample: JetSample) -> tuple[tuple[NDArray[np.int64], ...], NDArray[np.float64]]:
    """Positions of the lessons' training and validation jets and of the held-back jets; the weights of all jets."""
    open_jets = opened(sample)
    train, validation, _ = (open_jets[part] for part in jets.split(sample[open_jets].event_index))
    held_back = np.setdiff1d(np.arange(len(sample)), open_jets)
    pt, eta, is_w = sample["jet_pt_ak7"], sample["jet_eta_ak7"], sample["jet_isW_ak7"] == 1
    weight = jets.reweight(pt, eta, is_w, sample["mcweight"], train=train)
    return (train, validation, held_back), weight


def open_collisions(crossings: Crossings) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of the hard and the minimum-bias collisions that `check.build` does not judge with: three in four."""
    hard, pool = (np.arange(len(each)) for each in (crossings.hard, crossings.minimum_bias))
    return hard[hard % 4 != 3], pool[pool % 4 != 3]


def opened(sample: JetSample) -> NDArray[np.int64]:
    """Positions (n,) of the jets that lessons have, in the order of the sample."""
    return np.sort(jets.split(sample.event_index, FRACTIONS, SEED)[0])
