"""Numbers of lesson E2: taggers that do not know the mass.

    python benchmarks/decorrelation.py [--sample jets_full|jets] [--seeds 3] [--fresh]

The dense tagger of M2 is trained with each penalty of `jetlab.models.penalties` at some strengths, and
with planing (QCD weighted to the W's mass spectrum, arXiv:1709.10106). For each, background rejection at a signal
efficiency of 0.5, and how far that cut bends QCD's mass spectrum, on validation and test jets; beside them tau21, and
tau21 with the line of DDT taken out (arXiv:1603.00027). All of it with jets of 40 to 200 GeV in mass. The strength that
is compared with DDT is chosen on validation jets.

Trainings are kept in the results file, which is written after each, so that the benchmark can be stopped and started
again: benchmarks/results/beyond.json, under "decorrelation" (of another sample: "decorrelation_SAMPLE"). `--fresh`
begins anew.
"""

import argparse
import itertools
import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import taggers
from machine import record
from numpy.typing import NDArray

from jetlab import catalog, jets, models, training
from jetlab.backend import seeded
from jetlab.config import RunConfig
from jetlab.decorrelation import Ddt, protected
from jetlab.metrics import auc
from jetlab.metrics.decorrelation import EFFICIENCY, MASS_EDGES, point
from jetlab.models import penalties

RESULTS = Path(__file__).resolve().parent / "results" / "beyond.json"
#: Strengths of each penalty; 0 of "disco" is the plain network.
STRENGTHS = {
    "disco": (0.0, 3.0, 10.0, 15.0, 20.0, 30.0, 50.0),
    "moments": (0.1, 0.3, 1.0, 3.0),
    "adversary": (1.0, 3.0, 10.0),
    "planing": (0.0,),
}
#: Large batches: of a few jets a correlation is above zero by chance.
BATCH_SIZE = 1024
#: Steps of each training, on few jets as on many: a strong penalty takes its time.
STEPS = 1200
#: Edges of mass [GeV] and pt [GeV] in which planing makes the spectra alike.
PLANED_MASS, PLANED_PT = tuple(range(40, 201, 10)), (200, 250, 300, 350, 400, 450, 500)


class Task:
    """Jets of the kit: inputs of M2, labels, weights, masses, and the positions of the three parts."""

    def __init__(self, name: str) -> None:
        sample = catalog.load(name)
        # Where a bump would be looked for; what happens at lower masses would hide what happens here.
        sample = sample[(sample["jet_msd_ak7"] > MASS_EDGES[0]) & (sample["jet_msd_ak7"] < MASS_EDGES[-1])]
        self.pt, self.mass, self.tau21, self.ncand = (
            np.asarray(sample[f"jet_{column}_ak7"], dtype=np.float64) for column in ("pt", "msd", "tau21", "ncand")
        )
        self.y = sample["jet_isW_ak7"].astype(np.float32)
        self.parts = tuple(jets.split(sample.event_index))
        self.weight = taggers.weight_of(sample, self.parts[0])
        columns = np.stack([self.pt, self.mass, self.tau21, self.ncand], axis=1)
        self.x = jets.Scaling.fit(columns[self.parts[0]]).apply(columns)
        self.protected = protected(self.mass, self.weight, self.y == 0, self.parts[0])


