"""The exercises of M7, from hits to tracks, its predictions, and the build task: a predictor for the search."""

import functools
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jetlab import tracking
from jetlab.angles import wrap
from jetlab.check.engine import LETTER, NUMBER, RIGHT, Near, Rows, computed
from jetlab.check.goals import fewest_parameters
from jetlab.check.predictions import prediction
from jetlab.check.tasks import REACHED, TASKS, Refused, Report, attempt
from jetlab.metrics import Estimate
from jetlab.tracking import search
from jetlab.tracking.steps import sequences


@computed(NUMBER, "M7.01")
def momentum(*, radius: float) -> Rows:
    """Transverse momentum in MeV of a circle with this radius in mm."""
    yield 0.3 * radius, RIGHT
    yield radius / 0.3, "the other way round: R = pt / 0.3, so pt = ..."
    yield 0.3 * radius / 1000, "this is in GeV; the detector counts in MeV and mm."
    yield ..., "R [mm] = pt [MeV] / 0.3, so pt is 0.3 times the radius."


# Score of two tracks with six and three hits under one label.
NUMBER["M7.02"] = {
    6 / 9: RIGHT,
    1.0: "both tracks claim the one number, but only one track can keep it: the larger.",
    3 / 9: "the number is kept by the track with *more* hits in it.",
    0.5: "nearly: the score counts hits, not tracks.",
    ...: "matched hits over all hits: which of the two tracks keeps the number, and how many hits does it have?",
}


@computed(NUMBER, "M7.03")
def ceiling(*, track: np.ndarray, layer: np.ndarray, event: np.ndarray) -> Rows:
    """Fraction of hits on tracks that have a hit in layer 0."""
    key = event * (int(track.max()) + 1) + track
    seeded = np.isin(key, key[layer == 0])
    yield Near(seeded.mean(), 2e-3), RIGHT
    yield Near(1 - seeded.mean(), 2e-2), "this is what is lost; the ceiling is the rest."
    yield 0.97, "nearly: 3 % of the tracks lose their hit in layer 0, but count hits, and in these events."
    in_layer_0 = Near(np.mean(layer == 0), 2e-2)
    yield in_layer_0, "this is the fraction of hits *in* layer 0; count all hits of the tracks that have one there."
    yield ..., "mark the tracks that have a hit in layer 0 (np.isin on event and track); take the mean over all hits."


@computed(NUMBER, "M7.04")
def same_bin(*, bins: int, tracks: int) -> Rows:
    """Probability that a hit shares its bin with at least one hit of the other tracks, spread evenly."""
    alone = (1 - 1 / bins) ** (tracks - 1)
    yield Near(1 - alone, 2e-2), RIGHT
    yield Near(alone, 2e-2), "this is the probability of being alone in the bin; one minus it is asked for."
    yield Near(1 / bins, 1e-2), "this is for one other track; there are several."
    yield ..., "one other track misses the bin with 1 - 1 / bins; all of them, with that to the power of tracks - 1."


@computed(NUMBER, "M7.05")
def smallest(*, runs: Sequence[Any], goal: Any) -> Rows:
    """Number of the panel's run with the fewest parameters of those that reach its goal."""
    return fewest_parameters(
        runs, goal, "score of {:.3f}", "turn the pictures, or train for more epochs or with more events?"
    )


# Mean loss with a claimed width of 1 and errors of width 2, less the mean loss with the best width.
NUMBER["M7.06"] = {
    1.5 - np.log(2): RIGHT,
    2.0: "this is the loss with σ = 1 itself; subtract the loss with the best σ.",
    0.5 + np.log(2): "this is the loss with the best σ; how much larger is the one with σ = 1?",
    1.5: "nearly: ln σ differs as well, and grows with σ.",
    ...: "the mean of the squared error is 4, so the mean loss is 4 / (2 σ²) + ln σ: once with σ = 1, once with σ = 2.",
}

# Why does the residual network need fewer events than the one with bins?
LETTER["M7.07"] = {
    "b": RIGHT,
    "a": "they have about as many parameters: count them. What does it *not* have to learn?",
    "c": "both are LSTMs with the same memory. What must the one with bins learn again for every place in φ?",
}

# Which claim do the numbers of the lesson support?
LETTER["M7.08"] = {
    "c": RIGHT,
    "a": "the Kalman filter learnt nothing, and is as good. Compare the two within their errors.",
    "b": "compare the difference with its error: how many times larger is it?",
}


@prediction("M7.P1", "abc")
def best_without_learning(*, nearest: float, dbscan: float, hough: float) -> Rows:
    """Which of three methods without learning has the best score."""
    scores = {"a": nearest, "b": dbscan, "c": hough}
    found = max(scores, key=lambda letter: scores[letter])
    text = f"Nearest hit scores {nearest:.3f}, DBSCAN {dbscan:.3f}, Hough {hough:.3f}."
    yield found, f"{text} It looks at all layers at once, and allows for the curvature."
    yield "a", f"{text} A step to the nearest hit is a local decision: one lost hit, and the next step goes astray."
    yield ..., f"{text} Both look at the whole track, so both beat nearest hit; where they part is in the details."


