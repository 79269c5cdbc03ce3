import subprocess
import sys

import pytest

from jetlab import memory

# Blocks too small for the C library to ask the system for each, freed but for the last, which keeps the heap from
# shrinking of itself.
FREED = """
import resource
import numpy as np
from jetlab import memory

def resident():
    pages = int(open("/proc/self/statm").read().split()[1])
    return pages * resource.getpagesize()

blocks = [np.ones(8000) for _ in range(4000)]
filled, last = resident(), blocks[-1]
del blocks
freed = resident()
memory.give_back()
print(filled - freed < 64e6, freed - resident() > 128e6)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only GNU's C library has something to give back")
def test_freed_memory_goes_back_to_the_system() -> None:
    done = subprocess.run([sys.executable, "-c", FREED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_elsewhere_nothing_is_done(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr("ctypes.CDLL", lambda name: pytest.fail("asked for the C library"))
    memory.give_back()
