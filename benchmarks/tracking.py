"""Measure all ways of M7 to sort hits into tracks; writes benchmarks/results/tracking.json.

`python benchmarks/tracking.py` does what the file does not have yet, so it can be stopped and started again;
`--only NAME` does the jobs whose name contains NAME. `runs` holds every training, `rows` their means.
"""

import argparse
import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from jetlab.backend import device
from jetlab.tracking import Hits, dbscan, evaluate, hough, load, nearest_hit, per_track, read_csv, simulate
from jetlab.tracking.kalman import Kalman
from jetlab.tracking.lstm2017 import Network, Settings, phi_bin, train
from jetlab.tracking.residual import ResidualNetwork, ResidualSettings, train_residual
from jetlab.tracking.search import combinatorial, layerwise
from jetlab.tracking.steps import Extrapolation, sequences

HERE = Path(__file__).resolve().parent
OUTPUT = HERE / "results" / "tracking.json"
REAL = HERE.parents[1] / "shared" / "real" / "ramp_hep_tracking_train.csv"
SIZES = (10, 50, 100, 250, 500, 1000, 2000, 3000, 4000, 5000)
#: Fresh events per mean multiplicity, of other seeds than the 5,000 for training.
TESTS = {5: 1000, 10: 1000, 20: 500, 30: 500, 50: 200, 100: 100}
SEEDS = (1, 2, 3)
#: Of this training an event is kept as the network sorts it.
SHOWN = 3
#: A network that saw few events is trained for at least so many gradient steps (the one of 2017: as it was).
STEPS, MOST_EPOCHS = 1500, 300
Method = Callable[[Hits], np.ndarray]


@cache
def training_events() -> Hits:
    """Events to learn from; the first so many of them where fewer are asked for."""
    return simulate(max(SIZES), 10, seed=1)


@cache
def fresh_events(multiplicity: int | str) -> Hits:
    """Events that no network was trained on."""
    return (
        read_csv(REAL)
        if multiplicity == "real"
        else simulate(TESTS[multiplicity], multiplicity, seed=900 + multiplicity)
    )


def samples() -> list[int | str]:
    """Mean multiplicities, and the real slice where it is at hand."""
    return [*TESTS, "real"] if REAL.exists() else [*TESTS]


class PerfectBins(Network):
    """What the network of 2017 would do if it always knew the right bin: the ceiling of its bins and its seeds."""

    def probabilities(self, hits: Hits, seeds: np.ndarray) -> np.ndarray:
        """One in the bin of the true hit, zero elsewhere."""
        result = np.zeros((len(seeds), 9, self.settings.bins), np.float32)
        owner = {(hits.number[s], hits.track[s]): row for row, s in enumerate(seeds)}
        row = np.array([owner.get(key, -1) for key in zip(hits.number, hits.track, strict=True)])
        hit = np.flatnonzero(row >= 0)
        result[row[hit], hits.layer[hit], phi_bin(hits, hit, seeds[row[hit]], self.settings)] = 1
        return result


def seeded_truth(hits: Hits) -> np.ndarray:
    """The truth about tracks with a hit in layer 0, and nothing about others: the ceiling of seeds in layer 0."""
    key = hits.number * 1000 + hits.track
    return np.where(np.isin(key, key[hits.layer == 0]), hits.track, -1)


def extrapolated(physics: bool) -> Method:
    """The search with no network: the usual residuals of 500 training events are all it knows."""
    return lambda hits: combinatorial(hits, Extrapolation.fit(training_events().first(500), physics))


def no_training() -> dict[str, Method]:
    """Methods that learn nothing, the slowest last."""
    return {
        "nearest hit": nearest_hit,
        "hough": hough,
        "kalman, layer by layer": partial(layerwise, predictor=Kalman()),
        "kalman, combinatorial": partial(combinatorial, predictor=Kalman()),
        "extrapolation, combinatorial": extrapolated(True),
        "extrapolation without physics, combinatorial": extrapolated(False),
        "kalman, combinatorial, one branch": partial(combinatorial, predictor=Kalman(), branches=1),
        "kalman, pairs as seeds": partial(combinatorial, predictor=Kalman(), branches=1, pairs=True),
        "kalman, combinatorial, seeds in layer 0 only": partial(combinatorial, predictor=Kalman(), starts=(0,)),
        "truth of tracks with a hit in layer 0": seeded_truth,
        "truth in 100 bins": PerfectBins(None, Settings(bins=100), {}).assign,
        "truth in 200 bins": PerfectBins(None, Settings(bins=200), {}).assign,
        "dbscan": dbscan,
    }


