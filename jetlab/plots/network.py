"""The configured network as a picture: nodes and weights of a dense one, a box for every layer of the others."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgba_array
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray

from jetlab import models
from jetlab.config import RunConfig, short_name
from jetlab.errors import ArgumentError
from jetlab.metrics import Floats
from jetlab.models import Shape
from jetlab.plots.base import FONT, GREY, QCD, W

#: Layers up to MOST nodes are drawn whole; of larger ones SHOWN, half of them at each end, and dots between.
SHOWN, MOST = 8, 12
POSITIVE, NEGATIVE = W, QCD
#: Which nodes of a layer are drawn, and their heights.
Column = tuple[NDArray[np.integer[Any]], NDArray[np.floating[Any]]]
_TEXT = FONT - 2
_LINE = 1.6 * _TEXT / 72  # inches
_NAMES = {"dense": "dense network", "cnn": "CNN", "deep_sets": "deep sets"}
_PAPER = {"input": "#eeeeee", "layer": "#cfe8f7", "output": "#fbe3d0"}
_OUTPUTS = {
    "binary_crossentropy": ("score",),
    "sparse_categorical_crossentropy": ("light", "c", "b"),
    "gaussian_nll": ("mean", "log variance"),
}


@dataclass(frozen=True)
class Box:
    """A layer as a box: its name, what it has (a few short lines), and how it is drawn.

    `paper` is a key of the colours; `stack` a pile of them (filters, or the same layer for all constituents); `loop` an
    arrow from the box back to itself (memory).
    """

    name: str
    lines: tuple[str, ...]
    paper: str = "layer"
    stack: bool = False
    loop: bool = False


def draw(ax: Axes, config: RunConfig, row: int | Shape, weights: Sequence[ArrayLike] | None = None) -> None:
    """Draw the network from its inputs on the left to its output on the right.

    Args:
        ax: where to draw; its frame and ticks are taken away.
        config: the network.
        row: shape of one jet's inputs, as `models.build` takes it.
        weights: of a dense network, as `model.get_weights()` gives them: connections then have the colour of their sign
            and a width that grows with their size, relative to the largest of the layer. Others ignore them.

    Of a layer with more than MOST nodes only the first and the last are drawn, with their own weights. It takes about
    10 ms, and `plots.png` 60 ms. Raises ArgumentError for weights of another network.
    """
    ax.set_axis_off()
    title = _title(config, row)
    if len(title) * 0.57 * FONT / 72 > _inches(ax)[0]:
        first, last = title.rsplit(" · ", 1)
        title = f"{first}\n{last}"
    ax.set_title(title, fontsize=FONT)
    if config.model == "dense":
        _draw_nodes(ax, config, row, weights)
    else:
        _draw_boxes(ax, boxes(config, row), _labels(config))
    # All of it is within the axes, and measuring it for the layout would take longer than drawing it.
    for artist in (*ax.texts, *ax.collections):
        artist.set_in_layout(False)


def boxes(config: RunConfig, row: int | Shape) -> list[Box]:
    """What `draw` shows of a network that is not dense, layer by layer from the input to the output."""
    found: list[Box] = []
    for layer in models.describe(config, row):
        *places, n = layer.shape
        size, nodes, passes = "×".join(map(str, places)), f"{n} nodes", "→ all" if places else "→ last"
        match layer.kind:
            case "Input" if layer.name == "image":
                found.append(Box("image", (size, f"{n} channel{'s' * (n != 1)}"), "input"))
            case "Input" if layer.name == "features":
                found.append(Box("input", (f"{size} places", f"{n} number{'s' * (n != 1)}"), "input", stack=True))
            case "Embedding":
                found.append(Box("embedding", ("id_class", f"{n} numbers"), stack=True))
            case "Conv2D":
                found.append(Box("conv 3×3", (f"{n} filters", size), stack=True))
            case "MaxPooling2D":
                found[-1] = replace(found[-1], lines=(f"{n} filters", f"pool {size}"))
            case "LSTM" | "GRU":
                found.append(Box(layer.kind, (nodes, passes), loop=True))
            case "Bidirectional":
                cell = layer.arguments["layer"].kind
                found.append(Box(cell, (f"2×{n // 2} nodes", "both ways", passes), loop=True))
            case "GlobalAveragePooling1D" | "Sum":
                found.append(Box(layer.name, ("over all",)))
            case "Dense" if layer.name == "output":
                found.append(Box("output", _OUTPUTS.get(config.loss, ("prediction",)), "output"))
            case "Dense":
                found.append(Box("each", (nodes, "shared"), stack=True) if places else Box("dense", (nodes,)))
    return found


def shown(n: int) -> Column:
    """Which of a layer's n nodes are drawn, and their heights, one apart and around zero; dots fill a gap of two."""
    if n <= MOST:
        return np.arange(n), (n - 1) / 2 - np.arange(n)
    half, slots = SHOWN // 2, SHOWN + 2
    return np.r_[0:half, n - half : n], (slots - 1) / 2 - np.r_[0:half, slots - half : slots]


