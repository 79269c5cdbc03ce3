"""A search for a resonance that nobody predicted: pairs of jets, and anomaly scores that learn without labels.

CWoLa hunting: arXiv:1805.02664, 1902.02634 · ANODE: arXiv:2001.04990 · CATHODE: arXiv:2109.00546 · boosted trees as
the classifier: arXiv:2309.13111.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from jetlab import shipped
from jetlab.errors import ArgumentError
from jetlab.io.checks import existing, reading
from jetlab.io.sample import DataError
from jetlab.metrics import hunt

Floats = NDArray[np.float64]
Window = tuple[float, float]
#: Gives scores (n,) of events (n, n_inputs).
Scorer = Callable[[Floats], NDArray[Any]]
#: Learns from inputs (n, n_inputs), labels 0 and 1 (n,) and weights (n,) of mean one, with a seed.
Learner = Callable[[Floats, NDArray[Any], Floats, int], Scorer]

#: The pairs that come with the kit, and how they were made.
SHIPPED = "dijets.h5"
COMMAND = "jetlab simulate dijets --events 55000 --signal 12000 --seed 2021 --output"
#: What the searches look at, besides the mass of the pair.
FEATURES = ("m1", "m2", "tau21_1", "tau21_2")
#: Bins of the mass of a pair, GeV.
EDGES = np.linspace(810.0, 1485.0, 28)
#: Columns that may be added: a typical value, and a typical width.
EXTRA = {"pt1": (490.0, 100.0), "pt2": (490.0, 100.0), "n1": (55.0, 20.0), "n2": (50.0, 20.0)}
#: A mass below this is as good as none, GeV; a ratio is kept so far from 0 and 1.
LEAST_MASS, MARGIN = 1.0, 1e-3


@dataclass(frozen=True)
class Pairs:
    """Pairs of jets: columns (n,) by name, as `data/README.md` has them; masses and momenta in GeV."""

    columns: dict[str, Floats]

    def __getitem__(self, name: str) -> Floats:
        """One column (n,)."""
        return self.columns[name]

    def __len__(self) -> int:
        return len(self.columns["mjj"])

    def take(self, chosen: NDArray[Any]) -> "Pairs":
        """The pairs at these places (integers or mask)."""
        return Pairs({name: values[chosen] for name, values in self.columns.items()})

    def inside(self, window: Window) -> NDArray[np.bool_]:
        """Which pairs have a mass in the window [GeV], (n,)."""
        chosen: NDArray[np.bool_] = (self["mjj"] > window[0]) & (self["mjj"] < window[1])
        return chosen

    @property
    def is_signal(self) -> NDArray[np.bool_]:
        """Which pairs are from the resonance, (n,); no search may look at it."""
        chosen: NDArray[np.bool_] = self["is_signal"] == 1
        return chosen


def load(path: str | os.PathLike[str] | None = None) -> Pairs:
    """Read the pairs of jets of a file that `jetlab simulate dijets` made.

    By default those that come with the kit, or of the same name in the folder $JETLAB_DATA.

    Raises:
        DataError: no such file, a damaged one, or one without pairs of jets.
    """
    file = existing(path if path is not None else _shipped())
    with reading(file, "HDF5"), h5py.File(file, "r") as stored:
        group = stored.get("events", {})
        columns = {name: np.asarray(group[name], dtype=np.float64) for name in group}
    missing = [name for name in ("mjj", "is_signal", *FEATURES) if name not in columns]
    if missing:
        raise DataError(f"{file} holds no pairs of jets: it lacks {', '.join(missing)}. Make one: `{COMMAND} FILE.h5`.")
    return Pairs(columns)


def _shipped() -> Path:
    folders = [Path(os.environ["JETLAB_DATA"]).expanduser()] if os.environ.get("JETLAB_DATA") else []
    found = next((folder / SHIPPED for folder in (*folders, shipped.DATA) if (folder / SHIPPED).is_file()), None)
    if found is None:
        file = shipped.DATA / SHIPPED
        raise DataError(f"{file} is missing: {shipped.remedy('data')}, or make it: `{COMMAND} {file}`.")
    return found


def joined(*parts: Pairs) -> Pairs:
    """Several sets of pairs as one, in this order."""
    return Pairs({name: np.concatenate([part[name] for part in parts]) for name in parts[0].columns})


def inject(pairs: Pairs, window: Window, share: float, seed: int) -> tuple[Pairs, Pairs]:
    """Data as an experiment would have them, and the signal that is left over to judge a score by.

    The data are all QCD pairs and, drawn at random, as much signal that S / B in the window [GeV] is `share`, in random
    order.

    Raises:
        ArgumentError: a share below zero, or more signal than there is.
    """
    signal = np.flatnonzero(pairs.is_signal)
    inside = pairs.inside(window)
    wanted = share * int((inside & ~pairs.is_signal).sum())
    reach = float(inside[signal].mean()) if len(signal) else 0.0
    n = round(wanted / reach) if wanted else 0
    if share < 0 or n > len(signal):
        raise ArgumentError(f"inject: a share of {share:g} needs {n} signal pairs, of {len(signal)}; take another one.")
    rng = np.random.default_rng(seed)
    drawn = rng.permutation(signal)
    data = rng.permutation(np.concatenate([np.flatnonzero(~pairs.is_signal), drawn[:n]]))
    return pairs.take(data), pairs.take(np.sort(drawn[n:]))


def opened(pairs: Pairs) -> Pairs:
    """The pairs that lessons have: all but three in twenty, which are held back."""
    return pairs.take(np.arange(len(pairs)) % 20 >= 3)


def held_back(pairs: Pairs) -> Pairs:
    """The pairs that lessons do not have, by which a participant's own score is judged."""
    return pairs.take(np.arange(len(pairs)) % 20 < 3)


