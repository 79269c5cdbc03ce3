"""Numbers of lesson E3: pile-up taken off jets by area, SoftKiller, PUPPI and PUMML's network.

    python benchmarks/pile_up.py [--seeds 3] [--speed]

The network of E3 is trained with QCD jets at 40 pile-up collisions on average, and again at 140, and used from 0 to 140
on QCD jets and on jets of W that it never saw. Collisions of training, validation and test are apart, and so are the
minimum-bias collisions of training and of the other two. Beside PUPPI as its paper has it stands one whose least pt is
chosen on the validation jets. The ratio of the training's speed to that of a plain loop with a GradientTape is taken
with the same network and batches. Written to benchmarks/results/beyond.json, under "pile_up".
"""

import argparse
import dataclasses
import itertools
import json
import statistics
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from machine import record
from numpy.typing import NDArray

from jetlab import catalog, pile_up, training
from jetlab.config import RunConfig
from jetlab.metrics import response

RESULTS = Path(__file__).resolve().parent / "results" / "beyond.json"
MEANS = (0, 20, 40, 80, 140)
TRAINED = (40, 140)
#: Times that each training collision is overlaid anew, by mean.
TIMES = {40: 4, 140: 2}
TEST_SEED = 7
FRACTIONS = (0.6, 0.75)
CONFIG = RunConfig(loss="output", batch_size=64, learning_rate=4e-3, schedule="cosine", epochs=12, patience=0)
#: What the least pt of a weighted cell is multiplied by, in the PUPPI that is tuned.
FACTORS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
LEAST_MASS = 10.0
KINDS = {"qcd": False, "w": True}
Array = NDArray[Any]


class Sample:
    """The shipped collisions, dealt: train, validation and test hard ones, and two halves of the pool."""

    def __init__(self) -> None:
        self.crossings = pile_up.read_crossings(catalog.path("pile_up"))
        qcd = np.flatnonzero(~self.crossings.is_w)
        train, validation, test = np.split(qcd, [int(share * len(qcd)) for share in FRACTIONS])
        self.collisions = {
            "train": train,
            "validation": validation,
            "test": np.concatenate([test, np.flatnonzero(self.crossings.is_w)]),
        }
        first, second = np.array_split(np.arange(len(self.crossings.minimum_bias)), 2)
        self.pools = {"train": first, "validation": second, "test": second}

    def jets(self, part: str, mean: float, seed: int, times: int = 1) -> pile_up.Jets:
        """Jets of a part, so many times, each with other pile-up."""
        seeds = range(1000 * seed, 1000 * seed + times)
        chosen = self.collisions[part], self.pools[part]
        return pile_up.joined([pile_up.overlay(self.crossings, mean, each, *chosen) for each in seeds])


def network() -> keras.Model:
    """The network of E3: a weight for each cell from its neighbourhood in the three images."""
    seen = keras.Input((pile_up.SIZE, pile_up.SIZE, 3))
    hidden = keras.layers.Conv2D(16, 5, padding="same", activation="relu")(ops.log1p(seen))
    hidden = keras.layers.Conv2D(16, 1, activation="relu")(hidden)
    weight = keras.layers.Conv2D(1, 1, activation="sigmoid")(hidden)
    return keras.Model(seen, weight * seen[..., 2:])


def loss(found: Any, truth: Any) -> Any:
    """Mean squared difference of log(pt + 10 GeV), (n, 1), times 1,000."""
    return 1000 * ops.mean(ops.square(ops.log((found + 10) / (truth + 10))), axis=(1, 2))


def with_loss(model: keras.Model) -> keras.Model:
    """A network that puts out its own loss for images and truth."""
    truth = keras.Input((pile_up.SIZE, pile_up.SIZE, 1))
    return keras.Model([model.input, truth], loss(model.output, truth))


def trained(sample: Sample, mean: int, seed: int) -> keras.Model:
    """A network trained at one pile-up."""
    train, validation = sample.jets("train", mean, seed, TIMES[mean]), sample.jets("validation", mean, seed)
    jets = pile_up.joined([train, validation])
    keras.utils.set_random_seed(seed)
    model = network()
    inputs = pile_up.images(jets), jets.truth[..., None]
    parts = np.split(np.arange(len(jets)), [len(train)])
    data = training.Data.unlabelled(inputs, None, *parts)
    training.fit(with_loss(model), CONFIG, data)
    return model


def ratios(jets: pile_up.Jets, cells: Array) -> tuple[Array, Array]:
    """Measured over true pt and mass; of jets whose true mass is above LEAST_MASS, else NaN."""
    measured, true = pile_up.kinematics(jets, cells), pile_up.kinematics(jets, jets.truth)
    there = true[1] > LEAST_MASS
    pt, mass = (np.where(there, a / np.where(there, b, 1), np.nan) for a, b in zip(measured, true, strict=True))
    return pt, mass


def tightened(jets: pile_up.Jets, factor: float) -> Array:
    """PUPPI's cells with a least pt so many times as large."""
    cells = jets.neutral * jets.puppi
    least = factor * (pile_up.LEAST_PT[0] + pile_up.LEAST_PT[1] * jets.n_pile_up)
    return np.where(cells < least[:, None, None], 0.0, cells)


def tuned(sample: Sample) -> float:
    """The factor of FACTORS with the best mass resolution on validation jets at the first of TRAINED."""
    jets = sample.jets("validation", TRAINED[0], 1, 3)
    values = {factor: ratios(jets, tightened(jets, factor))[1] for factor in FACTORS}
    return min(FACTORS, key=lambda factor: response.resolution(values[factor][np.isfinite(values[factor])]).value)


