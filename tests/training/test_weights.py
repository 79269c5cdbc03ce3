"""The weights that lessons make, in plain Keras and in jetlab's training: the same arrays do the same in both."""

import dataclasses

import keras
import numpy as np
import pytest

from jetlab import catalog, jets, metrics, models, training
from jetlab.config import RunConfig

CONFIG = RunConfig(layers=2, nodes=16, optimizer="sgd", learning_rate=0.1, epochs=3, patience=0)


@pytest.fixture(scope="module")
def lesson():
    """Inputs (n, 4), labels and weights of training and validation jets, as M2 has them."""
    sample = catalog.load("jets")
    train, validation, _ = jets.split(sample.event_index)
    x, y = np.stack([sample[name] for name in CONFIG.inputs], axis=1), sample["jet_isW_ak7"]
    weight = jets.reweight(sample["jet_pt_ak7"], sample["jet_eta_ak7"], y == 1, sample["mcweight"], train=train)
    x = jets.Scaling.fit(x[train]).apply(x)
    return [values[part] for part in (train, validation) for values in (x, y, weight)]


def test_their_mean_is_one(lesson):
    assert lesson[2].mean() == pytest.approx(1)
    assert lesson[5].mean() == pytest.approx(1, rel=0.05)


def test_plain_keras_trains_with_them_as_jetlab_does(lesson):
    data = training.Data(*lesson)
    ours = training.run(CONFIG, data)
    keras.utils.set_random_seed(CONFIG.seed)
    model = models.build(CONFIG, 4)
    model.compile(keras.optimizers.SGD(CONFIG.learning_rate), loss="binary_crossentropy", weighted_metrics=["accuracy"])
    x, y, weight, *validation = lesson
    for epoch in range(CONFIG.epochs):
        order = data.order(CONFIG.seed, epoch + 1)
        history = model.fit(
            x[order],
            y[order],
            sample_weight=weight[order],
            validation_data=tuple(validation),
            batch_size=CONFIG.batch_size,
            shuffle=False,
            verbose=0,
        ).history
        for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
            assert history[name][0] == pytest.approx(ours.history[name][epoch], rel=1e-3)
    auc = metrics.auc(validation[1], training.predict(model, validation[0]), validation[2])
    adam = training.run(dataclasses.replace(CONFIG, optimizer="adam", learning_rate=1e-3), data)
    assert auc == pytest.approx(max(adam.history["val_auc"]), abs=0.01)


def test_logistic_regression_learns_from_every_seed(lesson):
    # Two inputs as in M0: with random first weights some seeds end the five epochs with the sign wrong.
    x, y, weight, x_validation, *others = lesson
    data = training.Data(x[:, 1:3], y, weight, x_validation[:, 1:3], *others)
    config = RunConfig(inputs=CONFIG.inputs[1:3], layers=0, epochs=5)
    for seed in (1, 2, 3):
        assert max(training.run(dataclasses.replace(config, seed=seed), data).history["val_auc"]) > 0.93
