"""Plots of flavour taggers: what is drawn is what was measured."""

import numpy as np
import pytest

from jetlab import plots
from jetlab.metrics import flavour


@pytest.fixture(scope="module")
def jets():
    """Labels, and probabilities of a tagger that knows something."""
    rng = np.random.default_rng(1)
    label = np.repeat([0, 1, 2], 500)
    p = rng.dirichlet((1, 1, 1), len(label))
    p[np.arange(len(label)), label] += 0.2
    return label, p / p.sum(axis=1, keepdims=True)


@pytest.fixture
def ax():
    return plots.figure().axes[0]


def test_three_classes_have_unit_area_without_what_is_missing(ax, jets):
    label, p = jets
    values = np.where(np.arange(len(label)) % 2, p[:, 2], np.nan)
    plots.flavour.compare(ax, values, label, None, np.linspace(0, 1, 11), "p", log=True)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["light jets", "c jets", "b jets"]
    for patch in ax.patches:
        contents, edges, _ = patch.get_data()
        assert np.sum(contents * np.diff(edges)) == pytest.approx(1)
    assert plots.png(ax.figure)


def test_an_axis_of_pt_is_logarithmic_with_few_ticks(ax):
    plots.flavour.pt_axis(ax, "pt")
    assert ax.get_xscale() == "log"
    assert [text.get_text() for text in ax.get_xticklabels()] == ["20", "50", "100", "200", "500", "1000"]
    assert len(ax.get_xticks(minor=True)) == 0
    assert plots.png(ax.figure)


def test_rocs_pass_through_the_rejections(ax, jets):
    label, p = jets
    score = flavour.discriminant(p, 0.1)
    plots.flavour.rocs(ax, label, {"mine": score, "other": p[:, 2]}, flavour.CHARM)
    line = ax.lines[0]
    place = int(np.argmin(np.abs(line.get_xdata() - 0.77)))
    expected = flavour.rejections(label, score, line.get_xdata()[place])[flavour.CHARM].value
    assert line.get_ydata()[place] == pytest.approx(expected)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("b efficiency", "c rejection")
    assert plots.png(ax.figure)


def test_iso_efficiency_curves_have_their_ends_marked(ax, jets):
    curve = flavour.iso_efficiency(*jets, 0.7, fractions=(0, 0.5, 1))
    plots.flavour.iso_efficiency(ax, {"70 %": curve})
    assert list(ax.lines[0].get_ydata()) == pytest.approx(list(curve.light_rejection))
    assert [line.get_markerfacecolor() == "white" for line in ax.lines[1:]] == [True, False]
    assert plots.png(ax.figure)


def test_the_ratio_of_a_sample_to_itself_is_one(jets):
    fig = plots.figure(nrows=2)
    values = np.append(jets[1][:, 2], np.nan)
    plots.flavour.ratio(tuple(fig.axes), values, np.tile(values, 2), np.linspace(0, 1, 6), "p")
    (bar,) = fig.axes[1].containers
    assert bar[0].get_ydata() == pytest.approx(1)
    assert plots.png(fig)
