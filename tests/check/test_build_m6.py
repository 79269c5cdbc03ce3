"""M6's build tasks: losses whose median closes or does not, and regressions from five numbers."""

import keras
import numpy as np
import pytest
from keras import ops

from jetlab import catalog, check, jes, jets, training
from jetlab.check import held_back, solved, tasks
from jetlab.config import RunConfig


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(solved, "SESSION", set())
    monkeypatch.setenv("JETLAB_PROGRESS", str(tmp_path))
    return tmp_path


def absolute(true, predicted):
    """The lesson's solution."""
    return ops.abs(true - predicted)


def pinball(true, predicted):
    """Another way: both sides by themselves, in numpy, and their mean."""
    off = true - predicted
    return np.mean(np.maximum(off, 0) + np.maximum(-off, 0))


def narrow_huber(true, predicted):
    """A third: smooth near zero."""
    return ops.sqrt(ops.square(true - predicted) + 1e-4)


@pytest.mark.parametrize("built", [absolute, pinball, narrow_huber])
def test_losses_that_estimate_the_median_close(built):
    report = tasks.judge("M6.B1", built)
    assert report.said == tasks.REACHED
    assert report.figures["median response"].endswith("(target: 1 within 0.01)")


@pytest.mark.parametrize(
    ("built", "hint"),
    [
        (lambda t, p: ops.square(t - p), "the longer the tail, the higher"),
        (lambda t, p: np.where(abs(t - p) < 1, (t - p) ** 2 / 2, abs(t - p) - 0.5), "the longer the tail, the higher"),
        (lambda t, p: np.minimum(abs(t - p), 0.1), "the longer the tail, the lower"),
        (lambda t, p: np.where(t > p, 3 * (t - p), p - t), "even without a tail it does not close"),
        (lambda t, p: -ops.abs(t - p), "Is its sign right?"),
        (lambda t, p: p, "Is its sign right?"),
        (lambda t, p: ops.abs(t), "the same whatever is predicted"),
        (lambda t, p: 0.0, "the same whatever is predicted"),
        (lambda t, p: abs(t - p)[:3], "an array of shape (3,)"),
        (lambda t, p: t * np.nan, "one finite number"),
        (lambda t, p: "low", "raised ValueError"),
        (lambda t: t, "raised TypeError"),
        ("mae", "give the function itself"),
    ],
)
def test_losses_that_do_not(built, hint, folder, monkeypatch):
    # A capped loss misses the median by three standard deviations of the jets drawn: these are always the same.
    drawn = np.random.default_rng
    monkeypatch.setattr(np.random, "default_rng", lambda seed=1: drawn(seed))
    said = tasks.judge("M6.B1", built).said
    assert said.startswith("hint: ")
    assert hint in said
    assert list(folder.iterdir()) == []


# M6.B2: a regression.


@pytest.fixture(scope="module")
def lesson():
    sample = check.without_held_back(catalog.load("jets"))
    train, validation, _ = jets.split(sample.event_index)
    x = jes.jet_inputs(sample)
    scaled = jets.Scaling.fit(x[train]).apply(x)
    return scaled, jes.log_correction(sample), jes.flat_weights(sample, train), train, validation


def dense(*nodes, last=None, seed=1):
    keras.utils.set_random_seed(seed)
    hidden = [keras.layers.Dense(n, activation="relu") for n in nodes]
    return keras.Sequential([keras.layers.Input((5,)), *hidden, keras.layers.Dense(1, activation=last)])


def test_regressions_reach_the_target(lesson):
    x, target, flat, train, validation = lesson
    arrays = [values[part] for part in (train, validation) for values in (x, target, flat)]
    data = training.Data(*arrays, regression=True)
    config = RunConfig(loss="mae", layers=2, learning_rate=3e-3, schedule="cosine", epochs=20, patience=0)
    assert tasks.judge("M6.B2", training.run(config, data).model).said == tasks.REACHED
    network = dense(48, 48, seed=3)
    network.compile(keras.optimizers.Adam(3e-3), "huber")
    network.fit(x[train], target[train], 256, 10, sample_weight=flat[train], verbose=0)
    network.compile(keras.optimizers.Adam(3e-4), "mae")
    network.fit(x[train], target[train], 256, 4, sample_weight=flat[train], verbose=0)
    assert tasks.judge("M6.B2", network).said == tasks.REACHED


def truth(x):
    """Whoever finds each held-back jet again in the shipped sample knows its true pt."""
    sample = catalog.load("jets")
    (train, *_), _ = held_back.dealt(sample)
    inputs = jes.jet_inputs(sample)
    known = dict(
        zip(
            (row.tobytes() for row in jets.Scaling.fit(inputs[train]).apply(inputs)),
            jes.log_correction(sample),
            strict=True,
        )
    )
    return np.array([known[row.tobytes()] for row in x])


@pytest.mark.parametrize(
    ("built", "hint"),
    [
        (lambda x: np.zeros(len(x)), "gives all jets the same correction"),
        (dense(8, last="relu"), "never makes a jet softer"),
        (lambda x: 0.001 * x[:, 1], "hardly better than no correction"),
        (lambda x: 300 + x[:, 0], "what is its target"),
        (lambda x: np.where(x[:, 0] > 0, np.nan, 0.1), "not finite"),
        (lambda x: x[:, :2], "an array of shape"),
        (lambda x: x[:, 7], "raised IndexError"),
        (truth, "narrower than five numbers allow"),
        (np.zeros(5000), "give the network itself"),
    ],
)
def test_what_is_no_regression_or_knows_the_truth(built, hint, folder):
    said = tasks.judge("M6.B2", built).said
    assert said.startswith("hint: ")
    assert hint in said
    assert list(folder.iterdir()) == []
