"""Finished runs in words and as CSV."""

import csv
import dataclasses
import io
import types

import numpy as np
import pytest

from jetlab import config as configs
from jetlab.config import INPUTS, RunConfig, short_name
from jetlab.metrics import Estimate
from jetlab.panel import runs, words


def trained(config, n=321, best=4, reason="finished", rates=()):
    model = types.SimpleNamespace(count_params=lambda: n)
    history = {"learning_rate": list(rates)}
    return types.SimpleNamespace(
        config=config, model=model, history=history, best_epoch=best, reason=reason, seconds=12.3456
    )


def run(config, n=321, best=4, reason="finished", number=1, look=0, test=None, rates=(), **metrics):
    result = trained(config, n, best, reason, rates)
    return runs.Run(number, result, None, metrics, look, None, test or {})


def read(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_only_what_differs_is_said():
    base = RunConfig(seed=7, dropout=0.5)
    changed = dataclasses.replace(base, batch_size=32, activation="tanh")
    assert words.differences([base, changed]) == ["relu, batch size 128", "tanh, batch size 32"]
    assert words.differences([base, base]) == ["", ""]
    assert words.differences([base]) == [""]
    assert words.differences([]) == []


@pytest.mark.parametrize(
    ("changes", "before", "after"),
    [
        ({"layers": 1}, "3 layers", "1 layer"),
        ({"nodes": 1}, "64 nodes", "1 node"),
        ({"dropout": 0.1}, "no dropout", "dropout 0.1"),
        ({"learning_rate": 0.00316227766}, "learning rate 0.001", "learning rate 0.00316"),
        ({"schedule": "cosine"}, "constant learning rate", "learning rate falling along a cosine"),
        ({"schedule": "step"}, "constant learning rate", "learning rate falling in steps"),
        ({"optimizer": "sgd"}, "adam", "sgd"),
        ({"epochs": 1}, "20 epochs", "1 epoch"),
        ({"patience": 0}, "patience 5", "no early stopping"),
        ({"seed": 3}, "seed 1", "seed 3"),
        ({"train_size": 1000}, "all training jets", "1,000 training jets"),
        ({"loss": "mse"}, "loss binary_crossentropy", "loss mse"),
        ({"inputs": ("jet_msd_ak7", "jet_pt_ak7")}, "default inputs", "inputs msd + pt"),
        ({"model": "deep_sets"}, "dense", "deep sets"),
    ],
)
def test_words(changes, before, after):
    base = RunConfig()
    assert words.differences([base, dataclasses.replace(base, **_own(changes))]) == [before, after]


def _own(changes):
    return {**changes, "inputs": ()} if "model" in changes else changes


@pytest.mark.parametrize(
    ("changes", "before", "after"),
    [
        ({"length": 1}, "50 constituents", "1 constituent"),
        ({"order_by": "random"}, "ordered by pt", "random order"),
        ({"bidirectional": True}, "one direction", "bidirectional"),
        ({"pf_id": "one_hot"}, "class embedded", "class one-hot"),
        ({"inputs": (*INPUTS["lstm"][1:], "x")}, "default inputs", "without log_pt with x"),
        ({"inputs": INPUTS["lstm"][1:]}, "default inputs", "without log_pt"),
        ({"inputs": INPUTS["lstm"][::-1]}, "default inputs", f"inputs {' + '.join(INPUTS['lstm'][::-1])}"),
        ({"inputs": ("dr", "x")}, "default inputs", "inputs dr + x"),
    ],
)
def test_words_of_sequences(changes, before, after):
    base = RunConfig(model="lstm")
    assert words.differences([base, dataclasses.replace(base, **changes)]) == [before, after]


def test_words_of_layers_of_different_widths():
    pyramid, other = RunConfig(widths=(64, 32, 16)), RunConfig(widths=(64, 32, 8), nodes=3)
    assert words.differences([RunConfig(), pyramid, other]) == ["64 nodes", "nodes 64-32-16", "nodes 64-32-8"]
    assert words.differences([pyramid, dataclasses.replace(pyramid, nodes=3)]) == ["", ""]
    (row,) = read(runs.to_csv([run(pyramid)]))
    assert (row["label"], row["widths"]) == ("64-32-16/3", "64 32 16")


def test_words_of_images():
    base = RunConfig(model="cnn")
    changed = dataclasses.replace(base, nodes=8, image_size=33, inputs=("photon", "muon"))
    assert words.differences([base, changed])[1] == "inputs photon + muon, 8 filters, 33 × 33 pixels"


def test_what_does_not_act_is_not_said():
    found = words.differences([RunConfig(), RunConfig(length=20, bidirectional=True, image_size=9)])
    assert found == ["", ""]
    found = words.differences([RunConfig(), RunConfig(model="gru", length=20)])
    assert found == ["dense", "gru, 20 constituents"]
    found = words.differences([RunConfig(model="deep_sets"), RunConfig(model="deep_sets", bidirectional=True)])
    assert found == ["", ""]


@pytest.mark.parametrize("name", [name for name in configs.CHOICES if name != "model"])
def test_every_choice_has_its_own_words(name):
    found = words.differences([RunConfig(model="lstm", **{name: choice}) for choice in configs.CHOICES[name]])
    assert len(set(found)) == len(configs.CHOICES[name])
    assert all(found)


def figures(row, part):
    return [row[f"{part}_{name}"] for name in ("auc", "auc_error", "rejection_50", "rejection_50_error")]


def test_csv_is_read_back():
    first = RunConfig(layers=2, nodes=32, learning_rate=1e-5, train_size=5000)
    second = RunConfig(model="lstm", inputs=("dr", 'odd, "name"\nhere'), bidirectional=True)
    finished = [
        run(first, 4321, auc=Estimate(0.97123456789, 0.0012), rejection_50=Estimate(131.25, 9.5), accuracy=None),
        run(second, 99, best=11, reason="stopped", auc=Estimate(0.5, 0.01), rejection_50=Estimate(float("inf"), 1.0)),
    ]
    rows = read(runs.to_csv(finished))
    assert len(rows) == 2
    assert rows[0]["label"] == "32/2"
    assert rows[0]["inputs"].split() == list(INPUTS["dense"])
    assert float(rows[0]["learning_rate"]) == 1e-5
    assert [row["train_size [jets]"] for row in rows] == ["5000", "all"]
    assert [int(row["parameters"]) for row in rows] == [4321, 99]
    assert [int(row["best_epoch"]) for row in rows] == [4, 11]
    assert figures(rows[0], "validation") == ["0.97123456789", "0.0012", "131.25", "9.5"]
    assert float(rows[1]["validation_rejection_50"]) == float("inf")
    assert rows[1]["inputs"] == 'dr odd, "name"\nhere'
    assert rows[1]["bidirectional"] == "True"
    assert [row["reason"] for row in rows] == ["finished", "stopped"]
    assert float(rows[0]["training_time [s]"]) == pytest.approx(12.3456, abs=1e-3)


def test_csv_has_every_field_and_a_unit_where_there_is_one():
    header, _ = csv.reader(io.StringIO(runs.to_csv([run(RunConfig())])))
    names = [name.partition(" [")[0] for name in header]
    assert len(set(names)) == len(names)
    assert names[:2] == ["run", "label"]
    assert names[2 : names.index("learning_rate_changes")] == [field.name for field in dataclasses.fields(RunConfig)]
    assert {"batch_size [jets]", "image_size [pixels]", "training_time [s]"} <= set(header)


def test_csv_of_a_regression_leaves_the_metrics_empty():
    (row,) = read(runs.to_csv([run(RunConfig(loss="huber"))]))
    assert figures(row, "validation") == [""] * 4
    assert row["loss"] == "huber"


def test_csv_has_test_figures_of_the_runs_that_were_looked_at():
    found = {"auc": Estimate(0.97, 0.002), "rejection_50": Estimate(120.5, 8.25)}
    first, second = read(runs.to_csv([run(RunConfig()), run(RunConfig(), number=7, look=2, test=found)], looks=3))
    assert [first["run"], *figures(first, "test"), first["test_look"], first["test_looks"]] == ["1"] + [""] * 6
    assert figures(second, "test") == ["0.97", "0.002", "120.5", "8.25"]
    assert [second["run"], second["test_look"], second["test_looks"]] == ["7", "2", "3"]


@pytest.mark.parametrize(
    ("changes", "rates", "found"),
    [
        ({}, [], {}),
        ({}, [1e-3] * 5, {}),
        ({}, [1e-3, 1e-3, 1e-4, 1e-4, 1e-2], {3: 1e-4, 5: 1e-2}),
        ({}, [0.5] * 3, {1: 0.5}),
        ({"schedule": "step", "epochs": 4}, [1e-3, 1e-3, 1e-4, 1e-5], {}),
        ({"schedule": "step", "epochs": 4}, [1e-3, 3e-3, 3e-4, 3e-5], {2: 3e-3}),
        ({"schedule": "step", "epochs": 4}, [1e-3, 3e-3, 3e-3, 3e-3], {2: 3e-3}),
    ],
)
def test_a_rate_that_was_turned_is_told_from_the_schedule(changes, rates, found):
    config = RunConfig(**changes)
    single = [float(np.float32(rate)) for rate in rates]
    assert words.rate_changes(trained(config, rates=single)) == pytest.approx(found)


def test_the_cosine_schedule_is_no_change():
    config = RunConfig(schedule="cosine", epochs=100)
    rates = [config.rate(epoch) for epoch in range(1, 101)]
    assert words.rate_changes(trained(config, rates=rates)) == {}


def test_table_and_csv_show_the_start_and_the_changes_of_a_rate():
    found = {"auc": Estimate(0.9, 0.01), "rejection_50": Estimate(30.0, 2.0)}
    finished = [
        run(RunConfig(learning_rate=1e-2), rates=[1e-2, 1e-2, 1e-3, 1e-4], **found),
        run(RunConfig(learning_rate=1e-3), number=2, rates=[1e-3] * 4, **found),
    ]
    differs = runs.RunsView(finished, {"validation AUC": "auc"}, print, 6).columns()["differs in"]
    turned = "learning rate 0.001 from epoch 3, learning rate 0.0001 from epoch 4"
    assert differs == [f"learning rate 0.01, {turned}", "learning rate 0.001"]
    rows = read(runs.to_csv(finished))
    assert [row["learning_rate"] for row in rows] == ["0.01", "0.001"]
    assert [row["learning_rate_changes [epoch: rate]"] for row in rows] == ["3: 0.001; 4: 0.0001", ""]


@pytest.mark.parametrize(
    ("column", "label"),
    [("jet_pt_ak7", "pt"), ("jet_tau21_ak7", "tau21"), ("genjet_pt_ak7", "genjet_pt"), ("log_pt", "log_pt"), ("", "")],
)
def test_short_names(column, label):
    assert short_name(column) == label
