"""The exercises of P3, images and sequences."""

import math

from jetlab.check.engine import LETTER, NAMES, NUMBER, RIGHT, Near

# Sum of patch times kernel.
NUMBER["P3.01"] = {
    -4: RIGHT,
    4: "this turns the kernel round, as mathematicians do; networks do not.",
    -4 / 9: "this is the mean; a convolution sums.",
    10: "this is the sum of the patch; multiply by the kernel first, number by number.",
    ...: "multiply patch and kernel number by number (*, not @) and sum: np.sum(patch * kernel).",
}

# Side of 28 after a 5 x 5 convolution and 2 x 2 pooling.
NUMBER["P3.02"] = {
    12: RIGHT,
    24: "this is after the convolution; pooling halves it.",
    14: "without padding the kernel cannot stand at the border: 28 - 5 + 1 places are left before pooling.",
    (Near(11.5, relative=0), 11): "nearly: a kernel of 5 fits into 28 pixels 28 - 5 + 1 times.",
    144: "these are the pixels of the whole result; along one side is asked for.",
    ...: "a kernel of 5 fits 28 - 5 + 1 times; then each 2 become 1.",
}

# Parameters of Conv2D(8, 3) on three channels.
NUMBER["P3.03"] = {
    224: RIGHT,
    216: "each of the 8 kernels also has a bias.",
    (80, 72): "a kernel has 3 x 3 weights for *each* of the three channels.",
    28: "this is one kernel; there are 8.",
    ...: "a kernel has 3 x 3 x channels weights and one bias; there are 8 kernels.",
}

# State after 1 and 0 with w = 1, u = 0.5.
NUMBER["P3.04"] = {
    math.tanh(0.5 * math.tanh(1)): RIGHT,
    math.tanh(1): "this is the state after the first number; go on with the second.",
    (0.5 * math.tanh(1), 0.5): "tanh is applied at every step, also at the second.",
    math.tanh(0.5): "the state after the first number is tanh(1), not 1.",
    lambda answer: abs(answer) < 1e-9: "the second number is 0, but the state remembers the first: u h = 0.5 tanh(1).",
    ...: "h = tanh(1) after the first number, then tanh(0 + 0.5 h).",
}

# 0.9 to the power of 50.
NUMBER["P3.05"] = {
    Near(0.9**50, 2e-2): RIGHT,
    45.0: "the factors of the steps multiply: a power, not a product with 50.",
    1 - 0.9**50: "this is what is lost; what is left is asked for.",
    lambda answer: answer <= 0: "a tenth of what is *still there* goes at each step, so it never gets to 0.",
    ...: "0.9 x 0.9 x ..., fifty times.",
}

# Parameters of an LSTM with 8 units and 3 inputs.
NUMBER["P3.06"] = {
    384: RIGHT,
    96: "this is one set, a plain RNN; an LSTM has four: three gates and the candidate.",
    352: "the biases are missing, 8 in each of the four sets.",
    128: "the state comes in as well: U has 8 x 8 weights in each set.",
    (288, 312): "these are three sets, as a GRU has; with the candidate an LSTM has four.",
    ...: "4 x (3 x 8 + 8 x 8 + 8): four sets of W, U and b.",
}

# Which mode gives an answer for every hit?
LETTER["P3.07"] = {
    "b": RIGHT,
    "a": "many-to-one gives one answer for the whole track; here there is one for each hit.",
    "c": "possible, but more than needed: the answers stand one to one beside the hits.",
}

# Which network fits which representation?
NAMES["P3.08"] = {
    ("cnn", "dense", "lstm"): RIGHT,
    ("cnn", "dense", ...): "look again: 3 is an ordered list of any length.",
    ("cnn", ..., ...): "look again: 2 is a fixed list of a few numbers.",
    (..., ..., ...): "look again: 1 is a grid in which neighbours belong together.",
    ...: "answer with a list of three names, such as ['dense', 'dense', 'dense'].",
}
