"""jetlab installed from its wheel, with no repository near: all that a lesson reads comes along."""

import shutil
import subprocess
from pathlib import Path

import pytest

from jetlab.classroom.release import release
from tests.lessons import released

OTHER = """
import importlib.util, sys, sysconfig
sys.path.remove(sysconfig.get_path("purelib"))
print(importlib.util.find_spec("jetlab"))
"""
READ = """
from jetlab import catalog
from jetlab.errors import JetlabError
for read in (catalog.load, lambda: catalog.results("tracking")):
    try:
        read()
    except JetlabError as error:
        print(error)
"""


@pytest.fixture(scope="module")
def folder() -> Path:
    return released.install()


def python(folder: Path, *words: str, **variables: str) -> str:
    """What the wheel's interpreter prints, run where no repository is."""
    command = [str(released.python(folder)), *words]
    environment = released.environment(folder) | variables
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


def test_the_environment_has_this_jetlab_and_no_other(folder: Path) -> None:
    found = Path(python(folder, "-c", "import jetlab; print(jetlab.__file__)").strip())
    assert found.is_relative_to(folder / "env")
    assert python(folder, "-c", OTHER) == "None\n"


def test_the_wheel_is_small_enough_to_hand_out(folder: Path) -> None:
    (wheel,) = folder.glob("*.whl")
    assert wheel.stat().st_size < 48e6


def test_the_doctor_finds_all_well(folder: Path) -> None:
    said = python(folder, "-m", "jetlab", "doctor")
    assert "data: jets.root intact" in said
    assert "data: hits.csv.gz intact" in said
    assert "data: flavour.h5 intact" in said
    assert said.endswith("Ready.\n")


def test_the_wheel_releases_the_same_lessons_as_the_repository(folder: Path, tmp_path: Path) -> None:
    for solutions, name in ((True, "with"), (False, "without")):
        files = release(tmp_path / name, solutions)
        assert set((folder / name).rglob("*.ipynb")) == {folder / file.relative_to(tmp_path) for file in files}
        written = [path for path in (tmp_path / name).rglob("*") if path.is_file()]
        assert len(written) > len(files)  # figures, too
        assert all(file.read_bytes() == (folder / file.relative_to(tmp_path)).read_bytes() for file in written)


def test_what_is_missing_comes_back_by_installing_again(folder: Path, tmp_path: Path) -> None:
    (package,) = folder.glob("env/lib/python*/site-packages/jetlab")
    shutil.copytree(package, tmp_path / "jetlab", ignore=shutil.ignore_patterns("jets.root", "tracking.json"))
    lines = python(folder, "-c", READ, PYTHONPATH=str(tmp_path)).splitlines()
    assert len(lines) == 2
    for line, name in zip(lines, ("jets.root", "tracking.json"), strict=True):
        assert f"{name} is missing" in line
        assert "install jetlab again: " in line
        assert "git restore" not in line
