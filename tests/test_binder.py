import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

FILES = ["binder", "settings", "constraints.txt", "pyproject.toml"]


@pytest.fixture(scope="module")
def dockerfile(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What repo2docker would build, without building: it needs no Docker for that."""
    copy = tmp_path_factory.mktemp("repository")
    for name in FILES:
        source = repository / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / name)
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "Building conda environment for python=3.11" in done.stdout + done.stderr
    return done.stdout + done.stderr


def test_image_has_python_3_11(dockerfile: str) -> None:
    assert "environment-2epy-2d3-2e11" in dockerfile


def test_image_runs_our_steps_in_order(dockerfile: str) -> None:
    whole_tree = dockerfile.index("COPY --chown=0:0 src/ ${REPO_DIR}/")
    requirements = dockerfile.index('pip install --no-cache-dir -r "binder/requirements.txt"')
    post_build = dockerfile.index("RUN ./binder/postBuild")
    # The kit itself is among the requirements, so it must be there before them.
    assert whole_tree < requirements < post_build


def test_post_build_stops_at_the_first_error(repository: Path) -> None:
    script = repository / "binder" / "postBuild"
    assert script.stat().st_mode & 0o111 == 0o111
    assert script.read_text().splitlines()[1] == "set -e"
    broken = subprocess.run([script], cwd="/", env={"PATH": "/usr/bin:/bin"}, capture_output=True, check=False)
    assert broken.returncode != 0


def test_post_build_gives_jupyterlab_our_defaults(repository: Path, tmp_path: Path) -> None:
    doctor = tmp_path / "bin" / "jetlab"
    doctor.parent.mkdir()
    doctor.write_text('#!/bin/sh\necho "$@"\n')
    doctor.chmod(0o755)
    path = f"{doctor.parent}:/usr/bin:/bin"
    environment = {"PATH": path, "NB_PYTHON_PREFIX": str(tmp_path)}
    done = subprocess.run(
        [repository / "binder" / "postBuild"],
        cwd=repository,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "doctor\n"
    ours = repository / "settings" / "labconfig" / "default_setting_overrides.json"
    assert (tmp_path / "etc" / "jupyter" / "labconfig" / ours.name).read_bytes() == ours.read_bytes()


def test_binder_takes_the_pins_and_the_cpu_build(repository: Path) -> None:
    lines = (repository / "binder" / "requirements.txt").read_text().splitlines()
    assert "-c ../constraints.txt" in lines
    assert "-e .[cpu,scan]" in lines
    extras = tomllib.loads((repository / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert any(requirement.startswith("tensorflow-cpu") for requirement in extras["cpu"])
