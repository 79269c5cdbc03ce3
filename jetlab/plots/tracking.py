"""Pictures of hits and tracks, each drawn on the Axes it is given, as in `jetlab.plots`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle
from numpy.typing import ArrayLike, NDArray

from jetlab.angles import wrap
from jetlab.plots.base import COLOURS, FONT, GREY, MARKERS, QCD, points
from jetlab.tracking.detector import LAYERS, RADII
from jetlab.tracking.hits import Hits


def event_xy(ax: Axes, hits: Hits, labels: ArrayLike | None = None, wrong: ArrayLike | None = None) -> None:
    """Draw the hits of one event in the x-y plane, those of a track joined; `labels` (n,), None: the true tracks.

    Hits with a negative label are grey crosses; those of `wrong` (n,) get a ring.
    """
    for radius in RADII:
        ax.add_patch(Circle((0, 0), radius, fill=False, color=GREY, linewidth=0.5, alpha=0.5))
    _tracks(ax, hits, labels, hits.x, hits.y)
    _rings(ax, wrong, hits.x, hits.y)
    ax.set(xlabel="x [mm]", ylabel="y [mm]", aspect="equal", xlim=(-1080, 1080), ylim=(-1080, 1080))


def event_unrolled(ax: Axes, hits: Hits, labels: ArrayLike | None = None, wrong: ArrayLike | None = None) -> None:
    """Draw the hits of one event as layer against azimuth, as `event_xy`; tracks reappear on the other side.

    This is how the networks see an event.
    """
    phi = wrap(hits.phi)
    _tracks(ax, hits, labels, phi, hits.layer, around=True)
    _rings(ax, wrong, phi, hits.layer)
    ax.set(xlabel="φ [rad]", ylabel="layer", xlim=(-np.pi, np.pi), ylim=(-0.5, LAYERS - 0.5))
    ax.set_yticks(range(LAYERS))


def picture(ax: Axes, image: ArrayLike, probability: ArrayLike | None = None, title: str = "") -> None:
    """Draw a network's picture, (9, bins) of 0 and 1, over its probabilities, (9, bins): dark is likely."""
    image = np.asarray(image)
    if probability is not None:
        shades = np.asarray(probability)
        top = float(shades.max())
        ax.imshow(shades, origin="lower", aspect="auto", cmap="Blues", vmin=0, vmax=top, interpolation="none")
    layer, phi_bin = np.nonzero(image)
    ax.plot(phi_bin, layer, "o", color=QCD, markersize=4, fillstyle="none")
    ax.set(xlabel="φ bin", ylabel="layer", xlim=(-0.5, image.shape[1] - 0.5), ylim=(-0.5, LAYERS - 0.5))
    ax.set_yticks(range(LAYERS))
    ax.set_title(title, fontsize=FONT - 1)


def by_group(
    ax: Axes, groups: ArrayLike, names: Sequence[str], fractions: Mapping[str, ArrayLike], xlabel: str = ""
) -> None:
    """Draw each method's mean fraction (n,), between 0 and 1, in groups of tracks, with its standard error.

    `groups` (n,) are the positions of `names`; a group without tracks stays empty.
    """
    groups = np.asarray(groups)
    for number, (method, fraction) in enumerate(fractions.items()):
        fraction = np.asarray(fraction)
        parts = {group: fraction[groups == group] for group in range(len(names)) if np.any(groups == group)}
        errors = [part.std() / np.sqrt(len(part)) for part in parts.values()]
        points(ax, list(parts), [part.mean() for part in parts.values()], errors, method, number)
    ax.set(xlabel=xlabel, ylim=(0, 1.03), xticks=range(len(names)), xticklabels=names)
    ax.grid(alpha=0.3)


def scores(ax: Axes, found: Mapping[str, tuple[float, float]], xlabel: str = "score") -> None:
    """Draw methods below each other, each with its score and its error."""
    for row, (name, (value, error)) in enumerate(found.items()):
        points(ax, [value], [row], None, name, row)
        ax.errorbar(value, row, xerr=error, color="black", capsize=3)
    ax.set(yticks=range(len(found)), yticklabels=list(found), xlabel=xlabel, xlim=(None, 1.005))
    ax.grid(alpha=0.3)
    ax.invert_yaxis()


def _tracks(
    ax: Axes, hits: Hits, labels: ArrayLike | None, x: NDArray[np.float64], y: NDArray[Any], around: bool = False
) -> None:
    labels = hits.track if labels is None else np.asarray(labels)
    none = labels < 0
    ax.plot(x[none], y[none], "x", color=GREY, markersize=5)
    for number, label in enumerate(np.unique(labels[~none])):
        members = np.flatnonzero(labels == label)
        members = members[np.argsort(hits.layer[members], kind="stable")]
        colour = COLOURS[number % len(COLOURS)]
        marker = MARKERS[number // len(COLOURS) % len(MARKERS)]
        horizontal = np.unwrap(x[members]) if around else x[members]
        # A line that leaves on one side comes in on the other, so it is drawn there once more.
        for shift in (-2 * np.pi, 0, 2 * np.pi) if around else (0,):
            ax.plot(horizontal + shift, y[members], "-", color=colour, linewidth=1, alpha=0.7)
        ax.plot(x[members], y[members], marker, color=colour, markersize=5)


def _rings(ax: Axes, wrong: ArrayLike | None, x: NDArray[np.float64], y: NDArray[Any]) -> None:
    if wrong is not None:
        wrong = np.asarray(wrong, dtype=bool)
        ax.plot(x[wrong], y[wrong], "o", color="black", markersize=11, fillstyle="none", markeredgewidth=1.2)
