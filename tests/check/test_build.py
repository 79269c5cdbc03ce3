"""Build tasks: what reaches the target, what falls short, and what is no network at all or knows the answers."""

import functools

import keras
import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from jetlab import catalog, check, jets, metrics, training
from jetlab.angles import wrap
from jetlab.check import held_back, m2, p2, solved, tasks
from jetlab.check.held_back import Part, Parts
from jetlab.check.networks import Network
from jetlab.config import RunConfig
from jetlab.errors import ArgumentError
from jetlab.tracking.detector import RADII
from jetlab.tracking.kalman import Kalman
from tests.check.test_engine import ODD

Polynomial = np.polynomial.Polynomial


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(solved, "SESSION", set())
    monkeypatch.setenv("JETLAB_PROGRESS", str(tmp_path))
    return tmp_path


def part(seed: int) -> Part:
    """Two classes that overlap in the first of two numbers: the best AUC is that of a shift by two widths, 0.921."""
    rng = np.random.default_rng(seed)
    y = np.repeat([0.0, 1.0], 1500)
    return Part(rng.normal(0, 1, (3000, 2)) + np.stack([2 * y, 0 * y], axis=1), y, np.ones(3000))


PARTS = Parts(part(1), part(2))


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def best(x):
    return sigmoid(2 * x[:, 0] - 2)


def model(*units, seed=1, last="sigmoid"):
    keras.utils.set_random_seed(seed)
    hidden = [keras.layers.Dense(n, activation="relu") for n in units]
    return keras.Sequential([keras.layers.Input((2,)), *hidden, keras.layers.Dense(1, activation=last)])


@pytest.fixture
def small(monkeypatch):
    """A task on PARTS; the real one differs in its jets and numbers."""
    task = Network(lambda: PARTS, least=0.9, ceiling=0.95, hint="think again.")
    monkeypatch.setitem(tasks.TASKS, "M2.B1", task)
    return functools.partial(tasks.judge, "M2.B1")


def test_a_good_function_reaches_the_target(small, capsys, folder):
    report = small(best)
    assert report.said == tasks.REACHED
    assert report.figures["AUC on held-back jets"].startswith("0.9")
    assert report.figures["parameters"] == "unknown"
    check.build("M2.B1", best)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "M2.B1: target reached!"
    assert "(target: 0.9 or more)" in lines[0]
    assert [path.name for path in folder.iterdir()] == ["M2.B1"]


def test_a_trained_keras_model_reaches_it_too(small):
    network = model()
    network.compile(keras.optimizers.Adam(0.05), "binary_crossentropy")
    network.fit(*part(3)[:2], epochs=3, verbose=0)
    report = small(network)
    assert report.said == tasks.REACHED
    assert report.figures["parameters"] == "3"


def test_not_yet(small, capsys, folder):
    check.build("M2.B1", ...)
    assert capsys.readouterr().out.startswith(f"M2.B1: {check.NOT_ANSWERED}")
    assert list(folder.iterdir()) == []


def test_what_falls_short_is_said_with_its_number(small):
    report = small(lambda x: sigmoid(x[:, 0] + x[:, 1]))
    assert report.said.startswith("hint: AUC 0.8")
    assert report.said.endswith("of 0.9: think again.")


def labels_of(x):
    """Whoever has the held-back jets and finds each again gives its label, in whatever order they come."""
    known = {row.tobytes(): y for part in PARTS for row, y in zip(part.x, part.y, strict=True)}
    return np.array([known[row.tobytes()] for row in x])


