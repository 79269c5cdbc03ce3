"""The network taken further: where will the track be next, and how sure is that, as a Gaussian instead of 200 bins.

An LSTM reads the hits of a track one by one; asked for a layer, a small head gives the mean and the width of the
residual there. Trained by the negative log likelihood of the true hits, used by `search` in the Kalman filter's place.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jetlab.angles import wrap
from jetlab.backend import load_keras, seeded
from jetlab.errors import ArgumentError
from jetlab.tracking.detector import LAYERS
from jetlab.tracking.hits import Hits
from jetlab.tracking.lstm2017 import RANGES, check_rate, whole_numbers
from jetlab.tracking.search import State
from jetlab.tracking.steps import MEMORY, Units, extrapolate, history, inputs, sequences

if TYPE_CHECKING:
    import keras

Floats = NDArray[np.float64]
#: Targets of each step: the next hit and the one after, since one in thirty is lost.
AHEAD = 2


@dataclass(frozen=True)
class ResidualSettings:
    """The residual network and its training; `physics` False leaves out slopes, curvature and extrapolation."""

    hidden: int = 64
    head: int = 64
    epochs: int = 12
    batch_size: int = 256
    learning_rate: float = 3e-3
    physics: bool = True
    seed: int = 1

    def __post_init__(self) -> None:
        """Check the numbers; raise ArgumentError naming the one that cannot be."""
        whole_numbers(self, head=(1, 1024), **RANGES)
        check_rate(self.learning_rate)


@dataclass(frozen=True)
class ResidualNetwork:
    """A trained network as the predictor that `search` wants; its state has the LSTM's two vectors and three hits."""

    cell: "keras.layers.LSTMCell"
    head: "tuple[keras.layers.Dense, ...]"
    units: Units
    settings: ResidualSettings
    history: list[float]

    def start(self, layer: int, phi: Floats) -> State:
        """Begin with a hit (n,) of a layer and an empty memory."""
        n = len(phi)
        past_phi, past_layer = np.zeros((n, MEMORY)), np.full((n, MEMORY), -1)
        past_phi[:, 0], past_layer[:, 0] = phi, layer
        empty = np.zeros((n, self.settings.hidden), np.float32)
        return (*self._read(past_phi, past_layer, np.zeros(n), empty, empty), past_phi, past_layer)

    def predict(self, state: State, layer: int) -> tuple[Floats, Floats, State]:
        """Mean and width in a layer, radians (n,); the state stays what it is until a hit is found."""
        hidden, _, past_phi, past_layer = state
        if not len(hidden):
            return np.zeros(0), np.zeros(0), state
        asked = np.broadcast_to(np.eye(LAYERS, dtype=np.float32)[layer], (len(hidden), LAYERS))
        answer = _numpy(_through(self.head, np.concatenate([hidden, asked], axis=1))).astype(np.float64)
        unit = self.units(past_layer, layer)
        mean = extrapolate(past_phi, past_layer, layer, self.settings.physics) + unit * answer[:, 0]
        return np.mod(mean, 2 * np.pi), unit * np.exp(answer[:, 1]), state

    def update(self, carried: State, layer: int, phi: Floats) -> State:
        """Read a hit that was found."""
        hidden, memory, past_phi, past_layer = carried
        expected = extrapolate(past_phi, past_layer, layer, self.settings.physics)
        residual = wrap(phi - expected) / self.units(past_layer, layer)
        past_phi = np.column_stack([phi, past_phi[:, :-1]])
        past_layer = np.column_stack([np.full(len(phi), layer), past_layer[:, :-1]])
        return (*self._read(past_phi, past_layer, residual, hidden, memory), past_phi, past_layer)

    def _read(
        self, phi: Floats, layer: NDArray[np.int64], residual: Floats, hidden: Any, memory: Any
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if not len(phi):
            return hidden, memory
        x = inputs(phi, layer, residual, self.settings.physics)
        _, (hidden, memory) = self.cell(x, [hidden, memory])
        return _numpy(hidden), _numpy(memory)


def training_arrays(
    hits: Hits, units: Units, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Inputs (n, 9, width), layers asked for (n, 9, 2, 9), targets (n, 9, 2) in units, weights (n, 9, 2).

    Half of the tracks are mirrored, a tenth of the hits are left out once more.
    """
    phi, layer, _ = sequences(hits)
    rng = np.random.default_rng(seed)
    phi = phi * rng.choice([-1, 1], (len(phi), 1))
    phi, layer = _thin(phi, layer, rng.random(phi.shape) < 0.1)
    xs, asks, ts, ws = [], [], [], []
    residual = np.zeros(len(phi))
    for column in range(LAYERS):
        past_phi, past_layer = history(phi, layer, column)
        xs.append(inputs(past_phi, past_layer, residual, units.physics))
        for ahead in range(column + 1, column + 1 + AHEAD):
            there = ahead < LAYERS
            target = layer[:, ahead] if there else np.full(len(phi), -1)
            known = (target >= 0) & (past_layer[:, 0] >= 0)
            target = np.maximum(target, 0)
            expected = extrapolate(past_phi, past_layer, target, units.physics)
            away = wrap((phi[:, ahead] if there else 0) - expected) / units(past_layer, target)
            away = np.where(known, away, 0)
            asks.append(np.eye(LAYERS, dtype=np.float32)[target])
            ts.append(away)
            ws.append(known)
            if ahead == column + 1:
                residual = away
    shape = (len(phi), LAYERS, AHEAD)
    asked = np.stack(asks, axis=1).reshape(*shape, LAYERS)
    targets, weights = (np.stack(part, axis=1).reshape(shape).astype(np.float32) for part in (ts, ws))
    return np.stack(xs, axis=1), asked, targets, weights


def train_residual(
    hits: Hits,
    settings: ResidualSettings | None = None,
    on_epoch: Callable[[ResidualNetwork, int], Any] | None = None,
    stop: threading.Event | None = None,
) -> ResidualNetwork:
    """Train on the true tracks of `hits`; the learning rate falls along a cosine to nearly nothing.

    `on_epoch(network, epoch)` runs after each epoch; `stop` ends it there. Raises ArgumentError for hits without
    tracks.
    """
    settings = settings or ResidualSettings()
    keras = load_keras()
    phi, layer, _ = sequences(hits)
    if not len(phi):
        raise ArgumentError("There is no true track to learn from; simulate more events.")
    units = Units.fit(phi, layer, settings.physics)
    width = inputs(phi[:1], layer[:1, :MEMORY], np.zeros(1), settings.physics).shape[1]
    with seeded(settings.seed):
        cell = keras.layers.LSTMCell(settings.hidden)
        head = _head(settings)
        model = _model(cell, head, settings, width)
    steps = settings.epochs * -(-len(phi) // settings.batch_size)
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(settings.learning_rate, steps)), _nll)
    network = ResidualNetwork(cell, head, units, settings, [])
    for epoch in range(1, settings.epochs + 1):
        # Thinned and mirrored anew each time: no track is seen twice alike.
        x, asked, targets, weights = training_arrays(hits, units, settings.seed * 1000 + epoch)
        truth = np.stack([targets, weights], axis=-1)
        # Keras would shuffle by a seed that is the user's.
        order = np.random.default_rng((settings.seed, epoch)).permutation(len(x))
        x, asked, truth = x[order], asked[order], truth[order]
        done = model.fit([x, asked], truth, batch_size=settings.batch_size, shuffle=False, verbose=0)
        network.history.append(float(done.history["loss"][0]))
        if on_epoch:
            on_epoch(network, epoch)
        if stop is not None and stop.is_set():
            break
    return network


def _model(cell: Any, head: Any, settings: ResidualSettings, width: int) -> "keras.Model":
    keras = load_keras()
    layers = keras.layers
    x = layers.Input((LAYERS, width))
    asked = layers.Input((LAYERS, AHEAD, LAYERS))
    hidden = layers.RNN(cell, return_sequences=True)(x)
    hidden = layers.Reshape((LAYERS, 1, settings.hidden))(hidden)
    both = layers.Concatenate()([layers.Concatenate(axis=2)([hidden] * AHEAD), asked])
    return keras.Model([x, asked], _through(head, both), name="residual")


def _head(settings: ResidualSettings) -> "tuple[keras.layers.Dense, ...]":
    dense = load_keras().layers.Dense
    return (dense(settings.head, activation="silu"), dense(settings.head, activation="silu"), dense(2))


def _through(layers: "tuple[keras.layers.Dense, ...]", x: Any) -> Any:
    for layer in layers:
        x = layer(x)
    return x


def _nll(truth: Any, answer: Any) -> Any:
    """Gaussian negative log likelihood (up to a constant) of residuals truth[..., 0], where truth[..., 1] is 1."""
    ops = load_keras().ops
    log_sigma = ops.clip(answer[..., 1], -7.0, 7.0)
    away = (truth[..., 0] - answer[..., 0]) * ops.exp(-log_sigma)
    # Far tails (a sharp turn at low pt) pull linearly, not squared.
    tail = ops.where(ops.abs(away) < 4, away**2 / 2, 4 * ops.abs(away) - 8)
    return ops.sum((tail + log_sigma) * truth[..., 1]) / (ops.sum(truth[..., 1]) + 1e-6)


def _thin(phi: Floats, layer: NDArray[np.int64], dropped: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.int64]]:
    gone = dropped | (layer < 0)
    order = np.argsort(gone, axis=1, kind="stable")
    return np.take_along_axis(phi, order, axis=1), np.take_along_axis(np.where(gone, -1, layer), order, axis=1)


def _numpy(values: Any) -> NDArray[np.float32]:
    found: NDArray[np.float32] = load_keras().ops.convert_to_numpy(values)
    return found
