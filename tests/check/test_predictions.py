"""Predictions: a guess is noted, and answered once something was measured; none blocks the lesson."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from jetlab import check
from jetlab.check import predictions, solved
from jetlab.errors import ArgumentError
from jetlab.metrics import Estimate, generation
from jetlab.metrics.decorrelation import Point
from jetlab.metrics.hunt import Excess, Regions
from tests.check.test_engine import ODD
from tests.panel.by_label import labelled, texts

#: Maximum significance improvement of a tagger that is taught by labels.
SUPERVISED = Estimate(14.0, 0.4)
#: An image of W minus QCD: less in the middle, more above and below.
DIFFERENCE = np.zeros((25, 25))
DIFFERENCE[12, 12], DIFFERENCE[[7, 17], 12] = -2.0, 1.0
STEPS = {
    name: Estimate(-0.001 * number, 0.001)
    for number, name in enumerate(("not rotated", "not flipped", "not zoomed", "cropped to half the width"), start=1)
}


def sculpting(jsd):
    """A tagger of that divergence, where blind choices scatter by 0.02."""
    return Point(Estimate(10.0, 1.0), Estimate(jsd, 0.05), 0.05, 0.02)


#: Prediction -> what was measured, what came out, and other guesses -> a word of what is said to them.
CASES = {
    "P1.P1": ({"loss": 0.036, "noise": 0.2}, "b", {"a": "passes through all", "c": "*squares*"}),
    "P1.P2": ({"limit": 0.94}, 0.94, {0.5: "more than you expected", 3: "farther up"}),
    "P1.P3": ({"small": 0.2, "large": 0.1}, "b", {"a": "fluctuates less", "c": "only halves"}),
    "P1.P4": ({"training": 0.02, "validation": 3.0, "noise": 0.2}, "c", {"a": "other noise", "b": "bend"}),
    "P2.P1": ({"accuracy": 0.87}, "b", {"a": "only the tips", "c": "tips of the moons reach"}),
    "P2.P2": ({"ratio": 2e-6}, "c", {"a": "multiplies up", "b": "multiplies up"}),
    "P2.P3": ({"errors": {4: 0.4, 8: 0.2, 16: 0.04}, "wanted": 0.1}, 16, {3: "one kink only", 64: "so few"}),
    "P2.P4": ({"accuracy": 0.981}, 98, {0.98: "per cent", 90: "Even 64", 100: "by eye"}),
    "P3.P1": ({"percent": 20.0}, 20, {95: "each place", 5: "both places"}),
    "P3.P2": ({"lowest": np.array([0.1, 0.95, 0.3])}, "b", {"a": "one stroke", "c": "like no other"}),
    "P3.P3": (
        {"accuracies": {"RNN": 0.5, "LSTM": 0.52, "LSTM, gates open": 0.8}},
        "b",
        {"a": "its gates", "c": "effect of the first step"},
    ),
    "P3.P4": ({"factor": 4.0}, 4, {1: "only two", 100: "noise"}),
    "M0.P1": ({"mass": 0.918, "tau": 0.936}, "b", {"a": "heavier still", "c": "differ"}),
    "M0.P3": ({"percent": 11.0}, 11, {1: "by chance", 50: "fewer jets"}),
    "M0.P2": ({"percent": 96.0}, 96, {50: "go a long way", 100: "not perfect"}),
    "M1.P1": ({"ratio": 40_000.0}, "c", {"a": "for ever", "b": "for ever"}),
    "M1.P2": ({"gap": {"met": 0.3, "sumet": 1.4, "rho": 0.2}}, "b", {"a": "no neutrino", "c": "same in both"}),
    "M1.P3": ({"left": 1.0}, "a", {"b": "two groups"}),
    "M1.P4": ({"nature": 120.0}, 120, {10: "falls faster", 5000: "not quite"}),
    "M1.P5": ({"mass": 83.7}, "c", {"a": "Grooming", "b": "no mass right"}),
    "M1.P6": ({"before": 4000.0, "after": 12000.0}, "c", {"a": "differ more", "b": "how far"}),
    "M1.P7": ({"auc": 0.62}, 0.62, {0.5: "more than", 0.9: "Three numbers"}),
    "M2.P1": ({"cut": 40.0, "tree": 80.0}, "b", {"a": "all four", "c": "the cut has both"}),
    "M2.P2": (
        {"loss": [0.5, 0.3, 0.24, 0.22], "val_loss": [0.4, 0.25, 0.248, 0.251]},
        "b",
        {"a": "nearly all of it", "c": "little room"},
    ),
    "M2.P3": ({"raw": [0.5, 0.5], "scaled": [0.965, 0.966]}, "c", {"a": "never gets that far", "b": "dead nodes"}),
    "M2.P4": ({"val_loss": [0.5, 0.3, 0.25, *[0.3] * 30]}, 3, {30: "begins early", 1: "Even 300"}),
    "M2.P5": ({"difference": Estimate(0.0007, 0.0006)}, "b", {"a": "little to add", "c": "whatever steps"}),
    "M3.P1": ({"pictures": np.eye(10)}, 10, {60: "share a pixel", 2: "than you thought"}),
    "M3.P2": ({"difference": DIFFERENCE}, "b", {"a": "two prongs", "c": "gathers it"}),
    "M3.P3": ({"difference": Estimate(-0.001, 0.0012)}, "b", {"a": "needs many jets", "c": "keeps up"}),
    "M3.P4": (
        {"steps": STEPS},
        "d",
        {"a": "Not rotated, it changes by -0.0010", "b": "-0.0020", "c": "-0.0030 ± 0.0010"},
    ),
    "M3.P5": (
        {"channels": Estimate(0.001, 0.001), "jets": Estimate(0.005, 0.001)},
        "b",
        {"a": "same few candidates", "c": "more than two"},
    ),
    "M3.P6": ({"light": 0.001, "heavy": 0.03}, "c", {"a": "distance of two prongs", "b": "Compare with the BDT"}),
    "M5.P1": (
        {"gains": {"dense": Estimate(0.001, 0.001), "CNN": Estimate(0.003, 0.001)}},
        1,
        {4: "hard to beat", 0: "know nothing"},
    ),
    "M5.P2": ({"one": 0.002, "difference": 0.0008}, "c", {"a": "two samples", "b": "mostly does"}),
    "M5.P3": (
        {"here": Estimate(0.001, 0.0015), "full": Estimate(0.006, 0.0007)},
        "a",
        {"b": "standard deviations apart", "c": "only four variables"},
    ),
    "M5.P4": ({"gain": Estimate(0.002, 0.0006)}, "a", {"b": "cancel in the mean", "c": "still helps"}),
    "M5.P5": (
        {"bits": {"cut": 0.6, "BDT": 0.4, "CNN": 0.3, "deep sets": 0.2}},
        "a",
        {"b": "For BDT it is 0.40", "c": "0.30", "d": "For deep sets"},
    ),
    "M4.P1": ({"auc": 0.56}, "a", {"b": "not in a form", "c": "not in a form"}),
    "M4.P2": (
        {"aucs": {"a": 0.6, "b": 0.8, "c": 0.55, "d": 0.61, "e": 0.58}, "broken": 0.56},
        "b",
        {"a": "Yours alone gives 0.600", "e": "Yours alone gives 0.580"},
    ),
    "M4.P3": (
        {"aucs": {"a": 0.8, "b": 0.55, "c": 0.7, "d": 0.9, "e": 0.93}, "healed": 0.95},
        "b",
        {"a": "With yours left in it is 0.800", "d": "it is 0.900"},
    ),
    "M4.P4": ({"auc": 0.93, "every": 0.96}, 0.93, {0.7: "Two hard prongs", 0.96: "softer candidates"}),
    "M4.P5": (
        {"seconds": {"a": 12.0, "b": 4.0, "c": math.inf}, "goal": 0.95},
        "b",
        {"a": "1,000 never", "c": "seldom"},
    ),
    "M4.P6": ({"difference": Estimate(0.0007, 0.0006)}, "b", {"a": "sum up", "c": "With enough jets"}),
    "M6.P1": ({"true": [0.001, -0.001], "measured": [0.01, 0.02]}, "b", {"a": "which jets are in", "c": "same kind"}),
    "M6.P2": (
        {"learnt": [1.02, 1.021, 1.02], "official": [1.0, 1.01, 1.12]},
        "a",
        {"b": "Where in η", "c": "Where in η"},
    ),
    "M6.P3": ({"normalised": 0.16, "in_gev": 0.08}, "c", {"a": "the shape of the image", "b": "survives"}),
    "M6.P4": ({"gain": Estimate(0.12, 0.01)}, 12, {3: "each particle", 50: "no network can undo"}),
    "M6.P5": ({"official": 0.024, "network": 0.004}, "a", {"b": "where the particles fall", "c": "met the particles"}),
    "M7.P1": ({"nearest": 0.85, "dbscan": 0.92, "hough": 0.95}, "c", {"a": "local decision", "b": "whole track"}),
    "M7.P2": (
        {"sizes": [10, 1000, 5000], "scores": [0.4, 0.7, 0.87], "yardstick": 0.85},
        5000,
        {100: "each of its bins", 9000: "not that many"},
    ),
    "M7.P3": ({"before": 0.71, "after": 0.85}, "c", {"a": "no longer has to learn", "b": "counts for all"}),
    "M7.P4": ({"scores": {10: 0.997, 500: 0.999}, "rival": 0.87}, "a", {"b": "a hundred tracks", "c": "every step"}),
    "M7.P5": ({"difference": Estimate(-0.0002, 0.0003)}, "b", {"a": "nothing left", "c": "could all be learnt"}),
    "M7.P6": ({"explained": [0.0, 0.5, 0.95, 0.98]}, 3, {1: "fix no circle", 9: "fix a circle"}),
    "M7.P7": ({"slow": 0.84, "lost": 0.6, "crossed": 0.75}, "b", {"a": "A step sideways", "c": "somebody else's"}),
    "M7.P8": (
        {
            "alone": {"nearest hit": 0.85, "LSTM 2017": 0.87, "residual LSTM": 0.999},
            "crowd": {"nearest hit": 0.68, "LSTM 2017": 0.40, "residual LSTM": 0.992},
        },
        "b",
        {"a": "coarse bins", "c": "so narrow"},
    ),
    "M8.P1": ({"percent": 63.0}, 63, {95: "close to the collision", 20: "fly millimetres"}),
    "M8.P2": ({"without": 2.2, "reweighted": 1.4}, "b", {"a": "whatever differs", "c": "spectra overlap"}),
    "M8.P3": ({"ratio": Estimate(1.1, 0.1)}, "b", {"a": "Both say", "c": "find out for itself"}),
    "M8.P4": ({"low": 6.0, "high": 7.5}, "b", {"a": "no new training", "c": "paid for"}),
    "M8.P5": ({"efficiency": [0.7, 0.85, 0.65]}, "c", {"a": "Slow tracks", "b": "well measured"}),
    "M8.P6": (
        {"light": Estimate(1.1, 0.2), "c": Estimate(1.0, 0.05)},
        "b",
        {"a": "hard to beat", "c": "makes as much"},
    ),
    "M8.P7": ({"nominal": 200.0, "other": 100.0}, "c", {"a": "Longer tails", "b": "know least"}),
    "E1.P1": ({"difference": Estimate(0.0005, 0.001)}, "b", {"a": "belong together", "c": "remembers best"}),
    "E1.P2": ({"first": 0.1, "second": 0.2}, "c", {"a": "none can be nearer", "b": "what the first has learnt"}),
    "E1.P3": ({"ratio": 1.4}, "c", {"a": "half of the answer", "b": "ΔR and mass"}),
    "E1.P4": (
        {"changes": {"LSTM": 0.5, "deep sets": 1e-6, "transformer": 1e-5}},
        "a",
        {"b": "know no order", "c": "know no order", "d": "cannot help"},
    ),
    "E1.P5": ({"difference": Estimate(0.001, 0.001)}, "b", {"a": "takes more jets", "c": "another seed"}),
    "E1.P6": (
        {"changes": {"ParticleNet": 0.3, "LorentzNet": 1e-6}},
        "a",
        {"b": "has others", "c": "Scalar products"},
    ),
    "E1.P7": (
        {"aucs": {"gluon or quark": Estimate(0.82, 0.01), "W⁺ or W⁻": Estimate(0.83, 0.01)}},
        "b",
        {"a": "two units", "c": "twice as much"},
    ),
    "E2.P1": ({"before": 45.0, "after": 85.0}, "b", {"a": "thrown away", "c": "80 GeV"}),
    "E2.P2": (
        {"full": sculpting(0.4), "without": sculpting(0.12)},
        "b",
        {"a": "the network found it", "c": "not as well"},
    ),
    "E2.P3": (
        {"plain": Estimate(25.0, 4.0), "decorrelated": Estimate(12.0, 1.5), "ddt": Estimate(8.0, 0.9)},
        "b",
        {"a": "may not be used", "c": "than tau21 alone"},
    ),
    "E2.P4": (
        {"plain": Excess(59.0, Estimate(3.2, 2.1), 6.9, np.ones(1))},
        "b",
        {"a": "made the peak", "c": "takes those beside it"},
    ),
    "E2.P5": (
        {"plain": Regions(Estimate(365.0, 37.0), Estimate(0.1, 0.05))},
        "a",
        {"b": "the same jets", "c": "What fools one"},
    ),
    "E3.P1": ({"pt": Estimate(1.07, 0.001), "mass": Estimate(1.4, 0.01)}, "c", {"a": "distance", "b": "distance"}),
    "E3.P2": (
        {
            "resolutions": {
                "area": Estimate(0.16, 0.01),
                "SoftKiller": Estimate(0.15, 0.01),
                "PUPPI": Estimate(0.08, 0.01),
            }
        },
        "c",
        {"a": "PUPPI alone", "b": "PUPPI alone"},
    ),
    "E3.P3": ({"gain": Estimate(0.08, 0.03)}, "a", {"b": "do better", "c": "do better"}),
    "E3.P4": ({"gain": Estimate(0.2, 0.03)}, "a", {"b": "along with the neutral", "c": "along with the neutral"}),
    "E4.P1": ({"modes": 3, "smooth": 8}, "c", {"a": "asks for all", "b": "place to place"}),
    "E4.P2": (
        {"auc": Estimate(0.52, 0.01), "floor": Estimate(0.5, 0.01)},
        "a",
        {"b": "all correlations", "c": "easy for a flow"},
    ),
    "E4.P3": ({"share": Estimate(0.02, 0.03)}, "a", {"b": "one smooth density", "c": "one smooth density"}),
    "E4.P4": (
        {"distance": generation.Distance(Estimate(4.0, 0.2), Estimate(0.8, 0.3))},
        "b",
        {"a": "takes longest", "c": "sum of all"},
    ),
    "E4.P5": ({"ratio": 2000.0}, "b", {"a": "products of matrices", "c": "full detector"}),
    "E5.P1": (
        {"gain": Estimate(1.8, 0.1), "bound": SUPERVISED},
        "a",
        {"b": "rare in many ways", "c": "not the same as signal-like"},
    ),
    "E5.P2": (
        {"gain": Estimate(9.0, 0.5), "bound": SUPERVISED},
        "c",
        {"a": "alike in both samples", "b": "alike in both samples"},
    ),
    "E5.P3": ({"significance": 0.7}, "a", {"b": "did not see", "c": "did not see"}),
    "E5.P4": (
        {"gains": {"CWoLa": [Estimate(9.0, 0.5), Estimate(2.0, 0.2)], "CATHODE": [Estimate(9.0, 0.5)] * 2}},
        "a",
        {"b": "guess the mass", "c": "may still give", "d": "only the sidebands"},
    ),
}


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr(predictions, "GUESSES", {})
    monkeypatch.setattr(solved, "SESSION", set())
    monkeypatch.setenv("JETLAB_PROGRESS", str(tmp_path))


def answered(capsys: pytest.CaptureFixture[str], name: str, guess: object, measured: dict) -> str:
    check.predict(name, guess)
    capsys.readouterr()
    check.reveal(name, **measured)
    return capsys.readouterr().out


def test_every_prediction_has_a_case() -> None:
    assert set(predictions.names()) == set(CASES)


def test_a_guess_is_noted_and_told_nothing(subtests, capsys) -> None:
    for name, (_, outcome, others) in CASES.items():
        for guess in (outcome, *others):
            with subtests.test(name, guess=guess):
                check.predict(name, guess)
                shown = guess if isinstance(guess, str) else f"{guess:g}"
                assert capsys.readouterr().out == f"{name}: your guess, {shown}, is noted. Read on to see.\n"
    assert solved.read()[0] == set(CASES)


def test_what_came_out_answers_to_the_guess(subtests, capsys) -> None:
    for name, (measured, outcome, others) in CASES.items():
        with subtests.test(name):
            said = answered(capsys, name, outcome, measured)
            assert ", and so it is. " in said or (name == "P2.P4" and ", and it is 98.1. " in said)
            for guess, word in others.items():
                said = answered(capsys, name, guess, measured)
                assert f"; it is {outcome if isinstance(outcome, str) else format(outcome, '.4g')}" in said.replace(
                    "98.1", "98"
                )
                assert word in said


@pytest.mark.parametrize(
    ("name", "measured", "outcome"),
    [
        ("M0.P1", {"mass": 0.95, "tau": 0.9}, "a"),
        ("M0.P1", {"mass": 0.93, "tau": 0.932}, "c"),
        ("P3.P2", {"lowest": np.array([0.95, 0.99])}, "a"),
        ("P3.P2", {"lowest": np.array([0.1, 0.2])}, "c"),
        ("P3.P3", {"accuracies": {"RNN": 0.5, "LSTM": 0.7, "LSTM, gates open": 0.8}}, "a"),
        ("P3.P3", {"accuracies": {"RNN": 0.7, "LSTM": 0.7, "LSTM, gates open": 0.8}}, "c"),
        ("M1.P1", {"ratio": 40.0}, "a"),
        ("M1.P2", {"gap": {"met": -2.0, "sumet": 1.4, "rho": 0.2}}, "a"),
        ("M1.P3", {"left": 0.0}, "b"),
        ("M1.P5", {"mass": 80.0}, "b"),
        ("M1.P5", {"mass": 78.0}, "a"),
        ("M1.P6", {"before": 4000.0, "after": 4100.0}, "b"),
        ("M1.P6", {"before": 4000.0, "after": 3000.0}, "a"),
        ("M2.P1", {"cut": 40.0, "tree": 44.0}, "a"),
        ("M2.P1", {"cut": 40.0, "tree": 140.0}, "c"),
        ("M2.P2", {"loss": [0.5, 0.1], "val_loss": [0.3, 0.4]}, "c"),
        ("M2.P2", {"loss": [0.5, 0.1], "val_loss": [0.3, 0.1]}, "a"),
        ("M2.P3", {"raw": [0.95], "scaled": [0.965]}, "b"),
        ("M2.P3", {"raw": [0.965], "scaled": [0.965]}, "a"),
        ("M2.P5", {"difference": Estimate(0.01, 0.001)}, "a"),
        ("M2.P5", {"difference": Estimate(-0.01, 0.001)}, "c"),
        ("M3.P2", {"difference": -DIFFERENCE}, "a"),
        ("M3.P2", {"difference": DIFFERENCE + DIFFERENCE.T}, "c"),
        ("M3.P3", {"difference": Estimate(0.01, 0.001)}, "a"),
        ("M3.P3", {"difference": Estimate(-0.01, 0.001)}, "c"),
        ("M3.P4", {"steps": STEPS | {"not rotated": Estimate(-0.1, 0.001)}}, "a"),
        ("M3.P5", {"channels": Estimate(0.001, 0.001), "jets": Estimate(0.001, 0.001)}, "c"),
        ("M3.P5", {"channels": Estimate(0.01, 0.001), "jets": Estimate(0.001, 0.001)}, "a"),
        ("M3.P6", {"light": 0.01, "heavy": 0.015}, "a"),
        ("M3.P6", {"light": 0.01, "heavy": 0.05}, "b"),
        ("M3.P6", {"light": 0.0, "heavy": 0.05}, "c"),
        ("M5.P2", {"one": 0.002, "difference": 0.003}, "a"),
        ("M5.P2", {"one": 0.002, "difference": 0.002}, "b"),
        ("M5.P3", {"here": Estimate(0.001, 0.001), "full": Estimate(0.001, 0.001)}, "b"),
        ("M5.P3", {"here": Estimate(0.009, 0.001), "full": Estimate(0.001, 0.001)}, "c"),
        ("M5.P4", {"gain": Estimate(0.0002, 0.0006)}, "b"),
        ("M5.P4", {"gain": Estimate(-0.002, 0.0006)}, "c"),
        ("M5.P5", {"bits": {"cut": 0.1, "BDT": 0.4, "CNN": 0.3, "deep sets": 0.5}}, "d"),
        ("M4.P1", {"auc": 0.7}, "b"),
        ("M4.P1", {"auc": 0.95}, "c"),
        ("M4.P5", {"seconds": {"a": 2.0, "b": 4.0, "c": 9.0}, "goal": 0.95}, "a"),
        ("M4.P5", {"seconds": {"a": math.inf, "b": 4.0, "c": 1.0}, "goal": 0.95}, "c"),
        ("M4.P6", {"difference": Estimate(0.01, 0.001)}, "a"),
        ("M4.P6", {"difference": Estimate(-0.01, 0.001)}, "c"),
        ("M6.P1", {"true": [0.0], "measured": [0.001]}, "a"),
        ("M6.P1", {"true": [0.01], "measured": [0.01]}, "c"),
        ("M6.P2", {"learnt": [1.0, 1.06], "official": [1.0, 1.1]}, "b"),
        ("M6.P2", {"learnt": [1.0, 1.1], "official": [1.0, 1.1]}, "c"),
        ("M6.P3", {"normalised": 0.081, "in_gev": 0.08}, "a"),
        ("M6.P3", {"normalised": 0.1, "in_gev": 0.08}, "b"),
        ("M6.P5", {"official": 0.02, "network": -0.018}, "b"),
        ("M6.P5", {"official": 0.02, "network": 0.05}, "c"),
        ("M7.P3", {"before": 0.71, "after": 0.712}, "a"),
        ("M7.P3", {"before": 0.71, "after": 0.74}, "b"),
        ("M7.P4", {"scores": {10: 0.5, 500: 0.9}, "rival": 0.87}, "b"),
        ("M7.P4", {"scores": {10: 0.5, 500: 0.8}, "rival": 0.87}, "c"),
        ("M7.P5", {"difference": Estimate(-0.001, 0.0002)}, "c"),
        ("M7.P5", {"difference": Estimate(0.001, 0.0002)}, "a"),
        ("M8.P2", {"without": 1.5, "reweighted": 1.4}, "a"),
        ("M8.P2", {"without": 3.5, "reweighted": 1.4}, "c"),
        ("M8.P3", {"ratio": Estimate(1.5, 0.1)}, "a"),
        ("M8.P3", {"ratio": Estimate(0.7, 0.1)}, "c"),
        ("M8.P4", {"low": 6.0, "high": 6.1}, "a"),
        ("M8.P4", {"low": 6.0, "high": 12.0}, "c"),
        ("M8.P5", {"efficiency": [0.5, 0.85, 0.65]}, "a"),
        ("M8.P6", {"light": Estimate(1.1, 0.2), "c": Estimate(1.3, 0.05)}, "a"),
        ("M8.P6", {"light": Estimate(0.5, 0.1), "c": Estimate(1.0, 0.05)}, "c"),
        ("M8.P6", {"light": Estimate(0.5, 0.1), "c": Estimate(1.3, 0.05)}, "b"),
        ("E3.P1", {"pt": Estimate(1.2, 0.001), "mass": Estimate(1.1, 0.01)}, "a"),
        ("E3.P1", {"pt": Estimate(1.1, 0.001), "mass": Estimate(1.1, 0.01)}, "b"),
        ("E3.P2", {"resolutions": {name: Estimate(k, 0.01) for k, name in enumerate("ASP", start=1)}}, "a"),
        ("E3.P2", {"resolutions": {name: Estimate(abs(k - 1), 0.01) for k, name in enumerate("ASP")}}, "b"),
        ("E3.P3", {"gain": Estimate(0.02, 0.03)}, "b"),
        ("E3.P3", {"gain": Estimate(-0.2, 0.03)}, "c"),
        ("E3.P4", {"gain": Estimate(0.02, 0.03)}, "b"),
        ("E3.P4", {"gain": Estimate(-0.2, 0.03)}, "c"),
        ("E1.P1", {"difference": Estimate(0.01, 0.001)}, "a"),
        ("E1.P1", {"difference": Estimate(-0.01, 0.001)}, "c"),
        ("E1.P2", {"first": 0.1, "second": 0.05}, "a"),
        ("E1.P2", {"first": 0.1, "second": 0.105}, "b"),
        ("E1.P3", {"ratio": 1.0}, "b"),
        ("E1.P3", {"ratio": 0.5}, "a"),
        ("E1.P4", {"changes": {"LSTM": 0.1, "deep sets": 0.1, "transformer": 0.0}}, "b"),
        ("E1.P4", {"changes": {"LSTM": 0.1, "deep sets": 0.1}}, "c"),
        ("E1.P4", {"changes": {"LSTM": 0.0, "deep sets": 0.0}}, "d"),
        ("E1.P5", {"difference": Estimate(0.01, 0.001)}, "a"),
        ("E1.P5", {"difference": Estimate(-0.01, 0.001)}, "c"),
        ("E1.P6", {"changes": {"ParticleNet": 0.3, "LorentzNet": 0.3}}, "c"),
        ("E1.P7", {"aucs": {"gluon": Estimate(0.7, 0.01), "W": Estimate(0.8, 0.01)}}, "c"),
        ("E1.P7", {"aucs": {"gluon": Estimate(0.8, 0.01), "W": Estimate(0.7, 0.01)}}, "a"),
        ("E1.P6", {"changes": {"ParticleNet": 0.0, "LorentzNet": 0.0}}, "b"),
        ("E2.P1", {"before": 45.0, "after": 45.0}, "a"),
        ("E2.P1", {"before": 45.0, "after": 125.0}, "c"),
        ("E2.P2", {"full": sculpting(0.4), "without": sculpting(0.03)}, "a"),
        ("E2.P2", {"full": sculpting(0.4), "without": sculpting(0.39)}, "c"),
        ("E2.P3", {"plain": Estimate(14, 2), "decorrelated": Estimate(12, 1.5), "ddt": Estimate(8, 1)}, "a"),
        ("E2.P3", {"plain": Estimate(25, 2), "decorrelated": Estimate(7, 1), "ddt": Estimate(8, 1)}, "c"),
        ("E2.P4", {"plain": Excess(50.0, Estimate(52, 5), -0.2, np.ones(1))}, "a"),
        ("E2.P4", {"plain": Excess(20.0, Estimate(52, 5), -3.2, np.ones(1))}, "c"),
        ("E2.P5", {"plain": Regions(Estimate(300, 30), Estimate(310, 30))}, "b"),
        ("E2.P5", {"plain": Regions(Estimate(300, 30), Estimate(510, 30))}, "c"),
        ("E4.P1", {"modes": 8, "smooth": 8}, "a"),
        ("E4.P1", {"modes": 5, "smooth": 8}, "b"),
        ("E4.P2", {"auc": Estimate(0.6, 0.01), "floor": Estimate(0.5, 0.01)}, "b"),
        ("E4.P2", {"auc": Estimate(0.7, 0.01), "floor": Estimate(0.5, 0.01)}, "c"),
        ("E4.P3", {"share": Estimate(0.4, 0.01)}, "b"),
        ("E4.P3", {"share": Estimate(0.9, 0.01)}, "c"),
        ("E4.P4", {"distance": generation.Distance(Estimate(1.0, 0.2), Estimate(0.8, 0.3))}, "a"),
        ("E4.P4", {"distance": generation.Distance(Estimate(20.0, 0.2), Estimate(0.8, 0.3))}, "c"),
        ("E4.P5", {"ratio": 20.0}, "a"),
        ("E4.P5", {"ratio": 1e6}, "c"),
        ("E5.P1", {"gain": Estimate(5.0, 0.1), "bound": SUPERVISED}, "b"),
        ("E5.P1", {"gain": Estimate(9.0, 0.1), "bound": SUPERVISED}, "c"),
        ("E5.P2", {"gain": Estimate(2.0, 0.1), "bound": SUPERVISED}, "a"),
        ("E5.P2", {"gain": Estimate(6.0, 0.1), "bound": SUPERVISED}, "b"),
        ("E5.P3", {"significance": 3.0}, "b"),
        ("E5.P3", {"significance": 6.0}, "c"),
        ("E5.P4", {"gains": {"CWoLa": [SUPERVISED] * 2, "CATHODE": [SUPERVISED] * 2}}, "b"),
        ("E5.P4", {"gains": {name: [SUPERVISED, Estimate(2.0, 0.1)] for name in ("CWoLa", "CATHODE")}}, "c"),
        ("E5.P4", {"gains": {"CWoLa": [SUPERVISED] * 2, "CATHODE": [SUPERVISED, Estimate(2.0, 0.1)]}}, "d"),
        ("M8.P7", {"nominal": 100.0, "other": 95.0}, "a"),
        ("M8.P7", {"nominal": 100.0, "other": 75.0}, "b"),
        ("P1.P4", {"training": 0.01, "validation": 0.01, "noise": 0.2}, "a"),
        ("P1.P4", {"training": 1.0, "validation": 1.0, "noise": 0.2}, "b"),
        ("P2.P1", {"accuracy": 0.5}, "a"),
        ("P2.P1", {"accuracy": 0.99}, "c"),
        ("P2.P2", {"ratio": 0.5}, "a"),
        ("P2.P2", {"ratio": 0.01}, "b"),
    ],
)
def test_what_comes_out_is_measured(capsys, name, measured, outcome) -> None:
    """So that a short run, or another sample, is told the truth."""
    assert f"you expected {outcome}, and so it is." in answered(capsys, name, outcome, measured)


def test_without_a_guess_the_lesson_goes_on_and_nothing_is_given_away(subtests, capsys) -> None:
    for name, (measured, *_) in CASES.items():
        with subtests.test(name):
            said = answered(capsys, name, ..., measured)
            assert said.startswith(f"{name}: you made no guess.")
            assert "expected" not in said
    assert solved.read()[0] == set()


def test_the_last_guess_counts(capsys) -> None:
    check.predict("P1.P1", "a")
    assert ", and so it is" in answered(capsys, "P1.P1", " B", CASES["P1.P1"][0])


def test_nothing_typed_raises(subtests, capsys) -> None:
    for name, (measured, *_) in CASES.items():
        with subtests.test(name):
            for number, odd in enumerate(ODD):
                predictions.GUESSES.clear()
                said = answered(capsys, name, odd, measured)
                number_given = name not in ("P1.P1",) and isinstance(predictions.GUESSES.get(name), float)
                assert "you made no guess" in said or number_given, f"number {number}, a {type(odd).__name__}"
                assert number_given is False or not math.isfinite(predictions.GUESSES[name])


def test_another_letter_is_no_guess(capsys) -> None:
    check.predict("M2.P1", "d")
    assert capsys.readouterr().out == "M2.P1: hint: this question asks for one letter in quotes, one of a, b, c.\n"


def test_a_fault_of_the_lesson_is_shown() -> None:
    with pytest.raises(ArgumentError, match=r"no prediction 'M2\.01'; there are E"):
        check.predict("M2.01", "a")
    with pytest.raises(ArgumentError, match="no prediction"):
        check.reveal("M9.P1")
    for measured in ({}, {"loss": 1.0}, {"loss": 1.0, "noise": 1.0, "more": 1.0}):
        with pytest.raises(TypeError, match="argument"):
            check.reveal("P1.P1", **measured)


@pytest.fixture
def displayed(monkeypatch: pytest.MonkeyPatch) -> list:
    """What a cell of a notebook shows beside what it prints."""
    found: list = []
    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(kernel=None))
    monkeypatch.setattr("IPython.display.display", found.append)
    return found


def test_a_notebook_has_buttons_for_letters(displayed, capsys) -> None:
    check.predict("M2.P1", ...)
    assert capsys.readouterr().out == ""
    (buttons,) = displayed
    assert "M2.P1: no guess yet. Press a button" in texts(buttons.widget)
    labelled(buttons.widget, "c").click()
    assert texts(buttons.widget) == "M2.P1: your guess, c, is noted. Read on to see."
    assert solved.read()[0] == {"M2.P1"}
    check.reveal("M2.P1", **CASES["M2.P1"][0])
    assert "M2.P1: you expected c; it is b." in capsys.readouterr().out


def test_buttons_shown_again_know_the_guess(displayed) -> None:
    for _ in range(2):
        check.predict("M2.P1", ...)
        displayed[-1].press("c")
    assert "your guess, c, is noted" in texts(displayed[1].widget)
    assert labelled(displayed[1].widget, "c").button_style == "primary"


def test_numbers_and_typed_letters_need_no_buttons(displayed, capsys) -> None:
    check.predict("M2.P4", ...)
    check.predict("M2.P1", "a")
    printed = capsys.readouterr().out
    assert "M2.P4: no guess yet. Replace the three dots" in printed
    assert "M2.P1: your guess, a, is noted." in printed
    assert displayed == []
