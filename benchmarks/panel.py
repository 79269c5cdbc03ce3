"""What the live panel costs: the same fit with it and without, and memory over thirty trainings in one process.

    python benchmarks/panel.py [--rounds 7] [--epochs 40]

The two fits take turns (ABAB) on the shipped sample with the configuration of M2, so that a change of the machine's
load meets both. The panel is the one of the lesson, without a browser: it draws all its pictures. Writes
benchmarks/results/panel.json.
"""

import argparse
import dataclasses
import json
import os
import statistics
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import psutil
from machine import this_machine

from jetlab import catalog, inputs, jets, panel, training
from jetlab.config import RunConfig

RESULTS = Path(__file__).parent / "results" / "panel.json"
TRAININGS = 30


def main() -> None:
    """Measure both and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--epochs", type=int, default=200)
    options = parser.parse_args()
    sample = catalog.load("jets")
    weight = jets.reweight(sample["jet_pt_ak7"], sample["jet_eta_ak7"], sample["jet_isW_ak7"] == 1, sample["mcweight"])
    config = RunConfig(epochs=options.epochs, patience=0)
    made = inputs.prepare(sample, config, jets.split(sample.event_index), weight)
    test = (made.x_test, made.y_test, made.w_test)
    lab = panel.TrainingPanel(made.data, test, config)

    def alone() -> float:
        began = time.perf_counter()
        training.run(config, made.data)
        return time.perf_counter() - began

    def watched() -> float:
        lab.train(blocking=True)
        # The validation jets are judged once more when training is over, with uncertainties: no part of the training.
        return lab.runs[-1].result.seconds

    alone(), watched()
    pairs = [(alone(), watched()) for _ in range(options.rounds)]
    ratios = sorted(with_panel / without for without, with_panel in pairs)
    result = {
        "machine": this_machine("keras", "tensorflow-cpu", "numpy"),
        "sample": {"name": "jets", "training_jets": len(made.data.y_train), "epochs": options.epochs},
        "seconds_alone": round(statistics.median(without for without, _ in pairs), 3),
        "ratio": round(statistics.median(ratios), 3),
        "ratio_range": [round(ratios[0], 3), round(ratios[-1], 3)],
        **memory(lab, config),
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def memory(lab: panel.TrainingPanel, config: RunConfig) -> dict[str, float]:
    """Growth of resident memory over trainings of ever other networks, MB, from after the first one."""
    process, sizes = psutil.Process(), []
    for number in range(TRAININGS):
        lab._controls.set(dataclasses.replace(config, epochs=3, nodes=20 + 5 * number, layers=1 + number % 4))
        lab.train(blocking=True)
        sizes.append(process.memory_info().rss / 1e6)
    return {"trainings": TRAININGS, "memory_growth_mb": round(sizes[-1] - sizes[0], 1)}


if __name__ == "__main__":
    main()
