"""The table of M5, all taggers on the same jets, made with more jets and seeds than a lesson has the time for.

    python benchmarks/taggers.py [--sample jets_full] [--seeds 3] [--only lstm ...] [--variations FOLDER]
                                 [--energyflow-python EF/bin/python]

Whole events are dealt out 60:20:20 (`jets.split`) and QCD is weighted to the W's pt and |eta| (`jets.reweight`), with
weights learnt from the training jets, in training and test alike. Networks are trained on the first part with a
learning rate that falls to zero (half a cosine), the epoch of lowest validation loss is kept, and the third part is
looked at once, here. Scores are kept in CACHE for each tagger, configuration and seed, so that the benchmark can be
stopped and started again; `--only` trains just those. Rows are made of all that the cache has, and go to
benchmarks/results/taggers.json (or taggers_SAMPLE.json).

Systematic uncertainties: FOLDER holds shower.root, detector.root and ww.root, of `jetlab simulate jets --variation`.
Networks trained on the nominal sample also score those jets, weighted in the same way; `shifts` says how far AUC and
background rejection move from the nominal test jets, with the statistical error of both samples.

EnergyFlow's particle-flow network is the outside reference; a Python of its own trains it on the same jets, handed over
in an HDF5 file, with the inputs, sizes and batch size of EnergyFlow's example; see benchmarks/energyflow_pfn.py. Those
inputs are relative to the jet: the jet's pt is not in them. So it is trained with the inputs of `deep_sets`, too.
"""

import argparse
import dataclasses
import functools
import hashlib
import itertools
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import awkward as ak
import h5py
import numpy as np
from machine import this_machine
from sklearn.ensemble import HistGradientBoostingClassifier

from jetlab import catalog, inputs, io, jets, metrics, training
from jetlab.config import INPUTS, RunConfig
from jetlab.io import JetSample
from jetlab.metrics import comparison

HERE = Path(__file__).resolve().parent
#: With a new number whenever the jets or their weights change: what was kept before is of others.
CACHE = Path.home() / ".cache" / "jetlab" / "benchmarks" / "taggers-4"
CONSTITUENT = ("log_pt", "log_pt_gev", "x", "y", "dr", "charge", "id_class")
COSINE = {"schedule": "cosine"}
PARTICLES = {"inputs": CONSTITUENT, "pf_id": "one_hot", "batch_size": 512, "nodes": 64, **COSINE}
LSTM = {"model": "lstm", **PARTICLES, "layers": 1, "length": 40, "learning_rate": 4e-3, "epochs": 10}
CNN = {"model": "cnn", "layers": 2, "nodes": 16, "batch_size": 256, "learning_rate": 2e-3, "image_size": 17, **COSINE}
NETWORKS = {
    "dense": RunConfig(layers=3, nodes=64, batch_size=512, learning_rate=2e-3, epochs=30, patience=8, **COSINE),
    "deep_sets": RunConfig("deep_sets", **PARTICLES, layers=3, length=60, learning_rate=2e-3, epochs=15),
    "cnn": RunConfig(**CNN, epochs=12, dropout=0.1),
    "lstm": RunConfig(**LSTM),
    "cnn_channels": RunConfig(**CNN, epochs=12, dropout=0.2, inputs=inputs.CHANNELS),
    "bilstm": RunConfig(**LSTM, bidirectional=True),
}
PFNS = ("energyflow_pfn", "energyflow_pfn_our_inputs")
TAGGERS = ("cut", "bdt", *NETWORKS, *PFNS)
#: The ensemble is the mean score of these.
TOGETHER = ("deep_sets", "cnn", "lstm", "cnn_channels", "bilstm")
VARIATIONS = ("shower", "detector", "ww")
#: Sizes of the BDT to choose from; the first is scikit-learn's own.
BDT_GRID: tuple[dict[str, int], ...] = (
    {"max_leaf_nodes": 31, "max_iter": 100},
    {"max_leaf_nodes": 15, "max_iter": 200},
    {"max_leaf_nodes": 8, "max_iter": 400},
    {"max_leaf_nodes": 8, "max_iter": 800},
)
PFN_EPOCHS, PFN_LENGTH = 15, 60
#: PDG id -> number that EnergyFlow's example puts in its place.
PFN_IDS = {22: 0.0, 211: 0.1, -211: 0.2, 130: 0.3, 11: 0.6, -11: 0.7, 13: 0.8, -13: 0.9}


