"""Pictures of jet images, of a network's filters and of what it looks at, each drawn on an Axes, without pyplot.

Images are arrays (rows, columns), the row of lowest y first, as `jetlab.images` makes them.
"""

from typing import Any

import awkward as ak
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize, SymLogNorm
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from jetlab import images
from jetlab.metrics import Floats
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


def image(ax: Axes, picture: ArrayLike, width: float = 1.4, unit: str = "GeV per pixel", title: str = "") -> None:
    """Draw an image (rows, columns) that is `width` wide, with a logarithmic colour bar.

    It shows the four decades below the largest pixel; smaller ones are white, as empty ones are.
    """
    picture = np.asarray(picture, dtype=np.float64)
    top = float(picture.max()) or 1.0
    low = top * 10.0**-DECADES
    _show(ax, np.ma.masked_less_equal(picture, low), "viridis_r", LogNorm(low, top), width, unit, title)


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


def montage(ax: Axes, pictures: ArrayLike, unit: str = "", columns: int = 8) -> None:
    """Draw small images (n, rows, columns) side by side on one colour scale: filters, or what they make of an image.

    Images of both signs get colours of both signs.
    """
    pictures = np.asarray(pictures, dtype=np.float64)
    top = float(np.abs(pictures).max()) or 1.0
    low, name = (-top, "PuOr") if (pictures < 0).any() else (0.0, "Purples")
    colours = colormaps[name].with_extremes(bad="#cccccc")
    sheet = np.ma.masked_invalid(_sheet(pictures, columns))
    _bar(ax, ax.imshow(sheet, vmin=low, vmax=top, interpolation="none", cmap=colours), unit)
    ax.set_axis_off()


def _sheet(pictures: Floats, columns: int) -> Floats:
    """One image of all in rows, each with its lowest row at the bottom and NaN above and between."""
    n, height, width = pictures.shape
    gap = max(1, height // 6)
    columns = min(n, columns)
    rows = -(-n // columns)
    cells = np.full((rows * columns, height + gap, width + gap), np.nan)
    cells[:n, gap:, :width] = pictures[:, ::-1]
    cells = cells.reshape(rows, columns, height + gap, width + gap).swapaxes(1, 2)
    return cells.reshape(rows * (height + gap), columns * (width + gap))[:, :-gap]


def _show(ax: Axes, picture: Floats, cmap: str, norm: Normalize, width: float, unit: str, title: str) -> None:
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
