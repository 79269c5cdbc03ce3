"""Is this machine ready for the lessons? `jetlab doctor` on the command line, `jetlab.doctor()` in a notebook."""

import hashlib
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
import psutil
from packaging.requirements import Requirement

from jetlab import shipped

GIGABYTE = 1e9
LESSON_MEMORY = 2 * GIGABYTE
SHOWN = ("tensorflow", "jax", "torch", "keras", "numpy", "uproot", "jupyterlab", "ipywidgets")
CHECKSUMS = "checksums.sha256"
INSTALL = shipped.install("cpu")
#: What Keras may run on, and what to do where it is missing.
ENGINES = {
    "tensorflow": INSTALL,
    "jax": "python -m pip install jax, or unset KERAS_BACKEND to run on TensorFlow",
    "torch": "python -m pip install torch, or unset KERAS_BACKEND to run on TensorFlow",
}


@dataclass(frozen=True)
class Finding:
    """One line of the report: what was looked at, what was found and, unless all is well, what to do.

    `status` is "ok", "warning" (lessons run, but slowly or in part) or "broken" (they do not).
    """

    status: str
    subject: str
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        line = f"{self.status:8} {self.subject}: {self.found}"
        return f"{line}\n{'':8} what to do: {self.remedy}" if self.remedy else line


def doctor() -> None:
    """Print whether this machine is ready for the lessons, a line for each thing looked at.

    Takes up to ten seconds the first time in a session, because it starts what the networks run on.
    """
    report()


def report() -> bool:
    """Print each finding as it is made.

    Returns:
        False if something is broken; warnings do not count.
    """
    print("Looking at this machine, which takes up to ten seconds.", flush=True)
    broken = 0
    for finding in examine():
        broken += finding.status == "broken"
        print(finding, flush=True)
    print("Something is broken: see what to do above." if broken else "Ready.", flush=True)
    return not broken


def examine(*subjects: str) -> Iterator[Finding]:
    """Look at everything, cheapest first, or at some subjects only, such as "data".

    What a check itself trips over is a finding too, not a traceback.

    Yields:
        Findings in the order of the report; a check may have several.
    """
    checks: dict[str, Callable[[], Iterator[Finding]]] = {
        "Python": _python,
        "packages": _packages,
        "memory": _memory,
        "data": _data,
        "device": _device,
        "training": _training,
    }
    for subject, check in checks.items():
        if subjects and subject not in subjects:
            continue
        try:
            yield from check()
        except Exception as error:
            # Whatever fails here would fail in a lesson too; the remaining checks narrow it down.
            yield Finding("broken", subject, f"{type(error).__name__}: {error}", INSTALL)


def _python() -> Iterator[Finding]:
    yield Finding("ok", "Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")


def _packages() -> Iterator[Finding]:
    """Compare what is installed with what jetlab asks for."""
    try:
        required = metadata.requires("jetlab") or []
    except metadata.PackageNotFoundError:
        yield Finding("warning", "packages", "jetlab is imported from a folder, not installed", INSTALL)
        required = []
    wrong = []
    for requirement in map(Requirement, required):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        version = _version(requirement.name)
        if version is None:
            wrong.append(f"{requirement.name} is missing")
        elif not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement.name} {version} is not {requirement.specifier}")
    if wrong:
        yield Finding("broken", "packages", "; ".join(wrong), INSTALL)
    versions = ", ".join(f"{name} {_version(name)}" for name in SHOWN if _version(name))
    yield Finding("ok", "packages", f"jetlab {_version('jetlab') or '(not installed)'}, {versions}")


def _version(name: str) -> str | None:
    """The installed version of a distribution, None if absent; any build of TensorFlow is TensorFlow."""
    for distribution in ("tensorflow", "tensorflow-cpu") if name == "tensorflow" else (name,):
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return None


def _memory() -> Iterator[Finding]:
    available = psutil.virtual_memory().available
    limit = container_memory(Path("/sys/fs/cgroup"))
    if limit is not None:
        available = min(available, limit)
    found = f"{available / GIGABYTE:.1f} GB available"
    if available < LESSON_MEMORY:
        remedy = "close other programs, and shut down kernels you no longer need (JupyterLab: Kernel > Shut Down All)"
        yield Finding("warning", "memory", f"{found}; a lesson takes up to {LESSON_MEMORY / GIGABYTE:.0f} GB", remedy)
    else:
        yield Finding("ok", "memory", found)


def container_memory(group: Path) -> int | None:
    """Bytes a container (Binder, JupyterHub) still grants this process; None where it sets no limit."""
    limit, used = group / "memory.max", group / "memory.current"
    if not limit.exists() or limit.read_text().strip() == "max":
        return None
    # File pages count as used but are given back on demand.
    statistics = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    return int(limit.read_text()) - int(used.read_text()) + int(statistics["inactive_file"])


def _data() -> Iterator[Finding]:
    """Compare every file that `checksums.sha256` lists with its SHA-256."""
    from jetlab import catalog

    folder = catalog.SHIPPED
    remedy = shipped.remedy("data")
    sums = folder / CHECKSUMS
    if not sums.exists():
        yield Finding("broken", "data", f"{sums} is missing", remedy)
        return
    for line in sums.read_text().splitlines():
        expected, name = line.split(maxsplit=1)
        file = folder / name.removeprefix("*")
        if not file.exists():
            yield Finding("broken", "data", f"{file} is missing", remedy)
            continue
        with file.open("rb") as stream:
            actual = hashlib.file_digest(stream, "sha256").hexdigest()
        if actual != expected:
            yield Finding("broken", "data", f"{file} is not what was shipped (its checksum differs)", remedy)
        else:
            yield Finding("ok", "data", f"{file.name} intact, {file.stat().st_size / 1e6:.1f} MB")


def _device() -> Iterator[Finding]:
    from jetlab import backend

    try:
        found, remedy = backend.find_device()
    except ModuleNotFoundError as error:
        # Only the engine that Keras was asked to run on is needed: TensorFlow unless KERAS_BACKEND says otherwise.
        engine = (error.name or "").partition(".")[0]
        if engine not in ENGINES:
            raise
        yield Finding("broken", "device", f"Keras is to run on {engine}, which is missing", ENGINES[engine])
        return
    yield Finding("warning" if remedy else "ok", "device", found, remedy)


def _training() -> Iterator[Finding]:
    """Fit a tiny network to a step function: one epoch must run to its end with a finite loss."""
    from jetlab import training
    from jetlab.config import RunConfig

    rng = np.random.default_rng(1)
    x = rng.normal(size=(256, 4)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.float32)
    data = training.Data(x, y, None, x, y, None)
    start = time.perf_counter()
    result = training.run(RunConfig(layers=1, nodes=8, batch_size=64, epochs=1, patience=0), data)
    seconds = time.perf_counter() - start
    if result.reason == "finished":
        yield Finding("ok", "training", f"a small network trained in {seconds:.1f} s")
    else:
        yield Finding("broken", "training", result.message, INSTALL)
