"""Plots show the right numbers, stay inside their figure, need no pyplot and may be drawn from threads."""

import io
import subprocess
import sys
import threading

import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.patches import Circle

from jetlab import metrics, plots

RNG = np.random.default_rng(0)
Y = RNG.integers(0, 2, 2000)
SCORE = 1 / (1 + np.exp(-(RNG.normal(size=2000) + 1.5 * Y - 0.75)))
WEIGHT = RNG.uniform(0.5, 2, 2000)


@pytest.fixture
def ax():
    """Axes of a plain figure, as a user may have made them."""
    figure = Figure()
    FigureCanvasAgg(figure)
    return figure.subplots()


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def line(ax, start):
    return next(line for line in ax.lines if str(line.get_label()).startswith(start))


def test_histogram_contents_and_errors(ax):
    values, weight = [0.5, 0.6, 1.5, 2.5, 9.0], [1.0, 2.0, 3.0, 0.5, 1.0]
    contents, errors, edges = plots.histogram(ax, values, weight, [0, 1, 2, 4], "jets", plots.W)
    np.testing.assert_allclose(contents, [3, 3, 0.5])
    np.testing.assert_allclose(errors, [np.sqrt(5), 3, 0.5])
    np.testing.assert_allclose(edges, [0, 1, 2, 4])
    (step,) = ax.patches
    np.testing.assert_allclose(step.get_data().values, contents)
    (bars,) = (c for c in ax.containers if isinstance(c, ErrorbarContainer))
    low, high = np.array(bars.lines[2][0].get_segments())[:, :, 1].T
    np.testing.assert_allclose((high - low) / 2, errors)


def test_histogram_density_keeps_relative_errors(ax):
    values = np.random.default_rng(1).normal(size=500)
    contents, errors, edges = plots.histogram(ax, values, bins=10)
    density, scaled, same = plots.histogram(ax, values, bins=10, density=True)
    np.testing.assert_array_equal(edges, same)
    assert np.sum(density * np.diff(edges)) == pytest.approx(1)
    np.testing.assert_allclose(errors, np.sqrt(contents))
    np.testing.assert_allclose(scaled * contents, errors * density)
    assert plots.histogram(ax, [5.0], bins=[0, 1], density=True)[0] == [0]


def test_compare_separates_the_classes_on_common_bins(ax):
    values = np.concatenate([np.full(30, 80.0), np.full(10, 20.0)])
    is_w = values > 50
    plots.compare(ax, values, is_w, bins=[0, 50, 100], xlabel="mass [GeV]")
    w, qcd = (patch.get_data() for patch in ax.patches)
    np.testing.assert_allclose(w.values, [0, 1 / 50])
    np.testing.assert_allclose(qcd.values, [1 / 50, 0])
    assert labels(ax) == ["W", "QCD"]
    assert ax.get_xlabel() == "mass [GeV]"
    assert [patch.get_edgecolor()[:3] for patch in ax.patches] == [
        pytest.approx((0, 0x72 / 255, 0xB2 / 255)),
        pytest.approx((0xD5 / 255, 0x5E / 255, 0)),
    ]


def test_score_distributions_use_y_and_the_whole_range(ax):
    plots.score_distributions(ax, Y, SCORE, WEIGHT)
    w, qcd = (patch.get_data() for patch in ax.patches)
    assert len(w.values) == 40
    assert w.edges[0] == 0
    assert w.edges[-1] == 1
    expected = np.histogram(SCORE[Y == 1], 40, (0, 1), weights=WEIGHT[Y == 1], density=True)[0]
    np.testing.assert_allclose(w.values, expected)
    assert np.average(w.edges[1:], weights=w.values) > np.average(qcd.edges[1:], weights=qcd.values)