def inputs(pairs: Pairs, extra: tuple[str, ...] = ()) -> Floats:
    """What a network or a density is fed, (n, 4 + len(extra)): numbers without edges, of about mean 0 and width 1.

    In place of the masses the logarithm of m1 and the log odds of m2 / m1, and the log odds of both tau21, and `extra`
    columns of EXTRA; scaled by fixed numbers, so that no event is scaled by others. Raises ArgumentError for others.
    """
    if unknown := [name for name in extra if name not in EXTRA]:
        raise ArgumentError(f"inputs: {', '.join(unknown)} cannot be added; there are {', '.join(EXTRA)}.")
    heavier = np.maximum(pairs["m1"], LEAST_MASS)
    ratios = (np.maximum(pairs["m2"], LEAST_MASS) / heavier, pairs["tau21_1"], pairs["tau21_2"])
    found = [np.log(heavier / 80) / 0.7, *(logit(np.clip(ratio, MARGIN, 1 - MARGIN)) / 1.2 for ratio in ratios)]
    found += [(pairs[name] - EXTRA[name][0]) / EXTRA[name][1] for name in extra]
    return np.stack(found, axis=1)


def folds(n: int, count: int, seed: int) -> NDArray[np.int64]:
    """The fold of each of n events, from 0, at random and of equal size."""
    return np.random.default_rng(seed).permutation(np.arange(n) % count)


def sidebands(mjj: Floats, window: Window, width: float) -> NDArray[np.bool_]:
    """Which masses (n,) lie beside the window, no farther from it than `width`, all in GeV."""
    low = (mjj > window[0] - width) & (mjj < window[0])
    return low | ((mjj > window[1]) & (mjj < window[1] + width))


def cwola_weights(mjj: Floats, window: Window, width: float) -> Floats:
    """Weights (n,) of events for CWoLa: window, sideband below and sideband above count 2 : 1 : 1, others 0.

    So a feature that grows evenly with the mass is on average the same in the window and beside it. Raises
    ArgumentError where one of the three is empty.
    """
    beside = sidebands(mjj, window, width)
    parts = (mjj > window[0]) & (mjj < window[1]), beside & (mjj < window[0]), beside & (mjj > window[1])
    weight = np.zeros(len(mjj))
    for part, worth in zip(parts, (2, 1, 1), strict=True):
        if not part.any():
            raise ArgumentError(f"cwola: no event lies in {window} GeV, or beside it within {width:g} GeV; move it.")
        weight[part] = worth / part.sum()
    weight /= weight[weight > 0].mean()
    return weight


@dataclass(frozen=True)
class Scores:
    """Anomaly scores of the data and of other events, from 0 to 1: the share of data that look less anomalous.

    An event's score comes from what was learnt without its fold, and is its rank among the data of the same fold: a cut
    at 0.99 leaves one event in a hundred of each fold, whatever scale each of the classifiers has.
    """

    data: Floats
    others: Floats


def ranked(score: NDArray[Any], others: NDArray[Any]) -> Scores:
    """Scores of data (n,) and of other events (m,), of any scale, as ranks among the data."""
    order = np.sort(score)
    return Scores(*(np.searchsorted(order, each) / len(order) for each in (score, others)))


