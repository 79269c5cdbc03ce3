"""What came of a scan: a table of its points with their spread over the seeds, and the best by validation jets."""

import csv
import html
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jetlab.metrics import Estimate
from jetlab.scan.space import Space
from jetlab.scan.study import DONE, RUNNING, Point

#: Numbers of the history that are shown, and what they are called.
_NAMES = {"val_loss": "validation loss", "val_auc": "validation AUC", "val_bias": "bias", "val_width": "width"}


@dataclass(frozen=True)
class Table:
    """Points of a scan, in the order in which they were taken. The last expression of a cell shows it."""

    space: Space
    points: Sequence[Point]

    @property
    def done(self) -> list[Point]:
        """Points that were trained to their end."""
        return [point for point in self.points if point.state == DONE]

    @property
    def running(self) -> list[Point]:
        """Points that are being trained."""
        return [point for point in self.points if point.state == RUNNING]

    @property
    def best(self) -> Point | None:
        """The point of lowest mean validation loss; None where none is done."""
        return min(self.done, key=lambda point: self.judged(point).value, default=None)

    def judged(self, point: Point) -> Estimate:
        """What a point is judged by; see `Space.judged_by`."""
        return spread(point.each(self.space.judged_by))

    def name(self, point: Point) -> str:
        """The knobs of a point in words."""
        return ", ".join(f"{_head(name)} {_text(value)}" for name, value in point.values.items())

    def columns(self) -> dict[str, list[str]]:
        """Head -> the text of each point; the best point first, those without result last."""
        points = sorted(self.points, key=lambda point: self.judged(point).value if point.outcomes else math.inf)
        reported = [name for name in _NAMES if any(name in o.history for p in points for o in p.outcomes)]
        return {
            "point": [str(point.number) for point in points],
            **{_head(name): [_text(point.values.get(name, "")) for point in points] for name in self.space.knobs},
            **{_NAMES[name]: [_figure(point.each(name)) for point in points] for name in reported},
            "seeds": [str(len(point.outcomes)) for point in points],
            "parameters": [f"{point.outcomes[0].parameters:,}" if point.outcomes else "" for point in points],
            "epochs": [_figure([len(o.history["loss"]) for o in point.outcomes]) for point in points],
            "time [s]": [f"{sum(o.seconds for o in p.outcomes):.1f}" if p.outcomes else "" for p in points],
            "state": [point.error or point.state for point in points],
        }

    def to_csv(self) -> str:
        """One row for each run, numbers in full: the knobs, the figures of the best epoch, parameters and seconds."""
        text = io.StringIO()
        names = [name for name in _NAMES if any(name in o.history for p in self.points for o in p.outcomes)]
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["point", *self.space.knobs, "seed", *names, "best_epoch", "parameters", "time [s]", "state"])
        for point in self.points:
            knobs = [_text(point.values.get(name, "")) for name in self.space.knobs]
            for each in point.outcomes:
                figures = [each.best(name) for name in names]
                rest = [each.best_epoch, each.parameters, f"{each.seconds:.3f}", point.state]
                writer.writerow([point.number, *knobs, each.seed, *figures, *rest])
        return text.getvalue()

    def __str__(self) -> str:
        """Columns of text, the best point first."""
        columns = [[head, *texts] for head, texts in self.columns().items()]
        widths = [max(map(len, column)) for column in columns]
        rows = zip(*columns, strict=True)
        return "\n".join("  ".join(f"{c:>{w}}" for c, w in zip(row, widths, strict=True)) for row in rows)

    def _repr_html_(self) -> str:
        columns = self.columns()
        rows = "".join(_row(cells, "td") for cells in zip(*columns.values(), strict=True))
        return f"<table>{_row(tuple(columns), 'th')}{rows}</table>"


def spread(values: Sequence[float]) -> Estimate:
    """Mean and standard deviation over the seeds; with one seed there is none (nan)."""
    if not values:
        return Estimate(math.inf, math.nan)
    finite = len(values) > 1 and bool(np.isfinite(values).all())
    return Estimate(float(np.mean(values)), float(np.std(values, ddof=1)) if finite else math.nan)


def in_words(found: Estimate) -> str:
    """A mean with its spread, where there is one."""
    return str(found) if found.error > 0 else f"{found.value:.4g}"


def _figure(values: Sequence[float]) -> str:
    return in_words(spread(values)) if values else ""


def _head(name: str) -> str:
    return name.replace("_", " ")


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return "all" if value is None else str(value)


def _row(cells: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"
