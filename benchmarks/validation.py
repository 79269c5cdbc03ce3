"""Simulated jets against real ones of CMS: composition, multiplicities, spectra, shapes, correction, area.

    python benchmarks/validation.py --parts FOLDER [--real FILE] [--events 24000] [--seed 1]

Without --real it fetches the real jets (1 MB). Two cores take about five minutes for 24,000 events; a run that was
interrupted finds its chunks in FOLDER, which must be empty when the simulation has changed.
"""

import argparse
import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from machine import this_machine
from tqdm import tqdm

from jetlab import catalog, io
from jetlab.simulation import chunk, pile_up, validation
from jetlab.simulation.farm import pythia_seed, seed_of
from jetlab.simulation.generator import SOFT_QCD

RESULT = Path(__file__).parent / "results" / "validation.json"
EVENTS_PER_CHUNK = 1000


def simulate(number: int, seed: int, parts: Path) -> Path:
    """One chunk of soft QCD under the conditions of the real run, in a file that a second run finds again."""
    path = parts / f"soft_qcd-{seed}-{number}.npz"
    if path.exists():
        return path
    pool = pile_up.minimum_bias_pool(3000, pythia_seed(seed_of(seed, "pile-up")))
    chunk_seed = seed_of(seed, f"soft_qcd-{number}")
    made = chunk.simulate_chunk(SOFT_QCD, EVENTS_PER_CHUNK, pool, chunk_seed, validation.RUN_160578)
    chunk.save_chunk(path, made)
    return path


def main() -> None:
    """Simulate, compare, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", help="file of real jets; fetched where left out")
    parser.add_argument("--events", type=int, default=24_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parts", type=Path, required=True, help="folder of finished chunks")
    parser.add_argument("--output", type=Path, default=RESULT)
    options = parser.parse_args()
    options.parts.mkdir(parents=True, exist_ok=True)
    real = io.read(options.real) if options.real else catalog.load("cms2011_jets")
    numbers = range(options.events // EVENTS_PER_CHUNK)
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as executor:
        waiting = [executor.submit(simulate, number, options.seed, options.parts) for number in numbers]
        chunks = [chunk.load_chunk(future.result()) for future in tqdm(waiting, unit="chunk")]
    simulated = validation.of_chunks(chunks)
    rows = validation.compare(validation.of_sample(real), simulated) + validation.response(chunks)
    result = {
        "machine": this_machine("pythia8mc", "fastjet", "numpy"),
        "real": {"sample": "cms2011_jets", "jets": len(real) - 1},
        "simulated": {"events": len(numbers) * EVENTS_PER_CHUNK, "jets": len(simulated.pt), "seed": options.seed},
        "rows": rows,
    }
    options.output.write_text(json.dumps(result, indent=1) + "\n")
    print(f"Wrote {options.output}.")


if __name__ == "__main__":
    main()
