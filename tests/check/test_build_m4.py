"""M4's build tasks: a recipe healed in two ways or with faults left, and LSTMs that reach the target or do not."""

import dataclasses

import awkward as ak
import keras
import numpy as np
import pytest

from jetlab import catalog, check, inputs, jets, models, training
from jetlab.check import held_back, m4, solved, tasks
from jetlab.config import RunConfig

LENGTH = m4.LENGTH
INSIDE, OUTSIDE = ["log_pt", "deta", "dphi", "id", "charge"], ["pt", "eta", "phi", "id", "charge"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(solved, "SESSION", set())
    monkeypatch.setenv("JETLAB_PROGRESS", str(tmp_path))
    return tmp_path


def candidates(sample):
    records = jets.constituents(sample)
    for name in ("eta", "phi", "id"):
        records[name] = sample[f"ak7pfcand_{name}"]
    return records


def healed(sample, train):
    """The lesson's solution."""
    x, mask = jets.pad(jets.order(candidates(sample), "pt")[INSIDE], LENGTH)
    return jets.Scaling.fit(x[train], mask[train]).apply(x, mask)[:, ::-1]


def with_keras(sample, train):
    """Another way: Keras pads in front, with floats, and each number is divided by a rough guess of its width."""
    records = jets.order(candidates(sample), "pt")[:, :40]
    columns = [records["log_pt"] / 2 + 2, records["deta"] * 4, records["dphi"] * 4, records["charge"] * 1.0]
    rows = np.stack([ak.to_numpy(ak.flatten(each)) for each in columns], axis=1)
    lists = [each[::-1] for each in np.split(rows, np.cumsum(ak.num(records))[:-1])]
    return keras.utils.pad_sequences(lists, maxlen=40, dtype="float32")


@pytest.mark.parametrize("way", [healed, with_keras])
def test_a_healed_recipe_reaches_the_target(way):
    report = tasks.judge("M4.B1", way)
    assert report.said == tasks.REACHED
    assert report.figures["AUC on held-back jets"].endswith(f"(target: {m4.HEALED} or more)")


def unscaled(sample, train):
    return jets.pad(jets.order(candidates(sample), "pt")[INSIDE], LENGTH)[0]


def whole_numbers(sample, train):
    return healed(sample, train).astype("int32")


def without_mask(sample, train):
    x, mask = jets.pad(jets.order(candidates(sample), "pt")[INSIDE], LENGTH)
    return jets.Scaling.fit(x[train], mask[train]).apply(x)


def in_the_detector(sample, train):
    x, mask = jets.pad(jets.order(candidates(sample), "pt")[OUTSIDE], LENGTH)
    return jets.Scaling.fit(x[train], mask[train]).apply(x, mask)


def any_order(sample, train):
    x, mask = jets.pad(jets.order(candidates(sample), "random")[INSIDE], LENGTH)
    return jets.Scaling.fit(x[train], mask[train]).apply(x, mask)


@pytest.mark.parametrize(
    ("built", "hint"),
    [
        (whole_numbers, "whole numbers only"),
        (unscaled, "number 4 of each candidate has a width of"),
        (without_mask, "What does Masking skip"),
        (in_the_detector, "follows the eta of the whole jet"),
        (any_order, "in which order does the LSTM read them"),
        (lambda sample, train: np.ones((len(sample), LENGTH, 2)), "whole numbers only"),
    ],
)
def test_a_fault_that_is_left_shows_as_a_symptom(monkeypatch, built, hint, folder):
    monkeypatch.setattr(m4, "CLINIC", dataclasses.replace(m4.CLINIC, epochs=1, train_size=1000))
    said = tasks.judge("M4.B1", built).said
    assert said.startswith("hint: AUC ")
    assert hint in said
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("built", "hint"),
    [
        (lambda sample, train: sample["jet_isW_ak7"], "raised MissingColumnError"),
        (lambda sample, train: sample["mcweight"], "raised MissingColumnError"),
        (lambda sample, train: sample["jet_msd_ak7"], "raised MissingColumnError"),
        (lambda sample, train: np.zeros((len(sample), 4)), "it should be (jets, places, numbers)"),
        (lambda sample, train: np.zeros((len(train), LENGTH, 4)), "it should be (jets, places, numbers)"),
        (lambda sample, train: np.full((len(sample), LENGTH, 4), np.nan), "not finite"),
        (lambda sample, train: np.full((len(sample), LENGTH, 4), "a"), "should be one of numbers"),
        (lambda sample: sample, "raised TypeError"),
        (np.zeros((10, LENGTH, 4)), "give the function itself"),
    ],
)
def test_what_is_no_recipe_or_looks_for_the_label(built, hint):
    said = tasks.judge("M4.B1", built).said
    assert said.startswith("hint: ")
    assert hint in said


