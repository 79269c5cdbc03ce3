"""Inputs of every model, made from a sample: shapes, scaling by the training part, order, padding and classes."""

import awkward as ak
import numpy as np
import pytest

from jetlab import catalog, images, inputs, jets, metrics, training
from jetlab.config import ConfigError, RunConfig


@pytest.fixture(scope="module")
def sample():
    return catalog.load("jets")[:600]


@pytest.fixture(scope="module")
def parts(sample):
    return jets.split(sample.event_index)


def prepare(sample, parts, **changes):
    return inputs.prepare(sample, RunConfig(**changes), parts, np.ones(len(sample)))


def test_labels_and_weights_follow_the_parts(sample, parts):
    weight = np.linspace(0.5, 1.5, len(sample))
    made = inputs.prepare(sample, RunConfig(), parts, weight)
    np.testing.assert_array_equal(made.y_test, sample["jet_isW_ak7"][parts[2]])
    np.testing.assert_array_equal(made.w_test, weight[parts[2]])
    np.testing.assert_array_equal(made.data.y_validation, sample["jet_isW_ak7"][parts[1]])
    np.testing.assert_allclose(made.data.w_train, weight[parts[0]], rtol=1e-6)
    np.testing.assert_allclose(made.data.w_validation, weight[parts[1]], rtol=1e-6)


def test_columns_are_scaled_by_the_training_part(sample, parts):
    made = prepare(sample, parts, inputs=("jet_pt_ak7", "jet_msd_ak7"))
    np.testing.assert_allclose(made.data.x_train.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(made.data.x_train.std(axis=0), 1, atol=1e-5)
    pt = sample["jet_pt_ak7"]
    expected = (pt[parts[2]] - pt[parts[0]].mean()) / pt[parts[0]].std()
    np.testing.assert_allclose(made.x_test[:, 0], expected, atol=1e-4)


def test_images_are_those_of_the_lesson_but_for_the_unit(sample, parts):
    made = prepare(sample, parts, model="cnn", image_size=16)
    test = sample[parts[2]]
    candidates = images.zoom(images.flip(images.rotate(images.centre(test))), test["jet_pt_ak7"])
    expected = np.sqrt(images.normalise(images.pixelate(candidates, 16)))
    assert made.x_test.shape == expected.shape
    ratio = made.x_test[expected > 0] / expected[expected > 0]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-4)
    assert made.data.x_train.std() == pytest.approx(1, rel=1e-3)


def test_channels_are_picked_by_name(sample, parts):
    both = prepare(sample, parts, model="cnn", inputs=("photons", "all"), image_size=8).data.x_train
    photons = prepare(sample, parts, model="cnn", inputs=("photons",), image_size=8).data.x_train
    everything = prepare(sample, parts, model="cnn", image_size=8).data.x_train
    assert both.shape[-1] == 2
    np.testing.assert_allclose(both[..., :1], photons, rtol=1e-5)
    np.testing.assert_allclose(both[..., 1:], everything, rtol=1e-5)


@pytest.mark.parametrize("order_by", ["pt", "dr"])
def test_sequences_hold_the_ordered_constituents(sample, parts, order_by):
    made = prepare(sample, parts, model="deep_sets", inputs=("dr", "log_pt"), length=12, order_by=order_by)
    constituents = jets.order(jets.constituents(sample[parts[0]]), order_by)
    values, mask = jets.pad(constituents[["dr", "log_pt"]], 12)
    x = made.data.x_train
    assert x.shape == values.shape
    assert not x[~mask].any()
    mean, width = (f(values[mask], axis=0) for f in (np.mean, np.std))
    np.testing.assert_allclose(x[mask], (values[mask] - mean) / width, atol=2e-3)


def test_a_random_order_keeps_the_constituents_of_each_jet_and_favours_no_place(sample, parts):
    counts = ak.to_numpy(ak.num(sample[parts[0]]["ak7pfcand_pt"]))
    ordered, mixed = (
        prepare(
            sample, parts, model="deep_sets", inputs=("log_pt", "dr"), length=int(counts.max()), order_by=order_by
        ).data.x_train.astype(np.float64)
        for order_by in ("pt", "random")
    )
    # Complex numbers are sorted by their real parts, then by the others: a constituent stays in one piece.
    one, other = (np.sort(x[..., 0] + 1j * x[..., 1], axis=1) for x in (ordered, mixed))
    np.testing.assert_allclose(one, other, atol=1e-4)
    place = mixed[..., 0].argmax(axis=1) / (counts - 1)
    assert place.mean() == pytest.approx(0.5, abs=4 / np.sqrt(12 * len(place)))
    assert place.std() == pytest.approx(1 / np.sqrt(12), rel=0.15)


def test_a_memory_reads_the_hardest_last(sample, parts):
    forward = prepare(sample, parts, model="deep_sets", length=10).data.x_train
    for model in ("lstm", "gru"):
        for one, other in zip(prepare(sample, parts, model=model, length=10).data.x_train, forward, strict=True):
            np.testing.assert_array_equal(one, other[:, ::-1])


def test_a_random_order_is_the_same_again_for_the_same_seed(sample, parts):
    one, again, other = (
        prepare(sample, parts, model="gru", order_by="random", inputs=("dr",), seed=seed).data.x_train
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_classes_as_embedding_or_one_hot(sample, parts):
    features, classes = prepare(sample, parts, model="deep_sets", length=20).data.x_train
    expected = jets.pad(jets.order(jets.constituents(sample[parts[0]])), 20)
    named = dict(zip(jets.constituents(sample[:1]).fields, np.moveaxis(expected[0], -1, 0), strict=True))
    np.testing.assert_array_equal(classes, named["id_class"])
    one_hot = prepare(sample, parts, model="deep_sets", length=20, pf_id="one_hot").data.x_train
    np.testing.assert_array_equal(one_hot[..., :6], features)
    np.testing.assert_array_equal(one_hot[..., 6:].sum(axis=-1), expected[1])
    np.testing.assert_array_equal(one_hot[..., 6:].argmax(axis=-1)[expected[1]] + 1, classes[expected[1]])


def test_classes_alone(sample, parts):
    presence, classes = prepare(sample, parts, model="deep_sets", inputs=("id_class",), length=20).data.x_train
    np.testing.assert_array_equal(presence[..., 0] > 0, classes > 0)


def test_turned_coordinates_belong_to_their_constituents(sample, parts):
    x = prepare(sample, parts, model="deep_sets", inputs=("x", "y"), length=30).data.x_train
    turned = images.flip(images.rotate(images.centre(sample[parts[0]])))
    expected, mask = jets.pad(jets.order(turned)[["x", "y"]], 30)
    for axis in (0, 1):
        assert np.corrcoef(x[mask][:, axis], expected[mask][:, axis])[0, 1] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("model", ["dense", "cnn", "lstm", "gru", "deep_sets"])
def test_unknown_inputs_are_named(sample, parts, model):
    with pytest.raises((ConfigError, KeyError), match="nonsense"):
        prepare(sample, parts, model=model, inputs=("nonsense",))


@pytest.mark.parametrize("model", ["dense", "cnn", "lstm", "gru", "deep_sets"])
def test_a_small_standard_run_tells_test_jets_apart(sample, parts, model):
    config = RunConfig.standard(model, epochs=6, nodes=16, batch_size=16, length=15, image_size=12, learning_rate=0.005)
    made = inputs.prepare(sample, config, parts, np.ones(len(sample)))
    result = training.run(config, made.data)
    auc = metrics.evaluate(made.y_test, result.predict(made.x_test), made.w_test)["auc"]
    assert auc.value - 4 * auc.error > 0.5