@prediction("M7.P2")
def events_needed(*, sizes: Sequence[int], scores: Sequence[float], yardstick: float) -> Rows:
    """Training events from which on the network of 2017 beats nearest hit; ten times all where it never does."""
    enough = [size for size, score in zip(sizes, scores, strict=True) if score > yardstick]
    found = enough[0] if enough else 10 * sizes[-1]
    text = f"Nearest hit scores {yardstick:.3f}; with {sizes[-1]:,} events the network reaches {scores[-1]:.3f}."
    yield Near(found, 0.3), text
    yield (
        lambda guess: guess < found,
        f"{text} It has to learn each of its bins separately, and one event fills only ten of them in a layer.",
    )
    yield ..., f"{text} It takes many events, but not that many."


@prediction("M7.P3", "abc")
def turned_pictures(*, before: float, after: float) -> Rows:
    """What turning the pictures does to the score of the network of 2017."""
    gain = after - before
    found = "a" if gain < 0.01 else "b" if gain < 0.05 else "c"
    text = f"The score goes from {before:.3f} to {after:.3f}."
    yield found, f"{text} A lesson learnt at one azimuth now holds at all of them."
    yield "a", f"{text} The information is the same, but the network no longer has to learn each azimuth on its own."
    yield ..., f"{text} Every event now counts for all azimuths; bins and seeds limit it as before."


@prediction("M7.P4", "abc")
def residual_events(*, scores: Mapping[int, float], rival: float) -> Rows:
    """With how many events the residual network beats the LSTM of 2017 with 5,000."""
    enough = min((size for size, score in scores.items() if score > rival), default=10**9)
    found = "a" if enough <= 10 else "b" if enough <= 1000 else "c"
    fewest = min(scores)
    text = f"With {fewest} events it scores {scores[fewest]:.3f}, and the LSTM of 2017 {rival:.3f} with 5,000."
    yield found, text
    yield ..., f"{text} Ten events hold about a hundred tracks with eight steps each, and it learns from every step."


@prediction("M7.P5", "abc")
def network_against_kalman(*, difference: Estimate) -> Rows:
    """Whether the residual network is better than a Kalman filter in the same search."""
    value, error = difference
    found = "b" if abs(value) < 2 * error else "a" if value > 0 else "c"
    text = f"Network minus Kalman filter is {value:+.4f} ± {error:.4f} on the same events."
    yield found, text
    yield "a", f"{text} The filter knows how the events were made; there is nothing left for a network to find."
    yield "c", f"{text} What the filter was told could all be learnt from the examples."
    yield ..., f"{text} That is more than chance explains, but it is small."


@prediction("M7.P6")
def hits_for_momentum(*, explained: Sequence[float]) -> Rows:
    """Hits after which the network's memory explains 90 % of the variance of 1/pt; 10 where nine are too few."""
    found = next((hits for hits, value in enumerate(explained, start=1) if value > 0.9), 10)
    text = f"After two hits the memory explains {explained[1]:.0%} of the variance, after three {explained[2]:.0%}."
    yield found, text
    yield lambda guess: guess < found, f"{text} Two points and a vertex that is not quite known fix no circle."
    yield ..., f"{text} Three points fix a circle; more hits make it more precise."


@prediction("M7.P7", "abc")
def hardest_for_nearest(*, slow: float, lost: float, crossed: float) -> Rows:
    """What costs nearest hit most: fraction of the hits found on slow tracks, with a lost hit, and with a crossing."""
    fractions = {"a": slow, "b": lost, "c": crossed}
    found = min(fractions, key=lambda letter: fractions[letter])
    text = f"It finds {slow:.0%} of the hits of slow tracks, {lost:.0%} with a lost hit, {crossed:.0%} with a crossing."
    yield found, text
    yield "a", f"{text} A step sideways of a slow track is still shorter than the way to most other tracks."
    yield ..., f"{text} It never skips a layer, so where a hit is lost it takes somebody else's."


@prediction("M7.P8", "abc")
def loses_most_in_a_crowd(*, alone: Mapping[str, float], crowd: Mapping[str, float]) -> Rows:
    """Which method loses most from ten to a hundred tracks: scores by name of method."""
    names = {"a": "nearest hit", "b": "LSTM 2017", "c": "residual LSTM"}
    lost = {letter: alone[name] - crowd[name] for letter, name in names.items()}
    found = max(lost, key=lambda letter: lost[letter])
    text = "With a hundred tracks " + ", ".join(f"{name} scores {crowd[name]:.2f}" for name in names.values()) + "."
    yield found, f"{text} The more hits share its bins, the less it can tell them apart."
    yield "c", f"{text} Its road is so narrow that there is seldom a wrong hit inside."
    yield ..., f"{text} The method with coarse bins loses most."


