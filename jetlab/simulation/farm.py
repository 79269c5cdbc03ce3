"""Chunks of simulated events, made in parallel and kept: what every sample of `jetlab simulate` is made with.

Every chunk has its own seed, derived from the run's seed and the chunk's name, and is kept on disk until the whole is
done; so an interrupted run goes on where it was and the result does not depend on the number of workers, nor on whether
they are processes here or a Dask cluster.
"""

import contextlib
import functools
import json
import math
import multiprocessing
import os
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from jetlab.errors import JetlabError, memory_full
from jetlab.io.checks import atomic
from jetlab.simulation.generator import Array, Particles, Process

DASK_TIMEOUT = 20  # seconds to wait for a scheduler


class SimulationError(JetlabError, RuntimeError):
    """A simulation cannot start or go on; the message says what to do."""


@dataclass(frozen=True)
class Task:
    """One chunk: its process, its number among the chunks of that process, and its luminosity section."""

    process: Process
    number: int
    lumi: int

    @property
    def name(self) -> str:
        """What its file is called and its seed derives from."""
        return f"{self.process.name}-{self.number:05d}"

    def file(self, parts: Path) -> Path:
        """Where it is kept when finished."""
        return parts / f"{self.name}.npz"


@dataclass(frozen=True)
class Recipe:
    """How the chunks of a run are made; both functions run in a worker and write one file.

    `chunk` is called with the task, the file to write, the file of the pile-up pool, and a seed; `pool` with the file
    to write and a seed; None where there is no pile-up.
    """

    chunk: Callable[[Task, Path, Path, int], None]
    pool: Callable[[Path, int], None] | None = None


def plan(chunks: dict[Process, int]) -> list[Task]:
    """The first chunks of each process, each with a luminosity section of its own."""
    return [
        Task(process, i, i * len(chunks) + position + 1)
        for position, (process, n) in enumerate(chunks.items())
        for i in range(n)
    ]


def enlarged(chunks: dict[Process, int], found: dict[Process, int], wanted: dict[Process, int]) -> dict[Process, int]:
    """How many chunks of each process it takes, judged by what the chunks so far gave."""
    return {
        kind: n if found[kind] >= wanted[kind] else max(n + 1, math.ceil(n * 1.02 * wanted[kind] / max(found[kind], 1)))
        for kind, n in chunks.items()
    }


def seed_of(seed: int, name: str) -> int:
    """Seed of the part `name` of the run with that seed."""
    return int(np.random.SeedSequence([seed, zlib.crc32(name.encode())]).generate_state(1)[0])


def pythia_seed(seed: int) -> int:
    """The seed as Pythia takes it: from 1 to 900,000,000."""
    return seed % 900_000_000 + 1


def check_settings(workers: int, variation: str, variations: dict[str, Any]) -> None:
    """Raise SimulationError where there is no worker, or no such variation."""
    if workers < 1:
        raise SimulationError(f"--workers {workers}: at least one is needed.")
    if variation not in variations:
        raise SimulationError(f"--variation {variation}: it is one of {', '.join(variations)}.")


@contextlib.contextmanager
def executor(workers: int, dask: str | None) -> Iterator[Executor]:
    """Processes of this machine, or those of a Dask cluster behind the same interface.

    Raises:
        SimulationError: no scheduler answers at the address `dask`.
    """
    if dask is None:
        # Pythia is not safe to fork once used, and a spawned worker starts clean.
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _follow_parent) as processes:
            yield processes
        return
    from distributed import Client

    try:
        client = Client(dask, timeout=DASK_TIMEOUT)  # type: ignore[no-untyped-call]  # distributed has few types
    except (OSError, ValueError) as error:
        raise SimulationError(
            f"--dask {dask}: no scheduler answers there ({error}). Give the address that `dask scheduler` printed, as "
            "tcp://HOST:8786."
        ) from error
    with client:
        yield client.get_executor()  # type: ignore[no-untyped-call]


def parts_folder(output: Path, settings: dict[str, Any]) -> Path:
    """The folder of finished chunks, new or left by an interrupted run with the same settings.

    Raises:
        SimulationError: the folder has chunks made with other settings.
    """
    parts = output.with_name(output.name + ".parts")
    parts.mkdir(parents=True, exist_ok=True)
    stamp = parts / "settings.json"
    text = json.dumps(settings, indent=1)
    if stamp.exists() and stamp.read_text() != text:
        raise SimulationError(
            f"{parts} holds chunks made with another seed or other settings: "
            "delete that folder, or choose another --output."
        )
    stamp.write_text(text)
    return parts


def finish(tasks: list[Task], parts: Path, seed: int, recipe: Recipe, executor: Executor) -> None:
    """Run the tasks that are not done yet.

    Raises:
        SimulationError: a worker was killed.
        MemoryFullError: a worker found no memory.
    """
    remedy = "give the same command again with fewer --workers, which goes on where this one stopped"
    try:
        _run(tasks, parts, seed, recipe, executor)
    except MemoryError as error:
        raise memory_full(error, remedy) from error
    except BrokenProcessPool as error:
        raise SimulationError(f"A worker was killed, most likely because the memory is full: {remedy}.") from error


def _run(tasks: list[Task], parts: Path, seed: int, recipe: Recipe, executor: Executor) -> None:
    pool = parts / "pile-up.npz"
    if recipe.pool is not None and not pool.exists():
        print("Making the pile-up pool (some ten seconds) ...", flush=True)
        executor.submit(recipe.pool, pool, seed_of(seed, "pile-up")).result()
    missing = [task for task in tasks if not task.file(parts).exists()]
    waiting = [
        executor.submit(recipe.chunk, task, task.file(parts), pool, seed_of(seed, task.name)) for task in missing
    ]
    try:
        done = tqdm(
            as_completed(waiting), total=len(tasks), initial=len(tasks) - len(missing), unit="chunk", desc="jets"
        )
        for future in done:
            future.result()
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        raise


def _follow_parent() -> None:
    """End this worker when the process that started it is gone, however that came about."""

    def wait() -> None:
        parent = multiprocessing.parent_process()
        assert parent is not None  # this is a worker
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def stack(tables: list[dict[str, Array]]) -> dict[str, Array]:
    """Several tables with the same columns as one."""
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


def save_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """Write named arrays, all or nothing: what is interrupted leaves no file of that name."""
    with atomic(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


@functools.cache
def read_pool(path: Path) -> Particles:
    """The pile-up pool, read once per worker."""
    with np.load(path, allow_pickle=False) as stored:
        return Particles(**dict(stored))