@pytest.mark.parametrize(
    ("built", "hint"),
    [
        (lambda x: np.full(len(x), 0.5), "all jets get the same score, 0.5"),
        (lambda x: np.zeros((len(x), 1)), "all jets get the same score, 0"),
        (lambda x: PARTS.held_back.y[: len(x)], "of 0.9: is it trained"),
        (labels_of, "1.0000 is more than these inputs can tell"),
        (PARTS.held_back.y, "give the network itself, not an array of scores"),
        (best(PARTS.held_back.x), "give the network itself, not an array of scores"),
        (0.97, "not something of type float"),
        ("network", "not something of type str"),
        (lambda x: np.stack([1 - best(x), best(x)], axis=1), "scores of shape (3000, 2)"),
        (lambda x: best(x)[:10], "scores of shape (10,)"),
        (lambda x: 0.5, "scores of shape ()"),
        (lambda x: 2 * x[:, 0] - 2, "should lie between 0 and 1"),
        (lambda x: np.where(x[:, 0] > 0, np.nan, 0.5), "are not finite"),
        (lambda x: 1 - best(x), "upside down"),
        (lambda x: best(x[:, 2:]), "raised IndexError: index 0 is out of bounds"),
        (lambda x: ["high"] * len(x), "raised ValueError"),
        (lambda: 1, "raised TypeError"),
    ],
)
def test_lazy_and_cheating_answers(small, built, hint, folder):
    said = small(built).said
    assert said.startswith("hint: ")
    assert hint in said
    assert list(folder.iterdir()) == []


def test_a_network_that_was_trained_on_the_held_back_jets(small):
    """It is the better on them: between the two lie more than chance explains."""

    def memory(x):
        known = {row.tobytes(): y for row, y in zip(PARTS.held_back.x, PARTS.held_back.y, strict=True)}
        return np.array([0.4 * known.get(row.tobytes(), 0.5) for row in x]) + 0.6 * best(x)

    said = Network(lambda: PARTS, least=0.9, ceiling=1.0)(memory).said
    assert "is no chance: train with the training part only." in said


def test_what_keras_beginners_forget(small):
    assert "never compiled" in small(model(8)).said
    network = model()
    network.compile("adam", "binary_crossentropy")
    network.set_weights([np.array([[0.0], [1.0]]), np.zeros(1)])
    assert "compiled, but never trained: call fit()" in small(network).said
    network = model()
    network.set_weights([np.zeros((2, 1)), np.zeros(1)])
    network.compile("adam", "categorical_crossentropy")
    assert "With one output node the loss is 'binary_crossentropy'" in small(network).said
    wrong = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1, activation="sigmoid")])
    assert "given the scaled inputs, raised " in small(wrong).said
    assert "between 0 and 1: give the last layer activation='sigmoid'" in small(model(last=None)).said


def test_parameters_are_counted():
    task = Network(lambda: PARTS, least=0.9, ceiling=0.95, most_parameters=20)
    network = model(8)
    network.compile(keras.optimizers.Adam(0.05), "binary_crossentropy")
    network.fit(*part(3)[:2], epochs=3, verbose=0)
    report = task(network)
    assert report.said == "hint: it is good enough, but has 33 parameters of 20: fewer nodes?"
    assert report.figures["parameters"] == "33 (target: 20 or fewer)"
    with pytest.raises(tasks.Refused, match="needs a Keras model"):
        task(best)


def test_nothing_built_raises(small, subtests):
    for name in tasks.names():
        for number, odd in enumerate(ODD):
            with subtests.test(name, number=number):
                assert tasks.judge(name, odd).said.startswith("hint: ")


def test_an_unknown_task_is_the_lessons_fault():
    with pytest.raises(ArgumentError, match=r"no build task 'M2\.01'; there are E"):
        check.build("M2.01", ...)


# The jets that are held back, and the numbers that depend on them.


@pytest.fixture(scope="module")
def lesson():
    """The jets as the cells of M2 have them: all that can be known there."""
    sample = check.without_held_back(catalog.load("jets"))
    x = np.stack([sample[name] for name in RunConfig().inputs], axis=1)
    y = sample["jet_isW_ak7"]
    train, validation, _ = jets.split(sample.event_index)
    weight = jets.reweight(sample["jet_pt_ak7"], sample["jet_eta_ak7"], y == 1, sample["mcweight"], train=train)
    return sample, x, y, weight, train, validation


@pytest.fixture(scope="module")
def parts():
    return held_back.tagging(RunConfig())


def test_no_event_of_the_lesson_is_held_back(lesson):
    sample, whole = lesson[0], catalog.load("jets")
    open_events = set(zip(*(sample[key].tolist() for key in ("run", "lumi", "event")), strict=True))
    all_events = list(zip(*(whole[key].tolist() for key in ("run", "lumi", "event")), strict=True))
    held = [event for event in all_events if event not in open_events]
    assert len(held) == len(whole) - len(sample)
    assert 0.14 < len(held) / len(whole) < 0.16