def test_roc_is_rejection_against_efficiency_with_band_and_chance(ax):
    plots.roc(ax, Y, SCORE, WEIGHT, "dense 64/3", replicas=30)
    plots.roc(ax, Y, -SCORE, WEIGHT, "inverted", plots.COLOURS[1], replicas=0)
    x, y = line(ax, "dense").get_data()
    for efficiency in (0.3, 0.5, 0.8):
        assert np.interp(efficiency, x, y) == pytest.approx(metrics.rejection(Y, SCORE, WEIGHT, efficiency), rel=1e-6)
    auc = metrics.auc(Y, SCORE, WEIGHT)
    assert labels(ax) == [f"dense 64/3 (AUC {auc:.3f})", f"inverted (AUC {1 - auc:.3f})", "chance"]
    x, y = line(ax, "chance").get_data()
    np.testing.assert_allclose(x * y, 1)
    (band,) = ax.collections
    low, high = (f(band.get_paths()[0].vertices[:, 1]) for f in (np.min, np.max))
    assert low < metrics.rejection(Y, SCORE, WEIGHT, 0.5) < high
    assert ax.get_yscale() == "log"


def test_roc_leaves_a_gap_where_no_background_is_left(ax):
    plots.roc(ax, [1, 1, 0, 0], [4.0, 2.0, 3.0, 1.0], replicas=0)
    x, y = line(ax, "(AUC").get_data()
    assert np.isnan(y[x < 0.5]).all()
    np.testing.assert_allclose(y[x > 0.52], 2)


def test_seed_band_is_mean_and_deviation(ax):
    scores = [SCORE, np.clip(SCORE + 0.2 * RNG.normal(size=2000), 0, 1)]
    plots.seed_band(ax, Y, scores, WEIGHT, "dense")
    x, y = line(ax, "dense").get_data()
    values = [metrics.rejection(Y, score, WEIGHT, x[49]) for score in scores]
    assert y[49] == pytest.approx(np.mean(values))
    aucs = [metrics.auc(Y, score, WEIGHT) for score in scores]
    assert labels(ax)[0] == f"dense (2 seeds: AUC {np.mean(aucs):.4f} ± {np.std(aucs, ddof=1):.4f})"
    vertices = ax.collections[0].get_paths()[0].vertices
    edge = vertices[np.isclose(vertices[:, 0], x[49]), 1]
    assert edge.max() - edge.min() == pytest.approx(2 * np.std(values, ddof=1))


def test_one_seed_has_no_spread(ax):
    plots.seed_band(ax, Y, [SCORE], label="dense")
    assert "±" not in labels(ax)[0]


def test_loss_curves(ax):
    plots.loss_curves(ax, {"loss": [0.6, 0.5, 0.4], "val_loss": [0.6, 0.55, 0.58]}, best_epoch=2, log=True)
    np.testing.assert_array_equal(line(ax, "validation").get_data(), [[1, 2, 3], [0.6, 0.55, 0.58]])
    np.testing.assert_array_equal(line(ax, "training").get_data(), [[1, 2, 3], [0.6, 0.5, 0.4]])
    assert labels(ax) == ["training", "validation", "best: epoch 2"]
    assert ax.get_yscale() == "log"


@pytest.mark.parametrize("history", [{}, {"loss": [], "val_loss": []}])
@pytest.mark.parametrize("log", [False, True])
def test_loss_curves_before_the_first_epoch(ax, history, log):
    plots.loss_curves(ax, history, log=log)
    assert ax.get_xlabel() == "epoch"
    assert plots.png(ax.figure)


def test_eta_phi_wraps_around_the_jet_and_marks_classes(ax):
    eta, phi = np.array([0.1, 0.2, 0.3, -0.1]), np.array([3.1, -3.1, -3.0, 3.0])
    plots.eta_phi(ax, eta, phi, np.array([10.0, 20.0, 5.0, 1.0]), np.array([211, -211, 22, 999]), 0.0, 3.1, 0.7)
    assert labels(ax) == ["charged hadron (2)", "photon (1)", "other (1)"]
    charged = ax.collections[0]
    np.testing.assert_allclose(charged.get_offsets()[:, 1], [3.1, 2 * np.pi - 3.1])
    assert charged.get_sizes()[1] == 2 * charged.get_sizes()[0]
    (circle,) = (patch for patch in ax.patches if isinstance(patch, Circle))
    assert (circle.center, circle.radius) == ((0.0, 3.1), 0.7)
    assert ax.get_aspect() == 1
    assert "rad" in ax.get_ylabel()


