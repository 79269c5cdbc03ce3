"""The exercises of M4, the LSTM tagger, its predictions and build tasks: a recipe to heal, and an LSTM from memory."""

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from jetlab import backend, catalog, metrics, training
from jetlab.check.engine import LETTER, NUMBER, RIGHT, Near, Rows, computed
from jetlab.check.goals import fewest_parameters
from jetlab.check.held_back import dealt, tagging
from jetlab.check.networks import Network
from jetlab.check.predictions import prediction
from jetlab.check.tasks import REACHED, TASKS, Refused, Report, attempt
from jetlab.config import RunConfig
from jetlab.io.sample import JetSample
from jetlab.metrics import Estimate


@computed(NUMBER, "M4.01")
def cut_short(*, counts: np.ndarray, length: int) -> Rows:
    """Fraction of the jets that have more candidates than the sequence has places."""
    cut = counts > length
    yield np.mean(cut), RIGHT
    yield np.mean(~cut), "these are the jets that fit; the rest are cut short."
    yield float(np.sum(cut)), "this is their number, not their fraction: np.mean instead of np.sum."
    yield np.mean(counts >= length), f"a jet with exactly {length} candidates fits and loses none: use >."
    lost = np.maximum(counts - length, 0).sum() / counts.sum()
    yield lost, "this is the fraction of *candidates* that are lost; what is asked for is that of jets that lose any."
    yield ..., "np.mean(counts > length)."


# Cross-entropy of the score 0.5 for every jet.
NUMBER["M4.02"] = {
    Near(math.log(2), 2e-3): RIGHT,
    Near(-math.log(2), 2e-3): "the loss has a minus sign: -log(0.5).",
    0.5: "this is the score; the loss is minus its logarithm.",
    (Near(math.log10(2), 2e-3), 1.0): "the right idea, but it is the *natural* logarithm.",
    ...: "a W costs -log(score), a QCD jet -log(1 - score); put in 0.5.",
}

# Accuracy on the last fifth of a file that holds 500 W and then 500 QCD jets, of a network that says W.
NUMBER["M4.03"] = {
    0: RIGHT,
    0.5: "half of *all* jets are W, but which jets are the last 200?",
    Near(0.625, 2e-3): "this is on the *training* jets, 500 W and 300 QCD. Which jets are left for validation?",
    (1.0, 100.0): "the other way round: the last 200 are all QCD, and the network calls each a W.",
    ...: "the last 200 jets of the file are all of one class. Which, and what does the network say of them?",
}

# What pad_sequences with its defaults makes of eta = -0.7.
NUMBER["M4.04"] = {
    0: RIGHT,
    -0.7: "look at the dtype that comes back: int32 has no place for a fraction.",
    -1: "nearly: numpy does not round when it makes whole numbers, it cuts the fraction off.",
    ...: "np.int32(-0.7) is what happens to it.",
}

# Parameters of an embedding of 6 classes and the padding into 3 numbers.
NUMBER["M4.05"] = {
    21: RIGHT,
    18: "the padding, class 0, has a row in the table, too.",
    (24, 28): "a table has no biases: a row of 3 numbers for each class.",
    ...: "an embedding is a table: as many rows as there are classes, 0 included, and 3 columns.",
}

# Weight updates in 5 epochs of 12,000 jets in batches of 128.
NUMBER["M4.06"] = {
    470: RIGHT,
    468.75: "an epoch ends with a smaller batch, which counts as well: 93.75 is 94 batches.",
    465: "the last batch of an epoch is smaller, but it is not left out: round up.",
    94: "this is one epoch.",
    60_000: "this is how many jets are looked at; the weights change once a *batch*.",
    ...: "the weights change once a batch: how many batches does an epoch have, and how many epochs are there?",
}

# What to do with significances of which a few are a thousand?
LETTER["M4.07"] = {
    "c": RIGHT,
    "a": "scaling shifts and stretches, but keeps the shape: most tracks would lie in a spike near 0.",
    "b": "a track far from the vertex is what a b quark or a K0 leaves: keep it, but not as the number 1000.",
}


@computed(NUMBER, "M4.08")
def smallest(*, runs: Sequence[Any], goal: Any) -> Rows:
    """Number of the panel's run with the fewest parameters of those that reach its goal."""
    return fewest_parameters(runs, goal, "AUC of {:.4f}", "a larger learning rate, or more epochs?")


@prediction("M4.P1", "abc")
def recipe_of_2017(*, auc: float) -> Rows:
    """What AUC an LSTM reaches with the recipe as it was usual."""
    found = "a" if auc < 0.6 else "b" if auc < 0.9 else "c"
    text = f"The validation AUC is {auc:.3f}."
    yield found, text
    yield "a", f"{text} So something gets through to the network; the rest is for the clinic."
    yield ..., f"{text} The information is all there, but not in a form that the network can use."


