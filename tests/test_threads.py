import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jetlab import backend, threads

COUNT = """
import json, os
from threadpoolctl import threadpool_info
import sklearn.ensemble
print(json.dumps({each["user_api"]: each["num_threads"] for each in threadpool_info()}))
"""


def fresh(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run code in a Python in which only `variables` are set of those that jetlab looks at."""
    kept = {name: value for name, value in os.environ.items() if name not in (*threads.settings({}), "KERAS_BACKEND")}
    return subprocess.run(
        [sys.executable, "-c", code], env=kept | variables, capture_output=True, text=True, timeout=120, check=True
    )


def test_threads_follow_the_cores_and_wait_asleep() -> None:
    count = str(threads.cores())
    expected = {
        "OMP_WAIT_POLICY": "PASSIVE",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": count,
        "TF_NUM_INTEROP_THREADS": count,
    }
    assert threads.settings({}) == expected
    assert json.loads(fresh("import json, os, jetlab; print(json.dumps(dict(os.environ)))").stdout).items() >= (
        expected.items()
    )


def test_pytorch_trains_on_all_cores() -> None:
    assert threads.settings({"KERAS_BACKEND": "torch"})["OMP_NUM_THREADS"] == str(threads.cores())


def test_what_the_user_has_set_stays() -> None:
    assert threads.settings(dict.fromkeys(threads.settings({}), "7")) == {}
    assert set(threads.settings({})) - set(threads.settings({"OMP_NUM_THREADS": "3"})) == {"OMP_NUM_THREADS"}


def test_the_libraries_take_what_is_set() -> None:
    done = fresh("import jetlab" + COUNT, OMP_DISPLAY_ENV="TRUE")
    assert json.loads(done.stdout) == {"openmp": 1, "blas": 1}
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in done.stderr


@pytest.mark.parametrize("loaded", ["numpy", "sklearn.ensemble"])
def test_libraries_that_are_loaded_already_are_limited(loaded: str) -> None:
    counts = json.loads(fresh(f"import {loaded}\nimport jetlab" + COUNT).stdout)
    assert counts == {"openmp": 1, "blas": 1}
    chosen = json.loads(fresh(f"import {loaded}\nimport jetlab" + COUNT, OMP_NUM_THREADS="3,1").stdout)
    assert chosen["openmp"] == 3


@pytest.fixture
def many_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(16)), raising=False)


def container(root: Path, groups: str, files: dict[str, str]) -> Path:
    """A root folder with /proc/self/cgroup and files below /sys/fs/cgroup."""
    for name, text in {"proc/self/cgroup": groups, **{f"sys/fs/cgroup/{k}": v for k, v in files.items()}}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def quota_1(folder: str, quota: int, period: int = 100_000) -> dict[str, str]:
    return {f"{folder}/cpu.cfs_quota_us": f"{quota}\n", f"{folder}/cpu.cfs_period_us": f"{period}\n"}


V1 = "5:memory:/pod/me\n4:cpu,cpuacct:/pod/me\n3:cpuset:/\n0::/elsewhere\n"
HYBRID = "1:cpu:/\n0::/\n"


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        pytest.param("0::/\n", {}, 16, id="no limit"),
        pytest.param("0::/\n", {"cpu.max": "max 100000\n"}, 16, id="v2, no quota"),
        pytest.param("0::/\n", {"cpu.max": "200000 100000\n"}, 2, id="v2"),
        pytest.param("0::/\n", {"cpu.max": "50000 100000\n"}, 1, id="half a core"),
        pytest.param("0::/\n", {"cpu.max": "140000 100000\n"}, 1, id="1.4 cores"),
        pytest.param("0::/\n", {"cpu.max": "150000 100000\n"}, 2, id="1.5 cores"),
        pytest.param("0::/\n", {"cpu.max": "250000 100000\n"}, 3, id="2.5 cores"),
        pytest.param("0::/\n", {"cpu.max": "9900000 100000\n"}, 16, id="more than there are"),
        pytest.param(
            "0::/user/me\n", {"cpu.max": "max 100000\n", "user/me/cpu.max": "300000 100000\n"}, 3, id="nested"
        ),
        pytest.param(
            "0::/pod/me\n", {"pod/cpu.max": "400000 100000\n", "pod/me/cpu.max": "max 100000\n"}, 4, id="v2, around it"
        ),
        pytest.param("0::/docker/1f\n", {"cpu.max": "200000 100000\n"}, 2, id="the host's path"),
        pytest.param("0::/../pod/me\n", {"pod/me/cpu.max": "200000 100000\n"}, 2, id="outside the namespace"),
        pytest.param("0::/other\n", {"pod/cpu.max": "100000 100000\n"}, 16, id="another's quota"),
        pytest.param(V1, quota_1("cpu,cpuacct", -1), 16, id="v1, no quota"),
        pytest.param(V1, quota_1("cpu,cpuacct/pod/me", 150_000, 50_000), 3, id="v1, nested"),
        pytest.param(V1, quota_1("cpu,cpuacct", -1) | quota_1("cpu/pod", 200_000), 2, id="v1, around it, by a link"),
        pytest.param(V1, quota_1("memory/pod/me", 100_000) | quota_1("cpuset", 100_000), 16, id="v1, not of the CPU"),
        pytest.param(HYBRID, quota_1("cpu", 200_000), 2, id="both versions"),
    ],
)
def test_cores_of_a_container(groups: str, files: dict[str, str], expected: int, tmp_path: Path, many_cores) -> None:
    assert threads.cores(container(tmp_path, groups, files)) == expected


def test_cores_where_no_cgroups_are(tmp_path: Path, many_cores, monkeypatch: pytest.MonkeyPatch) -> None:
    assert threads.cores(tmp_path) == 16
    # macOS has no affinity either.
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 10)
    assert threads.cores(tmp_path) == 10


def test_cores_of_a_process_bound_to_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3}, raising=False)
    assert threads.cores(container(tmp_path, "0::/\n", {"cpu.max": "400000 100000\n"})) == 1


def test_cores_here() -> None:
    assert 1 <= backend.cores() <= os.cpu_count()
