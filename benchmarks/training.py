"""Speed of training: jetlab's compiled epochs against plain `model.fit` and against a plain PyTorch loop.

    python benchmarks/training.py [--rounds 5] [--only dense lstm] [--fresh]

All three train the same network on the same jets in memory, with Adam, weights, and the sums of loss and accuracy, and
take turns (ABCABC), so that a change of the machine's load meets all. PyTorch takes part where it can be imported and
has the network.
Compilation is not in the rates, but in `compile_seconds`. Rows go to benchmarks/results/training.json as they are
measured; those already there, of the same versions on the same machine, are kept.
"""

import argparse
import importlib.util
import json
import math
import os
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # PyTorch's threads would wait by spinning, at the others' cost

import flavour
import keras
import numpy as np
import tensorflow as tf
from machine import this_machine

from jetlab import backend, models, particles, training
from jetlab.config import RunConfig
from jetlab.training import compilation, programs

layers = keras.layers
RESULTS = Path(__file__).parent / "results" / "training.json"
PACKAGES = ("keras", "tensorflow-cpu", "numpy", "torch")
BATCH_SIZES = (1, 32, 128, 1024)
TURN_SECONDS = 1.0


def dense() -> keras.Model:
    """Three layers of 64 on 200 numbers per jet."""
    hidden = [layers.Dense(64, activation="relu") for _ in range(3)]
    return keras.Sequential([layers.Input((200,)), *hidden, layers.Dense(1, activation="sigmoid")])


def lstm() -> keras.Model:
    """One LSTM of 64 over 40 constituents of 5 numbers."""
    return keras.Sequential([layers.Input((40, 5)), layers.LSTM(64), layers.Dense(1, activation="sigmoid")])


def cnn() -> keras.Model:
    """Two convolutions, of 16 and 32 filters, on images of 33 x 33 pixels."""
    blocks: list[keras.Layer] = []
    for filters in (16, 32):
        blocks += [layers.Conv2D(filters, 3, padding="same", activation="relu"), layers.MaxPooling2D()]
    head = [layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dense(1, activation="sigmoid")]
    return keras.Sequential([layers.Input((33, 33, 1)), *blocks, *head])


def deep_sets() -> keras.Model:
    """Two layers of 64 for each of 40 constituents, their mean, one layer of 64 (arXiv:1703.06114)."""
    each = [layers.Dense(64, activation="relu") for _ in range(2)]
    head = [layers.GlobalAveragePooling1D(), layers.Dense(64, activation="relu"), layers.Dense(1, activation="sigmoid")]
    return keras.Sequential([layers.Input((40, 5)), *each, *head])


def dl1() -> keras.Model:
    """The network of benchmarks/flavour.py: three classes, Maxout, batch normalisation, dropout; 31 inputs."""
    return flavour.dl1(31, 0)


def particle_net_lite() -> keras.Model:
    """ParticleNet-Lite on 32 particles of 12 features (arXiv:1902.08570)."""
    return models.particle_net(32, len(particles.FEATURES), particles.COORDINATES, **models.PARTICLE_NET_LITE)


def transformer() -> keras.Model:
    """The small Particle Transformer of E1 on the same, and their momenta (arXiv:2202.03772)."""
    return models.particle_transformer(32, len(particles.FEATURES), width=32, heads=4, blocks=2)


NETWORKS: dict[str, Callable[[], keras.Model]] = {
    "dense": dense,
    "lstm": lstm,
    "cnn": cnn,
    "deep_sets": deep_sets,
    "dl1": dl1,
    "particle_net_lite": particle_net_lite,
    "transformer": transformer,
}
IN_TORCH = ("dense", "lstm", "cnn", "deep_sets")


def operations(model: keras.Model) -> float:
    """Floating-point operations to train on one jet: three times two per weight and place where it is used.

    Weights that multiply the inputs count twice two: nobody asks for the gradient of the inputs. Products without
    weights, as of attention, do not count.
    """
    products, inputs = 0.0, True
    for layer in compilation.all_layers(model):
        if isinstance(layer, layers.Dense):
            found, others = np.prod(layer.input.shape[1:-1]) * np.prod(layer.kernel.shape), 0
        elif isinstance(layer, layers.Conv2D):
            found, others = np.prod(layer.output.shape[1:3]) * np.prod(layer.kernel.shape), 0
        elif isinstance(layer, layers.LSTM):
            found, others = (
                layer.input.shape[1] * np.prod(each.shape) for each in (layer.cell.kernel, layer.cell.recurrent_kernel)
            )
        else:
            continue
        products += (2 if inputs else 3) * found + 3 * others
        inputs = False
    return float(2 * products)


