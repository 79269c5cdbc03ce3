"""Lessons as they ran: `python -m tests.lessons.runs [--full]` runs those that have changed since, for the site.

A run is stored with its outputs in build/lessons, or build/full for lessons run as participants run them, and says in
its metadata whether it was a short one and of what it is: a digest of the lesson, the package, the samples and results
it may show, and the versions. What is there already, from `make test` or another machine, is not run again.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat

from jetlab.config import fast_mode

REPOSITORY = Path(__file__).resolve().parents[2]
LESSONS = REPOSITORY / "notebooks"
#: What a lesson shows besides its own text.
SHOWN = ("jetlab", "data", "benchmarks/results", "constraints.txt")
LEFT = {"__pycache__", ".ipynb_checkpoints"}


def folder(short: bool) -> Path:
    """Where runs are stored."""
    return REPOSITORY / "build" / ("lessons" if short else "full")


def lessons() -> list[Path]:
    """All lessons, in their order."""
    return sorted(path for path in LESSONS.rglob("*.ipynb") if not LEFT.intersection(path.parts))


def keep(path: Path, notebook: nbformat.NotebookNode) -> None:
    """Store a lesson that has just run in this process's mode."""
    short = fast_mode()
    notebook.metadata["jetlab"] = {"short": short, "digest": digest(path)}
    target = folder(short) / path.relative_to(LESSONS)
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, target)


def missing(short: bool) -> list[Path]:
    """Lessons that have no run of what they are now."""
    return [path for path in lessons() if _stored(folder(short) / path.relative_to(LESSONS)) != (short, digest(path))]


def digest(path: Path) -> str:
    """Of a lesson and all that it shows."""
    return hashlib.sha256(path.read_bytes() + _shown()).hexdigest()


def _shown() -> bytes:
    """A digest of SHOWN, file by file."""
    total = hashlib.sha256()
    for place in SHOWN:
        found = REPOSITORY / place
        for file in sorted(found.rglob("*")) if found.is_dir() else [found]:
            if file.is_file() and not LEFT.intersection(file.parts):
                total.update(
                    f"{file.relative_to(REPOSITORY)} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode()
                )
    return total.digest()


def _stored(run: Path) -> tuple[bool, str] | None:
    """Mode and digest of a stored run."""
    if not run.exists():
        return None
    found = json.loads(run.read_text())["metadata"].get("jetlab", {})
    return found.get("short"), found.get("digest")


def main() -> int:
    """Run the lessons that are missing, leave out those that are gone, and put the figures beside them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--full", action="store_true", help="as participants run them, not in the short mode")
    short = not parser.parse_args().full
    for run in folder(short).rglob("*.ipynb"):
        if not (LESSONS / run.relative_to(folder(short))).exists():
            run.unlink()
    environment = os.environ | {"JETLAB_FAST": str(int(short))}
    for path in missing(short):
        # A lesson at a time: those that ran stay when one fails or the whole is interrupted.
        command = [sys.executable, "-m", "pytest", "--nbval-lax", "-k", "Cell", str(path)]
        code = subprocess.run(command, cwd=REPOSITORY, env=environment, check=False).returncode
        if code:
            return code
    shutil.copytree(LESSONS / "figures", folder(short) / "figures", dirs_exist_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
