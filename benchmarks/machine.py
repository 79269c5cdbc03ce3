"""What the numbers of a benchmark belong to."""

import importlib.metadata
import json
import platform
import re
from pathlib import Path
from typing import Any

from jetlab import backend


def this_machine(*packages: str) -> dict[str, Any]:
    """Device, processor, version of Python and of the packages named, of those that are installed."""
    processor = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        processor = lines[0].partition(": ")[2] if lines else processor
    # A distribution may spell its name otherwise than pip does: tensorflow_cpu.
    installed = {re.sub(r"[-_.]+", "-", each.name).lower(): each.version for each in importlib.metadata.distributions()}
    return {
        "device": backend.device(),
        "processor": processor,
        "python": platform.python_version(),
        "versions": {name: installed[name] for name in packages if name in installed},
    }


def record(path: Path, name: str, found: dict[str, Any], *packages: str) -> None:
    """Write what one benchmark found, and the machine, under its name into a file that several have in common."""
    before = json.loads(path.read_text()) if path.exists() else {}
    found = found | {"machine": this_machine(*packages)}
    path.write_text(json.dumps(before | {name: found}, indent=1) + "\n")
