"""The exercises of E1, representations of a jet, its predictions, and the build task: a small tagger of particles."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jetlab import catalog, jets, particles
from jetlab.check import held_back
from jetlab.check.engine import LETTER, NUMBER, RIGHT, Rows, computed
from jetlab.check.goals import fewest_parameters
from jetlab.check.held_back import Part, Parts
from jetlab.check.networks import Network
from jetlab.check.predictions import prediction
from jetlab.check.tasks import TASKS, Refused, Report
from jetlab.metrics import Estimate
from jetlab.training import clock

LENGTH = 32
#: What E1.B1 asks for: AUC on held-back jets, and parameters at most.
LEAST, MOST = 0.965, 10_000
#: No network of these inputs gets above it; only the labels do.
CEILING = 0.99


@computed(NUMBER, "E1.01")
def mergings(*, n: int) -> Rows:
    """How many mergings make one of n particles."""
    yield n - 1, RIGHT
    yield n, "each merging makes one of two. How many are left after the first?"
    yield np.log2(n), "this is how many rounds it takes if all merge in pairs at once; here one pair merges at a time."
    yield n * (n - 1) / 2, "so many pairs there are in the beginning; but how many of them are merged?"
    yield ..., "after each merging there is one fewer, and in the end there is one."


@computed(NUMBER, "E1.02")
def edge_weights(*, features: int, channels: int) -> Rows:
    """Weights of the first layer of an EdgeConv block, without a bias."""
    yield 2 * features * channels, RIGHT
    yield features * channels, "the layer sees the particle itself, and how its neighbour differs from it."
    yield (2 * features + 1) * channels, "this counts a bias, which the layer does not have: a normalisation follows."
    yield 2 * features, "so many numbers go in; each of the channels is a weighted sum of them."
    yield (
        ...,
        "(numbers of the particle + numbers of the difference) x channels, however many neighbours there are.",
    )


# Why does a second block look for neighbours among the outputs of the first?
LETTER["E1.03"] = {
    "b": RIGHT,
    "a": "it would: Δη and Δφ are still there, as the first block's inputs. But are they what the network cares for?",
    "c": "it takes as many neighbours as the first block. What differs is which ones.",
}


@computed(NUMBER, "E1.04")
def attentions(*, n: int, heads: int) -> Rows:
    """Numbers that say how much each of n particles attends to each other one, in all heads."""
    yield heads * n * n, RIGHT
    yield n * n, "this is one head; each head has its own."
    yield heads * n * (n - 1), "a particle attends to itself, too."
    yield heads * n * (n - 1) / 2, "what i pays to j is not what j pays to i, and a particle attends to itself, too."
    yield heads * n, "each particle attends to all, so there are n numbers for each."
    yield ..., "heads x particles x particles."


# Why may the Lorentz-equivariant network not be given the jet's pt?
LETTER["E1.05"] = {
    "c": RIGHT,
    "a": "it can be put into the same units as the rest. But what happens to it when the jet is boosted?",
    "b": "the momenta hold it, and the network finds what it needs. But a boost changes it.",
}


@computed(NUMBER, "E1.06")
def smallest(*, runs: Sequence[Any], goal: Any) -> Rows:
    """Number of the panel's run with the fewest parameters of those that reach its goal."""
    return fewest_parameters(runs, goal, "AUC of {:.4f}", "more epochs, or more training jets?")


@prediction("E1.P1", "abc")
def another_order(*, difference: Estimate) -> Rows:
    """AUC of the LSTM that reads the clustering history minus that of the one that reads by pt."""
    value, error = difference
    found = "b" if abs(value) < 2 * error else "a" if value > 0 else "c"
    text = f"The AUC changes by {value:+.4f} ± {error:.4f}."
    yield found, text
    yield (
        "a",
        f"{text} The order says which particles belong together; so do Δη and Δφ, to an LSTM that looks.",
    )
    yield "b", f"{text} The order decides what an LSTM reads last, and so remembers best."
    yield ..., f"{text} By pt the hardest particles come last, where an LSTM remembers best."


@prediction("E1.P2", "abc")
def farther(*, first: float, second: float) -> Rows:
    """Mean distance in η and φ to the neighbours of the second block over that of the first."""
    found = "a" if second < 0.9 * first else "b" if second < 1.1 * first else "c"
    text = f"Mean ΔR to the neighbours: {first:.2f} in the first block, {second:.2f} in the second."
    yield found, text
    yield "a", f"{text} The first block has taken the nearest there are: none can be nearer."
    yield "b", f"{text} The second block does not look at η and φ, but at what the first has learnt."
    yield ..., f"{text} What the first block has learnt still follows the places closely."