def test_the_check_scales_and_weighs_as_the_lesson_does(lesson, parts):
    _, x, y, weight, train, validation = lesson
    scaled = jets.Scaling.fit(x[train]).apply(x)
    np.testing.assert_allclose(parts.validation.x, scaled[validation], atol=1e-6)
    np.testing.assert_array_equal(parts.validation.y, y[validation])
    np.testing.assert_allclose(parts.validation.weight, weight[validation], rtol=1e-6)
    assert parts.held_back.weight.mean() == pytest.approx(1, abs=0.1)


def test_the_yardsticks_are_those_of_the_sample(lesson, parts):
    _, x, y, weight, train, validation = lesson
    scaling = jets.Scaling.fit(x[train])
    scaled = scaling.apply(x)
    tree = HistGradientBoostingClassifier(learning_rate=0.05, max_depth=3, max_iter=400, random_state=1)
    tree.fit(scaled[train], y[train], sample_weight=weight[train])
    held = parts.held_back
    assert metrics.auc(held.y, tree.predict_proba(held.x)[:, 1], held.weight) == pytest.approx(m2.BDT_AUC, abs=3e-4)
    data = training.Data.of(scaled, y, weight, train, validation)
    result = training.run(RunConfig(epochs=30, patience=5), data)
    assert metrics.auc(held.y, result.predict(held.x), held.weight) == pytest.approx(m2.DENSE_AUC, abs=2e-3)
    assert tasks.judge("M2.B1", result.model).said == tasks.REACHED
    assert "raised" in tasks.judge("M2.B1", lambda scaled: tree.predict_proba(scaled[:, :2])[:, 1]).said
    assert "parameters of 200" in tasks.judge("M2.B2", result.model).said


def test_new_moons_each_time():
    one, other = p2.old_and_new_moons(), p2.old_and_new_moons()
    np.testing.assert_array_equal(one.validation.x, other.validation.x)
    assert not np.any(one.held_back.x[:, 0] == other.held_back.x[:, 0])


# P1.B1: a function that learns.


def learn(x, y):
    degrees = range(16)
    losses = [np.mean((Polynomial.fit(x[:35], y[:35], d)(x[35:]) - y[35:]) ** 2) for d in degrees]
    return Polynomial.fit(x, y, int(np.argmin(losses)))


def folded(x, y):
    """Another way: five validation parts in turn."""
    parts = np.array_split(np.arange(len(x)), 5)

    def loss(degree):
        rest = [np.setdiff1d(np.arange(len(x)), part) for part in parts]
        fits = [Polynomial.fit(x[r], y[r], degree) for r in rest]
        return np.mean([np.mean((fit(x[p]) - y[p]) ** 2) for fit, p in zip(fits, parts, strict=True)])

    return Polynomial.fit(x, y, min(range(14), key=loss))


@pytest.mark.filterwarnings("ignore:The fit may be poorly conditioned")
@pytest.mark.parametrize("way", [learn, folded])
def test_a_degree_chosen_by_validation_learns(way):
    assert tasks.judge("P1.B1", way).said == tasks.REACHED


@pytest.mark.filterwarnings("ignore:The fit may be poorly conditioned")
@pytest.mark.parametrize(
    ("way", "hint"),
    [
        (lambda x, y: Polynomial.fit(x, y, 1), "on wavy curves: is every degree"),
        (lambda x, y: Polynomial.fit(x, y, 13), "on simple curves: it follows the noise"),
        (lambda x, y: lambda grid: np.zeros_like(grid), "And "),
        (lambda x, y: y.mean(), "should return a function of x, but gave a float64"),
        (lambda x, y: lambda grid: 0.0, "gave an array of shape ()"),
        (lambda x, y: lambda grid: grid * np.nan, "finite numbers"),
        (lambda x: x, "learn(x, y) raised TypeError"),
        (3, "give the function itself, `learn`"),
    ],
)
def test_functions_that_do_not_learn(way, hint):
    said = tasks.judge("P1.B1", way).said
    assert said.startswith("hint: ")
    assert hint in said


# M7.B1: a predictor for the track search.


