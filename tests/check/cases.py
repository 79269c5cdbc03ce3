"""Right and typical wrong answers of every exercise: name -> (data, right, wrong -> word of its hint)."""

from types import SimpleNamespace

import numpy as np

from jetlab.metrics import Estimate
from jetlab.metrics.flavour import IsoEfficiency
from jetlab.panel import Goal

#: Light and c rejection while f_c runs.
CURVE = IsoEfficiency(
    *(
        np.array(values)
        for values in ([0.0, 0.1, 0.2, 0.5], [150, 130, 105, 60], [9.0] * 4, [4.0, 5.0, 6.0, 9.0], [0.1] * 4)
    )
)
LOSSES = {"training_loss": [0.5, 0.4, 0.3, 0.2, 0.1], "validation_loss": [0.6, 0.5, 0.4, 0.55, 0.9]}
SHARE = {"accuracy": 0.98, "n": 400}
TASKS = ("regression", "clustering", "classification", "generation")

JES = {
    "raw": np.array([90.0, 285.0, 220.0]),
    "corrected": np.array([100.0, 300.0, 230.0]),
    "gen": np.array([100.0, 300.0, 200.0]),
}

EVENT = {"track": np.array([0, 0, 0, 1, 1]), "layer": np.array([0, 1, 2, 1, 2]), "event": np.zeros(5, int)}

IS_W = np.array([1, 1, 1, 0, 0])
CUT = {
    "passes": np.array([True, True, False, True, False]),
    "is_w": IS_W,
    "weight": np.array([1.0, 2.0, 1.0, 2.0, 5.0]),
}


def _runs(metric, *found):
    """Runs of a panel, numbered from 1: parameters and a figure of each."""
    return [
        SimpleNamespace(
            number=number,
            metrics={metric: Estimate(value, 0.01)},
            result=SimpleNamespace(model=SimpleNamespace(count_params=lambda parameters=parameters: parameters)),
        )
        for number, (parameters, value) in enumerate(found, start=1)
    ]


PANEL_RUNS = _runs("auc", (385, 0.967), (7, 0.95), (13, 0.963), (25, 0.965))
TRACK_RUNS = _runs("score", (60400, 0.91), (2000, 0.6), (12000, 0.86), (18000, 0.88))
CLOSURE_RUNS = _runs("closure_in_the_worst_bin", (193, 0.985), (25, 0.93), (97, 0.976), (145, 0.98))
FLAVOUR_RUNS = _runs("tuned_c_rejection", (8000, 5.9), (700, 4.1), (2000, 5.2), (2900, 5.4))
PILE_UP_RUNS = _runs("gain_W", (1600, 0.25), (70, 0.02), (620, 0.15), (900, 0.2))
CLOUD_RUNS = _runs("auc", (27_000, 0.966), (2000, 0.95), (9000, 0.963), (9900, 0.964))
#: Numbers, and rejection and divergence, of runs of E2's panel.
SHARP_RUNS = [
    SimpleNamespace(number=number, metrics={"rejection_50": Estimate(r, 1.0), "jsd": Estimate(jsd, 0.02)})
    for number, (r, jsd) in enumerate([(20.0, 0.3), (6.0, 0.01), (9.0, 0.02)], start=1)
]
FLOW_RUNS = _runs("log_density", (27_000, -4.49), (2000, -4.9), (9000, -4.52), (9900, -4.51))
ANOMALY_RUNS = _runs("auc", (40_000, 0.86), (900, 0.7), (1400, 0.83), (1200, 0.84))
CURVES = {"val_loss": [0.6, 0.4, 0.5, 0.7, 0.8], "loss": [0.6, 0.4, 0.3, 0.2, 0.1]}

