"""A jet's particles as sequence, cloud and tree, and what networks look at in it, each drawn on an Axes.

Momenta are pt [GeV], Δη and Δφ [rad] from the jet's axis, (length, 3), with pt = 0 for padding, as
`jetlab.particles.hardest` makes them.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from numpy.typing import ArrayLike, NDArray

from jetlab.metrics import Floats
from jetlab.plots.base import COLOURS, FONT, GREY
from jetlab.trees import Trees

#: Area of a point for the whole jet's pt [points²].
AREA = 900.0
#: Colour of particles and of lines between them.
POINT, LINE = COLOURS[0], COLOURS[-1]


def sequence(ax: Axes, momenta: ArrayLike, order: ArrayLike | None = None, title: str = "") -> None:
    """Draw the particles' pt one beside the other, in an order (length,) where one is given, -1 for padding."""
    pt = _present(momenta)[:, 0]
    if order is not None:
        pt = np.asarray(momenta, np.float64)[[place for place in np.asarray(order) if place >= 0], 0]
    ax.bar(np.arange(1, len(pt) + 1), pt, color=POINT)
    ax.set_yscale("log")
    ax.set(xlabel="place in the sequence", ylabel="pt [GeV]")
    ax.set_title(title, fontsize=FONT)


def cloud(ax: Axes, momenta: ArrayLike, title: str = "") -> None:
    """Draw the particles where they are, with an area proportional to their pt."""
    found = _present(momenta)
    _points(ax, found)
    _axes(ax, found, title)


def tree(ax: Axes, trees: Trees, jet: int, title: str = "") -> None:
    """Draw the tree of one jet, as `particles.clustered` makes it: from the first mergings at the bottom to the whole.

    Particles stand side by side in the order of the tree; a merging stands as high as it came late.
    """
    count = int(trees.particles[jet])
    children = trees.children[jet, : count - 1]
    place = {node: float(number) for number, node in enumerate(_leaves(children, trees.length, count), start=1)}
    height: dict[int, float] = dict.fromkeys(place, 0.0)
    lines = []
    for number, pair in enumerate(children.tolist()):
        node = trees.length + number
        place[node], height[node] = sum(place[child] for child in pair) / 2, number + 1.0
        for child in pair:
            lines.append([(place[child], height[child]), (place[child], height[node]), (place[node], height[node])])
    ax.add_collection(LineCollection(lines, colors=LINE, linewidths=1.5))
    pt = np.hypot(trees.momenta[jet, :count, 0], trees.momenta[jet, :count, 1])
    ax.scatter([place[leaf] for leaf in range(count)], np.zeros(count), AREA * pt / pt.sum(), color=POINT, zorder=3)
    ax.set(xlim=(0, count + 1), ylim=(-0.05 * count, count), xlabel="particle", ylabel="merging")
    ax.set_title(title, fontsize=FONT)


def links(ax: Axes, momenta: ArrayLike, weight: ArrayLike, title: str = "") -> None:
    """Draw the particles and lines between them, the stronger the larger the weight (length, length), at most 1.

    A weight of row i and column j is what particle i takes from j; a line shows the larger of the two ways.
    """
    found = _present(momenta)
    n = len(found)
    strength = np.asarray(weight, np.float64)[:n, :n]
    strength = np.maximum(strength, strength.T)
    one, other = np.triu_indices(n, 1)
    shown = strength[one, other] > 0.01
    ends = np.stack([found[one[shown], 1:], found[other[shown], 1:]], axis=1)
    alpha = np.clip(strength[one, other][shown], 0, 1)
    ax.add_collection(LineCollection(list(ends), colors=LINE, linewidths=1.5, alpha=alpha, zorder=1))
    _points(ax, found)
    _axes(ax, found, title)


def _present(momenta: ArrayLike) -> Floats:
    values = np.asarray(momenta, np.float64)
    found: Floats = values[values[:, 0] > 0]
    return found


def _points(ax: Axes, found: Floats) -> None:
    share = found[:, 0] / found[:, 0].sum()
    ax.scatter(found[:, 1], found[:, 2], AREA * share, color=POINT, edgecolor="white", linewidth=0.5, zorder=2)


def _axes(ax: Axes, found: Floats, title: str) -> None:
    edge = 1.15 * max(0.1, float(np.abs(found[:, 1:]).max()))
    ax.set(xlim=(-edge, edge), ylim=(-edge, edge), aspect="equal", xlabel="Δη", ylabel="Δφ [rad]")
    ax.set_title(title, fontsize=FONT)
    ax.plot(0, 0, "+", color=GREY, zorder=0)


def _leaves(children: NDArray[np.int64], length: int, count: int) -> list[int]:
    """The particles of a tree from left to right, such that no lines cross."""
    waiting, found = [length + count - 2 if count > 1 else 0], []
    while waiting:
        node = waiting.pop()
        if node < length:
            found.append(node)
        else:
            waiting += children[node - length].tolist()[::-1]
    return found
