from pathlib import Path

from playwright.sync_api import expect

from .labpage import MARKS, Lab, store

pytestmark = MARKS

NEWS = """async () => {
    const settings = window.jupyterapp.serviceManager.settings;
    await window.jupyterapp.restored;
    const found = await settings.fetch("@jupyterlab/apputils-extension:notification");
    return ["fetchNews", "checkForUpdates"].map(name => String(found.schema.properties[name].default));
}"""

# The platform's trap in small: a thread draws, without pyplot, and pushes PNG bytes to an image widget.
WIDGETS = """
import io, threading, time
import ipywidgets as widgets
from IPython.display import display
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

slider = widgets.IntSlider(value=3, min=1, max=6, description="curves")
button = widgets.Button(description="Draw")
status = widgets.Label("waiting")
image = widgets.Image(format="png", width=400)

def draw(curves):
    for count in range(1, curves + 1):
        figure = Figure(figsize=(4, 3))
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        for number in range(count):
            axes.plot([0, 1], [0, number + 1])
        stream = io.BytesIO()
        figure.savefig(stream)
        image.value = stream.getvalue()
        time.sleep(0.1)
    status.value = f"drew {curves} curves"

button.on_click(lambda _: threading.Thread(target=draw, args=(slider.value,)).start())
display(widgets.VBox([slider, button, status, image]))
"""


def test_widgets_follow_a_thread(lab: Lab, served: tuple[Path, str], tmp_path: Path) -> None:
    filler = "\n".join(f"# line {number}" for number in range(60))
    store(served[0] / "widgets.ipynb", WIDGETS, filler, "print(slider.value)")
    lab.open("widgets.ipynb")
    lab.run_all()
    lab.wait_idle()
    assert lab.errors() == []
    expect(lab.outputs(3)).to_have_text("3", use_inner_text=True)

    lab.scroll_to_cell(1)
    panel = lab.cell(1)
    panel.locator(".widget-readout").fill("5")
    panel.locator(".widget-readout").press("Enter")
    panel.get_by_role("button", name="Draw").click()
    panel.get_by_text("drew 5 curves").wait_for()
    expect(panel.locator("img")).to_have_js_property("naturalWidth", 400)
    assert lab.screenshot(tmp_path / "widgets.png").stat().st_size > 10_000

    lab.run_cell(3)
    lab.wait_idle()
    expect(lab.outputs(3)).to_have_text("5", use_inner_text=True)


def test_no_popup_covers_the_notebook(lab: Lab, served: tuple[Path, str]) -> None:
    store(served[0] / "plain.ipynb", "1 + 1")
    lab.open("plain.ipynb")
    # JupyterLab asks for news, or whether to, some time after it has settled; with these two it never does.
    assert lab.page.evaluate(NEWS) == ["false", "false"]
    assert lab.page.locator(".Toastify__toast, .jp-Dialog").all_inner_texts() == []


def test_errors_and_restart(lab: Lab, served: tuple[Path, str]) -> None:
    store(
        served[0] / "errors.ipynb",
        "x = globals().get('x', 0) + 1\nprint(x)",
        "if x > 1:\n    raise ValueError('again')",
    )
    lab.open("errors.ipynb")
    lab.run_all()
    lab.wait_idle()
    assert lab.errors() == []
    lab.run_all()
    lab.wait_idle()
    assert lab.errors() == ["cell 2: ValueError: again"]
    lab.restart()
    expect(lab.outputs(1)).to_have_text("", use_inner_text=True)
    lab.run_all()
    lab.wait_idle()
    assert lab.errors() == []
    expect(lab.outputs(lab.find_cell("globals"))).to_have_text("1", use_inner_text=True)
