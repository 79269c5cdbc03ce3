import time

import pytest

from jetlab import training
from jetlab.training import BatchEnd, EpochEnd, TrainEnd


def epoch(number: int, val_loss: float) -> EpochEnd:
    return EpochEnd(number, 5, 0.5, val_loss, {}, 1.0, 1000.0)


def test_a_bar_is_there_before_the_first_epoch_ends(capsys: pytest.CaptureFixture[str]) -> None:
    show = training.bar("seed 1")
    show(BatchEnd(1, 5, 1, 100, 0.7))
    assert "seed 1:   0%" in capsys.readouterr().err
    show(epoch(1, 0.25))
    show(BatchEnd(2, 5, 1, 100, 0.6))
    show(epoch(2, 0.75))
    show(TrainEnd("saturated", "", 1, 2.0, 1000.0, "CPU"))
    last = capsys.readouterr().err.splitlines()[-1].rpartition("\r")[2]
    assert last.startswith("seed 1: saturated: 100%")
    assert "2/2" in last
    assert "val_loss=0.7500" in last


def test_a_training_that_is_stopped_at_once_leaves_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    training.bar()(TrainEnd("stopped", "", 0, 0.0, 0.0, "CPU"))
    assert capsys.readouterr().err == ""


def test_a_clock_shows_at_once_and_runs(capsys: pytest.CaptureFixture[str]) -> None:
    with training.clock("BDT"):
        shown = capsys.readouterr().err
        assert "BDT: 0%" in shown
        until = time.monotonic() + 60
        while "00:01" not in shown and time.monotonic() < until:
            time.sleep(0.05)
            shown += capsys.readouterr().err
        assert "BDT: 0%" in shown.rpartition("\r")[2]
        assert "00:01" in shown
    assert "BDT: 100%" in capsys.readouterr().err


def test_a_clock_lets_an_error_through_and_stops(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with training.clock("BDT"):
            raise ValueError("no jets")

    with pytest.raises(ValueError, match="no jets"):
        fail()
    assert "100%" not in capsys.readouterr().err
