"""Numbers of lesson E5: searches for a resonance that nobody announced, without labels.

    python benchmarks/anomaly.py [--sample FILE.h5] [--seeds 3] [--trials 100] [--fresh]

Signal is injected into the QCD pairs so that S / B in the window is 0 to 1 %. CWoLa and CATHODE (density: MAF of
`models.flows`, trained on the sidebands of the same data), both with boosted trees, and trees with labels are judged
by their maximum significance improvement (SIC) in the window, on events that no tree has learnt from: the data, fold by
fold, and the signal that is left over. Their errors join the bootstrap of the events and the spread of seeds, which
draw the signal, deal the folds and grow the trees anew.

False alarms: the QCD pairs are dealt at random to four slices, and again, until there are as many slices as trials. In
each slice CWoLa is trained, and the sidebands are fitted after its cut. The slices of one deal have no event in common,
those of two deals on average a quarter: of larger parts, the same fluctuations would come back in trial after trial.

What is finished is kept in the results file, which is written after each, so that the benchmark can be stopped and
started again: benchmarks/results/beyond.json, under "anomaly". `--fresh` begins anew.
"""

import argparse
import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from machine import record
from numpy.typing import NDArray

from jetlab import anomalies, models, training
from jetlab.anomalies import Pairs
from jetlab.config import RunConfig
from jetlab.metrics import Estimate, anomaly

RESULTS = Path(__file__).resolve().parent / "results" / "beyond.json"
WINDOW, WIDTH = (985.0, 1085.0), 100.0
#: S / B in the window; the first is the goal's, the others have one seed.
SHARES = (0.006, 0.002, 0.004, 0.01)
FOLDS, TRIAL_FOLDS, SLICES = 5, 3, 4
EFFICIENCY, ALARM = 0.01, 2.0
FLOW = RunConfig(
    loss="output", batch_size=512, learning_rate=2e-3, schedule="cosine", epochs=12, patience=0, optimizer="adam"
)


def gains(pairs: Pairs, share: float, seed: int) -> dict[str, Any]:
    """Maximum SIC of each method at this share of signal, with the error of the events."""
    data, rest = anomalies.inject(pairs, WINDOW, share, seed)
    x, others, mjj = anomalies.inputs(data), anomalies.inputs(rest), data["mjj"]
    fold = anomalies.folds(len(data), FOLDS, seed)
    both = anomalies.joined(data, rest)
    inside = both.inside(WINDOW)
    weight = anomalies.balanced(both.is_signal, inside)
    dealt = anomalies.folds(len(both), FOLDS, seed)
    known = anomalies.out_of_fold(
        anomalies.trees, np.concatenate([x, others]), both.is_signal, weight, dealt, seed=seed
    ).data
    cwola = anomalies.cwola(anomalies.trees, x, mjj, WINDOW, WIDTH, fold, others, seed)
    drawn = samples(x, mjj, seed)
    cathode = anomalies.against_samples(anomalies.trees, x, mjj, WINDOW, drawn, fold, others, seed)
    found: dict[str, Any] = {"share": share, "seed": seed}
    found |= {"signal": int((data.inside(WINDOW) & data.is_signal).sum())}
    found |= {"background": int((data.inside(WINDOW) & ~data.is_signal).sum())}
    scores = {
        "supervised": known,
        "cwola": np.r_[cwola.data, cwola.others],
        "cathode": np.r_[cathode.data, cathode.others],
    }
    for name, score in scores.items():
        best = anomaly.max_sic(both.is_signal[inside], score[inside])
        found |= {name: round(best.value, 3), f"{name}_err": round(best.error, 3)}
    for name, score in (("cwola", cwola.data), ("cathode", cathode.data)):
        found[f"{name}_sigma"] = round(anomalies.excess(data, score, EFFICIENCY, WINDOW).significance, 2)
    return found


