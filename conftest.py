"""Runs the lessons by nbval as a room of participants would, measures each, and keeps what each cell showed.

One run tells three things. The solutions are right: their cells run in place. Whoever leaves every exercise unanswered
gets to the end as well: what a solution defines is forgotten after it. And a lesson that passed is stored with its
outputs in build/lessons, which is what `make site` renders.
"""

import atexit
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbval.plugin import IPyNbCell

#: What Binder gives a participant.
MEMORY_LIMIT_GB = 2.0
LESSONS = Path(__file__).resolve().parent / "notebooks"
RUNS = LESSONS.parent / "build" / "lessons"

# Names only: an array that a solution changes in place stays changed.
REMEMBER = "_before = dict(globals())"
FORGET = """
for _name in set(globals()) - set(_before):
    if not _name.startswith("_"):
        del globals()[_name]
globals().update({name: value for name, value in _before.items() if not name.startswith("_")})
del _before
"""

# A slider draws with what its names mean when it is moved: a later cell may have used one for something else.
REDRAW = """
import gc, sys
if "jetlab.sliders" in sys.modules:
    from jetlab.sliders import Sliders
    for _shown in [each for each in gc.get_objects() if type(each) is Sliders]:
        _shown.redraw()
        if _shown._message.value:
            raise AssertionError(f"{_shown._draw.__name__} no longer draws: {_shown._message.value}")
"""

_began: dict[Path, float] = {}
_measured: dict[Path, tuple[float, float]] = {}

# What the tests solve and train is not the developer's progress, nor that of another test run.
_private = tempfile.TemporaryDirectory(prefix="jetlab-tests-")
atexit.register(_private.cleanup)
os.environ["JETLAB_PROGRESS"] = str(Path(_private.name) / "progress")
os.environ["JETLAB_CHECKPOINTS"] = str(Path(_private.name) / "checkpoints")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note when a notebook's first cell begins."""
    if isinstance(item, IPyNbCell):
        _began.setdefault(item.path, time.monotonic())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Run a solution as JupyterLab does, with its tag, and forget what it defined; keep what a cell showed."""
    if not isinstance(item, IPyNbCell):
        return (yield)
    solution = "solution" in item.cell.metadata.get("tags", [])
    if solution:
        _run(item, REMEMBER)
        item.parent.kernel.kc.session.metadata = {"tags": ["solution"]}
    try:
        result = yield
    finally:
        item.parent.kernel.kc.session.metadata = {}
    if solution:
        _run(item, FORGET)
    item.cell.outputs, item.cell.execution_count = item.test_outputs, item.cell_num + 1
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """After a notebook's last cell draw all sliders again, and measure the kernel: too much memory is an error."""
    if not isinstance(item, IPyNbCell) or (nextitem is not None and nextitem.path == item.path):
        return (yield)
    trouble = _run(item, REDRAW) if item.parent.kernel.is_alive() else ""
    peak = _peak_memory(item.parent.kernel.km.provisioner.pid)
    result = yield
    if peak is not None:
        _measured[item.path] = (time.monotonic() - _began[item.path], peak)
    assert not trouble, f"{item.path.name}: {trouble}"
    assert (peak or 0) < MEMORY_LIMIT_GB, f"{item.path.name} used {peak:.2f} GB, over {MEMORY_LIMIT_GB:g} GB"
    _keep(item.path, item.parent.nb)
    return result


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what each lesson took."""
    if _measured:
        terminalreporter.section("lessons")
        for path, (seconds, peak) in _measured.items():
            terminalreporter.write_line(f"{path.stem:24} {seconds:6.1f} s   {peak:5.2f} GB peak")
        total = sum(seconds for seconds, _ in _measured.values())
        terminalreporter.write_line(f"{'all lessons':24} {total:6.1f} s")


def _run(item: IPyNbCell, code: str) -> str:
    """Run code of ours in the lesson's kernel, between its cells; returns what the error said, if there was one."""
    kernel = item.parent.kernel
    request = kernel.execute_cell_input(code, allow_stdin=False)
    while (reply := kernel.get_message("shell", timeout=120))["parent_header"].get("msg_id") != request:
        pass
    kernel.await_idle(request, timeout=60)
    return reply["content"].get("evalue", "")


def _keep(path: Path, notebook: nbformat.NotebookNode) -> None:
    """Store a lesson of the kit of which every cell has run."""
    whole = all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
    if whole and path.is_relative_to(LESSONS):
        target = RUNS / path.relative_to(LESSONS)
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, target)


def _peak_memory(pid: int) -> float | None:
    """Largest resident memory of a process so far, GB; None where the system does not keep it (not Linux)."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return None
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) / 1e6
