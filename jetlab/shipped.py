"""What comes with jetlab besides its code: the sample, the lessons, and measured results that lessons show.

A wheel carries these folders of the repository in the package (pyproject.toml says which); with `pip install -e` they
are read where the repository has them.
"""

import sys
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CLONE = not (_PACKAGE / "kit").is_dir()
_KIT = _PACKAGE.parent if _CLONE else _PACKAGE / "kit"
_ADDRESS = "git+https://github.com/jetlab-hep/jetlab"

DATA = _KIT / "data"
NOTEBOOKS = _KIT / "notebooks"
RESULTS = _KIT / "benchmarks" / "results"


def remedy(folder: str) -> str:
    """What to do where a file of "data", "notebooks" or "benchmarks/results" is missing or damaged, as text."""
    if _CLONE:
        return f"run `git restore {folder}` in jetlab's folder"
    return f"install jetlab again: `{sys.executable} -m pip install --force-reinstall --no-deps {_ADDRESS}`"


def install(extra: str) -> str:
    """How to install jetlab with one of its extras, such as "cpu", as text."""
    if _CLONE:
        return f"in jetlab's folder: `{sys.executable} -m pip install -c constraints.txt -e '.[{extra}]'`"
    return f"`{sys.executable} -m pip install 'jetlab[{extra}] @ {_ADDRESS}'`"
