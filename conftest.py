"""Measures each lesson that nbval runs: seconds and the kernel's peak memory, told at the end and bounded."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from nbval.plugin import IPyNbCell

#: What Binder gives a participant.
MEMORY_LIMIT_GB = 2.0

_began: dict[Path, float] = {}
_measured: dict[Path, tuple[float, float]] = {}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note when a notebook's first cell begins."""
    if isinstance(item, IPyNbCell):
        _began.setdefault(item.path, time.monotonic())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Measure the kernel after a notebook's last cell, before it is shut down; too much memory is an error."""
    if isinstance(item, IPyNbCell) and (nextitem is None or nextitem.path != item.path):
        peak = _peak_memory(item.parent.kernel.km.provisioner.pid)
        if peak is not None:
            _measured[item.path] = (time.monotonic() - _began[item.path], peak)
            assert peak < MEMORY_LIMIT_GB, f"{item.path.name} used {peak:.2f} GB, over {MEMORY_LIMIT_GB:g} GB"
    return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what each lesson took."""
    if _measured:
        terminalreporter.section("lessons")
        for path, (seconds, peak) in _measured.items():
            terminalreporter.write_line(f"{path.stem:24} {seconds:6.1f} s   {peak:5.2f} GB peak")
        total = sum(seconds for seconds, _ in _measured.values())
        terminalreporter.write_line(f"{'all lessons':24} {total:6.1f} s")


def _peak_memory(pid: int) -> float | None:
    """Largest resident memory of a process so far, GB; None where the system does not keep it (not Linux)."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return None
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) / 1e6
