"""Speed of `jetlab.images` against EnergyFlow's `energyflow.utils.pixelate`, on the same jets, in turns.

    python benchmarks/images.py --energyflow-python EF/bin/python [--jets 10000] [--rounds 3]

Both centre by pt, pixelate and normalise each jet; EnergyFlow does one jet at a time. Seconds are of processor time,
the least of three passes, so that other work on the machine counts little. EnergyFlow's environment: see
benchmarks/energyflow_pfn.py. Results go to benchmarks/results/images.json.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import awkward as ak
import h5py
import numpy as np
from machine import this_machine

from jetlab import catalog, images, jets
from jetlab.io.sample import JetSample

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "images.json"
SIZE, WIDTH = 33, 1.4
PASSES = 3  # the fastest of which counts, as in EnergyFlow's process


def write(sample: JetSample, path: Path) -> None:
    """Save candidates as EnergyFlow takes them, (pt, y, phi) with phi wrapped to the jet, and how many each has."""
    found = jets.constituents(sample)
    flat = ak.flatten(found)
    with h5py.File(path, "w") as file:
        file["candidates"] = np.stack([ak.to_numpy(flat[name]) for name in ("pt", "deta", "dphi")], axis=1)
        file["counts"] = ak.to_numpy(ak.num(found))


def by_energyflow(python: Path, folder: Path) -> tuple[float, np.ndarray, dict[str, str]]:
    """Seconds that EnergyFlow takes, reading and importing apart, its images and versions."""
    command = [str(python), str(HERE / "energyflow_pfn.py"), "pixelate"]
    subprocess.run([*command, str(folder / "jets.h5"), str(SIZE), str(WIDTH), str(folder / "out.npz")], check=True)
    with np.load(folder / "out.npz", allow_pickle=False) as found:
        told = json.loads(str(found["told"]))
        return told["seconds"], found["images"], told["versions"]


def by_jetlab(sample: JetSample) -> tuple[float, np.ndarray]:
    """Seconds that jetlab takes from the candidates, wrapping of phi included, and its images."""
    seconds = []
    for _ in range(PASSES):
        began = time.process_time()
        made = images.normalise(images.pixelate(images.centre(sample), SIZE, WIDTH))
        seconds.append(time.process_time() - began)
    return min(seconds), made


def main() -> None:
    """Measure in turns, compare the images, write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--energyflow-python", type=Path, required=True)
    parser.add_argument("--jets", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    sample = catalog.load("jets")[: options.jets]
    with tempfile.TemporaryDirectory() as name:
        write(sample, Path(name) / "jets.h5")
        by_jetlab(sample[:100])  # what is loaded when first used is not timed, as in EnergyFlow's process
        turns = [
            (by_jetlab(sample), by_energyflow(options.energyflow_python, Path(name))) for _ in range(options.rounds)
        ]
    (_, ours), (_, theirs, versions) = turns[-1]
    ratios = sorted(other[0] / mine[0] for mine, other in turns)
    row = {
        "task": "images, centred, pixelated and normalised",
        "pixels": SIZE,
        "jets": len(sample),
        "jets_per_second": round(len(sample) / statistics.median(mine[0] for mine, _ in turns)),
        "jets_per_second_energyflow": round(len(sample) / statistics.median(other[0] for _, other in turns)),
        "ratio_to_energyflow": round(statistics.median(ratios), 1),
        "ratio_to_energyflow_range": [round(ratios[0], 1), round(ratios[-1], 1)],
        # EnergyFlow puts the centre into the middle pixel, jetlab to its very middle: averages agree, not pixels.
        "largest_difference_of_average": round(float(np.abs(ours.mean(axis=0) - theirs.mean(axis=0)).max()), 4),
        "largest_pixel_of_average": round(float(ours.mean(axis=0).max()), 4),
        "load_before": round(os.getloadavg()[0], 2),
    }
    machine = this_machine() | {"versions": versions}
    RESULTS.write_text(json.dumps({"machine": machine, "rows": [row]}, indent=1) + "\n")
    print(json.dumps(row))


if __name__ == "__main__":
    main()
