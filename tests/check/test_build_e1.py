"""E1's build task: networks of particles with few parameters, judged on jets that the lesson does not have."""

import keras
import numpy as np
import pytest

from jetlab import catalog, check, jets, models, particles
from jetlab.check import e1, solved, tasks
from jetlab.config import RunConfig


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(solved, "SESSION", set())
    monkeypatch.setenv("JETLAB_PROGRESS", str(tmp_path))
    return tmp_path


def test_inputs_are_those_of_the_lesson():
    sample = check.without_held_back(catalog.load("jets"))
    train, validation, _ = jets.split(sample.event_index)
    found = particles.hardest(sample, e1.LENGTH)
    scaling = jets.Scaling.fit(found.features[train], found.present[train])
    first, held_back = e1.parts()
    x, momenta = first.x
    np.testing.assert_allclose(x, scaling.apply(found.features, found.present)[validation], atol=1e-5)
    np.testing.assert_array_equal(momenta, found.momenta[validation])
    np.testing.assert_array_equal(first.y, sample["jet_isW_ak7"][validation])
    assert 0.5 < len(held_back.y) / len(first.y) < 1.5


class OfMass(keras.layers.Layer):
    """A score of the mass of the momenta: no network, but it tells W jets from many others."""

    def call(self, momenta):
        pt, eta, phi = momenta[..., 0], momenta[..., 1], momenta[..., 2]
        ops = keras.ops
        parts = pt * ops.cosh(eta), pt * ops.cos(phi), pt * ops.sin(phi), pt * ops.sinh(eta)
        e, x, y, z = (ops.sum(part, axis=1) for part in parts)
        mass = ops.sqrt(ops.maximum(e**2 - x**2 - y**2 - z**2, 0.0))
        return ops.expand_dims(ops.exp(-(((mass - 85.0) / 20.0) ** 2)), axis=-1)


def of_mass(extra=None):
    features, momenta = keras.Input((e1.LENGTH, len(particles.FEATURES))), keras.Input((e1.LENGTH, 3))
    score = OfMass()(momenta) + 0.0 * keras.ops.sum(features, axis=(1, 2), keepdims=True)[:, 0]
    if extra:
        score = score + keras.layers.Dense(1, kernel_initializer="zeros")(extra(keras.layers.Flatten()(features)))
    return keras.Model([features, momenta], score)


def test_a_network_of_both_inputs_is_measured_and_falls_short():
    report = tasks.judge("E1.B1", of_mass())
    assert "of 0.96" in report.said
    assert "target: 10,000 or fewer" in report.figures["parameters"]


def test_a_good_network_reaches_the_target_and_a_large_one_does_not(monkeypatch):
    monkeypatch.setattr(e1, "LEAST", 0.7)
    assert tasks.judge("E1.B1", of_mass()).said == tasks.REACHED
    large = of_mass(keras.layers.Dense(30, kernel_initializer="zeros"))
    assert "parameters of 10,000: fewer nodes?" in tasks.judge("E1.B1", large).said


@pytest.mark.parametrize(
    ("built", "hint"),
    [
        (lambda: None, "needs a Keras model"),
        (lambda: lambda x: x[:, 0, 0], "needs a Keras model"),
        (lambda: models.build(RunConfig("deep_sets", layers=1, nodes=4), (16, 12)), "raised"),
        (lambda: models.particle_net(32, 12, (2, 3), k=3, blocks=((4,),), head=4), "never compiled"),
    ],
)
def test_what_is_no_tagger_gets_a_hint(built, hint):
    assert hint in tasks.judge("E1.B1", built()).said
