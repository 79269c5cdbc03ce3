"""Plots that set taggers side by side, each on an Axes it is given, without pyplot, as in `jetlab.plots`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from jetlab.metrics import Estimate, comparison
from jetlab.plots import base
from jetlab.plots.base import COLOURS, FONT, GREY

STYLES = ("-", "--", "-.")
MARKERS = "osD^v*XP"


def rocs(
    ax: Axes, y: ArrayLike, scores: Mapping[str, ArrayLike], weight: ArrayLike | None = None, bands: Sequence[str] = ()
) -> None:
    """Draw the rejection 1/eB of several taggers, name -> scores (n,), against signal efficiency, on one plot.

    Those named in `bands` get their 68 % bootstrap band; all of them would hide each other.
    """
    for number, (name, score) in enumerate(scores.items()):
        colour = COLOURS[number % len(COLOURS)]
        base.roc(ax, y, score, weight, name, colour, replicas=100 if name in bands else 0)
        curve = next(line for line in ax.lines if str(line.get_label()).startswith(f"{name} (AUC"))
        curve.set(linestyle=STYLES[number // len(COLOURS) % len(STYLES)])
    if legend := ax.get_legend():
        ax.legend(handles=legend.legend_handles, fontsize=FONT - 3, frameon=False)


def differences(ax: Axes, found: Mapping[str, Estimate], xlabel: str = "change of the AUC") -> None:
    """Draw numbers with their uncertainties one below the other, and a line at zero."""
    place = np.arange(len(found))[::-1]
    values, errors = (np.array([getattr(one, part) for one in found.values()]) for part in ("value", "error"))
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
    mass = np.asarray(mass, dtype=np.float64)
    weight = np.ones(len(mass)) if weight is None else np.asarray(weight, dtype=np.float64)
    centre = (np.asarray(edges)[1:] + np.asarray(edges)[:-1]) / 2
    contents, _ = np.histogram(mass, edges, weights=weight)
    ax.stairs(contents / contents.sum(), edges, fill=True, color="#dddddd", label="all QCD jets")
    for number, (name, chosen) in enumerate(passes.items()):
        kept = np.asarray(chosen, dtype=bool)
        contents, errors = (np.histogram(mass[kept], edges, weights=weight[kept] ** k)[0] for k in (1, 2))
        label = f"{name}: {comparison.divergence(mass, kept, weight, edges):.2f} bit"
        shift = (number - (len(passes) - 1) / 2) * 0.15 * np.diff(edges)
        ax.errorbar(
            centre + shift,
            contents / contents.sum(),
            np.sqrt(errors) / contents.sum(),
            fmt=MARKERS[number % len(MARKERS)],
            color=COLOURS[number % len(COLOURS)],
            markersize=5,
            label=label,
        )
    ax.set(xlabel="soft-drop mass [GeV]", ylabel="fraction of QCD jets", xlim=(np.min(edges), np.max(edges)))
    ax.set_ylim(bottom=0)
    ax.legend(fontsize=FONT - 3, frameon=False, title="after the cut")


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
    centre, width = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    for number, (name, chosen) in enumerate(passes.items()):
        fraction, error = comparison.efficiency(values, chosen, weight, edges)
        shift = (number - (len(passes) - 1) / 2) * 0.08 * width
        style: dict[str, Any] = {"fmt": MARKERS[number % len(MARKERS)], "color": COLOURS[number % len(COLOURS)]}
        ax.errorbar(centre + shift, fraction, error, label=name, markersize=5, capsize=2, **style)
    ax.set(xlabel=xlabel, ylabel=ylabel, xlim=(edges[0], edges[-1]))
    ax.grid(alpha=0.3)
    ax.legend(fontsize=FONT - 3, frameon=False)


def calibration(ax: Axes, y: ArrayLike, scores: Mapping[str, ArrayLike], weight: ArrayLike | None = None) -> None:
    """Draw the true fraction of W against the mean score, name -> scores (n,), in ten bins of the score."""
    ax.plot((0, 1), (0, 1), color=GREY, linestyle=":", linewidth=2, label="probability")
    for number, (name, score) in enumerate(scores.items()):
        mean, fraction, error = comparison.calibration(y, score, weight)
        style: dict[str, Any] = {"color": COLOURS[number % len(COLOURS)], "marker": MARKERS[number % len(MARKERS)]}
        ax.errorbar(mean, fraction, error, label=name, markersize=5, linewidth=1.2, capsize=2, **style)
    ax.set(xlabel="mean score of the bin", ylabel="fraction of W in the bin", xlim=(0, 1), ylim=(0, 1), aspect="equal")
    ax.grid(alpha=0.3)
    ax.legend(fontsize=FONT - 3, frameon=False)
