"""The study of a scan: which points are taken, by whom, and what came of them. Optuna keeps it.

Several runners, of one person or of a class, may work on one study: on a file that they share or a database. A grid's
point is taken by adding its trial, which is one entry of Optuna's log; of two that took the same the later gives way.
So each point counts once, whoever dies when. (Optuna's own GridSampler may hand a point to several.)
"""

import contextlib
import dataclasses
import functools
import json
import os
import platform
import random
import threading
import time
import uuid
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil

from jetlab import shipped
from jetlab.config import INTEGERS, RunConfig
from jetlab.scan.space import Range, ScanError, Space
from jetlab.scan.trial import Outcome

#: Seconds between two signs of life of a runner, and after which one without any is given up.
BEAT, GRACE = 15.0, 60.0
#: Name of the study: a file or database holds one scan.
NAME = "jetlab"
RUNNING, DONE, PRUNED, FAILED = "running", "done", "pruned", "failed"


@functools.cache
def load_optuna() -> ModuleType:
    """Import Optuna when a scan needs it, without its log. Raises ScanError where it is not installed."""
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise ScanError(f"{error.name} is not installed: {shipped.install('scan')}") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


@dataclass(frozen=True)
class Point:
    """A point of the scan: knob -> value, its runs, what became of it ("running", "done", "pruned" or "failed").

    `outcomes` has one entry for each seed that was trained, `error` says why the point failed, `runner` who trains it.
    """

    number: int
    values: Mapping[str, Any]
    configs: tuple[RunConfig, ...]
    state: str
    outcomes: tuple[Outcome, ...] = ()
    error: str = ""
    runner: str = ""

    def each(self, name: str) -> list[float]:
        """A number of the history in each run's best epoch, such as "val_auc"."""
        return [outcome.best(name) for outcome in self.outcomes]


