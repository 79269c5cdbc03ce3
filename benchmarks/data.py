"""Speed and memory of the way from a file to tensors, for 100,000 jets, against the loops one would write first.

    python benchmarks/data.py [--jets 100000] [--rounds 3]

The jets are those that ship with the kit, repeated under other run numbers. Every measurement is a process of its own:
its peak memory is then that of one task. The loops do a sample of LOOP_JETS of the same jets, taking turns with jetlab.
Matching is also done by coffea's `nearest`, where coffea can be imported. (The other steps it does not have; images are
compared with EnergyFlow's by benchmarks/images.py.) Results go to benchmarks/results/data.json.
"""

import argparse
import importlib.util
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot
from machine import this_machine

from jetlab import catalog, images, io, jets
from jetlab.io import schema
from jetlab.io.sample import JetSample, group

RESULTS = Path(__file__).parent / "results" / "data.json"
LOOP_JETS = 2000
LENGTH = 40
FEATURES = ["log_pt", "deta", "dphi", "dr", "charge"]


def repeated(n: int) -> JetSample:
    """The shipped sample's first `n` jets, starting again under other run numbers at its end."""
    shipped = catalog.load("jets")
    times = math.ceil(n / len(shipped))

    def under(run: int, records: ak.Array) -> ak.Array:
        moved = np.asarray(records["run"]) + 1000 * run
        return ak.with_field(records, moved.astype(schema.EVENT["run"].dtype), "run")

    all_jets = ak.concatenate([under(time, shipped.jets) for time in range(times)])[:n]
    tracks = ak.concatenate([under(time, shipped.tracks) for time in range(times)])
    return JetSample(all_jets, tracks, shipped.provenance)


def tensors(sample: JetSample) -> np.ndarray:
    """Constituents as a sequence network takes them, (n, LENGTH, 5)."""
    return jets.pad(jets.order(jets.constituents(sample))[FEATURES], LENGTH)[0]


def root_to_tensors(folder: Path) -> int:
    """jetlab: ROOT file to padded constituents."""
    return len(tensors(io.read_root(folder / "jets.root")))


def hdf5_to_tensors(folder: Path) -> int:
    """jetlab: HDF5 file to padded constituents."""
    return len(tensors(io.read_hdf5(folder / "jets.h5")))


def loop_root_to_tensors(folder: Path) -> int:
    """Loop: one jet after the other, and in it one candidate after the other."""
    with uproot.open(folder / "few.root") as file:
        axes, candidates = file["jets"].arrays(library="np"), file["pfcands"].arrays(library="np")
    names = ("run", "lumi", "event", "ijet")
    of_jet: dict[tuple[int, ...], list[int]] = {}
    for row, key in enumerate(zip(*(candidates[name] for name in names), strict=True)):
        of_jet.setdefault(key, []).append(row)
    return len(_loop(axes, candidates, [of_jet[key] for key in zip(*(axes[name] for name in names), strict=True)]))


def loop_hdf5_to_tensors(folder: Path) -> int:
    """Loop: one jet after the other, its candidates found by the counts stored with it."""
    sample = io.read_hdf5(folder / "few.h5")
    axes = {name: sample[name] for name in ("jet_pt_ak7", "jet_eta_ak7", "jet_phi_ak7")}
    lists = [ak.to_list(sample[f"ak7pfcand_{name}"]) for name in ("pt", "eta", "phi", "charge")]
    flat = {
        f"ak7pfcand_{name}": [value for jet in values for value in jet]
        for name, values in zip(("pt", "eta", "phi", "charge"), lists, strict=True)
    }
    rows, first = [], 0
    for jet in lists[0]:
        rows.append(range(first, first + len(jet)))
        first += len(jet)
    return len(_loop(axes, flat, rows))


