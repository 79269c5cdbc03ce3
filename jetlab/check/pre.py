"""The self-checks of M0 (the welcome), P1 and P2, loaded by `jetlab.check` when one of them is asked for."""

import numpy as np

from jetlab.check.engine import NAMES, NUMBER, TWO_NUMBERS, _choice, _close, _register

TASKS = ("regression", "clustering", "classification", "generation")
_WHY_TASK = (
    "1 asks for a number, and the true one is known from simulation.",
    "2 has no labels: the points are to be put into groups.",
    "3 asks for one of a few classes, with labels to learn from.",
    "4 asks for new events.",
)


# What is a jet with score 0.95?
_choice("M0.01", "b", {"a": "look at the right plot: which kind of jet has scores near 1?"})


@_register("P1.01", NUMBER)
def _mean_squared_error(answer: float) -> str | None:
    """Mean squared error of three points with residuals -0.5, 0 and 2."""
    if _close(answer, 4.25 / 3):
        return None
    if _close(answer, 4.25):
        return "this is the sum; divide by the number of points, np.mean."
    if _close(answer, np.sqrt(4.25 / 3)):
        return "this is its root; the loss is the mean of the squares itself."
    if _close(answer, 2.5 / 3):
        return "this is the mean absolute error; square the differences."
    if _close(abs(answer), 0.5) or _close(answer, 0.25):
        return "here errors of different sign cancel: square first, then take the mean."
    return "np.mean((points - predicted) ** 2)."


@_register("P1.02", NAMES)
def _tasks(answer: list[str]) -> str | None:
    """Which task is which?"""
    given = [name.lower().replace("_", " ") for name in answer]
    if len(given) != 4:
        return "answer with a list of four names, such as ['regression', 'regression', ...]."
    for number, (name, right, why) in enumerate(zip(given, TASKS, _WHY_TASK, strict=True), 1):
        if name != right:
            return f"number {number} is another one: {why}"
    return None


@_register("P1.03", NUMBER)
def _binary(answer: float) -> str | None:
    """Binary cross-entropy of scores 0.9 (truth 1) and 0.2 (truth 0)."""
    losses = -np.log([0.9, 0.8])
    if _close(answer, losses.mean()):
        return None
    if _close(answer, losses.sum()):
        return "this is the sum of the two; take the mean."
    if _close(answer, losses.mean() / np.log(10)) or _close(answer, losses.mean() / np.log(2)):
        return "the logarithm is the natural one, np.log."
    if _close(answer, -np.log([0.9, 0.2]).mean()):
        return "for the QCD jet the score 0.2 says W; the probability given to QCD is 1 - 0.2."
    if _close(answer, -losses.mean()):
        return "a loss is positive: mind the minus sign."
    return "it is the mean of -log(0.9) and -log(1 - 0.2)."


@_register("P1.04", NUMBER)
def _categorical(answer: float) -> str | None:
    """Categorical cross-entropy of outputs 2, 1, 0 where the first class is true."""
    probabilities = np.exp([2, 1, 0]) / np.exp([2, 1, 0]).sum()
    if _close(answer, -np.log(probabilities[0])):
        return None
    if _close(answer, probabilities[0]):
        return "this is the probability of b; the loss is minus its logarithm."
    if _close(answer, -np.log(2 / 3)) or _close(answer, -np.log(2)):
        return "outputs are not probabilities: softmax first, exponentials divided by their sum."
    if _close(answer, -np.log(probabilities).mean()) or _close(answer, -np.log(probabilities).sum()):
        return "only the class that is true counts: b, the first."
    if _close(answer, -np.log10(probabilities[0])):
        return "the logarithm is the natural one, np.log."
    return "-np.log(softmax(outputs)[0])."


@_register("P1.05", NUMBER)
def _one_step(answer: float) -> str | None:
    """Slope after one step of gradient descent."""
    if _close(answer, 1.4):
        return None
    if _close(answer, -1.4):
        return "this goes uphill: subtract the gradient."
    if _close(answer, 0.7):
        return "the derivative of a square brings a factor of 2."
    if _close(answer, 2.8):
        return "the loss is the *mean* over the two points."
    if _close(answer, 0.6):
        return "the derivative with respect to the slope brings a factor of x: 2 (slope x - y) x."
    if _close(abs(answer), 14):
        return "this is the gradient's size; the step is learning rate times gradient."
    return "the gradient is the mean of 2 (slope x - y) x at slope 0; the new slope is 0 - 0.1 times that."


# Where does gradient descent from 0.5 end?
_choice(
    "P1.06",
    "b",
    {
        "a": "the descent knows its slope where it stands, not which valley is deeper; what is 4w³ - 6w + 1?",
        "c": "the ridge is at w = 0.17; at 0.5 the slope is not zero. What sign has 4w³ - 6w + 1 there?",
    },
)


@_register("P1.07", NUMBER)
def _degree(answer: float, *, training_loss: list[float], validation_loss: list[float]) -> str | None:
    """Degree with the lowest validation loss."""
    best = int(np.argmin(validation_loss))
    if answer == best:
        return None
    if answer == int(np.argmin(training_loss)):
        return "there the *training* loss is lowest: it learns the noise by heart. Ask the validation loss."
    if answer == best + 1:
        return "nearly: the list begins with degree 0, so the index is the degree."
    if 0 < answer < 1:
        return "this is a loss; the degree is asked for, np.argmin."
    return "np.argmin(validation_loss)."


