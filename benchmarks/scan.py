"""Scans: what two workers bring, what Dask and Optuna cost, a plain loop of `model.fit`, and the scan of the LSTM.

    python benchmarks/scan.py speed [--points 64]
    python benchmarks/scan.py grid [--stage first|batch|nodes|full] [--minutes 25]

`speed` trains the dense default on the shipped jets with as many learning rates as there are points: in a plain loop of
`training.run`, by a Dask worker with all cores as the loop has them (the overhead), by a worker with one core and by
two of these (the gain of a second), and, some points, in a plain loop of `model.fit` with the same patience.
All are warm: networks were built before, and the workers run. `grid` trains LSTMs on the full sample (`JETLAB_DATA`
says where it is) until the time is over, and goes on there the next time. Numbers go to benchmarks/results/scan.json,
with the points that are still missing.
"""

import argparse
import dataclasses
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from machine import this_machine

from jetlab import catalog, inputs, jets, models, scan, training
from jetlab.backend import load_keras, seeded
from jetlab.config import RunConfig
from jetlab.scan import Space, Study, Table
from jetlab.scan.crew import cluster
from jetlab.threads import cores

RESULTS = Path(__file__).parent / "results" / "scan.json"
PACKAGES = ("keras", "tensorflow-cpu", "numpy", "optuna", "distributed")
#: Points of which the plain loop of `model.fit` trains some.
FIT_POINTS = 4
LSTM = RunConfig.standard("lstm", length=40, epochs=4, patience=2)
STAGES = {
    "first": Space.of(LSTM, nodes=[16, 64], layers=[1, 2], batch_size=[64, 512, 4096], seed=[1]),
    "batch": Space.of(
        dataclasses.replace(LSTM, epochs=6, patience=0),
        nodes=[16],
        layers=[1],
        batch_size=[1, 16, 64, 256, 1024, 4096],
        seed=[1, 2, 3],
    ),
    "nodes": Space.of(LSTM, nodes=[16, 32, 64, 128], layers=[1, 2, 3], batch_size=[256], seed=[1]),
    "full": Space.of(
        LSTM,
        nodes=[16, 32, 64, 128, 256],
        layers=[1, 2, 3],
        batch_size=[1, 4, 16, 64, 128, 256, 512, 1024, 2048, 4096],
        seed=[1, 2, 3],
    ),
}


def source(name: str) -> Any:
    """What makes the inputs of a configuration."""
    sample = catalog.load(name)
    parts = jets.split(sample.event_index)
    y = sample["jet_isW_ak7"]
    weight = jets.reweight(sample["jet_pt_ak7"], sample["jet_eta_ak7"], y == 1, sample["mcweight"], train=parts[0])
    return inputs.remembering(sample, parts, weight)


def fit(config: RunConfig, data: training.Data) -> None:
    """The same training as most people write it."""
    keras = load_keras()
    with seeded(config.seed):
        model = models.build(config, training.shape(data.x_train))
    model.compile(keras.optimizers.Adam(config.learning_rate), "binary_crossentropy", weighted_metrics=["accuracy"])
    stop = keras.callbacks.EarlyStopping(patience=config.patience, restore_best_weights=True)
    validation = data.x_validation, data.y_validation, data.w_validation
    model.fit(
        data.x_train,
        data.y_train,
        config.batch_size,
        config.epochs,
        sample_weight=data.w_train,
        validation_data=validation,
        callbacks=[stop],
        verbose=0,
    )


