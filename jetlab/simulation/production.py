"""`jetlab simulate jets`: chunks in parallel, resumable, merged into one ROOT file with its correction and weights.

Every chunk has its own seed, derived from the run's seed and the chunk's name, and is kept on disk until the whole is
done; so an interrupted run goes on where it was and the result does not depend on the number of workers, nor on whether
they are processes here or a Dask cluster.
"""

import contextlib
import dataclasses
import functools
import importlib.metadata
import json
import math
import multiprocessing
import os
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from jetlab import io
from jetlab.errors import JetlabError, memory_full
from jetlab.io import schema
from jetlab.simulation import chunk, merging
from jetlab.simulation.chunk import Conditions, Task, plan, seed_of
from jetlab.simulation.generator import QCD, TOP, WW, Particles, Process
from jetlab.simulation.parameters import SHIFTED

EVENTS_PER_CHUNK = 500
POOL_EVENTS = 6000
MIN_JETS = 2000
DASK_TIMEOUT = 20  # seconds to wait for a scheduler
#: Selected jets per chunk, measured; only the first guess of how many chunks are needed.
EXPECTED_JETS = {TOP: 210, WW: 210, QCD: 150}


@dataclass(frozen=True)
class Variation:
    """Another simulation of the same jets: what the W come from, and the conditions."""

    signal: Process = TOP
    conditions: Conditions = field(default_factory=Conditions)


#: The sample itself, and what its systematic uncertainties are judged by. Each derives its own energy correction, as an
#: experiment that calibrates its jets in place does.
VARIATIONS = {
    "nominal": Variation(),
    "shower": Variation(conditions=Conditions(shower=("PartonShowers:model = 2",))),  # Vincia, arXiv:2003.00702
    "detector": Variation(conditions=Conditions(detector=SHIFTED)),
    "ww": Variation(signal=WW),  # pairs of W instead of top pairs: no b quark near the W
}


class SimulationError(JetlabError, RuntimeError):
    """A simulation cannot start or go on; the message says what to do."""


def simulate_jets(
    jets: int,
    seed: int,
    workers: int,
    output: str | os.PathLike[str],
    variation: str = "nominal",
    dask: str | None = None,
) -> Path:
    """Simulate `jets` selected jets, half of them hadronic W, and write them to the ROOT file `output`.

    Selected: 200 < pt < 500 GeV (corrected), |eta| < 2, matched to a generator jet; in events with W only jets with a
    merged W. A chunk takes about ten seconds; finished ones are kept in `<output>.parts` and used again if the run is
    interrupted. `variation` is one of VARIATIONS. `workers` only changes the time; they are processes here, or those of
    the Dask scheduler at the address `dask`, which must see the same folder. Returns the path written.

    Raises:
        SimulationError: a setting out of range, parts of another run in the way, or a worker that was killed.
        MemoryFullError: a worker found no memory.
    """
    if jets < MIN_JETS:
        raise SimulationError(f"--jets {jets} is too few to derive the energy correction: ask for at least {MIN_JETS}.")
    if workers < 1:
        raise SimulationError(f"--workers {workers}: at least one is needed.")
    if variation not in VARIATIONS:
        raise SimulationError(f"--variation {variation}: it is one of {', '.join(VARIATIONS)}.")
    chosen = VARIATIONS[variation]
    output = Path(output).absolute()
    parts = _parts_folder(output, seed, variation)
    per_class = (jets - jets // 2, jets // 2)
    processes = (chosen.signal, QCD)
    chunks = {p: math.ceil(n / EXPECTED_JETS[p]) for p, n in zip(processes, per_class, strict=True)}
    with _executor(workers, dask) as executor:
        while True:
            tasks = plan(chunks)
            _finish(tasks, parts, seed, chosen.conditions, executor)
            correction = merging.derive_correction(tasks, parts, chosen.conditions.gen_pt_edges)
            enough = _enlarged(chunks, merging.count_jets(tasks, parts, correction), per_class)
            if enough == chunks:
                break
            chunks = enough
    print("Merging the chunks and writing the file ...", flush=True)
    sample = merging.merge(tasks, parts, correction, per_class, seed_of(seed, "order"))
    provenance = {
        "made_by": f"jetlab simulate jets --jets {jets} --seed {seed} --variation {variation}",
        "settings": _settings(seed, variation),
        "correction": correction.to_dict(),
        "chunks": dict(Counter(task.process.name for task in tasks)),
    }
    io.write_root(dataclasses.replace(sample, provenance=provenance), output)
    shutil.rmtree(parts)
    return output


def _enlarged(chunks: dict[Process, int], found: dict[Process, int], wanted: tuple[int, int]) -> dict[Process, int]:
    """How many chunks of each process it takes, judged by what the chunks so far gave."""
    return {
        kind: n if found[kind] >= want else max(n + 1, math.ceil(n * 1.02 * want / max(found[kind], 1)))
        for (kind, n), want in zip(chunks.items(), wanted, strict=True)
    }


@contextlib.contextmanager
def _executor(workers: int, dask: str | None) -> Iterator[Executor]:
    """Processes of this machine, or those of a Dask cluster behind the same interface."""
    if dask is None:
        # Pythia is not safe to fork once used, and a spawned worker starts clean.
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _follow_parent) as executor:
            yield executor
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


