"""Networks on clouds against slow loops, the papers' numbers of parameters, and what must not matter to them."""

import keras
import numpy as np
import pytest

from jetlab import models
from jetlab.errors import ArgumentError
from jetlab.models import clouds

LENGTH, FEATURES, K = 12, 5, 3
SMALL = {"k": K, "blocks": ((8, 6), (7, 9)), "head": 10}


@pytest.fixture
def jets():
    """Clouds of 1 to 12 particles, (40, 12, 5), zeros behind."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(40, LENGTH, FEATURES)).astype(np.float32)
    x[np.arange(LENGTH) >= rng.integers(1, LENGTH + 1, size=(40, 1))] = 0
    return x


@pytest.fixture
def network(jets):
    """One whose batch normalisation has seen jets, so that it does something."""
    keras.utils.set_random_seed(2)
    model = models.particle_net(LENGTH, FEATURES, (1, 2), **SMALL)
    model.compile("adam", "binary_crossentropy")
    model.fit(jets, np.arange(40) % 2, epochs=2, verbose=0)
    return model


def normalised(layer, x):
    gamma, beta, mean, variance = (np.asarray(each) for each in layer.get_weights())
    return gamma * (x - mean) / np.sqrt(variance + layer.epsilon) + beta


def slow(model, jet, n_blocks):
    """The score of one jet without padding, particle by particle and neighbour by neighbour."""
    layer = {each.name: each for each in model.layers}

    def times(name, x):
        return x @ layer[name].get_weights()[0]

    x, points = normalised(layer["features_bn"], jet), jet[:, [1, 2]]

    def edge(layer, x):
        kernel, gamma, beta, mean, variance = (np.asarray(each) for each in layer.get_weights())
        return np.maximum(gamma * (x @ kernel - mean) / np.sqrt(variance + layer.epsilon) + beta, 0)

    for block in range(1, n_blocks + 1):
        name, new = f"block_{block}", []
        for i in range(len(x)):
            distances = [np.sum((points[i] - points[j]) ** 2) if j != i else np.inf for j in range(len(x))]
            nearest = np.argsort(distances)[: min(K, len(x) - 1)]
            pairs = []
            for j in nearest:
                pair = np.concatenate([x[i], x[j] - x[i]])
                for number in (1, 2):
                    pair = edge(layer[f"{name}_edge_{number}"], pair)
                pairs.append(pair)
            short = normalised(layer[f"{name}_shortcut_bn"], times(f"{name}_shortcut", x[i]))
            new.append(np.maximum(short + (np.mean(pairs, axis=0) if pairs else 0), 0))
        x = points = np.array(new)
    for name in ("head", "output"):
        weights, bias = layer[name].get_weights()
        x = np.maximum(np.mean(x, axis=0) @ weights + bias, 0) if name == "head" else x @ weights + bias
    return 1 / (1 + np.exp(-x[0]))


def test_it_equals_a_slow_loop(network, jets):
    fast = network.predict(jets, verbose=0)[:, 0]
    for jet, score in zip(jets, fast, strict=True):
        assert score == pytest.approx(slow(network, jet[np.any(jet != 0, axis=1)].astype(float), 2), abs=1e-4)
    assert np.std(fast) > 1e-3


def test_neither_order_nor_padding_matters(network, jets):
    score = network.predict(jets, verbose=0)
    order = np.random.default_rng(3).permuted(np.tile(np.arange(LENGTH), (len(jets), 1)), axis=1)
    shuffled = np.take_along_axis(jets, order[..., np.newaxis], axis=1)
    assert network.predict(shuffled, verbose=0) == pytest.approx(score, abs=1e-5)

    longer = models.particle_net(LENGTH + 5, FEATURES, (1, 2), **SMALL)
    longer.set_weights(network.get_weights())
    assert longer.predict(np.pad(jets, ((0, 0), (0, 5), (0, 0))), verbose=0) == pytest.approx(score, abs=1e-5)


def test_padding_does_not_enter_the_normalisation(jets):
    padded = np.pad(jets, ((0, 0), (0, 20), (0, 0)))
    found = []
    for x in (jets, padded):
        keras.utils.set_random_seed(2)
        model = models.particle_net(x.shape[1], FEATURES, (1, 2), **SMALL, dropout=0.0)
        found.append(np.asarray(model(x, training=True)))
    assert found[0] == pytest.approx(found[1], abs=1e-4)


def test_neighbours_are_the_nearest_others():
    points = np.array([[[0.0], [1.0], [10.0], [12.0], [0.0]]], dtype=np.float32)
    present = np.array([[True, True, True, True, False]])
    found = np.asarray(clouds.neighbours(points, present, 2))[0, :4]
    assert found.tolist() == [[1, 2], [0, 2], [3, 1], [2, 1]]


def test_sizes_are_the_papers():
    """366 and 26 thousand for two outputs and seven features (arXiv:1902.08570, table 4)."""
    full = models.particle_net(100, 7, (0, 1), **models.PARTICLE_NET)
    lite = models.particle_net(100, 7, (0, 1), **models.PARTICLE_NET_LITE)
    trained = [sum(int(np.prod(each.shape)) for each in model.trainable_variables) for model in (full, lite)]
    # Softmax of two classes has one more sum than a sigmoid.
    assert trained == [366_160 - 257, 26_416 - 129]


# Keras calls numpy in a way that numpy will no longer take.
@pytest.mark.filterwarnings("ignore:.*__array__.*:DeprecationWarning")
def test_compiled_training_and_saving(jets, tmp_path):
    from jetlab import training
    from jetlab.config import RunConfig

    y = (np.abs(jets[..., 1]).max(axis=1) > 1.5).astype(np.float32)
    data = training.Data.of(jets, y, np.ones(40), np.arange(30), np.arange(30, 40))
    keras.utils.set_random_seed(2)
    model = models.particle_net(LENGTH, FEATURES, (1, 2), **SMALL)
    result = training.fit(model, RunConfig(epochs=2, batch_size=10), data)
    assert np.isfinite(result.history["val_loss"]).all()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    assert again.predict(jets, verbose=0) == pytest.approx(model.predict(jets, verbose=0), abs=1e-6)


@pytest.mark.parametrize(
    ("changes", "said"), [({"k": LENGTH}, "12 neighbours of 12"), ({"coordinates": (5,)}, r"\[5\]")]
)
def test_impossible_clouds_are_refused(changes, said):
    with pytest.raises(ArgumentError, match=said):
        models.particle_net(**{"length": LENGTH, "features": FEATURES, "coordinates": (1, 2), **SMALL, **changes})


@pytest.fixture
def pairs_of():
    """Features and momenta of the same clouds."""

    def made(jets):
        momenta = jets[..., :3].copy()
        momenta[..., 0] = np.abs(momenta[..., 0])
        return [jets, momenta]

    return made


@pytest.fixture
def transformer(jets, pairs_of):
    keras.utils.set_random_seed(2)
    model = models.particle_transformer(LENGTH, FEATURES, width=8, heads=2)
    model.compile("adam", "binary_crossentropy")
    model.fit(pairs_of(jets), np.arange(40) % 2, epochs=2, verbose=0)
    return model


def test_to_a_transformer_neither_order_nor_padding_matters(transformer, jets, pairs_of):
    score = transformer.predict(pairs_of(jets), verbose=0)
    assert np.std(score) > 1e-4
    order = np.random.default_rng(3).permuted(np.tile(np.arange(LENGTH), (len(jets), 1)), axis=1)
    shuffled = np.take_along_axis(jets, order[..., np.newaxis], axis=1)
    assert transformer.predict(pairs_of(shuffled), verbose=0) == pytest.approx(score, abs=1e-5)

    longer = models.particle_transformer(LENGTH + 5, FEATURES, width=8, heads=2)
    longer.set_weights(transformer.get_weights())
    padded = np.pad(jets, ((0, 0), (0, 5), (0, 0)))
    assert longer.predict(pairs_of(padded), verbose=0) == pytest.approx(score, abs=1e-5)


def test_attention_equals_a_slow_loop():
    keras.utils.set_random_seed(4)
    rng = np.random.default_rng(4)
    query, keys = rng.normal(size=(2, 3, 8)).astype("float32"), rng.normal(size=(2, 5, 8)).astype("float32")
    present = np.array([[True] * 5, [True, True, True, False, False]])
    bias = rng.normal(size=(2, 2, 3, 5)).astype("float32")
    given = [keras.Input(each.shape[1:], dtype=each.dtype.name) for each in (query, keys, present, bias)]
    model = keras.Model(given, clouds.attention(*given[:3], 2, given[3]))
    for each in model.weights:
        each.assign(rng.normal(size=each.shape) / 3)
    found = model.predict([query, keys, present, bias], verbose=0)
    layer = {each.name.removeprefix("attention_"): each.get_weights() for each in model.layers if each.get_weights()}
    q, k, v = (x @ layer[name][0] + layer[name][1] for name, x in (("query", query), ("key", keys), ("value", keys)))
    for jet in range(2):
        for i in range(3):
            for head, part in enumerate((slice(0, 4), slice(4, 8))):
                weight = [
                    np.exp(q[jet, i, part] @ k[jet, j, part] / 2 + bias[jet, head, i, j]) * present[jet, j]
                    for j in range(5)
                ]
                expected = sum(w * v[jet, j, part] for j, w in enumerate(weight)) / sum(weight)
                assert found[jet, i, part] == pytest.approx(expected, abs=1e-5)


def test_pairs_are_those_of_four_momenta():
    vector = pytest.importorskip("vector")
    rng = np.random.default_rng(5)
    pt, eta, phi = rng.uniform(1, 50, 6), rng.normal(size=6), rng.uniform(-3, 3, 6)
    momenta = np.stack([pt, eta, phi], axis=-1)[np.newaxis].astype("float32")
    found = np.asarray(clouds.pair_features(momenta[:, :, np.newaxis], momenta[:, np.newaxis]))[0]
    each = vector.array({"pt": pt, "eta": eta, "phi": phi, "mass": np.zeros(6)})
    for i in range(6):
        for j in range(6):
            if i == j:
                continue
            dr, least = each[i].deltaR(each[j]), min(pt[i], pt[j])
            expected = np.log([dr, least * dr, least / (pt[i] + pt[j]), (each[i] + each[j]).mass2])
            assert found[i, j] == pytest.approx(expected, abs=1e-3)


def test_a_transformer_trains_compiled(jets, pairs_of):
    from jetlab import training
    from jetlab.config import RunConfig

    y = (np.abs(jets[..., 1]).max(axis=1) > 1.5).astype(np.float32)
    data = training.Data.of(tuple(pairs_of(jets)), y, np.ones(40), np.arange(30), np.arange(30, 40))
    keras.utils.set_random_seed(2)
    model = models.particle_transformer(LENGTH, FEATURES, width=8, heads=2)
    result = training.fit(model, RunConfig(epochs=2, batch_size=10), data)
    assert np.isfinite(result.history["val_loss"]).all()


def test_a_width_that_heads_cannot_share_is_refused():
    with pytest.raises(ArgumentError, match="width 9 is no multiple of 4 heads"):
        models.particle_transformer(LENGTH, FEATURES, width=9)