@prediction("M4.P2", "abcde")
def best_alone(*, aucs: Mapping[str, float], broken: float) -> Rows:
    """Which repair, made alone, helps most: letter of the fault -> AUC."""
    found = max(aucs, key=lambda letter: aucs[letter])
    text = f"It lifts the AUC from {broken:.3f} to {aucs[found]:.3f}."
    yield found, text
    for letter, auc in aucs.items():
        yield letter, f"{text} Yours alone gives {auc:.3f}: what it repairs, another fault still hides."


@prediction("M4.P3", "abcde")
def worst_left(*, aucs: Mapping[str, float], healed: float) -> Rows:
    """Which fault, left in a recipe that is healed otherwise, costs most: letter of the fault -> AUC."""
    found = min(aucs, key=lambda letter: aucs[letter])
    text = f"With this fault left in, the AUC falls from {healed:.3f} to {aucs[found]:.3f}."
    yield found, text
    for letter, auc in aucs.items():
        yield letter, f"{text} With yours left in it is {auc:.3f}."


@prediction("M4.P4")
def three_hardest(*, auc: float, every: float) -> Rows:
    """AUC from the three hardest candidates of each jet."""
    text = f"All candidates together give {every:.3f}."
    yield Near(auc, 0.0, 0.01), text
    yield (
        lambda guess: guess < auc,
        f"{text} Two hard prongs at the right distance for their pt: three particles show it.",
    )
    yield ..., f"{text} The softer candidates do add something."


@prediction("M4.P5", "abc")
def first_at_goal(*, seconds: Mapping[str, float], goal: float) -> Rows:
    """Which batch size reaches a validation AUC in the least time: letter -> seconds, infinite where it never does."""
    names = {"a": "1", "b": "128", "c": "1,000"}
    found = min(seconds, key=lambda letter: seconds[letter])
    told = ", ".join(
        f"batch size {names[letter]} {'never' if math.isinf(each) else f'after {each:.1f} s'}"
        for letter, each in seconds.items()
    )
    text = f"An AUC of {goal:.3f} is reached with {told}."
    yield found, text
    yield "a", f"{text} Its steps are many, but on a machine that could look at a hundred jets at once they are slow."
    yield "c", f"{text} It looks at the jets fastest, but changes the weights seldom."
    yield ..., f"{text} With another learning rate, or on another machine, this may turn round."


@prediction("M4.P6", "abc")
def lstm_against_tree(*, difference: Estimate) -> Rows:
    """Whether the LSTM is better than a BDT on the four variables of physicists."""
    value, error = difference
    found = "b" if abs(value) < 2 * error else "a" if value > 0 else "c"
    text = f"The AUC differs by {value:+.4f} ± {error:.4f} on the same test jets."
    yield found, text
    yield "a", f"{text} Mass and τ₂/τ₁ sum up nearly all that these jets show."
    yield "c", f"{text} With enough jets, the network finds in the particles what physicists put into variables."
    yield ..., f"{text} That is more than chance explains, but it is small."


# The clinic: a function that makes the inputs of an LSTM, which is trained with them and judged on held-back jets.

LENGTH = 30
#: The healed recipe reaches 0.953; with any 30 candidates in order 0.940, with the hardest 30 in random order 0.916.
HEALED = 0.945
#: Above this no LSTM of the candidates gets; only the labels do.
CEILING = 0.985
#: What a recipe is given of each jet: nothing that tells which class it is of.
CANDIDATES = tuple(f"ak7pfcand_{name}" for name in ("pt", "eta", "phi", "id", "charge"))
GIVEN = ("jet_pt_ak7", "jet_eta_ak7", "jet_phi_ak7", *CANDIDATES)
CLINIC = RunConfig(model="lstm", nodes=32, layers=1, length=LENGTH, learning_rate=2e-3, epochs=5, patience=0)
JETS = 12_000


@functools.cache
def _ward() -> tuple[JetSample, Mapping[str, NDArray[np.int64]], NDArray[np.float64], NDArray[np.float64]]:
    """Jets without labels, positions of training, validation and held-back jets among them, labels and weights."""
    with training.clock("held-back jets"):
        whole = catalog.load("jets")
        (train, *seen), weight = dealt(whole)
        chosen = np.concatenate([train[:JETS], *seen])
        shuffled = np.random.default_rng(LENGTH).permutation(len(chosen))
        place = np.argsort(shuffled)
        edges = np.cumsum([JETS, len(seen[0])])
        parts = dict(zip(("train", "validation", "held_back"), np.split(place, edges), strict=True))
        jets_at = chosen[shuffled]
        bare = JetSample(ak.zip({name: whole.jets[name][jets_at] for name in GIVEN}, depth_limit=1))
    y = (whole["jet_isW_ak7"][jets_at] == 1).astype(np.float64)
    return bare, parts, y, weight[jets_at]