@dataclasses.dataclass(frozen=True)
class Trained:
    """Scores of the test jets (n,), those of variations after the nominal ones, and facts about the training."""

    score: np.ndarray
    told: dict[str, Any]


class Jets:
    """The sample, its weights and parts; the jets of variations come after its own, and belong to the test part.

    `tests` holds for the nominal sample and each variation which rows of the test part are its.
    """

    def __init__(self, name: str, variations: Path | None) -> None:
        self.name = name
        self.cache = CACHE / (f"{name}-varied" if variations else name)
        samples = {"nominal": catalog.load(name)}
        if variations:
            samples |= {each: io.read(variations / f"{each}.root") for each in VARIATIONS}
        train, validation, test = jets.split(samples["nominal"].event_index)
        first = np.cumsum([0] + [len(each) for each in samples.values()])
        rows = [test, *(np.arange(*ends) for ends in itertools.pairwise(first[1:]))]
        ends = np.cumsum([0] + [len(each) for each in rows])
        self.tests = {each: slice(*pair) for each, pair in zip(samples, itertools.pairwise(ends), strict=True)}
        self.parts = train, validation, np.concatenate(rows)
        self.sample = JetSample(ak.concatenate([each.jets for each in samples.values()]))
        self.y = self.sample["jet_isW_ak7"]
        weights = [weight_of(each, train if n == 0 else None) for n, each in enumerate(samples.values())]
        self.weight = np.concatenate(weights)
        self.test = self.of("nominal")

    def of(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Labels and weights of the test jets of the nominal sample or a variation."""
        rows = self.parts[2][self.tests[name]]
        return self.y[rows], self.weight[rows]

    def describe(self) -> dict[str, Any]:
        """What the results file says of the sample."""
        y, weight = self.test
        return {
            "name": self.name,
            "jets": len(self.parts[0]) + len(self.parts[1]) + len(y),
            "train": len(self.parts[0]),
            "validation": len(self.parts[1]),
            "test": len(y),
            "variations": {each: len(self.of(each)[0]) for each in self.tests if each != "nominal"},
            "effective_qcd_jets_of_test": round(metrics.effective_size(weight[y == 0])),
            "weights": "QCD reweighted to the W's pt and |eta|, learnt from training jets",
        }

    @functools.cached_property
    def columns(self) -> np.ndarray:
        """The four variables of M2, (n, 4)."""
        return np.stack([self.sample[name] for name in INPUTS["dense"]], axis=1)


def weight_of(sample: JetSample, train: np.ndarray | None) -> np.ndarray:
    """Weights that give QCD the W's spectrum of pt and |eta|, learnt from the jets `train`, or all."""
    columns = (sample[name] for name in ("jet_pt_ak7", "jet_eta_ak7", "jet_isW_ak7", "mcweight"))
    return jets.reweight(*columns, train=np.arange(len(sample)) if train is None else train)


def cut(data: Jets) -> Trained:
    """The cut of M2: a window in mass, and in it the smaller tau2/tau1 the better."""
    _, mass, tau21, _ = data.columns[data.parts[2]].T
    return Trained(np.where((mass > 65) & (mass < 105), 1 - tau21, 0), {"params": 2, "seconds": 0.0})


def bdt(data: Jets, seed: int) -> Trained:
    """A BDT on the variables of M2: pt, mass, tau2/tau1 and the number of candidates.

    The networks' settings were chosen on validation jets; so are its own, from BDT_GRID. `params` are its leaves.
    """
    train, validation, test = data.parts
    tried = []
    for settings in BDT_GRID:
        began = time.perf_counter()
        trees = HistGradientBoostingClassifier(learning_rate=0.05, early_stopping=False, random_state=seed, **settings)
        trees.fit(data.columns[train], data.y[train], sample_weight=data.weight[train])
        seconds = time.perf_counter() - began
        score = trees.predict_proba(data.columns[validation])[:, 1]
        tried.append((metrics.auc(data.y[validation], score, data.weight[validation]), seconds, settings, trees))
    val_auc, seconds, settings, trees = max(tried, key=lambda each: each[0])
    told = {"params": settings["max_iter"] * settings["max_leaf_nodes"], "seconds": seconds, "settings": settings}
    told["grid"] = [{"settings": each[2], "val_auc": round(each[0], 5)} for each in tried]
    return Trained(trees.predict_proba(data.columns[test])[:, 1], told | {"val_auc": [val_auc]})


def network(data: Jets, config: RunConfig) -> Trained:
    """Train one of NETWORKS."""
    found = prepared(data, dataclasses.replace(config, seed=1))

    def on_event(event: training.Event) -> None:
        if isinstance(event, training.EpochEnd):
            print(f"  epoch {event.epoch}: {event.val_loss:.4f}, {event.jets_per_second:.0f} jets/s", flush=True)

    result = training.run(config, found.data, on_event)
    told = {
        "params": result.model.count_params(),
        "seconds": result.seconds,
        "best_epoch": result.best_epoch,
        "val_loss": result.history["val_loss"],
        "val_auc": result.history["val_auc"],
    }
    return Trained(result.predict(found.x_test), told)


@functools.lru_cache(maxsize=1)
def prepared(data: Jets, config: RunConfig) -> inputs.Prepared:
    """Inputs of all seeds of a network."""
    return inputs.prepare(data.sample, config, data.parts, data.weight)


def energyflow_pfn(data: Jets, tagger: str, seed: int, python: Path) -> Trained:
    """EnergyFlow's network, with one kind of inputs, trained by another Python."""
    folder = data.cache
    split, scores = folder / f"{tagger}.h5", folder / f"{tagger}-scores.npz"
    if not split.exists():
        write_split(data, split, example_inputs(data) if tagger == PFNS[0] else our_inputs(data))
    script = HERE / "energyflow_pfn.py"
    subprocess.run([str(python), str(script), "pfn", str(split), str(seed), str(PFN_EPOCHS), str(scores)], check=True)
    with np.load(scores, allow_pickle=False) as found:
        return Trained(found["test"], json.loads(str(found["told"])))


def example_inputs(data: Jets) -> list[np.ndarray]:
    """Take pt / total pt, y, phi about the centre and the id as a number, as EnergyFlow's example, of all parts."""
    candidates = jets.constituents(data.sample)
    ids = ak.to_numpy(ak.flatten(data.sample["ak7pfcand_id"]))
    number = np.zeros(len(ids), np.float32)
    for pdg, value in PFN_IDS.items():
        number[ids == pdg] = value
    pt, total = candidates.pt, ak.sum(candidates.pt, axis=1)
    centred = {name: candidates[name] - ak.sum(pt * candidates[name], axis=1) / total for name in ("deta", "dphi")}
    table = ak.zip({"z": pt / total, **centred, "id": ak.unflatten(number, ak.num(candidates)), "pt": pt})
    x, _ = jets.pad(jets.order(table)[["z", "deta", "dphi", "id"]], PFN_LENGTH)
    return [x[rows] for rows in data.parts]


def our_inputs(data: Jets) -> list[np.ndarray]:
    """Take what `deep_sets` gets, of all parts."""
    found = prepared(data, dataclasses.replace(NETWORKS["deep_sets"], seed=1))
    return [found.data.x_train, found.data.x_validation, found.x_test]


def write_split(data: Jets, path: Path, x: list[np.ndarray]) -> None:
    """Save inputs, labels and weights of the three parts."""
    with h5py.File(path, "w") as file:
        for part, rows, values in zip(("train", "validation", "test"), data.parts, x, strict=True):
            group = file.create_group(part)
            group["x"], group["y"] = values, data.y[rows].astype(np.float32)
            group["w"] = data.weight[rows].astype(np.float32)


def jobs(seeds: int, only: list[str] | None, python: Path | None) -> Iterator[tuple[str, int]]:
    """What is to be trained, all taggers with the first seed first."""
    for seed in range(1, seeds + 1):
        for tagger in TAGGERS:
            wanted = tagger in only if only else tagger not in PFNS or python
            if wanted and (tagger != "cut" or seed == 1):
                yield tagger, seed


def place(cache: Path, tagger: str, seed: int) -> Path:
    """Where the scores of a training are kept; another configuration has another place."""
    config = json.dumps(chosen(tagger)) if tagger in NETWORKS else f"{tagger} {PFN_EPOCHS} {PFN_LENGTH}"
    mark = hashlib.sha256(config.encode()).hexdigest()[:8]
    return cache / f"{tagger}-{mark}-{seed}.npz"


def chosen(tagger: str) -> dict[str, Any]:
    """The fields in which a network's configuration differs from the default one."""
    config, default = (dataclasses.asdict(one) for one in (NETWORKS[tagger], RunConfig(NETWORKS[tagger].model)))
    return {name: value for name, value in config.items() if value != default[name]}


def train(data: Jets, tagger: str, seed: int, python: Path | None) -> Trained:
    """Train a tagger, whatever it is."""
    if tagger == "cut":
        return cut(data)
    if tagger == "bdt":
        return bdt(data, seed)
    if tagger in PFNS:
        return energyflow_pfn(data, tagger, seed, python)
    return network(data, dataclasses.replace(NETWORKS[tagger], seed=seed))


def load(path: Path) -> Trained:
    """Read a cached training."""
    with np.load(path, allow_pickle=False) as found:
        return Trained(found["score"], json.loads(str(found["told"])))


def collect(cache: Path) -> dict[str, list[Trained]]:
    """All trainings in the cache, and the ensemble of those seeds that have all its members."""
    found: dict[str, list[Trained]] = {}
    for tagger in TAGGERS:
        paths = (place(cache, tagger, seed) for seed in range(1, 100))
        if runs := [load(path) for path in paths if path.exists()]:
            found[tagger] = runs
    members = [found.get(tagger, []) for tagger in TOGETHER]
    for together in zip(*members, strict=False):
        told = {name: sum(run.told[name] for run in together) for name in ("params", "seconds")}
        found.setdefault("ensemble", []).append(Trained(np.mean([run.score for run in together], axis=0), told))
    return found


def results(data: Jets) -> dict[str, Any]:
    """The results file: sample, rows, what the networks gain over the BDT, every training, and the machine."""
    y, weight = data.test
    everything = collect(data.cache)
    found = {
        tagger: [Trained(run.score[data.tests["nominal"]], run.told) for run in runs]
        for tagger, runs in everything.items()
    }
    rows = []
    for tagger, runs in found.items():
        seconds = float(np.median([run.told["seconds"] for run in runs]))
        row = comparison.row(tagger, y, [run.score for run in runs], weight, runs[0].told["params"], seconds)
        rows.append({name: round(value, 5) if isinstance(value, float) else value for name, value in row.items()})
    gains = {}
    for tagger in [name for name in found if name not in ("cut", "bdt")]:
        pairs = list(zip(found[tagger], found["bdt"], strict=False))
        gain = comparison.auc_difference(y, *([pair[i].score for pair in pairs] for i in (0, 1)), weight)
        gains[tagger] = {"auc": round(gain.value, 5), "auc_err": round(gain.error, 5), "seeds": len(pairs)}
    trainings = [
        {"tagger": tagger, "auc": round(metrics.auc(y, run.score, weight), 5), **rounded(run.told)}
        for tagger, runs in found.items()
        for run in runs
    ]
    configs = {name: {"model": config.model} | chosen(name) for name, config in NETWORKS.items()}
    return {
        "sample": data.describe(),
        "rows": rows,
        "auc_above_bdt": gains,
        "combined": combined(data, found),
        "shifts": shifts(data, everything),
        "trainings": trainings,
        "configurations": configs,
        "machine": this_machine("keras", "tensorflow-cpu", "numpy", "scikit-learn"),
    }


def combined(data: Jets, found: dict[str, list[Trained]]) -> list[dict[str, Any]]:
    """Background rejection of single trainings, and of the mean and the median of their scores (arXiv:1902.09914)."""
    rows = []
    for tagger, runs in found.items():
        if len(runs) < 2:
            continue
        scores = np.array([run.score for run in runs])
        kinds = {"single": list(scores), "mean": [scores.mean(axis=0)], "median": [np.median(scores, axis=0)]}
        row: dict[str, Any] = {"tagger": tagger, "seeds": len(runs)}
        for kind, each in kinds.items():
            figures = comparison.row(tagger, data.test[0], each, data.test[1])
            row |= {f"{kind}_{name}": round(figures[name], 3) for name in ("rejection_30", "rejection_30_err")}
        rows.append(row)
    return rows


def shifts(data: Jets, found: dict[str, list[Trained]]) -> list[dict[str, Any]]:
    """How far each tagger's figures move on each variation: variation minus nominal, mean over the seeds."""
    rows = []
    for tagger, runs in found.items():
        measured = {}
        for name, part in data.tests.items():
            y, weight = data.of(name)
            measured[name] = comparison.row(tagger, y, [run.score[part] for run in runs], weight, 0, 0.0)
        for name in list(measured)[1:]:
            row: dict[str, Any] = {"tagger": tagger, "variation": name}
            for key in ("auc", "rejection_30", "rejection_50"):
                one, other = measured["nominal"], measured[name]
                row[key] = round(other[key], 5)
                row[f"{key}_shift"] = round(other[key] - one[key], 5)
                row[f"{key}_shift_err"] = round(float(np.hypot(one[f"{key}_err"], other[f"{key}_err"])), 5)
            rows.append(row)
    return rows


def rounded(told: dict[str, Any]) -> dict[str, Any]:
    """The same with seconds of one decimal place and lists of numbers of four."""
    found = dict(told) | {"seconds": round(told["seconds"], 1)}
    for name in ("val_loss", "val_auc"):
        if name in found:
            found[name] = [round(value, 4) for value in found[name]]
    return found


def main() -> None:
    """Train what is missing, one after the other, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample", default="jets_full", choices=("jets", "jets_full"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=TAGGERS)
    parser.add_argument("--variations", type=Path, metavar="FOLDER")
    parser.add_argument("--energyflow-python", type=Path)
    options = parser.parse_args()
    data = Jets(options.sample, options.variations)
    output = HERE / "results" / ("taggers.json" if options.sample == "jets_full" else f"taggers_{options.sample}.json")
    data.cache.mkdir(parents=True, exist_ok=True)
    for tagger, seed in jobs(options.seeds, options.only, options.energyflow_python):
        path = place(data.cache, tagger, seed)
        if path.exists():
            continue
        print(f"{tagger}, seed {seed}, load {os.getloadavg()[0]:.1f}", flush=True)
        run = train(data, tagger, seed, options.energyflow_python)
        np.savez(path, score=run.score, told=json.dumps(run.told))
        auc = metrics.auc(data.test[0], run.score[data.tests["nominal"]], data.test[1])
        print(f"  AUC {auc:.4f}, {run.told['seconds']:.0f} s", flush=True)
    found = results(data)
    output.write_text(json.dumps(found, indent=1) + "\n")
    print(comparison.table(found["rows"]).to_string())


if __name__ == "__main__":
    main()
