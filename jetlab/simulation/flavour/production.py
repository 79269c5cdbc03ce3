"""`jetlab simulate flavour`: chunks in parallel, resumable, merged into one HDF5 file with the likelihoods."""

import dataclasses
import functools
import importlib.metadata
import json
import math
import os
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from jetlab import io
from jetlab.io import schema
from jetlab.io.sample import JetSample
from jetlab.simulation import farm, merging
from jetlab.simulation.farm import Recipe, SimulationError, Task, plan, seed_of, stack
from jetlab.simulation.flavour import chunk
from jetlab.simulation.flavour.chunk import Chunk, Conditions, load_chunk
from jetlab.simulation.flavour.events import BOTTOM, CHARM, LIGHT, PROCESSES, TTBAR
from jetlab.simulation.flavour.impact import Templates
from jetlab.simulation.flavour.jets import RADIUS
from jetlab.simulation.generator import Array, Process
from jetlab.simulation.parameters import ATLAS_SHIFTED

EVENTS_PER_CHUNK = 500
POOL_EVENTS = 4000
MIN_JETS = 1000
MAX_TRACKS = 25
#: Of the jets wanted, from each process: half from top pairs.
SHARES = {TTBAR: 0.5, LIGHT: 1 / 6, CHARM: 1 / 6, BOTTOM: 1 / 6}
#: Jets per chunk, measured; only the first guess of how many chunks are needed.
EXPECTED_JETS = {TTBAR: 2340, LIGHT: 1950, CHARM: 1950, BOTTOM: 1950}
#: One chunk in so many of each process makes the templates of the likelihoods, and gives the sample no jets.
TEMPLATES_IN = 5

#: The sample itself, and another simulation of it for the modelling check.
VARIATIONS = {
    "nominal": Conditions(),
    "alternative": Conditions(ATLAS_SHIFTED, ("PartonShowers:model = 2",)),  # Vincia, arXiv:2003.00702
}


def simulate_flavour(
    jets: int,
    seed: int,
    workers: int,
    output: str | os.PathLike[str],
    variation: str = "nominal",
    dask: str | None = None,
    top_pairs: bool = False,
    templates: str | os.PathLike[str] | None = None,
) -> Path:
    """Simulate `jets` jets with R = 0.4, half from top pairs and half from a Z', and write the HDF5 file `output`.

    In the range 20 GeV to 1 TeV and |eta| < 2.5; columns: `schema.FLAVOUR` and `schema.FLAVOUR_TRACK`. Finished chunks
    are kept in `<output>.parts` and used again if the run is interrupted. `variation` is one of VARIATIONS. `workers`
    only changes the time; they are processes here, or those of the Dask scheduler at the address `dask`, which must see
    the same folder. With `top_pairs` all jets are from top pairs. Returns the path written.

    The templates of the likelihoods come from jets of the same simulation that are not in the file; or they are those
    of the sample `templates`, a nominal one, whose template jets are simulated again: data, and a simulation that
    stands for them, are given the likelihoods of the first simulation.

    Raises:
        SimulationError: a setting out of range, parts of another run in the way, a worker that was killed, or
            `templates` made otherwise than this version makes them.
        DataError: `templates` is no sample.
        MemoryFullError: a worker found no memory.
    """
    if jets < MIN_JETS:
        raise SimulationError(f"--jets {jets} is too few for the templates of impact parameters: ask for {MIN_JETS}.")
    farm.check_settings(workers, variation, VARIATIONS)
    output = Path(output).absolute()
    if output.suffix not in (".h5", ".hdf5"):
        raise SimulationError(f"--output {output.name}: jets for flavour tagging are written as HDF5; name it .h5.")
    reference = _reference(templates) if templates else None
    parts = farm.parts_folder(output, _settings(seed, variation))
    wanted = {TTBAR: jets} if top_pairs else _per_process(jets)
    chunks = {process: math.ceil(n / EXPECTED_JETS[process]) for process, n in wanted.items()}
    with farm.executor(workers, dask) as executor:
        while True:
            # One more in five, for the templates.
            tasks = plan({process: n + math.ceil(n / TEMPLATES_IN) for process, n in chunks.items()})
            for_templates, for_jets = _dealt(tasks)
            farm.finish(for_jets if reference else tasks, parts, seed, _recipe(variation), executor)
            enough = farm.enlarged(chunks, _count(for_jets, parts), wanted)
            if enough == chunks:
                break
            chunks = enough
        template_parts = parts
        if reference:
            print(f"Simulating the jets of the templates of {templates} again ...", flush=True)
            for_templates = reference.tasks
            template_parts = farm.parts_folder(parts / "templates", _settings(reference.seed, "nominal"))
            farm.finish(for_templates, template_parts, reference.seed, _recipe("nominal"), executor)
    print("Merging the chunks and writing the file ...", flush=True)
    derived = _templates(for_templates, template_parts)
    sample = _merge(for_jets, parts, derived, wanted, seed_of(seed, "order"))
    provenance = {
        "made_by": f"jetlab simulate flavour --jets {jets} --seed {seed} --variation {variation}"
        + (" --top-pairs" if top_pairs else "")
        + (f" --templates {os.path.basename(templates)}" if templates else ""),
        "settings": _settings(seed, variation),
        "radius": RADIUS,
        "chunks": dict(Counter(task.process.name for task in tasks)),
        "template_chunks": dict(Counter(task.process.name for task in for_templates)),
        "templates_of": reference.made_by if reference else None,
    }
    io.write_hdf5(dataclasses.replace(sample, provenance=provenance), output)
    shutil.rmtree(parts)
    return output


