"""The exercises, predictions and the build task of M1, open data."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jetlab.angles import wrap
from jetlab.check.engine import LETTER, NUMBER, RIGHT, Near, Rows, computed
from jetlab.check.predictions import prediction
from jetlab.check.tasks import REACHED, TASKS, Refused, Report, attempt
from jetlab.io.schema import RADIUS

#: Events that a function for M1.B1 is tried on, new ones each time.
EVENTS = 300


@computed(NUMBER, "M1.01")
def count_w(*, is_w: np.ndarray) -> Rows:
    """How many jets are hadronic W?"""
    yield np.sum(is_w == 1), RIGHT
    yield len(is_w), "this is the number of all jets; count those with jet_isW_ak7 equal to 1."
    yield np.sum(is_w != 1), "this is the number of QCD jets; W jets have jet_isW_ak7 equal to 1."
    yield Near(np.mean(is_w == 1), 0, 1e-6), "this is the fraction, not the number: use np.sum instead of np.mean."
    yield ..., "`is_w` is True for each W jet, and True counts as 1: what is its sum?"


@computed(NUMBER, "M1.02")
def jet_pt(*, pt: np.ndarray, phi: np.ndarray, jes: float) -> Rows:
    """Corrected jet pt from the candidates."""
    vector = float(np.hypot(np.sum(pt * np.cos(phi)), np.sum(pt * np.sin(phi))))
    yield vector * jes, RIGHT
    yield vector, "this is the raw pt; multiply it by the correction `jes`."
    scalar = np.sum(pt)
    yield (scalar, scalar * jes), "this is a scalar sum; momenta are vectors: sum pt cos(phi) and pt sin(phi) first."
    yield ..., "sum px = pt cos(phi) and py = pt sin(phi); the length of (px, py), times `jes`, is the pt."


@computed(NUMBER, "M1.03")
def weighted_mean(*, pt: np.ndarray, weight: np.ndarray) -> Rows:
    """Mean pt of QCD jets as in nature."""
    yield np.average(pt, weights=weight), RIGHT
    yield np.mean(pt), "this counts every simulated jet once, but hard jets were simulated too often: use the weights."
    yield np.mean(pt * weight), "divide by the sum of the weights, not by the number of jets; np.average does so."
    yield ..., "it is a weighted mean: np.average takes the values and their weights."


# Distance in phi of a track at 3.1 from a jet at -3.1.
distance = 2 * np.pi - 6.2
NUMBER["M1.04"] = {
    (Near(distance, 0, 2e-3), Near(-distance, 0, 2e-3)): RIGHT,
    (6.2, -6.2): "phi is an angle: 3.1 and -3.1 are neighbours across pi. Take the short way round.",
    ...: "go from 3.1 up to pi, then from -pi up to -3.1: how far is that altogether?",
}

# Why are the QCD jets reweighted in pt and eta?
LETTER["M1.05"] = {
    "b": RIGHT,
    "a": "one common factor would do for that. Look at the shapes of the spectra.",
    "c": "reweighting adds no jets; it changes how much each counts. Look at the spectra before and after.",
}


@prediction("M1.P1", "abc")
def kept_by_the_trigger(*, ratio: float) -> Rows:
    """What part of the detectors' data is kept."""
    found = "a" if ratio < 400 else "b" if ratio < 12_000 else "c"
    yield found, f"Of {ratio:,.0f} bytes one is kept."
    yield ..., f"Of {ratio:,.0f} bytes one is kept: the rest is gone for ever."


@prediction("M1.P2", "abc")
def event_variables(*, gap: Mapping[str, float]) -> Rows:
    """Which number of the event differs most between W and QCD."""
    largest = max(gap, key=lambda name: abs(gap[name]))
    letters = dict(zip(("met", "sumet", "rho"), "abc", strict=True))
    yield letters[largest], f"{largest} is {abs(gap[largest]):.1f} widths apart."
    yield "a", "A W that decays to quarks makes no neutrino, so little is missing in either sample."
    yield "c", "Pile-up is the same in both samples, so rho differs only by what the event itself adds."
    yield ..., f"{largest} is {abs(gap[largest]):.1f} widths apart."


@prediction("M1.P3", "ab")
def picture_of_a_w(*, left: float) -> Rows:
    """Which of two pictures shows a W."""
    yield "a" if left == 1 else "b", "It has two groups of particles, one for each quark."
    yield ..., "A W decays to two quarks: look for two groups of particles."


@prediction("M1.P4")
def steepness(*, nature: float) -> Rows:
    """How many soft QCD jets there are for each hard one."""
    yield Near(nature, 0.25), "The spectrum falls steeply: twice the pt, a hundred times fewer jets."
    yield lambda guess: guess < nature, "Nature's spectrum falls faster than you expected, roughly like pt to the -6."
    yield ..., "It falls steeply, but not quite as steeply as you expected."


@prediction("M1.P5", "abc")
def mass_peak(*, mass: float) -> Rows:
    """Where the peak of the soft-drop mass is."""
    found = "a" if mass < 79.4 else "b" if mass <= 81.4 else "c"
    text = f"The median is {mass:.1f} GeV."
    yield found, text
    yield "a", f"{text} Grooming does remove some of the W's own energy, but pile-up and the correction add more."
    yield "b", f"{text} A detector gets no mass right by itself; look at the rows for little and much pile-up."
    yield ..., f"{text} Look at the rows for little and much pile-up."


