"""What the plots of a search show."""

import numpy as np

from jetlab import anomalies, plots
from jetlab.metrics import hunt

WINDOW = (985.0, 1085.0)


def test_a_spectrum_shows_data_fit_window_and_significance():
    middle = (anomalies.EDGES[1:] + anomalies.EDGES[:-1]) / 2
    counts = np.random.default_rng(1).poisson(500 * np.exp(-(middle - 800) / 300))
    found = hunt.excess(counts, anomalies.EDGES, WINDOW)
    ax = plots.figure().axes[0]
    plots.anomalies.spectrum(ax, counts, found, WINDOW, "CWoLa")
    assert ax.get_title() == f"CWoLa: {found.significance:.1f} σ"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["window", "fit of the sidebands", "data"]
    (points, _, _) = ax.containers[0]
    np.testing.assert_array_equal(points.get_ydata(), counts)
    assert "GeV" in ax.get_xlabel()
    assert "25 GeV" in ax.get_ylabel()
    assert ax.get_ylim()[1] > counts.max()


def test_an_improvement_ends_at_one():
    rng = np.random.default_rng(2)
    y = np.arange(2000) < 500
    ax = plots.figure().axes[0]
    plots.anomalies.improvement(ax, y, rng.normal(2.0 * y), "mine", plots.W)
    (line,) = ax.lines
    x, sic = line.get_data()
    assert (x[-1], sic[-1]) == (1, 1)
    assert max(sic) > 1.5
    assert ax.get_legend().get_texts()[0].get_text() == "mine"
