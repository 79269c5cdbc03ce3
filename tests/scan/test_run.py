"""Scans: every point once, the same numbers as without a scan, whoever stops, dies or joins."""

import json
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import numpy as np
import pytest

from jetlab import inputs, scan, training
from jetlab.config import RunConfig
from jetlab.scan import Range, ScanError, Space, Study
from tests.scan.scans import CONFIG, GRID, curves, data, whole

optuna = pytest.importorskip("optuna", reason="the scan extra is not installed")

MOST = 120  # seconds to wait, on a machine that does other things meanwhile


def quiet(study: Study) -> None:
    """No progress bar."""


def test_a_scan_gives_the_numbers_of_its_runs() -> None:
    table = scan.run(GRID, data(), workers=1, on_change=quiet)
    assert whole(table)
    for point in table.done:
        assert point.configs == GRID.configs(point.values)
        for config, outcome in zip(point.configs, point.outcomes, strict=True):
            alone = training.run(config, data())
            assert outcome.seed == config.seed
            assert outcome.best_epoch == alone.best_epoch
            assert outcome.history["val_loss"] == pytest.approx(alone.history["val_loss"], rel=1e-5)
            assert (outcome.parameters, outcome.steps, outcome.jets) == (alone.model.count_params(), 10, 600)


def test_the_table_has_spread_and_the_best_first() -> None:
    table = scan.run(GRID, data(), workers=1, on_change=quiet)
    best = table.best
    losses = {point.number: np.mean(point.each("val_loss")) for point in table.done}
    assert losses[best.number] == min(losses.values())
    columns = table.columns()
    assert columns["point"][0] == str(best.number)
    assert columns["seeds"] == ["2"] * 6
    aucs = best.each("val_auc")
    assert columns["validation AUC"][0] == str(scan.spread(aucs))
    assert scan.spread(aucs).error == pytest.approx(np.std(aucs, ddof=1))
    lines = table.to_csv().splitlines()
    assert len(lines) == 1 + 6 * 2
    assert "time [s]" in lines[0]
    assert str(table).count("\n") == 6


def test_interrupted_scans_go_on(tmp_path: Path) -> None:
    control, file = scan.Control(), tmp_path / "study"

    def stop(study: Study) -> None:
        if sum(point.state == "done" for point in study.points()) == 2:
            control.stop()

    part = scan.run(GRID, data(), file, workers=1, control=control, on_change=stop)
    assert len(part.done) == 2
    assert part.running == []
    table = scan.run(GRID, data(), file, workers=1, on_change=quiet)
    assert whole(table)
    assert curves(part).items() <= curves(table).items()
    again = []
    scan.run(GRID, data(), file, workers=1, on_change=lambda study: again.append(len(study.points())))
    assert set(again) == {6}


def test_stopped_in_the_middle_of_a_point_it_is_free_again(tmp_path: Path) -> None:
    endless = Space.of(CONFIG, nodes=[2, 4], epochs=[1000])
    control = scan.Control()
    # The first point is taken by then, and training looks at the control after its first batches.
    stop = {"on_change": lambda study: control.stop() if study.points() else None}
    table = scan.run(endless, data(), tmp_path / "study", workers=1, control=control, **stop)
    assert table.done == table.running == []
    assert Study(tmp_path / "study").claim(2) is not None


def test_a_held_scan_begins_nothing_until_it_goes_on() -> None:
    control, seen = scan.Control(), []

    def hold(study: Study) -> None:
        points = study.points()
        seen.append(len(points))
        if len(points) == 1 and points[0].state == "done":
            control.pause()
            threading.Timer(1, control.resume).start()

    assert whole(scan.run(GRID, data(), workers=1, control=control, on_change=hold))
    assert seen == sorted(seen)


def test_many_runners_of_one_study_take_each_point_once(tmp_path: Path) -> None:
    space = Space.of(CONFIG, nodes=list(range(1, 31)))
    taken: list[int] = []
    begin = threading.Barrier(4)

    def take() -> None:
        study = Study(tmp_path / "study", space)
        begin.wait(MOST)
        with study.alive():
            while (point := study.claim(30)) is not None:
                assert study.finish(point.number, [])
                taken.append(point.values["nodes"])

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(1, 31))
    assert sorted(point.values["nodes"] for point in Study(tmp_path / "study").points()) == list(range(1, 31))


def test_the_sampler_is_asked_for_as_many_points_as_wanted_by_all_together(tmp_path: Path) -> None:
    space = Space.of(CONFIG, nodes=Range(2, 8), learning_rate=Range(1e-4, 1e-1, log=True), activation=["relu", "tanh"])

    def one() -> None:
        scan.run(space, data(), tmp_path / "study", workers=1, trials=12, on_change=quiet)

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    points = Study(tmp_path / "study").points()
    assert [point.state for point in points] == ["done"] * 12
    assert len({point.runner for point in points}) == 2
    for point in points:
        assert 2 <= point.values["nodes"] <= 8
        assert 1e-4 <= point.values["learning_rate"] <= 1e-1
        assert isinstance(point.configs[0], RunConfig)


RUNNER = """
import json, sys
from jetlab import scan
from tests.scan.scans import data
space, file = scan.Space.from_json(sys.argv[1]), sys.argv[2]
scan.run(space, data(int(sys.argv[3])), file, workers=1, on_change=lambda study: print(len(study.points()), flush=True))
"""


