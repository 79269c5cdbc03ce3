"""Jet energy scales compared: raw, official and learnt, by closure and resolution against gen pt on test jets.

    python benchmarks/jes.py [--sample jets_full] [--only deep_sets ...] [--seeds 1] [--variations FOLDER] [--fresh]

Networks are those of lesson M6, trained on 60 % of the sample with flat spectra, and judged on the 20 % that nothing
was chosen with. Rows go to benchmarks/results/jes.json (jes_shipped.json for the shipped sample) as they are measured;
those already there, of the same sample and versions, are kept, so that an interrupted run goes on where it was.

Systematic uncertainties: FOLDER holds shower.root, detector.root and ww.root, of `jetlab simulate jets --variation`.
A row's `shifts` says how the median response and the resolution of the same networks, trained on the nominal sample,
move on those jets. Their official correction is their own.

A row: closure_max_abs, the largest |median response - 1| over the bins of gen pt (230 to 450 GeV) and of |eta| with at
least 200 test jets, and closure_max_abs_error, that bin's bootstrap error; the same for W and QCD apart; resolution,
half the central 68 % of the response over its median; resolution_gain_over_official with the error of paired bootstrap
samples; for networks that learn jet_jes_ak7 itself jes_median_abs_error_max_bin, the largest median of
|predicted / jet_jes_ak7 - 1| of those bins, in |eta| and in bins of 25 GeV of corrected pt.
"""

import argparse
import dataclasses
import itertools
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import awkward as ak
import keras
import numpy as np
from machine import this_machine

from jetlab import catalog, images, io, jes, jets, metrics, training
from jetlab.config import RunConfig
from jetlab.io.sample import JetSample
from jetlab.metrics import response
from jetlab.training.data import rows as pick
from jetlab.training.data import shape

layers = keras.layers
FOLDER = Path(__file__).parent / "results"
PIXELS = 17
VARIATIONS = ("shower", "detector", "ww")
PT_EDGES = tuple(range(200, 501, 25))


class Job(NamedTuple):
    """A network: what it is told, what it learns, how it is built and trained."""

    inputs: str
    target: str
    make: Callable[[JetSample, np.ndarray], Any]
    build: Callable[[Any], keras.Model]
    config: RunConfig


def net_100(row: tuple[int, ...]) -> keras.Model:
    """One hidden layer of 100 nodes, as in 2017."""
    return keras.Sequential([layers.Input(row), layers.Dense(100, activation="relu"), layers.Dense(1)])


def cnn(row: Any) -> keras.Model:
    """Two convolutions, and two dense layers that also see numbers of the whole jet, if there are any."""
    several = isinstance(row[0], tuple)
    image = x = layers.Input(row[0] if several else row)
    for filters in (16, 32):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    inputs = [image]
    if several:
        inputs.append(layers.Input(row[1]))
        x = layers.Concatenate()([x, inputs[1]])
    for _ in range(2):
        x = layers.Dense(64, activation="relu")(x)
    return keras.Model(inputs if several else image, layers.Dense(1)(x))


def deep_9(row: tuple[int, ...], residual: bool = True) -> keras.Model:
    """Nine hidden layers, one of 350 and eight of 100 nodes, with batch normalisation and shortcuts."""
    inputs = x = layers.Input(row)
    for number, nodes in enumerate((350, *[100] * 8)):
        y = layers.Dense(nodes)(x)
        y = layers.Activation("relu")(layers.BatchNormalization(momentum=0.9)(y))
        x = layers.Add()([x, y]) if residual and number > 1 else y
    return keras.Model(inputs, layers.Dense(1)(x))


def deep_sets(row: tuple[tuple[int, ...], ...]) -> keras.Model:
    """The same two layers for each candidate, summed in proportion to its pt, then two for the jet."""
    candidates, jet = layers.Input(row[0]), layers.Input(row[1])
    x = candidates
    for _ in range(2):
        x = layers.Dense(64, activation="relu")(x)
    x = keras.ops.sum(candidates[:, :, :1] * x, axis=1)
    x = layers.Concatenate()([x, jet])
    for _ in range(2):
        x = layers.Dense(64, activation="relu")(x)
    return keras.Model([candidates, jet], layers.Dense(1)(x))