def of_2017(network: Network) -> dict[str, Method]:
    """Ways to assign hits with a network of 2017, by what is added to its name."""
    return {"": network.assign, ", shared out": partial(network.assign, shared_out=True)}


def of_residual(network: ResidualNetwork) -> dict[str, Method]:
    """Ways to assign hits with a residual network, by what is added to its name."""
    return {
        ", layer by layer": partial(layerwise, predictor=network),
        ", combinatorial": partial(combinatorial, predictor=network),
        ", combinatorial, one branch": partial(combinatorial, predictor=network, branches=1),
        ", pairs as seeds": partial(combinatorial, predictor=network, branches=1, pairs=True),
        ", combinatorial, seeds in layer 0 only": partial(combinatorial, predictor=network, starts=(0,)),
    }


def jobs() -> Iterator[tuple[str, Callable[[], list[dict[str, Any]]]]]:
    """Name and work of each job; a job's runs are stored when it is done."""
    for name, method in no_training().items():
        for multiplicity in samples():
            yield f"{name} @ {multiplicity}", partial(measure, {name: method}, [multiplicity], 0, 0)
    largest = max(SIZES)
    yield from trainings(SEEDS[0], largest, samples())
    for name, changes in (
        ("rotated", {"rotated": True}),
        ("bidirectional", {"bidirectional": True}),
        ("20 epochs", {"epochs": 20}),
        ("rotated, bidirectional, 20 epochs", {"rotated": True, "bidirectional": True, "epochs": 20}),
    ):
        settings = replace(Settings(), **changes)
        full = f"lstm 2017, 100 bins, {name}"
        yield f"{full} {largest} 1", partial(network_2017, full, settings, largest, 1, samples())
    few = [10, "real"] if REAL.exists() else [10]
    for seed in SEEDS:
        for size in SIZES if seed == SEEDS[0] else (largest, *SIZES[:-1]):
            yield from trainings(seed, size, few)


def trainings(seed: int, size: int, every: list[int | str]) -> Iterator[tuple[str, Callable[[], list[dict[str, Any]]]]]:
    """Jobs that train each kind of network once."""
    for bins in (100, 200):
        name = f"lstm 2017, {bins} bins"
        settings = replace(Settings(), bins=bins)
        yield f"{name} {size} {seed}", partial(network_2017, name, settings, size, seed, every)
    for name, physics in (("residual", True), ("residual without physics", False)):
        yield f"{name} {size} {seed}", partial(residual, name, ResidualSettings(physics=physics), size, seed, every)


def network_2017(name: str, settings: Settings, size: int, seed: int, every: list[int | str]) -> list[dict[str, Any]]:
    """Train a network of 2017 on `size` events and measure it on the samples `every`."""
    start = time.perf_counter()
    network = train(training_events().first(size), replace(settings, seed=seed))
    methods = {name + ending: method for ending, method in of_2017(network).items()}
    runs = measure(methods, every, size, seed, time.perf_counter() - start)
    runs = [{**run, "training_accuracy": network.history["accuracy"][-1]} for run in runs]
    if seed == SHOWN:
        # How the network sorts the kit's first event: M7 shows it while the training sample grows.
        runs[0]["first_event"] = network.assign(load().first(1)).tolist()
    return runs


def residual(
    name: str, settings: ResidualSettings, size: int, seed: int, every: list[int | str]
) -> list[dict[str, Any]]:
    """Train a residual network on `size` events and measure it on the samples `every`."""
    events = training_events().first(size)
    tracks = len(sequences(events)[0])
    epochs = min(MOST_EPOCHS, max(settings.epochs, round(STEPS * settings.batch_size / tracks)))
    start = time.perf_counter()
    network = train_residual(events, replace(settings, seed=seed, epochs=epochs))
    methods = {name + ending: method for ending, method in of_residual(network).items()}
    return measure(methods, every, size, seed, time.perf_counter() - start)


def measure(
    methods: dict[str, Method], every: list[int | str], size: int, seed: int, training: float = 0.0
) -> list[dict[str, Any]]:
    """Run each method on each sample: one run, as it is stored, for each."""
    runs = []
    for name, method in methods.items():
        for multiplicity in every:
            hits = fresh_events(multiplicity)
            start = time.perf_counter()
            labels = method(hits)
            seconds = time.perf_counter() - start
            score = evaluate(hits, labels)
            runs.append(
                {
                    "method": name,
                    "multiplicity": multiplicity,
                    "train_events": size,
                    "training": seed,
                    "events": hits.events,
                    "score": score.efficiency.value,
                    "score_err": score.efficiency.error,
                    "hit_accuracy": score.hit_accuracy.value,
                    "purity": score.purity.value,
                    "fake_rate": score.fake_rate.value,
                    "duplicate_rate": score.duplicate_rate.value,
                    "seconds_per_event": seconds / hits.events,
                    "training_seconds": training,
                    **({"by_pt": by_pt(hits, labels)} if multiplicity == 10 else {}),
                }
            )
    return [{k: round(v, 6) if isinstance(v, float) and np.isfinite(v) else v for k, v in run.items()} for run in runs]


