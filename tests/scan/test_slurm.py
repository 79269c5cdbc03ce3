"""The same scan through dask-jobqueue on a Slurm of one node, where a job is cancelled in the middle."""

import subprocess
import threading
import time

import pytest

from jetlab import scan
from tests.scan import slurm
from tests.scan.scans import CONFIG, data, whole

pytest.importorskip("optuna", reason="the scan extra is not installed")
dask_jobqueue = pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed")

MOST = 300  # seconds to wait, on a machine that does other things meanwhile
SPACE = scan.Space.of(CONFIG, nodes=[2, 4], learning_rate=[1e-3, 1e-2], epochs=[60], seed=[1, 2])


def test_a_scan_on_slurm_loses_nothing_with_a_job(tmp_path, monkeypatch, repository):
    if reason := slurm.lacking():
        pytest.skip(reason)
    cancelled = []

    def cancel_one(done):
        """The job that trains, after a point is over: the others go on elsewhere."""
        end = time.monotonic() + MOST
        while time.monotonic() < end and not cancelled:
            if done.is_set() and (running := slurm.jobs()):
                subprocess.run(["scancel", "--signal=KILL", "--full", running[0]], check=True)
                cancelled.append(running[0])
            time.sleep(0.2)

    done = threading.Event()

    def note(study):
        if any(point.state == "done" for point in study.points()):
            done.set()

    monkeypatch.setenv("PYTHONPATH", str(repository))
    with slurm.one_node(tmp_path):
        cluster = dask_jobqueue.SLURMCluster(
            cores=1,
            memory="2GB",
            walltime="00:20:00",
            queue="short",
            interface="lo",
            log_directory=str(tmp_path),
            job_directives_skip=["--mem"],
            scheduler_options={"dashboard_address": ":0"},
        )
        with cluster:
            cluster.scale(2)
            thread = threading.Thread(target=cancel_one, args=(done,), daemon=True)
            thread.start()
            table = scan.run(SPACE, data(), tmp_path / "study", dask=cluster.scheduler_address, on_change=note)
            thread.join()
    assert cancelled
    assert whole(table)