def pictures(sample: JetSample) -> np.ndarray:
    """Images in units of 10 GeV, a channel for each class of candidates, centred but neither turned nor normalised."""
    return images.pixelate(images.centre(sample), PIXELS, classes=True) / 10


def scaled(values: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and width 1 on the training jets."""
    return jets.Scaling.fit(values[train]).apply(values)


def listed(sample: JetSample, train: np.ndarray) -> np.ndarray:
    """The 70 hardest candidates as one row of 630 numbers, then the jet's own five."""
    rows = jes.candidate_inputs(sample).reshape(len(sample), -1)
    return np.concatenate([rows, scaled(jes.jet_inputs(sample), train)], axis=1)


JET = "log(pt), |eta|, rho, area, rho area / pt"
OFFICIAL, LOG, LOG_GEN = "jet_jes_ak7", "log(gen pt / raw pt)", "log(gen pt / 300 GeV)"
SMALL = RunConfig(loss="mae", batch_size=128, learning_rate=1e-2, schedule="cosine", epochs=60, patience=0)
IMAGES = RunConfig(loss="mae", batch_size=256, learning_rate=2e-3, schedule="cosine", epochs=10, patience=0)
LISTS = RunConfig(loss="mae", batch_size=256, learning_rate=2e-3, schedule="cosine", epochs=20, patience=0)
SETS = RunConfig(loss="mae", batch_size=256, learning_rate=3e-3, schedule="cosine", epochs=25, patience=0)
JOBS = {
    "net_100_pt_eta": Job("log(pt), |eta|", OFFICIAL, lambda s, t: scaled(jes.jet_inputs(s)[:, :2], t), net_100, SMALL),
    "net_100": Job(JET, OFFICIAL, lambda s, t: scaled(jes.jet_inputs(s), t), net_100, SMALL),
    "cnn": Job("image", LOG_GEN, lambda s, t: pictures(s), cnn, IMAGES),
    "cnn_pt_eta": Job(f"image; {JET}", LOG, lambda s, t: (pictures(s), scaled(jes.jet_inputs(s), t)), cnn, IMAGES),
    "deep_9": Job(f"70 candidates x 9; {JET}", LOG, lambda s, t: listed(s, t), deep_9, LISTS),
    "deep_sets": Job(
        f"70 candidates x 9; {JET}",
        LOG,
        lambda s, t: (jes.candidate_inputs(s), scaled(jes.jet_inputs(s), t)),
        deep_sets,
        SETS,
    ),
}


#: Rows in their order: name, and the method it is an instance of.
METHODS = {"raw": "raw", "official": "official"} | {name: name.replace("net_100_pt_eta", "net_100") for name in JOBS}


def estimate(job: Job, sample: JetSample, parts: tuple[np.ndarray, ...], seed: int) -> tuple[np.ndarray, Any]:
    """Train the network of a job; returns its output for the test jets, and the training."""
    official = sample["jet_jes_ak7"].astype(float)
    log_gen = np.log(sample["genjet_pt_ak7"].astype(float) / 300)
    y = {OFFICIAL: official, LOG: jes.log_correction(sample), LOG_GEN: log_gen}[job.target]
    # What is to be copied is copied with the jets as they are; what is to be true gets a spectrum of no preference.
    weight = np.ones(len(y)) if job.target == OFFICIAL else jes.flat_weights(sample, parts[0])
    x = job.make(sample, parts[0])
    learn, validation, test = (pick(x, part) for part in parts)
    labels = [(y[part], weight[part]) for part in parts]
    data = training.Data(learn, *labels[0], validation, *labels[1], regression=True)
    keras.utils.set_random_seed(seed)
    result = training.fit(job.build(shape(data.x_train)), dataclasses.replace(job.config, seed=seed), data)
    return training.predict(result.model, test).astype(float), result


def pt_of(name: str, sample: JetSample, output: np.ndarray | None) -> np.ndarray:
    """Pt (GeV) that a method says, from what its network put out."""
    raw = sample["jet_ptraw_ak7"].astype(float)
    if output is None:
        return raw if name == "raw" else sample["jet_pt_ak7"].astype(float)
    target = JOBS[name].target
    return {OFFICIAL: raw * output, LOG: raw * np.exp(output), LOG_GEN: 300 * np.exp(output)}[target]


def judge(sample: JetSample, pt: np.ndarray) -> dict[str, Any]:
    """Closure, resolution and gain of an estimate for the test jets."""
    kept, is_w = metrics.jes.fiducial(sample), sample["jet_isW_ak7"] == 1
    gen, official = sample["genjet_pt_ak7"][kept], sample["jet_pt_ak7"][kept]
    scores = metrics.jes.judge(sample, pt)
    gain = response.gain(response.response(pt[kept], gen), response.response(official, gen))
    found = {
        "closure_max_abs": scores.worst.value,
        "closure_max_abs_error": scores.worst.error,
        "resolution": scores.resolution.value,
        "resolution_err": scores.resolution.error,
        "resolution_gain_over_official": gain.value,
        "resolution_gain_error": gain.error,
    }
    for kind, chosen in (("w", is_w), ("qcd", ~is_w)):
        apart = metrics.jes.judge(sample[chosen], pt[chosen])
        found |= {f"closure_max_abs_{kind}": apart.worst.value, f"closure_max_abs_{kind}_error": apart.worst.error}
        found |= {f"resolution_{kind}": apart.resolution.value, f"resolution_{kind}_err": apart.resolution.error}
    # A median that follows gen pt less than one to one would make the response narrow for nothing.
    closure = scores.by_pt.closure
    slope = 1 + np.polyfit(np.log(scores.by_pt.centres), np.log(closure), 1)[0]
    found["slope_against_gen_pt"] = float(slope)
    for name, bins in (("by_gen_pt", scores.by_pt), ("by_abs_eta", scores.by_eta)):
        found[name] = {key: [rounded(value) for value in values.tolist()] for key, values in bins._asdict().items()}
    return found


def shift(nominal: tuple[JetSample, np.ndarray], varied: tuple[JetSample, np.ndarray]) -> dict[str, float]:
    """How far median response and resolution move between two samples with estimates of pt: varied minus nominal."""
    found = []
    for sample, pt in (nominal, varied):
        kept = metrics.jes.fiducial(sample)
        values = response.response(pt[kept], sample["genjet_pt_ak7"][kept])
        found.append((response.closure(values), response.resolution(values)))
    row = {}
    for name, one, other in zip(("median", "resolution"), *found, strict=True):
        row[f"{name}_shift"] = rounded(other.value - one.value)
        row[f"{name}_shift_err"] = rounded(float(np.hypot(one.error, other.error)))
    return row


def copying_error(sample: JetSample, output: np.ndarray) -> float:
    """Largest median of |predicted / jet_jes_ak7 - 1| over bins of |eta| and corrected pt with enough test jets."""
    off = np.abs(output / sample["jet_jes_ak7"] - 1)
    medians = []
    for by, edges in ((np.abs(sample["jet_eta_ak7"]), metrics.jes.ETA_EDGES), (sample["jet_pt_ak7"], PT_EDGES)):
        number = np.digitize(by, edges) - 1
        chosen = [number == i for i in range(len(edges) - 1) if np.sum(number == i) >= metrics.jes.ENOUGH]
        medians += [float(np.median(off[each])) for each in chosen]
    return max(medians)


def measure(
    name: str, sample: JetSample, parts: tuple[np.ndarray, ...], seeds: int, varied: dict[str, slice]
) -> dict[str, Any]:
    """One row of the results: the mean over seeds of each number, and what each seed gave.

    `varied` says which rows of the test part belong to which sample; those of "nominal" are judged.
    """
    every, each, row = sample[parts[2]], [], {}
    test = every[varied["nominal"]]
    shifts: dict[str, dict[str, float]] = {}
    began = time.perf_counter()
    for seed in range(1, (seeds if name in JOBS else 1) + 1):
        output, result = estimate(JOBS[name], sample, parts, seed) if name in JOBS else (None, None)
        pt = pt_of(name, every, output)
        found = judge(test, pt[varied["nominal"]])
        if not shifts:
            one = (test, pt[varied["nominal"]])
            shifts = {key: shift(one, (every[rows], pt[rows])) for key, rows in varied.items() if key != "nominal"}
        copies = name in JOBS and JOBS[name].target == OFFICIAL
        own = output[varied["nominal"]] if copies else None
        found["jes_median_abs_error_max_bin"] = copying_error(test, own) if copies else None
        if result:
            found |= {"best_epoch": result.best_epoch, "training_seconds": result.seconds}
            row = {"parameters": result.model.count_params(), "epochs": result.config.epochs}
        each.append(found)
    numbers = [key for key, value in each[0].items() if isinstance(value, float) and key != "training_seconds"]
    mean = {key: rounded(float(np.mean([found[key] for found in each]))) for key in numbers}
    if name not in JOBS or JOBS[name].target != OFFICIAL:
        mean["jes_median_abs_error_max_bin"] = None
    # A promise is kept by every seed or not at all.
    mean["closure_max_abs"] = rounded(max(found["closure_max_abs"] for found in each))
    by_seed = [{key: rounded(value) for key, value in found.items() if not isinstance(value, dict)} for found in each]
    job = JOBS.get(name)
    return {
        "name": name,
        "method": METHODS[name],
        "target": job.target if job else None,
        "inputs": job.inputs if job else None,
        **mean,
        **row,
        "seconds": round(time.perf_counter() - began, 1),
        "shifts": shifts,
        "by_gen_pt": each[0]["by_gen_pt"],
        "by_abs_eta": each[0]["by_abs_eta"],
        "seeds": by_seed if job else [],
    }


def rounded(value: Any) -> Any:
    """Five decimals for numbers; NaN, of bins with too few jets, is null in JSON."""
    if isinstance(value, float):
        return round(value, 5) if np.isfinite(value) else None
    return value


def described(name: str, sample: JetSample, parts: tuple[np.ndarray, ...], variations: Path | None) -> dict[str, Any]:
    """Which jets the numbers are of."""
    test = sample[parts[2]]
    return {
        "name": name,
        "made_by": sample.provenance.get("made_by"),
        "jets": len(sample),
        **{
            f"{part}_jets": len(positions)
            for part, positions in zip(("train", "validation", "test"), parts, strict=True)
        },
        "variations": list(VARIATIONS) if variations else [],
        "weights": "flat in log(gen pt), learnt from training jets",
        "test_jets_judged": int(metrics.jes.fiducial(test).sum()),
        "gen_pt_edges": list(metrics.jes.PT_EDGES),
        "abs_eta_edges": list(metrics.jes.ETA_EDGES),
        "minimum_jets_per_bin": metrics.jes.ENOUGH,
    }


def main() -> None:
    """Measure what is asked for and write it after every row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample", choices=("jets", "jets_full"), default="jets_full")
    parser.add_argument("--only", nargs="*", choices=METHODS, default=list(METHODS), help="rows")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each network")
    parser.add_argument("--variations", type=Path, metavar="FOLDER")
    parser.add_argument("--fresh", action="store_true", help="measure what is in the results again")
    options = parser.parse_args()
    path = FOLDER / ("jes.json" if options.sample == "jets_full" else "jes_shipped.json")
    sample = catalog.load(options.sample)
    parts = jets.split(sample.event_index)
    head = {
        "machine": this_machine("keras", "tensorflow-cpu", "numpy"),
        "sample": described(options.sample, sample, parts, options.variations),
    }
    samples = [sample] + [io.read(options.variations / f"{each}.root") for each in VARIATIONS if options.variations]
    first = np.cumsum([0] + [len(each) for each in samples])
    rows_of_test = [parts[2], *(np.arange(*ends) for ends in itertools.pairwise(first[1:]))]
    ends = itertools.pairwise(np.cumsum([0] + [len(each) for each in rows_of_test]))
    varied = {each: slice(*pair) for each, pair in zip(("nominal", *VARIATIONS), ends, strict=False)}
    together = JetSample(ak.concatenate([each.jets for each in samples]))
    rows: list[dict[str, Any]] = []
    if path.exists() and {**(old := json.loads(path.read_text())), "rows": 0} == {**head, "rows": 0}:
        rows = old["rows"]
    for name in options.only:
        if not options.fresh and any(row["name"] == name for row in rows):
            continue
        row = measure(name, together, (*parts[:2], np.concatenate(rows_of_test)), options.seeds, varied)
        rows = [other for other in rows if other["name"] != name] + [row]
        rows.sort(key=lambda row: list(METHODS).index(row["name"]))
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({**head, "rows": rows}, indent=1) + "\n")
        print(json.dumps({key: row[key] for key in list(row)[:9]}), flush=True)


if __name__ == "__main__":
    main()
