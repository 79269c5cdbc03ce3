"""What a room on one server waits for: lesson M2 in several kernels at once, against one kernel alone.

    python benchmarks/room.py [--kernels 4] [--rounds 3] [--limit 420]

Every kernel is a Jupyter kernel of its own and runs M2's cells in order, from the first to the boosted decision tree
and the first network, as JupyterLab would; solutions are left out. "now" is with the threads and the wait policy that
`import jetlab` sets; "before" is with what the libraries do by themselves: as many threads as cores, and OpenMP's spin
for 3 ms before they sleep. The two take turns in each round. The BDT's seconds are those of its cell, import included.
No round begins that would end after `--limit` seconds, by the longest so far. Writes benchmarks/results/room.json.
"""

import argparse
import asyncio
import copy
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
from machine import this_machine
from nbclient import NotebookClient

from jetlab import backend, catalog, threads

LESSON = Path(__file__).parents[1] / "notebooks" / "02_dense_tagger.ipynb"
RESULTS = Path(__file__).parent / "results" / "room.json"
BDT, NETWORK = "bdt.fit(", "training.fit("
#: Without a wait policy GNU OpenMP looks 300,000 times before a thread goes to sleep.
CORES = str(backend.cores())
BEFORE = {"OMP_NUM_THREADS": CORES, "OPENBLAS_NUM_THREADS": CORES, "GOMP_SPINCOUNT": "300000"}


def lesson() -> nbformat.NotebookNode:
    """M2 up to its first network."""
    notebook = nbformat.read(LESSON, as_version=4)
    last = next(n for n, cell in enumerate(notebook.cells) if NETWORK in cell.source and cell.cell_type == "code")
    notebook.cells = [cell for cell in notebook.cells[: last + 1] if "solution" not in cell.metadata.get("tags", [])]
    return notebook


async def one_kernel(notebook: nbformat.NotebookNode, environment: dict[str, str]) -> tuple[float, float]:
    """Seconds of the BDT's cell, and of all cells from the start of the first."""
    began: dict[int, float] = {}
    took: dict[str, float] = {}

    def starts(cell: Any, cell_index: int) -> None:
        began[cell_index] = time.perf_counter()

    def ended(cell: Any, cell_index: int, execute_reply: Any) -> None:
        if BDT in cell.source:
            took["bdt"] = time.perf_counter() - began[cell_index]
        took["lesson"] = time.perf_counter() - min(began.values())

    hooks = {"on_cell_start": starts, "on_cell_executed": ended}
    client = NotebookClient(copy.deepcopy(notebook), resources={"metadata": {"path": str(LESSON.parent)}}, **hooks)
    await client.async_execute(env=environment)
    return took["bdt"], took["lesson"]


async def room(kernels: int, environment: dict[str, str]) -> list[tuple[float, float]]:
    """All kernels at once."""
    notebook = lesson()
    return await asyncio.gather(*(one_kernel(notebook, environment) for _ in range(kernels)))


def summary(seconds: list[float]) -> dict[str, float]:
    """Median and largest, over kernels and rounds."""
    return {"median": round(statistics.median(seconds), 2), "max": round(max(seconds), 2)}


def main() -> None:
    """Measure in turns and write after every round."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kernels", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=float, default=420, help="seconds")
    options = parser.parse_args()
    # Importing jetlab has set this process's variables; the kernels start without, and without the user's.
    clean = {name: value for name, value in os.environ.items() if name not in threads.settings({})}
    began, longest, loads = time.monotonic(), 0.0, []
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    here = this_machine("scikit-learn", "keras", "tensorflow-cpu", "numpy", "ipykernel", "threadpoolctl")
    with tempfile.TemporaryDirectory() as kept:
        clean["JETLAB_PROGRESS"] = str(Path(kept) / "progress.json")
        while len(loads) < options.rounds and time.monotonic() - began + longest < options.limit:
            loads.append(round(os.getloadavg()[0], 2))
            round_began = time.monotonic()
            for place, kernels in (("alone", 1), ("together", options.kernels)):
                for when, environment in (("", clean), ("_before", clean | BEFORE)):
                    times = asyncio.run(room(kernels, environment))
                    found.setdefault((place, when), []).extend(times)
                    print(f"{place}{when}: BDT and lesson, seconds", [[round(s, 1) for s in each] for each in times])
            longest = max(longest, time.monotonic() - round_began)
            write(here, options.kernels, loads, found)
    print(RESULTS.read_text())


def write(here: dict[str, Any], kernels: int, loads: list[float], found: dict[Any, list[tuple[float, float]]]) -> None:
    """Store medians and ratios of all rounds so far."""
    jets = len(catalog.load("jets"))
    results: dict[str, Any] = {"machine": here, "sample": "jets", "jets": jets, "kernels": kernels}
    results |= {"rounds": len(loads), "load_before": loads}
    for number, what in enumerate(("bdt", "lesson")):
        for place in ("alone", "together"):
            for when in ("", "_before"):
                seconds = [each[number] for each in found[place, when]]
                results[f"{what}_seconds_{place}{when}"] = summary(seconds)
            before, now = (results[f"{what}_seconds_{place}{when}"]["median"] for when in ("_before", ""))
            results[f"{what}_ratio_before_to_now_{place}"] = round(before / now, 2)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