def by_pt(hits: Hits, labels: np.ndarray) -> list[list[float]]:
    """Lower edge of pt in MeV, fraction of hits matched, its error, tracks."""
    tracks = per_track(hits, labels)
    fraction, result = tracks.matched / tracks.hits, []
    edges = [300, 500, 1000, 2000, 4000, 10000]
    for low, high in itertools.pairwise(edges):
        kept = fraction[(np.abs(tracks.pt) >= low) & (np.abs(tracks.pt) < high)]
        result.append([low, round(float(kept.mean()), 5), round(float(kept.std() / np.sqrt(len(kept))), 5), len(kept)])
    return result


def rows(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means over trainings; the error is that of the events and that of the trainings, in quadrature."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for run in runs:
        groups.setdefault((run["method"], run["multiplicity"], run["train_events"]), []).append(run)
    result = []
    for group in groups.values():
        scores = [run["score"] for run in group]
        spread = np.std(scores, ddof=1) / np.sqrt(len(scores)) if len(scores) > 1 else 0.0
        means = {
            name: round(float(np.mean([run[name] for run in group])), 6)
            for name in ("hit_accuracy", "purity", "fake_rate", "duplicate_rate", "seconds_per_event")
        }
        result.append(
            {
                **{name: group[0][name] for name in ("method", "multiplicity", "train_events", "events")},
                "trainings": len(group) if group[0]["train_events"] else 0,
                "score": round(float(np.mean(scores)), 6),
                "score_err": round(float(np.hypot(np.mean([run["score_err"] for run in group]), spread)), 6),
                **means,
            }
        )
    return sorted(result, key=lambda row: (row["method"], str(row["multiplicity"]).rjust(5), row["train_events"]))


def main() -> None:
    """Do the jobs that are not done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="do only jobs whose name contains this")
    only = parser.parse_args().only
    stored = json.loads(OUTPUT.read_text()) if OUTPUT.exists() else {"done": [], "runs": []}
    done, runs = stored["done"], stored["runs"]
    for name, work in jobs():
        if name in done or only not in name:
            continue
        start = time.perf_counter()
        found = work()
        # An older result of the same job, struck from `done` to have it measured anew, gives way.
        keys = {(r["method"], r["multiplicity"], r["train_events"], r["training"]) for r in found}
        runs = [r for r in runs if (r["method"], r["multiplicity"], r["train_events"], r["training"]) not in keys]
        runs += found
        done.append(name)
        write(done, runs)
        best = max(found, key=lambda run: run["score"])
        print(f"{name}: {best['score']:.4f} ± {best['score_err']:.4f}, {time.perf_counter() - start:.0f} s", flush=True)


def write(done: list[str], runs: list[dict[str, Any]]) -> None:
    """Store all results, or leave the file as it was."""
    sample = {
        "detector": "RAMP 2017 HEP_tracking toy, jetlab.tracking.simulate",
        "training": {"events": max(SIZES), "multiplicity": 10, "seed": 1},
        "tests": {str(key): {"events": value, "seed": 900 + key} for key, value in TESTS.items()},
        "real": "9 events of the challenge's own slice, networks not trained on them",
        "device": device(),
        "seconds": "measured while other work ran on the same two cores: compare orders of magnitude",
    }
    OUTPUT.parent.mkdir(exist_ok=True)
    new = OUTPUT.with_suffix(".new")
    # One row or run a line: the file is read by people and compared by git.
    parts = {"sample": sample, "rows": rows(runs), "runs": runs, "done": done}
    lines = [f"{json.dumps(name)}: {_lines(part)}" for name, part in parts.items()]
    new.write_text("{" + ",\n".join(lines) + "}\n")
    new.replace(OUTPUT)


def _lines(part: Any) -> str:
    if isinstance(part, dict):
        return json.dumps(part, indent=1)
    return "[\n" + ",\n".join(json.dumps(item) for item in part) + "\n]"


if __name__ == "__main__":
    main()
