"""Draws the lessons' figures: `python docs/figures [FOLDER]`, by default into notebooks/figures."""

import importlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAMES = sorted(path.stem for path in HERE.glob("*.py") if path.stem not in ("__main__", "drawing"))


def main(folder: Path) -> None:
    """Write every figure to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        importlib.import_module(name).draw().write(folder / f"{name}.svg")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parents[1] / "notebooks" / "figures")