def test_points_of_several_series_differ_in_colour_and_marker_and_stand_side_by_side(ax):
    edges = np.array([0.0, 1.0, 3.0])
    for number in range(8):
        x = plots.base.places(edges, number, 8)
        assert (edges[:-1] < x).all()
        assert (x < edges[1:]).all()
        plots.points(ax, x, [1.0, 2.0], [0.1, 0.2], f"series {number}", number, line="")
    lines = [container.lines[0] for container in ax.containers]
    assert len({(each.get_color(), each.get_marker()) for each in lines}) == 8
    assert {each.get_linestyle() for each in lines} == {"None"}
    assert len(np.unique([each.get_xdata() for each in lines])) == 16
    plots.points(ax, [1, 2], [1, 2], None, "joined", 1, "--", "black")
    assert (ax.containers[-1].lines[0].get_linestyle(), ax.containers[-1].lines[0].get_color()) == ("--", "black")


def drawn():
    """Every plot once, in one figure."""
    figure = plots.figure(ncols=3, nrows=2)
    loss, roc, seeds, score, mass, jet = figure.axes
    plots.loss_curves(loss, {"loss": [0.6, 0.5], "val_loss": [0.6, 0.55]}, 2)
    plots.roc(roc, Y, SCORE, label="dense 64/3", replicas=5)
    plots.seed_band(seeds, Y, [SCORE, SCORE**2], label="dense 64/3")
    plots.score_distributions(score, Y, SCORE)
    plots.compare(mass, 80 + SCORE, Y, xlabel="soft-drop mass [GeV]")
    eta, phi = RNG.normal(size=(2, 20)) / 4
    plots.eta_phi(jet, eta, phi + 3, np.full(20, 9.0), RNG.choice([211, 22, 130, 11, 13], 20), 0, 3)
    return figure


def test_nothing_leaves_the_figure_and_all_axes_are_labelled():
    figure = drawn()
    figure.canvas.draw()
    for ax in figure.axes:
        assert ax.get_xlabel()
        assert ax.get_ylabel()
        inside = ax.get_tightbbox()
        assert inside.x0 >= -1
        assert inside.y0 >= -1
        assert inside.x1 <= figure.bbox.x1 + 1
        assert inside.y1 <= figure.bbox.y1 + 1
        legend, frame = ax.get_legend().get_window_extent(), ax.bbox
        assert frame.x0 <= legend.x0 < legend.x1 <= frame.x1
        assert frame.y0 <= legend.y0 < legend.y1 <= frame.y1
        sizes = [text.get_fontsize() for text in (ax.xaxis.label, ax.yaxis.label, *ax.get_legend().get_texts())]
        assert min(sizes) >= 10


def test_figure_has_the_size_asked_for_and_shows_itself_in_a_notebook():
    figure = plots.figure(ncols=2, nrows=1, width=3, height=2, dpi=50)
    assert len(figure.axes) == 2
    assert imread(io.BytesIO(plots.png(figure))).shape[:2] == (100, 300)
    shown, _ = DisplayFormatter().format(figure)
    assert shown["image/png"].startswith(b"\x89PNG")


def test_threads_may_draw_at_the_same_time():
    pictures, errors = [], []

    def draw():
        try:
            pictures.append(plots.png(drawn()))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=draw) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)


def test_plots_need_no_pyplot():
    code = "import sys, jetlab.plots; assert not {'matplotlib.pyplot', 'ipywidgets', 'tensorflow'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
