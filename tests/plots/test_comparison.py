"""Plots that set taggers side by side: what is drawn is what was measured."""

import numpy as np
import pytest

from jetlab import plots
from jetlab.metrics import Estimate, comparison
from jetlab.metrics.decorrelation import Point
from tests.samples import scored_jets


@pytest.fixture(scope="module")
def jets():
    return scored_jets()


@pytest.fixture
def ax():
    return plots.figure().axes[0]


def test_rocs_have_a_curve_each_and_bands_where_asked_for(ax, jets):
    y, weight, good, worse = jets
    scores = {f"tagger {number}": score for number, score in enumerate((*good, *worse) * 2)}
    plots.comparison.rocs(ax, y, scores, weight, bands=("tagger 1",))
    curves = [line for line in ax.lines if "AUC" in str(line.get_label())]
    assert len(curves) == 8
    assert len({(line.get_color(), line.get_linestyle()) for line in curves}) == 8
    assert len(ax.collections) == 1
    assert len(ax.get_legend().get_texts()) == 9
    assert plots.png(ax.figure)


def test_differences_stand_in_order_with_two_error_bars(ax):
    plots.comparison.differences(ax, {"first": Estimate(0.01, 0.004), "second": Estimate(-0.02, 0.001)})
    assert [label.get_text() for label in ax.get_yticklabels()] == ["first", "second"]
    assert list(ax.lines[0].get_ydata()) == [1, 0]
    ends = sorted(float(np.ptp(bar.get_segments()[0][:, 0])) for bar in ax.collections)
    assert ends == pytest.approx([0.008, 0.016])


def test_the_correlation_table_shows_its_numbers(ax, jets):
    _, weight, good, worse = jets
    plots.comparison.correlation(ax, {"a": good[0], "b": good[1], "c": worse[0]}, weight, "all")
    shown = [text.get_text() for text in ax.texts]
    assert shown[::4] == ["1.00"] * 3
    assert float(shown[1]) > float(shown[2])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b", "c"]


def test_the_frontier_joins_the_points_of_one_kind(ax):
    points = [
        Point(Estimate(20, 2), Estimate(0.3, 0.05), 0.05, 0.02),
        Point(Estimate(9, 1), Estimate(-0.01, 0.02), 0.04, 0.02),
    ]
    plots.comparison.frontier(ax, {"DisCo": points, "tau21": points[:1]})
    joined, alone = (container.lines[0] for container in ax.containers)
    np.testing.assert_array_equal(joined.get_xydata(), [[0.3, 20], [-0.01, 9]])
    assert (joined.get_linestyle(), alone.get_linestyle()) == ("-", "None")
    assert "[bit]" in ax.get_xlabel()


def test_sculpting_compares_unit_areas_and_tells_the_divergence(ax):
    rng = np.random.default_rng(5)
    mass = rng.uniform(0, 160, 4000)
    plots.comparison.sculpting(ax, mass, {"window": np.abs(mass - 80) < 25, "fair": rng.random(4000) < 0.3})
    areas = [np.sum(bars.lines[0].get_ydata()) for bars in ax.containers]
    assert areas == pytest.approx([1, 1])
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[0] == "all QCD jets"
    assert labels[2] == "fair: 0.00 bit"
    assert labels[1].startswith("window: 0.")
    assert labels[1] != "window: 0.00 bit"


def test_efficiency_and_calibration_draw_a_series_for_each_tagger(jets):
    y, weight, good, worse = jets
    fig = plots.figure(ncols=2)
    left, right = fig.axes
    pt = np.random.default_rng(6).uniform(200, 500, len(y))
    passing = {name: comparison.cut(y, score, weight) for name, score in (("a", good[0]), ("b", worse[0]))}
    plots.comparison.efficiency(left, pt, passing, weight, ylabel="W that pass")
    plots.comparison.calibration(right, y, {"a": good[0], "b": worse[0]}, weight)
    assert [len(ax.containers) for ax in fig.axes] == [2, 2]
    assert left.get_ylabel() == "W that pass"
    assert left.get_xlabel() == "jet pt [GeV]"
    assert right.get_xlim() == right.get_ylim() == (0, 1)
    assert plots.png(fig)
