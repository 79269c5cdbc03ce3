"""What the live panel costs: the same fit with it and without, and memory over thirty trainings in one process.

    python benchmarks/panel.py [--rounds 7] [--epochs 200] [--trainings 30] [--output FILE]

The two fits take turns (ABAB) on the shipped sample with the configuration of M2, so that a change of the machine's
load meets both. Both are timed by `Result.seconds`, which begins when the network is built; the program is compiled in
a first round that does not count. Of the panel it also leaves out the last judgement by the test jets, which is no part
of the training. The panel is the one of the lesson, without a browser: it draws all its pictures. Writes
benchmarks/results/panel.json.
"""

import argparse
import dataclasses
import json
import os
import statistics
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import psutil
from machine import this_machine

from jetlab import catalog, inputs, jets, panel, training
from jetlab.config import RunConfig

RESULTS = Path(__file__).parent / "results" / "panel.json"


def main() -> None:
    """Measure both and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--trainings", type=int, default=30, help="over which memory is followed")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    sample = catalog.load("jets")
    columns = (sample[name] for name in ("jet_pt_ak7", "jet_eta_ak7", "jet_isW_ak7", "mcweight"))
    parts = jets.split(sample.event_index)
    config = RunConfig(epochs=options.epochs, patience=0)
    made = inputs.prepare(sample, config, parts, jets.reweight(*columns, train=parts[0]))
    test = (made.x_test, made.y_test, made.w_test)
    lab = panel.TrainingPanel(made.data, test, config)

    def alone() -> float:
        return training.run(config, made.data).seconds

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
        **memory(lab, config, options.trainings),
    }
    options.output.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def memory(lab: panel.TrainingPanel, config: RunConfig, trainings: int) -> dict[str, float]:
    """Growth of resident memory over trainings of ever other networks, MB, from after the first one."""
    process, sizes = psutil.Process(), []
    for number in range(trainings):
        lab._controls.set(dataclasses.replace(config, epochs=3, nodes=20 + 5 * number, layers=1 + number % 4))
        lab.train(blocking=True)
        sizes.append(process.memory_info().rss / 1e6)
    return {"trainings": trainings, "memory_growth_mb": round(sizes[-1] - sizes[0], 1)}


if __name__ == "__main__":
    main()
