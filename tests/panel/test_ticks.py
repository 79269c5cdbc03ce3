"""Features that are ticked are what is trained with, and the table keeps what came out."""

import threading

import pytest

from jetlab.errors import ArgumentError
from jetlab.metrics import Estimate
from jetlab.panel import FeaturesPanel
from jetlab.training import worker
from tests.panel.by_label import labelled, texts

FEATURES = ("pt", "angles", "charge", "class")


@pytest.fixture
def trained() -> list[tuple[str, ...]]:
    return []


@pytest.fixture
def panel(trained: list[tuple[str, ...]]) -> FeaturesPanel:
    def train(names: tuple[str, ...]) -> Estimate:
        trained.append(names)
        return Estimate(0.9 - 0.1 / len(names), 0.004)

    return FeaturesPanel(FEATURES, train, done=[(FEATURES, Estimate(0.96, 0.002))])


def test_nothing_trains_until_it_is_asked_for(panel, trained) -> None:
    labelled(panel.widget, "charge").value = False
    assert trained == []
    assert panel.ticked == ("pt", "angles", "class")
    assert "<td>with everything</td><td>0.9600 ± 0.0020</td>" in texts(panel.widget)


def test_what_is_ticked_is_trained_and_kept(panel, trained) -> None:
    labelled(panel.widget, "charge").value = False
    panel.train(blocking=True)
    for name in ("pt", "class"):
        labelled(panel.widget, name).value = False
    panel.train(blocking=True)
    assert trained == [("pt", "angles", "class"), ("angles",)]
    assert [names for names, _ in panel.runs] == [FEATURES, *trained]
    shown = texts(panel.widget)
    assert "<td>2</td><td>without charge</td><td>0.8667 ± 0.0040</td>" in shown
    assert "<td>3</td><td>with angles only</td>" in shown
    assert "Trained with angles only: validation AUC 0.8000 ± 0.0040." in shown


def test_the_same_is_not_trained_twice_and_nothing_is_refused(panel, trained) -> None:
    panel.train(blocking=True)
    assert "trained already" in texts(panel.widget)
    for name in FEATURES:
        labelled(panel.widget, name).value = False
    panel.train(blocking=True)
    assert "No feature is ticked" in texts(panel.widget)
    assert trained == []


def test_features_are_ticked_by_name(panel) -> None:
    panel.use(["class", "pt"])
    assert panel.ticked == ("pt", "class")
    with pytest.raises(ArgumentError, match="no feature mass; there are pt, angles"):
        panel.use(["pt", "mass"])
    assert panel.ticked == ("pt", "class")


def test_a_fault_is_said_and_the_button_comes_back() -> None:
    def train(names: tuple[str, ...]) -> Estimate:
        raise ZeroDivisionError("1 < 2")

    panel = FeaturesPanel(FEATURES, train)
    panel.train(blocking=True)
    assert "Training failed: ZeroDivisionError: 1 &lt; 2" in texts(panel.widget)
    assert not labelled(panel.widget, "Train").disabled
    assert panel.runs == []


def test_another_training_in_the_kernel_is_in_the_way(panel, trained) -> None:
    gate = threading.Event()

    def other() -> None:
        gate.wait(60)
        worker.finished()

    thread = worker.start(other, "Training 64/3")
    labelled(panel.widget, "charge").value = False
    panel.train(blocking=True)
    assert "Training 64/3 is still running" in texts(panel.widget)
    gate.set()
    thread.join()
    panel.train(blocking=True)
    assert trained == [("pt", "angles", "class")]