def _title(config: RunConfig, row: int | Shape) -> str:
    parts = [_NAMES.get(config.model, config.model.upper()), config.label]
    if config.model == "cnn" or (config.layers and config.model not in ("lstm", "gru")):
        parts.append(config.activation)
    if config.dropout:
        parts.append(f"dropout {config.dropout:g}")
    return " · ".join([*parts, f"{models.count_parameters(config, row):,} parameters"])


def _labels(config: RunConfig) -> list[str]:
    names = [short_name(name) for name in config.inputs]
    return [name if len(name) <= 16 else f"{name[:15]}…" for name in names]


def _inches(ax: Axes) -> tuple[float, float]:
    """Width and height of the axes; where only drawing makes the layout, roughly what they will be."""
    width, height = (pixels / ax.figure.dpi for pixels in ax.figure.bbox.size)
    spec = ax.get_subplotspec()
    if spec is None or ax.figure.get_layout_engine() is None:
        place = ax.get_position()
        return place.width * width, place.height * height
    n_rows, n_columns = spec.get_geometry()[:2]
    return 0.96 * width / n_columns, 0.9 * height / n_rows


def _room(ax: Axes, labels: Sequence[str]) -> float:
    """Fraction of the width that these labels take."""
    return (max(map(len, labels)) * 0.6 * _TEXT + 1.5 * _TEXT) / 72 / _inches(ax)[0]


def _draw_nodes(ax: Axes, config: RunConfig, row: int | Shape, weights: Sequence[ArrayLike] | None) -> None:
    counts = [layer.shape[-1] for layer in models.describe(config, row) if layer.kind in ("Input", "Dense")]
    columns = [shown(n) for n in counts]
    kernels = None if weights is None else _kernels(weights, counts)
    high = max(5, *(y[0] - y[-1] + 1 for _, y in columns))
    # Input and output have at most as many labels as nodes drawn.
    labels = _labels(config) if len(config.inputs) == counts[0] else [f"input {i + 1}" for i in range(counts[0])]
    left, right = [labels[i] for i in columns[0][0]], _OUTPUTS.get(config.loss, ("prediction",))
    rooms = _room(ax, left), _room(ax, right)
    last = len(counts) - 1
    scale = last / max(0.2, 1 - sum(rooms) - 0.04)
    edge = 0.02 * scale
    ax.set_xlim(-rooms[0] * scale - edge, last + rooms[1] * scale + edge)
    # A line of text above the nodes and two below; the last is for the legend, which may come later.
    pitch = max(0.05, _inches(ax)[1] - 3 * _LINE) / high
    line = _LINE / pitch
    ax.set_ylim(-high / 2 - 2 * line, high / 2 + line)
    _connect(ax, columns, kernels)
    size = min(20, 0.62 * 72 * pitch)
    x = np.concatenate([np.full(len(y), i) for i, (_, y) in enumerate(columns)])
    ax.scatter(x, np.concatenate([y for _, y in columns]), s=size**2, c="white", edgecolors="black", zorder=3)
    dots = [i for i, n in enumerate(counts) if n > MOST]
    ax.scatter(np.repeat(dots, 3), np.tile([-0.45, 0, 0.45], len(dots)), s=14, c="black", zorder=3)
    away = size / 2 + 4
    options: dict[str, Any] = {"textcoords": "offset points", "fontsize": _TEXT, "va": "center"}
    for i, (texts, sign, align) in {0: (left, -1, "right"), last: (right, 1, "left")}.items():
        for text, y in zip(texts, columns[i][1], strict=True):
            ax.annotate(text, (i, y), (sign * away, 0), ha=align, **options)
    names = [f"hidden {i}" if last <= 5 else str(i) for i in range(1, last)]
    for i, name in enumerate(["input", *names, "output"]):
        ax.text(i, high / 2 + line / 2, str(counts[i]), ha="center", va="center", fontsize=_TEXT, fontweight="bold")
        ax.text(i, -high / 2 - line / 2, name, ha="center", va="center", fontsize=_TEXT)
    if kernels is not None:
        signs = (("positive weight", POSITIVE), ("negative weight", NEGATIVE))
        lines = [Line2D([], [], color=colour, linewidth=3, label=label) for label, colour in signs]
        ax.legend(handles=lines, loc="lower center", ncols=2, frameon=False, fontsize=_TEXT, borderaxespad=0)


