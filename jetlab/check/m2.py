"""The exercises of M2, the dense tagger."""

import numpy as np

from jetlab.check.engine import LETTER, NUMBER, RIGHT, Rows, computed


@computed(NUMBER, "M2.01")
def cut_efficiency(*, passes: np.ndarray, is_w: np.ndarray, weight: np.ndarray) -> Rows:
    """Signal efficiency of a cut."""
    signal, background = (np.average(passes[is_w == c], weights=weight[is_w == c]) for c in (1, 0))
    yield signal, RIGHT
    yield background, "this is the background efficiency, the fraction of QCD that passes; take the W."
    overall, purity = np.average(passes, weights=weight), np.average(is_w[passes] == 1, weights=weight[passes])
    yield overall, "this is the fraction of all jets; an efficiency is that of one class: take the W only."
    yield purity, "this is the purity, the fraction of W among what passes; efficiency is what passes among the W."
    yield np.mean(passes[is_w == 1]), "nearly: the jets have weights, use np.average(..., weights=...)."
    yield ..., "np.average(passes[is_w == 1], weights=weight[is_w == 1])."


# Parameters of a dense network 4 - 64 - 64 - 64 - 1.
NUMBER["M2.02"] = {
    5 * 64 + 65 * 64 + 65 * 64 + 65: RIGHT,
    4 * 64 + 64 * 64 * 2 + 64: "every node also has a bias: (inputs + 1) x nodes for each layer.",
    5 * 64 + 65 * 64 + 65: "there are three hidden layers of 64 nodes, so two steps from 64 to 64.",
    5 * 64 + 65 * 64 + 65 * 64: "do not forget the output node: 64 weights and a bias.",
    ...: "a layer has (inputs + 1) x nodes parameters; add those of the four layers, or ask model.summary().",
}


@computed(NUMBER, "M2.03")
def best_epoch(*, val_loss: list[float], loss: list[float]) -> Rows:
    """Epoch with the lowest validation loss, counted from 1."""
    best = int(np.argmin(val_loss)) + 1
    yield best, RIGHT
    yield best - 1, "nearly: np.argmin counts from 0, epochs from 1."
    lowest = int(np.argmin(loss))
    yield (lowest + 1, lowest), "there the *training* loss is lowest; it still falls while the network learns by heart."
    yield ..., "np.argmin(history['val_loss']) + 1."


# What is wrong with quoting the best of 20 runs by test AUC?
LETTER["M2.04"] = {
    "c": RIGHT,
    "a": "a test set may be looked at as often as you like, as long as nothing is *chosen* by what it says.",
    "b": "early stopping looks at the validation set. Who looked at the test set?",
}
