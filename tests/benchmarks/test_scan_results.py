"""What M4 shows of benchmarks/results/scan.json, and what its text says of it."""

import numpy as np
import pytest

from jetlab import catalog


@pytest.fixture(scope="module")
def results():
    return catalog.results("scan")


def test_speed_is_told_with_the_machine(results):
    assert results["two_workers_over_one"] > 1
    assert results["ratio_to_loop"] > 1
    seconds = results["speed"]["seconds"]
    alone, bare = seconds["one worker with all cores"], np.mean(seconds["loop of training.run"])
    assert results["overhead"] == pytest.approx(alone / bare - 1)
    assert results["speed"]["machine"]["device"]


def test_rows_have_what_the_lesson_draws(results):
    by_stage = {row["stage"] for row in results["rows"]}
    assert {"first", "batch"} <= by_stage
    for row in results["rows"]:
        assert len(row["histories"]) == row["seeds"]
        assert all(len(each["val_loss"]) <= row["epochs"] for each in row["histories"])


def test_small_batches_need_as_many_jets_and_large_ones_as_many_steps(results):
    """The answer of M4: the noise scale lies between 256 and 1,024 jets."""
    after = {
        row["batch_size"]: np.array([each["val_loss"] for each in row["histories"]])
        for row in results["rows"]
        if row["stage"] == "batch"
    }
    last = {size: losses[:, -1] for size, losses in after.items()}
    spread = np.hypot(last[64].std(ddof=1), last[256].std(ddof=1))
    assert abs(last[64].mean() - last[256].mean()) < 3 * spread
    assert last[1024].mean() - last[256].mean() > 2 * last[256].std(ddof=1)
    # 88 steps: four passes in batches of 4,096, one in batches of 1,024.
    assert after[4096][:, 3].mean() == pytest.approx(after[1024][:, 0].mean(), abs=0.01)
