"""Run a notebook in its folder: `python run_lesson.py NOTEBOOK KERNEL`. Ends at a cell that fails, and says which."""

import subprocess
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, DeadKernelError


def run(path: Path, kernel: str) -> str | None:
    """What failed, None if nothing did; cells are numbered as nbval does, code cells from 0."""
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(notebook, timeout=2000, kernel_name=kernel, resources=resources)
    number = 0
    with client.setup_kernel(stderr=subprocess.DEVNULL):
        for place, cell in enumerate(notebook.cells):
            try:
                client.execute_cell(cell, place)
            except (CellControlSignal, DeadKernelError) as error:
                return f"{path.stem}, Cell {number}: {error}"
            number += cell.cell_type == "code"
    return None


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), sys.argv[2]))
