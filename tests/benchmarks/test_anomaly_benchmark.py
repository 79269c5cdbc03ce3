"""What benchmarks/anomaly.py makes of finished runs, and one trial without signal; the rest takes too long."""

import importlib.util

import numpy as np
import pytest

from jetlab import anomalies
from jetlab.metrics import Estimate

pytest.importorskip("keras")


@pytest.fixture(scope="module")
def benchmark(repository):
    spec = importlib.util.spec_from_file_location("anomaly_benchmark", repository / "benchmarks" / "anomaly.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(repository / "benchmarks"))
        spec.loader.exec_module(module)
        yield module


@pytest.fixture(scope="module")
def pairs():
    return anomalies.load().take(np.arange(20_000))


def run(share, seed, value):
    names = ("cwola", "cathode", "supervised")
    return {"share": share, "seed": seed} | {name: value for name in names} | {f"{name}_err": 0.3 for name in names}


def test_the_goal_is_that_of_its_share_and_errors_join(benchmark, pairs):
    runs = [run(0.006, 1, 6.0), run(0.006, 2, 8.0), run(0.01, 1, 20.0)]
    alarms = [{"seed": seed, "significance": value} for seed, value in enumerate((-1.0, 0.5, 2.5), start=1)]
    found = benchmark.summary({"runs": runs, "alarms": alarms}, pairs)
    assert found["max_sic_cwola"] == 7.0
    # The spread of two runs, 1.41, is divided by the root of two.
    assert found["max_sic_cwola_err"] == pytest.approx(np.hypot(0.3, 1.0), abs=1e-3)
    assert (found["false_alarms"], found["trials"]) == (1, 3)
    assert found["sample"]["qcd"] + found["sample"]["signal"] == len(pairs)


def test_one_seed_has_the_error_of_its_events(benchmark):
    assert benchmark.over_seeds([Estimate(5.0, 0.4)]) == (5.0, pytest.approx(0.4))


def test_what_was_done_is_not_done_again(benchmark, pairs, monkeypatch):
    asked = []
    monkeypatch.setattr(
        benchmark, "gains", lambda pairs, share, seed: asked.append((share, seed)) or run(share, seed, 5.0)
    )
    monkeypatch.setattr(benchmark, "trial", lambda qcd, seed: asked.append(seed) or {"seed": seed, "significance": 0.0})
    before = {"runs": [run(0.006, 1, 6.0)], "alarms": [{"seed": 1, "significance": 0.0}]}
    *_, found = benchmark.steps(pairs, seeds=2, trials=3, before=before)
    assert asked == [(0.006, 2), 2, 3, *((share, 1) for share in benchmark.SHARES[1:])]
    assert [each["seed"] for each in found["alarms"]] == [1, 2, 3]


def test_a_trial_has_no_signal_and_a_slice_of_the_pairs(benchmark, pairs):
    qcd = pairs.take(~pairs.is_signal)
    first, again, other = (benchmark.trial(qcd, seed) for seed in (1, 1, 2))
    assert first == again != other
    assert abs(first["significance"]) < 5
    assert 0 < first["observed"] < 0.01 * len(qcd) / benchmark.SLICES
