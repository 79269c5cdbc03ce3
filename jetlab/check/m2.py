"""The exercises of M2, the dense tagger."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from jetlab.check.engine import LETTER, NUMBER, RIGHT, Near, Rows, computed
from jetlab.check.goals import fewest_parameters
from jetlab.check.held_back import tagging
from jetlab.check.networks import Network
from jetlab.check.predictions import prediction
from jetlab.check.tasks import TASKS
from jetlab.config import RunConfig
from jetlab.metrics import Estimate

#: AUC on the held-back jets of the lesson's BDT and of its network 64/3; the tests measure both again.
BDT_AUC, DENSE_AUC = 0.9654, 0.9660
#: What no network of the four numbers gets above; the best that we trained have 0.966.
CEILING = 0.975


@computed(NUMBER, "M2.01")
def cut_efficiency(*, passes: np.ndarray, is_w: np.ndarray, weight: np.ndarray) -> Rows:
    """Background efficiency of a cut."""
    background, signal = (np.average(passes[is_w == c], weights=weight[is_w == c]) for c in (0, 1))
    yield background, RIGHT
    yield signal, "this is the signal efficiency, the fraction of the W jets that pass; take the QCD jets."
    overall, purity = np.average(passes, weights=weight), np.average(is_w[passes] == 1, weights=weight[passes])
    yield overall, "this is the fraction of all jets; an efficiency is that of one class: take the QCD jets only."
    yield 1 - purity, "this is the fraction of QCD among the jets that pass; divide by *all* QCD jets instead."
    yield np.mean(passes[is_w == 0]), "close, but QCD jets have different weights: use np.average(..., weights=...)."
    yield 1 / background, "this is the rejection, 1 over the efficiency."
    yield ..., "np.average(passes[is_w == 0], weights=weight[is_w == 0])."


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
    yield best - 1, "close: np.argmin counts from 0, epochs from 1."
    lowest = int(np.argmin(loss))
    yield (
        (lowest + 1, lowest),
        "the *training* loss is lowest there; it keeps falling while the network memorises jets.",
    )
    yield ..., "np.argmin(history['val_loss']) + 1."


# What is wrong with quoting the best of 20 runs by test AUC?
LETTER["M2.04"] = {
    "c": RIGHT,
    "a": "that is true of each network, but not of the best of twenty: the winner was partly lucky with these jets.",
    "b": "early stopping looks at the validation set. Who looked at the test set?",
}


@computed(NUMBER, "M2.05")
def smallest(*, runs: Sequence[Any], goal: Any) -> Rows:
    """Number of the panel's run with the fewest parameters of those that reach its goal."""
    return fewest_parameters(runs, goal, "AUC of {:.4f}", "a larger learning rate?")


@prediction("M2.P1", "abc")
def tree_against_cut(*, cut: float, tree: float) -> Rows:
    """By what factor a BDT rejects more QCD jets than a cut."""
    factor = tree / cut
    found = "a" if factor < 1.2 else "b" if factor < 2.5 else "c"
    text = f"The BDT rejects {factor:.1f} times as many QCD jets."
    yield found, text
    yield (
        "a",
        f"{text} The cut uses two of the four numbers, and takes or leaves a jet; a BDT weighs all four together.",
    )
    yield ..., f"{text} Mass and τ₂/τ₁ carry most of the information, and the cut has both."


@prediction("M2.P2", "abc")
def two_losses(*, loss: list[float], val_loss: list[float]) -> Rows:
    """How training and validation loss go on while a network trains."""
    best = min(val_loss)
    turned = val_loss[-1] > 1.05 * best
    falling = min(val_loss[len(val_loss) // 2 :]) < 0.98 * min(val_loss[: len(val_loss) // 2])
    found = "c" if turned else "a" if falling else "b"
    yield found, f"The training loss goes down to {min(loss):.3f}, the validation loss to {best:.3f}."
    yield (
        "a",
        "The four numbers hold only so much information, and after a few epochs the network uses nearly all of it.",
    )
    yield "c", "There are more training jets than parameters, so there is little room for memorising them."
    yield ..., "With another seed or fewer epochs this may look different."


@prediction("M2.P3", "abc")
def raw_inputs(*, raw: list[float], scaled: list[float]) -> Rows:
    """What a network makes of unscaled inputs with plain gradient descent."""
    worst, usual = float(np.mean(raw)), float(np.mean(scaled))
    found = "c" if worst < 0.6 else "a" if worst > usual - 0.005 else "b"
    text = f"The mean AUC is {worst:.3f} on raw inputs and {usual:.3f} on scaled ones."
    yield found, text
    yield "a", f"{text} In principle the first layer could scale for itself; it never gets that far."
    yield ..., f"{text} Look at the dead nodes below."


@prediction("M2.P4")
def turning_epoch(*, val_loss: list[float]) -> Rows:
    """After how many epochs a network trained on 300 jets has its best validation loss."""
    best = int(np.argmin(val_loss)) + 1
    yield Near(best, 0.3, 1), "The validation loss turns round long before the last epoch."
    yield lambda guess: guess > best, "With 300 jets there is little to learn, so memorising begins early."
    yield ..., "Even 300 jets teach something before the memorising begins."


@prediction("M2.P5", "abc")
def network_against_tree(*, difference: Estimate) -> Rows:
    """Whether a dense network is better than a BDT on the same four numbers."""
    value, error = difference
    found = "b" if abs(value) < 2 * error else "a" if value > 0 else "c"
    text = f"The AUC differs by {value:+.4f} ± {error:.4f} on the same test jets."
    yield found, text
    yield "a", f"{text} Four good variables leave a network little to add."
    yield "c", f"{text} A network of this size can follow whatever steps a BDT makes."
    yield ..., f"{text} That is more than chance explains, but it is small."


TASKS["M2.B1"] = Network(
    functools.partial(tagging, RunConfig()),
    least=round(DENSE_AUC - 0.005, 3),
    ceiling=CEILING,
    hint="train for more epochs, until the validation loss stops falling; early stopping finds the best one.",
)
TASKS["M2.B2"] = Network(
    functools.partial(tagging, RunConfig()),
    least=round(BDT_AUC - 0.003, 3),
    ceiling=CEILING,
    most_parameters=200,
    hint="small networks take longer: more epochs, a larger learning rate, or two hidden layers instead of one.",
)
