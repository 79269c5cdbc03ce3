"""Which exercises were solved on this machine: a small JSON file in the user's cache, or $JETLAB_PROGRESS."""

import json
import os
import sys
from pathlib import Path

_SESSION: set[str] = set()


def file() -> Path:
    """Where the names are kept. Used in `check.progress`."""
    if os.environ.get("JETLAB_PROGRESS"):
        return Path(os.environ["JETLAB_PROGRESS"]).expanduser()
    import pooch

    return Path(pooch.os_cache("jetlab")) / "progress.json"


def record(name: str) -> None:
    """Keep that the exercise was answered rightly, unless by a folded solution; never raises."""
    if _in_solution():
        return
    _SESSION.add(name)
    try:
        done, _ = read()
        target = file()
        target.parent.mkdir(parents=True, exist_ok=True)
        new = target.with_name(f"{target.name}.{os.getpid()}.new")
        new.write_text(json.dumps({"solved": sorted(done)}))
        new.replace(target)
    except OSError:  # a read-only home must not disturb a lesson: `read` tells when progress is asked for
        return


def read() -> tuple[set[str], str]:
    """Names of the solved exercises, this session's included, and a sentence on what is wrong with the file or ""."""
    try:
        stored = json.loads(file().read_text())["solved"]
        found = {name for name in stored if isinstance(name, str)}
    except FileNotFoundError:
        found = set()
    except (OSError, ValueError, KeyError, TypeError) as error:
        return set(_SESSION), f"{file()} cannot be read ({type(error).__name__}), so only this session counts."
    unkept = bool(_SESSION - found)
    trouble = f"{file()} cannot be written, so what was solved in this session will be forgotten." if unkept else ""
    return found | _SESSION, trouble


def _in_solution() -> bool:
    """Whether the cell that runs is tagged so: JupyterLab sends a cell's tags along with its code."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    parent = shell.get_parent() if hasattr(shell, "get_parent") else None
    return "solution" in ((parent or {}).get("metadata", {}).get("tags") or [])
