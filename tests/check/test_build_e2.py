"""E2's build task: taggers of four inputs that leave the background's mass alone, judged on jets nobody has."""

import keras
import numpy as np
import pytest

from jetlab import catalog, check, decorrelation, jets, models, training
from jetlab.backend import seeded
from jetlab.check import e2, solved, tasks
from jetlab.config import RunConfig
from jetlab.models import penalties


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(solved, "SESSION", set())
    monkeypatch.setenv("JETLAB_PROGRESS", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def lesson():
    """What the lesson makes of the jets: inputs, labels, masses, pt, weights, and the first two parts."""
    sample = catalog.load("jets")
    mass = sample["jet_msd_ak7"]
    sample = check.without_held_back(sample[(mass > 40) & (mass < 200)])
    train, validation, _ = jets.split(sample.event_index)
    x = np.stack([sample[name] for name in e2.COLUMNS], axis=1)
    pt, mass, y = x[:, 0], x[:, 1], sample["jet_isW_ak7"]
    weight = jets.reweight(pt, sample["jet_eta_ak7"], y == 1, sample["mcweight"], train=train)
    return jets.Scaling.fit(x[train]).apply(x), y, mass, pt, weight, (train, validation)


def test_the_jets_are_those_of_the_lesson(lesson):
    x, y, mass, _, weight, (_, validation) = lesson
    first, held_back = e2.parts()
    np.testing.assert_allclose(first.x, x[validation], atol=1e-5)
    np.testing.assert_array_equal(first.y, y[validation])
    np.testing.assert_allclose(first.weight, weight[validation])
    assert 0.5 < len(held_back.y) / len(first.y) < 1.5
    score = np.random.default_rng(1).random(len(validation))
    found = e2.divergence(first.x, first.y, score, first.weight)
    expected = e2.point(first.y, score, mass[validation], first.weight).jsd
    assert found.value == pytest.approx(expected.value, abs=1e-3)


def trained(lesson, strength, planing=False):
    x, y, mass, pt, weight, (train, validation) = lesson
    config = RunConfig(
        layers=3, nodes=64, batch_size=1024, learning_rate=3e-3, schedule="cosine", epochs=50, patience=0
    )
    with seeded(1):
        tagger = models.build(config, (4,))
        model = penalties.decorrelated(tagger, strength) if strength else tagger
    inputs = (x, decorrelation.protected(mass, weight, y == 0, train)) if strength else x
    if planing:
        edges = {"pt_edges": tuple(range(40, 201, 10)), "eta_edges": tuple(range(200, 501, 50))}
        weight = jets.reweight(mass, pt, y == 1, weight, train=train, **edges)
    training.fit(model, config, training.Data.of(inputs, y, weight, train, validation))
    return tagger


@pytest.mark.parametrize(("strength", "planing"), [(6.0, False), (0.0, True)])
def test_penalty_and_planing_reach_the_target(lesson, strength, planing):
    report = tasks.judge("E2.B1", trained(lesson, strength, planing))
    assert report.said == tasks.REACHED, report


def test_a_plain_tagger_is_good_but_bends_the_spectrum(lesson):
    report = tasks.judge("E2.B1", trained(lesson, 0.0))
    assert "divergence [bit] 0." in report.said
    assert "at most 0.06 is wanted: more strength, or another penalty?" in report.said


def stacked():
    inputs, secret = keras.Input((4,)), keras.Input((2,))
    return keras.Model([inputs, secret], keras.layers.Dense(1, activation="sigmoid")(inputs))


@pytest.mark.parametrize(
    ("built", "hint"),
    [
        (lambda: None, "give the network itself"),
        (lambda: stacked(), "raised"),
        (lambda: lambda x: 1 / (1 + np.exp(x[:, 2] + x[:, 3])), "needs a Keras model"),
        (lambda: models.build(RunConfig(layers=0), (4,)), "never compiled"),
    ],
)
def test_what_is_no_tagger_gets_a_hint(built, hint):
    report = tasks.judge("E2.B1", built())
    assert report.said.startswith("hint: ")
    assert hint in report.said