#: What a predictor has to score in the search on held-back events: one that stays where the track was reaches 0.979, a
#: straight line 0.994, the Kalman filter 0.999.
LEAST = 0.992
EVENTS, SEED = 500, 20170323
METHODS = ("start", "predict", "update")


@functools.cache
def _held_back() -> tuple[tracking.Hits, NDArray[np.float64]]:
    """Events that the lesson does not have, and azimuths (n, 9) of tracks with a hit in every layer."""
    hits = tracking.simulate(EVENTS, seed=SEED)
    whole, _, _ = sequences(tracking.simulate(200, seed=SEED + 1, lost=0, stopped=0))
    return hits, whole


def predictor(built: Any) -> Report:
    """Put a predictor of the participant's own into the search; raises Refused where it cannot be judged."""
    _check_kind(built)
    hits, tracks = _held_back()
    _check_shapes(built, tracks[:5])
    steps = attempt("Your predictor, led along true tracks,", search.follow, built, tracks)
    pulls = np.abs(wrap(tracks[:, 1:] - steps.phi) / steps.sigma)
    began = time.perf_counter()
    labels = attempt("The search with your predictor", search.combinatorial, hits, built)
    seconds = time.perf_counter() - began
    score = tracking.evaluate(hits, labels).efficiency
    inside = float(np.mean(pulls < search.GATE))
    figures = {
        "score on held-back events": f"{score} (target: {LEAST} or more)",
        "true hits inside the road of 5 σ": f"{inside:.1%}",
        "typical error, in units of σ": f"{np.median(pulls) / 0.6745:.2f} (1 for a Gaussian of the claimed width)",
        "search": f"{1000 * seconds / hits.events:.1f} ms per event",
    }
    return Report(REACHED if score.value >= LEAST else f"hint: {_advice(score.value, inside, pulls)}", figures)


TASKS["M7.B1"] = predictor


def _check_kind(built: Any) -> None:
    if isinstance(built, type):
        raise Refused("give an object of your class, with brackets: check.build('M7.B1', Line()).")
    kit = [base for base in type(built).__mro__ if str(base.__module__).startswith("jetlab.")]
    if set(kit) - {search.Predictor}:
        raise Refused(f"{type(built).__name__} is the kit's own predictor; write a class of your own.")
    missing = [name for name in METHODS if not callable(attempt("Your predictor", getattr, built, name, None))]
    if missing:
        raise Refused(f"a predictor has the methods start, predict and update; yours lacks {' and '.join(missing)}.")


def _check_shapes(built: Any, phi: NDArray[np.float64]) -> None:
    """Try each method once, so that a slip is named before the search stumbles over it."""
    n = len(phi)
    state = attempt("start(0, phi)", built.start, 0, phi[:, 0])
    _check_state("start", state, n)
    answer = attempt("predict(state, 1)", built.predict, state, 1)
    if not isinstance(answer, tuple) or len(answer) != 3:
        raise Refused("predict has to return three things: expected azimuths, their σ, and the state.")
    for name, value in (("azimuth", answer[0]), ("σ", answer[1])):
        found = attempt(f"Making an array of the {name} that predict returns", np.asarray, value, float)
        if found.shape != (n,):
            raise Refused(f"for {n} tracks predict returns an {name} of shape {found.shape}; it should be one each.")
        if not np.isfinite(found).all():
            raise Refused(f"predict returns an {name} that is not finite: is something divided by zero?")
    if not (np.asarray(answer[1], float) > 0).all():
        raise Refused("σ has to be above zero for every track.")
    _check_state("predict", answer[2], n)
    _check_state("update", attempt("update(state, 1, phi)", built.update, answer[2], 1, phi[:, 1]), n)


def _check_state(method: str, state: Any, n: int) -> None:
    if not isinstance(state, tuple) or not all(isinstance(part, np.ndarray) and len(part) == n for part in state):
        raise Refused(
            f"the state that {method} returns has to be a tuple of arrays with one row per track, such as (phi,): the "
            "search picks rows of it."
        )


def _advice(score: float, inside: float, pulls: NDArray[np.float64]) -> str:
    start = f"{score:.3f} of {LEAST:.3f}: "
    if not np.isfinite(pulls).all():
        return f"{start}on some tracks azimuth or σ is not finite: is something divided by zero?"
    if inside < 0.99:
        worst = int(np.argmin((pulls < search.GATE).mean(axis=0))) + 1
        return (
            f"{start}{1 - inside:.1%} of the true hits lie outside your road, most of them in layer {worst}. Claim a "
            "larger σ there, or expect the track elsewhere."
        )
    return (
        f"{start}the true hits are inside your road, but so are hits of other tracks. Expect the track where its last "
        "two hits point, and then claim a smaller σ."
    )