def timed(work: Any) -> float:
    """Seconds that it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def quiet(study: Study) -> None:
    """No progress bar: it would be timed too."""


def by_dask(space: Space, warm: Space, prepare: Any, workers: int, threads: int, folder: Path) -> float:
    """Seconds of a scan on warm workers, whose TensorFlow has so many threads each."""
    with cluster(workers, threads) as found:
        address = found.scheduler_address
        scan.run(warm, prepare, dask=address, on_change=quiet)
        file = folder / f"speed-{workers}-{time.time_ns()}"
        seconds = timed(lambda: scan.run(space, prepare, file, dask=address, on_change=quiet))
        file.unlink()
        return seconds


def speed(points: int, folder: Path) -> dict[str, Any]:
    """Measure throughput and overhead."""
    rates = np.geomspace(3e-4, 3e-3, points).tolist()
    space, warm = Space.of(learning_rate=rates), Space.of(learning_rate=rates[:2], epochs=[1, 2])
    prepare = source("jets")
    data = prepare(RunConfig()).data
    configs = [space.configs(point)[0] for point in space.grid()]
    training.run(configs[0], data)
    loads = [os.getloadavg()[0]]
    # Before and after the others: a machine's clock may drift meanwhile.
    bare = [timed(lambda: [training.run(config, data) for config in configs])]
    alone = by_dask(space, warm, prepare, 1, cores(), folder)
    one = by_dask(space, warm, prepare, 1, 1, folder)
    two = by_dask(space, warm, prepare, 2, 1, folder)
    bare += [timed(lambda: [training.run(config, data) for config in configs])]
    few = configs[:: max(1, points // FIT_POINTS)][:FIT_POINTS]
    fit(few[0], data)
    loop = timed(lambda: [fit(config, data) for config in few]) * points / len(few)
    loads.append(os.getloadavg()[0])
    return {
        "two_workers_over_one": one / two,
        "overhead": alone / float(np.mean(bare)) - 1,
        "ratio_to_loop": loop / two,
        "speed": {
            "points": points,
            "training_jets": len(data.y_train),
            "seconds": {
                "loop of training.run": bare,
                "one worker with all cores": alone,
                "one worker with one core": one,
                "two workers with one core each": two,
                "loop of model.fit": loop,
            },
            "model_fit_points": len(few),
            "load_before_and_after": loads,
            "machine": this_machine(*PACKAGES),
        },
    }


def grid(stage: str, minutes: float, folder: Path) -> dict[str, Any]:
    """Train what the time allows, and list what there is of all stages."""
    control = scan.Control()
    timer = threading.Timer(60 * minutes, control.stop)
    timer.daemon = True
    timer.start()
    prepare = source("jets_full")
    began, load = time.time(), os.getloadavg()[0]
    scan.run(STAGES[stage], prepare, folder / stage, workers=2, control=control)
    timer.cancel()
    rows = [row for name in STAGES if (folder / name).exists() for row in rows_of(Study(folder / name), name)]
    have = {(row["nodes"], row["layers"], row["batch_size"]) for row in rows if row["seeds"] == 3}
    wanted = [(p["nodes"], p["layers"], p["batch_size"]) for p in STAGES["full"].grid()]
    return {
        "rows": rows,
        "missing": {
            "points_with_three_seeds": sorted(set(wanted) - have),
            "what": "nodes, layers, batch size of the full grid that were not trained with three seeds",
        },
        "grid": {
            "training_jets": rows[0]["jets"] if rows else 0,
            "minutes_of_the_last_stage": (time.time() - began) / 60,
            "load_before": load,
            "machine": this_machine(*PACKAGES),
        },
    }


def rows_of(study: Study, stage: str) -> list[dict[str, Any]]:
    """A row for each point that is done."""
    rows = []
    for point in Table(study.space, study.points()).done:
        auc, loss = (scan.spread(point.each(name)) for name in ("val_auc", "val_loss"))
        first = point.outcomes[0]
        rows.append(
            dict(point.values)
            | {
                "stage": stage,
                "seeds": len(point.outcomes),
                "epochs": study.space.fixed["epochs"],
                "val_auc": auc.value,
                "val_auc_spread": auc.error if auc.error > 0 else None,
                "val_loss": loss.value,
                "seconds": scan.spread([each.seconds for each in point.outcomes]).value,
                "parameters": first.parameters,
                "steps_per_epoch": first.steps,
                "jets": first.jets,
                "histories": [
                    {name: each.history[name] for name in ("val_loss", "val_auc", "seconds")} for each in point.outcomes
                ],
            }
        )
    return sorted(rows, key=lambda row: (row["nodes"], row["layers"], row["batch_size"]))


def main() -> None:
    """Measure a part, and write it beside the others."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("part", choices=("speed", "grid"))
    parser.add_argument("--points", type=int, default=64)
    parser.add_argument("--stage", choices=STAGES, default="first")
    parser.add_argument("--minutes", type=float, default=25)
    parser.add_argument("--folder", type=Path, default=Path("build") / "scan", help="where studies are kept")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if options.part == "speed":
        found |= speed(options.points, options.folder)
    else:
        found |= grid(options.stage, options.minutes, options.folder)
    order = ("two_workers_over_one", "overhead", "ratio_to_loop", "rows", "missing", "speed", "grid")
    RESULTS.write_text(json.dumps({name: found[name] for name in order if name in found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