def speed(sample: Sample) -> dict[str, float]:
    """Seconds of the fastest epoch of a plain loop over those of the engine, taken in turns on the same jets."""
    jets = sample.jets("train", TRAINED[0], 1, 2)
    inputs = pile_up.images(jets), jets.truth[..., None].astype(np.float32)
    order = np.arange(len(jets))
    # Few validation jets: the loop has none.
    data = training.Data.unlabelled(inputs, None, order, order[:64])
    found: dict[str, list[float]] = {"engine": [], "tape": []}
    for _ in range(2):
        model = with_loss(network())
        found["engine"] += training.fit(model, dataclasses.replace(CONFIG, epochs=4), data).history["seconds"][1:]
        found["tape"] += tape(*inputs)
    return {"ratio_to_tape": round(min(found["tape"]) / min(found["engine"]), 2)}


def tape(images: Array, truth: Array) -> list[float]:
    """Seconds of three epochs of a plain loop, after one that compiles."""
    model = with_loss(network())
    optimizer = keras.optimizers.get({"class_name": CONFIG.optimizer, "config": {"learning_rate": 4e-3}})

    @tf.function
    def step(images: Any, truth: Any) -> None:
        with tf.GradientTape() as watched:
            value = tf.reduce_mean(model([images, truth], training=True))
        gradients = watched.gradient(value, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))

    seconds = []
    for epoch in range(4):
        order = np.random.default_rng(epoch).permutation(len(images))
        began = time.perf_counter()
        for start in range(0, len(order) - CONFIG.batch_size + 1, CONFIG.batch_size):
            rows = order[start : start + CONFIG.batch_size]
            step(tf.constant(images[rows]), tf.constant(truth[rows]))
        seconds.append(time.perf_counter() - began)
    return seconds[1:]


def joined(estimates: list[Any]) -> dict[str, float]:
    """Mean over seeds; the error joins that of the jets and that of the mean over seeds."""
    values = [each.value for each in estimates]
    spread = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    of_jets = statistics.mean(each.error for each in estimates)
    return {"value": round(statistics.mean(values), 4), "error": round(float(np.hypot(of_jets, spread)), 4)}


def measured(sample: Sample, seeds: int) -> dict[str, Any]:
    """Rows for each mean, kind of jet and method, the gains, and the speed."""
    factor = tuned(sample)
    made = {(mean, seed): trained(sample, mean, seed) for mean, seed in itertools.product(TRAINED, range(1, seeds + 1))}
    rows, gains = [], {}
    for mean in MEANS:
        jets = sample.jets("test", mean, TEST_SEED)
        images = pile_up.images(jets)
        methods: dict[str, list[Array]] = {
            "none": [jets.neutral],
            "area": [pile_up.area_subtracted(jets.neutral, jets.rho)],
            "SoftKiller": [pile_up.soft_killed(jets.neutral, jets.killer)],
            "PUPPI": [jets.neutral * jets.puppi],
            "PUPPI, tuned": [tightened(jets, factor)],
        } | {
            f"network trained at {at}": [
                training.outputs(made[at, seed], images)[..., 0] for seed in range(1, seeds + 1)
            ]
            for at in TRAINED
        }
        for (kind, is_w), (name, several) in itertools.product(KINDS.items(), methods.items()):
            found = [[part[(jets.is_w == is_w) & np.isfinite(part)] for part in ratios(jets, each)] for each in several]
            row: dict[str, Any] = {"mean": mean, "jets": kind, "method": name, "n": len(found[0][0])}
            for position, which in enumerate(("pt", "mass")):
                values = [each[position] for each in found]
                row[f"{which}_median"] = joined([response.closure(each) for each in values])
                row[f"{which}_resolution"] = joined([response.resolution(each) for each in values])
            rows.append(row)
            print(row, flush=True)
            if mean and name.startswith("network"):
                for rival in ("PUPPI", "PUPPI, tuned"):
                    against = ratios(jets, methods[rival][0])[1]
                    against = against[(jets.is_w == is_w) & np.isfinite(against)]
                    gain = joined([response.gain(each[1], against) for each in found])
                    gains[f"{name}, {mean} collisions, {kind}, over {rival}"] = gain
    main = gains[f"network trained at {TRAINED[0]}, {TRAINED[0]} collisions, qcd, over PUPPI"]
    sizes = {part: len(each) for part, each in sample.collisions.items()}
    return {
        "sample": {"file": "pile_up.h5", "collisions": sizes, "times": TIMES},
        "seeds": seeds,
        "mass_resolution_gain_over_puppi": main["value"],
        "mass_resolution_gain_over_puppi_err": main["error"],
        "gains": gains,
        "puppi_factor": factor,
        "rows": rows,
        "speed": speed(sample),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--speed", action="store_true", help="measure the speed alone, and keep the rest")
    options = parser.parse_args()
    if options.speed:
        found = json.loads(RESULTS.read_text())["pile_up"] | {"speed": speed(Sample())}
    else:
        found = measured(Sample(), options.seeds)
    record(RESULTS, "pile_up", found, "keras", "tensorflow-cpu", "numpy")
    print({name: found[name] for name in ("mass_resolution_gain_over_puppi", "speed")})


if __name__ == "__main__":
    main()
