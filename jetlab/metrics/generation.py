"""How good generated examples are: distances of one number, a classifier that tries to tell, and copies.

Whatever is measured has a floor: what real examples give against other real ones, because they are few.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from jetlab.metrics.estimate import Estimate, Floats, MetricError
from jetlab.metrics.tagging import evaluate

#: Of the classifier: as strong as a few thousand examples allow, and quick.
TREES = {"max_iter": 100, "learning_rate": 0.05, "max_leaf_nodes": 15}


class Distance(NamedTuple):
    """How far generated numbers are from real ones.

    Attributes:
        value: 1-Wasserstein distance, in the unit of the numbers; the uncertainty is that of the bootstrap.
        floor: what as many real numbers have from other real ones: mean, and scatter from one drawing to the next.
    """

    value: Estimate
    floor: Estimate


def wasserstein(real: ArrayLike, generated: ArrayLike, replicas: int = 100, seed: int = 0) -> Distance:
    """Area between the cumulative distributions of two sets of numbers, (n,) and (m,): how far mass has to be moved.

    For the floor both sets are drawn, n and m with replacement, from the real ones. Raises MetricError for numbers that
    are not finite, none at all, or fewer than two replicas.
    """
    from scipy.stats import wasserstein_distance

    one, other = (_finite(name, values, 1) for name, values in (("real", real), ("generated", generated)))
    if replicas < 2:
        raise MetricError(f"replicas is {replicas}; a bootstrap uncertainty needs at least 2, better 100.")
    rng = np.random.default_rng(seed)
    drawn, floor = (
        np.array([wasserstein_distance(rng.choice(one, len(one)), rng.choice(of, len(other))) for _ in range(replicas)])
        for of in (other, one)
    )
    value = float(wasserstein_distance(one, other))
    return Distance(Estimate(value, float(drawn.std(ddof=1))), Estimate(float(floor.mean()), float(floor.std(ddof=1))))


def two_sample_auc(real: ArrayLike, generated: ArrayLike, seed: int = 0) -> Estimate:
    """AUC of boosted trees trained to tell real examples (n, features) from generated ones (m, features).

    0.5: they cannot be told apart, by these trees and as many examples. Half of the examples train the trees, which are
    judged by the other half, and the other way round (arXiv:1610.06545). The uncertainty is that of the bootstrap over
    the judged examples; it lacks what other trees would say. Raises MetricError for examples that are not finite, fewer
    than four of a kind, or of unequal numbers of features.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    kinds = [_finite(name, values, 2) for name, values in (("real", real), ("generated", generated))]
    if kinds[0].shape[1] != kinds[1].shape[1] or min(map(len, kinds)) < 4:
        raise MetricError(f"Examples of shapes {kinds[0].shape} and {kinds[1].shape} cannot be compared.")
    rng = np.random.default_rng(seed)
    # As many of either kind in each half, so that the trees know nothing of how many there are.
    order = [np.array_split(each[rng.permutation(len(each))], 2) for each in kinds]
    halves = [
        (np.concatenate(half), np.repeat([1.0, 0.0], [len(each) for each in half])) for half in zip(*order, strict=True)
    ]
    found = []
    for (x, y), (others, labels) in (halves, halves[::-1]):
        trees = HistGradientBoostingClassifier(**TREES, random_state=seed).fit(x, y)
        found.append(evaluate(labels, trees.predict_proba(others)[:, 1], seed=seed)["auc"])
    (one, error), (other, another) = found
    return Estimate((one + other) / 2, float(np.hypot(error, another)) / 2)


def copied(generated: ArrayLike, train: ArrayLike, held_back: ArrayLike) -> Estimate:
    """Share of generated examples (n, features) that are copies of training examples, or nearly so.

    A fresh example is as near to one real example as to any other: of its nearest ones a share p0 is of the training,
    that of the training examples among all real ones. So share p of the generated ones means (p - p0) / (1 - p0)
    copies; by chance that may be below zero. Features are scaled by their standard deviation among the held-back
    examples; equal distances count half. The uncertainty is binomial, and lacks what other real examples would say.
    Raises MetricError as `two_sample_auc`, and for a feature that is constant.
    """
    from scipy.spatial import cKDTree

    names = ("generated", "training", "held-back")
    new, *real = (_finite(name, values, 2) for name, values in zip(names, (generated, train, held_back), strict=True))
    if len({each.shape[1] for each in (new, *real)}) > 1:
        raise MetricError(
            f"Examples of {new.shape[1]}, {real[0].shape[1]} and {real[1].shape[1]} features: no distance."
        )
    width = real[1].std(axis=0)
    if not (width > 0).all():
        raise MetricError("A feature is constant among the held-back examples; leave it out.")
    near = [cKDTree(each / width).query(new / width)[0] for each in real]
    share = float(np.mean(near[0] < near[1]) + np.mean(near[0] == near[1]) / 2)
    fresh = len(real[0]) / sum(map(len, real))
    error = np.sqrt(max(share * (1 - share), 1 / len(new)) / len(new))
    return Estimate((share - fresh) / (1 - fresh), float(error) / (1 - fresh))


def _finite(name: str, values: ArrayLike, dimensions: int) -> Floats:
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != dimensions or not len(found) or not np.isfinite(found).all():
        wanted = "one number each" if dimensions == 1 else "a row of numbers each"
        raise MetricError(f"The {name} examples, {found.shape}, must be finite, {wanted}, and not none at all.")
    return found
