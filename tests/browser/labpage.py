"""JupyterLab in Chromium, driven as a participant would: open a notebook, run it, look at it, click its widgets."""

import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from playwright.sync_api import Locator, Page, expect

from .server import MOST

#: Seconds that running a lesson may take. Limits cost nothing where all is well: whoever waits goes on at once.
LESSON = 900
MARKS = [pytest.mark.browser, pytest.mark.timeout(3600)]
#: What panels say while they train, of a million epochs: startup.py has seen to it that they do not end by themselves.
TRAINS = re.compile(r"Epoch \d+ of 1000000\b")
expect.set_options(timeout=MOST * 1000)

# The notebook in front, its panel and its kernel, as JupyterLab's own objects.
PANEL = "const panel = window.jupyterapp.shell.currentWidget; const notebook = panel.content;"
READY = f"""() => {{
    if (!window.jupyterapp || !window.jupyterapp.shell.currentWidget) return false;
    {PANEL}
    const kernel = panel.sessionContext && panel.sessionContext.session && panel.sessionContext.session.kernel;
    return Boolean(kernel && kernel.status === "idle" && notebook.widgets.length);
}}"""
IDLE = f"""() => {{
    {PANEL}
    const kernel = panel.sessionContext.session && panel.sessionContext.session.kernel;
    const waiting = notebook.widgets.some(cell => cell.model.executionState === "running");
    return Boolean(kernel) && kernel.status === "idle" && !waiting && !window.jetlabRun;
}}"""
OUTPUTS = f"""() => {{
    {PANEL}
    const cells = notebook.widgets.map(cell => cell.model.toJSON());
    return cells.map(cell => ({{source: cell.source, type: cell.cell_type, outputs: cell.outputs || []}}));
}}"""
# What an element has said so far, also what stood there too briefly for a look from outside to find it.
KEEP_TEXTS = """node => {
    window.jetlabTexts = [];
    if (window.jetlabWatch) window.jetlabWatch.disconnect();
    window.jetlabWatch = new MutationObserver(changes => {
        for (const change of changes)
            window.jetlabTexts.push(Array.from(change.addedNodes, added => added.textContent).join(""));
    });
    window.jetlabWatch.observe(node, {childList: true, subtree: true});
}"""
SHOWN = """([text, after]) => {
    const begin = window.jetlabTexts.findIndex(each => each.includes(after));
    return begin >= 0 && window.jetlabTexts.slice(begin).some(each => each.includes(text));
}"""
DRAWN = "() => Array.from(document.images).every(image => image.complete)"
# The longest row of pixels near a colour, red, green and blue from 0 to 255, in the left half of a picture: lines have
# long ones, the edges of letters do not. A thin line's colour is mixed with a little of what lies beside it.
LONGEST_ROW = """async (image, colour) => {
    // A picture that was just replaced is not there yet: nothing is found in it, and the caller looks again.
    await image.decode().catch(() => {});
    if (!image.complete || !image.naturalWidth) return 0;
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
    let longest = 0;
    let length = 0;
    for (let i = 0; i < data.length; i += 4) {
        const left = (i / 4) % canvas.width < canvas.width / 2;
        const near = colour.every((value, channel) => Math.abs(data[i + channel] - value) <= 12);
        length = left && near ? length + 1 : 0;
        longest = Math.max(longest, length);
    }
    return longest;
}"""


