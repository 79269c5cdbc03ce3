"""What was solved, predicted and built here: an empty file for each, in the user's cache or in $JETLAB_PROGRESS.

A file each, so that notebooks which are open side by side cannot undo what the other one keeps.
"""

import os
import sys
from pathlib import Path
from typing import Any

#: What was solved, predicted and built since the kernel started, whether they could be kept or not.
SESSION: set[str] = set()


def folder() -> Path:
    """Where the files are kept."""
    if os.environ.get("JETLAB_PROGRESS"):
        return Path(os.environ["JETLAB_PROGRESS"]).expanduser()
    import pooch

    return Path(pooch.os_cache("jetlab")) / "progress"


def record(name: str) -> None:
    """Keep that this was solved, predicted or built, unless by a folded solution; never raises."""
    if in_solution():
        return
    SESSION.add(name)
    try:
        folder().mkdir(parents=True, exist_ok=True)
        for each in SESSION:
            (folder() / each).touch()
    except OSError:  # a read-only home must not disturb a lesson: `read` tells when progress is asked for
        return


def read() -> tuple[set[str], str]:
    """Names of what was recorded, this session's included, and a sentence on what is wrong with the folder or ""."""
    try:
        found = {path.name for path in folder().iterdir()}
    except FileNotFoundError:
        found = set()
    except OSError as error:
        return set(SESSION), f"{folder()} cannot be read ({error.strerror}), so only this session counts."
    unkept = bool(SESSION - found)
    trouble = f"{folder()} cannot be written, so what was solved in this session will be forgotten." if unkept else ""
    return found | SESSION, trouble


def in_solution() -> bool:
    """Whether the cell that runs is tagged so: JupyterLab sends a cell's tags along with its code."""
    ipython = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython else None
    parent = shell.get_parent() if hasattr(shell, "get_parent") else None
    return "solution" in ((parent or {}).get("metadata", {}).get("tags") or [])
