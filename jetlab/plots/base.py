"""The lessons' plots, each drawn on the Axes it is given, in Okabe and Ito's colours, which everyone can tell apart.

No pyplot: figures are private objects with an Agg canvas, so that a training thread may draw them. A figure made by
`figure` shows itself as a cell's last expression.
"""

import io
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.ticker import LogLocator, MaxNLocator, StrMethodFormatter
from numpy.typing import ArrayLike

from jetlab import metrics
from jetlab.angles import wrap
from jetlab.metrics import Floats

W, QCD, GREY = "#0072B2", "#D55E00", "#666666"
#: For further curves on one plot; those of W and QCD come last.
COLOURS = ("#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", W, QCD)
FONT = 13
MARKERS = "osD^v*XP"
#: Signal efficiencies at which a ROC is drawn.
EFFICIENCIES = np.linspace(0.01, 1, 100)
#: Name, colour and marker of kinds of particles.
Classes = Mapping[int, tuple[str, str, str]]
#: Particle-flow classes by absolute id.
CLASSES: Classes = {
    211: ("charged hadron", "#009E73", "o"),
    22: ("photon", "#E69F00", "D"),
    130: ("neutral hadron", "#56B4E9", "s"),
    11: ("electron", "#CC79A7", "^"),
    13: ("muon", "#000000", "*"),
}

# Figures are private, but matplotlib's font and text caches are shared between threads.
_DRAWING = threading.Lock()


class _Shown(Figure):
    """A figure that a notebook shows without pyplot."""

    def _repr_png_(self) -> bytes:
        return png(self)


def figure(ncols: int = 1, nrows: int = 1, width: float = 6.4, height: float = 4.6, dpi: int = 100) -> Figure:
    """Make a figure of nrows x ncols axes (`figure.axes`), each width x height inches, readable on a projector.

    It belongs to no pyplot state, so any thread may draw it.
    """
    result = _Shown(figsize=(width * ncols, height * nrows), dpi=dpi, layout="constrained")
    FigureCanvasAgg(result)
    result.subplots(nrows, ncols)
    for ax in result.axes:
        ax.tick_params(labelsize=FONT - 1)
        for text in (ax.xaxis.label, ax.yaxis.label, ax.title):
            text.set_fontsize(FONT)
    return result


def png(fig: Figure) -> bytes:
    """Draw a figure and return it as PNG, for `widgets.Image`; one thread draws at a time."""
    buffer = io.BytesIO()
    with _DRAWING:
        fig.savefig(buffer, format="png", dpi=fig.dpi)
    return buffer.getvalue()


def histogram(
    ax: Axes,
    values: ArrayLike,
    weight: ArrayLike | None = None,
    bins: int | ArrayLike = 40,
    label: str | None = None,
    colour: str = GREY,
    density: bool = False,
) -> tuple[Floats, Floats, Floats]:
    """Draw (n,) values as a step line with statistical error bars, the root of the sum of squared weights per bin.

    `density` scales the area of the shown range to one. Returns contents, errors (both (bins,)) and edges.
    """
    contents, errors, edges = binned(values, weight, bins)
    if density and contents.sum() > 0:
        scale = 1 / (contents.sum() * np.diff(edges))
        contents, errors = contents * scale, errors * scale
    ax.stairs(contents, edges, color=colour, linewidth=2, label=label)
    ax.errorbar((edges[1:] + edges[:-1]) / 2, contents, errors, fmt="none", ecolor=colour, elinewidth=1.2)
    return contents, errors, edges


