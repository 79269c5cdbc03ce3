"""Runs the lessons as a room of participants would, measures each, and keeps what each cell showed.

notebooks/02_dense_tagger.ipynb stands for the two copies of M2 that `jetlab release` hands out. Both run on jetlab's
wheel, away from the repository (tests/released.py). Of the copy with solutions nbval runs each cell as a test,
with the cells tagged `test` in their places; a solution that gets a hint fails. The copy without solutions runs
meanwhile, in a kernel of its own, and is one test more. A lesson that passed is stored with its outputs, which is what
`make site` renders (tests/lessons/runs.py).
"""

import atexit
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import nbformat
import pytest
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell, IPyNbFile

from tests.lessons import released, run_lesson, runs

#: What Binder gives a participant.
MEMORY_LIMIT_GB = 2.0
LESSONS = runs.LESSONS

# A slider draws with what its names mean when it is moved: a later cell may have used one for something else.
REDRAW = """
import gc, sys
if "jetlab.panel.sliders" in sys.modules:
    from jetlab.panel.sliders import Sliders
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


class Lesson(IPyNbFile):
    """A lesson of the kit, run where a participant would."""

    def collect(self) -> Iterator[pytest.Item]:
        """The cells with the solutions among them, then the whole lesson without them."""
        yield from super().collect()
        yield WithoutSolutions.from_parent(self, name="without solutions")

    def setup(self) -> None:
        """Start the kernel that the cells run in, and the copy without solutions if that is asked for."""
        folder = released.install()
        name = self.path.relative_to(LESSONS)
        copy = nbformat.read(folder / "with" / name, as_version=4)
        handed_out = [cell.source for cell in self.nb.cells if "test" not in cell.metadata.get("tags", [])]
        assert [cell.source for cell in copy.cells] == handed_out
        environment = released.environment(folder)
        for item in self.session.items:
            if isinstance(item, WithoutSolutions) and item.parent is self:
                item.start(folder / "without" / name, environment)
        with mock.patch.dict(os.environ, environment, clear=True):
            self.kernel = RunningKernel(released.KERNEL, cwd=str((folder / "with" / name).parent))


class WithoutSolutions(pytest.Item):
    """The copy of a lesson without its solutions: that it runs to its end, every exercise unanswered."""

    def start(self, copy: Path, environment: dict[str, str]) -> None:
        """Run it in a process of its own, whose progress and checkpoints are no other's."""
        private = Path(tempfile.mkdtemp(dir=_private.name))
        own = {"JETLAB_PROGRESS": str(private / "progress.json"), "JETLAB_CHECKPOINTS": str(private / "checkpoints")}
        if environment.get("JETLAB_FAST") == "1":
            own["JETLAB_FAST"] = "2"  # what its networks reach is nobody's question
        self.said = private / "said.txt"
        command = [sys.executable, run_lesson.__file__, str(copy), released.KERNEL]
        with self.said.open("w") as stream:
            self.process = subprocess.Popen(command, env=environment | own, stdout=stream, stderr=subprocess.STDOUT)
        self.parent.addfinalizer(self.stop)

    def stop(self) -> None:
        """End the process, where the tests end before it."""
        self.process.kill()
        self.process.wait()

    def runtest(self) -> None:
        """Wait for its end."""
        if self.process.wait():
            pytest.fail(self.said.read_text(), pytrace=False)

    def reportinfo(self) -> tuple[Path, None, str]:
        """The headline of a failure."""
        return self.path, None, f"{self.path.stem} without solutions"


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> Iterator[None]:
    """Take the kit's lessons from nbval, which collects notebooks if it is asked to; others stay as they are."""
    found = yield
    return [
        Lesson.from_parent(parent, path=file_path) if type(each) is IPyNbFile and LESSONS in file_path.parents else each
        for each in found
    ]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note when a notebook's first cell begins."""
    if isinstance(item, IPyNbCell):
        _began.setdefault(item.path, time.monotonic())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Run a solution as JupyterLab does, with its tag; keep what a cell showed."""
    if not isinstance(item, IPyNbCell):
        return (yield)
    if "solution" in item.cell.metadata.get("tags", []):
        item.parent.kernel.kc.session.metadata = {"tags": ["solution"]}
    try:
        result = yield
    finally:
        item.parent.kernel.kc.session.metadata = {}
    item.cell.outputs, item.cell.execution_count = item.test_outputs, item.cell_num + 1
    if "solution" in item.cell.metadata.get("tags", []):
        said = "".join(output.get("text", "") for output in item.test_outputs)
        assert ": hint: " not in said, f"The solution is refused: {said}"
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """After a notebook's last cell draw all sliders again, and measure the kernel: too much memory is an error."""
    last = not isinstance(nextitem, IPyNbCell) or nextitem.path != item.path
    if not isinstance(item, IPyNbCell) or not last:
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
        runs.keep(path, notebook)


def _peak_memory(pid: int) -> float | None:
    """Largest resident memory of a process so far, GB; None where the system does not keep it (not Linux)."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return None
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) / 1e6