def decorrelation(task: Task, seeds: int, before: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The trainings so far, after each of them; those `before` are not repeated."""
    found = list(before)
    done = {(each["kind"], each["strength"], each["seed"]) for each in found}
    wanted = [(kind, strength) for kind, strengths in STRENGTHS.items() for strength in strengths]
    for seed, (kind, strength) in itertools.product(range(1, seeds + 1), wanted):
        if (kind, strength, seed) in done:
            continue
        score, seconds = scores(task, kind, strength, seed)
        found.append(
            {"kind": kind, "strength": strength, "seed": seed, "seconds": round(seconds, 1)} | judged(task, score)
        )
        print(found[-1], flush=True)
        yield found
    yield found


def scores(task: Task, kind: str, strength: float, seed: int) -> tuple[NDArray[np.float32], float]:
    """Scores of all jets by a tagger trained so, and the seconds it took."""
    epochs = round(STEPS * BATCH_SIZE / len(task.parts[0]))
    config = RunConfig(
        layers=3,
        nodes=64,
        batch_size=BATCH_SIZE,
        learning_rate=3e-3,
        epochs=epochs,
        patience=0,
        schedule="cosine",
        seed=seed,
    )
    with seeded(seed):
        tagger = models.build(config, (task.x.shape[1],))
    if kind == "planing":
        weight = jets.reweight(
            task.mass, task.pt, task.y == 1, task.weight, train=task.parts[0], pt_edges=PLANED_MASS, eta_edges=PLANED_PT
        )
        result = training.fit(tagger, config, training.Data.of(task.x, task.y, weight, *task.parts[:2]))
    else:
        data = training.Data.of((task.x, task.protected), task.y, task.weight, *task.parts[:2])
        with seeded(seed):
            model = penalties.decorrelated(tagger, strength, kind)
        result = training.fit(model, config, data)
    return training.predict(tagger, task.x), result.seconds


def judged(task: Task, score: NDArray[Any]) -> dict[str, float]:
    """Rejection and divergence of the cut that keeps half of the W, on validation and test jets."""
    found: dict[str, float] = {}
    for name, part in zip(("val_", ""), task.parts[1:], strict=True):
        y, weight = task.y[part], task.weight[part]
        here = point(y, score[part], task.mass[part], weight)
        figures = {"rejection": here.rejection.value, "rejection_err": here.rejection.error}
        figures |= {"auc": auc(y, score[part], weight)}
        figures |= {"jsd": here.jsd.value, "jsd_err": here.jsd.error, "floor": here.floor, "chance": here.chance}
        found |= {name + key: round(float(value), 5) for key, value in figures.items()}
    return found


def frontier(trainings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each kind and strength: means over seeds; errors join those of the jets and of the seeds."""
    rows = []
    for kind, strengths in STRENGTHS.items():
        for strength in strengths:
            runs = [each for each in trainings if (each["kind"], each["strength"]) == (kind, strength)]
            if runs:
                rows.append({"kind": kind, "strength": strength, "seeds": len(runs)} | averaged(runs))
    return rows


def averaged(runs: list[dict[str, Any]]) -> dict[str, float]:
    """Means of the figures of some trainings."""
    found = {}
    for name in ("val_rejection", "val_jsd", "rejection", "jsd"):
        values = [run[name] for run in runs]
        spread = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
        of_jets = statistics.mean(run[f"{name}_err"] for run in runs)
        found |= {name: round(statistics.mean(values), 4), f"{name}_err": round(float(np.hypot(of_jets, spread)), 4)}
    return found


def summary(task: Task, trainings: list[dict[str, Any]]) -> dict[str, Any]:
    """All rows, and each kind's rejection over that of tau21 with DDT, at a divergence no larger (by validation)."""
    qcd = task.parts[0][task.y[task.parts[0]] == 0]
    line = Ddt.fit(task.mass[qcd], task.pt[qcd], task.tau21[qcd], task.weight[qcd])
    simple = {"tau21": -task.tau21, "tau21 with DDT": -line.apply(task.mass, task.pt, task.tau21)}
    yardsticks = {name: judged(task, score) for name, score in simple.items()}
    rows, ddt = frontier(trainings), yardsticks["tau21 with DDT"]
    over = {}
    for kind in STRENGTHS:
        allowed = [row for row in rows if row["kind"] == kind and row["val_jsd"] <= ddt["val_jsd"]]
        if allowed:
            best = max(allowed, key=lambda row: row["val_rejection"])
            ratio = best["rejection"] / ddt["rejection"]
            error = ratio * np.hypot(best["rejection_err"] / best["rejection"], ddt["rejection_err"] / ddt["rejection"])
            over[kind] = {"strength": best["strength"], "ratio": round(ratio, 3), "ratio_err": round(float(error), 3)}
    sizes = {part: len(each) for part, each in zip(("train", "validation", "test"), task.parts, strict=True)}
    return {
        "sample": sizes,
        "efficiency": EFFICIENCY,
        "edges": MASS_EDGES.tolist(),
        "yardsticks": [{"tagger": name} | figures for name, figures in yardsticks.items()],
        "rows": rows,
        "rejection_over_ddt": over,
        "trainings": trainings,
    }


def main() -> None:
    """Train what is missing, and write the results after each training."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sample", default="jets_full", choices=("jets", "jets_full"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--fresh", action="store_true", help="forget the trainings that the results have")
    options = parser.parse_args()
    name = "decorrelation" if options.sample == "jets_full" else f"decorrelation_{options.sample}"
    before = json.loads(RESULTS.read_text()).get(name, {}) if RESULTS.exists() else {}
    task = Task(options.sample)
    kept = [] if options.fresh else before.get("trainings", [])
    for trainings in decorrelation(task, options.seeds, kept):
        found = summary(task, trainings)
        record(RESULTS, name, found, "keras", "tensorflow-cpu", "numpy")
    print(json.dumps(found["rejection_over_ddt"], indent=1))


if __name__ == "__main__":
    main()
