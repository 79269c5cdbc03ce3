"""Taggers of three classes, as DL1: Maxout, batch normalisation, dropout and softmax, equal to Keras' own fit."""

import dataclasses

import keras
import numpy as np
import pytest

from jetlab import models, training
from jetlab.config import RunConfig
from jetlab.errors import ArgumentError
from jetlab.training import BatchEnd, Data, Knobs, programs

layers = keras.layers
CONFIG = RunConfig(
    loss="sparse_categorical_crossentropy", batch_size=32, epochs=2, learning_rate=0.01, patience=0, layers=1, nodes=16
)


def data(n=300, separation=1.0):
    rng = np.random.default_rng(1)
    y = rng.integers(0, 3, n)
    x = rng.normal(size=(n, 5))
    x[:, 0] += separation * y
    x[:, 1] += separation * (y == 1)
    w = rng.uniform(0.5, 1.5, n)
    part = n // 4
    return Data(x[part:], y[part:], w[part:], x[:part], y[:part], w[:part], classes=3)


def tagger(dropout=0.0):
    """Maxout and dense layers mixed, with batch normalisation."""
    inputs = x = layers.Input((5,))
    for number, layer in enumerate((models.maxout(12, 3, name="maxout"), layers.Dense(8, activation="relu"))):
        x = layers.BatchNormalization(name=f"normalised_{number}")(layer(x))
        x = layers.Dropout(dropout)(x) if dropout else x
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(x))


def test_maxout_is_the_greatest_of_its_sums():
    layer = models.maxout(4, 3)
    x = np.random.default_rng(2).normal(size=(50, 6)).astype("f4")
    found = keras.ops.convert_to_numpy(layer(x))
    kernel, bias = layer.get_weights()
    expected = (x @ kernel + bias).reshape(50, 3, 4).max(axis=1)
    assert found == pytest.approx(expected, abs=1e-5)
    assert layer.count_params() == 7 * 12


@pytest.mark.parametrize(("units", "pieces"), [(0, 2), (3, 1)])
def test_maxout_of_nothing_is_refused(units, pieces):
    with pytest.raises(ArgumentError):
        models.maxout(units, pieces)


# Keras calls numpy in a way that numpy will no longer take.
@pytest.mark.filterwarnings("ignore:.*__array__.*:DeprecationWarning")
def test_a_network_with_maxout_is_saved_without_jetlab(tmp_path):
    model = tagger()
    model.save(tmp_path / "tagger.keras")
    x = data().x_train
    loaded = keras.models.load_model(tmp_path / "tagger.keras", safe_mode=True)
    assert training.outputs(loaded, x) == pytest.approx(training.outputs(model, x), abs=1e-6)


@pytest.mark.parametrize(("dropout", "xla"), [(0.0, False), (0.0, True), (0.2, False)])
def test_every_batch_has_the_loss_of_model_fit(monkeypatch, dropout, xla):
    monkeypatch.setattr(programs, "wants_xla", lambda model, batch_size, steps: xla)
    keras.utils.set_random_seed(3)
    model, part = tagger(dropout), data()
    reference = keras.models.clone_model(model)
    for variable, value in zip(reference.variables, model.variables, strict=True):
        variable.assign(value)
    events = []
    result = training.fit(model, CONFIG, part, events.append, knobs=Knobs(batches=1))

    reference.compile(
        keras.optimizers.Adam(CONFIG.learning_rate),
        loss="sparse_categorical_crossentropy",
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
    )
    losses, accuracies = [], []
    every = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: losses.append(logs["loss"]))
    for epoch in (1, 2):
        shuffled = part.order(CONFIG.seed, epoch)
        history = reference.fit(
            part.x_train[shuffled],
            part.y_train[shuffled],
            sample_weight=part.w_train[shuffled],
            batch_size=CONFIG.batch_size,
            shuffle=False,
            callbacks=[every],
            verbose=0,
        ).history
        accuracies += history["accuracy"]
    assert [each.loss for each in events if isinstance(each, BatchEnd)] == pytest.approx(losses, rel=2e-5)
    assert result.history["accuracy"] == pytest.approx(accuracies, rel=1e-5)
    if result.best_epoch == 2:
        for ours, theirs in zip(model.get_weights(), reference.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=2e-5)


def test_three_classes_are_learnt():
    part = data(3000, separation=2.0)
    result = training.run(dataclasses.replace(CONFIG, epochs=8), part)
    assert result.model.output_shape == (None, 3)
    assert training.outputs(result.model, part.x_validation).sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert result.history["val_accuracy"][-1] > 0.75
    assert "val_auc" not in result.history


def test_class_numbers_are_checked():
    part = data()
    with pytest.raises(training.TrainingError, match="labels must be 0 to 2"):
        dataclasses.replace(part, y_train=part.y_train + 1)
