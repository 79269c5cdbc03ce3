"""Who trains the points of a scan: this process, or the workers of a Dask cluster, here or on a farm."""

import contextlib
import logging
import queue
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from jetlab import shipped
from jetlab.config import RunConfig
from jetlab.scan import trial
from jetlab.scan.space import ScanError
from jetlab.threads import cores
from jetlab.training import Data

#: Seconds to wait for a scheduler.
TIMEOUT = 20

#: What Dask does besides its work costs a tenth of a training that takes all cores. Its variables make the C library
#: give back memory after each batch, and stay behind in this process, which may train later; its clocks, fifty times a
#: second in each process, and its profiler hold up the thread that trains.
_CALM: dict[str, Any] = {
    "distributed.nanny.pre-spawn-environ": {},
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
}

#: What a worker shall end, by topic and number; set by the process that runs the scan.
_halted: set[tuple[str, int]] = set()


@dataclass(frozen=True)
class Report:
    """The validation loss of a trial on the way."""

    number: int
    step: int
    loss: float


@dataclass(frozen=True)
class End:
    """A trial is over: what came of it, or the error; `lost` where its data are no longer on any worker."""

    number: int
    outcomes: Sequence[trial.Outcome] = ()
    error: str = ""
    lost: bool = False


class Here:
    """Trains in this process, a point at a time, while `submit` is called."""

    size = 1

    def __init__(self, hear: Callable[[Report], None], stopped: Callable[[], bool]) -> None:
        self._hear, self._stopped = hear, stopped
        self._halted: set[int] = set()
        self._ends: list[End] = []

    def share(self, data: Data) -> Any:
        """What `submit` takes as data."""
        return data

    def submit(self, number: int, configs: Sequence[RunConfig], data: Any, reports: bool) -> None:
        """Train a point."""

        def look(step: tuple[int, float] | None) -> bool:
            if step and reports:
                self._hear(Report(number, *step))
            return self._stopped() or number in self._halted

        self._ends.append(_ended(number, lambda: trial.train(configs, data, look)))

    def halt(self, number: int) -> None:
        """End a trial soon."""
        self._halted.add(number)

    def next(self, seconds: float) -> Report | End | None:
        """The next message, or None where there is none in so many seconds."""
        return self._ends.pop(0) if self._ends else None


class Farm:
    """Trains on the workers of a Dask cluster, each a point at a time. The study stays with whoever runs the scan.

    Where a worker dies, Dask gives its point to another, three times at most.
    """

    def __init__(self, client: Any) -> None:
        self._client, self._topic = client, f"jetlab-{uuid.uuid4().hex}"
        self._messages: queue.SimpleQueue[Report | End] = queue.SimpleQueue()
        self._futures: dict[int, Any] = {}
        client.subscribe_topic(self._topic, lambda event: self._messages.put(Report(*event[1])))

    @property
    def address(self) -> str:
        """Of the scheduler, for `run` and others."""
        return str(self._client.scheduler.address)

    @property
    def size(self) -> int:
        """Points to have at work: one more than workers, so that none waits for the next; 0 before there are any."""
        workers = int(sum(self._client.nthreads().values()))
        return workers + 1 if workers else 0

    def share(self, data: Data) -> Any:
        """Copy data to the workers, once; a worker that comes later gets them from the others."""
        # All may have died a moment ago.
        self._client.wait_for_workers(1)
        return self._client.scatter(data, hash=False, broadcast=True)

    def submit(self, number: int, configs: Sequence[RunConfig], data: Any, reports: bool) -> None:
        """Hand a point to the next free worker."""
        future = self._client.submit(_work, number, configs, data, self._topic, reports, pure=False)
        self._futures[number] = future
        future.add_done_callback(lambda future: self._messages.put(_of(number, future)))

    def halt(self, number: int) -> None:
        """End a trial soon."""
        self._client.run(_halt, self._topic, number, wait=False, on_error="ignore")

    def next(self, seconds: float) -> Report | End | None:
        """The next message, or None where there is none in so many seconds."""
        try:
            message = self._messages.get(timeout=seconds)
        except queue.Empty:
            return None
        if isinstance(message, End):
            self._futures.pop(message.number, None)
        return message

    def close(self) -> None:
        """Take back what no worker has begun, and leave the cluster alone."""
        self._client.cancel(list(self._futures.values()))
        # What is at work goes on in its thread until it is told, and the connection ends here: so wait for that.
        self._client.run(_halt, self._topic, *self._futures, on_error="ignore")
        self._client.unsubscribe_topic(self._topic)


@contextlib.contextmanager
def farm(workers: int | None = None, address: str | None = None) -> Iterator[Farm]:
    """The workers of the scheduler at an address, or so many processes of this machine (None: one for each core).

    Raises ScanError where no scheduler answers or Dask is not installed.
    """
    try:
        import distributed
    except ModuleNotFoundError as error:
        raise ScanError(f"{error.name} is not installed: {shipped.install('scan')}") from error
    with contextlib.ExitStack() as stack:
        place: Any = address
        if address is None:
            place = stack.enter_context(cluster(workers or cores()))
        try:
            # distributed says the types of few of its functions.
            client = stack.enter_context(distributed.Client(place, timeout=TIMEOUT))  # type: ignore[no-untyped-call]
        except (OSError, ValueError) as error:
            raise ScanError(
                f"--dask {address}: no scheduler answers there ({error}). Give the address that `dask scheduler` "
                "printed, as tcp://HOST:8786."
            ) from error
        found = Farm(client)
        stack.callback(found.close)
        yield found


def cluster(workers: int, threads: int | None = None) -> Any:
    """Processes of this machine as a Dask cluster; `threads` of TensorFlow in each (None: they share the cores).

    Returns distributed.LocalCluster, to be closed as a context.
    """
    import dask
    import distributed

    share = str(threads or max(1, cores() // workers))
    variables = dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"), share)
    with dask.config.set(_CALM):
        return distributed.LocalCluster(  # type: ignore[no-untyped-call]  # distributed has few types
            n_workers=workers,
            threads_per_worker=1,
            dashboard_address=":0",
            memory_limit=0,  # Dask would stop or kill workers by a guess
            silence_logs=logging.CRITICAL,
            env=variables,
        )


def _work(number: int, configs: Sequence[RunConfig], data: Data, topic: str, reports: bool) -> End:
    """Train a point; this runs in a worker."""
    from distributed import get_worker

    worker = get_worker()

    def look(step: tuple[int, float] | None) -> bool:
        if step and reports:
            worker.log_event(topic, (number, *step))
        return (topic, number) in _halted

    return _ended(number, lambda: trial.train(configs, data, look))


async def _halt(topic: str, *numbers: int) -> None:  # distributed waits for all but coroutines
    _halted.update((topic, number) for number in numbers)


def _ended(number: int, train: Callable[[], Sequence[trial.Outcome]]) -> End:
    """The end of a trial: an error belongs to its point, and the scan goes on."""
    try:
        return End(number, train())
    except Exception as error:
        return End(number, error=f"{type(error).__name__}: {error}")


def _of(number: int, future: Any) -> End:
    if future.status == "finished":
        end: End = future.result()
        return end
    error = future.exception() if future.status == "error" else None
    if error is None or "Cancelled" in type(error).__name__:
        return End(number, lost=True)
    if type(error).__name__ == "KilledWorker":
        return End(number, error="Four workers that trained it were killed, most likely because the memory is full.")
    return End(number, error=f"{type(error).__name__}: {error}")
