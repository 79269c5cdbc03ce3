"""The panel of scans: choose knobs and their values, start, and see the points come in, one's own and the class's."""

import base64
import html
import json
import os
import shutil
import tempfile
import threading
import weakref
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import ipywidgets as widgets
from matplotlib.axes import Axes

from jetlab import plots, scan
from jetlab.config import CHOICES, INTEGERS, REALS, ConfigError, RunConfig
from jetlab.panel.controls import FIELDS, STYLE, WRAP
from jetlab.panel.live import LivePanel
from jetlab.panel.steering import button, explained, folded
from jetlab.plots import scan as pictures

#: Knobs with a box in sight; the others of FIELDS are folded away.
MAIN = ("nodes", "layers", "batch_size", "learning_rate", "seed")
#: Seconds between two looks at the study while a scan runs.
TICK = 1.0
#: Rows of the table that are shown: the best.
ROWS = 25
BEGIN = "Give values to scan, such as 16, 64, then press Start."

View = Callable[["ScanPanel", Axes], None]


class ScanPanel:
    """A box for the values of each knob, buttons, two live pictures, and a list of the points.

    Values are written 16, 32, 64 or, for a range, 1e-4 to 1e-2 log; a knob without values keeps that of `config`.
    Worker processes train, so that cells and other panels go on.

    Args:
        data: the inputs, or what makes them for a configuration, as `inputs.remembering` gives it.
        config: what all points have in common.
        knobs: field -> values, in the boxes from the beginning.
        storage: a file that others see too, or a database's URL: all panels on it share one scan, and each takes the
            next points. None: the scan is this panel's.
        workers: processes that train (None: one for each core).
        dask: address of a Dask scheduler, whose workers train instead.
        trials: points in all, for ranges.
        into: the panel into which a click on a point brings its configuration.
        target: validation AUC to which seconds are counted.

    The last expression of a cell shows it; `table` has the points.
    """

    VIEWS: ClassVar[Mapping[str, View]] = {}

    def __init__(
        self,
        data: Any,
        config: RunConfig | None = None,
        knobs: Mapping[str, Any] | None = None,
        storage: str | os.PathLike[str] | None = None,
        workers: int | None = None,
        dask: str | None = None,
        trials: int | None = None,
        into: LivePanel | None = None,
        target: float = 0.9,
    ) -> None:
        self._data, self._config, self._storage, self._into = data, config or RunConfig(), storage, into
        self._where: dict[str, Any] = {"workers": workers, "dask": dask, "trials": trials}
        self._trials, self._target = trials, target
        self._private = Path(tempfile.mkdtemp(prefix="jetlab-scan-"))
        weakref.finalize(self, shutil.rmtree, self._private, ignore_errors=True)
        self._control = scan.Control()
        self._study: scan.Study | None = None
        self._thread: threading.Thread | None = None
        self._shown: Any = None
        self._lock = threading.Lock()
        #: The points as last seen; None before the first look.
        self.table: scan.Table | None = None
        model = self._config.model
        fields = [name for name, each in FIELDS.items() if not each.models or model in each.models]
        self._boxes = {name: self._box(name) for name in fields}
        for name, values in (knobs or {}).items():
            if name not in self._boxes:
                raise ConfigError(f"knobs names {name}; the panel's knobs are {', '.join(self._boxes)}.")
            self._boxes[name].value = _written(values)
        self._buttons()
        self._status, self._table = widgets.HTML(BEGIN), widgets.HTML()
        self._progress = widgets.IntProgress(0, 0, 1, layout=widgets.Layout(width="12em"))
        self._image = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))
        self._choosers = [self._chooser(*each) for each in (("left", "heat map"), ("right", "AUC against a knob"))]
        self._axes = [self._axis(*each) for each in (("across", "nodes"), ("up", "layers"), ("against", "batch_size"))]
        self._points = widgets.Select(description="points", rows=6, style=STYLE, layout=widgets.Layout(width="98%"))
        self._points.observe(lambda change: self._pick(change["new"]), "value")
        self.widget = self._laid_out()
        if storage is not None:
            self.refresh()

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = dict(self.widget._repr_mimebundle_(**kwargs))
        if self._image.value:
            bundle["image/png"] = base64.b64encode(self._image.value).decode()
        return bundle

    @property
    def space(self) -> scan.Space:
        """What the boxes say. Raises ConfigError, which names the field."""
        given = {name: _values(name, box.value) for name, box in self._boxes.items() if box.value.strip()}
        return scan.Space.of(self._config, **given)

    def start(self, blocking: bool = False) -> None:
        """Start the scan, or go on after a pause, as the Start button does.

        Blocking is for places that cannot update widgets from a thread (scripts, tests, Colab).
        """
        if self._thread is not None and self._thread.is_alive():
            self._control.resume()
            self._say_state("running")
        else:
            try:
                # A study that others began says what is scanned.
                space = None if self._storage is not None and self._study is not None else self.space
            except ConfigError as error:
                self._say(str(error), warning=True)
                return
            self._control = scan.Control()
            self._thread = threading.Thread(target=self._run, args=(space,), name="Scanning", daemon=True)
            self._say_state("running")
            self._say("Starting the workers ...")
            self._thread.start()
        if blocking:
            self._thread.join()

    def pause(self) -> None:
        """Begin no new point; those at work go on."""
        self._control.pause()
        self._say_state("paused")

    def stop(self) -> None:
        """End the scan; what is done stays, and Start goes on from there."""
        self._control.stop()

    def refresh(self) -> None:
        """Show what is in the study by now, of all who work on it."""
        with self._lock:
            if self._study is None:
                if self._storage is None or ("://" not in str(self._storage) and not Path(self._storage).exists()):
                    return
                try:
                    self._study = scan.Study(self._storage)
                except scan.ScanError as error:
                    self._say(str(error), warning=True)
                    return
                self._take_over(self._study.space)
            self._show(scan.Table(self._study.space, self._study.points()))

    def _run(self, space: scan.Space | None) -> None:
        over = threading.Event()
        ticking = threading.Thread(target=self._tick, args=(over,), daemon=True)
        ticking.start()
        error: Exception | None = None
        # The same values go on where they were stopped; others are another scan.
        name = f"{zlib.crc32(space.to_json().encode())}" if space is not None else ""
        storage = self._storage or self._private / name
        try:
            scan.run(space, self._data, storage, control=self._control, on_change=self._take, **self._where)
        except Exception as failure:  # the thread has nobody above it: the participant must read what happened
            error = failure
        over.set()
        ticking.join()
        self.refresh()
        self._say_state("idle")
        if error is not None:
            text, details = explained(error, "take fewer workers", f"The scan failed: {type(error).__name__}: {error}")
            self._say(text, True, details)

    def _take(self, study: scan.Study) -> None:
        self._study = study

    def _tick(self, over: threading.Event) -> None:
        while not over.wait(TICK):
            if self._study is not None:
                self.refresh()

    def _show(self, table: scan.Table) -> None:
        state = [(point.number, point.state) for point in table.points]
        if state == self._shown:
            return
        self._shown, self.table = state, table
        over = len(table.points) - len(table.running)
        self._progress.max = max(self._trials or table.space.size or len(table.points), 1)
        self._progress.value = over
        mine = sum(point.runner == getattr(self._study, "runner", "") for point in table.running)
        others = f", {len(table.running) - mine} by others" if len(table.running) > mine else ""
        best = f" Best: {table.name(table.best)}, loss {scan.in_words(table.judged(table.best))}." if table.best else ""
        count = f"{over} of {self._progress.max} points are over, {len(table.running)} at work{others}."
        self._say(count + best)
        self._list(table)
        self._table.value = _rows(table)
        self._draw()

    def _draw(self) -> None:
        if self.table is None:
            return
        fig = plots.figure(ncols=2, width=6.4, height=4.6, dpi=80)
        for ax, chooser in zip(fig.axes[:2], self._choosers, strict=True):
            self.VIEWS[chooser.value](self, ax)
        self._image.value = plots.png(fig)

    def _list(self, table: scan.Table) -> None:
        """The points to click on, the best first; what was clicked stays chosen."""
        points = sorted(table.done, key=lambda point: table.judged(point).value)
        options: list[tuple[str, int | None]] = [
            ("click a point: its settings go into the panel above" if self._into else "", None)
        ]
        for point in points:
            reached = pictures.auc(point)
            options.append(
                (f"{table.name(point)}{'' if reached is None else f' · AUC {scan.in_words(reached)}'}", point.number)
            )
        chosen = self._points.value
        with self._points.hold_trait_notifications():
            self._points.options = options
            self._points.value = chosen if chosen in [number for _, number in options] else None

    def _pick(self, number: int | None) -> None:
        """Bring a point into the training panel, and say which it is."""
        if number is None or self.table is None:
            return
        (point,) = [each for each in self.table.points if each.number == number]
        text = f"Point {number}: {self.table.name(point)}"
        if self._into is None:
            self._say(f"{text}.")
            return
        try:
            self._into.use(point.configs[0])
            self._say(f"{text} is in the training panel: press Train there.")
        except ConfigError as error:
            self._say(f"{text}: {error}", warning=True)

    def _take_over(self, space: scan.Space) -> None:
        """Show what a study scans that is there already; it cannot be another any more."""
        for name, box in self._boxes.items():
            values: Any = space.seeds if name == "seed" else space.knobs.get(name)
            box.value, box.disabled = "" if values is None else _written(values), True

    def _say(self, text: str, warning: bool = False, details: str = "") -> None:
        self._status.value = folded(f"{'⚠ ' if warning else ''}{text}", details)

    def _say_state(self, state: str) -> None:
        self._start.disabled, self._pause.disabled = state == "running", state != "running"
        self._stop.disabled = state == "idle"
        self._start.description = "Go on" if state == "paused" else "Start"
        for box in self._boxes.values():
            box.disabled = state != "idle" or (self._storage is not None and self._study is not None)

    def _buttons(self) -> None:
        self._start = button("Start", "play", "Train the points, or go on", self.start)
        self._start.button_style = "primary"
        self._pause = button("Pause", "pause", "Begin no new point", self.pause)
        self._stop = button("Stop", "stop", "End the scan; what is done stays", self.stop)
        self._refresh = button("Refresh", "refresh", "Show what others have added", self.refresh)
        self._pause.disabled = self._stop.disabled = True

    def _box(self, name: str) -> widgets.Text:
        field = FIELDS[name]
        return widgets.Text(
            description=field.label or name.replace("_", " "),
            placeholder=f"{getattr(self._config, name)}",
            tooltip=f"{field.sentence}. Values such as 1, 2, or a range such as 1 to 8",
            style=STYLE,
            layout=widgets.Layout(width="27em"),
            continuous_update=False,
        )

    def _chooser(self, side: str, name: str) -> widgets.Dropdown:
        made = widgets.Dropdown(options=list(self.VIEWS), value=name, description=side, style=STYLE)
        made.observe(lambda _: self._draw(), "value")
        return made

    def _axis(self, what: str, name: str) -> widgets.Dropdown:
        made = widgets.Dropdown(options=list(self._boxes), value=name, description=what, style=STYLE)
        made.observe(lambda _: self._draw(), "value")
        return made

    def knobs_shown(self) -> tuple[str, str, str]:
        """The knobs that are drawn across, up, and against: those chosen, or scanned ones where those are not."""
        scanned = list(self.table.space.knobs) if self.table is not None else []
        across, up, against = (each.value for each in self._axes)
        rest = [name for name in scanned if name not in (across, up)]
        across = across if across in scanned or not rest else rest.pop(0)
        up = up if up in scanned or not rest else rest.pop(0)
        return across, up, against if against in scanned else across

    @property
    def target(self) -> float:
        """Validation AUC to which seconds are counted."""
        return self._target

    def _laid_out(self) -> widgets.Widget:
        main = [box for name, box in self._boxes.items() if name in MAIN]
        more = [box for name, box in self._boxes.items() if name not in MAIN]
        folds = widgets.Accordion([widgets.HBox(more, layout=WRAP)], titles=["more knobs"], selected_index=None)
        tools = [self._start, self._pause, self._stop, *([self._refresh] if self._storage else []), self._progress]
        rows = [main, tools, [self._status], [*self._choosers, *self._axes]]
        boxes = [widgets.HBox(row, layout=WRAP) for row in rows]
        return widgets.VBox([boxes[0], folds, *boxes[1:], self._image, self._points, self._table])