def samples(x: NDArray[Any], mjj: NDArray[Any], seed: int) -> NDArray[np.float32]:
    """Twice as many events as the window has, drawn there from a flow that learnt the sidebands."""
    keras.utils.set_random_seed(seed)
    flow = models.flows.maf(x.shape[1], transforms=4, nodes=48, context=1)
    context = ((mjj - 1000) / 200)[:, np.newaxis]
    inside = (mjj > WINDOW[0]) & (mjj < WINDOW[1])
    beside = np.random.default_rng(seed).permutation(np.flatnonzero(~inside))
    parts = beside[len(beside) // 10 :], beside[: len(beside) // 10]
    training.fit(flow.density, FLOW, training.Data.unlabelled((x, context), None, *parts))
    drawn = np.random.default_rng(seed).choice(context[inside, 0], 2 * int(inside.sum()))[:, np.newaxis]
    return flow.sample(len(drawn), seed, drawn)


def trial(qcd: Pairs, seed: int) -> dict[str, Any]:
    """Significance of the excess in the window, of one of the slices of QCD pairs after CWoLa's cut."""
    deal, number = divmod(seed - 1, SLICES)
    part = qcd.take(np.random.default_rng((2021, deal)).permutation(len(qcd))[number::SLICES])
    fold = anomalies.folds(len(part), TRIAL_FOLDS, seed)
    score = anomalies.cwola(quick, anomalies.inputs(part), part["mjj"], WINDOW, WIDTH, fold, seed=seed).data
    found = anomalies.excess(part, score, EFFICIENCY, WINDOW)
    return {
        "seed": seed,
        "significance": round(found.significance, 3),
        "observed": found.observed,
        "background": round(found.background.value, 2),
    }


def quick(x: NDArray[Any], y: NDArray[Any], weight: NDArray[Any], seed: int) -> anomalies.Scorer:
    """The trees of the lesson, but one in place of four."""
    return anomalies.trees(x, y, weight, seed, members=1)


def steps(pairs: Pairs, seeds: int, trials: int, before: dict[str, list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """What there is, after each thing more; what was there `before` is not repeated."""
    found = {"runs": list(before.get("runs", [])), "alarms": list(before.get("alarms", []))}
    done = {(each["share"], each["seed"]) for each in found["runs"]}
    qcd = pairs.take(~pairs.is_signal)

    def judged(wanted: list[tuple[float, int]]) -> Iterator[dict[str, Any]]:
        for share, seed in (each for each in wanted if each not in done):
            found["runs"].append(gains(pairs, share, seed))
            print(found["runs"][-1], flush=True)
            yield found

    yield from judged([(SHARES[0], seed) for seed in range(1, seeds + 1)])
    for seed in sorted(set(range(1, trials + 1)) - {each["seed"] for each in found["alarms"]}):
        found["alarms"].append(trial(qcd, seed))
        yield found
    yield from judged([(share, 1) for share in SHARES[1:]])
    yield found


def summary(found: dict[str, Any], pairs: Pairs) -> dict[str, Any]:
    """The goal's numbers, and everything that they come from."""
    result: dict[str, Any] = {"sample": {"qcd": int((~pairs.is_signal).sum()), "signal": int(pairs.is_signal.sum())}}
    result |= {"window": WINDOW, "efficiency": EFFICIENCY, "min_background": anomaly.MIN_BACKGROUND}
    runs = [each for each in found["runs"] if each["share"] == SHARES[0]]
    for name in ("cwola", "cathode", "supervised"):
        if runs:
            best = over_seeds([Estimate(each[name], each[f"{name}_err"]) for each in runs])
            result |= {f"max_sic_{name}": round(best.value, 3), f"max_sic_{name}_err": round(best.error, 3)}
    alarms = [each["significance"] for each in found["alarms"]]
    result |= {"seeds": [each["seed"] for each in runs], "trials": len(alarms)}
    result |= {"false_alarms": sum(each > ALARM for each in alarms)}
    if len(alarms) > 1:
        mean, width = statistics.mean(alarms), statistics.stdev(alarms)
        result |= {"trial_significance": {"mean": round(mean, 3), "width": round(width, 3), "max": max(alarms)}}
    return result | found


def over_seeds(values: list[Estimate]) -> Estimate:
    """Mean of some runs on the same background; its error joins that of the events and that of the mean of seeds."""
    several = [each.value for each in values]
    spread = statistics.stdev(several) / len(several) ** 0.5 if len(several) > 1 else 0.0
    return Estimate(statistics.mean(several), float(np.hypot(statistics.mean(each.error for each in values), spread)))


def main() -> None:
    """Do what is missing, and write the results after each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sample", type=Path, help="pairs of jets (those that come with the kit)")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--fresh", action="store_true", help="forget what the results have")
    options = parser.parse_args()
    pairs = anomalies.load(options.sample)
    before = json.loads(RESULTS.read_text()).get("anomaly", {}) if RESULTS.exists() else {}
    before = {} if options.fresh else before
    for found in steps(pairs, options.seeds, options.trials, before):
        result = summary(found, pairs)
        record(RESULTS, "anomaly", result, "keras", "tensorflow-cpu", "scikit-learn", "numpy")
    print(json.dumps({name: value for name, value in result.items() if name not in ("runs", "alarms")}, indent=1))


if __name__ == "__main__":
    main()
