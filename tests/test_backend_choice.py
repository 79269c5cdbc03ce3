"""Keras on another backend than TensorFlow: named and trained through `model.fit`."""

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from jetlab import models, training
from jetlab.config import RunConfig

TRAIN = """
import sys
import threading
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
stop = threading.Event()
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


CONFIG = RunConfig(layers=2, nodes=8, batch_size=32, epochs=4, learning_rate=0.01, patience=0, seed=5, train_size=150)


def data():
    rng = np.random.default_rng(0)
    y = np.arange(240) % 2
    x = rng.normal(size=(240, 3)) + 0.5 * y[:, None]
    w = rng.uniform(0.2, 2, 240)
    return training.Data(x[:180], y[:180], w[:180], x[180:], y[180:], w[180:])


def watched(model, config, *, change=None, **options):
    """What `fit` gives and its events show, as JSON knows it; `change` of the rate at the end of the second epoch."""
    seen = {"losses": [], "steps": [], "rates": []}
    knobs = training.Knobs(batches=1)

    def on_event(event):
        if isinstance(event, training.BatchEnd):
            seen["losses"].append(event.loss)
            seen["steps"].append(int(model.optimizer.iterations.numpy()))
            seen["rates"].append(float(model.optimizer.learning_rate.numpy()))
        if isinstance(event, training.EpochEnd) and event.epoch == 2:
            knobs.learning_rate = change

    result = training.fit(model, config, data(), on_event, knobs=knobs, **options)
    weights = [value.tolist() for value in model.get_weights()]
    del result.history["seconds"]
    return {**seen, "history": result.history, "best_epoch": result.best_epoch, "weights": weights}


PREPARE = """
import json, pathlib, random, sys
import numpy as np
from tests.test_backend_choice import CONFIG, data, watched
from dataclasses import replace
from jetlab import backend, models, training
from jetlab.training import checkpoint
assert backend.name() == "jax"
found = {}
"""


@pytest.fixture
def on_jax(repository):
    """Run code with Keras on JAX; returns what it puts into `found`."""
    pytest.importorskip("jax")

    def run(code, *arguments):
        done = subprocess.run(
            [sys.executable, "-c", f"{PREPARE}{code}\nprint(json.dumps(found))", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=300,
            cwd=repository,
            env=os.environ | {"KERAS_BACKEND": "jax"},
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


FROM_WEIGHTS = """
model = models.build(CONFIG, (3,))
with np.load(sys.argv[1]) as stored:
    model.set_weights([stored[name] for name in stored.files])
found = watched(model, CONFIG)
"""


def test_jax_trains_on_the_same_batches_as_tensorflow(tmp_path, on_jax):
    model = models.build(CONFIG, (3,))
    np.savez(tmp_path / "weights.npz", *model.get_weights())
    found, wanted = on_jax(FROM_WEIGHTS, tmp_path / "weights.npz"), watched(model, CONFIG)
    assert found["losses"] == pytest.approx(wanted["losses"], rel=1e-4)
    assert set(found["history"]) == set(wanted["history"])
    for name, values in wanted["history"].items():
        assert found["history"][name] == pytest.approx(values, rel=1e-3), name
    assert found["best_epoch"] == wanted["best_epoch"]
    for ours, theirs in zip(found["weights"], wanted["weights"], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-2, atol=1e-4)
    # Read in an event, the optimizer is as the event says.
    assert found["steps"] == wanted["steps"] == list(range(1, 21))


RESUMED = """
config, file = replace(CONFIG, dropout=0.3, schedule="cosine"), pathlib.Path(sys.argv[1])

class CutOffError(Exception):
    pass

def cut(event):
    if isinstance(event, training.EpochEnd) and event.epoch == 2:
        raise CutOffError

def built():
    with backend.seeded(config.seed):
        return models.build(config, (3,))

found["whole"] = watched(built(), config)
try:
    training.fit(built(), config, data(), cut, keep=file)
except CutOffError:
    (kept,) = checkpoint.cut_off(file)
    found["resumed"] = watched(built(), config, resume=kept)
found["other"] = watched(built(), replace(config, seed=6))
"""


def test_on_jax_a_training_goes_on_with_the_numbers_it_would_have_had(tmp_path, on_jax):
    found = on_jax(RESUMED, tmp_path / "kept")
    for name in ("history", "weights", "best_epoch"):
        assert found["resumed"][name] == found["whole"][name]
    # With dropout, and after half of the batches.
    assert found["resumed"]["losses"] == found["whole"]["losses"][10:]
    assert found["other"]["losses"] != found["whole"]["losses"]


RATES = """
config = replace(CONFIG, schedule="step")
found = watched(models.build(config, (3,)), config, change=0.05)
"""


def test_on_jax_the_rate_follows_the_schedule_and_a_change_on_the_fly_scales_it(on_jax):
    config = replace(CONFIG, schedule="step")
    rates = np.repeat([config.rate(1), config.rate(2), 5 * config.rate(3), 5 * config.rate(4)], 5)
    assert len(set(rates)) == 3
    assert on_jax(RATES)["rates"] == pytest.approx(rates.tolist(), rel=1e-6)
