"""Running a scan: points are taken from the study, trained by a crew, and what came of them is kept."""

import contextlib
import json
import os
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

from tqdm.auto import tqdm

from jetlab import inputs, training
from jetlab.config import RunConfig
from jetlab.scan.crew import End, Farm, Here, Report, farm
from jetlab.scan.space import ScanError, Space
from jetlab.scan.study import Study
from jetlab.scan.table import Table, in_words
from jetlab.training import checkpoint

#: Seconds between two looks at what others do, and at the control.
LOOK = 0.25
#: Seconds without any worker after which a scan says what it waits for.
PATIENCE = 20.0
#: Makes the inputs of a configuration, as `inputs.remembering` gives it; or the inputs, where they are always the same.
Source = training.Data | Callable[[RunConfig], inputs.Prepared]


class Control:
    """Holds or ends a scan from another thread. A scan that is held begins no trial; those at work go on."""

    def __init__(self) -> None:
        self.held, self.stopped = threading.Event(), threading.Event()

    def pause(self) -> None:
        """Begin no trial until `resume`."""
        self.held.set()

    def resume(self) -> None:
        """Go on."""
        self.held.clear()

    def stop(self) -> None:
        """End; what is done is kept, and the points at work are free for the next time."""
        self.stopped.set()


def run(
    space: Space | None,
    data: Source,
    storage: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    dask: str | None = None,
    trials: int | None = None,
    prune: bool = False,
    control: Control | None = None,
    on_change: Callable[[Study], None] | None = None,
) -> Table:
    """Scan: train the points of a space, and return the table of what came of them, chosen by validation jets.

    The points of a grid are all trained, mixed so that the first few cover it; with ranges Optuna's TPE sampler
    (doi:10.5555/2986459.2986743) chooses. The same call again goes on where it was interrupted, and several may be made
    at once on the same `storage`. Test jets are not looked at; `look` does that at the end.

    Args:
        space: what is scanned; None: what the study in `storage` says.
        data: the inputs, or what makes them for a configuration; they go to each worker once.
        storage: a file, a database's URL, or None: nothing is kept; see `Study`.
        workers: processes on this machine (None: one for each core). 1: this process itself.
        dask: address of a Dask scheduler, whose workers train instead.
        trials: points in all (None: the whole grid, or 50).
        prune: end trials early whose validation loss is worse than the median of the others'.
        control: to hold or end the scan from another thread.
        on_change: called with the study whenever a point was taken or is over (None: a progress bar).

    Raises ScanError for a study of something else and where every trial failed.
    """
    study, control = Study(storage, space), control or Control()
    wanted = trials or study.space.size or 50
    wanted = min(wanted, study.space.size) if study.space.is_grid else wanted
    with contextlib.ExitStack() as stack:
        change = on_change or stack.enter_context(contextlib.closing(_Bar(wanted)))
        runner = _Runner(study, data, control, change, wanted, prune)
        if workers == 1 and dask is None:
            runner.go(Here(runner.hear, control.stopped.is_set))
        else:
            runner.go(stack.enter_context(farm(workers, dask)))
    points = study.points()
    if points and all(point.error for point in points):
        raise ScanError(f"No point could be trained. The first failed with {points[0].error}")
    return Table(study.space, points)


