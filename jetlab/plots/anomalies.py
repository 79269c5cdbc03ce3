"""Plots of a search: spectra of masses with the fit of their sidebands, and the significance improvement."""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from jetlab import anomalies, metrics
from jetlab.metrics import hunt
from jetlab.plots.base import FONT, GREY, W

Window = tuple[float, float]


def spectrum(ax: Axes, counts: ArrayLike, found: hunt.Excess, window: Window, title: str = "") -> None:
    """Draw counts (bins,) in the bins of `anomalies.EDGES`, the fit of the sidebands, and the window [GeV]."""
    edges = anomalies.EDGES
    middle = (edges[1:] + edges[:-1]) / 2
    seen = np.asarray(counts, dtype=float)
    ax.axvspan(*window, color=GREY, alpha=0.25, label="window")
    ax.stairs(found.spectrum, edges, color=W, linewidth=2, label="fit of the sidebands")
    ax.errorbar(middle, seen, yerr=seen**0.5, fmt="ko", markersize=4, label="data")
    label = f"pairs of jets in {edges[1] - edges[0]:g} GeV"
    ax.set(xlabel=r"$m_{jj}$ [GeV]", ylabel=label, xlim=(edges[0], edges[-1]), ylim=(0, 1.4 * (seen + seen**0.5).max()))
    ax.set_title(f"{title}: {found.significance:.1f} σ".removeprefix(": "), fontsize=FONT)
    ax.legend(fontsize=FONT - 2)


def improvement(ax: Axes, is_signal: ArrayLike, score: ArrayLike, label: str, colour: str) -> None:
    """Draw the significance improvement of labels and scores (n,) against the signal efficiency of the cut."""
    curve = metrics.anomaly.improvement(is_signal, score)
    ax.plot(curve.signal_efficiency, curve.sic, color=colour, linewidth=2, label=label)
    ax.set(xlabel="signal efficiency εS", ylabel="SIC = εS / √εB", xlim=(0, 1), ylim=(0, None))
    ax.legend(fontsize=FONT - 2)
