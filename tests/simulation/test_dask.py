"""Chunks on a Dask cluster: the jets of a run with processes, even where a worker is killed."""

import os
import signal
import threading

import awkward as ak
import numpy as np
import pytest

from jetlab import cli, io

pytest.importorskip("pythia8mc", reason="the simulation extra is not installed")
pytest.importorskip("distributed", reason="the simulation extra is not installed")

import distributed

from jetlab.simulation import SimulationError, correction, farm, production, simulate_jets


@pytest.fixture
def small(monkeypatch):
    """Chunks of a few events, and a fixed correction, for which so few jets could not give one."""
    offset = correction.Offset(1.5, 0.8)
    flat = correction.Correction(offset, correction.ETA_EDGES, np.tile([0.0, 0.0, 1.05], (16, 1)), (100.0, 600.0))
    monkeypatch.setattr(production, "EVENTS_PER_CHUNK", 25)
    monkeypatch.setattr(production, "POOL_EVENTS", 40)
    monkeypatch.setattr(production, "EXPECTED_JETS", dict.fromkeys(production.EXPECTED_JETS, 6))
    monkeypatch.setattr(production, "MIN_JETS", 10)
    monkeypatch.setattr(production.merging, "derive_correction", lambda tasks, parts, edges: flat)


@pytest.fixture
def cluster():
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        yield cluster


def test_a_cluster_that_loses_a_worker_gives_the_same_jets(small, cluster, tmp_path):
    killed, over = [], threading.Event()

    def kill_one_at_work():
        parts = tmp_path / "dask.root.parts"
        while not list(parts.glob("ttbar-*.npz")):
            if over.wait(0.01):
                return
        pid = next(iter(cluster.workers.values())).pid
        os.kill(pid, signal.SIGKILL)
        killed.append(pid)

    thread = threading.Thread(target=kill_one_at_work, daemon=True)
    thread.start()
    try:
        many = io.read(simulate_jets(30, 5, 1, tmp_path / "dask.root", dask=cluster.scheduler_address))
    finally:
        over.set()
        thread.join()
    assert killed
    one = io.read(simulate_jets(30, 5, 1, tmp_path / "one.root"))
    assert len(one) >= 30
    for name in one.columns:
        assert ak.array_equal(one.jets[name], many.jets[name]), name
    assert ak.array_equal(one.tracks, many.tracks)


def test_no_scheduler_is_told_in_one_sentence(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(farm, "DASK_TIMEOUT", 0.5)
    command = [
        "simulate",
        "jets",
        "--jets",
        "2000",
        "--dask",
        "tcp://127.0.0.1:9",
        "--output",
        str(tmp_path / "a.root"),
    ]
    assert cli.main(command) == 1
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith("jetlab: --dask tcp://127.0.0.1:9: no scheduler answers there")
    with pytest.raises(SimulationError, match="no scheduler"):
        simulate_jets(2000, 1, 1, tmp_path / "a.root", dask="nonsense")
