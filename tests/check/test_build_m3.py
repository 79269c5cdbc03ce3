"""Build task M3.B1: a CNN of at most 5,000 parameters."""

import keras
import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from jetlab import catalog, check, images, jets, metrics, training
from jetlab.check import held_back, m3, tasks
from jetlab.config import RunConfig

LAYERS = keras.layers


@pytest.fixture(scope="module")
def sample():
    return check.without_held_back(catalog.load("jets"))


@pytest.fixture(scope="module")
def lesson(sample):
    """The images as the cells of M3 have them, labels, weights, and positions of training and validation jets."""
    train, validation, _ = jets.split(sample.event_index)
    y, pt, eta = (sample[name] for name in ("jet_isW_ak7", "jet_pt_ak7", "jet_eta_ak7"))
    weight = jets.reweight(pt, eta, y == 1, sample["mcweight"], train=train)
    candidates = images.zoom(images.flip(images.rotate(images.centre(sample))), pt)
    pictures = images.pixelate(images.crop(candidates, width=1.4), size=25, width=1.4)
    x = np.sqrt(images.normalise(pictures))
    x /= x[train].std(dtype=np.float64)
    return x, y, weight, train, validation


@pytest.fixture(scope="module")
def data(lesson):
    return training.Data.of(*lesson)


def network(*layers):
    keras.utils.set_random_seed(1)
    return keras.Sequential([LAYERS.Input((25, 25, 1)), *layers, LAYERS.Dense(1, activation="sigmoid")])


def convolution(filters, size=3):
    return LAYERS.Conv2D(filters, size, padding="same", activation="relu")


def three_convolutions():
    """The lesson's solution."""
    layers = [layer for filters in (8, 16, 16) for layer in (convolution(filters), LAYERS.MaxPooling2D(2))]
    return network(*layers, LAYERS.Flatten(), LAYERS.Dense(8, activation="relu"))


@pytest.fixture(scope="module")
def trained(data):
    built = three_convolutions()
    training.fit(built, RunConfig(model="cnn", batch_size=128, epochs=10, learning_rate=2e-3, patience=3), data)
    return built


def test_the_check_has_the_lessons_images(lesson):
    x, y, weight, _, validation = lesson
    parts = held_back.tagging(RunConfig.standard("cnn", image_size=25))
    np.testing.assert_allclose(parts.validation.x, x[validation], atol=1e-4)
    np.testing.assert_array_equal(parts.validation.y, y[validation])
    np.testing.assert_allclose(parts.validation.weight, weight[validation], rtol=1e-6)


def test_the_yardsticks_are_those_of_the_sample(sample, lesson):
    _, y, weight, train, _ = lesson
    names = tuple(f"jet_{name}_ak7" for name in ("pt", "msd", "tau21", "ncand"))
    four = np.stack([sample[name][train] for name in names], axis=1)
    tree = HistGradientBoostingClassifier(learning_rate=0.05, max_depth=3, max_iter=400, random_state=1)
    tree.fit(four, y[train], sample_weight=weight[train])
    x, y, weight = held_back.columns(names).held_back
    assert metrics.auc(y, tree.predict_proba(x)[:, 1], weight) == pytest.approx(m3.BDT_AUC, abs=3e-4)
    cut = np.where((x[:, 1] > 65) & (x[:, 1] < 105), 1 - x[:, 2], 0)
    assert metrics.auc(y, cut, weight) == pytest.approx(m3.CUT_AUC, abs=1e-4)


def test_the_solution_reaches_the_target(trained):
    report = tasks.judge("M3.B1", trained)
    assert report.said == tasks.REACHED
    assert report.figures["parameters"] == "4,737 (target: 5,000 or fewer)"


def test_so_does_another_network_trained_by_keras(lesson):
    """Two convolutions with a wider kernel and a coarser pooling, as one might write after M2."""
    x, y, weight, train, validation = lesson
    built = network(
        convolution(8, 5),
        LAYERS.MaxPooling2D(3),
        convolution(16),
        LAYERS.MaxPooling2D(2),
        LAYERS.Flatten(),
        LAYERS.Dense(12, activation="relu"),
    )
    built.compile(keras.optimizers.Adam(2e-3), "binary_crossentropy")
    seen = (x[validation], y[validation], weight[validation])
    stopping = keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)
    built.fit(
        x[train],
        y[train],
        sample_weight=weight[train],
        validation_data=seen,
        batch_size=128,
        epochs=10,
        callbacks=[stopping],
        verbose=0,
    )
    assert tasks.judge("M3.B1", built).said == tasks.REACHED


def test_too_many_parameters(trained):
    inputs = keras.Input((25, 25, 1))
    idle = LAYERS.Dense(1, kernel_initializer="zeros")(LAYERS.Dense(10)(LAYERS.Flatten()(inputs)))
    built = keras.Model(inputs, trained(inputs) + idle)
    assert "parameters of 5,000: fewer nodes?" in tasks.judge("M3.B1", built).said


def zeros():
    built = three_convolutions()
    built.set_weights([0 * values for values in built.get_weights()])
    return built


@pytest.mark.parametrize(
    ("built", "hint"),
    [
        (zeros, "get the same score"),
        (three_convolutions, "never compiled: call compile(), then fit()"),
        (lambda: lambda x: x[:, 8:17].mean(axis=(1, 2, 3)), "needs a Keras model"),
        (lambda: held_back.tagging(RunConfig.standard("cnn", image_size=25)).held_back.y, "the network itself"),
        (lambda: keras.Sequential([LAYERS.Input((17, 17, 1)), LAYERS.Flatten(), LAYERS.Dense(1)]), "raised"),
    ],
)
def test_wrong_and_lazy_answers(built, hint):
    report = tasks.judge("M3.B1", built())
    assert report.said.startswith("hint: ")
    assert hint in report.said