def _loop(axes: dict[str, Any], candidates: dict[str, Any], of_jet: list[Any]) -> np.ndarray:
    out = np.zeros((len(of_jet), LENGTH, 5), np.float32)
    pt, eta, phi, charge = (candidates[f"ak7pfcand_{name}"] for name in ("pt", "eta", "phi", "charge"))
    for jet, rows in enumerate(of_jet):
        for place, row in enumerate(sorted(rows, key=lambda row: -pt[row])[:LENGTH]):
            deta = eta[row] - axes["jet_eta_ak7"][jet]
            dphi = (phi[row] - axes["jet_phi_ak7"][jet] + math.pi) % (2 * math.pi) - math.pi
            fraction = math.log(pt[row] / axes["jet_pt_ak7"][jet])
            out[jet, place] = (fraction, deta, dphi, math.hypot(deta, dphi), charge[row])
    return out


def match_tracks(folder: Path) -> tuple[int, float]:
    """jetlab: tracks to the nearest jet of their event; the file is read before the clock starts."""
    sample = io.read_root(folder / "jets.root")
    began = time.perf_counter()
    return len(jets.match_tracks(sample)), time.perf_counter() - began


def loop_match_tracks(folder: Path) -> tuple[int, float]:
    """Loop: every jet over the tracks of its event."""
    sample = io.read_root(folder / "few.root")
    began = time.perf_counter()
    of_event: dict[tuple[int, ...], list[tuple[float, float]]] = {}
    tracks = [ak.to_list(sample.tracks[name]) for name in ("run", "lumi", "event", "track_eta", "track_phi")]
    for run, lumi, event, eta, phi in zip(*tracks, strict=True):
        of_event.setdefault((run, lumi, event), []).append((eta, phi))
    matched = []
    names = ("run", "lumi", "event", "jet_eta_ak7", "jet_phi_ak7")
    for run, lumi, event, jet_eta, jet_phi in zip(*(sample[name].tolist() for name in names), strict=True):
        mine = []
        for eta, phi in of_event.get((run, lumi, event), []):
            dphi = (phi - jet_phi + math.pi) % (2 * math.pi) - math.pi
            if math.hypot(eta - jet_eta, dphi) < schema.RADIUS:
                mine.append((eta, phi))
        matched.append(mine)
    return len(matched), time.perf_counter() - began


def coffea_match_tracks(folder: Path) -> tuple[int, float]:
    """Coffea: each track's nearest jet of its event; the tracks are sorted by event before the clock starts."""
    from coffea.nanoevents.methods import vector

    sample = io.read_root(folder / "jets.root")
    event = group([np.concatenate([sample[name], np.asarray(sample.tracks[name])]) for name in schema.KEY])

    def by_event(numbers: np.ndarray, columns: list[Any]) -> ak.Array:
        names = dict(zip(("pt", "eta", "phi"), columns, strict=True), mass=np.zeros(len(numbers)))
        flat = ak.zip(names, with_name="PtEtaPhiMLorentzVector", behavior=vector.behavior)
        counts = np.bincount(numbers, minlength=event.max() + 1)
        return ak.unflatten(flat[np.argsort(numbers, kind="stable")], counts)

    axes = by_event(event[: len(sample)], [sample[f"jet_{name}_ak7"] for name in ("pt", "eta", "phi")])
    tracks = by_event(event[len(sample) :], [sample.tracks[f"track_{name}"] for name in ("pt", "eta", "phi")])
    began = time.perf_counter()
    tracks.nearest(axes, threshold=schema.RADIUS)
    return len(sample), time.perf_counter() - began


def make_images(folder: Path) -> tuple[int, float]:
    """jetlab: candidates to images of 33 x 33 pixels: centred, turned, mirrored, pixelated, normalised."""
    sample = io.read_hdf5(folder / "jets.h5")
    began = time.perf_counter()
    made = images.normalise(images.pixelate(images.flip(images.rotate(images.centre(sample)))))
    return len(made), time.perf_counter() - began


