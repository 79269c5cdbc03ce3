"""The layer of EdgeConv against the three of Keras that it stands for."""

import keras
import numpy as np
import pytest

from jetlab.models import dense_batch_norm

ROWS, FEATURES, UNITS = (30, 4), 5, 7
NAMES = ("gamma", "beta", "moving_mean", "moving_variance")


@pytest.fixture
def rows():
    """Inputs (30, 4, 5), a third of them padding, and which there are."""
    rng = np.random.default_rng(1)
    present = rng.random(ROWS) > 0.3
    x = rng.normal(1.0, 2.0, (*ROWS, FEATURES)).astype(np.float32)
    return x * present[..., np.newaxis], present


@pytest.fixture
def twins():
    """Networks with the same weights: of one layer, and of Keras' three."""
    x, present = keras.Input((ROWS[1], FEATURES)), keras.Input((ROWS[1],), dtype="bool")
    one = dense_batch_norm()(UNITS, momentum=0.8, name="one")(x, present)
    dense, norm = keras.layers.Dense(UNITS, use_bias=False), keras.layers.BatchNormalization(momentum=0.8)
    three = keras.ops.relu(norm(dense(x), mask=present))
    ours, plain = keras.Model([x, present], one), keras.Model([x, present], three)
    rng = np.random.default_rng(2)
    kernel, *rest = (rng.uniform(0.5, 1.5, each.shape) for each in ours.weights)
    ours.set_weights([kernel - 1, *rest])
    plain.set_weights([kernel - 1, *rest])
    return ours, plain


def test_it_gives_what_keras_three_layers_give(rows, twins):
    x, present = rows
    for training in (False, True):
        ours, plain = (np.asarray(model([x, present], training=training)) for model in twins)
        assert ours[present] == pytest.approx(plain[present], abs=1e-5)
        assert np.std(ours) > 0.1
        assert (ours[~present] == 0).all()
    # Those steps in training have moved the averages, alike.
    for one, other in zip(twins[0].non_trainable_variables, twins[1].non_trainable_variables, strict=True):
        assert np.asarray(one) == pytest.approx(np.asarray(other), rel=1e-4)


def test_its_gradients_are_those_of_keras_three_layers(rows, twins):
    import tensorflow as tf

    x, present = rows
    aim = np.random.default_rng(3).normal(size=(*ROWS, UNITS)).astype(np.float32)
    given, there = tf.constant(x), tf.constant(present)
    found = []
    for model in twins:
        with tf.GradientTape() as tape:
            tape.watch(given)
            out = model([given, there], training=True) * present[..., np.newaxis]
            loss = tf.reduce_mean((out - aim) ** 2)
        found.append(tape.gradient(loss, [given, *model.trainable_variables]))
    assert found[0][0].numpy()[present] == pytest.approx(found[1][0].numpy()[present], abs=1e-6)
    for ours, plain in zip(found[0][1:], found[1][1:], strict=True):
        assert ours.numpy() == pytest.approx(plain.numpy(), abs=1e-5)
        assert np.std(ours) > 1e-3


def test_inputs_all_alike_and_no_row_at_all_give_numbers(twins):
    same, none = np.full((*ROWS, FEATURES), 1e3, np.float32), np.zeros((*ROWS, FEATURES), np.float32)
    for x in (same, none):
        assert np.isfinite(np.asarray(twins[0]([x, x[..., 0] > 0], training=True))).all()
    assert all(np.isfinite(np.asarray(each)).all() for each in twins[0].weights)
