"""Which room may import which: the contracts in pyproject.toml, and what a process has loaded in the end."""

import subprocess
import sys
from pathlib import Path

LOADED = """
import importlib, pathlib, sys
paths = sorted(pathlib.Path("jetlab").rglob("[!_]*.py"))
names = [".".join(path.with_suffix("").parts) for path in paths]
core = [name for name in names if name.split(".")[1] not in ("plots", "panel")]
for name in core:
    importlib.import_module(name)
print(len(core), *sorted({"ipywidgets", "matplotlib", "tensorflow"} & set(sys.modules)))
for name in names:
    importlib.import_module(name)
print(len(names), *sorted({"matplotlib.pyplot", "tensorflow"} & set(sys.modules)))
"""


def test_a_room_imports_only_from_the_rooms_below_it(repository: Path) -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_core_knows_no_widgets_and_no_plots_and_nobody_pyplot(repository: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", LOADED]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True)
    core, whole = (line.split() for line in done.stdout.splitlines())
    assert int(whole[0]) > int(core[0]) > 40
    assert (core[1:], whole[1:]) == ([], [])
