"""The drawn network: which nodes and lines, colours of weights, boxes, and nothing that overlaps."""

import itertools

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from jetlab import models, plots
from jetlab.config import MODELS, RunConfig
from jetlab.io import schema

SEQUENCE = ((50, 6), (50,))
CASES = {
    "default": (RunConfig(), (4,)),
    "small": (RunConfig(nodes=3, layers=2), (4,)),
    "logistic": (RunConfig(layers=0), 4),
    "many layers": (RunConfig(layers=6, nodes=8, dropout=0.25, activation="leaky_relu", loss="gaussian_nll"), (4,)),
    "many nodes": (RunConfig(layers=6, nodes=1024, loss="mse"), (4,)),
    "pyramid": (RunConfig(layers=4, widths=(512, 128, 13, 3)), (4,)),
    "many inputs": (RunConfig(inputs=tuple(schema.JET)), (16,)),
    "lstm": (RunConfig.standard("lstm"), SEQUENCE),
    "two lstm": (RunConfig.standard("lstm", layers=2, nodes=32, bidirectional=True), (50, 12)),
    "gru": (RunConfig.standard("gru", layers=6, nodes=1024, bidirectional=True), SEQUENCE),
    "mean": (RunConfig.standard("gru", layers=0), SEQUENCE),
    "cnn": (RunConfig.standard("cnn"), (25, 25, 1)),
    "deep cnn": (RunConfig.standard("cnn", layers=6, inputs=("charged hadron", "photon"), nodes=64), (128, 128, 2)),
    "sets": (RunConfig.standard("deep_sets"), SEQUENCE),
    "deep sets": (RunConfig.standard("deep_sets", layers=6, nodes=1024), SEQUENCE),
}


def drawn(config, row, weights=None, **size):
    fig = plots.figure(**size)
    plots.network.draw(fig.axes[0], config, row, weights)
    return fig.axes[0]


def texts(ax):
    return [text.get_text() for text in ax.texts]


def lines(ax):
    return next(each for each in ax.collections if isinstance(each, LineCollection))


def weights_of(*counts):
    rng = np.random.default_rng(1)
    shapes = [shape for a, b in itertools.pairwise(counts) for shape in ((a, b), (b,))]
    return [rng.normal(size=shape) for shape in shapes]


def test_small_layers_are_drawn_whole(subtests):
    for n in [1, 2, 11, plots.network.MOST]:
        with subtests.test(n=n):
            nodes, y = plots.network.shown(n)
            assert nodes.tolist() == list(range(n))
            np.testing.assert_allclose(np.diff(y), -1)
            assert y.sum() == pytest.approx(0)


def test_large_layers_are_drawn_from_both_ends(subtests):
    for n in [plots.network.MOST + 1, 64, 1024]:
        with subtests.test(n=n):
            nodes, y = plots.network.shown(n)
            assert nodes.tolist() == [0, 1, 2, 3, n - 4, n - 3, n - 2, n - 1]
            assert np.diff(y).tolist() == [-1, -1, -1, -3, -1, -1, -1]
            np.testing.assert_allclose(y, -y[::-1])


def test_the_default_network():
    ax = drawn(RunConfig(), (4,))
    assert len(lines(ax).get_segments()) == 4 * 8 + 8 * 8 + 8 * 8 + 8
    assert {"pt", "msd", "tau21", "ncand", "score", "input", "hidden 3", "output"} <= set(texts(ax))
    assert texts(ax).count("64") == 3
    assert ax.get_title() == "dense network · 64/3 · relu · 8,705 parameters"
    assert ax.get_legend() is None


def test_every_line_joins_a_node_with_one_of_the_next_layer():
    ax = drawn(RunConfig(nodes=3, layers=1), (4,))
    segments = np.array(lines(ax).get_segments())
    nodes = next(each for each in ax.collections if len(each.get_offsets()) == 4 + 3 + 1).get_offsets()
    found = {tuple(map(tuple, segment)) for segment in segments.tolist()}
    pairs = itertools.product(nodes.tolist(), repeat=2)
    assert found == {(tuple(a), tuple(b)) for a, b in pairs if b[0] == a[0] + 1}


