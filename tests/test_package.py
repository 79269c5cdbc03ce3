import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import jetlab

PIN = re.compile(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.!+]+)")
IMPORT = """
import sys
before = set(sys.modules)
import jetlab
print(*{name.partition(".")[0] for name in set(sys.modules) - before})
"""


def pins(repository: Path) -> dict[str, str]:
    lines = (repository / "constraints.txt").read_text().splitlines()
    return {canonicalize_name(name): version for name, version in (PIN.fullmatch(line).groups() for line in lines)}


@pytest.fixture(scope="module")
def requirements(repository: Path) -> list[Requirement]:
    """Everything that users' extras and the groups that `make test` installs ask for."""
    settings = tomllib.loads((repository / "pyproject.toml").read_text())
    extras, groups = settings["project"]["optional-dependencies"], settings["dependency-groups"]
    assert set(extras) == {"board", "cpu", "gpu", "hub", "opendata", "remote", "scan", "simulation"}
    lists = [settings["project"]["dependencies"], *extras.values(), groups["test"], groups["docs"]]
    return [Requirement(text) for each in lists for text in each]


def test_import_loads_nothing_but_the_standard_library() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) - sys.stdlib_module_names == {"jetlab"}


def test_submodules_load_when_asked_for() -> None:
    assert jetlab.io.schema.RADIUS == 0.7
    assert jetlab.config.RunConfig().layers == 3
    assert {"config", "doctor", "io", "panel"} <= set(dir(jetlab))
    with pytest.raises(AttributeError, match="module 'jetlab' has no attribute 'confg'"):
        _ = jetlab.confg


def test_version_is_said_once() -> None:
    assert metadata.version("jetlab") == jetlab.__version__
    assert str(Version(jetlab.__version__)) == jetlab.__version__


def test_every_pin_is_plain_and_every_line_is_a_pin(repository: Path) -> None:
    lines = (repository / "constraints.txt").read_text().splitlines()
    assert [line for line in lines if not PIN.fullmatch(line)] == []
    names = [canonicalize_name(line.partition("==")[0]) for line in lines]
    assert len(names) == len(set(names)) > 100
    assert "jetlab" not in names


def test_every_direct_requirement_is_pinned_within_its_range(repository: Path, requirements: list[Requirement]) -> None:
    pinned = pins(repository)
    for requirement in requirements:
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), requirement


def test_what_runs_here_is_what_is_pinned(repository: Path) -> None:
    pinned = pins(repository)
    for name in ("keras", "numpy", "awkward", "uproot", "jupyterlab", "ipykernel", "ipywidgets", "pythia8mc"):
        assert metadata.version(name) == pinned[name], name


@pytest.mark.parametrize("python", ["3.11.0", "3.12.0", "3.13.0"])
def test_every_pin_takes_every_python(python: str, repository: Path) -> None:
    # Debian 12, say, has 3.11.2: a pin that wants 3.11.5 would end `make lab` there.
    pinned = pins(repository)
    absent = {"tensorflow", "fsspec-xrootd", "hdf5plugin", "xrootd"}  # of extras that `make test` leaves out
    installed = [metadata.distribution(name) for name in pinned if name not in absent]
    refusing = [d.name for d in installed if python not in SpecifierSet(d.metadata.get("Requires-Python", ""))]
    assert refusing == []
