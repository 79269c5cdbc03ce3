"""jetlab as participants have it: its wheel in an environment of its own, and the lessons that it releases."""

import atexit
import functools
import json
import os
import shutil
import site
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from ipykernel.kernelspec import get_kernel_dict

REPOSITORY = Path(__file__).resolve().parents[2]
KERNEL = "released"


@functools.cache
def install() -> Path:
    """Build the wheel, install it, release the lessons; returns the folder that has it all until Python ends.

    `env` is a virtual environment with the packages of this one, but not its jetlab: of a folder that a .pth file
    names, Python does not read the .pth files, and an editable install is one of these. `with` and `without` have the
    lessons with and without solutions.
    """
    folder = Path(tempfile.mkdtemp(prefix="jetlab-released-")).resolve()
    atexit.register(shutil.rmtree, folder)
    pip = [sys.executable, "-m", "pip", "--quiet"]
    _call(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(REPOSITORY))
    _call(sys.executable, "-m", "venv", "--without-pip", str(folder / "env"))
    # Before the environment sees jetlab's editable install, which pip would try to replace.
    (wheel,) = folder.glob("*.whl")
    _call(*pip, "--python", str(python(folder)), "install", "--no-deps", "--no-index", str(wheel))
    (packages,) = folder.glob("env/lib/python*/site-packages")
    (packages / "third_party.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    for name in ("with", "without"):
        _call("env/bin/jetlab", "release", f"--{name}-solutions", name, cwd=folder, env=environment(folder))
    spec = get_kernel_dict()
    spec["argv"][0] = str(python(folder))
    (folder / "jupyter" / "kernels" / KERNEL).mkdir(parents=True)
    (folder / "jupyter" / "kernels" / KERNEL / "kernel.json").write_text(json.dumps(spec))
    return folder


def python(folder: Path) -> Path:
    """The interpreter of the environment that `install` made."""
    return folder / "env" / "bin" / "python"


def environment(folder: Path) -> dict[str, str]:
    """This process's variables, without those that lead to another jetlab or its data; Jupyter finds KERNEL by them."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "JETLAB_DATA")}
    return kept | {"JUPYTER_PATH": str(folder / "jupyter")}


def _call(*command: str, **options: object) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        pytest.exit(f"No lesson can be run: {' '.join(command)}\n{done.stdout}{done.stderr}", returncode=1)
