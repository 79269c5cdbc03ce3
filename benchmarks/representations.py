"""The table of E1: networks on sequences, trees and clouds of particles, all on the same jets with the same features.

    python benchmarks/representations.py [--sample jets_full|jets|top_tagging] [--seeds 5] [--only transformer ...]
                                         [--sizes 3000 10000 30000] [--most 200000] [--pretrain] [--speed]

The hardest LENGTH particles of each jet are seen, with the features of `jetlab.particles`, scaled by the training part.
Events are dealt out and QCD is weighted as in benchmarks/taggers.py; the Top Tagging reference has parts of its own and
no weights, and `--most` takes the first so many jets of its training part. Each network is trained with a learning rate
that falls to zero, the epoch of lowest validation loss is kept, and the test part is looked at once, here. Scores are
kept in CACHE, so that the benchmark can be stopped and started again; rows are made of all that the cache has. With
`--sizes` networks are trained on fewer jets, too, for the learning curves. `--pretrain` trains transformers on few
labels, from scratch and after they have learnt, from jets without labels, what hidden particles are (as in
arXiv:2401.13537, but where a hidden particle is stays known). `--speed` measures training through jetlab's compiled
programs against `model.fit`, in turns. Results go to benchmarks/results/representations.json (of another sample:
representations_SAMPLE.json).
"""

import argparse
import dataclasses
import functools
import hashlib
import itertools
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import taggers
import training as trainers
from machine import this_machine
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from jetlab import catalog, jets, metrics, models, particles, polynomials, training, trees
from jetlab.backend import seeded
from jetlab.config import RunConfig
from jetlab.io import JetSample
from jetlab.metrics import comparison

HERE = Path(__file__).resolve().parent
#: With a new number whenever jets, features or networks change.
CACHE = Path.home() / ".cache" / "jetlab" / "benchmarks" / "representations-1"
LENGTH = 32
FEATURES = len(particles.FEATURES)
#: Edges of the largest energy flow polynomials.
DEGREE = 4
#: Networks whose mean score is the ensemble.
TOGETHER = ("deep_sets", "lstm", "lstm_history", "particle_net_lite", "transformer")
CURVES = ("deep_sets", "lstm", "particle_net_lite", "transformer")
REFERENCE = "deep_sets"
SPEED_ROUNDS, SPEED_BATCH = 5, 256
#: Pretraining: labelled jets, jets without labels, passes over these, and the share of particles that is hidden.
LABELLED, UNLABELLED, PASSES, SHARE_HIDDEN = 1000, 30_000, 10, 0.3
PRETRAINED = "transformer_pretrained"
#: What is hidden of a particle: all but its place.
HIDDEN = [i for i, name in enumerate(particles.FEATURES) if name not in ("Δη", "Δφ", "ΔR")]
#: What pt a hidden particle is given, GeV: that of none is 0.
UNKNOWN = 1e-3


@dataclasses.dataclass(frozen=True, eq=False)
class Task:
    """Jets in all forms, labels, weights, and the positions of training, validation and test jets."""

    found: particles.Particles
    y: NDArray[np.float32]
    weight: NDArray[np.float64]
    parts: tuple[NDArray[np.int64], ...]
    name: str


