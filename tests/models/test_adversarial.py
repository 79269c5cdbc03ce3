"""The game of two networks against the two separate steps that it stands for, and a distance that is known."""

import keras
import numpy as np
import pytest
import scipy.spatial.distance

from jetlab import training
from jetlab.config import RunConfig
from jetlab.errors import ArgumentError
from jetlab.models import adversarial


def players(features=2, latent=3):
    """A generator and a discriminator, the same ones at each call."""
    keras.utils.set_random_seed(1)
    dense, made = keras.layers.Dense, keras.layers.Input
    generator = keras.Sequential([made((latent,)), dense(16, activation="relu"), dense(features)])
    discriminator = keras.Sequential([made((features,)), dense(16, activation="relu"), dense(1)])
    return generator, discriminator


def test_its_gradients_are_those_of_two_separate_steps():
    import tensorflow as tf

    generator, discriminator = players()
    game = adversarial.game(generator, discriminator)
    real = tf.constant(np.random.default_rng(2).normal(size=(20, 2)), tf.float32)
    numbers = game.get_layer("noise").numbers.state
    before = numbers.numpy()
    with tf.GradientTape() as tape:
        output = game(real, training=True)
        loss = tf.reduce_mean(output)
    found = tape.gradient(loss, generator.trainable_variables + discriminator.trainable_variables)

    numbers.assign(before)
    noise = game.get_layer("noise")(real)
    with tf.GradientTape() as tape:
        fake = tf.stop_gradient(generator(noise))
        entropy = tf.nn.softplus(-discriminator(real)) + tf.nn.softplus(discriminator(fake))
        loss = tf.reduce_mean(entropy)
    its_step = tape.gradient(loss, discriminator.trainable_variables)
    with tf.GradientTape() as tape:
        wins = tf.reduce_mean(tf.nn.softplus(-discriminator(generator(noise))))
    other_step = tape.gradient(wins, generator.trainable_variables)
    np.testing.assert_allclose(output, entropy, rtol=1e-5)
    for one, other in zip(found, other_step + its_step, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-6)
        assert np.abs(other).max() > 1e-4


def test_the_penalty_is_the_mean_square_of_the_slope():
    """Of d = w x the slope is w, in a random direction its square on average |w|^2."""
    generator, _ = players()
    linear = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    linear.set_weights([np.array([[3.0], [4.0]])])
    real = np.zeros((40_000, 2), "f4")
    plain, smooth = (np.asarray(adversarial.game(generator, linear, each)(real, training=True)) for each in (0.0, 0.2))
    # The square of a normal number has a variance of 2.
    assert smooth.mean() - plain.mean() == pytest.approx(0.1 * 25, abs=4 * 2.5 * np.sqrt(2 / 40_000) + 0.1)


def test_the_distance_is_that_of_all_pairs():
    one, other = np.random.default_rng(3).normal(size=(2, 30, 4)).astype("f4")
    between, own, others = (scipy.spatial.distance.cdist(*pair) for pair in ((one, other), (one, one), (other, other)))
    expected = 2 * between.mean() - (own.sum() + others.sum()) / (30 * 29)
    found = np.asarray(adversarial.energy_distances(one, other))
    assert found.shape == (30, 1)
    assert found.mean() == pytest.approx(expected, rel=1e-3)
    # Of images, too.
    again = adversarial.energy_distances(one.reshape(30, 2, 2), other.reshape(30, 2, 2))
    np.testing.assert_allclose(again, found, rtol=1e-4)


def test_the_distance_of_shifted_numbers_grows_and_that_of_equal_ones_is_zero():
    one, other = np.random.default_rng(4).normal(size=(2, 2000, 1)).astype("f4")
    near, far = (float(np.mean(adversarial.energy_distances(one, other + shift))) for shift in (0.0, 20.0))
    assert near == pytest.approx(0, abs=0.01)
    # For a shift much larger than the widths: 2 shift - 2 E|x - x'|, which is 2 / sqrt(pi).
    assert far == pytest.approx(40 - 4 / np.sqrt(np.pi), abs=0.3)


def test_a_generator_learns_where_the_examples_are():
    x = np.random.default_rng(5).normal([3.0, -2.0], [0.5, 1.0], (2048, 2))
    generator, discriminator = players()
    game = adversarial.game(generator, discriminator, smooth=0.5)
    data = training.Data.unlabelled(x, None, np.arange(1536), np.arange(1536, 2048))
    config = RunConfig(loss="output", optimizer="rmsprop", batch_size=64, learning_rate=5e-3, epochs=25, patience=0)
    history = training.fit(game, config, data).history
    assert min(history["val_loss"]) < 0.05 * history["val_loss"][0]
    drawn = training.outputs(generator, np.random.default_rng(6).standard_normal((2000, 3)))
    assert drawn.mean(axis=0) == pytest.approx([3.0, -2.0], abs=0.5)
    # Cross-entropies of a discriminator that does not know are log 2 each.
    assert history["loss"][-1] == pytest.approx(2 * np.log(2), abs=0.3)


# Keras calls numpy in a way that numpy will no longer take.
@pytest.mark.filterwarnings("ignore:.*__array__.*:DeprecationWarning")
def test_a_game_is_saved_and_loaded(tmp_path):
    game = adversarial.game(*players(), smooth=0.5)
    game.save(tmp_path / "game.keras")
    loaded = keras.saving.load_model(tmp_path / "game.keras", safe_mode=True)
    for one, other in zip(loaded.trainable_weights, game.trainable_weights, strict=True):
        np.testing.assert_array_equal(np.asarray(one.value), np.asarray(other.value))
    assert loaded.get_layer("referee").smooth == 0.5
    assert loaded(np.ones((4, 2), "f4")).shape == (4, 1)


def test_networks_that_do_not_fit_are_refused():
    generator, discriminator = players()
    with pytest.raises(ArgumentError, match=r"takes \(3,\)"):
        adversarial.game(generator, players(features=3)[1])
    with pytest.raises(ArgumentError, match="one number"):
        adversarial.game(players(latent=2)[0], players(latent=2)[0])
    with pytest.raises(ArgumentError, match="smooth is -1"):
        adversarial.game(generator, discriminator, smooth=-1.0)
