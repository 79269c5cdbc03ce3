"""What came of a scan: a heat map over two knobs, lines against one, and parallel coordinates of all."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from jetlab.metrics import Estimate
from jetlab.plots.base import COLOURS, FONT, GREY, QCD, W
from jetlab.scan import Point, Table, spread

#: A number of a point, or None where it has none.
Figure = Callable[[Point], Estimate | None]
#: The colours of heat maps and lines: from dark to light, also for those who do not see red and green apart.
_MAP = "viridis"


def auc(point: Point) -> Estimate | None:
    """Validation AUC of the best epoch, mean and spread over the seeds; None for no tagger, or none yet."""
    named = [each for each in point.outcomes if each.history.get("val_auc")]
    return spread([each.best("val_auc") for each in named]) if named else None


def loss(point: Point) -> Estimate | None:
    """Validation loss of the best epoch, mean and spread over the seeds."""
    return spread(point.each("val_loss")) if point.outcomes else None


def seconds_to(target: float) -> Figure:
    """Seconds of training until the validation AUC is first at the target, compilation included."""

    def seconds(point: Point) -> Estimate | None:
        found = []
        for each in point.outcomes:
            reached = [n for n, value in enumerate(each.history.get("val_auc", ())) if value >= target]
            if not reached:
                return None
            found.append(sum(each.history["seconds"][: reached[0] + 1]))
        return spread(found) if found else None

    return seconds


def steps_to(target: float) -> Figure:
    """Steps of the weights until the validation loss is first at the target (arXiv:1812.06162)."""

    def steps(point: Point) -> Estimate | None:
        found = []
        for each in point.outcomes:
            reached = [n for n, value in enumerate(each.history["val_loss"]) if value <= target]
            if not reached:
                return None
            found.append((reached[0] + 1.0) * each.steps)
        return spread(found) if found else None

    return steps


def heat(ax: Axes, table: Table, x: str, y: str, figure: Figure = auc, label: str = "validation AUC") -> None:
    """Draw a number of the points over two knobs; where several lie on one place, the best by validation loss.

    A point at work is a small open circle, one that was pruned or failed a cross.
    """
    places = [_values(table, name) for name in (x, y)]
    grid = np.full((len(places[1]), len(places[0])), np.nan)
    best: dict[tuple[int, int], float] = {}
    for point in table.points:
        if not {x, y} <= set(point.values):
            continue
        column, row = (values.index(point.values[name]) for values, name in zip(places, (x, y), strict=True))
        found, judged = figure(point) if point.state == "done" else None, table.judged(point).value
        if found is not None and judged < best.get((row, column), np.inf):
            best[row, column], grid[row, column] = judged, found.value
        elif point.state != "done" and np.isnan(grid[row, column]):
            mark = {"running": "o"}.get(point.state, "x")
            ax.scatter(column, row, marker=mark, s=60, edgecolors=GREY, facecolors="none" if mark == "o" else GREY)
    image = ax.imshow(np.ma.masked_invalid(grid), cmap=_MAP, aspect="auto", origin="lower")
    middle = np.nanmean(grid) if np.isfinite(grid).any() else 0
    for (row, column), value in np.ndenumerate(grid):
        if np.isfinite(value):
            colour = "black" if value > middle else "white"
            ax.text(column, row, f"{value:.3f}", ha="center", va="center", color=colour, fontsize=FONT - 3)
    ax.set_xticks(range(len(places[0])), [_text(value) for value in places[0]])
    ax.set_yticks(range(len(places[1])), [_text(value) for value in places[1]])
    ax.set(xlabel=_label(x), ylabel=_label(y), title=label)
    if np.isfinite(grid).any():
        ax.figure.colorbar(image, ax=ax)


def against(ax: Axes, table: Table, x: str, figure: Figure = auc, label: str = "validation AUC") -> None:
    """Draw a number against a knob, a line for each choice of the other knobs, the spread over seeds as error."""
    values = _values(table, x)
    lines: dict[str, list[tuple[float, Estimate]]] = {}
    for point in table.done:
        others = ", ".join(f"{_label(k)} {_text(v)}" for k, v in point.values.items() if k != x)
        found = figure(point)
        if found is not None:
            place = point.values[x] if _numeric(values) else values.index(point.values[x])
            lines.setdefault(others, []).append((place, found))
    for number, (name, each) in enumerate(sorted(lines.items())):
        places, estimates = zip(*sorted(each, key=lambda entry: entry[0]), strict=True)
        height, error = np.array([(e.value, e.error if e.error > 0 else 0) for e in estimates]).T
        style: dict[str, Any] = {"color": _colour(number, len(lines)), "marker": "o", "capsize": 3}
        ax.errorbar(places, height, error, label=name or None, **style)
    _axis(ax, values)
    ax.set(xlabel=_label(x), ylabel=label)
    ax.grid(alpha=0.3)
    if 1 < len(lines) <= 8 or (lines and "" not in lines and len(lines) == 1):
        ax.legend(frameon=False, fontsize=FONT - 4)


def loss_per_step(ax: Axes, table: Table, x: str = "batch_size") -> None:
    """Draw the validation loss against the steps of the weights; the colour says the value of a knob."""
    values, points = _values(table, x), [point for point in table.done if x in point.values]
    named = set()
    for point in points:
        number = values.index(point.values[x])
        for each in point.outcomes[:1]:
            losses = each.history["val_loss"]
            steps = each.steps * np.arange(1, len(losses) + 1)
            name = None if number in named else f"{_label(x)} {_text(values[number])}"
            ax.plot(steps, losses, label=name, color=_colour(number, len(values)), marker=".", alpha=0.8)
            named.add(number)
    ax.set(xlabel="steps of the weights", ylabel="validation loss", xscale="log")
    ax.grid(alpha=0.3)
    if 0 < len(named) <= 13:
        ax.legend(frameon=False, fontsize=FONT - 4, ncols=1 + len(named) // 7)


def parallel(ax: Axes, table: Table, figure: Figure = auc, label: str = "validation AUC") -> None:
    """Draw each point as a line over all knobs and, on the last axis, a number; the best point in orange, on top."""
    knobs = list(table.space.knobs)
    values = {name: _values(table, name) for name in knobs}
    found = {point.number: figure(point) for point in table.done}
    heights = [each.value for each in found.values() if each is not None and np.isfinite(each.value)]
    low, high = (min(heights), max(heights)) if heights else (0.0, 1.0)
    best = table.best
    for point in table.done:
        reached = found[point.number]
        if reached is None or not np.isfinite(reached.value):
            continue
        last = (reached.value - low) / (high - low) if high > low else 0.5
        line = [_height(values[name], point.values[name]) for name in knobs]
        chosen = best is not None and point.number == best.number
        style: dict[str, Any] = {
            "color": QCD if chosen else W,
            "linewidth": 3 if chosen else 1,
            "zorder": 3 if chosen else 2,
        }
        ax.plot(range(len(knobs) + 1), [*line, last], alpha=1 if chosen else 0.25 + 0.5 * last, **style)
    for place, name in enumerate(knobs):
        for value in values[name] if len(values[name]) <= 12 else (values[name][0], values[name][-1]):
            ax.text(place + 0.03, _height(values[name], value), _text(value), fontsize=FONT - 3, va="center")
    for height, value in ((0, low), (1, high)):
        ax.text(len(knobs) + 0.03, height, f"{value:.4g}" if heights else "", fontsize=FONT - 3, va="center")
    ax.set_xticks(range(len(knobs) + 1), [*(_label(name).replace(" ", "\n") for name in knobs), label])
    ax.set(yticks=[], ylim=(-0.05, 1.05), xlim=(-0.1, len(knobs) + 0.35))
    ax.grid(axis="x")


def _values(table: Table, name: str) -> list[Any]:
    """The values of a knob that a list has, or the points have, in their order."""
    choices = table.space.knobs.get(name, ())
    found = list(choices) if isinstance(choices, tuple) else [p.values[name] for p in table.points if name in p.values]
    return sorted(set(found)) if _numeric(found) else list(dict.fromkeys(found))


def _numeric(values: Sequence[Any]) -> bool:
    return all(isinstance(value, int | float) for value in values)


def _wide(values: Sequence[Any]) -> bool:
    return _numeric(values) and len(values) > 1 and values[0] > 0 and values[-1] / values[0] >= 8


def _height(values: Sequence[Any], value: Any) -> float:
    """Place on an axis from 0 to 1."""
    if len(values) < 2:
        return 0.5
    if not _numeric(values):
        return values.index(value) / (len(values) - 1)
    scale = np.log if _wide(values) else float
    low, high, here = (float(scale(each)) for each in (values[0], values[-1], value))
    return (here - low) / (high - low)


def _axis(ax: Axes, values: Sequence[Any]) -> None:
    if len(values) > 1 and _wide(values):
        room = (values[-1] / values[0]) ** 0.05
        ax.set_xlim(values[0] / room, values[-1] * room)
    if not _numeric(values):
        ax.set_xticks(range(len(values)), [_text(value) for value in values])
    elif _wide(values):
        ax.set_xscale("log")
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xticks(values if len(values) <= 13 else values[:: len(values) // 6])
        ax.xaxis.set_major_formatter("{x:g}")


def _colour(number: int, of: int) -> Any:
    return COLOURS[number] if of <= len(COLOURS) else colormaps[_MAP](number / max(of - 1, 1) * 0.9)


def _label(name: str) -> str:
    return name.replace("_", " ") + (" [jets]" if name == "batch_size" else "")


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
