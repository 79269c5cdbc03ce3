"""A panel as a participant meets it: its widgets found by what they say, and a gate that holds its training."""

import html
import re
import threading
import time

import ipywidgets as widgets

MOST = 60  # seconds to wait, for a machine that does other things meanwhile


def find(panel, kind, said=""):
    """The panel's widgets of a kind whose description begins so, in the order of the page."""
    found, left = [], [panel.widget]
    while left:
        widget = left.pop(0)
        if isinstance(widget, kind) and getattr(widget, "description", "").startswith(said):
            found.append(widget)
        left = [*getattr(widget, "children", ()), *left]
    return found


def button(panel, said):
    (found,) = find(panel, widgets.Button, said)
    return found


def control(panel, said):
    """The slider, box or list so named."""
    (found,) = [each for each in find(panel, widgets.ValueWidget, said) if each.description == said]
    return found


def picture(panel):
    (image,) = find(panel, widgets.Image)
    return bytes(image.value)


def text(panel):
    """All that the panel says beside the labels of its controls."""
    shown = "\n".join(each.value for each in find(panel, widgets.HTML) if not each.value.startswith("<table>"))
    return html.unescape(shown)


def table(panel):
    """The rows of the table of runs, the head first, a list of texts each."""
    (shown,) = [each.value for each in find(panel, widgets.HTML) if each.value.startswith("<table>")] or [""]
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall("<tr>(.*?)</tr>", shown)]
    breaks = str.maketrans({"\u00a0": " ", "\u200b": None, "\u00ad": None})
    return [[html.unescape(cell).translate(breaks) for cell in row] for row in rows]


def column(panel, head):
    """The texts of a column of the table of runs."""
    heads, *rows = table(panel)
    return [row[heads.index(head)] for row in rows]


def wait_until(condition):
    end = time.monotonic() + MOST
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


def end(panel):
    """Press Stop, and wait until nothing of the panel trains any more."""
    panel.stop()
    wait_until(lambda: button(panel, "Stop").disabled)


class Gate:
    """Holds a panel's training at the end of each epoch: it cannot go on, nor end, until it is let through."""

    def __init__(self, panel):
        self._arrived, self._passed, self._holds = threading.Semaphore(0), threading.Semaphore(0), True
        epoch_ended = panel.epoch_ended

        def held(event):
            epoch_ended(event)
            if self._holds:
                self._arrived.release()
                self._passed.acquire()

        panel.epoch_ended = held

    def wait(self):
        """Wait until a training is held at the end of an epoch."""
        assert self._arrived.acquire(timeout=MOST), "no epoch came to its end"

    def let(self):
        """Let it train another epoch."""
        self._passed.release()

    def open(self):
        """Hold nothing any more."""
        self._holds = False
        self._passed.release()
