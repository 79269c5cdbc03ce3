"""`jetlab simulate jets`: chunks in parallel, resumable, merged into one ROOT file with its correction and weights."""

import dataclasses
import functools
import importlib.metadata
import math
import os
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jetlab import io
from jetlab.io import schema
from jetlab.simulation import chunk, farm, merging, reconstruction
from jetlab.simulation.chunk import Conditions
from jetlab.simulation.farm import (
    Recipe,
    SimulationError,
    Task,
    enlarged,
    plan,
    pythia_seed,
    read_pool,
    save_arrays,
    seed_of,
)
from jetlab.simulation.generator import QCD, TOP, WW, Process
from jetlab.simulation.parameters import SHIFTED
from jetlab.simulation.pile_up import minimum_bias_pool

EVENTS_PER_CHUNK = 500
POOL_EVENTS = 6000
MIN_JETS = 2000
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
    farm.check_settings(workers, variation, VARIATIONS)
    chosen = VARIATIONS[variation]
    output = Path(output).absolute()
    parts = farm.parts_folder(output, _settings(seed, variation))
    per_class = (jets - jets // 2, jets // 2)
    processes = (chosen.signal, QCD)
    wanted = dict(zip(processes, per_class, strict=True))
    chunks = {p: math.ceil(n / EXPECTED_JETS[p]) for p, n in wanted.items()}
    recipe = Recipe(
        functools.partial(_make_chunk, n_events=EVENTS_PER_CHUNK, conditions=chosen.conditions),
        functools.partial(_make_pool, n_events=POOL_EVENTS),
    )
    with farm.executor(workers, dask) as executor:
        while True:
            tasks = plan(chunks)
            farm.finish(tasks, parts, seed, recipe, executor)
            correction = merging.derive_correction(tasks, parts, chosen.conditions.gen_pt_edges)
            enough = enlarged(chunks, merging.count_jets(tasks, parts, correction), wanted)
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


def _settings(seed: int, variation: str) -> dict[str, Any]:
    """Everything that decides what a chunk holds."""
    packages = {name: importlib.metadata.version(name) for name in ("pythia8mc", "fastjet", "numpy")}
    return {
        "seed": seed,
        "events_per_chunk": EVENTS_PER_CHUNK,
        "schema_version": schema.VERSION,
        "pool_events": POOL_EVENTS,
        "variation": variation,
        "parton_match": reconstruction.PARTON_MATCH,
        "conditions": dataclasses.asdict(VARIATIONS[variation].conditions),
        "processes": {p.name: list(p.settings) for p in (VARIATIONS[variation].signal, QCD)},
        "packages": packages,
    }


def _make_pool(path: Path, seed: int, n_events: int) -> None:
    save_arrays(path, vars(minimum_bias_pool(n_events, pythia_seed(seed))))


def _make_chunk(task: Task, path: Path, pool: Path, seed: int, n_events: int, conditions: Conditions) -> None:
    chunk.save_chunk(path, chunk.simulate_chunk(task.process, n_events, read_pool(pool), seed, conditions))
