"""What benchmarks/flavour.py makes of finished trainings; a training itself takes too long for a test."""

import importlib.util
import sys

import numpy as np
import pytest

from jetlab import catalog

pytest.importorskip("keras")

KEYS = {"tagger", "sample", "simulation", "efficiency", "params", "seeds", "jets"}
KEYS |= {f"{kind}_rejection{end}" for kind in ("light", "c") for end in ("", "_err")}


@pytest.fixture(scope="module")
def benchmark(repository):
    spec = importlib.util.spec_from_file_location("flavour_benchmark", repository / "benchmarks" / "flavour.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, spec.name, module)  # its dataclasses look for it there
        patch.syspath_prepend(str(repository / "benchmarks"))
        spec.loader.exec_module(module)
        yield module


@pytest.fixture(scope="module")
def task(benchmark):
    sample, other = (catalog.load(name) for name in ("flavour", "flavour_alternative"))
    return benchmark.prepare(sample[:12_000], other[:1500])


@pytest.fixture(scope="module")
def scores(benchmark, task, tmp_path_factory):
    """Those of made-up taggers: the better, the further down in the list."""

    def tagger(strength):
        def judged(task, seed, epochs, file):
            rng, outputs = np.random.default_rng(10 * strength + seed), {}
            for simulation, part in task.tests.items():
                p = rng.dirichlet((1, 1, 1), len(part.label))
                p[np.arange(len(part.label)), part.label] += 0.2 * strength
                outputs[simulation] = (p / p.sum(axis=1, keepdims=True)).astype("f4")
            return outputs, 1000 * strength

        return judged

    with pytest.MonkeyPatch.context() as patch:
        made_up = {name: (tagger(strength), "") for strength, name in enumerate(benchmark.TAGGERS, start=1)}
        patch.setattr(benchmark, "TAGGERS", made_up)
        return benchmark.scores_of(task, (1, 2), 1, tmp_path_factory.mktemp("kept"))


def test_scores_are_of_every_tagger_and_seed(scores):
    assert {name: (len(found), params) for name, (found, params) in scores.items()} == {
        "IP3D": (1, 0),
        "BDT": (2, 1000),
        "DL1": (2, 2000),
        "tracks": (2, 3000),
    }


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras, when it saves weights
@pytest.mark.parametrize("name", ["BDT", "DL1", "tracks"])
def test_finished_trainings_are_not_done_again(benchmark, task, name, tmp_path, monkeypatch):
    judged, ending = benchmark.TAGGERS[name]
    file = tmp_path / f"{name}{ending}"
    first, params = judged(task, 1, 1, file)
    for place in ("training.fit", "HistGradientBoostingClassifier.fit"):
        owner, _, method = place.partition(".")
        monkeypatch.setattr(getattr(benchmark, owner), method, lambda *_, **__: pytest.fail("trained again"))
    again, same = judged(task, 2, 1, file)
    assert same == params
    for simulation, outputs in first.items():
        np.testing.assert_allclose(again[simulation], outputs, atol=1e-5)
        np.testing.assert_allclose(outputs.sum(axis=1), 1, atol=1e-4)
    assert list(tmp_path.iterdir()) == [file]


def test_rows_have_every_tagger_on_every_pure_sample(benchmark, task, scores):
    rows = list(benchmark.rows(task, scores))
    assert all(set(row) == KEYS for row in rows)
    places = {(row["sample"], row["simulation"]) for row in rows}
    assert places == {("ttbar", "nominal"), ("zprime", "nominal"), ("ttbar", "alternative")}
    assert len(rows) == 3 * 4 * 4
    at = {row["tagger"]: row for row in rows if (row["sample"], row["efficiency"]) == ("zprime", 0.77)}
    assert at["tracks"]["c_rejection"] > at["BDT"]["c_rejection"] > 1
    assert at["tracks"]["c_rejection_err"] > 0


def test_networks_are_compared_with_the_trees_pairwise(benchmark, task, scores):
    found = {(row["tagger"], row["sample"], row["simulation"]): row for row in benchmark.above_bdt(task, scores)}
    assert len(found) == 6
    assert found["tracks", "zprime", "nominal"]["c_ratio"] > found["DL1", "zprime", "nominal"]["c_ratio"] > 1


def test_errors_hold_the_jets_and_the_seeds(benchmark):
    assert benchmark.over_seeds([(10.0, 3.0)]) == (10.0, 3.0)
    value, error = benchmark.over_seeds([(10.0, 3.0), (14.0, 3.0)])
    assert (value, error) == (12.0, pytest.approx(np.hypot(3.0, 8**0.5), abs=1e-3))
    assert benchmark.over_seeds([(np.inf, np.inf), (3.0, 1.0)]) == (None, None)


def test_networks_have_about_as_many_parameters_as_wanted(benchmark, task):
    sizes = [build(task.train.scaled.shape[1], 9).count_params() for build in (benchmark.dl1, benchmark.with_tracks)]
    assert 80_000 < sizes[0] < 130_000
    assert sizes[1] < 130_000