def _heat(panel: ScanPanel, ax: Axes) -> None:
    assert panel.table is not None  # nothing is drawn before
    across, up, _ = panel.knobs_shown()
    pictures.heat(ax, panel.table, across, up)


def _against(panel: ScanPanel, ax: Axes) -> None:
    assert panel.table is not None  # nothing is drawn before
    pictures.against(ax, panel.table, panel.knobs_shown()[2])


def _seconds(panel: ScanPanel, ax: Axes) -> None:
    assert panel.table is not None  # nothing is drawn before
    label = f"seconds to validation AUC {panel.target:g}"
    pictures.against(ax, panel.table, panel.knobs_shown()[2], pictures.seconds_to(panel.target), label)


def _per_step(panel: ScanPanel, ax: Axes) -> None:
    assert panel.table is not None  # nothing is drawn before
    pictures.loss_per_step(ax, panel.table, panel.knobs_shown()[2])


def _parallel(panel: ScanPanel, ax: Axes) -> None:
    assert panel.table is not None  # nothing is drawn before
    pictures.parallel(ax, panel.table)


ScanPanel.VIEWS = {
    "heat map": _heat,
    "AUC against a knob": _against,
    "seconds to AUC": _seconds,
    "loss per step": _per_step,
    "parallel coordinates": _parallel,
}