@prediction("M1.P6", "abc")
def worth_of_the_jets(*, before: float, after: float) -> Rows:
    """How reweighting changes the effective number of QCD jets."""
    found = "a" if after < 0.9 * before else "b" if after < 1.1 * before else "c"
    text = f"It goes from {before:,.0f} to {after:,.0f}."
    yield found, text
    yield "a", f"{text} Weights cost precision where they differ a lot, and nature's differ more than the new ones."
    yield ..., f"{text} Look at how far the weights of soft and hard jets are apart, before and after."


@prediction("M1.P7")
def bets_on_tracks(*, auc: float) -> Rows:
    """How often a network that sees three numbers of the tracks wins the bet."""
    yield Near(auc, 0.0, 0.03), "So the tracks alone tell something, but not much."
    yield lambda guess: guess > auc, "Three numbers say little: neither the mass nor the prongs can be read from them."
    yield ..., "The tracks tell more than you expected."


class Event(NamedTuple):
    """Tracks and jets of one event: eta and phi of each, (n,)."""

    track_eta: NDArray[np.float64]
    track_phi: NDArray[np.float64]
    jet_eta: NDArray[np.float64]
    jet_phi: NDArray[np.float64]


def new_events(seed: int | None = None) -> list[Event]:
    """Events with one to four jets and tracks in and around them; without a seed others each time."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(EVENTS):
        jet_eta, jet_phi = rng.uniform(-2, 2, (n := rng.integers(1, 5))), rng.uniform(-np.pi, np.pi, n)
        near = rng.integers(0, n, 8 * n)
        eta, phi = (values[near] + rng.normal(0, 0.4, 8 * n) for values in (jet_eta, jet_phi))
        made.append(Event(eta, wrap(phi), jet_eta, jet_phi))
    return made


def _distances(event: Event, wrapped: bool = True) -> NDArray[np.float64]:
    """Delta R of each track, the rows, from each jet; without `wrapped` as if phi were no angle."""
    dphi = event.track_phi[:, None] - event.jet_phi
    found: NDArray[np.float64] = np.hypot(event.track_eta[:, None] - event.jet_eta, wrap(dphi) if wrapped else dphi)
    return found


def _nearest(event: Event, radius: float = RADIUS, wrapped: bool = True) -> NDArray[np.int64]:
    dr = _distances(event, wrapped)
    return np.where(dr.min(axis=1) < radius, dr.argmin(axis=1), -1)


def _first(event: Event) -> NDArray[np.int64]:
    near = _distances(event) < RADIUS
    return np.where(near.any(axis=1), near.argmax(axis=1), -1)


#: What is wrong -> which jet each track gets then.
MISTAKES: dict[str, Callable[[Event], NDArray[np.int64]]] = {
    "tracks and jets on the two sides of φ = π are neighbours: bring Δφ to the range from -π to π.": functools.partial(
        _nearest, wrapped=False
    ),
    "tracks far from every jet belong to none: -1 where the smallest ΔR is not below 0.7.": functools.partial(
        _nearest, radius=np.inf
    ),
    "you compare ΔR² with 0.7; compare it with 0.7², or take the root first.": functools.partial(
        _nearest, radius=np.sqrt(RADIUS)
    ),
    "where two jets are within 0.7, take the nearest, not the first.": _first,
    "every track gets the same answer: does your function look at the distances?": lambda event: np.full(
        len(event.track_eta), -1
    ),
    "every track gets the same answer: does it look at the distances?": lambda event: np.zeros(
        len(event.track_eta), dtype=np.int64
    ),
}


def matching(built: Any) -> Report:
    """Judge a function that gives each track of an event the position of its nearest jet, or -1."""
    if not callable(built):
        raise Refused(f"give the function itself, `match`, not something of type {type(built).__name__}.")
    events = new_events()
    given = [_given(built, event) for event in events]
    right = np.concatenate([found == _nearest(event) for found, event in zip(given, events, strict=True)])
    figures = {
        "events": f"{len(events)}",
        "tracks with the right jet": f"{right.sum():,} of {len(right):,} (target: all)",
    }
    if right.all():
        return Report(REACHED, figures)
    for what, wrong in MISTAKES.items():
        if all(np.array_equal(found, wrong(event)) for found, event in zip(given, events, strict=True)):
            return Report(f"hint: {what}", figures)
    return Report(f"hint: {_first_fault(events, given)}", figures)


def _given(built: Callable[..., Any], event: Event) -> NDArray[np.float64]:
    """What the function says of an event; raises Refused where that is not one whole number per track."""
    found = attempt("Your function", built, *(values.copy() for values in event))
    found = attempt("Making an array of what your function returns", np.asarray, found, float)
    n = len(event.track_eta)
    if found.shape != (n,):
        raise Refused(
            f"for an event with {n} tracks your function returns shape {found.shape}; it should return one number per "
            "track, in an array of that length."
        )
    if np.any(found != np.round(found)):
        raise Refused(
            f"your function returns {found[found != np.round(found)][0]:.3g}; a position is a whole number: "
            "argmin says where the smallest distance is, min how small it is."
        )
    whole: NDArray[np.float64] = found
    return whole


def _first_fault(events: list[Event], given: list[NDArray[np.float64]]) -> str:
    """The first track with the wrong jet, in numbers; there is one."""
    event, found = next(each for each in zip(events, given, strict=True) if np.any(each[1] != _nearest(each[0])))
    right = _nearest(event)
    track = np.flatnonzero(found != right)[0]
    dr = ", ".join(f"{value:.2f}" for value in _distances(event)[track])
    return f"a track with ΔR = {dr} from the jets of its event belongs to {right[track]}, not {found[track]:g}."


TASKS["M1.B1"] = matching
