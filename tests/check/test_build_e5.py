"""E5's build task: anomaly scores, judged on pairs that the lesson does not have."""

import keras
import numpy as np
import pytest

from jetlab import anomalies, check
from jetlab.check import e5, solved, tasks


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(solved, "SESSION", set())
    monkeypatch.setenv("JETLAB_PROGRESS", str(tmp_path))
    return tmp_path


def near_the_particles(x):
    """What somebody would write who knew the masses of X and Y, and looked for two prongs."""
    m1 = 80 * np.exp(0.7 * x[:, 0])
    m2 = m1 / (1 + np.exp(-1.2 * x[:, 1]))
    return -(((m1 - 200) / 15) ** 2) - ((m2 - 110) / 12) ** 2 - 0.5 * (x[:, 2] + x[:, 3])


def test_the_pairs_are_not_those_of_the_lesson():
    pairs = anomalies.load()
    open_pairs, others = anomalies.opened(pairs), anomalies.held_back(pairs)
    assert len(open_pairs) + len(others) == len(pairs)
    assert len(others) == pytest.approx(0.15 * len(pairs), abs=3)
    x, is_signal = e5.pairs()
    assert len(x) == others.inside(e5.RANGE).sum()
    assert 1000 < is_signal.sum() < len(x) / 2


def test_a_good_score_reaches_the_target():
    report = tasks.judge("E5.B1", near_the_particles)
    assert report.said == tasks.REACHED
    assert "target: 4.5" in report.figures["maximum SIC"]
    # A column is as good as a flat array.
    assert tasks.judge("E5.B1", lambda x: near_the_particles(x)[:, None]).said == tasks.REACHED


def test_cwola_on_the_data_of_the_lesson_reaches_it():
    window = (985.0, 1085.0)
    data, _ = anomalies.inject(anomalies.opened(anomalies.load()), window, 0.006, seed=1)
    weight = anomalies.cwola_weights(data["mjj"], window, 100.0)
    used = weight > 0
    x, y = anomalies.inputs(data)[used], data.inside(window)[used].astype(float)
    assert tasks.judge("E5.B1", anomalies.trees(x, y, weight[used], seed=1)).said == tasks.REACHED


def test_a_network_is_judged_too():
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    assert "a maximum SIC of 1.0" in tasks.judge("E5.B1", network).said


@pytest.mark.parametrize(
    ("built", "hint"),
    [
        (3, "give a function"),
        (lambda x: -near_the_particles(x), "upside down"),
        (lambda x: x, "shape"),
        (lambda x: np.full(len(x), np.nan), "not finite"),
        (lambda x: x["m1"], "raised IndexError"),
        (lambda x: np.zeros(len(x)), "a maximum SIC of 1.0"),
        (lambda x: np.arange(len(x)), "the events beside it"),
        (lambda x: x[:, 0], "of 4.5"),
    ],
)
def test_what_is_no_such_score_gets_a_hint(built, hint):
    assert hint in tasks.judge("E5.B1", built).said


def test_an_answer_is_kept(folder, capsys):
    check.build("E5.B1", near_the_particles)
    assert "E5.B1: target reached!" in capsys.readouterr().out