def test_what_a_killed_runner_had_is_taken_up(tmp_path: Path, repository: Path) -> None:
    space = Space.of(CONFIG, nodes=[2, 4, 8], epochs=[200])
    command = [sys.executable, "-c", RUNNER, space.to_json(), str(tmp_path / "study"), "20000"]
    with subprocess.Popen(command, cwd=repository, stdout=subprocess.PIPE, text=True) as runner:
        while runner.stdout.readline().strip() != "1":
            assert runner.poll() is None
        runner.kill()
    (left,) = Study(tmp_path / "study").points()
    assert left.state == "running"
    quick = Study(tmp_path / "study")
    taken = []
    while (point := quick.claim(3)) is not None:
        taken.append(point.values["nodes"])
    assert sorted(taken) == [2, 4, 8]
    assert left.values["nodes"] in taken
    # The killed one, had it only slept, would find that its point counts no more.
    assert not quick.finish(left.number, [])


def test_a_runner_elsewhere_is_given_up_when_it_gives_no_sign_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0  # by the clock of the one that watches
    monkeypatch.setattr(scan.study, "time", types.SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(scan.study, "BEAT", 0.02)
    here, there = Study(tmp_path / "study", GRID), Study(tmp_path / "study", GRID)
    there.runner = f"elsewhere/1:1:1:{there.runner[-8:]}"

    def signs() -> int:
        storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(tmp_path / "study")))
        return int(optuna.load_study(study_name=scan.study.NAME, storage=storage).user_attrs.get(there.runner, 0))

    with there.alive():
        lost = there.claim(6)
        for _ in range(4):
            seen, end = signs(), time.monotonic() + MOST
            while signs() == seen:
                assert time.monotonic() < end
            now += 0.9 * scan.study.GRACE
            assert here.others() == 1
    assert here.others() == 1
    now += 1.1 * scan.study.GRACE
    assert here.others() == 0
    assert lost.values in [point.values for point in iter(lambda: here.claim(6), None)]


def test_points_that_are_no_good_are_pruned() -> None:
    space = Space.of(CONFIG, learning_rate=[1e-2 * (1 + i / 10) for i in range(8)] + [1e-7, 1e-8], epochs=[6])
    table = scan.run(space, data(), workers=1, prune=True, on_change=quiet)
    pruned = [point for point in table.points if point.state == "pruned"]
    assert {1e-7, 1e-8} & {point.values["learning_rate"] for point in pruned}
    assert all(len(point.outcomes[0].history["val_loss"]) < 6 for point in pruned)
    assert table.best.values["learning_rate"] > 1e-3


def test_a_point_that_fails_does_not_stop_the_others() -> None:
    space = Space.of(RunConfig(epochs=1, layers=1), inputs=[["a", "b"], ["a", "b", "c"]], nodes=[2, 4])
    table = scan.run(space, data(), workers=1, on_change=quiet)
    assert len(table.done) == 2
    assert {len(point.values["inputs"]) for point in table.points if "3 inputs" in point.error} == {3}
    with pytest.raises(ScanError, match=r"No point could be trained.*3 inputs"):
        scan.run(Space.of(RunConfig(epochs=1), inputs=[["a", "b", "c"]], nodes=[2]), data(), workers=1, on_change=quiet)


def test_one_study_is_one_scan_of_the_same_jets(tmp_path: Path) -> None:
    scan.run(GRID, data(), tmp_path / "study", workers=1, trials=1, on_change=quiet)
    with pytest.raises(ScanError, match="scans something else"):
        scan.run(Space.of(CONFIG, nodes=[2, 4]), data(), tmp_path / "study", workers=1, on_change=quiet)
    with pytest.raises(ScanError, match="other jets"):
        scan.run(GRID, data(seed=2), tmp_path / "study", workers=1, on_change=quiet)
    with pytest.raises(ScanError, match="no scan in"):
        Study(tmp_path / "another")
    # Who joins need not say what is scanned.
    assert whole(scan.run(None, data(), tmp_path / "study", workers=1, on_change=quiet))


def test_a_database_keeps_a_study_too(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    scan.run(GRID, data(), url, workers=1, trials=3, on_change=quiet)
    assert whole(scan.run(GRID, data(), url, workers=1, on_change=quiet))


def test_test_jets_are_looked_at_in_the_end_only() -> None:
    asked = []

    def prepare(config: RunConfig) -> inputs.Prepared:
        asked.append(config)
        other = data(seed=5)
        return inputs.Prepared(data(), other.x_validation, other.y_validation, other.w_validation)

    space = Space.of(CONFIG, nodes=[2, 4], seed=[1, 2])
    table = scan.run(space, prepare, workers=1, on_change=quiet)
    assert len(asked) == 1
    found = scan.look(table, prepare)
    assert asked[-1] == table.best.configs[0]
    assert 0.5 < found["auc"].value < 1
    assert found["auc"].error > 0


def test_runs_of_one_structure_share_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    from jetlab.training import programs

    made, program = [], programs.Program
    monkeypatch.setattr(programs, "Program", lambda *given: made.append(1) or program(*given))
    space = Space.of(CONFIG, nodes=[3, 5], learning_rate=[1e-3, 2e-3, 3e-3, 4e-3], seed=[1, 2])
    scan.run(space, data(), workers=1, on_change=quiet)
    assert len(made) == 2


def test_json_of_a_study_says_what_is_scanned(tmp_path: Path) -> None:
    scan.run(GRID, data(), tmp_path / "study", workers=1, trials=1, on_change=quiet)
    assert json.loads(Study(tmp_path / "study").space.to_json())["nodes"] == [2, 4]
