"""How long a participant waits: seconds to import jetlab, to the first plotted epoch and to the first panel.

    python benchmarks/start.py [--rounds 5]

Every measurement is a kernel of its own, which runs a lesson's cells in order, as JupyterLab would. The clock starts
with the first cell, in which `jetlab.doctor` looks at the machine and loads TensorFlow. From the second round on the
disk's cache is warm. Writes benchmarks/results/start.json.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from machine import this_machine
from nbclient import NotebookClient

LESSONS = Path(__file__).parents[1] / "notebooks"
RESULTS = Path(__file__).parent / "results" / "start.json"
IMPORT = "import time; began = time.perf_counter(); import jetlab; print(time.perf_counter() - began)"
#: What is waited for: name of the result, lesson, and what stands in the cell that shows it.
WAITS = (
    ("first_plotted_epoch", "00_welcome", "plots.loss_curves("),
    ("first_plotted_epoch", "02_dense_tagger", "plots.loss_curves("),
    ("first_panel", "00_welcome", "TrainingPanel("),
)


def import_seconds() -> float:
    """Seconds of `import jetlab` in a fresh Python."""
    done = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True)
    return float(done.stdout)


def cell_seconds(lesson: str) -> dict[str, float]:
    """Seconds from the start of the first cell of a fresh kernel to the end of the first cell with each text."""
    notebook = nbformat.read(LESSONS / f"{lesson}.ipynb", as_version=4)
    texts = [text for _, other, text in WAITS if other == lesson]
    cells = {text: next(n for n, cell in enumerate(notebook.cells) if text in cell.source) for text in texts}
    del notebook.cells[max(cells.values()) + 1 :]
    began, ends = [], {}

    def starts(cell: Any, cell_index: int) -> None:
        began.append(time.perf_counter())

    def ended(cell: Any, cell_index: int, execute_reply: Any) -> None:
        ends[cell_index] = time.perf_counter() - began[0]

    hooks = {"on_cell_start": starts, "on_cell_executed": ended}
    NotebookClient(notebook, resources={"metadata": {"path": str(LESSONS)}}, **hooks).execute()
    return {text: ends[n] for text, n in cells.items()}


def summary(seconds: list[float]) -> dict[str, Any]:
    """Median and extremes."""
    return {
        "seconds": round(statistics.median(seconds), 2),
        "range": [round(min(seconds), 2), round(max(seconds), 2)],
    }


def main() -> None:
    """Measure everything in turns and write it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    imports, lessons = [], {lesson: [] for _, lesson, _ in WAITS}
    for _ in range(options.rounds):
        imports.append(import_seconds())
        for lesson, ends in lessons.items():
            ends.append(cell_seconds(lesson))
    rows = [{"what": "import_jetlab", "lesson": None} | summary(imports)]
    for what, lesson, text in WAITS:
        rows.append({"what": what, "lesson": lesson} | summary([ends[text] for ends in lessons[lesson]]))
    here = this_machine("keras", "tensorflow-cpu", "jupyterlab", "ipykernel")
    RESULTS.write_text(json.dumps({"machine": here, "rounds": options.rounds, "rows": rows}, indent=1) + "\n")
    print(RESULTS.read_text())


if __name__ == "__main__":
    main()