def _per_process(jets: int) -> dict[Process, int]:
    """How many jets of each process: the shares, with top pairs making up what rounding leaves."""
    wanted = {process: round(jets * share) for process, share in SHARES.items()}
    return wanted | {TTBAR: jets - sum(n for process, n in wanted.items() if process is not TTBAR)}


@dataclass(frozen=True)
class _Reference:
    """A sample whose templates are wanted: its seed, the chunks that they come from, and how it was made."""

    seed: int
    tasks: list[Task]
    made_by: str


def _reference(path: str | os.PathLike[str]) -> _Reference:
    """What is needed to make the templates of a nominal sample again. Raises SimulationError, DataError."""
    found = io.read(path).provenance
    settings, chunks = found.get("settings", {}), found.get("chunks", {})
    seed = settings.get("seed", 0)
    if settings != json.loads(json.dumps(_settings(seed, "nominal"))):
        raise SimulationError(
            f"--templates {path}: its jets cannot be made again, since it was made as another variation, with other "
            f"settings or other versions of the packages ({found.get('made_by', 'made by something else')}). Give a "
            "nominal sample that this version of jetlab simulate flavour has made."
        )
    tasks = plan({process: chunks[process.name] for process in PROCESSES if process.name in chunks})
    return _Reference(seed, _dealt(tasks)[0], found["made_by"])


def _recipe(variation: str) -> Recipe:
    """How chunks of a variation are made."""
    return Recipe(
        functools.partial(_make_chunk, n_events=EVENTS_PER_CHUNK, conditions=VARIATIONS[variation]),
        functools.partial(_make_pool, n_events=POOL_EVENTS),
    )


def _dealt(tasks: list[Task]) -> tuple[list[Task], list[Task]]:
    """The tasks for templates, and those for the sample's jets."""
    for_templates = [task for task in tasks if task.number % (TEMPLATES_IN + 1) == 0]
    return for_templates, [task for task in tasks if task.number % (TEMPLATES_IN + 1) != 0]


def _count(tasks: list[Task], parts: Path) -> Counter[Process]:
    found: Counter[Process] = Counter()
    for task in tasks:
        found[task.process] += len(load_chunk(task.file(parts), only=("jets",)).jets["pt"])
    return found


def _templates(tasks: list[Task], parts: Path) -> Templates:
    columns: list[dict[str, Array]] = []
    for task in tasks:
        stored = load_chunk(task.file(parts))
        t = stored.tracks
        flavour = stored.jets["flavour"][t["jet"]]
        named = _likelihood_inputs(t) | {"flavour": flavour}
        del named["jet"]
        columns.append({name: values[t["counts"]] for name, values in named.items()})
    return Templates.derive(**stack(columns))