class _Runner:
    """One runner's work on a study."""

    def __init__(
        self,
        study: Study,
        data: Source,
        control: Control,
        on_change: Callable[[Study], None],
        wanted: int,
        prune: bool,
    ) -> None:
        self._study, self._data, self._control, self._on_change = study, data, control, on_change
        self._wanted, self._prune = wanted, prune
        self._at_work: dict[int, tuple[RunConfig, ...]] = {}
        self._pruned: set[int] = set()
        self._shared: dict[str, Any] = {}
        self._crew: Here | Farm
        self._last_seen, self._warned = time.monotonic(), False

    def go(self, crew: Here | Farm) -> None:
        """Train until nothing is left, also of what others leave, or until stopped."""
        self._crew = crew
        with self._study.alive():
            try:
                self._on_change(self._study)
                while self._goes_on():
                    message = crew.next(LOOK)
                    if isinstance(message, Report):
                        self.hear(message)
                    elif message is not None:
                        self._ended(message)
            finally:
                for number in self._at_work:
                    self._study.fail(number)
                self._on_change(self._study)

    def hear(self, report: Report) -> None:
        """Keep a validation loss on the way; end the trial where it is not worth its time."""
        if report.number in self._at_work and self._study.report(report.number, report.step, report.loss):
            self._pruned.add(report.number)
            self._crew.halt(report.number)

    def _goes_on(self) -> bool:
        """Take new points for whoever is free; False once all is over."""
        if self._control.stopped.is_set():
            return False
        if self._control.held.is_set():
            time.sleep(0 if self._at_work else LOOK)
            return True
        size = self._crew.size
        self._look_for_workers(size)
        while len(self._at_work) < size and not self._control.stopped.is_set():
            point = self._study.claim(self._wanted)
            if point is None:
                # The points of others may become free again, so wait for their ends.
                waits = not self._at_work and self._study.others() > 0
                time.sleep(LOOK if waits else 0)
                return waits or bool(self._at_work)
            self._at_work[point.number] = point.configs
            self._on_change(self._study)
            self._submit(point.number)
        return True

    def _look_for_workers(self, size: int) -> None:
        """Warn, once, where there has been no worker for long: a farm may give one later, or never."""
        if size:
            self._last_seen = time.monotonic()
        elif not self._warned and time.monotonic() - self._last_seen > PATIENCE:
            self._warned = True
            warnings.warn(
                "The Dask cluster has no worker yet, and the scan waits for one. If none should come: are the farm's "
                "jobs running, and can they reach the scheduler?",
                stacklevel=2,
            )

    def _submit(self, number: int) -> None:
        configs = self._at_work[number]
        try:
            data = self._shares(configs[0])
        except training.TrainingError as error:
            self._ended(End(number, error=str(error)))
            return
        self._crew.submit(number, configs, data, self._prune)

    def _ended(self, end: End) -> None:
        if end.lost:
            # All workers that had the data are gone: share them again.
            self._shared.clear()
            self._submit(end.number)
            return
        if self._control.stopped.is_set():
            return
        configs = self._at_work.pop(end.number)
        if end.error:
            self._study.fail(end.number, end.error)
        else:
            # It may have come to its end before it was told that it is not worth it.
            whole = len(end.outcomes) == len(configs) and end.outcomes[-1].reason != "stopped"
            self._study.finish(end.number, list(end.outcomes), end.number in self._pruned and not whole)
        self._on_change(self._study)

    def _shares(self, config: RunConfig) -> Any:
        """The inputs of a configuration on the workers, brought there when they are first asked for."""
        kind = json.dumps(inputs.kind(config)) if callable(self._data) else ""
        if kind not in self._shared:
            data = self._data(config).data if callable(self._data) else self._data
            self._study.agree(f"jets {kind}".strip(), checkpoint.fingerprint(data))
            self._shared[kind] = self._crew.share(data)
        return self._shared[kind]


class _Bar:
    """Points that are done, and the best of them, in a cell or a terminal."""

    def __init__(self, wanted: int) -> None:
        self._shown: tqdm[NoReturn] = tqdm(total=wanted, desc="scan", unit="point")

    def __call__(self, study: Study) -> None:
        table = Table(study.space, study.points())
        self._shown.n = len(table.points) - len(table.running)
        best = table.best
        if best is not None:
            self._shown.set_postfix_str(f"best {table.name(best)}: {in_words(table.judged(best))}", refresh=False)
        self._shown.refresh()

    def close(self) -> None:
        """Leave it as it is."""
        self._shown.close()
