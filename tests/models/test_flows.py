"""Flows against automatic differentiation, integrals and densities that are known."""

import keras
import numpy as np
import pytest
import scipy.stats

from jetlab import training
from jetlab.config import RunConfig
from jetlab.errors import ArgumentError
from jetlab.models import flows

KINDS = [flows.real_nvp, flows.maf]
CORRELATED = scipy.stats.multivariate_normal([1.0, -2.0, 0.5], [[2.0, 1.2, 0.0], [1.2, 1.0, 0.3], [0.0, 0.3, 0.5]])


def shaken(flow, seed=1, width=0.3):
    """The same flow with random weights: a new one shifts and stretches nothing."""
    rng = np.random.default_rng(seed)
    flow.density.set_weights([rng.normal(0.0, width, each.shape) for each in flow.density.weights])
    return flow


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("features", [2, 3, 5])
@pytest.mark.parametrize("context", [0, 2])
def test_the_determinant_is_that_of_automatic_differentiation(make, features, context):
    import tensorflow as tf

    rng = np.random.default_rng(2)
    flow = shaken(make(features, context=context))
    x, given = tf.constant(rng.normal(size=(20, features)), tf.float32), []
    if context:
        given = [tf.constant(rng.normal(size=(20, context)), tf.float32)]
    z = x
    with tf.GradientTape() as tape:
        tape.watch(x)
        for transform in flow.transforms:
            z, _ = transform(z, *given)
    jacobian = tape.batch_jacobian(z, x).numpy()
    expected = np.log(np.abs(np.linalg.det(jacobian))) + scipy.stats.norm.logpdf(z).sum(axis=1)
    found = flow.log_density(x.numpy(), *(each.numpy() for each in given))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert np.abs(jacobian - np.eye(features)).max() > 0.5


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("context", [0, 2])
def test_the_inverse_undoes_the_chain(make, context):
    rng = np.random.default_rng(3)
    flow = shaken(make(5, context=context))
    x, given = rng.normal(size=(50, 5)), ([rng.normal(size=(50, context))] if context else [])
    z = flow.normal(x, *given)
    assert np.abs(z - x).max() > 0.5
    np.testing.assert_allclose(flow.example(z, *given), x, atol=2e-4)


@pytest.mark.parametrize("make", KINDS)
def test_a_new_flow_is_the_normal_distribution(make):
    x = np.random.default_rng(4).normal(size=(30, 3))
    np.testing.assert_allclose(make(3).log_density(x), scipy.stats.norm.logpdf(x).sum(axis=1), rtol=1e-5)


@pytest.mark.parametrize("make", KINDS)
def test_the_density_integrates_to_one(make):
    flow = shaken(make(2), seed=5, width=0.15)
    axis = np.linspace(-15.0, 15.0, 601)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    density = np.exp(flow.log_density(grid))
    assert density.sum() * (axis[1] - axis[0]) ** 2 == pytest.approx(1.0, abs=0.005)


def fitted(flow, x, context=None, epochs=8):
    """The flow after training on the first four fifths of x."""
    n = len(x) * 4 // 5
    data = training.Data.unlabelled(x if context is None else (x, context), None, np.arange(n), np.arange(n, len(x)))
    config = RunConfig(loss="output", batch_size=100, learning_rate=5e-3, schedule="cosine", epochs=epochs, patience=0)
    training.fit(flow.density, config, data)
    return flow


@pytest.mark.parametrize("make", KINDS)
def test_a_trained_flow_knows_a_correlated_normal_distribution(make):
    x = CORRELATED.rvs(10_000, random_state=6)
    keras.utils.set_random_seed(1)
    flow = fitted(make(3, 4, nodes=16), x)
    new = CORRELATED.rvs(4000, random_state=7)
    # The mean difference is the Kullback-Leibler divergence.
    assert np.mean(CORRELATED.logpdf(new) - flow.log_density(new)) == pytest.approx(0.0, abs=0.02)
    drawn = flow.sample(20_000, seed=8)
    assert drawn.mean(axis=0) == pytest.approx(CORRELATED.mean, abs=0.08)
    assert np.cov(drawn.T) == pytest.approx(CORRELATED.cov, abs=0.12)
    # Entropy, from the flow's own examples.
    assert -np.mean(flow.log_density(drawn)) == pytest.approx(CORRELATED.entropy(), abs=0.06)


