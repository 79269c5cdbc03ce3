"""Scans on a Dask cluster of processes: the same numbers, also where workers are killed."""

import os
import signal
import threading
import time

import pytest

from jetlab import scan
from jetlab.scan import ScanError, Space, crew
from tests.scan.scans import CONFIG, GRID, curves, data, whole

pytest.importorskip("optuna", reason="the scan extra is not installed")
dask = pytest.importorskip("dask", reason="the scan extra is not installed")
distributed = pytest.importorskip("distributed", reason="the scan extra is not installed")

MOST = 120  # seconds to wait, on a machine that does other things meanwhile
#: Points that a worker is at for a while.
LONG = Space.of(CONFIG, nodes=[2, 4], learning_rate=[1e-3, 1e-2], epochs=[60], seed=[1, 2])


def processes(workers):
    return distributed.LocalCluster(
        n_workers=workers, threads_per_worker=1, dashboard_address=":0", memory_limit=0, silence_logs=50
    )


@pytest.fixture(scope="module")
def cluster():
    with processes(2) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def alone():
    """What comes of the same scan without a cluster."""
    return curves(scan.run(LONG, data(), workers=1, on_change=quiet))


def quiet(study):
    """No progress bar."""


def kill_one_at_work(cluster, killed):
    """Kill the first worker that trains, by force."""
    end = time.monotonic() + MOST
    with distributed.Client(cluster.scheduler_address) as client:
        while time.monotonic() < end and not killed:
            # A point at work longer than a look: the worker is in the middle of it.
            working = [address for address, tasks in client.processing().items() if tasks]
            time.sleep(0.2)
            if working and (tasks := client.processing().get(working[0])):
                pid = client.run(os.getpid, workers=working[:1])[working[0]]
                os.kill(pid, signal.SIGKILL)
                killed.append((pid, tasks))


@pytest.mark.parametrize("workers", [2, 1])
def test_a_worker_that_is_killed_loses_nothing(workers, tmp_path, alone):
    """With one worker the data die with it, and have to be shared again."""
    killed = []
    with processes(workers) as cluster:
        thread = threading.Thread(target=kill_one_at_work, args=(cluster, killed), daemon=True)
        thread.start()
        table = scan.run(LONG, data(), tmp_path / "study", dask=cluster.scheduler_address, on_change=quiet)
        thread.join()
    assert killed
    assert whole(table)
    assert {point.number for point in table.points} == set(range(4))
    found = curves(table)
    assert found.keys() == alone.keys()
    for point, losses in alone.items():
        for many, one in zip(found[point], losses, strict=True):
            assert many == pytest.approx(one, rel=1e-4)


def test_workers_of_this_machine_share_its_cores_and_keep_their_memory(monkeypatch):
    """Dask's MALLOC_TRIM_THRESHOLD_ costs page faults; what it sets must not stay behind in this process either."""
    monkeypatch.setattr("jetlab.scan.crew.cores", lambda: 4)
    names = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "MALLOC_TRIM_THRESHOLD_")
    for name in names:  # another cluster of this process has left them
        monkeypatch.delenv(name, raising=False)
    with crew.cluster(2) as found, distributed.Client(found) as client:
        told = client.run(lambda: [os.environ.get(name) for name in names])
        ticks = client.run(lambda: dask.config.get("distributed.admin.tick.interval"))
    assert list(told.values()) == [["2", "2", None]] * 2
    assert not set(names) & set(os.environ)
    assert set(ticks.values()) == {"1s"}  # Dask's 20 ms cost the training more than all the rest of it


def test_a_cluster_without_workers_is_said_to_have_none(monkeypatch):
    monkeypatch.setattr("jetlab.scan.running.PATIENCE", 0.0)
    control = scan.Control()
    timer = threading.Timer(1, control.stop)
    with processes(0) as cluster:
        timer.start()
        with pytest.warns(UserWarning, match="has no worker yet"):
            table = scan.run(GRID, data(), dask=cluster.scheduler_address, control=control, on_change=quiet)
    assert table.points == []


def test_processes_of_this_machine_share_the_work(tmp_path):
    assert whole(scan.run(GRID, data(), tmp_path / "study", workers=2, on_change=quiet))


def test_points_are_pruned_and_scans_stopped_on_workers(cluster):
    control, address = scan.Control(), cluster.scheduler_address
    rates = [1e-2 * (1 + i / 10) for i in range(7)]
    # Long enough for the word to reach the worker.
    space = Space.of(CONFIG, learning_rate=[*rates, 1e-7, 1e-8], epochs=[150])
    table = scan.run(space, data(), dask=address, prune=True, on_change=quiet)
    assert len(table.points) == 9
    assert "pruned" in {point.state for point in table.points}
    endless = Space.of(CONFIG, nodes=[2, 4, 6, 8], epochs=[1000])
    stop = {"on_change": lambda study: control.stop() if study.points() else None}
    assert scan.run(endless, data(60_000), dask=address, control=control, **stop).points == []
    # Nobody trains any more.
    end = time.monotonic() + MOST
    with distributed.Client(address) as client:
        while any(client.processing().values()):
            assert time.monotonic() < end
            time.sleep(0.1)


def test_data_go_to_the_workers_once(cluster, monkeypatch):
    shared, share = [], crew.Farm.share
    monkeypatch.setattr(crew.Farm, "share", lambda self, data: shared.append(data) or share(self, data))
    assert whole(scan.run(GRID, data(), dask=cluster.scheduler_address, on_change=quiet))
    assert len(shared) == 1


def test_no_scheduler_is_told_in_one_sentence(monkeypatch):
    monkeypatch.setattr(crew, "TIMEOUT", 0.5)
    with pytest.raises(ScanError, match="no scheduler answers there"):
        scan.run(GRID, data(), dask="tcp://127.0.0.1:9", on_change=quiet)