def matrix_peak() -> float:
    """Floating-point operations per second of the fastest large float32 product, NumPy's, TensorFlow's or XLA's."""
    a = np.ones((2048, 2048), np.float32)
    tensor = tf.constant(a)
    by_xla = tf.function(tf.matmul, jit_compile=True)
    products = (lambda: a @ a, lambda: tf.matmul(tensor, tensor).numpy(), lambda: by_xla(tensor, tensor).numpy())
    times = []
    for product in products * 12:
        began = time.perf_counter()
        product()
        times.append(time.perf_counter() - began)
    return 2 * 2048**3 / min(times)


def jets(model: keras.Model, n: int) -> training.Data:
    """Random jets: speed does not depend on what they are."""
    rng, classes = np.random.default_rng(0), max(2, model.output_shape[-1])
    # Of several inputs the second are momenta, of which none is negative.
    x = tuple(np.abs(rng.normal(size=(n, *each.shape[1:]))).astype("f4") for each in model.inputs)
    x = x if len(x) > 1 else x[0]
    y, w = np.arange(n) % classes, rng.uniform(0.5, 1.5, n)
    return training.Data(x, y, w, training.rows(x, np.arange(min(n, 64))), y[:64], None, classes=classes)


def loss_of(model: keras.Model) -> str:
    """Cross-entropy of two classes or several."""
    return "binary_crossentropy" if model.output_shape[-1] == 1 else "sparse_categorical_crossentropy"


def by_jetlab(name: str, batch_size: int) -> Callable[[int], float]:
    """Trainer: number of jets -> jets per second of the second epoch, as `training.fit` reports it."""
    model = NETWORKS[name]()
    # As in a lesson the training is announced as a long one; it is ended after the epoch that is timed.
    config = RunConfig(loss=loss_of(model), batch_size=batch_size, epochs=1000, patience=0)

    def turn(n: int) -> float:
        stop, rates = threading.Event(), []

        def on_event(event: training.Event) -> None:
            if isinstance(event, training.EpochEnd):
                rates.append(event.jets_per_second)
                stop.set() if len(rates) == 2 else None

        training.fit(model, config, jets(model, n), on_event, stop)
        return rates[1]

    return turn


def by_keras(name: str, batch_size: int) -> Callable[[int], float]:
    """The same through plain `model.fit`, the second epoch of which is timed."""
    model = NETWORKS[name]()
    model.compile("adam", loss=loss_of(model), weighted_metrics=["accuracy"])

    def turn(n: int) -> float:
        times: list[float] = []
        clock = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: times.append(time.perf_counter()),
            on_epoch_end=lambda epoch, logs: times.append(time.perf_counter()),
        )
        part = jets(model, n)
        model.fit(
            list(part.x_train) if isinstance(part.x_train, tuple) else part.x_train,
            part.y_train,
            sample_weight=part.w_train,
            batch_size=batch_size,
            epochs=2,
            callbacks=[clock],
            verbose=0,
        )
        return n / (times[3] - times[2])

    return turn


def by_torch(name: str, batch_size: int) -> Callable[[int], float]:
    """The same as a plain PyTorch loop over batches."""
    import torch
    from torch import nn

    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(5, 64, batch_first=True)

        def forward(self, x: Any) -> Any:
            return self.lstm(x)[0][:, -1]

    class Mean(nn.Module):
        def forward(self, x: Any) -> Any:
            return x.mean(dim=1)

    def block(n: int, m: int) -> list[Any]:
        return [nn.Linear(n, m), nn.ReLU()]

    convolutions = [
        layer
        for n, m in ((1, 16), (16, 32))
        for layer in (nn.Conv2d(n, m, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2))
    ]
    parts = {
        "dense": [*block(200, 64), *block(64, 64), *block(64, 64)],
        "lstm": [Last()],
        "cnn": [*convolutions, nn.Flatten(), *block(2048, 64)],
        "deep_sets": [*block(5, 64), *block(64, 64), Mean(), *block(64, 64)],
    }[name]
    model = nn.Sequential(*parts, nn.Linear(64, 1))
    optimizer, cross_entropy = torch.optim.Adam(model.parameters(), lr=1e-3), nn.BCEWithLogitsLoss(reduction="none")
    twin = NETWORKS[name]()

    def turn(n: int) -> float:
        part = jets(twin, n)
        x, y, w = (torch.from_numpy(values) for values in (part.x_train, part.y_train, part.w_train))
        if name == "cnn":
            x = x.permute(0, 3, 1, 2).contiguous()
        began = time.perf_counter()
        order, sums = torch.randperm(n), torch.zeros(2)
        for chosen in order.split(batch_size):
            target, weight = y[chosen], w[chosen]
            optimizer.zero_grad()
            logit = model(x[chosen])[:, 0]
            loss = (weight * cross_entropy(logit, target)).mean()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                sums += torch.stack([loss * len(target), (weight * ((logit > 0) == (target > 0.5))).sum()])
        return n / (time.perf_counter() - began)

    def rate_with(threads: int) -> float:
        torch.set_num_threads(threads)
        turn(4 * batch_size)
        return turn(16 * batch_size)

    # Small networks are faster on one thread, all the more where cores are shared: PyTorch gets what suits it.
    torch.set_num_threads(max((1, backend.cores()), key=rate_with))
    return turn