def balanced(y: NDArray[Any], chosen: NDArray[np.bool_]) -> Floats:
    """Weights (n,) of mean one with which both labels count alike among the chosen events; the others get 0."""
    weight = np.zeros(len(y))
    for label in (0, 1):
        part = chosen & (y == label)
        if not part.any():
            raise ArgumentError(f"balanced: none of the chosen events has the label {label}; a classifier needs both.")
        weight[part] = 1 / part.sum()
    weight /= weight[chosen].mean()
    return weight


def out_of_fold(
    learner: Learner,
    x: Floats,
    y: NDArray[Any],
    weight: Floats,
    fold: NDArray[np.int64],
    others: Floats | None = None,
    reference: tuple[Floats, Floats] | None = None,
    seed: int = 0,
) -> Scores:
    """Scores of events (n, n_inputs) by a learner that is taught labels y (n,) with weights (n,), fold by fold.

    Events of weight zero are scored and not learnt from. `others` (m, n_inputs) are never learnt from and are dealt to
    the folds in turn. `reference` events, inputs and weights, are learnt from in each fold, with label 0, and not
    scored: the events that a generator made.
    """
    count = int(fold.max()) + 1
    others = np.empty((0, x.shape[1])) if others is None else others
    other_fold = np.arange(len(others)) % count
    found = Scores(np.empty(len(x)), np.empty(len(others)))
    for k in range(count):
        learnt = (fold != k) & (weight > 0)
        taught = [x[learnt], y[learnt], weight[learnt]]
        if reference is not None:
            more = (reference[0], np.zeros(len(reference[0])), reference[1])
            taught = [np.concatenate(each) for each in zip(taught, more, strict=True)]
        taught[2] = taught[2] / taught[2].mean()
        score = learner(taught[0], taught[1], taught[2], seed + k)
        ours = np.asarray(score(x[fold == k]), dtype=np.float64)
        theirs = (
            np.asarray(score(others[other_fold == k]), dtype=np.float64) if (other_fold == k).any() else np.empty(0)
        )
        both = ranked(ours, theirs)
        found.data[fold == k], found.others[other_fold == k] = both.data, both.others
    return found


def cwola(
    learner: Learner,
    x: Floats,
    mjj: Floats,
    window: Window,
    width: float,
    fold: NDArray[np.int64],
    others: Floats | None = None,
    seed: int = 0,
) -> Scores:
    """Classification without labels: window [GeV] against both sidebands of this width, for data (n, n_inputs)."""
    inside = ((mjj > window[0]) & (mjj < window[1])).astype(np.float64)
    return out_of_fold(learner, x, inside, cwola_weights(mjj, window, width), fold, others, seed=seed)


def against_samples(
    learner: Learner,
    x: Floats,
    mjj: Floats,
    window: Window,
    samples: Floats,
    fold: NDArray[np.int64],
    others: Floats | None = None,
    seed: int = 0,
) -> Scores:
    """The classifier of CATHODE: data in the window [GeV] against events (m, n_inputs) that a density made for it.

    Both count alike, however many samples there are.
    """
    inside = (mjj > window[0]) & (mjj < window[1])
    weight = inside / inside.sum()
    reference = (samples, np.full(len(samples), 1 / len(samples)))
    return out_of_fold(learner, x, np.ones(len(x)), weight, fold, others, reference, seed)


def trees(x: Floats, y: NDArray[Any], weight: Floats, seed: int, members: int = 4) -> Scorer:
    """Boosted trees, the strong simple learner: the mean of several, each grown on four fifths of the events.

    Few and small ones: a few per mille of what they see is signal, and the rest is noise, which large ones learn.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    rng = np.random.default_rng(seed)
    grown = []
    for _ in range(members):
        bag = rng.random(len(x)) < 0.8
        model = HistGradientBoostingClassifier(
            max_iter=40,
            learning_rate=0.1,
            max_leaf_nodes=8,
            min_samples_leaf=20,
            l2_regularization=1.0,
            early_stopping=False,
        )
        grown.append(model.fit(x[bag], y[bag], sample_weight=weight[bag]))
    return lambda events: np.mean([model.predict_proba(events)[:, 1] for model in grown], axis=0)


def after_cut(pairs: Pairs, score: Floats, efficiency: float) -> NDArray[np.int64]:
    """Spectrum in the bins EDGES of those data whose score (n,), a rank, is among the highest `efficiency` share."""
    counts: NDArray[np.int64] = np.histogram(pairs["mjj"][score >= 1 - efficiency], EDGES)[0]
    return counts


def excess(pairs: Pairs, score: Floats, efficiency: float, window: Window, degree: int = 2) -> hunt.Excess:
    """Cut on the score and fit the sidebands, as `metrics.hunt.excess`; raises as it does."""
    return hunt.excess(after_cut(pairs, score, efficiency), EDGES, window, degree)