class Line:
    """The lesson's solution: a straight line, give or take so many radians."""

    def __init__(self, sigma=0.01):
        self.sigma = sigma

    def start(self, layer, phi):
        return phi, np.full(len(phi), layer), np.zeros(len(phi))

    def predict(self, state, layer):
        phi, last, slope = state
        return phi + slope * (RADII[layer] - RADII[last]), np.full(len(phi), self.sigma), state

    def update(self, state, layer, phi):
        before, last, _ = state
        return phi, np.full(len(phi), layer), wrap(phi - before) / (RADII[layer] - RADII[last])


class Stays(Line):
    """Where it was last."""

    def predict(self, state, layer):
        return state[0], np.full(len(state[0]), self.sigma), state


class Curve(Line):
    """Another way: through the last three hits a parabola in the radius, and a width that grows with the step."""

    def start(self, layer, phi):
        empty = np.zeros((len(phi), 2))
        return np.column_stack([phi, phi, phi]), np.column_stack([np.full(len(phi), layer), empty]), np.ones(len(phi))

    def predict(self, state, layer):
        phi, last, hits = state
        r = RADII[last.astype(int)]
        with np.errstate(divide="ignore", invalid="ignore"):
            one = wrap(phi[:, 0] - phi[:, 1]) / (r[:, 0] - r[:, 1])
            two = wrap(phi[:, 1] - phi[:, 2]) / (r[:, 1] - r[:, 2])
            bend = np.where(hits > 2, (one - two) / (r[:, 0] - r[:, 2]), 0)
        to = RADII[layer] - r[:, 0]
        ahead = np.where(hits > 1, one * to, 0) + np.where(hits > 2, bend * to * (RADII[layer] - r[:, 1]), 0)
        return np.mod(phi[:, 0] + ahead, 2 * np.pi), np.where(hits > 1, 0.01, 0.02), state

    def update(self, state, layer, phi):
        before, last, hits = state
        here = np.full(len(phi), layer)
        return np.column_stack([phi, before[:, :2]]), np.column_stack([here, last[:, :2]]), hits + 1


def test_a_predictor_that_points_reaches_the_target(subtests):
    for number, built in enumerate((Line(), Curve())):
        with subtests.test(number=number):
            report = tasks.judge("M7.B1", built)
            assert report.said == tasks.REACHED
            assert report.figures["score on held-back events"].endswith("(target: 0.992 or more)")


class OwnFilter(Kalman):
    """The kit's filter under another name."""


def changed(**methods):
    return type("Changed", (Line,), methods)()


@pytest.mark.parametrize(
    ("built", "hint"),
    [
        (Stays(0.05), "so are hits of other tracks"),
        (Line(0.2), "then claim a smaller σ"),
        (Line(0.001), "lie outside your road, most of them in layer 2"),
        (Kalman(), "Kalman is the kit's own"),
        (OwnFilter(), "write a class of your own"),
        (Line, "with brackets"),
        (object(), "yours lacks start and predict and update"),
        (changed(update=None), "yours lacks update"),
        (changed(start=lambda self, layer, phi: phi), "start returns has to be a tuple of arrays"),
        (changed(start=lambda self, layer, phi: (1, 2)), "start returns has to be a tuple of arrays"),
        (changed(update=lambda self, state, layer, phi: None), "update returns has to be a tuple of arrays"),
        (changed(predict=lambda self, state, layer: state[0]), "three things"),
        (changed(predict=lambda self, state, layer: (state[0], 0.01, state)), "an σ of shape ()"),
        (changed(predict=lambda self, state, layer: (state[0], 0 * state[0], state)), "above zero"),
        (changed(predict=lambda self, state, layer: (state[0], state[0] * np.nan, state)), "an σ that is not finite"),
        (changed(predict=lambda self, state, layer: 1 / 0), "predict(state, 1) raised ZeroDivisionError"),
        (changed(update=lambda self, state, layer: state), "update(state, 1, phi) raised TypeError"),
    ],
)
def test_predictors_that_fall_short_or_are_none(built, hint, folder):
    said = tasks.judge("M7.B1", built).said
    assert said.startswith("hint: ")
    assert hint in said
    assert list(folder.iterdir()) == []
