"""The LSTM of the compiled programs: outputs and gradients of Keras' own, whatever the padding."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from jetlab.training import recurrence
from jetlab.training.recurrence import quicken

layers = keras.layers
LENGTH, JETS = 7, 4
PADDING = {
    "none": np.ones((JETS, LENGTH), bool),
    "in front": np.arange(LENGTH) >= np.array([[3], [2], [5], [2]]),
    "behind": np.arange(LENGTH) < np.array([[3], [5], [1], [4]]),
    "with gaps": np.arange(LENGTH) % 3 == np.array([[0], [1], [2], [1]]),
    "one jet of nothing": np.array([[False]] + 3 * [[True]]) & np.ones(LENGTH, bool),
    "nothing at all": np.zeros((JETS, LENGTH), bool),
}


def network(sequences):
    x = inputs = layers.Input((LENGTH, 3))
    x = layers.LSTM(5, return_sequences=sequences)(layers.Masking()(x))
    return keras.Model(inputs, x)


def outputs_and_gradients(model, x, xla):
    weight = tf.random.stateless_normal((JETS, *model.output_shape[1:]), (1, 2))

    @tf.function(jit_compile=xla or None)
    def calculate(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            output = model(x, training=True)
            loss = tf.reduce_sum(weight * output)
        return output, *tape.gradient(loss, [x, *model.trainable_variables])

    return [each.numpy() for each in calculate(tf.constant(x))]


@pytest.fixture
def keras_calls(monkeypatch):
    """The calls that Keras' own LSTM gets."""
    calls, call = [], layers.LSTM.call

    @functools.wraps(call)
    def noted(*args, **kwargs):
        calls.append(args)
        return call(*args, **kwargs)

    monkeypatch.setattr(layers.LSTM, "call", noted)
    return calls


@pytest.mark.parametrize("xla", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("sequences", [False, True], ids=["last", "all"])
@pytest.mark.parametrize("padding", PADDING)
def test_outputs_and_gradients_are_those_of_keras(keras_calls, padding, sequences, xla):
    theirs = network(sequences)
    ours = keras.models.clone_model(theirs)
    ours.set_weights(theirs.get_weights())
    quicken(ours.layers)
    x = np.random.default_rng(1).normal(size=(JETS, LENGTH, 3)).astype(np.float32)
    x *= PADDING[padding][..., np.newaxis]
    expected = outputs_and_gradients(theirs, x, xla)
    assert keras_calls
    keras_calls.clear()
    found = outputs_and_gradients(ours, x, xla)
    assert not keras_calls, "Keras' own loop was taken"
    if padding != "nothing at all":
        assert all(np.abs(each).max() > 1e-3 for each in expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(
    "layer",
    [
        layers.LSTM(4, activation="relu"),
        layers.LSTM(4, go_backwards=True),
        layers.LSTM(4, recurrent_dropout=0.5),
        layers.LSTM(4, use_bias=False),
        layers.LSTM(4, return_state=True),
        layers.LSTM(4, dtype="mixed_bfloat16"),
        layers.GRU(4),
    ],
)
def test_other_layers_are_left_to_keras(layer):
    quicken([layer])
    assert "call" not in vars(layer)


def test_first_states_are_left_to_keras(keras_calls):
    layer = layers.LSTM(5)
    quicken([layer])
    assert "call" in vars(layer)
    x, state = np.ones((JETS, LENGTH, 3), np.float32), np.ones((JETS, 5), np.float32)
    assert layer(x, initial_state=[state, state]).shape == (JETS, 5)
    assert len(keras_calls) == 1


def test_many_jets_and_any_number_are_left_to_keras(keras_calls):
    model = network(False)
    keras_calls.clear()
    quicken(model.layers)
    more = np.ones((recurrence.MOST_JETS + 1, LENGTH, 3), np.float32)
    assert model(more).shape == (len(more), 5)
    assert len(keras_calls) == 1
    any_number = tf.function(model, input_signature=[tf.TensorSpec((None, LENGTH, 3))])
    assert any_number(more[:2]).shape == (2, 5)
    assert len(keras_calls) == 2