def binned(values: ArrayLike, weight: ArrayLike | None, bins: int | ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Contents of a histogram of (n,) values, their statistical errors, both (bins,), and the edges."""
    values = np.asarray(values, dtype=np.float64)
    weight = np.ones_like(values) if weight is None else np.asarray(weight, dtype=np.float64)
    contents, edges = np.histogram(values, bins, weights=weight)
    return contents, np.sqrt(np.histogram(values, edges, weights=weight**2)[0]), edges


def compare(
    ax: Axes,
    values: ArrayLike,
    is_w: ArrayLike,
    weight: ArrayLike | None = None,
    bins: int | ArrayLike = 40,
    xlabel: str = "",
) -> None:
    """Draw a variable (n,) for W and for QCD on the same bins, each scaled to unit area."""
    values, chosen = np.asarray(values, dtype=np.float64), np.asarray(is_w, dtype=bool)
    edges = np.histogram_bin_edges(values, bins)
    for label, colour, kept in (("W", W, chosen), ("QCD", QCD, ~chosen)):
        weights = None if weight is None else np.asarray(weight)[kept]
        histogram(ax, values[kept], weights, edges, label, colour, density=True)
    ax.set(xlabel=xlabel, ylabel="jets (normalised to unit area)", xlim=(edges[0], edges[-1]))
    ax.set_ylim(0, ax.get_ylim()[1] * 1.12)
    legend(ax, loc="upper right", ncols=2)


def score_distributions(ax: Axes, y: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> None:
    """Draw the scores (n,) from 0 to 1 of W (y = 1) and of QCD (y = 0), in 40 bins."""
    compare(ax, score, y, weight, np.linspace(0, 1, 41), "score (QCD 0, W 1)")


def roc(
    ax: Axes,
    y: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    label: str = "",
    colour: str = COLOURS[0],
    replicas: int = 100,
    linestyle: str = "-",
) -> None:
    """Draw background rejection 1/eB against signal efficiency with a 68 % bootstrap band, and the chance curve 1/eS.

    `replicas` = 0 leaves the band out; the legend gives the AUC. Raises MetricError as `metrics.roc`.
    """
    name = f"{label} (AUC {metrics.auc(y, score, weight):.3f})".strip()
    curve = inverse(metrics.background_efficiency(y, score, weight, EFFICIENCIES))
    high, low = map(inverse, metrics.roc_band(y, score, weight, EFFICIENCIES, replicas)) if replicas else (None, None)
    _rejection(ax, curve, low, high, label=name, color=colour, linestyle=linestyle)


def seed_band(
    ax: Axes,
    y: ArrayLike,
    scores: Sequence[ArrayLike],
    weight: ArrayLike | None = None,
    label: str = "",
    colour: str = COLOURS[0],
) -> None:
    """Draw the mean ROC over trainings that differ in their seed, `scores` (n_seeds, n), and a band of one deviation.

    The band shows how far training again changes the result; the legend gives the AUC's mean and standard deviation.
    Raises MetricError as `metrics.roc`.
    """
    curves = np.array([inverse(metrics.background_efficiency(y, score, weight, EFFICIENCIES)) for score in scores])
    aucs = [metrics.auc(y, score, weight) for score in scores]
    mean, deviation = curves.mean(axis=0), curves.std(axis=0, ddof=1) if len(curves) > 1 else np.zeros(curves.shape[1])
    spread = f" ± {np.std(aucs, ddof=1):.4f}" if len(aucs) > 1 else ""
    name = f"{label} ({len(aucs)} seeds: AUC {np.mean(aucs):.4f}{spread})".strip()
    _rejection(ax, mean, np.maximum(mean - deviation, 1), mean + deviation, label=name, color=colour)


def loss_curves(
    ax: Axes, history: Mapping[str, Sequence[float]], best_epoch: int | None = None, log: bool = False
) -> None:
    """Draw training and validation loss against the epoch, and mark the epoch whose weights are kept.

    `history` is a `training.Result`'s, or a growing one of the same names; it may still be empty.
    """
    for name, label, colour, style in (("loss", "training", GREY, "--"), ("val_loss", "validation", W, "-")):
        losses = history.get(name, ())
        ax.plot(np.arange(1, len(losses) + 1), losses, style, color=colour, marker="o", markersize=4, label=label)
    if best_epoch:
        ax.axvline(best_epoch, color=QCD, linestyle=":", linewidth=2, label=f"best: epoch {best_epoch}")
    ax.set(xlabel="epoch", ylabel="loss (cross-entropy)", yscale="log" if log else "linear")
    ax.set_xlim(0.5, max(len(history.get("loss", ())), 5) + 0.5)
    whole_epochs(ax)
    if not len(history.get("loss", ())):
        ax.set_ylim(0.1, 1)
    legend(ax)


def eta_phi(
    ax: Axes,
    eta: ArrayLike,
    phi: ArrayLike,
    pt: ArrayLike,
    pdg_id: ArrayLike,
    jet_eta: float,
    jet_phi: float,
    radius: float = 0.7,
) -> None:
    """Draw candidates (n,) around a jet: area proportional to pt (GeV), colour and marker by particle-flow class.

    phi (radians) is wrapped to the half-circles beside the jet, so that a jet at pi stays in one piece; the circle is
    the jet's radius.
    """
    kind = np.where(np.isin(np.abs(pdg_id), list(CLASSES)), np.abs(pdg_id), 0)
    particles(ax, eta, jet_phi + wrap(np.asarray(phi) - jet_phi), pt, kind, {**CLASSES, 0: ("other", GREY, "X")})
    ax.add_patch(Circle((jet_eta, jet_phi), radius, fill=False, color="black", linestyle="--", linewidth=1.5))
    # The legend takes the room to the right of the jet.
    view = 1.15 * radius
    ax.set(xlim=(jet_eta - view, jet_eta + 2.2 * radius), ylim=(jet_phi - view, jet_phi + view), aspect="equal")
    ax.set(xlabel="η", ylabel="φ [rad]")
    legend(ax, FONT - 3, loc="upper right", title="area ∝ $p_T$")


def particles(ax: Axes, x: ArrayLike, y: ArrayLike, pt: ArrayLike, kind: ArrayLike, classes: Classes) -> None:
    """Draw particles (n,): area proportional to pt (GeV), colour and marker by `kind`; a legend will count them."""
    x, y, pt, kind = (np.asarray(values) for values in (x, y, pt, kind))
    for code, (name, colour, marker) in classes.items():
        chosen = kind == code
        if chosen.any():
            style: dict[str, Any] = {"color": colour, "marker": marker}
            edge: dict[str, Any] = {"alpha": 0.6, "edgecolors": "black", "linewidths": 0.5}
            ax.scatter(x[chosen], y[chosen], s=8 * pt[chosen], **style, **edge)
            # In the legend all have one size.
            ax.plot([], [], linestyle="", markersize=8, label=f"{name} ({chosen.sum()})", **style)


def points(
    ax: Axes,
    x: ArrayLike,
    y: ArrayLike,
    error: ArrayLike | None,
    label: str,
    number: int = 0,
    line: str = "-",
    colour: str | None = None,
) -> None:
    """Draw measured values (n,) with their standard errors, by default joined by a line, with a marker of that number.

    The colour is that of the number, too, unless another is given; `line` = "" leaves the line out.
    """
    colour, marker = colour or COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    ax.errorbar(x, y, error, fmt=marker + line, color=colour, label=label, markersize=5, capsize=2, linewidth=1.5)


def places(edges: ArrayLike, number: int, total: int) -> Floats:
    """Where the points of series `number` of `total` stand, (bins,): side by side in each bin, so that none hides."""
    edges = np.asarray(edges, dtype=np.float64)
    shift = (number - (total - 1) / 2) * min(0.15, 0.6 / total)
    found: Floats = (edges[1:] + edges[:-1]) / 2 + shift * np.diff(edges)
    return found


def inverse(background: Floats) -> Floats:
    """Rejection 1/eB (n,) of background efficiencies; NaN where no background is left."""
    # A logarithmic axis has no place for infinity: NaN leaves a gap.
    return np.divide(1, background, out=np.full_like(background, np.nan), where=background > 0)


def whole_epochs(ax: Axes) -> None:
    """Put the ticks of an axis of epochs at whole numbers."""
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def rejection_axes(ax: Axes) -> None:
    """Label the axes of rejection against efficiency, and draw the chance curve 1/eS if it is not there."""
    if not any(line.get_gid() == "chance" for line in ax.lines):
        grid = EFFICIENCIES
        ax.plot(grid, 1 / grid, color=GREY, linestyle=":", linewidth=2, label="chance", gid="chance", zorder=1)
    ax.set(xlabel="signal efficiency (W)", ylabel=r"background rejection $1/\varepsilon_B$ (QCD)")
    ax.set(xlim=(0, 1), yscale="log")
    ax.set_ylim(bottom=1)
    ax.yaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.grid(alpha=0.3)
    # Chance comes last in the legend, wherever it was drawn.
    legend(ax, handles=sorted(ax.get_legend_handles_labels()[0], key=lambda line: line.get_gid() == "chance"))


def legend(ax: Axes, fontsize: int = FONT - 2, **options: Any) -> None:
    """Draw a legend without a frame, where there is something to name; `options` are those of matplotlib."""
    if ax.get_legend_handles_labels()[0]:
        ax.legend(fontsize=fontsize, frameon=False, **options)


def _rejection(ax: Axes, curve: Floats, low: Floats | None, high: Floats | None, **style: Any) -> None:
    """A curve of rejections at EFFICIENCIES, over a band from `low` to `high` if there is one."""
    ax.plot(EFFICIENCIES, curve, linewidth=2, **style)
    if low is not None and high is not None:
        ax.fill_between(EFFICIENCIES, low, high, color=style["color"], alpha=0.25, linewidth=0)
    rejection_axes(ax)
