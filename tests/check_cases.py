"""Right and typical wrong answers of the pre-exercises: name -> (data, right answer, wrong -> word of its hint)."""

import numpy as np

LOSSES = {"training_loss": [0.5, 0.4, 0.3, 0.2, 0.1], "validation_loss": [0.6, 0.5, 0.4, 0.55, 0.9]}
SHARE = {"accuracy": 0.98, "n": 400}
TASKS = ("regression", "clustering", "classification", "generation")

PRE = {
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
    "P1.07": (LOSSES, 2, {4: "by heart", 3: "degree 0", 0.4: "argmin", 1: "argmin"}),
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
    "P3.03": ({}, 224, {216: "bias", 80: "each", 28: "one kernel", 5: "kernels"}),
    "P3.04": ({}, 0.363389, {0.761594: "second", 0.380797: "tanh", 0.462117: "tanh(1)", 0: "remembers", 9: "0.5 h"}),
    "P3.05": ({}, 0.9**50, {45: "multiply", 1 - 0.9**50: "lost", -4: "still", 0.5: "fifty"}),
    "P3.06": ({}, 384, {96: "plain", 352: "biases", 128: "state", 312: "GRU", 1: "four sets"}),
    "P3.07": ({}, "b", {"a": "one for each", "c": "beside", "z": "one letter"}),
    "P3.08": (
        {},
        ("cnn", "dense", "lstm"),
        {("dense", "cnn", "lstm"): "grid", ("cnn", "dense", "cnn"): "ordered", ("cnn",): "three names", "cnn": "three"},
    ),
}