def recipe(built: Any) -> Report:
    """Train the lesson's LSTM on what a recipe makes of the candidates; raises Refused where that cannot be done."""
    if not callable(built):
        raise Refused(f"give the function itself, not something of type {type(built).__name__}.")
    sample, parts, y, weight = _ward()
    x = _made(built, sample, parts["train"])
    data = training.Data.of(x, y, weight, parts["train"], parts["validation"])
    result = training.fit(_lstm(x.shape), CLINIC, data, training.bar("your recipe", leave=False))
    held = parts["held_back"]
    auc = metrics.evaluate(y[held], result.predict(x[held]), weight[held])["auc"]
    figures = {
        "AUC on held-back jets": f"{auc} (target: {HEALED} or more)",
        "AUC on validation jets": f"{result.history['val_auc'][result.best_epoch - 1]:.4f}",
        "inputs": f"{x.shape[1]} candidates with {x.shape[2]} numbers each, {x.dtype}",
    }
    if auc.value > CEILING:
        return Report(f"hint: {auc.value:.4f} is more than candidates can tell: the labels are in there.", figures)
    if auc.value >= HEALED:
        return Report(REACHED, figures)
    return Report(f"hint: AUC {auc.value:.3f} of {HEALED}: {_symptom(x, sample, parts['train'])}", figures)


TASKS["M4.B1"] = recipe


def _made(built: Any, sample: JetSample, train: NDArray[np.int64]) -> NDArray[Any]:
    made = attempt("Your recipe", built, sample, train)
    x: NDArray[Any] = attempt("Making an array of what your recipe returns", np.asarray, made)
    if x.ndim != 3 or len(x) != len(sample) or 0 in x.shape:
        raise Refused(
            f"for {len(sample)} jets your recipe returns an array of shape {x.shape}; it should be (jets, places, "
            "numbers)."
        )
    if x.dtype.kind not in "fiub":
        raise Refused(f"your recipe returns an array of {x.dtype}; it should be one of numbers.")
    if not np.isfinite(x).all():
        raise Refused("your recipe returns numbers that are not finite: is a logarithm of zero among them?")
    return x


def _lstm(shape: tuple[int, ...]) -> Any:
    keras = backend.load_keras()
    with backend.seeded(CLINIC.seed):
        layers = [keras.layers.Input(shape[1:]), keras.layers.Masking(), keras.layers.LSTM(CLINIC.nodes)]
        return keras.Sequential([*layers, keras.layers.Dense(1, activation="sigmoid")])


def _symptom(x: NDArray[Any], sample: JetSample, train: NDArray[np.int64]) -> str:
    """The first thing that is conspicuous in the inputs, as something seen, not as what to do about it."""
    if x.dtype.kind != "f" or (x == np.round(x)).all():
        return "the array holds whole numbers only. What is left of an angle?"
    short = ak.to_numpy(ak.num(sample["ak7pfcand_pt"])) < x.shape[1]
    padded = (x[short] == 0).all(axis=-1).any(axis=-1).mean() if short.any() else 1.0
    if padded < 0.9:
        return "jets with few candidates have no places that are all zero. What does Masking skip then?"
    there = (x[train] != 0).any(axis=-1)
    rows = x[train][there]
    widths = rows.std(axis=0)
    if widths.max() > 5 or np.abs(rows.mean(axis=0)).max() > 5:
        widest = int(widths.argmax())
        return f"number {widest + 1} of each candidate has a width of {widths[widest]:.3g}. What does a gate do then?"
    means = x[train].sum(axis=1) / np.maximum(there.sum(axis=1), 1)[:, np.newaxis]
    for name in ("eta", "phi"):
        axis = sample[f"jet_{name}_ak7"][train]
        if max(abs(np.corrcoef(each, axis)[0, 1]) for each in means.T if each.std() > 0) > 0.5:
            return f"one of the numbers follows the {name} of the whole jet. Is that where a W differs from QCD?"
    return "nothing is wrong with the numbers. Which candidates are kept, and in which order does the LSTM read them?"


SEQUENCES = RunConfig.standard("lstm", length=LENGTH, pf_id="one_hot")
TASKS["M4.B2"] = Network(
    functools.partial(tagging, SEQUENCES),
    least=0.955,
    ceiling=CEILING,
    fed="sequences such as data.x_train",
    hint="more epochs, or a learning rate of 0.002; and is padding masked?",
)
