"""Measure flavour taggers in pure top pairs and pure Z' events; writes benchmarks/results/flavour.json.

`python benchmarks/flavour.py --sample flavour_full.h5` takes the sample of 600,000 jets, without `--sample` that of the
kit. What is trained is kept in the folder `--keep`, so the run can be stopped and started again. `rows` are means over
seeds, `above_bdt` ratios to the BDT's rejections on the same jets. Errors contain jets and seeds.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import joblib
import keras
import numpy as np
from machine import this_machine
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from jetlab import catalog, flavour, io, jets, models, training
from jetlab.config import RunConfig
from jetlab.io.sample import JetSample
from jetlab.metrics import flavour as rates

HERE = Path(__file__).resolve().parent
OUTPUT = HERE / "results" / "flavour.json"
KEEP = HERE.parent / "build" / "flavour"
SEEDS = (1, 2, 3)
TRACKS, FIELDS = 15, ("ptfrac", "dr", "d0_significance", "z0_significance", "ninner", "npixel", "nshared", "nstrips")
OTHERS = {"light": rates.LIGHT, "c": rates.CHARM}
#: Probabilities (n, 3) of the test jets of each simulation.
Outputs = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Part:
    """Jets of one simulation as taggers take them, their classes, and which are of top pairs."""

    x: NDArray[np.float64]
    scaled: NDArray[np.float32]
    tracks: NDArray[np.float32]
    ip3d: NDArray[np.float64]
    label: NDArray[np.int64]
    top: NDArray[np.bool_]


@dataclass(frozen=True)
class Task:
    """Training and validation data, and test jets of each simulation."""

    train: Part
    validation: Part
    weights: tuple[NDArray[np.float64], NDArray[np.float64]]
    tests: dict[str, Part]


def prepare(sample: JetSample, other: JetSample) -> Task:
    """Hybrid training as in the lesson; all jets of the other simulation are test jets."""
    sample, other = (each[flavour.classes(each) >= 0] for each in (sample, other))
    label = flavour.classes(sample)
    train, validation, test = jets.split(sample.event_index)
    chosen = flavour.hybrid(sample)
    train, validation = train[chosen[train]], validation[chosen[validation]]
    weight = flavour.reweight(sample["jet_pt_ak7"], sample["jet_eta_ak7"], label, train=train)
    x, _ = flavour.inputs(sample)
    defaults = flavour.Defaults.mean(x[train])
    scaling = jets.Scaling.fit(defaults.apply(x[train]))
    values, present = tracks_of(sample[train])
    mean, width = values[present].mean(axis=0), values[present].std(axis=0)

    def part(jets_of: JetSample) -> Part:
        columns, _ = flavour.inputs(jets_of)
        values, present = tracks_of(jets_of)
        sets = np.concatenate([(values - mean) / width * present[..., None], present[..., None]], axis=2)
        return Part(
            columns,
            scaling.apply(defaults.apply(columns)).astype(np.float32),
            sets.astype(np.float32),
            np.nan_to_num(np.asarray(jets_of["ip3d_bu"], np.float64), nan=-20.0),
            flavour.classes(jets_of),
            jets_of["jet_process_ak7"] == flavour.TTBAR,
        )

    tests = {"nominal": part(sample[test]), "alternative": part(other)}
    return Task(part(sample[train]), part(sample[validation]), (weight[train], weight[validation]), tests)


def tracks_of(sample: JetSample) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Features (n, TRACKS, fields) of the most significant tracks, and where there is one (n, TRACKS)."""
    values, present = jets.pad(ak.zip({name: sample[f"track_{name}"] for name in FIELDS}), TRACKS)
    values[..., 2:4] = np.arcsinh(values[..., 2:4])
    return values, present