def _likelihood_inputs(tracks: dict[str, Array]) -> dict[str, Array]:
    return {
        "d0": tracks["track_d0_significance"],
        "z0": tracks["track_z0_significance"],
        "category": tracks["category"],
        "jet": tracks["jet"],
    }


def _merge(tasks: list[Task], parts: Path, templates: Templates, wanted: dict[Process, int], seed: int) -> JetSample:
    """All jets of the tasks, whole events drawn in random order until each process has its number."""
    tables, tracks = [], []
    for task in tasks:
        stored = load_chunk(task.file(parts))
        tables.append(_jet_columns(stored, templates, task))
        tracks.append(_track_columns(stored))
    jets = ak.Array(stack(tables))
    jagged = {name: ak.concatenate([table[name] for table in tracks]) for name in schema.FLAVOUR_TRACK}
    whole = JetSample(ak.zip({**{name: jets[name] for name in jets.fields}, **jagged}, depth_limit=1))
    kinds = [process for process in PROCESSES if process in wanted]
    # The column has the numbers of PROCESSES, of which there may be fewer here.
    kind = np.searchsorted([PROCESSES.index(process) for process in kinds], whole["jet_process_ak7"])
    order, _ = merging.draw(whole.event_index, kind, [wanted[process] for process in kinds], seed)
    return JetSample(ak.to_packed(whole.jets[order]))


def _jet_columns(stored: Chunk, templates: Templates, task: Task) -> dict[str, Array]:
    """The schema's columns of the chunk's jets."""
    j, t = stored.jets, stored.tracks
    counted = {name: values[t["counts"]] for name, values in _likelihood_inputs(t).items()}
    n = len(j["pt"])
    first = np.searchsorted(j["event"], j["event"])
    columns = {
        "run": np.ones(n),
        "lumi": np.full(n, task.lumi),
        "event": j["event"] + 1,
        "ijet": np.arange(n) - first,
        "jet_pt_ak7": j["pt"],
        "jet_eta_ak7": j["eta"],
        "jet_phi_ak7": j["phi"],
        "jet_E_ak7": j["energy"],
        "jet_flavour_ak7": j["flavour"],
        "jet_process_ak7": j["process"],
    }
    columns |= templates.ratios(**counted, n_jets=n)
    columns |= {name: j[name] for name in schema.FLAVOUR if name in j}
    known = {**schema.TUPLE, **schema.OTHER, **schema.FLAVOUR, "ijet": schema.CANDIDATE["ak7pfcand_ijet"]}
    return {name: values.astype(known[name].dtype) for name, values in columns.items()}


def _track_columns(stored: Chunk) -> dict[str, ak.Array]:
    """The schema's columns of the chunk's tracks, one list per jet, the most significant d0 first."""
    t = stored.tracks
    order = np.lexsort((-np.abs(t["track_d0_significance"]), t["jet"]))
    count = np.bincount(t["jet"], minlength=len(stored.jets["pt"]))
    return {
        name: ak.unflatten(t[name][order].astype(spec.dtype), count)[:, :MAX_TRACKS]
        for name, spec in schema.FLAVOUR_TRACK.items()
    }


def _settings(seed: int, variation: str) -> dict[str, Any]:
    """Everything that decides what a chunk holds."""
    return {
        "seed": seed,
        "events_per_chunk": EVENTS_PER_CHUNK,
        "schema_version": schema.VERSION,
        "pool_events": POOL_EVENTS,
        "variation": variation,
        "conditions": dataclasses.asdict(VARIATIONS[variation]),
        "processes": {process.name: list(process.settings) for process in PROCESSES},
        "packages": {name: importlib.metadata.version(name) for name in ("pythia8mc", "fastjet", "numpy")},
    }


def _make_pool(path: Path, seed: int, n_events: int) -> None:
    farm.save_arrays(path, vars(chunk.pool(n_events, farm.pythia_seed(seed))))


def _make_chunk(task: Task, path: Path, pool: Path, seed: int, n_events: int, conditions: Conditions) -> None:
    made = chunk.simulate_chunk(task.process, n_events, farm.read_pool(pool), seed, conditions)
    chunk.save_chunk(path, made)