class Study:
    """Takes points for one runner, and keeps what came of them.

    Args:
        storage: a file on a disk that all runners see, a database's URL as SQLAlchemy writes it, or None: this process.
        space: what is scanned; None: what the study says, which another began.

    Raises ScanError where the study scans something else, or there is none yet and no space.
    """

    def __init__(self, storage: str | os.PathLike[str] | None, space: Space | None = None) -> None:
        optuna = load_optuna()
        self._optuna, self._states = optuna, optuna.trial.TrialState
        self._storage = _opened(storage)
        # Several runners must not all begin with the same random points, so the sampler has no seed.
        sampler = optuna.samplers.TPESampler(constant_liar=True)
        shared = {"study_name": NAME, "storage": self._storage, "sampler": sampler}
        if space is None and NAME not in optuna.get_all_study_names(self._storage):
            raise ScanError(f"There is no scan in {storage} yet: say what is to be scanned.")
        self._study = optuna.create_study(direction="minimize", load_if_exists=True, **shared)
        self._id = self._storage.get_study_id_from_name(NAME)
        self.space = self._agreed(space, storage)
        self.runner = f"{_place()}:{os.getpid()}:{psutil.Process().create_time():.0f}:{uuid.uuid4().hex[:8]}"
        self._seen: dict[str, tuple[Any, float]] = {}
        self._distributions = {name: self._distribution(name, each) for name, each in self.space.knobs.items()}

    def points(self) -> list[Point]:
        """All points that count, in the order in which they were taken."""
        return [self._point(trial) for trial in self._trials() if self._counts(trial)]

    def agree(self, name: str, value: Any) -> None:
        """Keep something all runners must have in common, such as the jets. Raises ScanError where it differs."""
        kept = self._study.user_attrs
        if name not in kept:
            self._storage.set_study_user_attr(self._id, name, value)
        if kept.get(name, value) != value:
            raise ScanError(
                "The study is of other jets, or jets prepared in another way: take the same data, or another study."
            )

    def claim(self, wanted: int) -> Point | None:
        """Take a point that nobody has: of a grid the next, else the sampler's. None where `wanted` points are taken.

        Points of runners that died are free again.
        """
        self._free()
        return self._claim_of_grid(wanted) if self.space.is_grid else self._claim_of_sampler(wanted)

    def others(self) -> int:
        """Points that other runners train at present; those of dead ones are set free."""
        self._free()
        return sum(t.state == self._states.RUNNING and self._runner(t) != self.runner for t in self._trials())

    def report(self, number: int, step: int, value: float) -> bool:
        """Keep a validation loss on the way; returns whether the trial is worse than most others and should end."""
        trial = self._optuna.trial.Trial(self._study, self._trial_id(number))
        # A trial that begins anew on another worker reports what it has reported before.
        if step not in self._storage.get_trial(self._trial_id(number)).intermediate_values:
            with contextlib.suppress(self._optuna.exceptions.UpdateFinishedTrialError):
                trial.report(value, step)
        return bool(trial.should_prune())

    def finish(self, number: int, outcomes: list[Outcome], pruned: bool = False) -> bool:
        """Keep what came of a point; False where it counts no more, since another took it up meanwhile."""
        found = [outcome.best(self.space.judged_by) for outcome in outcomes]
        kept = [dataclasses.asdict(outcome) for outcome in outcomes]
        state = self._states.PRUNED if pruned else self._states.COMPLETE
        try:
            self._storage.set_trial_user_attr(self._trial_id(number), "outcomes", kept)
            value = sum(found) / len(found) if found else float("inf")
            self._storage.set_trial_state_values(self._trial_id(number), state, [value])
        except self._optuna.exceptions.UpdateFinishedTrialError:
            return False
        return True

    def fail(self, number: int, error: str = "") -> None:
        """End a trial without result: for good because of an `error`, else so that its point is free again."""
        with contextlib.suppress(self._optuna.exceptions.UpdateFinishedTrialError):
            if error:
                self._storage.set_trial_user_attr(self._trial_id(number), "error", error)
            self._storage.set_trial_state_values(self._trial_id(number), self._states.FAIL)

    @contextlib.contextmanager
    def alive(self) -> Iterator[None]:
        """Give signs of life while a block runs, so that nobody takes up what this runner has."""
        over = threading.Event()

        def beat() -> None:
            count = 0
            while True:
                count += 1
                self._storage.set_study_user_attr(self._id, self.runner, count)
                if over.wait(BEAT):
                    return

        beating = threading.Thread(target=beat, daemon=True)
        beating.start()
        try:
            yield
        finally:
            over.set()
            beating.join()

    def _agreed(self, space: Space | None, storage: Any) -> Space:
        kept = self._study.user_attrs.get("space")
        if kept is None and space is not None:
            self._storage.set_study_user_attr(self._id, "space", space.to_json())
            # Two may begin at once; the log says who was the last to write.
            kept = self._study.user_attrs["space"]
        if kept is None:
            raise ScanError(f"The scan in {storage} does not say what it scans: say it, or take another file.")
        if space is not None and kept != space.to_json():
            raise ScanError(f"The study in {storage} scans something else ({kept}): take that, or another file.")
        return Space.from_json(kept)

    def _claim_of_grid(self, wanted: int) -> Point | None:
        while True:
            trials = self._trials()
            taken = {_key(trial.params) for trial in trials if self._counts(trial)}
            points = [point for point in self.space.grid() if _key(self._params(point)) not in taken]
            if not points or len(taken) >= wanted:
                return None
            # Where others are at work too, they would all go for the same next point.
            crowd = any(t.state == self._states.RUNNING and self._runner(t) != self.runner for t in trials)
            number = self._added(random.choice(points) if crowd else points[0])
            mine, earlier = self._ranked(number)
            if len(earlier) < wanted and _key(mine.params) not in {_key(trial.params) for trial in earlier}:
                return self._point(mine)
            self.fail(number)

    def _claim_of_sampler(self, wanted: int) -> Point | None:
        if sum(map(self._counts, self._trials())) >= wanted:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", self._optuna.exceptions.ExperimentalWarning)
            number = self._study.ask(self._distributions).number
        self._storage.set_trial_user_attr(self._trial_id(number), "runner", self.runner)
        mine, earlier = self._ranked(number)
        if len(earlier) < wanted:
            return self._point(mine)
        self.fail(number)
        return None

    def _added(self, point: Mapping[str, Any]) -> int:
        """Number of a new trial, which has its point and its runner from the first moment."""
        trial = self._optuna.trial.create_trial(
            state=self._states.RUNNING,
            params=self._params(point),
            distributions=self._distributions,
            user_attrs={"runner": self.runner},
        )
        added = self._storage.create_new_trial(self._id, trial)
        number: int = self._storage.get_trial(added).number
        return number

    def _ranked(self, number: int) -> tuple[Any, list[Any]]:
        """A trial, and the earlier ones that count."""
        trials = {trial.number: trial for trial in self._trials()}
        return trials[number], [t for t in trials.values() if t.number < number and self._counts(t)]

    def _free(self) -> None:
        """Set the points of dead runners free."""
        for trial in self._trials():
            if trial.state == self._states.RUNNING and self._is_dead(trial):
                self.fail(trial.number)

    def _is_dead(self, trial: Any) -> bool:
        runner = self._runner(trial)
        if runner == self.runner:
            return False
        place, *process, _ = runner.split(":") if runner else ("", "")
        if place == _place() and not _lives(*process):
            return True
        # Clocks of machines differ: what counts is for how long this one has seen nothing new.
        key = runner or str(trial.number)
        beat, now = self._study.user_attrs.get(runner), time.monotonic()
        if key not in self._seen or self._seen[key][0] != beat:
            self._seen[key] = beat, now
        return now - self._seen[key][1] > GRACE

    def _counts(self, trial: Any) -> bool:
        return trial.state != self._states.FAIL or "error" in trial.user_attrs

    def _trials(self) -> list[Any]:
        found: list[Any] = self._study.get_trials(deepcopy=False)
        return found

    def _trial_id(self, number: int) -> Any:
        return self._storage.get_trial_id_from_study_id_trial_number(self._id, number)

    def _runner(self, trial: Any) -> str:
        return str(trial.user_attrs.get("runner", ""))

    def _params(self, point: Mapping[str, Any]) -> dict[str, Any]:
        return {name: _stored(value) for name, value in point.items()}

    def _point(self, trial: Any) -> Point:
        values = {name: _read(value) for name, value in trial.params.items()}
        names = {"RUNNING": RUNNING, "COMPLETE": DONE, "PRUNED": PRUNED, "FAIL": FAILED, "WAITING": RUNNING}
        outcomes = tuple(Outcome(**each) for each in trial.user_attrs.get("outcomes", ()))
        # Another runner's trial may have been asked for, but not yet have its values.
        configs = self.space.configs(values) if len(values) == len(self.space.knobs) else ()
        error = trial.user_attrs.get("error", "")
        return Point(trial.number, values, configs, names[trial.state.name], outcomes, error, self._runner(trial))

    def _distribution(self, name: str, choices: Any) -> Any:
        kinds = self._optuna.distributions
        if not isinstance(choices, Range):
            return kinds.CategoricalDistribution([_stored(value) for value in choices])
        kind = kinds.IntDistribution if name in INTEGERS else kinds.FloatDistribution
        return kind(choices.low, choices.high, choices.log)


