"""Number of threads of the numerical libraries, and how they wait: set once, at `import jetlab`, before they load.

Kernels that share cores, as in a room on one server, slow each other down a hundredfold where threads wait for each
other by spinning: measured by benchmarks/room.py.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path


def configure() -> None:
    """Set the environment variables of `settings`, except those that the user has set.

    Where NumPy or scikit-learn is loaded already, their threads are limited through threadpoolctl instead.
    """
    new = settings(os.environ)
    os.environ.update(new)
    if "numpy" in sys.modules:
        from threadpoolctl import threadpool_limits

        variables = {"openmp": "OMP_NUM_THREADS", "blas": "OPENBLAS_NUM_THREADS"}
        threadpool_limits({library: int(new[name]) for library, name in variables.items() if name in new})


def settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Environment variables of OpenMP, OpenBLAS and TensorFlow that are not in `environment` and should be."""
    count = str(cores())
    wanted = {
        "OMP_WAIT_POLICY": "PASSIVE",
        # The lessons' trees and matrices are too small for several threads. Only PyTorch trains by OpenMP.
        "OMP_NUM_THREADS": count if environment.get("KERAS_BACKEND") == "torch" else "1",
        "OPENBLAS_NUM_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": count,
        "TF_NUM_INTEROP_THREADS": count,
    }
    return {name: value for name, value in wanted.items() if name not in environment}


def cores(root: Path = Path("/")) -> int:
    """Count the CPU cores that this process may use: fewer than the machine has in a container such as Binder's.

    Takes the least of its affinity and the quotas of its cgroup, version 1 or 2, and of all cgroups around it. A quota
    is rounded to the nearest whole number, and up to 1. `root` is where /proc and /sys are looked for.
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, int(min([count, *_quotas(root)]) + 0.5))


def _quotas(root: Path) -> Iterator[float]:
    """Quota in cores of every cgroup of this process that has one."""
    groups, mounted = root / "proc/self/cgroup", root / "sys/fs/cgroup"
    for line in groups.read_text().splitlines() if groups.exists() else ():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        # In a container the path may be that on its host, of which only the top is mounted.
        names = [name for name in path.split("/") if name not in ("", "..")]
        for mount in (mounted / controllers, mounted / "cpu") if controllers else (mounted,):
            for depth in range(len(names) + 1):
                yield from _quota(mount.joinpath(*names[:depth]))


def _quota(group: Path) -> Iterator[float]:
    limit, quota, period = (group / name for name in ("cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us"))
    if limit.exists():
        numbers = limit.read_text().split()
    elif quota.exists():
        numbers = [quota.read_text(), period.read_text()]
    else:
        return
    if numbers[0].strip() not in ("max", "-1"):
        yield int(numbers[0]) / int(numbers[1])
