"""Build task P3.B1: a small network that recognises digits wherever they are."""

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

from jetlab.check import p3, tasks

DIGITS = load_digits()
KEPT = np.arange(len(DIGITS.target)) % 6 != 0
IMAGES = np.pad(DIGITS.images[KEPT] / 16, ((0, 0), (8, 8), (8, 8))).astype(np.float32)[..., None]
LABELS = DIGITS.target[KEPT]


def network(*layers, last=10, activation="softmax"):
    keras.utils.set_random_seed(1)
    built = keras.Sequential(
        [keras.layers.Input((24, 24, 1)), *layers, keras.layers.Dense(last, activation=activation)]
    )
    built.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy")
    return built


def convolutional(nodes):
    return network(
        keras.layers.Conv2D(16, 3, activation="relu"),
        keras.layers.Conv2D(nodes, 3, activation="relu"),
        keras.layers.GlobalMaxPooling2D(),
    )


def test_the_lesson_has_none_of_the_held_back_digits():
    held, _ = p3.digits()
    known = {image.tobytes() for image in IMAGES}
    assert len(held) + len(IMAGES) == len(DIGITS.target)
    assert sum(image.tobytes() in known for image in held) < 3  # two people may write the same


def test_a_small_convolutional_network_reaches_the_target():
    built = convolutional(24)
    built.fit(IMAGES, LABELS, batch_size=64, epochs=20, verbose=0)
    report = tasks.judge("P3.B1", built)
    assert report.said == tasks.REACHED
    assert report.figures["parameters"].startswith("3,890 ")


def test_too_many_parameters():
    built = convolutional(32)
    built.fit(IMAGES, LABELS, batch_size=64, epochs=15, verbose=0)
    assert "5,130 parameters of 4,000" in tasks.judge("P3.B1", built).said


def test_a_dense_network_knows_the_middle_only():
    built = network(keras.layers.Flatten(), keras.layers.Dense(6, activation="relu"))
    built.fit(IMAGES, LABELS, batch_size=64, epochs=20, verbose=0)
    assert "Which layer forgets *where*" in tasks.judge("P3.B1", built).said


@pytest.mark.parametrize(
    ("built", "hint"),
    [
        (lambda: convolutional(24), "compiled and trained"),
        (lambda: network(keras.layers.Flatten(), last=1, activation="sigmoid"), "ten probabilities"),
        (lambda: network(keras.layers.Conv2D(8, 3)), "ten probabilities"),
        (lambda: lambda images: np.zeros((len(images), 10)), "the Keras network itself"),
        (lambda: p3.digits()[1], "the Keras network itself"),
        (lambda: keras.Sequential([keras.layers.Input((64,)), keras.layers.Dense(10)]), "raised"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*softmax over axis:UserWarning")  # of one output, which Keras warns of
def test_wrong_and_lazy_answers(built, hint):
    report = tasks.judge("P3.B1", built())
    assert report.said.startswith("hint: ")
    assert hint in report.said
