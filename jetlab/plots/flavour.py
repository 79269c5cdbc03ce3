"""Plots of flavour taggers, each drawn on the Axes it is given, as in `jetlab.plots`; words as in puma."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter
from numpy.typing import ArrayLike

from jetlab.metrics import flavour
from jetlab.metrics.flavour import BOTTOM, CHARM, LIGHT, IsoEfficiency
from jetlab.plots import base
from jetlab.plots.base import COLOURS, FONT, GREY

#: Name and colour of each class.
CLASSES = {LIGHT: ("light", "#009E73"), CHARM: ("c", "#E69F00"), BOTTOM: ("b", "#0072B2")}
#: Efficiencies of the signal at which curves are drawn.
EFFICIENCIES = np.linspace(0.5, 0.95, 46)


def compare(
    ax: Axes,
    values: ArrayLike,
    label: ArrayLike,
    weight: ArrayLike | None = None,
    bins: int | ArrayLike = 40,
    xlabel: str = "",
    log: bool = False,
) -> None:
    """Draw a variable (n,) for light, c and b (labels 0, 1, 2) on the same bins, each scaled to unit area.

    Values that are NaN are left out. `log` is for the axis of the contents.
    """
    values, label = np.asarray(values, dtype=np.float64), np.asarray(label)
    there = np.isfinite(values)
    edges = np.histogram_bin_edges(values[there], bins)
    for kind, (name, colour) in CLASSES.items():
        chosen = there & (label == kind)
        weights = None if weight is None else np.asarray(weight)[chosen]
        base.histogram(ax, values[chosen], weights, edges, f"{name} jets", colour, density=True)
    ax.set(xlabel=xlabel, ylabel="jets (normalised to unit area)", xlim=(edges[0], edges[-1]))
    if log:
        ax.set_yscale("log")
    else:
        ax.set_ylim(0, ax.get_ylim()[1] * 1.1)
    base.legend(ax, loc="upper right")


def pt_axis(ax: Axes, xlabel: str = "jet pt [GeV]") -> None:
    """Make x a logarithmic axis of pt from 20 GeV to 1 TeV, with ticks that do not run into each other."""
    ticks = (20, 50, 100, 200, 500, 1000)
    ax.set(xscale="log", xlabel=xlabel)
    ax.set_xticks(ticks, [f"{tick}" for tick in ticks])
    ax.set_xticks([], minor=True)


def rocs(
    ax: Axes, label: ArrayLike, scores: Mapping[str, ArrayLike], against: int = LIGHT, signal: int = BOTTOM
) -> None:
    """Draw the rejection of the class `against` by several taggers, name -> scores (n,), over the signal's efficiency.

    A gap is where no jet of that class passes. The bands are the binomial errors of the jets that pass. Raises
    MetricError as `metrics.flavour.rejections`.
    """
    for number, (name, score) in enumerate(scores.items()):
        found = [flavour.rejections(label, score, each, signal)[against] for each in EFFICIENCIES]
        value, error = np.array(found).T
        gap = ~np.isfinite(value)
        value[gap] = error[gap] = np.nan
        colour, factor = COLOURS[number % len(COLOURS)], 1 + error / value
        ax.plot(EFFICIENCIES, value, color=colour, linewidth=2, label=name)
        ax.fill_between(EFFICIENCIES, value / factor, value * factor, color=colour, alpha=0.2, linewidth=0)
    ax.set(xlabel=f"{CLASSES[signal][0]} efficiency", ylabel=f"{CLASSES[against][0]} rejection", yscale="log")
    ax.set(xlim=(EFFICIENCIES[0], EFFICIENCIES[-1]))
    ax.set_ylim(1, max(10, ax.get_ylim()[1]))
    _few_ticks(ax.yaxis)
    ax.grid(alpha=0.3)
    base.legend(ax, FONT - 2)


def iso_efficiency(ax: Axes, curves: Mapping[str, IsoEfficiency], other: int = CHARM) -> None:
    """Draw light rejection against that of the class `other`, one curve for each efficiency, name -> curve.

    An open circle is where the fraction is 0, a full one where it is 1.
    """
    for number, (name, curve) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        # Where no jet passes, the rejection is infinite, for which an axis has no place.
        c, light = (np.where(np.isfinite(each), each, np.nan) for each in (curve.c_rejection, curve.light_rejection))
        ax.plot(c, light, color=colour, linewidth=2, label=name)
        for end, fill in ((0, "white"), (-1, colour)):
            ax.plot(c[end], light[end], "o", color=colour, markerfacecolor=fill, markersize=7)
    ax.set(xlabel=f"{CLASSES[other][0]} rejection", ylabel="light rejection", xscale="log", yscale="log")
    _few_ticks(ax.xaxis)
    _few_ticks(ax.yaxis)
    ax.grid(alpha=0.3)
    base.legend(ax, FONT - 2)


def ratio(
    axes: tuple[Axes, Axes],
    nominal: ArrayLike,
    other: ArrayLike,
    bins: int | ArrayLike = 30,
    xlabel: str = "",
    names: tuple[str, str] = ("simulation", "second simulation"),
) -> None:
    """Draw a variable of two samples, (n,) and (m,), to unit area, and below it the ratio of the second to the first.

    `axes` are the upper and the lower one; NaN is left out.
    """
    upper, lower = axes
    first, second = (np.asarray(each, dtype=np.float64) for each in (nominal, other))
    first, second = first[np.isfinite(first)], second[np.isfinite(second)]
    a, a_error, edges = base.histogram(upper, first, None, bins, names[0], GREY, density=True)
    b, b_error, _ = base.histogram(upper, second, None, edges, names[1], COLOURS[1], density=True)
    centres = (edges[1:] + edges[:-1]) / 2
    there = (a > 0) & (b > 0)
    value = np.where(there, b, np.nan) / np.where(there, a, np.nan)
    error = value * np.hypot(b_error / np.where(there, b, np.nan), a_error / np.where(there, a, np.nan))
    lower.errorbar(centres, value, error, fmt="o", color=COLOURS[1], markersize=4, elinewidth=1.2)
    lower.axhline(1, color=GREY)
    lower.set(xlabel=xlabel, ylabel="ratio", xlim=(edges[0], edges[-1]), ylim=(0.4, 1.6))
    upper.set(ylabel="jets (unit area)", xlim=(edges[0], edges[-1]), yscale="log")
    upper.set_ylim(top=upper.get_ylim()[1] * 4)
    base.legend(upper, FONT - 3)


def _few_ticks(axis: Axis) -> None:
    """Ticks at 1, 2, 3 and 5 of each decade: fewer are too few for a short axis, more run into each other."""
    axis.set_major_locator(LogLocator(10, subs=(1, 2, 3, 5)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())