class Lab:
    """One JupyterLab page. Cells are counted from 0, markdown cells included; times are in seconds."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        page.set_default_timeout(MOST * 1000)

    def open(self, notebook: str) -> None:
        """Open the notebook at that path below the server's root and wait for its kernel."""
        self.page.goto(f"{self.url}/lab/tree/{notebook}?reset")
        self.page.wait_for_selector(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook")
        self.page.wait_for_function(READY)

    def run_all(self) -> None:
        """Start Run All Cells; `wait_idle` waits for its end."""
        self._start("notebook:run-all-cells")

    def restart_and_run_all(self) -> None:
        """Restart the kernel without asking, then start Run All Cells."""
        self.restart()
        self.run_all()

    def restart(self) -> None:
        """Restart the kernel, which forgets everything, and clear all outputs."""
        self.page.evaluate(f"async () => {{ {PANEL} await panel.sessionContext.restartKernel(); }}")
        self.page.evaluate(
            "async () => { await window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs'); }"
        )
        self.wait_idle()

    def run_cell(self, cell: int) -> None:
        """Start one cell; `wait_idle` waits for its end."""
        self.page.evaluate(f"cell => {{ {PANEL} notebook.activeCellIndex = cell; }}", cell)
        self._start("notebook:run-cell")

    def seconds(self) -> float:
        """How long what was run last took, as the page saw it: from the command to the end of the last cell."""
        return self.page.evaluate("window.jetlabSeconds")

    def wait_idle(self) -> None:
        """Wait until what was started has run and the kernel is idle; raises playwright's TimeoutError."""
        self.page.wait_for_function(IDLE, timeout=LESSON * 1000)

    def shut_down_kernels(self) -> None:
        """End every kernel of the server, so that the next test has the memory."""
        self.page.evaluate(
            "async () => { if (window.jupyterapp) await window.jupyterapp.serviceManager.sessions.shutdownAll(); }"
        )

    def cell(self, cell: int) -> Locator:
        """The cell as it is on the page, to find widgets in."""
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell").nth(cell)

    def find_cell(self, text: str) -> int:
        """The first cell whose source has that text; raises LookupError."""
        for number, cell in enumerate(self._cells()):
            if text in cell["source"]:
                return number
        raise LookupError(f"no cell has {text!r}")

    def outputs(self, cell: int) -> Locator:
        """What stands below the cell, widgets included; it may come a moment after the kernel is idle."""
        return self.cell(cell).locator(".jp-Cell-outputWrapper")

    def errors(self) -> list[str]:
        """One line for each error or warning-coloured text (stderr) that any cell shows; empty where all is well."""
        found = []
        for number, cell in enumerate(self._cells()):
            for output in cell["outputs"]:
                if output["output_type"] == "error":
                    found.append(f"cell {number}: {output['ename']}: {output['evalue']}")
                elif output.get("name") == "stderr":
                    found.append(f"cell {number}: stderr: {''.join(output['text'])}")
        broken = self.page.locator(
            ".jupyter-widgets-error-widget, .jp-RenderedText:has-text('Error displaying widget')"
        )
        found += [f"widget: {text}" for text in broken.all_inner_texts()]
        return found

    def keep_texts(self, element: Locator) -> None:
        """Remember from now on all that is shown in an element, for `wait_for_text`."""
        element.evaluate(KEEP_TEXTS)

    def texts(self) -> list[str]:
        """What the watched element has shown since, in order."""
        return self.page.evaluate("window.jetlabTexts")

    def wait_for_text(self, text: str, after: str = "") -> None:
        """Wait until the watched element has shown that text, if only for a moment, later than the text `after`."""
        self.page.wait_for_function(SHOWN, arg=[text, after])

    def scroll_to_cell(self, cell: int) -> None:
        """Bring the cell's top to the top of the notebook."""
        self.cell(cell).evaluate("node => node.scrollIntoView({block: 'start'})")

    def wait_drawn(self) -> None:
        """Wait until no picture of the page is still being loaded."""
        self.page.wait_for_function(DRAWN)

    def screenshot(self, path: Path) -> Path:
        """Save what is in the window as PNG, with its pictures."""
        self.wait_drawn()
        self.page.screenshot(path=path)
        return path

    @staticmethod
    def longest_row(image: Locator, colour: tuple[int, int, int]) -> int:
        """How many pixels side by side in the left half of a picture are near that colour, at most."""
        return image.evaluate(LONGEST_ROW, list(colour))

    def _start(self, command: str) -> None:
        # Commands end with the last cell, so the page, not this process, waits for them.
        self.page.evaluate(
            """command => {
                window.jetlabRun = true;
                const began = performance.now();
                const done = () => {
                    window.jetlabSeconds = (performance.now() - began) / 1000;
                    window.jetlabRun = false;
                };
                window.jupyterapp.commands.execute(command).then(done, done);
            }""",
            command,
        )

    def _cells(self) -> list[dict]:
        return self.page.evaluate(OUTPUTS)


def button(panel: Locator, name: str) -> Locator:
    """A panel's button by its word; the icon before it is a letter of its own to whoever reads the page aloud."""
    return panel.get_by_role("button", name=re.compile(rf"^\W*{name}$"))


def slider(panel: Locator, label: str) -> Locator:
    """A slider with its label and its number."""
    return panel.locator(".widget-hslider").filter(has=panel.page.get_by_text(label, exact=True))


def handle(panel: Locator, label: str) -> Locator:
    """What is drawn along a slider."""
    return slider(panel, label).get_by_role("slider")


def readout(panel: Locator, label: str) -> Locator:
    """The number beside a slider."""
    return slider(panel, label).locator(".widget-readout")


def set_slider(panel: Locator, label: str, value: str) -> None:
    """Type a value into the number beside a slider."""
    readout(panel, label).fill(value)
    readout(panel, label).press("Enter")


def choose_left(panel: Locator, view: str) -> None:
    """Choose what the left picture of a training panel shows; it is drawn at once."""
    panel.get_by_label("left", exact=True).select_option(view)


def runs(panel: Locator, label: str = "") -> Locator:
    """The rows of a panel's table of runs, without its head; with a label such as "64/3" those that show it."""
    return panel.locator("tr:has(td)").filter(has_text=label)


def store(path: Path, *sources: str) -> None:
    """Write a notebook: a heading, then one cell for each source."""
    cells = [new_markdown_cell("# Test"), *(new_code_cell(source.strip()) for source in sources)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=cells, metadata=kernel), path)
