"""The table of runs and the look at the test part, with runs that nobody trained."""

import types

import ipywidgets as widgets
import pytest

from jetlab import training
from jetlab.config import RunConfig
from jetlab.errors import ArgumentError
from jetlab.metrics import Estimate, MetricError
from jetlab.panel.runs import Goal, Run, RunsView
from tests.panel.panels import button, column, control, find, table, text


def run(number):
    model = types.SimpleNamespace(count_params=lambda: 5)
    config = RunConfig(nodes=number, layers=1)
    result = training.Result(model, config, {}, 1, "finished", "", seconds=1.0, jets_per_second=1.0, device="")
    return Run(number, result, None, {"score": Estimate(0.8, 0.1)})


class Shown:
    """A view of so many runs, what it drew last, and the numbers of the runs that it measured."""

    def __init__(self, n, **options):
        self.runs = [run(number) for number in range(1, n + 1)]
        self.drawn, self.measured = [], []
        options = {"measure": self.measure, "part": "test events", **options}
        columns = {"validation score": "score", "test score": "score"}
        self.view = RunsView(self.runs, columns, self.draw, 6, **options)
        self.widget = self.view.widget
        self.view.show()

    def measure(self, run):
        self.measured.append(run.number)
        run.test_metrics = {"score": Estimate(0.9, 0.1)}

    def draw(self, runs):
        self.drawn = [run.number for run in runs]

    def tick(self, *numbers):
        for number in numbers:
            control(self, f"{number}: {number}/1").value = True


def test_more_ticked_runs_than_can_be_drawn_are_reported():
    shown = Shown(8)
    shown.tick(1, 2, 3, 4, 5, 6)
    assert shown.drawn == [1, 2, 3, 4, 5, 6]
    assert "are drawn" not in text(shown)
    shown.tick(7)
    assert shown.drawn == [2, 3, 4, 5, 6, 7]
    assert "Of the 7 ticked runs only the last 6 are drawn." in text(shown)
    button(shown, "Delete").click()
    assert (column(shown, "run"), shown.drawn) == (["8"], [])
    assert "are drawn" not in text(shown)


def test_ticks_stay_with_their_runs_when_others_go():
    shown = Shown(3)
    shown.tick(3)
    del shown.runs[0]
    shown.view.show()
    assert [run.number for run in shown.view.ticked()] == [3]


def test_the_button_names_the_run_that_it_looks_at():
    shown = Shown(3)
    assert button(shown, "Look").description == "Look at the test events of run 3"
    shown.tick(1)
    assert button(shown, "Look").description == "Look at the test events of run 1"
    shown.tick(2)
    assert button(shown, "Look").description == "Look at the test events"
    button(shown, "Look").click()
    assert "Several runs are ticked" in text(shown)
    assert shown.measured == []


def test_each_run_is_measured_once_and_its_look_is_marked():
    shown = Shown(3)
    for number in (2, 2, 3):
        control(shown, f"{number}: {number}/1").value = True
        shown.view.look()
        control(shown, f"{number}: {number}/1").value = False
    assert (shown.measured, shown.view.looks) == ([2, 3], 2)
    assert column(shown, "test score") == ["", "0.90 ± 0.10 (look 1 of 2)", "0.90 ± 0.10 (look 2 of 2)"]
    assert "The test events of 2 runs were looked at." in text(shown)


def test_a_measurement_that_fails_is_no_look():
    def fails(run):
        raise MetricError("There is no W jet <here>.")

    shown = Shown(1, measure=fails)
    shown.view.look()
    assert "There is no W jet <here>." in text(shown)
    assert (shown.runs[0].look, shown.view.looks) == (0, 0)


def test_without_a_test_part_there_is_no_button():
    shown = Shown(1, measure=None)
    assert find(shown, widgets.Button, "Look") == []
    assert "test score" not in table(shown)[0]
    with pytest.raises(ArgumentError, match="no test events to look at"):
        shown.view.look()


@pytest.mark.parametrize(
    ("least", "most", "said"),
    [
        (0.8, 5, "✔ Target: validation score 0.8000 or more with at most 5 parameters: reached by runs 1, 2."),
        (0.8001, 5, "○ Target: validation score 0.8001 or more with at most 5 parameters: not reached yet."),
        (0.8, 4, "○ Target: validation score 0.8000 or more with at most 4 parameters: not reached yet."),
    ],
)
def test_a_goal_is_said_and_so_is_when_it_is_reached(least, most, said):
    goal = Goal(least, most, "score")
    shown = Shown(0, goal=goal)
    assert "not reached yet" in text(shown)
    shown.runs += [run(1), run(2)]
    shown.view.show()
    assert said in text(shown)
    assert [goal.reached(each) for each in shown.runs] == [said.startswith("✔")] * 2
