"""The exercises of P2, neural networks."""

import math

import numpy as np

from jetlab.check.engine import LETTER, NUMBER, RIGHT, Near, Rows, computed
from jetlab.check.held_back import Part, Parts
from jetlab.check.networks import Network
from jetlab.check.predictions import prediction
from jetlab.check.tasks import TASKS


def sigmoid(z: float) -> float:
    """The activation of P2.01."""
    return 1 / (1 + math.exp(-z))


# Sigmoid neuron with weights (2, -1), bias 0.5, input (1, 3).
NUMBER["P2.01"] = {
    sigmoid(-0.5): RIGHT,
    -0.5: "this is the weighted sum z; the sigmoid of it is asked for.",
    sigmoid(-1): "the bias is missing: 2 x 1 - 1 x 3 + 0.5.",
    (sigmoid(0.5), sigmoid(5.5)): "mind the signs: the second weight is -1, and the sigmoid is 1 / (1 + exp(-z)).",
    0: "this would be ReLU; here the activation is a sigmoid.",
    ...: "z = 2 x 1 - 1 x 3 + 0.5, then 1 / (1 + exp(-z)).",
}

# Largest derivative of the sigmoid.
NUMBER["P2.02"] = {
    0.25: RIGHT,
    0.5: "this is the sigmoid's value at 0; its derivative there is s (1 - s).",
    1.0: "this is tanh's, or the largest value of the sigmoid itself; its derivative is s (1 - s).",
    ...: "the derivative is s (1 - s) with s between 0 and 1: where is that largest? Or use the slider.",
}

# Derivative of the cross-entropy with respect to z, truth 1 and score 0.3.
NUMBER["P2.03"] = {
    -0.7: RIGHT,
    0.7: "mind the sign: a larger z brings the score nearer to the truth 1, so the loss falls.",
    -1 / 0.3: "this is dloss/dscore; multiply by the sigmoid's derivative, score (1 - score).",
    0.21: "this is dscore/dz; multiply by dloss/dscore, -1 / score for truth 1.",
    -0.147: "score - truth is all of it already: the sigmoid's derivative has cancelled.",
    ...: "dloss/dscore is -1 / score for truth 1, dscore/dz is score (1 - score); multiply them.",
}

# A quarter to the tenth power.
NUMBER["P2.04"] = {
    Near(0.25**10, 1e-2): RIGHT,
    0.25: "this is one layer; there are ten, one after the other.",
    2.5: "the factors of the layers multiply, they do not add: a power, not a product with 10.",
    Near(0.5**10, 1e-2): "the sigmoid's largest *derivative* is 1/4; 1/2 is its value there.",
    Near(4**10, 1e-2): "upside down: it shrinks.",
    ...: "every layer brings a factor of the largest derivative, found in P2.02: to the power of ten.",
}

# Nodes of one hidden layer that make 1024 straight pieces.
NUMBER["P2.05"] = {
    1023: RIGHT,
    1024: "nearly: with no kink there is one piece already.",
    (20, 512): "in a single layer nothing is folded: every piece but the first needs a kink of its own.",
    ...: "one kink makes two pieces, two make three: how many for 1024?",
}

# Why is the training loss above the validation loss with dropout?
LETTER["P2.06"] = {
    "c": RIGHT,
    "a": "it happens with every sample: what does dropout do in training that it does not in use?",
    "b": "then something would be badly wrong; but it happens in honest trainings too. When is dropout on?",
}

# Parameters of 64 - 512 - 512 - 10.
NUMBER["P2.07"] = {
    65 * 512 + 513 * 512 + 513 * 10: RIGHT,
    64 * 512 + 512 * 512 + 512 * 10: "every node also has a bias: (inputs + 1) x nodes for each layer.",
    65 * 512 + 513 * 10: "the step from the first 512 nodes to the second 512 is missing.",
    65 * 512 + 513 * 512: "do not forget the ten outputs.",
    ...: "a layer has (inputs + 1) x nodes parameters; the three layers are 64 to 512, 512 to 512 and 512 to 10.",
}


@computed(NUMBER, "P2.08")
def binomial(*, accuracy: float, n: int) -> Rows:
    """Standard deviation of an accuracy measured with n images."""
    variance = accuracy * (1 - accuracy) / n
    deviation = math.sqrt(variance)
    yield Near(deviation, 1e-2), RIGHT
    yield Near(variance, 1e-2), "this is the variance; take its root."
    yield Near(deviation * n, 1e-2), "this is for the *number* of right images; divide by n for that of the fraction."
    yield Near(1 / math.sqrt(n), 1e-2), "for a fraction p near 1 it is smaller, by the root of p (1 - p)."
    yield ..., "the variance of a binomial fraction p is p (1 - p) / n."


@prediction("P2.P1", "abc")
def one_line(*, accuracy: float) -> Rows:
    """How much of the two moons one straight line gets right."""
    found = "a" if accuracy < 0.8 else "b" if accuracy < 0.93 else "c"
    yield found, f"The best line gets {accuracy:.0%} right."
    yield "c", f"The best line gets {accuracy:.0%} right: the tips of the moons reach across any straight line."
    yield ..., f"The best line gets {accuracy:.0%} right; only the tips of the moons are on the wrong side."


@prediction("P2.P2", "abc")
def vanishing(*, ratio: float) -> Rows:
    """The first layer's gradient over the tenth's, in a network of sigmoids."""
    found = "a" if ratio > 0.1 else "b" if ratio > 1e-4 else "c"
    text = f"Measured: {ratio:.0e}."
    yield found, f"{text} At every layer the gradient is multiplied by a derivative of at most a quarter."
    yield ..., f"{text} A factor of at most a quarter in each of nine layers multiplies up to that."


@prediction("P2.P3")
def enough_nodes(*, errors: dict[int, float], wanted: float) -> Rows:
    """The smallest width that fits the curve."""
    enough = [width for width, error in errors.items() if error < wanted]
    found = min(enough) if enough else max(errors)
    yield Near(found, 0.5, 1), "One kink for each bend, and some to spare: training does not place every kink well."
    yield lambda guess: guess < found, "Every node makes one kink only, and training does not place all of them well."
    yield ..., "Each node makes a kink of its own, and so few suffice."


@prediction("P2.P4")
def digits_read(*, accuracy: float) -> Rows:
    """Per cent of the test images that the network reads rightly."""
    percent = 100 * accuracy
    yield Near(percent, 0, 1), "Networks like this one read post codes as early as 1989."
    yield lambda guess: guess <= 1, "(The question asked for per cent.)"
    yield lambda guess: guess < percent, "Even 64 coarse pixels are enough for nearly all digits."
    yield ..., "Some digits can hardly be read by eye either; you will see them below."


def moons(points: int, seed: int | None) -> Part:
    """Points (n, 2) of two moons and their classes; without a seed other points each time."""
    from sklearn.datasets import make_moons

    x, y = make_moons(points, noise=0.2, random_state=seed)
    return Part(x, y.astype(float), np.ones(points))


def old_and_new_moons() -> Parts:
    """The lesson's points, and new ones that nobody has seen."""
    return Parts(moons(300, 1), moons(4000, None))


TASKS["P2.B1"] = Network(
    old_and_new_moons,
    least=0.95,
    ceiling=0.99,
    figure="accuracy",
    most_parameters=60,
    fed="the points x",
    things="points",
    hint="one hidden layer of a dozen nodes is enough; train it for longer, or with a larger learning rate.",
)