@_register("P1.08", TWO_NUMBERS)
def _patience(answer: tuple[float, float]) -> str | None:
    """Epochs after which training stops, and which is kept."""
    stopped, kept = answer
    if (stopped, kept) == (7, 5):
        return None
    if (stopped, kept) == (6, 4):
        return "nearly: epochs count from 1."
    if (stopped, kept) == (5, 7):
        return "the other way round: first where it stops, then which is kept."
    if kept == 8:
        return "epoch 8 would be better, but training never gets there: when is the patience of 2 used up?"
    if stopped == 7:
        return "stopped is right; kept is the epoch of the lowest loss up to there."
    if kept == 3:
        return "epoch 4 is worse, but one such epoch is within the patience of 2; epoch 5 is better again."
    return "wait until 2 epochs in a row bring nothing better than the best; that best one is kept."


@_register("P2.01", NUMBER)
def _neuron(answer: float) -> str | None:
    """Sigmoid neuron with weights (2, -1), bias 0.5, input (1, 3)."""

    def sigmoid(z: float) -> float:
        return float(1 / (1 + np.exp(-z)))

    if _close(answer, sigmoid(-0.5)):
        return None
    if _close(answer, -0.5):
        return "this is the weighted sum z; the sigmoid of it is asked for."
    if _close(answer, sigmoid(-1)):
        return "the bias is missing: 2 x 1 - 1 x 3 + 0.5."
    if _close(answer, sigmoid(0.5)) or _close(answer, sigmoid(5.5)):
        return "mind the signs: the second weight is -1, and the sigmoid is 1 / (1 + exp(-z))."
    if _close(answer, 0):
        return "this would be ReLU; here the activation is a sigmoid."
    return "z = 2 x 1 - 1 x 3 + 0.5, then 1 / (1 + exp(-z))."


@_register("P2.02", NUMBER)
def _largest_slope(answer: float) -> str | None:
    """Largest derivative of the sigmoid."""
    if _close(answer, 0.25):
        return None
    if _close(answer, 0.5):
        return "this is the sigmoid's value at 0; its derivative there is s (1 - s)."
    if _close(answer, 1):
        return "this is tanh's, or the largest value of the sigmoid itself; its derivative is s (1 - s)."
    return "the derivative is s (1 - s) with s between 0 and 1: where is that largest? Or use the slider."


@_register("P2.03", NUMBER)
def _delta(answer: float) -> str | None:
    """Derivative of the cross-entropy with respect to z, truth 1 and score 0.3."""
    if _close(answer, -0.7):
        return None
    if _close(answer, 0.7):
        return "mind the sign: a larger z brings the score nearer to the truth 1, so the loss falls."
    if _close(answer, -1 / 0.3):
        return "this is dloss/dscore; multiply by the sigmoid's derivative, score (1 - score)."
    if _close(answer, 0.21):
        return "this is dscore/dz; multiply by dloss/dscore, -1 / score for truth 1."
    if _close(answer, -0.147):
        return "score - truth is all of it already: the sigmoid's derivative has cancelled."
    return "dloss/dscore is -1 / score for truth 1, dscore/dz is score (1 - score); multiply them."


@_register("P2.04", NUMBER)
def _vanishing(answer: float) -> str | None:
    """A quarter to the tenth power."""
    if _close(answer, 0.25**10, 1e-2):
        return None
    if _close(answer, 0.25):
        return "this is one layer; there are ten, one after the other."
    if _close(answer, 2.5):
        return "the factors of the layers multiply, they do not add: a power, not a product with 10."
    if _close(answer, 0.5**10, 1e-2):
        return "the sigmoid's largest *derivative* is 1/4; 1/2 is its value there."
    if _close(answer, 4**10, 1e-2):
        return "upside down: it shrinks."
    return "every layer brings a factor of the largest derivative, found in P2.02: to the power of ten."


@_register("P2.05", NUMBER)
def _kinks(answer: float) -> str | None:
    """Nodes of one hidden layer that make 1024 straight pieces."""
    if answer == 1023:
        return None
    if answer == 1024:
        return "nearly: with no kink there is one piece already."
    if answer in (20, 512):
        return "in a single layer nothing is folded: every piece but the first needs a kink of its own."
    return "one kink makes two pieces, two make three: how many for 1024?"


# Why is the training loss above the validation loss with dropout?
_choice(
    "P2.06",
    "c",
    {
        "a": "it happens with every sample: what does dropout do in training that it does not in use?",
        "b": "then something would be badly wrong; but it happens in honest trainings too. When is dropout on?",
    },
)


@_register("P2.07", NUMBER)
def _digits_parameters(answer: float) -> str | None:
    """Parameters of 64 - 512 - 512 - 10."""
    right = 65 * 512 + 513 * 512 + 513 * 10
    if answer == right:
        return None
    if answer == 64 * 512 + 512 * 512 + 512 * 10:
        return "every node also has a bias: (inputs + 1) x nodes for each layer."
    if answer == right - 513 * 512:
        return "the step from the first 512 nodes to the second 512 is missing."
    if answer == right - 513 * 10:
        return "do not forget the ten outputs."
    return "a layer has (inputs + 1) x nodes parameters; the three layers are 64 to 512, 512 to 512 and 512 to 10."


@_register("P2.08", NUMBER)
def _binomial(answer: float, *, accuracy: float, n: int) -> str | None:
    """Standard deviation of an accuracy measured with n images."""
    variance = accuracy * (1 - accuracy) / n
    if _close(answer, np.sqrt(variance), 1e-2):
        return None
    if _close(answer, variance, 1e-2):
        return "this is the variance; take its root."
    if _close(answer, np.sqrt(variance) * n, 1e-2):
        return "this is the standard deviation of the *number* of right images; divide by n for that of the fraction."
    if _close(answer, 1 / np.sqrt(n), 1e-2):
        return "for a fraction p near 1 it is smaller: there is a factor of the root of p (1 - p)."
    return "the variance of a binomial fraction p is p (1 - p) / n."