@pytest.mark.parametrize("make", KINDS)
def test_a_conditional_flow_follows_its_context(make):
    rng = np.random.default_rng(9)
    context = rng.uniform(-1.0, 1.0, (8000, 1))
    # Means and widths run with the context.
    x = np.concatenate([2 * context, -context], axis=1) + np.exp(context) * rng.normal(size=(8000, 2))
    keras.utils.set_random_seed(1)
    flow = fitted(make(2, 4, nodes=16, context=1), x, context)
    for value in (-0.7, 0.6):
        drawn = flow.sample(4000, seed=10, context=np.full((4000, 1), value))
        assert drawn.mean(axis=0) == pytest.approx([2 * value, -value], abs=0.12 * np.exp(value))
        assert drawn.std(axis=0) == pytest.approx(np.exp(value), rel=0.1)
        expected = scipy.stats.norm.logpdf(drawn, [2 * value, -value], np.exp(value)).sum(axis=1)
        assert np.mean(flow.log_density(drawn, np.full((4000, 1), value)) - expected) == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize("context", [0, 2])
def test_the_masks_keep_the_order(context):
    import tensorflow as tf

    rng = np.random.default_rng(11)
    flow = shaken(flows.maf(5, transforms=2, context=context), width=0.3)
    x, given = tf.constant(rng.normal(size=(20, 5)), tf.float32), []
    if context:
        given = [tf.constant(rng.normal(size=(20, context)), tf.float32)]
    for transform in flow.transforms:
        with tf.GradientTape() as tape:
            tape.watch(x)
            shift, log_scale = transform.numbers(x, *given)
            both = tf.concat([shift, log_scale], axis=1)
        slopes = np.abs(tape.batch_jacobian(both, x).numpy()).max(axis=0).reshape(2, 5, 5)
        place = np.argsort(transform.order)
        # Of each number on each one before it, and on no other.
        allowed = place[:, np.newaxis] > place
        for each in slopes:
            assert (each[allowed] > 1e-6).all()
            assert (each[~allowed] == 0).all()


def test_the_order_of_the_features_turns_and_all_are_changed():
    orders = [transform.order for transform in flows.maf(4, transforms=3).transforms]
    assert orders == [[0, 1, 2, 3], [3, 2, 1, 0], [0, 1, 2, 3]]
    kept = [transform.kept for transform in flows.real_nvp(4, couplings=4).transforms]
    assert kept == [[0, 2], [1, 3], [0, 1], [2, 3]]
    for features in (2, 3, 7):
        for one, other in zip(*[iter(flows.real_nvp(features).transforms)] * 2, strict=True):
            assert sorted(one.kept + other.kept) == list(range(features))


def test_a_coupling_leaves_the_kept_numbers_where_they_are():
    x = np.random.default_rng(12).normal(size=(10, 5)).astype("f4")
    for transform in shaken(flows.real_nvp(5)).transforms:
        z = np.asarray(transform(x)[0])
        np.testing.assert_array_equal(z[:, transform.kept], x[:, transform.kept])
        assert (z[:, transform.changed] != x[:, transform.changed]).any(axis=0).all()


# Keras calls numpy in a way that numpy will no longer take.
@pytest.mark.filterwarnings("ignore:.*__array__.*:DeprecationWarning")
@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("context", [0, 1])
def test_a_flow_is_saved_and_loaded(make, context, tmp_path):
    flow = shaken(make(4, context=context))
    flow.density.save(tmp_path / "flow.keras")
    loaded = flows.Flow(keras.saving.load_model(tmp_path / "flow.keras", safe_mode=True))
    given = [np.ones((7, context))] if context else []
    assert (loaded.features, loaded.context) == (4, context)
    np.testing.assert_array_equal(loaded.sample(7, 1, *given), flow.sample(7, 1, *given))
    x = np.random.default_rng(13).normal(size=(7, 4))
    np.testing.assert_array_equal(loaded.log_density(x, *given), flow.log_density(x, *given))


