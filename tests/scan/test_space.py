"""What is scanned: read, checked by the field's name, and laid out as points."""

import itertools
import json

import pytest

from jetlab.config import ConfigError, RunConfig
from jetlab.scan import Range, Space


def test_a_grid_has_every_combination_once() -> None:
    space = Space.of(RunConfig(epochs=3), nodes=[8, 16, 32], layers=[1, 2], seed=[1, 2])
    points = list(space.grid())
    assert space.is_grid
    assert space.size == len(points) == 6
    assert {(each["nodes"], each["layers"]) for each in points} == {(n, m) for n in (8, 16, 32) for m in (1, 2)}
    runs = space.configs({"nodes": 8, "layers": 2})
    assert runs == tuple(RunConfig(epochs=3, nodes=8, layers=2, seed=seed) for seed in (1, 2))


def test_points_of_one_structure_follow_each_other() -> None:
    space = Space.of(learning_rate=[1e-3, 1e-2, 1e-1], nodes=[4, 8, 16], batch_size=[32, 64])
    structures = [(each["nodes"], each["batch_size"]) for each in space.grid()]
    changes = sum(before != after for before, after in itertools.pairwise(structures))
    assert changes == 6 - 1


def test_json_and_calls_mean_the_same() -> None:
    rate = '{"low": 1e-4, "high": 0.01, "log": true}'
    text = f'{{"model": "lstm", "nodes": [16, 64], "learning_rate": {rate}, "seed": [3, 4]}}'
    space = Space.from_json(text)
    assert space == Space.from_json(space.to_json())
    assert not space.is_grid
    assert space.knobs == {"nodes": (16, 64), "learning_rate": Range(1e-4, 0.01, log=True)}
    assert space.seeds == (3, 4)
    called = Space.of(RunConfig(model="lstm"), nodes=[16, 64], learning_rate=Range(1e-4, 0.01, True), seed=[3, 4])
    assert called.to_json() == space.to_json()


def test_fields_that_are_lists_are_scanned_by_lists_of_lists() -> None:
    space = Space.from_json('{"layers": 2, "widths": [[64, 32], [32, 16]], "inputs": ["a", "b"]}')
    assert list(space.knobs) == ["widths"]
    assert {each.widths for point in space.grid() for each in space.configs(point)} == {(64, 32), (32, 16)}
    assert all(each.inputs == ("a", "b") for point in space.grid() for each in space.configs(point))


def test_models_that_are_scanned_have_their_own_inputs() -> None:
    space = Space.of(RunConfig(), model=["dense", "lstm"])
    assert {each.inputs for point in space.grid() for each in space.configs(point)} == {
        RunConfig().inputs,
        RunConfig(model="lstm").inputs,
    }


@pytest.mark.parametrize(
    ("space", "complaint"),
    [
        ({}, "Nothing is scanned"),
        ({"nodes": 64}, "Nothing is scanned"),
        ({"nods": [1, 2]}, "did you mean 'nodes'"),
        ({"nodes": []}, "nodes is an empty list"),
        ({"nodes": [16, 0]}, "nodes is 0"),
        ({"nodes": [16, 16]}, "nodes has 16 twice"),
        ({"nodes": [16, "many"]}, "nodes is 'many'"),
        ({"activation": ["relu", "rleu"]}, "activation is 'rleu'"),
        ({"activation": {"low": 1, "high": 2}}, "activation .* only numbers have a range"),
        ({"learning_rate": {"low": 1e-4}}, "learning_rate is .*; a range is"),
        ({"learning_rate": {"low": 1e-2, "high": 1e-4}}, "learning_rate goes from 0.01 to 0.0001"),
        ({"learning_rate": {"low": 1e-4, "high": 1e3}}, "learning_rate is 1000.0"),
        ({"dropout": {"low": 0, "high": 0.5, "log": True}}, "dropout goes from 0: a range with log"),
        ({"nodes": {"low": 16, "high": 2048}}, "nodes is 2048"),
        ({"widths": [[64, 32], [16]], "layers": 2}, "widths is \\[16\\]"),
        ({"nodes": [1, 2], "seed": [-1]}, "seed is -1"),
        ({"nodes": [1, 2], "seed": [1, 1]}, "seed has 1 twice"),
        ({"nodes": [1, 2], "epochs": 0}, "epochs is 0"),
        ({"nodes": list(range(1, 1000)), "epochs": list(range(1, 1000))}, "998,001 points"),
        ([1, 2], "JSON list"),
    ],
)
def test_bad_spaces_are_refused_by_the_name_of_the_field(space: object, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        Space.from_json(json.dumps(space))


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(ConfigError, match="not JSON"):
        Space.from_json("{'nodes': [1]}")