def loop_make_images(folder: Path) -> tuple[int, float]:
    """Loop: one jet after the other, each with NumPy's histogram2d."""
    sample = io.read_hdf5(folder / "few.h5")
    began = time.perf_counter()
    names = [*(f"ak7pfcand_{name}" for name in ("pt", "eta", "phi")), "jet_phi_ak7"]
    edges, made = np.linspace(-0.7, 0.7, 34), []
    for candidates in zip(*(sample[name] for name in names), strict=True):
        pt, x, phi = (np.asarray(values, dtype=float) for values in candidates[:3])
        y = (phi - candidates[3] + np.pi) % (2 * np.pi) - np.pi
        x, y = x - np.average(x, weights=pt), y - np.average(y, weights=pt)
        turn = np.pi / 2 - np.arctan2(2 * np.sum(pt * x * y), np.sum(pt * x * x) - np.sum(pt * y * y)) / 2
        x, y = x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)
        x = -x if pt[x < 0].sum() > pt[x > 0].sum() else x
        y = -y if pt[y < 0].sum() > pt[y > 0].sum() else y
        image = np.histogram2d(y, x, bins=(edges, edges), weights=pt)[0]
        made.append(image / max(image.sum(), 1e-9))
    return len(made), time.perf_counter() - began


TASKS: dict[str, Callable[[Path], Any]] = {
    task.__name__: task
    for task in (
        root_to_tensors,
        loop_root_to_tensors,
        hdf5_to_tensors,
        loop_hdf5_to_tensors,
        match_tracks,
        loop_match_tracks,
        coffea_match_tracks,
        make_images,
        loop_make_images,
    )
}


def child(task: str, folder: Path) -> None:
    """Do one task and print jets, seconds and peak memory."""
    base = peak_memory()
    began = time.perf_counter()
    answer = TASKS[task](folder)
    n, seconds = answer if isinstance(answer, tuple) else (answer, time.perf_counter() - began)
    print(json.dumps([n, seconds, peak_memory(), peak_memory() - base]))


def peak_memory() -> float:
    """Most memory this process ever held, in MB (Linux; getrusage would count its parent's too)."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def in_process(task: str, folder: Path) -> list[float]:
    """Do one task in a process of its own: jets, seconds, peak memory in MB, and that above the imports."""
    command = [sys.executable, __file__, "--task", task, str(folder)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def can_run(other: str) -> bool:
    """Whether what jetlab is compared with is here: the loops always are."""
    return other == "loop" or importlib.util.find_spec(other) is not None


def compared(other: str, turns: list[tuple[list[float], list[float]]]) -> dict[str, Any]:
    """Ratios of jets per second, and the other's peak memory, of turns of jetlab and another."""
    ratios = sorted((ours[0] / ours[1]) / (theirs[0] / theirs[1]) for ours, theirs in turns)
    return {
        f"ratio_to_{other}": round(statistics.median(ratios), 1),
        f"ratio_to_{other}_range": [round(ratios[0], 1), round(ratios[-1], 1)],
        f"peak_memory_{other}_mb": round(max(theirs[2] for _, theirs in turns)),
    }


def main() -> None:
    """Write the files, measure every task in turns with its loop, write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jets", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--task", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        child(options.task[0], Path(options.task[1]))
        return
    machine = this_machine("awkward", "h5py", "numpy", "uproot", "coffea")
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sample = repeated(options.jets)
        few = sample[:LOOP_JETS]
        few = JetSample(few.jets, few.tracks[: len(few.tracks) * LOOP_JETS // len(sample)], few.provenance)
        for part, stem in ((sample, "jets"), (few, "few")):
            io.write_root(part, folder / f"{stem}.root")
            io.write_hdf5(part, folder / f"{stem}.h5")
        del sample, few, part
        for task in ("root_to_tensors", "hdf5_to_tensors", "match_tracks", "make_images"):
            others = [other for other in ("loop", "coffea") if f"{other}_{task}" in TASKS and can_run(other)]
            load = os.getloadavg()[0]
            names = (task, *(f"{other}_{task}" for other in others))
            turns = [{name: in_process(name, folder) for name in names} for _ in range(options.rounds)]
            row = {
                "task": task,
                "jets": turns[0][task][0],
                "jets_per_second": round(statistics.median(turn[task][0] / turn[task][1] for turn in turns)),
                "peak_memory_mb": round(max(turn[task][2] for turn in turns)),
                "peak_memory_above_imports_mb": round(max(turn[task][3] for turn in turns)),
                "load_before": round(load, 2),
            }
            for other in others:
                row |= compared(other, [(turn[task], turn[f"{other}_{task}"]) for turn in turns])
            print(json.dumps(row), flush=True)
            rows.append(row)
            RESULTS.parent.mkdir(exist_ok=True)
            RESULTS.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