def test_the_same_seed_gives_the_same_examples_whatever_the_chunks(monkeypatch):
    flow = shaken(flows.real_nvp(3))
    whole = flow.sample(100, seed=1)
    monkeypatch.setattr(flows, "CHUNK", 30)
    np.testing.assert_allclose(flow.sample(100, seed=1), whole, rtol=1e-5)
    assert np.abs(flow.sample(100, seed=2) - whole).max() > 0.1
    assert flow.sample(0, seed=1).shape == (0, 3)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ArgumentError, match="1 features and 6 transforms"):
        flows.real_nvp(1)
    with pytest.raises(ArgumentError, match="3 features and 1 transforms"):
        flows.maf(3, transforms=1)
    plain, conditional = flows.real_nvp(3), flows.maf(3, context=1)
    with pytest.raises(ArgumentError, match="wanted are"):
        plain.log_density(np.zeros((5, 2)))
    with pytest.raises(ArgumentError, match="wanted are"):
        plain.sample(5, 1, np.zeros((5, 1)))
    with pytest.raises(ArgumentError, match="wanted are"):
        conditional.sample(5, 1)
    with pytest.raises(ArgumentError, match="wanted are"):
        conditional.sample(5, 1, np.zeros((4, 1)))


def test_unbounded_features_have_mean_0_and_width_1_and_come_back():
    rng = np.random.default_rng(14)
    x = np.stack([rng.beta(2, 5, 1000), rng.uniform(200, 500, 1000)], axis=1)
    unbounded = flows.Unbounded.fit(x, limits=[(0, 1), (200, 500)])
    z = unbounded.apply(x)
    assert z.dtype == np.float32
    assert z.mean(axis=0) == pytest.approx(0, abs=1e-5)
    assert z.std(axis=0) == pytest.approx(1, rel=1e-5)
    np.testing.assert_allclose(unbounded.invert(z), x, rtol=1e-4)
    far = unbounded.invert(np.array([[-1e4, 1e4]]))
    np.testing.assert_allclose(far, [[0, 500]])


def test_a_density_in_the_features_own_units_integrates_to_one():
    rng = np.random.default_rng(15)
    x = np.stack([rng.beta(2, 5, 1000), rng.uniform(200, 500, 1000)], axis=1)
    unbounded = flows.Unbounded.fit(x)
    flow = shaken(flows.real_nvp(2), seed=16, width=0.2)
    edges = [np.linspace(*ends, 401) for ends in zip(unbounded.low, unbounded.high, strict=True)]
    middles = [(each[1:] + each[:-1]) / 2 for each in edges]
    grid = np.stack(np.meshgrid(*middles), axis=-1).reshape(-1, 2)
    density = np.exp(flow.log_density(unbounded.apply(grid)) + unbounded.log_slope(grid))
    area = np.prod([each[1] - each[0] for each in edges])
    assert density.sum() * area == pytest.approx(1, abs=0.01)


def test_the_margin_moves_the_limits_apart():
    unbounded = flows.Unbounded.fit(np.array([[0.0], [10.0]]), margin=0.1)
    assert (unbounded.low, unbounded.high) == ([-1.0], [11.0])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda x: flows.Unbounded.fit(x[:, 0]), "finite, and no feature"),
        (lambda x: flows.Unbounded.fit(np.zeros((5, 2))), "constant"),
        (lambda x: flows.Unbounded.fit(x, margin=0.0), "margin is 0"),
        (lambda x: flows.Unbounded.fit(x, limits=[(0, 1)]), "1 limits for 2 features"),
        (lambda x: flows.Unbounded.fit(x, limits=[(0, 1), (0, 0.5)]), "feature 1 has values outside of 0 to 0.5"),
        (lambda x: flows.Unbounded.fit(x).apply(x + 1), "feature 0 has values outside"),
        (lambda x: flows.Unbounded.fit(x).log_slope(x * np.nan), "feature 0 has values outside"),
    ],
)
def test_what_has_no_logit_is_refused(call, said):
    with pytest.raises(ArgumentError, match=said):
        call(np.random.default_rng(17).random((50, 2)))