@dataclasses.dataclass(frozen=True)
class Network:
    """How a network is made, what it takes, and how it is trained."""

    build: Callable[[], Any]
    inputs: Callable[[Task], training.Inputs]
    batch_size: int = 512
    learning_rate: float = 3e-3
    epochs: int = 15

    def config(self, seed: int, size: int | None) -> RunConfig:
        """As `training.fit` takes it; of fewer jets more epochs, so that there are steps enough."""
        epochs = self.epochs if size is None else min(60, self.epochs * max(1, round(30_000 / size)))
        return RunConfig(
            batch_size=self.batch_size if size is None else min(self.batch_size, max(64, size // 60)),
            learning_rate=self.learning_rate,
            epochs=epochs,
            patience=0,
            schedule="cosine",
            seed=seed,
            train_size=size,
        )


def scaled(task: Task) -> NDArray[np.float32]:
    """Features with mean 0 and width 1 over the particles of the training jets."""
    train = task.parts[0]
    scaling = jets.Scaling.fit(task.found.features[train], task.found.present[train])
    return scaling.apply(task.found.features, task.found.present)


def backwards(task: Task) -> NDArray[np.float32]:
    """Softest first: what an LSTM reads last it remembers best."""
    return scaled(task)[:, ::-1]


def history(task: Task) -> NDArray[np.float32]:
    """In the order of a walk through the Cambridge/Aachen tree, read from its end."""
    order = trees.depth_first(particles.clustered(task.found.momenta))
    return particles.reordered(scaled(task), order)[:, ::-1]


def tree(task: Task) -> training.Inputs:
    """Nodes and children of the kt tree, as in arXiv:1702.00748."""
    return trees.features(particles.clustered(task.found.momenta, "kt"))


def cloud(task: Task) -> training.Inputs:
    """Features and momenta."""
    return scaled(task), task.found.momenta


def lstm() -> Any:
    """An LSTM of 64 over the particles."""
    return models.build(RunConfig.standard("lstm", layers=1, nodes=64), (LENGTH, FEATURES))


NETWORKS = {
    "deep_sets": Network(
        lambda: models.build(RunConfig("deep_sets", layers=3, nodes=64), (LENGTH, FEATURES)), scaled, epochs=20
    ),
    "lstm": Network(lstm, backwards),
    "lstm_history": Network(lstm, history),
    "recursive": Network(lambda: models.recursive_net(LENGTH, 5), tree, epochs=10),
    "particle_net_lite": Network(
        lambda: models.particle_net(LENGTH, FEATURES, particles.COORDINATES, **models.PARTICLE_NET_LITE),
        scaled,
        batch_size=256,
        epochs=10,
    ),
    "transformer": Network(
        lambda: models.particle_transformer(LENGTH, FEATURES, width=32, heads=4, blocks=2),
        cloud,
        batch_size=256,
        learning_rate=2e-3,
        epochs=10,
    ),
    "lorentz": Network(
        lambda: models.lorentz_net(LENGTH), lambda task: particles.four_momenta(task.found.momenta), epochs=10
    ),
}
NETWORKS[PRETRAINED] = NETWORKS["transformer"]
TAGGERS = (*NETWORKS, "efp_linear")


def of_kit(name: str) -> Task:
    """Jets of the kit, as benchmarks/taggers.py takes them."""
    sample = catalog.load(name)
    parts = tuple(jets.split(sample.event_index))
    weight = taggers.weight_of(sample, parts[0])
    return Task(particles.hardest(sample, LENGTH), sample["jet_isW_ak7"].astype(np.float32), weight, parts, name)


def of_top_tagging(most: int) -> Task:
    """The public reference in its own three parts (doi:10.5281/zenodo.2603256)."""
    samples: list[JetSample] = [catalog.load(f"top_tagging_{part}") for part in ("train", "validation", "test")]
    samples[0] = samples[0][:most]
    found = [particles.hardest(each, LENGTH) for each in samples]
    ends = np.cumsum([0, *map(len, samples)])
    parts = tuple(np.arange(*pair) for pair in itertools.pairwise(ends))
    joined = particles.Particles(*(np.concatenate(each) for each in zip(*found, strict=True)))
    y = np.concatenate([each["jet_isTop_ak7"] for each in samples]).astype(np.float32)
    return Task(joined, y, np.ones(len(y)), parts, "top_tagging")


def train(task: Task, tagger: str, seed: int, size: int | None) -> taggers.Trained:
    """Train one of TAGGERS; scores are those of the test jets."""
    if tagger == "efp_linear":
        return linear(task, size)
    network = NETWORKS[tagger]
    config = network.config(seed, size)
    model = pretrained(task, seed) if tagger == PRETRAINED else built(network, seed)
    x = feed(task, tagger)
    data = training.Data.of(x, task.y, task.weight, task.parts[0], task.parts[1])

    def on_event(event: training.Event) -> None:
        if isinstance(event, training.EpochEnd):
            print(f"  epoch {event.epoch}: {event.val_loss:.4f}, {event.jets_per_second:.0f} jets/s", flush=True)

    result = training.fit(model, config, data, on_event)
    test = training.rows(x, task.parts[2])
    began = time.perf_counter()
    score = training.predict(model, test)
    told = {
        "params": model.count_params(),
        "seconds": result.seconds,
        "jets_per_second": result.jets_per_second,
        "inference_jets_per_second": len(score) / (time.perf_counter() - began),
        "best_epoch": result.best_epoch,
        "val_loss": result.history["val_loss"],
        "val_auc": result.history["val_auc"],
    }
    return taggers.Trained(score, told)


def built(network: Network, seed: int) -> Any:
    """A network with the initial weights of this seed."""
    with seeded(seed):
        return network.build()


def pretrained(task: Task, seed: int) -> Any:
    """A transformer that has learnt, from jets without labels, what hidden particles are; its last layers are new."""
    model = built(NETWORKS["transformer"], seed)
    last = model.get_layer("block_2_sum").output
    with seeded(seed):
        guess = keras.Model(model.inputs, keras.layers.Dense(len(HIDDEN), name="hidden")(last))
    x, momenta = (each[task.parts[0][-UNLABELLED:]] for each in feed(task, PRETRAINED))
    present = momenta[..., 0] > 0
    rng = np.random.default_rng(seed)
    guess.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, PASSES * len(x) // 256)), "mse")
    for number in range(1, PASSES + 1):
        hide = present & (rng.random(present.shape) < SHARE_HIDDEN)
        seen, shown = x.copy(), momenta.copy()
        seen[..., HIDDEN] *= ~hide[..., np.newaxis]
        shown[hide, 0] = UNKNOWN
        fitted = guess.fit([seen, shown], x[..., HIDDEN], batch_size=256, sample_weight=hide.astype("f4"), verbose=0)
        print(f"  pass {number}: {fitted.history['loss'][0]:.4f}", flush=True)
    return model


@functools.lru_cache(maxsize=1)
def feed(task: Task, tagger: str) -> training.Inputs:
    """Inputs of a network, the same for all its seeds."""
    return NETWORKS[tagger].inputs(task)


def linear(task: Task, size: int | None) -> taggers.Trained:
    """A linear classifier of energy flow polynomials (arXiv:1712.07124), of their logarithms' scaled values."""
    began = time.perf_counter()
    pt = task.found.momenta[..., 0]
    share = pt / pt.sum(axis=1, keepdims=True)
    wanted = polynomials.graphs(DEGREE)
    x = polynomials.energy_flow(share, task.found.momenta[..., 1], task.found.momenta[..., 2], wanted)
    x = np.log(np.maximum(x, 1e-12))
    fit = task.parts[0][:size]
    x = jets.Scaling.fit(x[fit]).apply(x)
    classifier = LogisticRegression(C=10.0, max_iter=2000)
    classifier.fit(x[fit], task.y[fit], sample_weight=task.weight[fit])
    score = classifier.predict_proba(x[task.parts[2]])[:, 1].astype(np.float32)
    return taggers.Trained(score, {"params": x.shape[1] + 1, "seconds": time.perf_counter() - began})


def place(task: Task, tagger: str, seed: int, size: int | None) -> Path:
    """Where a training is kept; another setting has another place."""
    settings = f"{LENGTH} {DEGREE}"
    if tagger in NETWORKS:
        settings += json.dumps(dataclasses.asdict(NETWORKS[tagger].config(seed, size)))
    mark = hashlib.sha256(f"{settings} {len(task.y)}".encode()).hexdigest()[:8]
    return CACHE / task.name / f"{tagger}-{size or 'all'}-{mark}-{seed}.npz"


def kept(task: Task, size: int | None = None) -> dict[str, list[taggers.Trained]]:
    """All trainings with so many jets that the cache has, by tagger."""
    found = {}
    for tagger in TAGGERS:
        paths = [place(task, tagger, seed, size) for seed in range(1, 30)]
        if runs := [taggers.load(path) for path in paths if path.exists()]:
            found[tagger] = runs
    return found


def jobs(seeds: int, only: list[str], sizes: list[int], pretrain: bool) -> Iterator[tuple[str, int, int | None]]:
    """What is to be trained: all with the first seed first, then the learning curves, then with few labels."""
    for seed in range(1, seeds + 1):
        for tagger in only:
            if tagger != PRETRAINED and (tagger != "efp_linear" or seed == 1):
                yield tagger, seed, None
    for seed in range(1, min(seeds, 3) + 1):
        for size in sizes:
            yield from ((tagger, seed, size) for tagger in only if tagger in CURVES)
    for seed in range(1, seeds + 1) if pretrain else ():
        yield from (("transformer", seed, LABELLED), (PRETRAINED, seed, LABELLED))


def results(task: Task, before: dict[str, Any]) -> dict[str, Any]:
    """The results file."""
    test = task.parts[2]
    y, weight = task.y[test], task.weight[test]
    found = kept(task)
    members = [found.get(tagger, []) for tagger in TOGETHER]
    for together in zip(*members, strict=False):
        told = {name: sum(run.told[name] for run in together) for name in ("params", "seconds")}
        mean = taggers.Trained(np.mean([run.score for run in together], axis=0), told)
        found.setdefault("ensemble", []).append(mean)
    rows = []
    for tagger, runs in found.items():
        seconds = statistics.median(run.told["seconds"] for run in runs)
        row = comparison.row(tagger, y, [run.score for run in runs], weight, runs[0].told["params"], seconds)
        speeds = [run.told["inference_jets_per_second"] for run in runs if "inference_jets_per_second" in run.told]
        row["inference_jets_per_second"] = round(statistics.median(speeds)) if speeds else None
        rows.append(row | together_rejections(runs, y, weight))
    return {
        "sample": {"name": task.name, "length": LENGTH}
        | {part: len(rows) for part, rows in zip(("train", "validation", "test"), task.parts, strict=True)}
        | {"effective_background_jets_of_test": round(metrics.effective_size(weight[y == 0]))},
        "rows": [_rounded(row) for row in rows],
        "auc_above_deep_sets": above(found, found.get(REFERENCE, []), y, weight),
        "auc_above_pfn": above(found, energyflow(task), y, weight),
        "learning_curves": list(curves(task, y, weight)),
        "pretraining": pretraining(task, y, weight),
        "speed": before.get("speed", []),
        "trainings": [
            {"tagger": tagger, "auc": metrics.auc(y, run.score, weight)} | taggers.rounded(run.told)
            for tagger, runs in found.items()
            for run in runs
        ],
        "machine": this_machine("keras", "tensorflow-cpu", "numpy", "scikit-learn"),
    }


def together_rejections(runs: list[taggers.Trained], y: Any, weight: Any) -> dict[str, Any]:
    """1/eB at eS = 0.3 of the mean and of the median of the seeds' scores (arXiv:1902.09914)."""
    if len(runs) < 2:
        return {}
    scores = np.array([run.score for run in runs])
    found = {}
    for kind, score in (("mean", scores.mean(axis=0)), ("median", np.median(scores, axis=0))):
        row = comparison.row(kind, y, [score], weight)
        found |= {f"{kind}_{name}": row[name] for name in ("rejection_30", "rejection_30_err")}
    return found


def above(
    found: dict[str, list[taggers.Trained]], reference: list[taggers.Trained], y: Any, weight: Any
) -> dict[str, Any]:
    """By how much each tagger's AUC is above the reference's, on the same jets, seed by seed."""
    gains = {}
    for tagger, runs in found.items():
        pairs = list(zip(runs, reference, strict=False))
        if pairs and runs is not reference:
            gain = comparison.auc_difference(y, *([pair[i].score for pair in pairs] for i in (0, 1)), weight)
            gains[tagger] = {"auc": round(gain.value, 5), "auc_err": round(gain.error, 5), "seeds": len(pairs)}
    return gains


def energyflow(task: Task) -> list[taggers.Trained]:
    """EnergyFlow's network with our inputs on the same test jets, where benchmarks/taggers.py has trained it."""
    runs = []
    for folder in (taggers.CACHE / f"{task.name}-varied", taggers.CACHE / task.name):
        paths = [taggers.place(folder, "energyflow_pfn_our_inputs", seed) for seed in range(1, 30)]
        runs += [taggers.load(path) for path in paths if path.exists()]
        if runs:
            break
    n = len(task.parts[2])
    return [taggers.Trained(run.score[:n], run.told) for run in runs]


def curves(task: Task, y: Any, weight: Any) -> Iterator[dict[str, Any]]:
    """Test AUC against the number of training jets, of all sizes that the cache has."""
    folder = CACHE / task.name
    sizes = sorted({int(path.name.split("-")[1]) for path in folder.glob("*-[0-9]*-*.npz") if "-all-" not in path.name})
    for size in (*sizes, None):
        for tagger, runs in kept(task, size).items():
            if tagger in CURVES:
                row = comparison.row(tagger, y, [run.score for run in runs], weight)
                figures = {name: row[name] for name in ("tagger", "auc", "auc_err", "seeds")}
                yield _rounded({"train_jets": size or len(task.parts[0])} | figures)


def pretraining(task: Task, y: Any, weight: Any) -> dict[str, Any]:
    """Transformers trained on LABELLED jets, pretrained and from scratch, and the gain, seed by seed."""
    found = kept(task, LABELLED)
    if PRETRAINED not in found or "transformer" not in found:
        return {}
    rows = [comparison.row(name, y, [run.score for run in found[name]], weight) for name in ("transformer", PRETRAINED)]
    pairs = list(zip(found[PRETRAINED], found["transformer"], strict=False))
    gain = comparison.auc_difference(y, *([pair[i].score for pair in pairs] for i in (0, 1)), weight)
    return {
        "labelled": LABELLED,
        "unlabelled": UNLABELLED,
        "rows": [{name: _rounded(row)[name] for name in ("tagger", "auc", "auc_err", "seeds")} for row in rows],
        "gain": {"auc": round(gain.value, 5), "auc_err": round(gain.error, 5), "seeds": len(pairs)},
    }


def speed() -> list[dict[str, Any]]:
    """Jets per second through `training.fit` and through `model.fit`, in turns, and their ratio."""
    rows = []
    for name in ("particle_net_lite", "transformer"):
        rows.append(trainers.measure(name, SPEED_BATCH, SPEED_ROUNDS) | {"load_before": round(os.getloadavg()[0], 2)})
        print(rows[-1], flush=True)
    return rows


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 5) if isinstance(value, float) else value for name, value in row.items()}


