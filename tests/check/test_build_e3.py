"""E3's build task: neutral cells of the leading vertex, judged on jets of W that the lesson does not have."""

import keras
import numpy as np
import pytest

from jetlab import catalog, check, pile_up
from jetlab.check import e3, solved, tasks


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(solved, "SESSION", set())
    monkeypatch.setenv("JETLAB_PROGRESS", str(tmp_path))


@pytest.fixture(scope="module")
def crossings():
    return pile_up.read_crossings(catalog.path("pile_up"))


def test_held_back_jets_are_none_of_the_lesson(crossings):
    jets = e3.held_back(e3.MEAN)
    hard, _ = check.open_collisions(crossings)
    assert not np.isin(jets.collision, hard).any()
    assert jets.is_w.all()
    assert len(jets) > 700
    assert jets.n_pile_up.mean() == pytest.approx(e3.MEAN, abs=4 * (e3.MEAN / len(jets)) ** 0.5)


def soft_killer(images):
    """A method by hand, with one threshold for all."""
    return np.where(images[..., 2] > 0.9, images[..., 2], 0.0)


def test_softkiller_falls_short():
    report = tasks.judge("E3.B1", soft_killer)
    assert "more filters" in report.said
    assert report.figures["gain in mass resolution over PUPPI"].startswith("-")


def oracle(images):
    """The truth with an error of two per cent in each cell: found again by its images, in whatever order they come."""
    known = {}
    for jets in (e3.held_back(e3.MEAN), e3.held_back(0.0)):
        known |= {image.tobytes(): cells for image, cells in zip(pile_up.images(jets), jets.truth, strict=True)}
    rng = np.random.default_rng(1)
    truth = np.stack([known[image.tobytes()] for image in images])
    return truth * rng.normal(1, 0.02, truth.shape)


def test_what_is_better_than_puppi_reaches_the_target():
    report = tasks.judge("E3.B1", oracle)
    assert report.said == tasks.REACHED


def test_a_method_that_takes_energy_without_pile_up_falls_short():
    report = tasks.judge("E3.B1", lambda images: 0.9 * oracle(images))
    assert "without pile-up it takes off energy" in report.said


def test_a_keras_network_is_judged_and_one_without_training_falls_short():
    seen = keras.Input((15, 15, 3))
    weight = keras.layers.Conv2D(1, 5, padding="same", activation="sigmoid")(seen)
    report = tasks.judge("E3.B1", keras.Model(seen, weight * seen[..., 2:]))
    assert "of 0.15" in report.said


@pytest.mark.parametrize(
    ("built", "hint"),
    [
        (None, "give the network itself"),
        (lambda images: images[..., 5], "raised IndexError"),
        (lambda images: images, "one number for each cell"),
        (lambda images: images[..., 2] * np.nan, "not finite"),
        (lambda images: np.zeros(images.shape[:-1]), "same pt"),
    ],
)
def test_what_is_none_gets_a_hint(built, hint):
    assert hint in tasks.judge("E3.B1", built).said