TRAINERS = {"jetlab": by_jetlab, "fit": by_keras, "torch": by_torch}


def measure(name: str, batch_size: int, rounds: int) -> dict[str, Any]:
    """One row of the results: median rates, and medians and extremes of the ratios of neighbouring turns."""
    with_torch = name in IN_TORCH and has_torch()
    trainers = {kind: make(name, batch_size) for kind, make in TRAINERS.items() if kind != "torch" or with_torch}
    sizes, rates = {}, {kind: [] for kind in trainers}
    seconds = 0.0
    for kind, turn in trainers.items():
        n = batch_size * (4 if batch_size > 1 else 20)
        began = time.perf_counter()
        turn(n)  # compiles
        seconds = time.perf_counter() - began if kind == "jetlab" else seconds
        # Twice, since a few batches tell little of how many there must be for a turn of the length wanted.
        for _ in range(2):
            n = max(2, min(int(turn(n) * TURN_SECONDS), 200_000 * 200 // numbers(name)) // batch_size)
            n *= batch_size
        sizes[kind] = n
        turn(n)
    for _ in range(rounds):
        for kind, turn in trainers.items():
            rates[kind].append(turn(sizes[kind]))
    model = NETWORKS[name]()
    rate = statistics.median(rates["jetlab"])
    row = {
        "model": name,
        "batch_size": batch_size,
        "program": "XLA" if programs.wants_xla(model, batch_size, 10**6) else "graph",
        "compile_seconds": round(seconds, 2),
        "jets_per_second": round(rate),
        "fraction_of_peak": None,
        "ratio_to_torch": None,
    }
    for kind in ("fit", "torch"):
        if kind in rates:
            ratios = sorted(ours / theirs for ours, theirs in zip(rates["jetlab"], rates[kind], strict=True))
            row[f"ratio_to_{kind}"] = round(statistics.median(ratios), 2)
            row[f"ratio_to_{kind}_range"] = [round(ratios[0], 2), round(ratios[-1], 2)]
            row[f"jets_per_second_{kind}"] = round(statistics.median(rates[kind]))
    return row


def numbers(name: str) -> int:
    """How many numbers a jet has."""
    return sum(math.prod(each.shape[1:]) for each in NETWORKS[name]().inputs)


def has_torch() -> bool:
    """Whether PyTorch can be imported."""
    return importlib.util.find_spec("torch") is not None


def main() -> None:
    """Measure what is asked for and write it after every row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="turns of each, of about a second")
    parser.add_argument("--only", nargs="*", choices=NETWORKS, default=list(NETWORKS), help="networks")
    parser.add_argument("--fresh", action="store_true", help="measure what is in the results again")
    options = parser.parse_args()
    here, rows, peak = this_machine(*PACKAGES), [], matrix_peak()
    if RESULTS.exists() and (old := json.loads(RESULTS.read_text()))["machine"].items() >= here.items():
        rows, peak = old["rows"], max(peak, old["machine"]["matrix_product_gflops"] * 1e9)
    for name in options.only:
        for batch_size in BATCH_SIZES:
            place = (name, batch_size)
            if not options.fresh and any((row["model"], row["batch_size"]) == place for row in rows):
                continue
            load = os.getloadavg()[0]
            row = measure(name, batch_size, options.rounds) | {"load_before": round(load, 2)}
            rows = [other for other in rows if (other["model"], other["batch_size"]) != place] + [row]
            print(json.dumps(row), flush=True)
            write(here, rows, peak)
    write(here, rows, peak)


def write(here: dict[str, Any], rows: list[dict[str, Any]], peak: float) -> None:
    """Store the rows in order, each with its fraction of the one peak that is stored with them."""
    rows.sort(key=lambda row: (list(NETWORKS).index(row["model"]), row["batch_size"]))
    for row in rows:
        rate = row["jets_per_second"] * operations(NETWORKS[row["model"]]())
        row["fraction_of_peak"] = round(rate / peak, 4)
    machine = here | {"matrix_product_gflops": round(peak / 1e9, 1)}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