def main() -> None:
    """Train what is missing, one after the other, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sample", default="jets_full", choices=("jets", "jets_full", "top_tagging"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="*", choices=TAGGERS, default=list(TAGGERS))
    parser.add_argument("--sizes", nargs="*", type=int, default=[], help="numbers of training jets for the curves")
    parser.add_argument("--most", type=int, default=200_000, help="training jets of the Top Tagging reference")
    parser.add_argument("--pretrain", action="store_true", help="train transformers on few labels, too")
    parser.add_argument("--speed", action="store_true", help="measure the speed of training, and train nothing")
    options = parser.parse_args()
    end = "" if options.sample == "jets_full" else f"_{options.sample}"
    output = HERE / "results" / f"representations{end}.json"
    before = json.loads(output.read_text()) if output.exists() else {}
    task = of_top_tagging(options.most) if options.sample == "top_tagging" else of_kit(options.sample)
    (CACHE / task.name).mkdir(parents=True, exist_ok=True)
    if options.speed:
        before["speed"] = speed()
    else:
        for tagger, seed, size in jobs(options.seeds, options.only, options.sizes, options.pretrain):
            path = place(task, tagger, seed, size)
            if path.exists():
                continue
            print(f"{tagger}, seed {seed}, {size or 'all'} jets, load {os.getloadavg()[0]:.1f}", flush=True)
            run = train(task, tagger, seed, size)
            np.savez(path, score=run.score, told=json.dumps(run.told))
            auc = metrics.auc(task.y[task.parts[2]], run.score, task.weight[task.parts[2]])
            print(f"  AUC {auc:.4f}, {run.told['seconds']:.0f} s", flush=True)
    found = results(task, before)
    output.write_text(json.dumps(found, indent=1) + "\n")
    print(comparison.table(found["rows"]).to_string())


if __name__ == "__main__":
    main()
