"""The network of the 2017 hands-on: an LSTM that walks outwards over the layers and says where its track's hit is.

Each track candidate is one picture of layers x phi bins: in layer 0 its seed hit alone, in the others every hit of the
event. For each layer the network gives a probability per bin (S. Farrell et al., arXiv:1810.06111, has similar ones).
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jetlab.backend import device, load_keras, seeded
from jetlab.errors import ArgumentError, counted
from jetlab.tracking.detector import LAYERS
from jetlab.tracking.hits import Hits
from jetlab.tracking.score import evaluate
from jetlab.training import BatchEnd, EpochEnd, Event, Knobs, TrainBegin, TrainEnd

if TYPE_CHECKING:
    import keras

CHUNK = 4096
#: Seeds of some events and, per event, where among them its seeds begin and end, and where its hits lie.
Block = tuple[NDArray[np.int64], list[tuple[int, int, slice]]]
#: Allowed whole numbers of the settings of both networks, both ends included.
RANGES = {"hidden": (1, 1024), "epochs": (1, 1000), "batch_size": (1, 65_536), "seed": (0, 2**32 - 1)}


@dataclass(frozen=True)
class Settings:
    """The network of 2017 and its training; `rotated` turns every picture so that its seed lies in the middle.

    `bins` around each layer, `hidden` numbers remembered by the LSTM, `bidirectional`: a second LSTM walks inwards;
    `events` to learn from, the first so many (None: all). Raises ArgumentError.
    """

    bins: int = 100
    hidden: int = 50
    epochs: int = 5
    batch_size: int = 128
    bidirectional: bool = False
    rotated: bool = False
    seed: int = 1
    learning_rate: float = 1e-3
    events: int | None = None

    def __post_init__(self) -> None:
        """Check the numbers."""
        whole_numbers(self, bins=(2, 2000), **RANGES)
        check_rate(self.learning_rate)
        if self.events is not None:
            whole_numbers(self, events=(1, 10**9))

    @property
    def label(self) -> str:
        """Training events, bins and hidden size, such as "250 events, 100 bins, hidden 50"."""
        events = "all events" if self.events is None else counted(self.events, "event")
        return f"{events}, {self.bins} bins, hidden {self.hidden}"

    def rate(self, epoch: int) -> float:
        """Learning rate in an epoch: always the same."""
        return self.learning_rate


def whole_numbers(settings: Any, **ranges: tuple[int, int]) -> None:
    """Raise ArgumentError naming the field of `settings` that is not a whole number of its range, ends included."""
    for name, (low, high) in ranges.items():
        value = getattr(settings, name)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ArgumentError(f"{name} is {value!r}; allowed is a whole number from {low} to {high}.")


def check_rate(learning_rate: float) -> None:
    """Raise ArgumentError for a learning rate that is not above 0 and at most 1."""
    if not 0 < learning_rate <= 1:
        raise ArgumentError(f"learning_rate is {learning_rate!r}; allowed is a number above 0, at most 1.")


def pictures(hits: Hits, seeds: NDArray[np.int64], settings: Settings) -> NDArray[np.float32]:
    """Pictures (n, 9, bins) of 0 and 1 for seed hits (n,) of layer 0."""
    bins = settings.bins
    number = hits.number[seeds]
    first = np.append(hits.starts, len(hits))
    counts = first[number + 1] - first[number]
    row = np.repeat(np.arange(len(seeds)), counts)
    hit = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(first[number], counts)
    kept = (hits.layer[hit] > 0) | (hit == seeds[row])
    row, hit = row[kept], hit[kept]
    result = np.zeros((len(seeds), LAYERS, bins), np.float32)
    result[row, hits.layer[hit], phi_bin(hits, hit, seeds[row], settings)] = 1
    return result


def targets(hits: Hits, seeds: NDArray[np.int64], settings: Settings) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """True bin in each layer, (n, 9), and weight 0 where the track has no hit in that layer, else 1."""
    key = hits.number * (int(hits.track.max(initial=0)) + 2) + hits.track + 1
    order = np.argsort(key[seeds], kind="stable")
    place = np.searchsorted(key[seeds][order], key)
    place = order[np.minimum(place, len(order) - 1)] if len(order) else np.zeros(0, np.int64)
    hit = np.flatnonzero((key[seeds][place] == key) & (hits.track >= 0)) if len(order) else np.zeros(0, np.int64)
    row = place[hit]
    bins, weights = np.zeros((len(seeds), LAYERS), np.int64), np.zeros((len(seeds), LAYERS), np.float32)
    bins[row, hits.layer[hit]] = phi_bin(hits, hit, seeds[row], settings)
    weights[row, hits.layer[hit]] = 1
    return bins, weights


def phi_bin(hits: Hits, hit: NDArray[np.int64], seed: NDArray[np.int64], settings: Settings) -> NDArray[np.int64]:
    """Bin of hits (n,) in the pictures of seeds (n,)."""
    phi = hits.phi[hit]
    if settings.rotated:
        phi = phi - hits.phi[seed] + np.pi
    bins: NDArray[np.int64] = np.floor(np.mod(phi / (2 * np.pi), 1.0) * settings.bins).astype(np.int64) % settings.bins
    return bins


def build(settings: Settings) -> "keras.Model":
    """LSTM over the nine layers, a softmax over the bins of each (TimeDistributed); Nadam. Seeded by the settings."""
    keras = load_keras()
    layers = keras.layers
    with seeded(settings.seed):
        inputs = layers.Input((LAYERS, settings.bins))
        lstm = layers.LSTM(settings.hidden, return_sequences=True)
        x = layers.Bidirectional(lstm)(inputs) if settings.bidirectional else lstm(inputs)
        outputs = layers.TimeDistributed(layers.Dense(settings.bins, activation="softmax"))(x)
        model = keras.Model(inputs, outputs, name="lstm_2017")
    nadam = keras.optimizers.Nadam(settings.learning_rate)
    model.compile(nadam, loss="sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    return model


@dataclass(frozen=True)
class Network:
    """A trained network of 2017: assigns hits to the seeds of layer 0; `history` has a number per epoch."""

    model: "keras.Model"
    settings: Settings
    history: dict[str, list[float]]

    def probabilities(self, hits: Hits, seeds: NDArray[np.int64]) -> NDArray[np.float32]:
        """Probability of each bin, (n, 9, bins), for seeds (n,)."""
        to_numpy = load_keras().ops.convert_to_numpy
        parts = [
            to_numpy(self.model(pictures(hits, seeds[i : i + CHUNK], self.settings), training=False))
            for i in range(0, len(seeds), CHUNK)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, LAYERS, self.settings.bins), np.float32)

    def assign(self, hits: Hits, shared_out: bool = False) -> NDArray[np.int64]:
        """Track number of each hit, (n,): the seed that gives the hit's bin the highest probability, -1 without seeds.

        `shared_out`: instead, each layer's hits are shared out among the seeds, one each at most, such that the summed
        log probability is largest.
        """
        labels = np.full(len(hits), -1)
        all_seeds = np.flatnonzero(hits.layer == 0)
        labels[all_seeds] = all_seeds - hits.starts[hits.number[all_seeds]]
        # In blocks of seeds, by events: the probabilities of all at once would not fit in memory.
        edges = np.searchsorted(hits.number[all_seeds], np.arange(hits.events + 1))
        for seeds, part in _blocks(all_seeds, edges, hits):
            bins = self.probabilities(hits, seeds)
            for begin, end, slot in part:
                self._event(hits, slot, seeds[begin:end], bins[begin:end], labels, shared_out)
        return labels

    def _event(
        self,
        hits: Hits,
        part: slice,
        seeds: NDArray[np.int64],
        probability: NDArray[np.float32],
        labels: NDArray[np.int64],
        shared_out: bool,
    ) -> None:
        hit = part.start + np.flatnonzero(hits.layer[part] > 0)
        if not len(seeds) or not len(hit):
            return
        each_hit, each_seed = np.broadcast_arrays(hit[None, :], seeds[:, None])
        chances = probability[
            np.arange(len(seeds))[:, None], hits.layer[hit][None, :], phi_bin(hits, each_hit, each_seed, self.settings)
        ]
        if not shared_out:
            labels[hit] = labels[seeds][chances.argmax(axis=0)]
            return
        from scipy.optimize import linear_sum_assignment

        for layer in range(1, LAYERS):
            here = np.flatnonzero(hits.layer[hit] == layer)
            row, column = linear_sum_assignment(np.log(chances[:, here] + 1e-12), maximize=True)
            labels[hit[here[column]]] = labels[seeds[row]]


def train(
    hits: Hits,
    settings: Settings | None = None,
    on_event: Callable[[Event], None] | None = None,
    stop: threading.Event | None = None,
    knobs: Knobs | None = None,
    model: "keras.Model | None" = None,
    validation: Hits | None = None,
) -> Network:
    """Train on the true tracks of `hits` that have a hit in layer 0; the weights of the last batch are kept.

    Args:
        hits: events to learn from.
        settings: the network and its training; None: those of 2017.
        on_event: called with the events of `jetlab.training`; what they call jets are events here.
        stop: ends the training after the batch.
        knobs: the learning rate may be turned meanwhile.
        model: a compiled network of your own, from pictures (n, 9, bins) to as many probabilities.
        validation: other events. Their loss and score, the clustering efficiency with its error, are reported and kept
            as val_loss, val_score and val_score_error; None: val_loss is NaN.

    Raises ArgumentError for hits without such tracks.
    """
    settings, knobs = settings or Settings(), knobs or Knobs()
    emit, stop = on_event or (lambda event: None), stop or threading.Event()
    if settings.events is not None:
        hits = hits.first(settings.events)
    seeds = _true_seeds(hits)
    if not len(seeds):
        raise ArgumentError("There is no track with a hit in layer 0 to learn from; simulate more events.")
    model = build(settings) if model is None else model
    bins, weights = targets(hits, seeds, settings)
    history: dict[str, list[float]] = {"loss": [], "accuracy": []}
    network = Network(model, settings, history)
    order = np.random.default_rng(settings.seed)
    parts = range(0, len(seeds), settings.batch_size)
    reason = "finished"
    message = "The only epoch is done." if settings.epochs == 1 else f"All {settings.epochs} epochs are done."
    began, speed = time.perf_counter(), 0.0
    emit(TrainBegin(settings.epochs, len(parts)))
    for epoch in range(1, settings.epochs + 1):
        epoch_began = time.perf_counter()
        model.reset_metrics()
        shuffled = order.permutation(len(seeds))
        for batch, begin in enumerate(parts, start=1):
            if knobs.learning_rate is not None:
                model.optimizer.learning_rate = knobs.learning_rate
            rows = shuffled[begin : begin + settings.batch_size]
            # Pictures are made as they are needed: those of 5,000 events together would fill half a gigabyte.
            x = pictures(hits, seeds[rows], settings)
            logs = model.train_on_batch(x, bins[rows], sample_weight=weights[rows], return_dict=True)
            emit(BatchEnd(epoch, settings.epochs, batch, len(parts), float(logs["loss"])))
            if stop.is_set():
                reason, message = "stopped", f"Stopped in batch {batch} of epoch {epoch}."
                break
        if reason == "stopped":
            break
        speed = hits.events / (time.perf_counter() - epoch_began)
        numbers = {"loss": float(logs["loss"]), "accuracy": float(logs["accuracy"])}
        if validation is not None:
            numbers |= _judged(network, validation)
        for name, value in {**numbers, "learning_rate": float(model.optimizer.learning_rate)}.items():
            history.setdefault(name, []).append(value)
        loss, val_loss = numbers.pop("loss"), numbers.pop("val_loss", np.nan)
        seconds = time.perf_counter() - epoch_began
        emit(EpochEnd(epoch, settings.epochs, loss, val_loss, numbers, seconds, speed))
    emit(TrainEnd(reason, message, len(history["loss"]), time.perf_counter() - began, speed, device()))
    return network


def _true_seeds(hits: Hits) -> NDArray[np.int64]:
    return np.flatnonzero((hits.layer == 0) & (hits.track >= 0))


def _judged(network: Network, hits: Hits) -> dict[str, float]:
    """Loss, as Keras has it, and score of events."""
    seeds = _true_seeds(hits)
    bins, weights = targets(hits, seeds, network.settings)
    chance = np.take_along_axis(network.probabilities(hits, seeds), bins[..., None], axis=2)[..., 0]
    score = evaluate(hits, network.assign(hits)).efficiency
    loss = -float(np.mean(weights * np.log(chance + 1e-7)))
    return {"val_loss": loss, "val_score": score.value, "val_score_error": score.error}


def _blocks(all_seeds: NDArray[np.int64], edges: NDArray[np.int64], hits: Hits) -> Iterator[Block]:
    """Group events to about CHUNK seeds."""
    slices = hits.slices()
    begin = 0
    while begin < hits.events:
        end = max(begin + 1, int(np.searchsorted(edges, edges[begin] + CHUNK, side="right")) - 1)
        base = edges[begin]
        yield (
            all_seeds[base : edges[end]],
            [(edges[e] - base, edges[e + 1] - base, slices[e]) for e in range(begin, end)],
        )
        begin = end
