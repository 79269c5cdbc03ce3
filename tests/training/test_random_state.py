"""A training is decided by its own seed, and leaves the random numbers of the user's next cell as they would be."""

import os
import random
import subprocess
import sys
import threading

import pytest

from jetlab import backend, models
from jetlab.config import RunConfig

# A process of its own: it draws from the generators that all of it shares.
DRAW = """
import random
import sys

import keras
import numpy as np

from jetlab import models, tracking, training
from jetlab.training import session
from jetlab.config import RunConfig
from jetlab.tracking import lstm2017, residual

CONFIG = RunConfig(layers=1, nodes=6, dropout=0.3, batch_size=50, epochs=2, patience=0, seed=5)
rng = np.random.default_rng(0)
x, y = rng.normal(size=(200, 3)), np.arange(200) % 2
DATA = training.Data(x, y, None, x, y, None)
HITS = tracking.simulate(20, seed=1)
LSTM = lstm2017.Settings(bins=12, hidden=4, epochs=2, seed=5)


def drawn():
    # Only of the backend in use: Keras on JAX has TensorFlow's generator seeded as well, where it is installed.
    numbers = [random.random(), np.random.random(), float(keras.random.uniform(()))]
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        numbers.append(float(tf.random.uniform(())))
    return numbers


def in_a_session():
    ended = []
    steered = session.Session(session.networks(lambda config: DATA), lambda event, model: None, ended.append)
    steered.train(CONFIG, blocking=True)
    return curve(ended[0])


def seeded_by_keras(build):
    keras.utils.set_random_seed(5)
    return build()


def curve(result):
    return [result.history["loss"], result.history["val_loss"]]


trainings = {
    "run": lambda: curve(training.run(CONFIG, DATA)),
    "session": in_a_session,
    "tracking.lstm2017": lambda: lstm2017.train(HITS, LSTM).history["loss"],
    "tracking.residual": lambda: residual.train_residual(
        HITS, residual.ResidualSettings(hidden=4, head=4, epochs=2, batch_size=32)
    ).history,
}
found = {}
for name in sys.argv[1:]:
    train = trainings[name]
    keras.utils.set_random_seed(7)
    expected = drawn()
    keras.utils.set_random_seed(7)
    found[name] = train()
    assert drawn() == expected, name
    assert train() == found[name], name
if "run" in found:
    assert found["run"] == seeded_by_keras(lambda: curve(training.fit(models.build(CONFIG, (3,)), CONFIG, DATA)))
if "session" in found:
    assert found["session"] == found["run"]
if "tracking.lstm2017" in found:
    theirs = seeded_by_keras(lambda: lstm2017.train(HITS, LSTM, model=lstm2017.build(LSTM)))
    assert found["tracking.lstm2017"] == theirs.history["loss"]
"""


@pytest.mark.parametrize(
    ("engine", "trainings"),
    [("tensorflow", ["run", "session", "tracking.lstm2017", "tracking.residual"]), ("jax", ["run"])],
)
def test_training_leaves_the_random_numbers_of_the_next_cell_as_they_would_be(engine, trainings):
    pytest.importorskip(engine)
    done = subprocess.run(
        [sys.executable, "-c", DRAW, *trainings],
        capture_output=True,
        text=True,
        timeout=500,
        env=os.environ | {"KERAS_BACKEND": engine},
    )
    assert done.returncode == 0, done.stderr


def test_other_threads_that_draw_change_no_first_weights():
    config = RunConfig(inputs=("a", "b"), layers=6, nodes=2, seed=5)

    def built():
        with backend.seeded(config.seed):
            return [weights.tolist() for weights in models.build(config, (2,)).get_weights()]

    quiet, over = built(), threading.Event()

    def draw():
        while not over.wait(1e-5):
            random.random()
            random.randint(1, 6)

    drawing = threading.Thread(target=draw, daemon=True)
    drawing.start()
    try:
        assert [built() for _ in range(5)] == [quiet] * 5
    finally:
        over.set()
        drawing.join()
