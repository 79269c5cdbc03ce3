"""Plots of jet energy scales, each drawn on the Axes it is given: closure and resolution in bins, corrections."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from jetlab.metrics.jes import Scores
from jetlab.metrics.response import QUANTILES, Binned
from jetlab.plots import base

GOAL = 0.01
#: The colour of a method is the same in every plot of a lesson; other names take the rest, in the order they are drawn.
METHODS = {
    "raw": base.GREY,
    "official": "#000000",
    "deep_sets": base.W,
    "cnn_pt_eta": base.COLOURS[0],
    "deep_9": base.COLOURS[2],
}
COLOURS = (base.COLOURS[1], base.QCD, base.COLOURS[3], base.COLOURS[0], base.COLOURS[2], base.W)


def closure(ax: Axes, results: Mapping[str, Binned], xlabel: str) -> None:
    """Draw the median response in bins with its bootstrap errors, for each method, over a band of 1 +- GOAL."""
    edges = next(iter(results.values())).edges
    ax.axhspan(1 - GOAL, 1 + GOAL, color="#dddddd", linewidth=0, label=f"within {GOAL:.0%}", zorder=0)
    ax.axhline(1, color=base.GREY, linewidth=1, zorder=1)
    _points(ax, results, "closure")
    ax.set(xlabel=xlabel, ylabel="median response (closure)", xlim=(edges[0], edges[-1]))
    low, high = ax.get_ylim()
    # At least twice the band is shown, and above it there is room for the names.
    low, high = min(low, 1 - 2 * GOAL), max(high, 1 + 2 * GOAL)
    ax.set_ylim(low, high + 0.3 * (high - low))
    base.legend(ax, base.FONT - 3, ncols=3, loc="upper left")


def resolution(ax: Axes, results: Mapping[str, Binned], xlabel: str) -> None:
    """Draw the robust resolution in bins with its bootstrap errors, for each method."""
    edges = next(iter(results.values())).edges
    _points(ax, results, "resolution")
    ax.set(xlabel=xlabel, ylabel="resolution (half of 68 % / median)", xlim=(edges[0], edges[-1]))
    ax.set_ylim(0, ax.get_ylim()[1] * 1.3)
    base.legend(ax, base.FONT - 3, ncols=3, loc="upper left")


def overview(axes: Sequence[Axes], scores: Mapping[str, Scores]) -> None:
    """Draw closure (first two axes) and resolution (last two) against |eta| and against true pt, for each method."""
    for number, ax in enumerate(axes):
        by, xlabel = (("by_eta", "|η|"), ("by_pt", "true pt [GeV]"))[number % 2]
        draw = (closure, resolution)[number // 2]
        draw(ax, {name: getattr(each, by) for name, each in scores.items()}, xlabel)


def correction(ax: Axes, by: ArrayLike, true: ArrayLike, predicted: ArrayLike, edges: ArrayLike, xlabel: str) -> None:
    """Draw a true correction (n,) and a network's (n,) against `by` (n,): median and central 68 % in each bin."""
    by, edges = np.asarray(by), np.asarray(edges)
    centres, number = (edges[1:] + edges[:-1]) / 2, np.digitize(by, edges) - 1
    for label, values, colour in (("jet_jes_ak7", true, "#000000"), ("network", predicted, base.QCD)):
        values = np.asarray(values)
        rows = [
            np.quantile(values[number == i], QUANTILES) if (number == i).sum() > 2 else [np.nan] * 3
            for i in range(len(centres))
        ]
        low, middle, high = np.array(rows).T
        ax.fill_between(centres, low, high, color=colour, alpha=0.2, linewidth=0)
        ax.plot(centres, middle, color=colour, linewidth=2, label=label, linestyle="-" if colour == "#000000" else "--")
    ax.set(xlabel=xlabel, ylabel="correction (median, 68 %)", xlim=(edges[0], edges[-1]))
    base.legend(ax)


def _points(ax: Axes, results: Mapping[str, Binned], name: str) -> None:
    used = {METHODS[label] for label in results if label in METHODS}
    free = itertools.cycle([colour for colour in COLOURS if colour not in used])
    for number, (label, result) in enumerate(results.items()):
        x, colour = base.places(result.edges, number, len(results)), METHODS.get(label) or next(free)
        y, error = getattr(result, name), getattr(result, f"{name}_error")
        base.points(ax, x, y, error, label, number, "", colour)
