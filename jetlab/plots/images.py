"""Pictures of jet images, of a network's filters and of what it looks at, each drawn on an Axes, without pyplot.

Images are arrays (rows, columns), the row of lowest y first, as `jetlab.images` makes them.
"""

from collections.abc import Sequence
from typing import Any

import awkward as ak
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize, SymLogNorm
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from jetlab import images
from jetlab.errors import ArgumentError
from jetlab.plots.base import CLASSES, FONT, GREY, particles

#: Name, colour and marker of each of images.CLASSES, as in the pictures of M1; leptons as electrons.
MARKS = {n: (images.CLASSES[n], *CLASSES[pdg_id][1:]) for n, pdg_id in enumerate((211, 130, 22, 11))}
#: Decades of a logarithmic colour bar below its largest value.
DECADES = 4


def candidates(ax: Axes, jet: ak.Array, width: float = 1.4, title: str = "") -> None:
    """Draw one jet of `images.centre` (records of pt, x, y, class): area proportional to pt, colour by class.

    The dashed square, `width` wide, is what an image shows.
    """
    x, y, pt, kind = (ak.to_numpy(jet[name]) for name in ("x", "y", "pt", "class"))
    particles(ax, x, y, pt, kind, MARKS)
    edge = width / 2
    square = np.array([(-edge, -edge), (edge, -edge), (edge, edge), (-edge, edge), (-edge, -edge)])
    ax.plot(*square.T, color=GREY, linestyle="--", linewidth=1.2)
    view = 1.15 * edge
    ax.set(xlim=(-view, view), ylim=(-view, view), aspect="equal")
    _axes(ax, title)


def image(
    ax: Axes, picture: ArrayLike, width: float = 1.4, unit: str = "GeV per pixel", log: bool = True, title: str = ""
) -> None:
    """Draw an image (rows, columns) that is `width` wide, with a colour bar; empty pixels are white.

    `log` shows the four decades below the largest pixel; smaller ones are white, too.
    """
    picture = np.asarray(picture, dtype=np.float64)
    top = float(picture.max()) or 1.0
    low = top * 10.0**-DECADES if log else 0.0
    norm = LogNorm(low, top) if log else Normalize(0, top)
    _show(ax, np.ma.masked_less_equal(picture, low), "viridis_r", norm, width, unit, title)


def difference(
    ax: Axes,
    picture: ArrayLike,
    width: float = 1.4,
    unit: str = "GeV per pixel",
    title: str = "",
    log: bool = False,
    over: ArrayLike | None = None,
) -> None:
    """Draw an image (rows, columns) of both signs: purple above zero, orange below, white at zero, on one scale.

    `log` shows two decades either way of zero, and smaller values on a linear scale. `over`, another image (rows,
    columns), is drawn on top as a contour at a tenth of its largest value.
    """
    picture = np.asarray(picture, dtype=np.float64)
    top = float(np.abs(picture).max()) or 1.0
    norm = SymLogNorm(top / 100, vmin=-top, vmax=top) if log else Normalize(-top, top)
    _show(ax, picture, "PuOr", norm, width, unit, title)
    if over is not None:
        over = np.asarray(over, dtype=np.float64)
        place = (np.arange(over.shape[0]) + 0.5) / over.shape[0] * width - width / 2
        ax.contour(place, place, over, levels=[over.max() / 10], colors="black", linewidths=1)


def montage(ax: Axes, pictures: ArrayLike, titles: Sequence[str] = (), unit: str = "", columns: int = 8) -> None:
    """Draw small images (n, rows, columns) side by side on one colour scale: filters, or what they make of an image.

    Images of both signs get colours of both signs. Raises ArgumentError for titles of another number.
    """
    pictures = np.asarray(pictures, dtype=np.float64)
    if titles and len(titles) != len(pictures):
        raise ArgumentError(f"There are {len(pictures)} images and {len(titles)} titles; give one for each, or none.")
    sheet, corners = _sheet(pictures, columns)
    top = float(np.abs(pictures).max()) or 1.0
    signed = bool((pictures < 0).any())
    colours = colormaps["PuOr" if signed else "Purples"].with_extremes(bad="#cccccc")
    shown = ax.imshow(
        np.ma.masked_invalid(sheet), vmin=-top if signed else 0, vmax=top, interpolation="none", cmap=colours
    )
    for (row, column), title in zip(corners, titles, strict=False):
        ax.text(column, row - 0.7, title, fontsize=FONT - 4, va="bottom", ha="left")
    ax.set_axis_off()
    _bar(ax, shown, unit)


def _sheet(pictures: NDArray[np.float64], columns: int) -> tuple[NDArray[np.float64], list[tuple[int, int]]]:
    """One image of all, each with its lowest row at the bottom, and where the upper left corners are."""
    n, height, width = pictures.shape
    gap = max(1, height // 6)
    rows = -(-n // columns)
    sheet = np.full((rows * (height + gap), min(n, columns) * (width + gap) - gap), np.nan)
    corners = [((i // columns) * (height + gap) + gap, (i % columns) * (width + gap)) for i in range(n)]
    for picture, (row, column) in zip(pictures, corners, strict=True):
        sheet[row : row + height, column : column + width] = picture[::-1]
    return sheet, corners


def _show(
    ax: Axes, picture: NDArray[np.float64], cmap: str, norm: Normalize, width: float, unit: str, title: str
) -> None:
    edge = width / 2
    place: dict[str, Any] = {"origin": "lower", "extent": (-edge, edge, -edge, edge)}
    _bar(ax, ax.imshow(picture, cmap=cmap, norm=norm, interpolation="none", **place), unit)
    _axes(ax, title)


def _bar(ax: Axes, shown: ScalarMappable, unit: str) -> None:
    bar = ax.figure.colorbar(shown, ax=ax, shrink=0.8)
    bar.ax.tick_params(labelsize=FONT - 3)
    bar.set_label(unit, size=FONT - 2)


def _axes(ax: Axes, title: str) -> None:
    ax.set(xlabel="x", ylabel="y")
    ax.set_title(title, fontsize=FONT - 1)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(5))