@prediction("E1.P3", "abc")
def own_prong(*, ratio: float) -> Rows:
    """What particles pay to those of their own prong, over what they would if they paid all alike."""
    found = "c" if ratio > 1.1 else "b" if ratio > 0.9 else "a"
    text = f"Particles pay {ratio:.2f} times as much attention to their own prong as if they paid all alike."
    yield found, text
    yield "a", f"{text} What the other prong does is half of the answer, but not for these heads on average."
    yield "b", f"{text} The network sees each pair's ΔR and mass, and uses them."
    yield ..., f"{text} Nearness alone decides little here: look at the heads one by one."


@prediction("E1.P4", "abcd")
def shuffled(*, changes: Mapping[str, float]) -> Rows:
    """Largest change of a score after the particles of each jet were shuffled, network by network."""
    moved = {name: change > 1e-3 for name, change in changes.items()}
    lstm, others = moved["LSTM"], [changed for name, changed in moved.items() if name != "LSTM"]
    found = "d" if not any(moved.values()) else "c" if all(moved.values()) else "a" if lstm and not any(others) else "b"
    text = "Largest change: " + ", ".join(f"{name} {change:.1g}" for name, change in changes.items()) + "."
    yield found, text
    yield "d", f"{text} An LSTM reads one particle after the other, so it cannot help noticing."
    yield ..., f"{text} Sums and means over particles, or over neighbours found by distance, know no order."


@prediction("E1.P5", "abc")
def against_deep_sets(*, difference: Estimate) -> Rows:
    """AUC of ParticleNet minus that of deep sets, both trained with the lesson's few jets."""
    value, error = difference
    found = "b" if abs(value) < 2 * error else "a" if value > 0 else "c"
    text = f"AUC of ParticleNet minus AUC of deep sets: {value:+.4f} ± {error:.4f}."
    yield found, text
    yield "a", f"{text} What it gains from neighbours takes more jets to learn than there are here."
    yield "b", f"{text} Neighbours matter: two prongs are a statement on distances."
    yield ..., f"{text} Few jets, few epochs and one seed: train again with another seed before you believe it."


@prediction("E1.P6", "abc")
def turned(*, changes: Mapping[str, float]) -> Rows:
    """Largest change of a score after each jet was turned about its axis, for ParticleNet and LorentzNet."""
    particle, lorentz = (changes[name] > 1e-3 for name in ("ParticleNet", "LorentzNet"))
    found = "c" if particle and lorentz else "a" if particle else "b"
    text = "Largest change: " + ", ".join(f"{name} {change:.1g}" for name, change in changes.items()) + "."
    yield found, text
    yield "b", f"{text} ParticleNet is given Δη and Δφ themselves: a turned jet has others."
    yield ..., f"{text} Scalar products of four-momenta stay as they are when all momenta are turned or boosted."


@prediction("E1.P7", "abc")
def other_questions(*, aucs: Mapping[str, Estimate]) -> Rows:
    """AUC of deep sets for gluons against quarks and for W⁺ against W⁻, in this order."""
    (radiation, error), (charge, other) = aucs.values()
    far = abs(radiation - charge) > 2 * np.hypot(error, other)
    found = "b" if not far else "a" if radiation > charge else "c"
    text = f"AUC {radiation:.3f} ± {error:.3f} for gluon or quark, {charge:.3f} ± {other:.3f} for W⁺ or W⁻."
    yield found, text
    yield "a", f"{text} Between a W⁺ and a W⁻ lie two units of charge, and the hard particles remember them."
    yield "b", f"{text} Train again with another seed before you believe the difference."
    yield ..., f"{text} Gluons radiate about twice as much as quarks, and the number of particles shows it."


@functools.cache
def parts() -> tuple[Part, Part]:
    """Validation and held-back jets; inputs (features, momenta) as the lesson has them, scaled by its training jets."""
    with clock("held-back jets"):
        sample = catalog.load("jets")
        (train, *seen), weight = held_back.dealt(sample)
        _, features, present = particles.hardest(sample[train], LENGTH)
        scaling = jets.Scaling.fit(features, present)
        del features, present
        found = [particles.hardest(sample[part], LENGTH) for part in seen]
    y = (sample["jet_isW_ak7"] == 1).astype(np.float64)
    validation, others = (
        Part((scaling.apply(each.features, each.present), each.momenta), y[part], weight[part])
        for each, part in zip(found, seen, strict=True)
    )
    return validation, others


def fed(built: Any) -> Parts:
    """The parts as the network takes them: features and momenta, or for a network of one input the features alone."""
    both = parts()
    if len(getattr(built, "inputs", ())) == 2:
        return Parts(*both)
    return Parts(*(part._replace(x=part.x[0]) for part in both))


def tagger(built: Any) -> Report:
    """Judge a Keras network of one or two inputs."""
    if not hasattr(built, "count_params"):
        raise Refused("this task counts parameters, so it needs a Keras model.")
    judged = Network(
        lambda: fed(built),
        least=LEAST,
        ceiling=CEILING,
        most_parameters=MOST,
        fed="scaled features, or scaled features and momenta",
        hint="more epochs, a learning rate that falls, all training jets, or another network may do.",
    )
    return judged(built)


TASKS["E1.B1"] = tagger