CASES = {
    "M0.01": ({}, "b", {"a": "right plot", "W": "one letter"}),
    "P1.01": ({}, 4.25 / 3, {4.25: "sum", (4.25 / 3) ** 0.5: "root", 2.5 / 3: "absolute", 0.5: "cancel", 9: "np.mean"}),
    "P1.02": (
        {},
        TASKS,
        {
            ("classification", *TASKS[1:]): "number 1",
            (*TASKS[:3], "density estimation"): "number 4",
            TASKS[:3]: "four names",
            "regression": "four names",
        },
    ),
    "P1.03": (
        {},
        0.164252,
        {0.328504: "take the mean", 0.0713338: "natural", 0.857399: "1 - 0.2", -0.164252: "minus", 7: "mean of"},
    ),
    "P1.04": (
        {},
        0.407606,
        {
            0.665241: "probability",
            -np.log(2): "softmax first",
            1.407606: "only the class",
            0.177021: "natural",
            9: "np",
        },
    ),
    "P1.05": ({}, 1.4, {-1.4: "uphill", 0.7: "factor of 2", 2.8: "*mean*", 0.6: "factor of x", -14: "step", 3: "0 -"}),
    "P1.06": ({}, "b", {"a": "deeper", "c": "0.17", "d": "one letter"}),
    "P1.07": (LOSSES, 2, {4: "by heart", 3: "degree 0", 0.4: "this is a loss", 1: "argmin"}),
    "P1.08": (
        {},
        (7, 5),
        {
            (6, 4): "from 1",
            (5, 7): "other way",
            (8, 8): "used up",
            (7, 7): "kept is",
            (4, 3): "epoch 5",
            (1, 1): "in a row",
        },
    ),
    "P2.01": (
        {},
        0.377541,
        {-0.5: "sigmoid", 0.268941: "bias", 0.622459: "signs", 0: "ReLU", 0.9: "1 / (1"},
    ),
    "P2.02": ({}, 0.25, {0.5: "value at 0", 1: "tanh", 0.1: "largest"}),
    "P2.03": (
        {},
        -0.7,
        {0.7: "sign", -1 / 0.3: "dloss/dscore", 0.21: "dscore/dz", -0.147: "cancelled", 5: "multiply them"},
    ),
    "P2.04": ({}, 0.25**10, {0.25: "one layer", 2.5: "power", 0.5**10: "1/2", 4**10: "upside", 0.1: "P2.02"}),
    "P2.05": ({}, 1023, {1024: "no kink", 20: "kink of its own", 512: "kink of its own", 7: "two make three"}),
    "P2.06": ({}, "c", {"a": "dropout", "b": "dropout", "x": "one letter"}),
    "P2.07": ({}, 301066, {300032: "bias", 38410: "missing", 295936: "ten outputs", 1: "inputs + 1"}),
    "P2.08": (SHARE, 0.007, {0.000049: "variance", 2.8: "divide by n", 0.05: "smaller", 0.5: "binomial"}),
    "P3.01": ({}, -4, {4: "round", -4 / 9: "mean", 10: "sum of the patch", 7: "np.sum"}),
    "P3.02": ({}, 12, {24: "pooling", 14: "padding", 11.5: "nearly", 144: "whole", 3: "fits"}),
    "P3.03": (
        {},
        14,
        {5: "pooled", 6: "side by side", 10: "apart", 16: "nearly", 30: "overlaps", 196: "wide", 3: "5 + 1"},
    ),
    "P3.04": ({}, 224, {216: "bias", 80: "each", 28: "one kernel", 5: "kernels"}),
    "P3.05": ({}, 0.363389, {0.761594: "second", 0.380797: "tanh", 0.462117: "tanh(1)", 0: "remembers", 9: "0.5 h"}),
    "P3.06": ({}, 0.9**50, {45: "multiply", 1 - 0.9**50: "lost", -4: "still", 0.5: "fifty"}),
    "P3.07": ({}, 384, {96: "plain", 352: "biases", 128: "state", 312: "GRU", 1: "four sets"}),
    "P3.08": ({}, "b", {"a": "one for each", "c": "beside", "z": "one letter"}),
    "P3.09": (
        {},
        ("cnn", "dense", "lstm"),
        {("dense", "cnn", "lstm"): "grid", ("cnn", "dense", "cnn"): "ordered", ("cnn",): "three names", "cnn": "three"},
    ),
    "M1.01": ({"is_w": IS_W}, 3, {5: "all jets", 2: "QCD", 0.6: "fraction", 17: "sum"}),
    "M1.02": (
        {"pt": np.array([30.0, 40.0]), "phi": np.array([0.0, np.pi / 2]), "jes": 1.1},
        55.0,
        {50.0: "raw", 70.0: "scalar", 77.0: "scalar", 1.0: "length of"},
    ),
    "M1.03": (
        {"pt": np.array([200.0, 300.0]), "weight": np.array([3.0, 1.0])},
        225.0,
        {250.0: "once", 450.0: "sum of the weights", 1.0: "average"},
    ),
    "M1.04": ({}, 2 * np.pi - 6.2, {6.2: "angle", -6.2: "angle", 3.0: "together"}),
    "M1.05": ({}, "b", {"a": "shapes", "c": "how much each counts", "x": "one letter"}),
    "M2.01": (
        CUT,
        2 / 7,
        {0.75: "signal", 5 / 11: "all jets", 0.4: "among", 0.5: "different weights", 3.5: "rejection", 0.9: "np.av"},
    ),
    "M2.02": ({}, 8705, {8512: "bias", 4545: "three hidden", 8640: "output", 12: "inputs"}),
    "M2.03": (CURVES, 2, {1: "counts from 0", 5: "training", 4: "training", 3: "argmin"}),
    "M2.04": ({}, "c", {"a": "lucky", "b": "validation", 4: "one letter"}),
    "M2.05": (
        {"runs": PANEL_RUNS, "goal": Goal(0.962, 30)},
        3,
        {1: "a smaller network", 2: "0.9500", 4: "run 3 does so", 5: "first column", 13: "first column"},
    ),
    "M3.01": (
        {"eta": np.array([0.1, 0.3, -0.2]), "pt": np.array([10.0, 20.0, 10.0])},
        0.125,
        {0.2 / 3: "softest", 0.14 / 0.2: "forward", 0.06 / 0.6: "forward", 5.0: "divide", 7: "np.average"},
    ),
    "M3.02": ({}, "b", {"a": "distances", "c": "on top", "x": "one letter"}),
    "M3.03": (
        {},
        1152,
        {20000: "halves", 4608: "two poolings", 36: "of its own", 576: "32 filters", 18432: "not 512", 1250: "nearly"},
    ),
    "M3.04": (
        {},
        10,
        {3: "alone", 5: "between", 4: "go on", 8: "nearly", 6: "either", 25: "neighbours", 7: "backwards"},
    ),
    "M3.05": (
        {"found": Estimate(-0.012, 0.004)},
        -3,
        {3: "sign", -0.012: "itself", -1 / 3: "other way", 7: "found.value"},
    ),
    "M3.06": (
        {"runs": PANEL_RUNS, "goal": Goal(0.962, 30)},
        3,
        {1: "a smaller network", 2: "0.9500", 4: "run 3 does so", 5: "first column", 13: "first column"},
    ),
    "M4.01": (
        {"counts": np.array([10, 30, 40, 50, 60]), "length": 30},
        0.6,
        {0.4: "that fit", 3: "np.mean", 0.8: "loses none", 60 / 190: "*candidates*", 0.1: "counts > length"},
    ),
    "M4.02": ({}, np.log(2), {-np.log(2): "minus", 0.5: "score", 0.30103: "natural", 1: "natural", 7: "put in"}),
    "M4.03": ({}, 0, {0.5: "which jets", 0.625: "*training*", 1: "other way", 0.3: "one class"}),
    "M4.04": ({}, 0, {-0.7: "int32", -1: "round", 7: "np.int32"}),
    "M4.05": ({}, 21, {18: "padding", 28: "no biases", 24: "no biases", 3: "table"}),
    "M4.06": (
        {},
        470,
        {468.75: "smaller", 465: "round up", 94: "one epoch", 60000: "*batch*", 12: "how many batches"},
    ),
    "M4.07": ({}, "c", {"a": "shape", "b": "keep it", "x": "one letter"}),
    "M4.08": (
        {"runs": PANEL_RUNS, "goal": Goal(0.962, 30)},
        3,
        {1: "a smaller network", 2: "0.9500", 4: "run 3 does so", 5: "first column", 13: "first column"},
    ),
    "M5.01": (
        {"effective": 1600.0},
        0.25,
        {4: "relative", 16: "how many", 0.025: "in 100", 7: "√N"},
    ),
    "M5.02": ({}, "b", {"a": "of their own", "c": "choosing", "x": "one letter"}),
    "M5.03": (
        {"names": ["BDT", "CNN", "LSTM"], "matrix": np.array([[1, 0.9, 0.8], [0.9, 1, 0.7], [0.8, 0.7, 1]])},
        ("LSTM", "CNN"),
        {
            ("BDT", "CNN"): "agree most",
            ("BDT", "LSTM"): "smaller number",
            ("CNN", "CNN"): "itself",
            "CNN": "two of these",
            ("CNN", "GNN"): "two of these",
        },
    ),
    "M5.04": (
        {},
        0.028,
        {
            0.001: "two are enough",
            0.01: "three pairs",
            0.027: "all three",
            0.03: "three times",
            0.972: "right",
            7: "0.9",
        },
    ),
    "M5.05": ({}, "a", {"b": "made so", "c": "spectrum", "x": "one letter"}),
    "M5.06": ({}, 0.009 / 1.009, {0.9: "as many", 0.0009: "odds", 900: "odds fall", 7: "for each"}),
    "M5.07": (
        {"runs": PANEL_RUNS, "goal": Goal(0.962, 30)},
        3,
        {1: "a smaller network", 2: "0.9500", 4: "run 3 does so", 5: "first column", 13: "first column"},
    ),
    "M6.01": (
        JES,
        0.95,
        {2.95 / 3: "mean", 1 / 0.95: "upside down", 1.0: "corrected pt", 1.1: "each jet", 7: "np.median"},
    ),
    "M6.02": (
        {"rho": 8.0, "rho_ue": 2.0, "area": 1.5, "raw": 250.0},
        0.964,
        {
            0.036: "share",
            9: "GeV",
            241: "GeV",
            0.952: "underlying",
            0.976: "per unit area",
            1.036: "takes it off",
            7: "rho_ue) x area",
        },
    ),
    "M6.03": (
        {},
        -0.0196,
        {0.0196: "sign", -0.0245: "nearly", -0.28: "squared", -196: "0.07", 7: "(n - 1)"},
    ),
    "M6.04": (
        {},
        (2, 1),
        {(1, 2): "other way", (2, 0): "mode", (2, 7): "first is right", (5, 5): "derivative", 2: "two numbers"},
    ),
    "M6.05": ({}, -270, {270: "sign", 0: "solve it", -27: "solve it", 5: "argument is zero"}),
    "M6.06": ({}, "c", {"a": "sum to one", "b": "hardest pixel", "d": "by itself", "x": "one letter"}),
    "M6.07": ({}, "b", {"a": "pile-up", "c": "spectrum", "d": "error bars", "x": "one letter"}),
    "M6.08": (
        {"runs": CLOSURE_RUNS, "goal": Goal(0.97, 150, "closure_in_the_worst_bin")},
        3,
        {1: "193 parameters", 2: "0.930", 4: "run 3 does so", 5: "first column", 0.98: "first column"},
    ),
    "M7.01": ({"radius": 2500.0}, 750.0, {2500 / 0.3: "other way round", 0.75: "GeV", 1.0: "0.3 times"}),
    "M7.02": ({}, 6 / 9, {1.0: "only one track", 3 / 9: "more", 0.5: "counts hits", 0.1: "which of"}),
    "M7.03": (EVENT, 0.6, {0.4: "what is lost", 0.97: "nearly", 0.2: "hits *in* layer 0", 0.9: "np.isin"}),
    "M7.04": (
        {"bins": 200, "tracks": 10},
        1 - 0.995**9,
        {0.995**9: "being alone", 0.005: "one other", 0.5: "to the power"},
    ),
    "M7.05": (
        {"runs": TRACK_RUNS, "goal": Goal(0.85, 20_000, "score")},
        3,
        {1: "60,400 parameters", 2: "0.600", 4: "run 3 does so", 5: "first column", 0.86: "first column"},
    ),
    "M7.06": (
        {},
        1.5 - np.log(2),
        {2.0: "with σ = 1 itself", 0.5 + np.log(2): "with the best σ", 1.5: "grows with σ", 7: "is 4"},
    ),
    "M7.07": ({}, "b", {"a": "parameters", "c": "place in φ", "x": "one letter"}),
    "M7.08": ({}, "c", {"a": "Kalman", "b": "how many", 7: "one letter"}),
    "M8.01": (
        {"ctau": 0.469, "pt": 50.0, "mass": 5.28},
        0.469 * 50 / 5.28,
        {0.469: "at βγ = 1", 0.469 * 5.28 / 50: "other way round", 0.4441: "in mm", 100.0: "βγ cτ"},
    ),
    "M8.02": ({}, "b", {"a": "change with pt", "c": "does not see them", "x": "one letter"}),
    "M8.03": (
        {"inputs": 64, "units": 48, "pieces": 2},
        6240,
        {64 * 96: "has a bias", 65 * 48: "plain dense", 65 * 48 + 2: "whole sum", 5: "units x pieces"},
    ),
    "M8.04": (
        {"p_light": 0.1, "p_c": 0.3, "p_b": 0.6, "fraction": 0.2},
        np.log(0.6 / 0.14),
        {
            0.6 / 0.14: "natural logarithm",
            np.log10(0.6 / 0.14): "np.log",
            np.log(0.6 / 0.26): "belongs to c",
            np.log(1.5): "count alike",
            7: "f_c * p_c",
        },
    ),
    "M8.05": (
        {"runs": FLAVOUR_RUNS, "goal": Goal(5.0, 3000, "tuned_c_rejection")},
        3,
        {1: "8,000 parameters", 2: "4.10", 4: "run 3 does so", 5: "first column"},
    ),
    "M8.06": (
        {"curve": CURVE, "least": 100},
        0.2,
        {0.5: "below 100", 0.0: "another fraction", 4: "from 0 to 1"},
    ),
    "M8.07": ({}, "c", {"a": "no data either", "b": "nobody trained", "x": "one letter"}),
    "M8.08": (
        {"passed": 0.3, "purity": 0.4, "mistag": 0.05, "efficiency": 0.7},
        0.675 / 0.7,
        {
            0.675: "efficiency in data",
            0.7 / 0.675: "other way round",
            0.3 / 0.7: "not all jets",
            0.75 / 0.7: "take them off first",
            7: "solve for",
        },
    ),
    "E1.01": ({"n": 25}, 24, {25: "after the first", np.log2(25): "one pair", 300: "so many pairs", 7: "one fewer"}),
    "E1.02": (
        {"features": 12, "channels": 32},
        768,
        {384: "differs from it", 25 * 32: "a bias", 24: "weighted sum", 7: "however many"},
    ),
    "E1.03": ({}, "b", {"a": "what the network cares for", "c": "which ones", "x": "one letter"}),
    "E1.04": (
        {"n": 20, "heads": 4},
        1600,
        {400: "one head", 1520: "attends to itself", 760: "what i pays", 80: "n numbers", 7: "x particles x"},
    ),
    "E1.05": ({}, "c", {"a": "when the jet is boosted", "b": "boost changes it", "x": "one letter"}),
    "E1.06": (
        {"runs": CLOUD_RUNS, "goal": Goal(0.962, 10_000)},
        3,
        {1: "27,000 parameters", 2: "0.9500", 4: "run 3 does so", 5: "first column"},
    ),
    "E2.01": ({}, "b", {"a": "pass and jets that fail", "c": "QCD jets and QCD jets", "x": "one letter"}),
    "E2.02": ({}, "b", {"a": "both are near one", "c": "both are near zero", "x": "one letter"}),
    "E2.03": ({"before": 256, "after": 1024}, 16, {4: "two ends", 1024**2: "how many times", 7: "each of n jets"}),
    "E2.04": ({}, "c", {"a": "count the same", "b": "in the cross-entropy", "x": "one letter"}),
    "E2.05": (
        {"runs": SHARP_RUNS, "goal": Goal(8.0, metric="rejection_50", most={"jsd": 0.05})},
        3,
        {1: "more strength?", 2: "less strength?", 7: "first column"},
    ),
    "E2.06": (
        {"first": 120, "second": 80, "none": 1200},
        8,
        {1800: "turn it round", 800: "turn it round", 200: "pass the second as well", 7: "A / B = C / D"},
    ),
    "E3.01": (
        {"rho": 10.0},
        15.4,
        {19.6: "square around", 44.0: "circumference", 10.0: "another area", 7: "density times area"},
    ),
    "E3.02": ({}, "b", {"a": "is the same", "c": "nobody tells", "x": "one letter"}),
    "E3.03": (
        {"thresholds": [0.0, 0.5, 1.0, 2.0], "closures": [1.4, 1.1, 0.98, 0.9]},
        1.0,
        {0.5: "cut more", 2.0: "cut less", 7: "value of the slider"},
    ),
    "E3.04": (
        {"size": 5, "channels": 3},
        76,
        {75: "and the bias", 26: "at once", 25: "there is a bias", 676: "used everywhere", 7: "input images"},
    ),
    "E3.05": ({}, "a", {"b": "calculated later", "c": "does not matter", "x": "one letter"}),
    "E3.06": (
        {"runs": PILE_UP_RUNS, "goal": Goal(0.1, 1000, "gain_W")},
        3,
        {1: "1,600 parameters", 2: "0.020", 4: "run 3 does so", 5: "first column"},
    ),
    "E4.01": ({}, 2 * np.log(2), {np.log(2): "adds both", 0.5: "probability", 0: "always right", 7: "log(1/2)"}),
    "E4.02": (
        {},
        -0.3,
        {0.3: "sign", np.exp(-0.3): "determinant", -0.7: "negative", -0.1: "*sum*", 7: "product of the diagonal"},
    ),
    "E4.03": ({}, "c", {"a": "always whole", "b": "spike", "x": "one letter"}),
    "E4.04": (
        {},
        -1.2 - np.log(10),
        {
            np.log(10) - 1.2: "Mind the sign",
            -1.2: "were a unit",
            -0.12: "logarithm is not",
            -12: "are added",
            np.exp(-1.2) / 10: "asked for is its logarithm",
            7: "1/10",
        },
    ),
    "E4.05": ({"steps": 20}, 40, {20: "Euler", 600: "in one go", 1200: "in one go", 7: "two looks"}),
    "E4.06": (
        {"runs": FLOW_RUNS, "goal": Goal(-4.55, 10_000, "log_density")},
        3,
        {1: "27,000 parameters", 2: "-4.9000", 4: "run 3 does so", 5: "first column"},
    ),
    "E5.01": (
        {"background": 10_000, "share": 0.006},
        0.6,
        {60: "number of signal pairs", 0.006: "How large is S", 9: "fluctuates by sqrt(B)"},
    ),
    "E5.02": (
        {"signal": 0.4, "background": 0.0016},
        10.0,
        {250: "gain in S / B", 0.4: "becomes of sqrt(B)", 7: "divide the factors"},
    ),
    "E5.03": ({}, "b", {"a": "one label each", "c": "not among its inputs", "x": "one letter"}),
    "E5.04": ({}, "a", {"b": "would the classifier remember", "c": "fewer events", "x": "one letter"}),
    "E5.05": (
        {"p_value": 0.1, "windows": 4},
        1 - 0.9**4,
        {0.4: "two windows", 1e-4: "all of them", 0.9**4: "none of them fluctuates. You", 0.7: "one minus"},
    ),
    "E5.06": (
        {"runs": ANOMALY_RUNS, "goal": Goal(0.82, 1500)},
        4,
        {1: "40,000 parameters", 2: "0.7000", 3: "run 4 does so", 5: "first column"},
    ),
}
