"""Plots that set taggers side by side, each drawn on the Axes it is given, as in `jetlab.plots`."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from jetlab.metrics import Estimate, comparison
from jetlab.metrics.decorrelation import Point
from jetlab.plots import base
from jetlab.plots.base import COLOURS, FONT, GREY

STYLES = ("-", "--", "-.")


def rocs(
    ax: Axes, y: ArrayLike, scores: Mapping[str, ArrayLike], weight: ArrayLike | None = None, bands: Sequence[str] = ()
) -> None:
    """Draw the rejection 1/eB of several taggers, name -> scores (n,), against signal efficiency, on one plot.

    Those named in `bands` get their 68 % bootstrap band; all of them would hide each other.
    """
    for number, (name, score) in enumerate(scores.items()):
        again, place = divmod(number, len(COLOURS))
        replicas = 100 if name in bands else 0
        base.roc(ax, y, score, weight, name, COLOURS[place], replicas, STYLES[again % len(STYLES)])
    if drawn := ax.get_legend():
        base.legend(ax, FONT - 3, handles=drawn.legend_handles)


def differences(ax: Axes, found: Mapping[str, Estimate], xlabel: str = "change of the AUC") -> None:
    """Draw numbers with their uncertainties one below the other, and a line at zero."""
    place = np.arange(len(found))[::-1]
    values, errors = np.array(list(found.values())).T
    for number in (2, 1):
        ax.errorbar(
            values, place, xerr=number * errors, fmt="none", ecolor=GREY, elinewidth=1.2 * (4 - number), alpha=0.6
        )
    ax.plot(values, place, "o", color=base.W, markersize=7)
    ax.axvline(0, color="black", linewidth=1)
    # The labels of small differences are long.
    ax.locator_params(axis="x", nbins=5)
    ax.set(xlabel=f"{xlabel} (thick 68 %, thin 95 %)", ylim=(-0.6, len(found) - 0.4))
    ax.set_yticks(place, list(found), fontsize=FONT - 1)
    ax.grid(axis="x", alpha=0.3)


def correlation(ax: Axes, scores: Mapping[str, ArrayLike], weight: ArrayLike | None = None, title: str = "") -> None:
    """Draw the rank correlation between all pairs of taggers, name -> scores (n,), as a coloured table."""
    names, matrix = list(scores), comparison.correlation(scores, weight)
    low = float(matrix.min())
    ax.imshow(matrix, cmap="viridis", vmin=low, vmax=1)
    for row, column in np.ndindex(*matrix.shape):
        dark = matrix[row, column] < (1 + low) / 2
        ax.text(column, row, f"{matrix[row, column]:.2f}", ha="center", va="center", color="white" if dark else "black")
    ax.set_xticks(range(len(names)), names, rotation=40, ha="right")
    ax.set_yticks(range(len(names)), names)
    ax.set_title(title, fontsize=FONT)


def sculpting(
    ax: Axes,
    mass: ArrayLike,
    passes: Mapping[str, ArrayLike],
    weight: ArrayLike | None = None,
    edges: ArrayLike = tuple(range(0, 161, 10)),
) -> None:
    """Draw the mass (n,) [GeV] of QCD jets before and after each tagger's cut, name -> passes (n,), to unit area.

    The legend gives the divergence (`comparison.divergence`).
    """
    mass, chosen = np.asarray(mass, dtype=np.float64), [np.asarray(each, dtype=bool) for each in passes.values()]
    weight = np.ones(len(mass)) if weight is None else np.asarray(weight, dtype=np.float64)
    contents, _, _ = base.binned(mass, weight, edges)
    ax.stairs(contents / contents.sum(), edges, fill=True, color="#dddddd", label="all QCD jets")
    for number, (name, kept) in enumerate(zip(passes, chosen, strict=True)):
        contents, errors, _ = base.binned(mass[kept], weight[kept], edges)
        shape, error = contents / contents.sum(), errors / contents.sum()
        label = f"{name}: {comparison.divergence(mass, kept, weight, edges):.2f} bit"
        base.points(ax, base.places(edges, number, len(passes)), shape, error, label, number, line="")
    ax.set(xlabel="soft-drop mass [GeV]", ylabel="fraction of QCD jets", xlim=(np.min(edges), np.max(edges)))
    ax.set_ylim(bottom=0)
    base.legend(ax, FONT - 3, title="after the cut")


def frontier(ax: Axes, found: Mapping[str, Sequence[Point]]) -> None:
    """Draw taggers at a signal efficiency of one half, name -> points, joined: rejection against sculpting.

    Good taggers are on the left and high up. Less its floor, the divergence of a tagger that leaves the spectrum alone
    is zero within its uncertainty, so that its inverse would say nothing.
    """
    for number, (name, points) in enumerate(found.items()):
        (x, xerr), (y, yerr) = (
            (*zip(*values, strict=True),)
            for values in ([each.jsd for each in points], [each.rejection for each in points])
        )
        colour, marker = COLOURS[number % len(COLOURS)], base.MARKERS[number % len(base.MARKERS)]
        line = "-" if len(points) > 1 else ""
        ax.errorbar(x, y, yerr, xerr, fmt=marker + line, color=colour, label=name, markersize=6, elinewidth=1)
    ax.axvline(0, color=GREY, linewidth=1, linestyle=":")
    ax.set(
        xlabel="divergence of passing and failing QCD [bit], less floor", ylabel="background rejection 1/εB at εS = 0.5"
    )
    ax.set_ylim(bottom=0)
    ax.grid(alpha=0.3)
    base.legend(ax, FONT - 3)


def efficiency(
    ax: Axes,
    values: ArrayLike,
    passes: Mapping[str, ArrayLike],
    weight: ArrayLike | None = None,
    edges: ArrayLike = (200, 250, 300, 350, 400, 500),
    xlabel: str = "jet pt [GeV]",
    ylabel: str = "efficiency",
) -> None:
    """Draw the fraction of jets that pass each cut, name -> passes (n,), in bins of `values` (n,)."""
    edges = np.asarray(edges, dtype=np.float64)
    for number, (name, chosen) in enumerate(passes.items()):
        fraction, error = comparison.efficiency(values, chosen, weight, edges)
        base.points(ax, base.places(edges, number, len(passes)), fraction, error, name, number, line="")
    ax.set(xlabel=xlabel, ylabel=ylabel, xlim=(edges[0], edges[-1]))
    ax.grid(alpha=0.3)
    base.legend(ax, FONT - 3)


def calibration(ax: Axes, y: ArrayLike, scores: Mapping[str, ArrayLike], weight: ArrayLike | None = None) -> None:
    """Draw the true fraction of W against the mean score, name -> scores (n,), in ten bins of the score."""
    ax.plot((0, 1), (0, 1), color=GREY, linestyle=":", linewidth=2, label="probability")
    for number, (name, score) in enumerate(scores.items()):
        mean, fraction, error = comparison.calibration(y, score, weight)
        base.points(ax, mean, fraction, error, name, number)
    ax.set(xlabel="mean score of the bin", ylabel="fraction of W in the bin", xlim=(0, 1), ylim=(0, 1), aspect="equal")
    ax.grid(alpha=0.3)
    base.legend(ax, FONT - 3)
