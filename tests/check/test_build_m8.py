"""M8's build task: networks of three classes, judged on jets that the lesson does not have."""

import numpy as np
import pytest

from jetlab import catalog, check, flavour, jets
from jetlab.check import m8, solved, tasks


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(solved, "SESSION", set())
    monkeypatch.setenv("JETLAB_PROGRESS", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def lesson():
    """The lesson's jets, and the inputs that it makes of them."""
    sample = check.without_held_back(catalog.load("flavour"))
    sample = sample[flavour.classes(sample) >= 0]
    train, validation, _ = jets.split(sample.event_index)
    x, _ = flavour.inputs(sample)
    train = train[flavour.hybrid(sample)[train]]
    filled = flavour.Defaults.mean(x[train]).apply(x)
    return sample, jets.Scaling.fit(filled[train]).apply(filled).astype("f4"), validation


def test_inputs_are_those_of_the_lesson(lesson):
    sample, scaled, validation = lesson
    first, held_back = m8.parts()
    assert np.array_equal(first.x, scaled[validation])
    assert np.array_equal(first.label, flavour.classes(sample)[validation])
    assert 0.1 < len(held_back.label) / len(sample) < 0.25
    assert np.any(held_back.x != 0)


def softmax(scores):
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def by_likelihood(x):
    """IP3D alone, scaled back by hand: a tagger, but not a good one."""
    b_over_light = 3 * x[:, 5]
    return softmax(np.stack([np.zeros(len(x)), 0.3 * b_over_light, b_over_light], axis=1))


def told(rng_seed=1):
    """What knows the labels of the jets that it is judged on."""
    answers = {part.x[part.top].tobytes(): part.label[part.top] for part in m8.parts()}
    noise = np.random.default_rng(rng_seed)

    def network(x):
        p = noise.dirichlet((1, 1, 1), len(x))
        p[np.arange(len(x)), answers[x.tobytes()]] += 5
        return p / p.sum(axis=1, keepdims=True)

    return network


def test_a_tagger_of_one_input_falls_short():
    report = tasks.judge("M8.B1", by_likelihood)
    assert report.said.startswith("hint: it")
    assert "target: 100 or more" in report.figures["light rejection on held-back jets"]


def test_who_knows_the_labels_is_found_out():
    assert "labels themselves" in tasks.judge("M8.B1", told()).said


def test_a_good_tagger_reaches_the_target(monkeypatch):
    monkeypatch.setattr(m8, "CEILING", np.inf)
    assert tasks.judge("M8.B1", told()).said == tasks.REACHED


@pytest.mark.parametrize(
    ("built", "hint"),
    [
        (None, "give the network itself"),
        (lambda x: x[:, :2], "an array of shape"),
        (lambda x: np.full((len(x), 3), 1 / 3), "all jets get the same"),
        (lambda x: np.abs(x[:, :3]), "no probabilities of sum one"),
        (lambda x: x.no_such_thing, "raised AttributeError"),
        (lambda x: "b", "raised ValueError"),
    ],
)
def test_what_is_no_tagger_gets_a_hint(built, hint):
    assert hint in tasks.judge("M8.B1", built).said