def _values(name: str, text: str) -> Any:
    """What a box says: a list of values, or a range. Raises ConfigError."""
    words = text.split()
    if "to" in words:
        log = words[-1] == "log"
        ends = " ".join(words[: len(words) - log]).split(" to ")
        if len(ends) != 2:
            raise ConfigError(f"{name} is {text!r}; a range is written 1e-4 to 1e-2, or 1e-4 to 1e-2 log.")
        low, high = (_value(name, end) for end in ends)
        return scan.Range(low, high, log)
    return [_value(name, each) for each in text.split(",") if each.strip()]


def _value(name: str, text: str) -> Any:
    text = text.strip()
    if name in CHOICES:
        return text
    if name == "train_size" and text == "all":
        return None
    try:
        return json.loads(text.lower()) if name in INTEGERS or name not in REALS else float(text)
    except ValueError as error:
        raise ConfigError(f"{name} is {text!r}; give numbers, with commas between them.") from error


def _written(values: Any) -> str:
    """Values as a box has them."""
    if isinstance(values, scan.Range):
        return f"{values.low:g} to {values.high:g}{' log' if values.log else ''}"
    return ", ".join("all" if value is None else str(value) for value in values)


def _rows(table: scan.Table) -> str:
    """The table of the best points; to point at a row says its whole configuration."""
    columns = table.columns()
    by_number = {str(point.number): point for point in table.points}
    heads = "".join(f"<th style='padding: 2px 6px'>{html.escape(head)}</th>" for head in columns)
    rows = []
    for cells in list(zip(*columns.values(), strict=True))[:ROWS]:
        configs = by_number[cells[0]].configs
        said = html.escape(configs[0].to_json(), quote=True) if configs else ""
        texts = "".join(f"<td style='padding: 2px 6px; text-align: right'>{html.escape(cell)}</td>" for cell in cells)
        rows.append(f'<tr title="{said}">{texts}</tr>')
    return f"<table><tr>{heads}</tr>{''.join(rows)}</table>" if rows else ""