def test_weights_have_the_colour_of_their_sign_and_a_width_of_their_size():
    kernels = np.array([[1.0, -4.0], [0.0, 2.0]]), np.array([[-0.1], [0.02]])
    weights = [kernels[0], np.zeros(2), kernels[1], np.zeros(1)]
    ax = drawn(RunConfig(inputs=("a", "b"), layers=1, nodes=2), (2,), weights)
    collection = lines(ax)
    found = {}
    for segment, width, colour in zip(
        collection.get_segments(), collection.get_linewidths(), collection.get_colors(), strict=True
    ):
        (x, y), (_, end) = segment
        # The first node of a layer is the highest; nodes are one apart.
        n, after = (2, 2) if x == 0 else (2, 1)
        found[int(x), round((n - 1) / 2 - y), round((after - 1) / 2 - end)] = width, colour
    strength = {(0, i, j): kernels[0][i, j] / 4 for i in range(2) for j in range(2)}
    strength |= {(1, i, 0): kernels[1][i, 0] / 0.1 for i in range(2)}
    assert found.keys() == strength.keys()
    for place, value in strength.items():
        width, colour = found[place]
        assert width == pytest.approx(0.3 + 4 * abs(value))
        assert colour[3] == pytest.approx(0.15 + 0.85 * abs(value))
        if value:
            np.testing.assert_allclose(colour[:3], to_rgb(plots.W if value > 0 else plots.QCD))
    assert sorted(collection.get_linewidths()) == list(collection.get_linewidths())  # the strongest on top
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["positive weight", "negative weight"]


def test_a_large_network_shows_the_weights_of_the_nodes_drawn():
    weights = weights_of(4, 64, 1)
    weights[0][:] = 0
    weights[0][2, 62] = -3.0
    weights[0][:, 10] = 2.0  # not drawn
    ax = drawn(RunConfig(layers=1), (4,), weights)
    strong = np.flatnonzero(np.array(lines(ax).get_linewidths()) == 4.3)
    first = [i for i in strong if lines(ax).get_segments()[i][0][0] == 0]
    assert len(first) == 1
    (_, y), (_, end) = lines(ax).get_segments()[first[0]]
    assert (y, end) == (-0.5, plots.network.shown(64)[1][-2])


def test_weights_that_are_zero_or_nan_are_drawn():
    weights = [np.zeros_like(each) for each in weights_of(4, 3, 1)]
    weights[2][:] = np.nan
    ax = drawn(RunConfig(layers=1, nodes=3), (4,), weights)
    assert set(lines(ax).get_linewidths()) == {0.3}


def test_weights_of_another_network_are_refused(subtests):
    for counts in [(4, 64, 1), (4, 3, 3, 1), (5, 3, 1)]:
        with subtests.test(counts=counts):
            with pytest.raises(ValueError, match=r"weights have shapes .* but the network has .*get_weights"):
                drawn(RunConfig(layers=1, nodes=3), (4,), weights_of(*counts))


def test_weights_are_those_of_keras():
    config = RunConfig(layers=2, nodes=5, loss="gaussian_nll")
    ax = drawn(config, (4,), models.build(config, (4,)).get_weights())
    assert len(lines(ax).get_segments()) == 4 * 5 + 5 * 5 + 5 * 2
    assert {"mean", "log variance"} <= set(texts(ax))


def test_inputs_without_names():
    assert {"input 1", "input 2"} <= set(texts(drawn(RunConfig(), 2)))


def test_nothing_overlaps_or_leaves_the_figure(subtests):
    for case, size in itertools.product(
        CASES, [{}, {"width": 5.6, "height": 4.2, "ncols": 2}, {"width": 9, "height": 3}]
    ):
        with subtests.test(case=case, size=size):
            config, row = CASES[case]
            many = config.model != "dense" and config.layers == 6 and size
            weights = None
            if config.model == "dense":
                outputs = 2 if config.loss == "gaussian_nll" else 1
                weights = weights_of(len(config.inputs), *config.layer_nodes, outputs)
            ax = drawn(config, row, weights, **({**size, "width": 7.0, "height": 4.6} if many else size))
            ax.figure.draw_without_rendering()
            legend = [] if weights is None else ax.get_legend().get_texts()
            found = [(text.get_text(), text.get_window_extent()) for text in [*ax.texts, ax.title, *legend]]
            for (one, box), (other, its) in itertools.combinations(found, 2):
                wide, high = min(box.x1, its.x1) - max(box.x0, its.x0), min(box.y1, its.y1) - max(box.y0, its.y0)
                # A point of overlap is a descender's.
                assert min(wide, high) < 2, (one, other)
            for text, box in found:
                assert box.x0 >= 0, text
                assert box.y0 >= 0, text
                assert box.x1 <= ax.figure.bbox.x1, text
                assert box.y1 <= ax.figure.bbox.y1, text