def _opened(storage: str | os.PathLike[str] | None) -> Any:
    storages = load_optuna().storages
    if storage is None:
        return storages.InMemoryStorage()
    if "://" in str(storage):
        return storages.RDBStorage(str(storage))
    path = Path(storage).expanduser()
    path.parent.mkdir(parents=True, exist_ok=True)
    return storages.JournalStorage(storages.journal.JournalFileBackend(str(path)))


def _stored(value: Any) -> Any:
    """A value as Optuna takes it: lists as JSON."""
    return json.dumps(value) if isinstance(value, tuple | list) else value


def _read(value: Any) -> Any:
    return tuple(json.loads(value)) if isinstance(value, str) and value.startswith("[") else value


def _key(params: Mapping[str, Any]) -> str:
    return json.dumps(params, sort_keys=True)


@functools.cache
def _place() -> str:
    """Where process numbers mean the same: a machine, and a container on it."""
    try:
        space = os.readlink("/proc/self/ns/pid").strip("pid:[]")
    except OSError:  # not Linux
        space = f"{psutil.boot_time():.0f}"
    return f"{platform.node()}/{space}".replace(":", ".")


def _lives(process: str, start: str) -> bool:
    try:
        found = psutil.Process(int(process))
        return abs(found.create_time() - float(start)) < 2 and found.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