def test_the_labels_in_the_inputs_are_noticed(monkeypatch):
    """Whoever finds each jet again in the shipped sample knows its label."""
    monkeypatch.setattr(m4, "CLINIC", dataclasses.replace(m4.CLINIC, epochs=3, train_size=3000, learning_rate=0.02))
    whole = catalog.load("jets")
    known = dict(zip(zip(whole["jet_pt_ak7"].tolist(), whole["jet_eta_ak7"].tolist(), strict=True),
                     whole["jet_isW_ak7"].tolist(), strict=True))  # fmt: skip

    def cheat(sample, train):
        found = [known[key] for key in zip(sample["jet_pt_ak7"].tolist(), sample["jet_eta_ak7"].tolist(), strict=True)]
        return np.broadcast_to(2.5 * np.array(found, float)[:, None, None] - 1.25, (len(sample), 5, 1))

    assert "the labels are in there" in tasks.judge("M4.B1", cheat).said


# M4.B2: an LSTM from memory.


def gru():
    """Another way: a GRU instead of the LSTM, trained by Keras."""
    parts = held_back.tagging(m4.SEQUENCES)
    keras.utils.set_random_seed(1)
    layers = keras.layers
    network = keras.Sequential(
        [layers.Input(parts.validation.x.shape[1:]), layers.Masking(), layers.GRU(24), layers.Dense(1, "sigmoid")]
    )
    network.compile(keras.optimizers.Adam(3e-3), "binary_crossentropy")
    return network


@pytest.fixture(scope="module")
def data():
    sample = check.without_held_back(catalog.load("jets"))
    parts = jets.split(sample.event_index)
    is_w = sample["jet_isW_ak7"] == 1
    weight = jets.reweight(sample["jet_pt_ak7"], sample["jet_eta_ak7"], is_w, sample["mcweight"], train=parts[0])
    return inputs.prepare(sample, m4.SEQUENCES, parts, weight).data


def test_the_check_prepares_as_the_lesson_does(data):
    np.testing.assert_array_equal(held_back.tagging(m4.SEQUENCES).validation.x, data.x_validation)


def test_networks_with_a_memory_reach_the_target(data):
    config = dataclasses.replace(m4.SEQUENCES, nodes=32, epochs=6, patience=0)
    assert tasks.judge("M4.B2", training.run(config, data).model).said == tasks.REACHED
    network = gru()
    network.fit(data.x_train, data.y_train, 128, 6, sample_weight=data.w_train, verbose=0)
    assert tasks.judge("M4.B2", network).said == tasks.REACHED


def test_networks_that_do_not(data):
    assert "never compiled" in tasks.judge("M4.B2", models.build(m4.SEQUENCES, data.x_train.shape[1:])).said
    assert "never trained" in tasks.judge("M4.B2", gru()).said
    flat = RunConfig(layers=1, nodes=4)
    assert "sequences such as data.x_train" in tasks.judge("M4.B2", models.build(flat, (4,))).said
    said = tasks.judge("M4.B2", lambda x: (x[:, -1, 0] - x[:, -1, 0].min()) / np.ptp(x[:, -1, 0])).said
    assert "of 0.955" in said
