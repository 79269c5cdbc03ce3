"""The worker: one job at a time."""

import threading

import pytest

from jetlab.training import worker


def test_second_job_is_refused_until_the_first_is_over():
    gate, done = threading.Event(), []
    first = worker.start(lambda: gate.wait(10), "first job")
    with pytest.raises(worker.BusyError, match="first job is still running"):
        worker.start(lambda: done.append(1), "second job")
    gate.set()
    first.join(10)
    worker.start(lambda: done.append(2), "third job").join(10)
    assert done == [2]
