"""Keras on another backend than TensorFlow: named and trained through `model.fit`."""

import importlib.util
import os
import subprocess
import sys

import pytest

TRAIN = """
import sys
import numpy as np
from jetlab import backend, training
from jetlab.config import RunConfig
assert backend.device().startswith(("CPU, ", "GPU ")), backend.device()
assert backend.device().endswith("(Keras on {0})"), backend.device()
# Keras' own fit takes it in for its data adapters, where it is installed; jetlab has no need of it.
assert "tensorflow" not in sys.modules
rng = np.random.default_rng(0)
y = rng.integers(0, 2, 400)
x = rng.normal(size=(400, 2)) + 1.5 * y[:, None]
data = training.Data(x[:300], y[:300], None, x[300:], y[300:], None)
config = RunConfig(layers=1, nodes=8, batch_size=50, epochs=3, learning_rate=0.01)
events, knobs = [], training.Knobs(learning_rate=0.02)
result = training.run(config, data, events.append, knobs=knobs)
assert [event.batch for event in events if isinstance(event, training.BatchEnd)] == 3 * [1, 2, 3, 4, 5, 6]
assert result.history["val_auc"][-1] > 0.85, result.history
assert result.reason == "finished"
assert abs(float(result.model.optimizer.learning_rate.value) - 0.02) < 1e-7
stop = training.threading.Event()
stop.set()
assert training.run(config, data, stop=stop).message == "Stopped in batch 1 of epoch 1; no epoch was completed."
"""


@pytest.mark.parametrize("name", ["jax", "torch"])
def test_another_backend_names_its_device_and_trains(name):
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed: `pip install {name}` to test Keras on it")
    done = subprocess.run(
        [sys.executable, "-c", TRAIN.replace("{0}", name)],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"KERAS_BACKEND": name},
    )
    assert done.returncode == 0, done.stderr