def _kernels(weights: Sequence[ArrayLike], counts: Sequence[int]) -> list[Floats]:
    """Weights without biases, (n before, n after) of each layer."""
    kernels = [np.nan_to_num(np.asarray(kernel, dtype=np.float64)) for kernel in weights[::2]]
    found, wanted = [kernel.shape for kernel in kernels], list(itertools.pairwise(counts))
    if found != wanted or len(weights) != 2 * len(wanted):
        raise ArgumentError(f"The weights have shapes {found}, but the network has {wanted}; give model.get_weights().")
    return kernels


def _connect(ax: Axes, columns: Sequence[Column], kernels: Sequence[Floats] | None) -> None:
    """Lines from every drawn node to every one of the next column, the strongest on top."""
    lines, strengths = [], []
    for i, ((nodes, y), (next_nodes, next_y)) in enumerate(itertools.pairwise(columns)):
        lines += [[(i, begin), (i + 1, end)] for begin in y for end in next_y]
        if kernels is not None:
            largest = np.abs(kernels[i]).max() or 1.0
            strengths.append(kernels[i][np.ix_(nodes, next_nodes)].ravel() / largest)
    if kernels is None:
        ax.add_collection(LineCollection(lines, colors=GREY, linewidths=0.7, alpha=0.45), autolim=False)
        return
    strength = np.concatenate(strengths)
    order = np.argsort(np.abs(strength))
    segments, strength = np.array(lines)[order], strength[order]
    colours = to_rgba_array(np.where(strength > 0, POSITIVE, NEGATIVE), 0.15 + 0.85 * np.abs(strength))
    widths = 0.3 + 4 * np.abs(strength)
    ax.add_collection(LineCollection(list(segments), colors=colours, linewidths=widths), autolim=False)


def _draw_boxes(ax: Axes, layers: Sequence[Box], labels: Sequence[str]) -> None:
    """Boxes in rows, from left to right and from the top down, in units of a box and the arrow after it."""
    labels = labels if len(labels) <= MOST else [*labels[: MOST - 1], f"… {len(labels) - MOST + 1} more"]
    room, (across, along) = _room(ax, labels), _inches(ax)
    per_row = max(1, int(across * (1 - room) / 1.15))
    n_rows = -(-len(layers) // per_row)
    per_row = -(-len(layers) // n_rows)
    wide, high = 0.84, min(0.7, 1.1 * n_rows / along)
    gap, line = 1 - wide, 1.3 * _TEXT / 72 * n_rows / along
    ax.set_xlim(-0.5 - per_row * room / (1 - room), per_row - 0.47)
    ax.set_ylim(-n_rows + 0.45, 0.55)
    x, y = np.arange(len(layers)) % per_row, -(np.arange(len(layers)) // per_row).astype(float)
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (wide / 2, high / 2)
    polygons, colours, lines, tips = [], [], [], []
    for i, box in enumerate(layers):
        for depth in (2, 1, 0) if box.stack else (0,):
            polygons.append(corners + np.array([0.03, 0.03 * n_rows**0.5]) * depth + [x[i], y[i]])
            colours.append(_PAPER[box.paper])
        text = "\n".join(box.lines)
        name = y[i] + line * len(box.lines) / 2
        ax.text(x[i], name, box.name, ha="center", va="center", fontsize=_TEXT, fontweight="bold")
        ax.text(x[i], y[i] - line / 2, text, ha="center", va="center", fontsize=_TEXT)
        if box.loop:
            side, top = 0.3 * wide, y[i] + high / 2
            lines.append([(x[i] + side, top), (x[i] + side, top + 0.1), (x[i] - side, top + 0.1), (x[i] - side, top)])
            ax.scatter(x[i] - side, top, s=50, c="black", marker=7, zorder=3)
        if i:
            begin, end = (x[i - 1] + wide / 2, y[i - 1]), (x[i] - wide / 2, y[i])
            half = (y[i - 1] + y[i]) / 2
            bend = [(begin[0] + gap / 2, begin[1]), (begin[0] + gap / 2, half), (end[0] - gap / 2, half)]
            lines.append([begin, *([*bend, (end[0] - gap / 2, end[1])] if y[i] != y[i - 1] else []), end])
            tips.append(end)
    ax.add_collection(LineCollection(lines, colors="black", linewidths=1.5), autolim=False)
    ax.add_collection(PolyCollection(polygons, facecolors=colours, edgecolors="black", zorder=2), autolim=False)
    tips_x, tips_y = np.array(tips).T
    ax.scatter(tips_x, tips_y, s=50, c="black", marker=5, zorder=3)
    # Many labels beside many rows begin at the top, and go on beside the next row.
    fits = 1.3 * _TEXT * len(labels) / 72 < along / n_rows
    place: dict[str, Any] = {"y": 0, "va": "center"} if fits else {"y": 0.5, "va": "top"}
    ax.text(-0.55, s="\n".join(labels), ha="right", fontsize=_TEXT, linespacing=1.3, **place)
