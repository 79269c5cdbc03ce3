"""`jetlab simulate jets`: chunks in parallel, resumable, merged into one ROOT file with its correction and weights.

Every chunk has its own seed, derived from the run's seed and the chunk's name, and is kept on disk until the whole is
done; so an interrupted run goes on where it was and the result does not depend on the number of workers.
"""

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
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from jetlab import io
from jetlab.errors import JetlabError, memory_full
from jetlab.io import schema
from jetlab.simulation import chunk, merging
from jetlab.simulation.chunk import Task, plan, seed_of
from jetlab.simulation.generator import QCD, SIGNAL, Particles
from jetlab.simulation.parameters import CMS

EVENTS_PER_CHUNK = 500
POOL_EVENTS = 4000
MIN_JETS = 2000
#: Selected jets per chunk, measured; only the first guess of how many chunks are needed.
EXPECTED_JETS = {"ttbar": 210, "qcd": 350}


class SimulationError(JetlabError, RuntimeError):
    """A simulation cannot start or go on; the message says what to do."""


def simulate_jets(jets: int, seed: int, workers: int, output: str | os.PathLike[str]) -> Path:
    """Simulate `jets` selected jets, half of them hadronic W, and write them to the ROOT file `output`.

    Selected: 200 < pt < 500 GeV (corrected), |eta| < 2, matched to a generator jet; in top-pair events only jets with a
    merged W. A chunk takes about ten seconds; finished ones are kept in `<output>.parts` and used again if the run is
    interrupted. `workers` only changes the time. Returns the path written. Used for `data/jets.root` of M1.

    Raises:
        SimulationError: a setting out of range, parts of another run in the way, or a worker that was killed.
        MemoryFullError: a worker found no memory.
    """
    if jets < MIN_JETS:
        raise SimulationError(f"--jets {jets} is too few to derive the energy correction: ask for at least {MIN_JETS}.")
    if workers < 1:
        raise SimulationError(f"--workers {workers}: at least one is needed.")
    output = Path(output)
    parts = _parts_folder(output, seed)
    per_class = (jets - jets // 2, jets // 2)
    chunks = {kind: math.ceil(n / EXPECTED_JETS[kind]) for kind, n in zip(EXPECTED_JETS, per_class, strict=True)}
    # Pythia is not safe to fork once used, and a spawned worker starts clean.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _follow_parent) as executor:
        while True:
            tasks = plan(chunks)
            _finish(tasks, parts, seed, executor)
            correction = merging.derive_correction(tasks, parts)
            enough = _enlarged(chunks, merging.count_jets(tasks, parts, correction), per_class)
            if enough == chunks:
                break
            chunks = enough
    print("Merging the chunks and writing the file ...", flush=True)
    sample = merging.merge(tasks, parts, correction, per_class, seed_of(seed, "order"))
    provenance = {
        "made_by": f"jetlab simulate jets --jets {jets} --seed {seed}",
        "settings": _settings(seed),
        "correction": correction.to_dict(),
        "chunks": dict(Counter(task.process.name for task in tasks)),
    }
    io.write_root(dataclasses.replace(sample, provenance=provenance), output)
    shutil.rmtree(parts)
    return output


def _enlarged(chunks: dict[str, int], found: dict[str, int], wanted: tuple[int, int]) -> dict[str, int]:
    """How many chunks of each kind it takes, judged by what the chunks so far gave."""
    return {
        kind: n if found[kind] >= want else max(n + 1, math.ceil(n * 1.02 * want / max(found[kind], 1)))
        for (kind, n), want in zip(chunks.items(), wanted, strict=True)
    }


def _settings(seed: int) -> dict[str, Any]:
    """Everything that decides what a chunk holds."""
    packages = {name: importlib.metadata.version(name) for name in ("pythia8mc", "fastjet", "numpy")}
    return {
        "seed": seed,
        "events_per_chunk": EVENTS_PER_CHUNK,
        "schema_version": schema.VERSION,
        "pool_events": POOL_EVENTS,
        "mean_pile_up": chunk.MEAN_PILE_UP,
        "detector": dataclasses.asdict(CMS),
        "processes": {p.name: list(p.settings) for p in (SIGNAL, *QCD)},
        "packages": packages,
    }


def _parts_folder(output: Path, seed: int) -> Path:
    """The folder of finished chunks, new or left by an interrupted run with the same settings."""
    parts = output.with_name(output.name + ".parts")
    parts.mkdir(parents=True, exist_ok=True)
    stamp = parts / "settings.json"
    text = json.dumps(_settings(seed), indent=1)
    if stamp.exists() and stamp.read_text() != text:
        raise SimulationError(
            f"{parts} holds chunks made with another seed or other settings: "
            "delete that folder, or choose another --output."
        )
    stamp.write_text(text)
    return parts


def _run(tasks: list[Task], parts: Path, seed: int, executor: ProcessPoolExecutor) -> None:
    pool = parts / "pile-up.npz"
    if not pool.exists():
        print("Making the pile-up pool (some ten seconds) ...", flush=True)
        executor.submit(_make_pool, pool, POOL_EVENTS, seed_of(seed, "pile-up")).result()
    missing = [task for task in tasks if not task.file(parts).exists()]
    waiting = [executor.submit(_make_chunk, t, EVENTS_PER_CHUNK, parts, pool, seed_of(seed, t.name)) for t in missing]
    try:
        done = tqdm(
            as_completed(waiting), total=len(tasks), initial=len(tasks) - len(missing), unit="chunk", desc="jets"
        )
        for future in done:
            future.result()
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        raise


def _finish(tasks: list[Task], parts: Path, seed: int, executor: ProcessPoolExecutor) -> None:
    """Run the tasks that are not done yet; say what to do where the workers need more memory than there is."""
    remedy = "give the same command again with fewer --workers, which goes on where this one stopped"
    try:
        _run(tasks, parts, seed, executor)
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


def _make_chunk(task: Task, n_events: int, parts: Path, pool: Path, seed: int) -> None:
    chunk.save_chunk(task.file(parts), chunk.simulate_chunk(task.process, n_events, _pool(pool), seed))


@functools.cache
def _pool(path: Path) -> Particles:
    """The pile-up pool, read once per worker."""
    with np.load(path, allow_pickle=False) as stored:
        return Particles(**dict(stored))
