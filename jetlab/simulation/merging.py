"""From finished chunks to one sample: correction, selection, weights, and the columns of the schema."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from jetlab.io import schema
from jetlab.io.sample import JetSample, group
from jetlab.simulation.chunk import load_chunk
from jetlab.simulation.correction import Correction
from jetlab.simulation.farm import Task, stack
from jetlab.simulation.generator import Array, Process

ANALYSIS_PT = (200.0, 500.0)  # GeV, corrected


def derive_correction(tasks: list[Task], parts: Path, gen_pt_edges: tuple[float, ...]) -> Correction:
    """The correction from the QCD jets: W jets are what it is applied to."""
    qcd = [task.file(parts) for task in tasks if not task.process.wants_w]
    calibration = stack([load_chunk(file, only=("calibration",)).calibration for file in qcd])
    return Correction.derive(**calibration, gen_pt_edges=gen_pt_edges)


def count_jets(tasks: list[Task], parts: Path, correction: Correction) -> Counter[Process]:
    """Selected jets of each process."""
    found: Counter[Process] = Counter()
    for task in tasks:
        jets = load_chunk(task.file(parts), only=("jets",)).jets
        found[task.process] += len(select(jets, correction))
    return found


def select(jets: dict[str, Array], correction: Correction) -> NDArray[np.int64]:
    """Positions of the jets in the analysis range after correction."""
    pt = jets["pt"] * _jes(jets, correction)
    return np.flatnonzero((pt > ANALYSIS_PT[0]) & (pt < ANALYSIS_PT[1]))


def _jes(jets: dict[str, Array], correction: Correction) -> NDArray[np.float64]:
    """The whole correction: L1 times L2L3."""
    return correction.jes(jets["pt"], jets["eta"], jets["area"], jets["rho"])


def merge(tasks: list[Task], parts: Path, correction: Correction, per_class: tuple[int, int], seed: int) -> JetSample:
    """All selected jets of the tasks, whole events drawn in random order until each class has its number."""
    tables, candidates, counts, tracks = [], [], [], []
    weights = _weights(tasks, parts)
    for task in tasks:
        chunk = load_chunk(task.file(parts))
        chosen = select(chunk.jets, correction)
        weight = chunk.jets["weight"][chosen] * weights[task.process]
        tables.append(_cast(_jet_columns(chunk.jets, chosen, correction, task) | {"mcweight": weight}))
        candidates.append(_cast(_candidate_columns(chunk.candidates, chosen)))
        counts.append(np.bincount(chunk.candidates["jet"], minlength=len(chunk.jets["pt"]))[chosen])
        tracks.append(_cast(_track_columns(chunk.tracks, chunk.jets["event"][chosen], task)))

    count = np.concatenate(counts)
    jagged = {name: ak.unflatten(values, count) for name, values in stack(candidates).items()}
    whole = JetSample(ak.Array(stack(tables) | jagged))
    order, kept_fraction = draw(whole.event_index, whole["jet_isW_ak7"] == 0, per_class, seed)
    jets = whole.jets[order]
    scale = np.where(jets.jet_isW_ak7 == 1, 1 / kept_fraction[0], 1 / kept_fraction[1])
    jets["mcweight"] = ak.values_astype(jets.mcweight * scale, np.float32)
    return JetSample(jets, _of_events(ak.Array(stack(tracks)), jets))


def _weights(tasks: list[Task], parts: Path) -> dict[Process, float]:
    """Cross section over the sum of the weights of the generated events, pb, for each process."""
    expected: dict[Process, float] = defaultdict(float)
    generated: dict[Process, float] = defaultdict(float)
    for task in tasks:
        chunk = load_chunk(task.file(parts), only=())
        expected[task.process] += chunk.cross_section * chunk.sum_of_weights
        generated[task.process] += chunk.sum_of_weights
    return {process: expected[process] / total**2 for process, total in generated.items()}


def _candidate_columns(candidates: dict[str, Array], chosen: Array) -> dict[str, Array]:
    kept = np.isin(candidates["jet"], chosen)
    return {f"ak7pfcand_{name}": values[kept] for name, values in candidates.items() if name != "jet"}


def _track_columns(tracks: dict[str, Array], events: Array, task: Task) -> dict[str, Array]:
    kept = np.isin(tracks["event"], events)
    n = int(kept.sum())
    key = {"run": np.ones(n), "lumi": np.full(n, task.lumi), "event": tracks["event"][kept] + 1}
    return key | {f"track_{name}": values[kept] for name, values in tracks.items() if name != "event"}


def _jet_columns(jets: dict[str, Array], chosen: Array, correction: Correction, task: Task) -> dict[str, Array]:
    """The schema's event and jet columns of the chosen jets."""
    j = {name: values[chosen] for name, values in jets.items()}
    jes = _jes(j, correction)
    first = np.r_[True, np.diff(j["event"]) != 0] if len(chosen) else np.zeros(0, dtype=bool)
    start = np.flatnonzero(first)
    per_event = np.diff(np.r_[start, len(chosen)])
    n = len(chosen)
    return {
        "run": np.ones(n, dtype=int),
        "lumi": np.full(n, task.lumi),
        "event": j["event"] + 1,
        "met": j["met"],
        "sumet": j["sumet"],
        "rho": j["rho"],
        "pthat": j["pthat"],
        "njet_ak7": np.repeat(per_event, per_event),
        "ijet": np.arange(n) - np.repeat(start, per_event),
        "jet_pt_ak7": j["pt"] * jes,
        "jet_ptraw_ak7": j["pt"],
        "jet_eta_ak7": j["eta"],
        "jet_phi_ak7": j["phi"],
        "jet_E_ak7": j["E"] * jes,
        "jet_Eraw_ak7": j["E"],
        "jet_msd_ak7": j["msd"] * jes,
        "jet_area_ak7": j["area"],
        "jet_jes_ak7": jes,
        "jet_tau21_ak7": j["tau21"],
        "jet_isW_ak7": j["is_w"].astype(int),
        "jet_parton_ak7": j["parton"],
        "jet_ncand_ak7": j["ncand"],
        "genjet_pt_ak7": j["gen_pt"],
        "genjet_eta_ak7": j["gen_eta"],
        "genjet_phi_ak7": j["gen_phi"],
        "genjet_E_ak7": j["gen_E"],
    }