def trees(task: Task, seed: int, epochs: int, file: Path) -> tuple[Outputs, int]:
    """A BDT on all inputs, early stopping on a tenth of the training jets."""
    if not file.exists():
        tree = HistGradientBoostingClassifier(
            learning_rate=0.05, max_depth=5, max_iter=20 * epochs, early_stopping=True, random_state=seed
        )
        partial = file.with_name(f"part-{file.name}")
        joblib.dump(tree.fit(task.train.x, task.train.label, sample_weight=task.weights[0]), partial)
        partial.replace(file)
    tree = joblib.load(file)
    return {name: tree.predict_proba(part.x).astype(np.float32) for name, part in task.tests.items()}, 0


def dl1(n_inputs: int, n_tracks: int) -> keras.Model:
    """Dense and Maxout layers in turn with batch normalisation and dropout: about 100,000 parameters."""
    layers = keras.layers
    inputs = x = layers.Input((n_inputs,))
    for size, dropout in ((192, 0.1), (96, 0.2)):
        for layer in (layers.Dense(size, activation="relu"), models.maxout(3 * size // 4, 3)):
            x = layers.Dropout(dropout)(layers.BatchNormalization()(layer(x)))
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(x))


def with_tracks(n_inputs: int, n_tracks: int) -> keras.Model:
    """A deep set of the tracks, joined with all the inputs."""
    layers = keras.layers
    inputs, tracks = layers.Input((n_inputs,)), layers.Input((TRACKS, n_tracks))
    each = tracks
    for _ in range(3):
        each = layers.Dense(100, activation="relu")(each)
    total = keras.ops.mean(each * tracks[:, :, -1:], axis=1)
    x = layers.Concatenate()([inputs, total])
    for size, dropout in ((192, 0.1), (96, 0.2)):
        x = layers.Dropout(dropout)(layers.BatchNormalization()(layers.Dense(size, activation="relu")(x)))
    return keras.Model([inputs, tracks], layers.Dense(3, activation="softmax")(x))


def network(
    build: Callable[[int, int], keras.Model], sets: bool
) -> Callable[[Task, int, int, Path], tuple[Outputs, int]]:
    """Trains a network of the inputs, and of the tracks where it takes them."""

    def feed(part: Part) -> training.Inputs:
        return (part.scaled, part.tracks) if sets else part.scaled

    def judged(task: Task, seed: int, epochs: int, file: Path) -> tuple[Outputs, int]:
        keras.utils.set_random_seed(seed)
        model = build(task.train.scaled.shape[1], task.train.tracks.shape[2])
        if not file.exists():
            parts = zip((task.train, task.validation), task.weights, strict=True)
            data = training.Data(*(each for part, w in parts for each in (feed(part), part.label, w)), classes=3)
            config = RunConfig(
                loss="sparse_categorical_crossentropy",
                batch_size=512,
                learning_rate=3e-3,
                schedule="cosine",
                epochs=epochs,
                patience=0,
                seed=seed,
            )
            training.fit(model, config, data, training.bar(file.name.partition(".")[0]))
            partial = file.with_name(f"part-{file.name}")
            model.save_weights(partial)
            partial.replace(file)
        model.load_weights(file)
        found = {name: training.outputs(model, feed(part)) for name, part in task.tests.items()}
        return found, model.count_params()

    return judged


#: Tagger -> what trains it, or takes it from its file, and judges the test jets; and the ending of that file.
TAGGERS: dict[str, tuple[Callable[[Task, int, int, Path], tuple[Outputs, int]], str]] = {
    "BDT": (trees, ".joblib"),
    "DL1": (network(dl1, sets=False), ".weights.h5"),
    "tracks": (network(with_tracks, sets=True), ".weights.h5"),
}


def scores_of(task: Task, seeds: tuple[int, ...], epochs: int, folder: Path) -> dict[str, tuple[list[Any], int]]:
    """Tagger -> scores of the test jets of each simulation for each seed, and the number of parameters."""
    found: dict[str, tuple[list[Any], int]] = {"IP3D": ([{n: part.ip3d for n, part in task.tests.items()}], 0)}
    folder.mkdir(parents=True, exist_ok=True)
    for name, (judged, ending) in TAGGERS.items():
        outputs = []
        for seed in seeds:
            print(f"{name}, seed {seed} ...", flush=True)
            each, params = judged(task, seed, epochs, folder / f"{name}-{seed}{ending}")
            outputs.append(each)
        found[name] = [{n: rates.discriminant(p) for n, p in each.items()} for each in outputs], params
    return found


def samples(task: Task) -> Iterator[tuple[str, str, Part, NDArray[np.bool_]]]:
    """Each pure sample of each simulation that has one: simulation, sample, its part, and which of its jets."""
    for simulation, part in task.tests.items():
        for sample, chosen in (("ttbar", part.top), ("zprime", ~part.top)):
            if chosen.any():
                yield simulation, sample, part, chosen


def over_seeds(estimates: list[Any]) -> tuple[float | None, float | None]:
    """Mean and error of estimates of several seeds: of the jets, and of the spread; None where one is infinite."""
    value, error = np.array(estimates, dtype=np.float64).T
    if not np.isfinite(value).all():
        return None, None
    spread = value.std(ddof=1) if len(value) > 1 else 0.0
    return round(float(value.mean()), 4), round(float(np.hypot(np.sqrt(np.mean(error**2)), spread)), 4)


def rows(task: Task, scores: dict[str, tuple[list[Any], int]]) -> Iterator[dict[str, Any]]:
    """Rejections of each tagger at each b efficiency."""
    for simulation, sample, part, chosen in samples(task):
        for tagger, (by_seed, params) in scores.items():
            for efficiency in rates.B_EFFICIENCIES:
                drawn = [rates.bootstrap(part.label[chosen], s[simulation][chosen], efficiency) for s in by_seed]
                row = {"tagger": tagger, "sample": sample, "simulation": simulation, "efficiency": efficiency}
                for name, kind in OTHERS.items():
                    row[f"{name}_rejection"], row[f"{name}_rejection_err"] = over_seeds([d[kind] for d in drawn])
                yield row | {"params": params, "seeds": len(by_seed), "jets": int(chosen.sum())}


def above_bdt(task: Task, scores: dict[str, tuple[list[Any], int]]) -> Iterator[dict[str, Any]]:
    """Paired ratios of the networks' rejections to the BDT's, seed by seed, at 77 %."""
    for simulation, sample, part, chosen in samples(task):
        for tagger in ("DL1", "tracks"):
            pairs = zip(scores[tagger][0], scores["BDT"][0], strict=True)
            drawn = [
                rates.ratios(part.label[chosen], mine[simulation][chosen], tree[simulation][chosen], 0.77)
                for mine, tree in pairs
            ]
            row: dict[str, Any] = {"tagger": tagger, "sample": sample, "simulation": simulation, "efficiency": 0.77}
            for name, kind in OTHERS.items():
                row[f"{name}_ratio"], row[f"{name}_ratio_err"] = over_seeds([d[kind] for d in drawn])
            yield row


def described(sample: JetSample) -> dict[str, Any]:
    """Number of jets, and how they were made."""
    return {"jets": len(sample), "made_by": sample.provenance.get("made_by")}


def main() -> None:
    """Do what is missing, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=Path, help="jets to train and test on (those of the kit)")
    parser.add_argument("--alternative", type=Path, help="jets of the second simulation (those of the kit)")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--keep", type=Path, default=KEEP, help="folder of finished trainings")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    sample = io.read(options.sample) if options.sample else catalog.load("flavour")
    other = io.read(options.alternative) if options.alternative else catalog.load("flavour_alternative")
    task = prepare(sample, other)
    # What was trained is of one sample: another one has its own.
    folder = options.keep / f"{len(sample)}-{options.epochs}"
    scores = scores_of(task, SEEDS, options.epochs, folder)
    found = {
        "sample": described(sample) | {"training": len(task.train.label)},
        "alternative": described(other),
        "machine": this_machine("keras", "tensorflow-cpu", "scikit-learn", "numpy"),
        "epochs": options.epochs,
        "rows": list(rows(task, scores)),
        "above_bdt": list(above_bdt(task, scores)),
    }
    options.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
