"""Numbers of lesson E4: how good generated jets are, and how much faster they come than simulated ones.

    python benchmarks/generation.py [--sample jets|jets_full] [--seeds 3] [--fresh]

Flows learn (msd, tau21, pt, ncand) of the W jets, which all have the same weight. Test jets against as many generated
ones: the AUC of boosted trees, beside it that of test against validation jets; 1-Wasserstein distances with the floor
of real against real; the share of copies of training jets. The kind of flow is chosen by
its validation loss. Times are CPU seconds (all threads), so that other programs on the machine count little:
`jetlab simulate jets` per jet written, pile-up pool and energy correction included, and what the flow takes for a jet.
`speed` is the compiled engine against a plain loop over batches with a `tf.GradientTape` in a `tf.function`.

Parts are kept in the results file, which is written after each: benchmarks/results/beyond.json, under "generation" (of
another sample: "generation_SAMPLE"). `--fresh` begins anew.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from machine import record

from jetlab import catalog, jets, training
from jetlab.backend import seeded
from jetlab.config import RunConfig
from jetlab.metrics import generation
from jetlab.models import flows

RESULTS = Path(__file__).resolve().parent / "results" / "beyond.json"
COLUMNS = ("msd", "tau21", "pt", "ncand")
#: Of each column; tau21 has no unit, ncand is a number of particles, the others are in GeV.
LIMITS = ((0.0, 300.0), (0.0, 1.0), (200.0, 500.0), (0.5, 200.5))
KINDS = {"maf": flows.maf, "real_nvp": flows.real_nvp}
CONFIG = RunConfig(loss="output", batch_size=256, learning_rate=2e-3, schedule="cosine", epochs=20, patience=0)
#: Jets made by the simulation, and by a flow, to measure how long one takes; epochs timed against the plain loop.
SIMULATED, GENERATED, TIMED_EPOCHS = 2000, 50_000, 10


class Task:
    """W jets: the columns with whole numbers of particles, and spread between them, in the three parts."""

    def __init__(self, name: str) -> None:
        sample = catalog.load(name)
        columns = [np.asarray(sample[f"jet_{column}_ak7"], dtype=np.float64) for column in COLUMNS]
        is_w = sample["jet_isW_ak7"] == 1
        self.parts = [np.stack(columns, axis=1)[part[is_w[part]]] for part in jets.split(sample.event_index)]
        spread = [dequantised(part, seed) for seed, part in enumerate(self.parts)]
        self.unbounded = flows.Unbounded.fit(spread[0], LIMITS)
        both = self.unbounded.apply(np.concatenate(spread[:2]))
        positions = np.split(np.arange(len(both)), [len(spread[0])])
        self.data = training.Data.unlabelled(both, None, *positions)

    def jets_of(self, flow: flows.Flow, n: int, seed: int) -> np.ndarray:
        """New jets (n, 4), with whole numbers of particles."""
        made = self.unbounded.invert(flow.sample(n, seed))
        made[:, 3] = np.rint(made[:, 3])
        return made


def dequantised(part: np.ndarray, seed: int) -> np.ndarray:
    """The same jets with their number of particles anywhere within half a unit."""
    found = part.copy()
    found[:, 3] += np.random.default_rng(seed).random(len(part)) - 0.5
    return found


def cpu_seconds(who: int = resource.RUSAGE_SELF) -> float:
    """User and system time so far."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def simulation() -> dict[str, Any]:
    """CPU seconds of the simulation for each jet that it writes."""
    before = cpu_seconds(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        options = ["--jets", str(SIMULATED), "--seed", "1", "--workers", "1", "--output", f"{folder}/jets.root"]
        subprocess.run([sys.executable, "-m", "jetlab", "simulate", "jets", *options], check=True)
    seconds = cpu_seconds(resource.RUSAGE_CHILDREN) - before
    return {"jets": SIMULATED, "cpu_seconds": round(seconds, 1), "ms_per_jet": round(1e3 * seconds / SIMULATED, 2)}


def trained(task: Task, kind: str, seed: int) -> dict[str, Any]:
    """A flow's figures on test jets."""
    with seeded(seed):
        flow = KINDS[kind](len(COLUMNS))
    began = cpu_seconds()
    history = training.fit(flow.density, CONFIG, task.data).history
    spent = cpu_seconds() - began
    train, validation, test = task.parts
    made = task.jets_of(flow, len(test), seed)
    auc, floor = (generation.two_sample_auc(test, other, seed) for other in (made, validation))
    copied = generation.copied(*(dequantised(part, seed) for part in (made, train, test)))
    distances = {
        column: {"w1": value.value, "w1_err": value.error, "floor": least.value, "floor_scatter": least.error}
        for column, one, other in zip(COLUMNS, test.T, made.T, strict=True)
        for value, least in [generation.wasserstein(one, other, seed=seed)]
    }
    began = cpu_seconds()
    task.jets_of(flow, GENERATED, seed)
    each = (cpu_seconds() - began) / GENERATED
    return {
        "kind": kind,
        "seed": seed,
        "parameters": flow.density.count_params(),
        "val_loss": round(min(history["val_loss"]), 5),
        "auc": round(auc.value, 5),
        "auc_err": round(auc.error, 5),
        "auc_real": round(floor.value, 5),
        "auc_real_err": round(floor.error, 5),
        "copied": round(copied.value, 5),
        "copied_err": round(copied.error, 5),
        "distances": {name: {key: round(v, 5) for key, v in row.items()} for name, row in distances.items()},
        "training_cpu_seconds": round(spent, 1),
        "us_per_jet": round(1e6 * each, 3),
    }


def against_tape(task: Task, kind: str) -> dict[str, Any]:
    """Seconds of an epoch by the engine and by a plain loop over the same batches; the first, compiling, left out."""
    import keras
    import tensorflow as tf

    found = {}
    for name in ("engine", "tape"):
        with seeded(1):
            flow = KINDS[kind](len(COLUMNS))
        began = time.perf_counter()
        ends: list[float] = []
        if name == "engine":
            config = RunConfig(loss="output", batch_size=CONFIG.batch_size, epochs=TIMED_EPOCHS, patience=0)
            history = training.fit(flow.density, config, task.data).history
            ends = np.cumsum(history["seconds"]).tolist()
        else:
            optimizer = keras.optimizers.Adam(1e-3)
            optimizer.build(flow.density.trainable_variables)

            @tf.function
            def step(x: Any, density: Any = flow.density, optimizer: Any = optimizer) -> Any:
                with tf.GradientTape() as tape:
                    loss = tf.reduce_mean(density(x, training=True))
                optimizer.apply(tape.gradient(loss, density.trainable_variables), density.trainable_variables)
                return loss

            for epoch in range(TIMED_EPOCHS):
                order = task.data.order(1, epoch)
                for first in range(0, len(order) - CONFIG.batch_size + 1, CONFIG.batch_size):
                    step(tf.constant(task.data.x_train[order[first : first + CONFIG.batch_size]]))
                # The engine validates, too.
                training.outputs(flow.density, task.data.x_validation)
                ends.append(time.perf_counter() - began)
        found[name] = statistics.median(np.diff(ends))
    return {"ratio_to_tape": round(found["tape"] / found["engine"], 2), "batch_size": CONFIG.batch_size, "kind": kind}


def summary(task: Task, parts: dict[str, Any]) -> dict[str, Any]:
    """The goal's numbers from what was measured so far."""
    runs = parts["runs"]
    losses = {
        kind: statistics.mean(run["val_loss"] for run in runs if run["kind"] == kind)
        for kind in KINDS
        if any(run["kind"] == kind for run in runs)
    }
    if not losses:
        return parts
    kind = min(losses, key=lambda name: losses[name])
    chosen = [run for run in runs if run["kind"] == kind]
    names = ("train", "validation", "test")
    found = parts | {"sample": dict(zip(names, map(len, task.parts), strict=True)), "columns": COLUMNS, "kind": kind}
    for figure, key in (("classifier_auc", "auc"), ("classifier_auc_real", "auc_real"), ("copied", "copied")):
        values = [run[key] for run in chosen]
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        of_jets = statistics.mean(run[f"{key}_err"] for run in chosen)
        # All seeds share the test jets, so their number does not make the error of these smaller.
        error = float(np.hypot(of_jets, spread / len(values) ** 0.5))
        found |= {figure: round(statistics.mean(values), 4), f"{figure}_err": round(error, 4)}
    ratios = [1e3 * parts["simulation"]["ms_per_jet"] / run["us_per_jet"] for run in chosen]
    spread = statistics.stdev(ratios) if len(ratios) > 1 else 0.0
    found |= {"speed_over_simulation": round(statistics.mean(ratios)), "speed_over_simulation_err": round(spread)}
    return found | {"seeds": len(chosen), "val_losses": {name: round(loss, 4) for name, loss in losses.items()}}


def main() -> None:
    """Measure what is missing, and write the results after each part."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sample", default="jets", choices=("jets", "jets_full"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--fresh", action="store_true", help="forget what the results have")
    options = parser.parse_args()
    name = "generation" if options.sample == "jets" else f"generation_{options.sample}"
    before = json.loads(RESULTS.read_text()).get(name, {}) if RESULTS.exists() and not options.fresh else {}
    parts = {key: before[key] for key in ("simulation", "speed", "runs") if key in before} | {}
    parts.setdefault("runs", [])
    task = Task(options.sample)

    def keep() -> None:
        record(RESULTS, name, summary(task, parts), "keras", "tensorflow-cpu", "numpy", "scikit-learn", "pythia8mc")

    if "simulation" not in parts:
        parts["simulation"] = simulation()
        keep()
    for kind in KINDS:
        for seed in range(1, options.seeds + 1):
            if not any((run["kind"], run["seed"]) == (kind, seed) for run in parts["runs"]):
                parts["runs"].append(trained(task, kind, seed))
                print(parts["runs"][-1], flush=True)
                keep()
    if "speed" not in parts:
        parts["speed"] = against_tape(task, "maf")
        keep()
    print(json.dumps({key: value for key, value in summary(task, parts).items() if key != "runs"}, indent=1))


if __name__ == "__main__":
    main()