def _cast(table: dict[str, Array]) -> dict[str, Array]:
    """The columns in their schema dtypes, early, because a large sample is held in memory as a whole once merged."""
    columns = schema.OTHER | schema.TUPLE | schema.TRACK | {"ijet": schema.CANDIDATE["ak7pfcand_ijet"]}
    return {name: values.astype(columns[name].dtype) for name, values in table.items()}


def draw(event: Array, kind: Array, wanted: Sequence[int], seed: int) -> tuple[Array, tuple[float, ...]]:
    """Jets in a random order of events, cut off where a kind has enough, and the fraction of each kind kept.

    `event` and `kind`, from 0, have one number per jet. The last event of a kind may give one jet more than `wanted`:
    events are never cut.
    """
    rank = np.random.default_rng(seed).permutation(event.max() + 1)[event]
    order = np.argsort(rank, kind="stable")
    kept = np.zeros(len(order), dtype=bool)
    fractions = []
    for number, enough in enumerate(wanted):
        positions = np.flatnonzero(kind[order] == number)
        last = rank[order][positions[enough - 1]]
        chosen = positions[rank[order][positions] <= last]
        kept[chosen] = True
        fractions.append(len(chosen) / len(positions))
    return order[kept], tuple(fractions)


def _of_events(tracks: ak.Array, jets: ak.Array) -> ak.Array:
    """The tracks of events that still have a jet."""
    table = [np.concatenate([ak.to_numpy(t[name]) for t in (jets, tracks)]) for name in schema.KEY]
    event = group(table)
    return tracks[np.isin(event[len(jets) :], event[: len(jets)])]
