"""The exercises of P1, fitting functions."""

import numpy as np

from jetlab.check.engine import LETTER, NAMES, NUMBER, RIGHT, TWO_NUMBERS, Rows, computed

# Mean squared error of three points with residuals -0.5, 0 and 2.
NUMBER["P1.01"] = {
    4.25 / 3: RIGHT,
    4.25: "this is the sum; divide by the number of points, np.mean.",
    np.sqrt(4.25 / 3): "this is its root; the loss is the mean of the squares itself.",
    2.5 / 3: "this is the mean absolute error; square the differences.",
    (0.5, -0.5, 0.25): "here errors of different sign cancel: square first, then take the mean.",
    ...: "np.mean((points - predicted) ** 2).",
}

# Which task is which?
NAMES["P1.02"] = {
    ("regression", "clustering", "classification", "generation"): RIGHT,
    ("regression", "clustering", "classification", ...): "number 4 is another one: 4 asks for new events.",
    ("regression", "clustering", ..., ...): "number 3 is another one: 3 asks for one of a few labelled classes.",
    ("regression", ..., ..., ...): "number 2 is another one: 2 has no labels: the points are to be put into groups.",
    (..., ..., ..., ...): "number 1 is another one: 1 asks for a number, and the true one is known from simulation.",
    ...: "answer with a list of four names, such as ['regression', 'regression', ...].",
}

# Binary cross-entropy of scores 0.9 (truth 1) and 0.2 (truth 0).
losses = -np.log([0.9, 0.8])
NUMBER["P1.03"] = {
    losses.mean(): RIGHT,
    losses.sum(): "this is the sum of the two; take the mean.",
    (losses.mean() / np.log(10), losses.mean() / np.log(2)): "the logarithm is the natural one, np.log.",
    -np.log([0.9, 0.2]).mean(): "for the QCD jet the score 0.2 says W; the probability given to QCD is 1 - 0.2.",
    -losses.mean(): "a loss is positive: mind the minus sign.",
    ...: "it is the mean of -log(0.9) and -log(1 - 0.2).",
}

# Categorical cross-entropy of outputs 2, 1, 0 where the first class is true.
probabilities = np.exp([2, 1, 0]) / np.exp([2, 1, 0]).sum()
surprises = -np.log(probabilities)
NUMBER["P1.04"] = {
    surprises[0]: RIGHT,
    probabilities[0]: "this is the probability of b; the loss is minus its logarithm.",
    (-np.log(2 / 3), -np.log(2)): "outputs are not probabilities: softmax first, exponentials divided by their sum.",
    (surprises.mean(), surprises.sum()): "only the class that is true counts: b, the first.",
    -np.log10(probabilities[0]): "the logarithm is the natural one, np.log.",
    ...: "-np.log(softmax(outputs)[0]).",
}

# Slope after one step of gradient descent.
NUMBER["P1.05"] = {
    1.4: RIGHT,
    -1.4: "this goes uphill: subtract the gradient.",
    0.7: "the derivative of a square brings a factor of 2.",
    2.8: "the loss is the *mean* over the two points.",
    0.6: "the derivative with respect to the slope brings a factor of x: 2 (slope x - y) x.",
    (14.0, -14.0): "this is the gradient's size; the step is learning rate times gradient.",
    ...: "the gradient is the mean of 2 (slope x - y) x at slope 0; the new slope is 0 - 0.1 times that.",
}

# Where does gradient descent from 0.5 end?
LETTER["P1.06"] = {
    "b": RIGHT,
    "a": "the descent knows its slope where it stands, not which valley is deeper; what is 4w³ - 6w + 1?",
    "c": "the ridge is at w = 0.17; at 0.5 the slope is not zero. What sign has 4w³ - 6w + 1 there?",
}


@computed(NUMBER, "P1.07")
def degree(*, training_loss: list[float], validation_loss: list[float]) -> Rows:
    """Degree with the lowest validation loss."""
    best = int(np.argmin(validation_loss))
    yield best, RIGHT
    by_training = int(np.argmin(training_loss))
    yield by_training, "there the *training* loss is lowest: it learns the noise by heart. Ask the validation loss."
    yield best + 1, "nearly: the list begins with degree 0, so the index is the degree."
    yield lambda answer: 0 < answer < 1, "this is a loss; the degree is asked for, np.argmin."
    yield ..., "np.argmin(validation_loss)."


# Epochs after which training stops, and which is kept.
TWO_NUMBERS["P1.08"] = {
    (7, 5): RIGHT,
    (6, 4): "nearly: epochs count from 1.",
    (5, 7): "the other way round: first where it stops, then which is kept.",
    (..., 8): "epoch 8 would be better, but training never gets there: when is the patience of 2 used up?",
    (7, ...): "stopped is right; kept is the epoch of the lowest loss up to there.",
    (..., 3): "epoch 4 is worse, but one such epoch is within the patience of 2; epoch 5 is better again.",
    ...: "wait until 2 epochs in a row bring nothing better than the best; that best one is kept.",
}
