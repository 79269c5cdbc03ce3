"""What benchmarks/decorrelation.py makes of finished trainings; a training itself takes too long for a test."""

import importlib.util

import numpy as np
import pytest

pytest.importorskip("keras")


@pytest.fixture(scope="module")
def benchmark(repository):
    spec = importlib.util.spec_from_file_location(
        "decorrelation_benchmark", repository / "benchmarks" / "decorrelation.py"
    )
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(repository / "benchmarks"))
        spec.loader.exec_module(module)
        yield module


@pytest.fixture(scope="module")
def task(benchmark):
    return benchmark.Task("jets")


def test_only_qcd_is_protected_and_spectra_are_those_of_the_hunt(task):
    assert 40 < task.mass.min() < task.mass.max() < 200
    assert not task.protected[task.y == 1, 1].any()
    assert (task.protected[task.y == 0, 1] >= 0).all()
    train = task.parts[0][task.y[task.parts[0]] == 0]
    assert np.mean(task.protected[train, 0]) == pytest.approx(0, abs=1e-3)


def test_a_cut_on_the_mass_bends_the_spectrum_and_a_coin_does_not(benchmark, task):
    near = benchmark.judged(task, -np.abs(task.mass - 82))
    coin = benchmark.judged(task, np.random.default_rng(1).random(len(task.mass)))
    assert near["jsd"] > 0.4
    assert abs(coin["jsd"]) < 3 * coin["jsd_err"]
    assert coin["rejection"] == pytest.approx(2, abs=0.2)
    assert near["rejection"] > 3


def test_the_strength_is_chosen_on_validation_jets(benchmark, task, monkeypatch):
    monkeypatch.setattr(benchmark, "STRENGTHS", {"disco": (1.0, 3.0, 10.0)})

    def run(strength, val_jsd, val_rejection, rejection):
        figures = {"val_jsd": val_jsd, "val_rejection": val_rejection, "jsd": 0.0, "rejection": rejection}
        errors = {f"{name}_err": 0.01 for name in figures}
        return [{"kind": "disco", "strength": strength, "seed": seed} | figures | errors for seed in (1, 2)]

    # The first bends the spectrum; of the others the second is better on validation jets, the third on test jets.
    found = benchmark.summary(task, run(1.0, 0.5, 50, 50) + run(3.0, -0.2, 20, 10) + run(10.0, -0.2, 10, 40))
    ddt = next(each for each in found["yardsticks"] if each["tagger"] == "tau21 with DDT")
    chosen = found["rejection_over_ddt"]["disco"]
    assert chosen["strength"] == 3.0
    assert chosen["ratio"] == pytest.approx(10 / ddt["rejection"], rel=1e-2)
    assert [row["seeds"] for row in found["rows"]] == [2, 2, 2]


def test_a_training_that_is_there_is_not_repeated(benchmark, task, monkeypatch):
    monkeypatch.setattr(benchmark, "STRENGTHS", {"disco": (1.0,), "planing": (0.0,)})
    asked = []

    def scores(task, kind, strength, seed):
        asked.append((kind, strength, seed))
        return -task.tau21, 1.0

    monkeypatch.setattr(benchmark, "scores", scores)
    before = [{"kind": "disco", "strength": 1.0, "seed": 1}]
    *_, found = benchmark.decorrelation(task, 2, before)
    assert asked == [("planing", 0.0, 1), ("disco", 1.0, 2), ("planing", 0.0, 2)]
    assert len(found) == 4
    assert len(before) == 1