def _settings(seed: int, variation: str) -> dict[str, Any]:
    """Everything that decides what a chunk holds."""
    packages = {name: importlib.metadata.version(name) for name in ("pythia8mc", "fastjet", "numpy")}
    return {
        "seed": seed,
        "events_per_chunk": EVENTS_PER_CHUNK,
        "schema_version": schema.VERSION,
        "pool_events": POOL_EVENTS,
        "variation": variation,
        "conditions": dataclasses.asdict(VARIATIONS[variation].conditions),
        "processes": {p.name: list(p.settings) for p in (VARIATIONS[variation].signal, QCD)},
        "packages": packages,
    }


def _parts_folder(output: Path, seed: int, variation: str) -> Path:
    """The folder of finished chunks, new or left by an interrupted run with the same settings."""
    parts = output.with_name(output.name + ".parts")
    parts.mkdir(parents=True, exist_ok=True)
    stamp = parts / "settings.json"
    text = json.dumps(_settings(seed, variation), indent=1)
    if stamp.exists() and stamp.read_text() != text:
        raise SimulationError(
            f"{parts} holds chunks made with another seed or other settings: "
            "delete that folder, or choose another --output."
        )
    stamp.write_text(text)
    return parts


def _run(tasks: list[Task], parts: Path, seed: int, conditions: Conditions, executor: Executor) -> None:
    pool = parts / "pile-up.npz"
    if not pool.exists():
        print("Making the pile-up pool (some ten seconds) ...", flush=True)
        executor.submit(_make_pool, pool, POOL_EVENTS, seed_of(seed, "pile-up")).result()
    missing = [task for task in tasks if not task.file(parts).exists()]
    waiting = [
        executor.submit(_make_chunk, task, EVENTS_PER_CHUNK, parts, pool, seed_of(seed, task.name), conditions)
        for task in missing
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


def _finish(tasks: list[Task], parts: Path, seed: int, conditions: Conditions, executor: Executor) -> None:
    """Run the tasks that are not done yet; say what to do where the workers need more memory than there is."""
    remedy = "give the same command again with fewer --workers, which goes on where this one stopped"
    try:
        _run(tasks, parts, seed, conditions, executor)
    except MemoryError as error:
        raise memory_full(error, remedy) from error
    except BrokenProcessPool as error:
        raise SimulationError(f"A worker was killed, most likely because the memory is full: {remedy}.") from error


def _follow_parent() -> None:
    """End this worker when the process that started it is gone, however that came about."""

    def wait() -> None:
        parent = multiprocessing.parent_process()
        assert parent is not None  # this is a worker
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _make_pool(path: Path, n_events: int, seed: int) -> None:
    chunk.save_arrays(path, vars(chunk.minimum_bias_pool(n_events, seed % 900_000_000 + 1)))


def _make_chunk(task: Task, n_events: int, parts: Path, pool: Path, seed: int, conditions: Conditions) -> None:
    chunk.save_chunk(task.file(parts), chunk.simulate_chunk(task.process, n_events, _pool(pool), seed, conditions))


@functools.cache
def _pool(path: Path) -> Particles:
    """The pile-up pool, read once per worker."""
    with np.load(path, allow_pickle=False) as stored:
        return Particles(**dict(stored))