def test_there_is_a_box_for_every_layer_and_its_text_is_in_it(subtests):
    for case in [case for case, (config, _) in CASES.items() if config.model != "dense"]:
        with subtests.test(case=case):
            config, row = CASES[case]
            ax = drawn(config, row)
            ax.figure.draw_without_rendering()
            layers = plots.network.boxes(config, row)
            polygons = next(each for each in ax.collections if isinstance(each, PolyCollection)).get_paths()
            assert len(polygons) == sum(3 if box.stack else 1 for box in layers)
            fronts = [ax.transData.transform_path(polygons[i]).get_extents() for i in _fronts(layers)]
            words = [text.get_window_extent() for text in ax.texts[: 2 * len(layers)]]
            for i, (box, front) in enumerate(zip(layers, fronts, strict=True)):
                assert ax.texts[2 * i].get_text() == box.name
                assert ax.texts[2 * i + 1].get_text() == "\n".join(box.lines)
                for extent in words[2 * i : 2 * i + 2]:
                    assert extent.x0 > front.x0
                    assert extent.x1 < front.x1
                    assert extent.y0 > front.y0 - 2
                    assert extent.y1 < front.y1 + 2


def _fronts(layers):
    """Position of the foremost polygon of each box, drawn after those behind it."""
    return np.cumsum([3 if box.stack else 1 for box in layers]) - 1


def test_images_shrink_as_in_keras(subtests):
    for size in [4, 25, 128]:
        with subtests.test(size=size):
            config = RunConfig(model="cnn", layers=4, nodes=2)
            found = [box.lines for box in plots.network.boxes(config, (size, size, 1)) if box.name == "conv 3×3"]
            model = models.build(config, (size, size, 1))
            names = [layer.name for layer in model.layers]
            for number, (filters, after) in enumerate(found, start=1):
                pooled = f"pooling_{number}" in names
                side, _, n = model.get_layer(f"{'pooling' if pooled else 'convolution'}_{number}").output.shape[1:]
                assert filters == f"{n} filters"
                assert after == f"{'pool ' if pooled else ''}{side}×{side}"


def test_boxes_of_the_other_models():
    def told(model, row=SEQUENCE, **changes):
        return [(box.name, *box.lines) for box in plots.network.boxes(RunConfig(model=model, **changes), row)]

    start = [("input", "50 places", "6 numbers"), ("embedding", "id_class", "3 numbers")]
    end = [("output", "score")]
    assert told("lstm", layers=1, nodes=8) == [*start, ("LSTM", "8 nodes", "→ last"), *end]
    both = ("GRU", "2×8 nodes", "both ways")
    assert told("gru", layers=2, nodes=8, bidirectional=True) == [*start, (*both, "→ all"), (*both, "→ last"), *end]
    assert told("gru", (50, 12), layers=0) == [("input", "50 places", "12 numbers"), ("mean", "over all"), *end]
    each, dense = ("each", "8 nodes", "shared"), ("dense", "8 nodes")
    assert told("deep_sets", layers=2, nodes=8) == [*start, each, each, ("sum", "over all"), dense, dense, *end]
    assert all(box.loop == (box.name == "GRU") for box in plots.network.boxes(RunConfig(model="gru"), SEQUENCE))


def test_the_title_counts_the_parameters(subtests):
    for model in MODELS:
        with subtests.test(model=model):
            row = {"dense": (4,), "cnn": (25, 25, 1)}.get(model, SEQUENCE)
            config = RunConfig.standard(model)
            title = drawn(config, row).get_title()
            assert title.endswith(f" · {models.count_parameters(config, row):,} parameters")
            assert config.label in title
            assert ("relu" in title) == (model not in ("lstm", "gru"))


def test_axes_may_lie_where_a_user_put_them():
    """Without a layout that moves them, the drawing is fitted to the axes as they are."""
    fig = Figure(figsize=(8, 6))
    wide, narrow = fig.add_axes((0.05, 0.55, 0.9, 0.35)), fig.add_axes((0.05, 0.05, 0.45, 0.35))
    for ax in (wide, narrow):
        plots.network.draw(ax, RunConfig.standard("cnn"), (25, 25, 1))
    fig.draw_without_rendering()
    n = len(plots.network.boxes(RunConfig.standard("cnn"), (25, 25, 1)))
    rows = [len({round(text.get_position()[1], 6) for text in ax.texts[: 2 * n : 2]}) for ax in (wide, narrow)]
    assert rows[0] < rows[1], "boxes go on in another row where the axes are narrow"
    for ax in (wide, narrow):
        assert all(ax.bbox.x0 <= each.get_window_extent().x0 for each in ax.texts)
        assert all(each.get_window_extent().x1 <= ax.bbox.x1 for each in ax.texts)


def test_drawn_again_on_the_same_axes():
    fig = plots.figure()
    for weights in (None, weights_of(4, 64, 64, 64, 1)):
        fig.axes[0].clear()
        plots.network.draw(fig.axes[0], RunConfig(), (4,), weights)
    assert plots.png(fig).startswith(b"\x89PNG")
    assert sum(isinstance(each, LineCollection) for each in fig.axes[0].collections) == 1
