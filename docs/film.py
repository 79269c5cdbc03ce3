"""Films the live panel in a real JupyterLab: `python docs/film.py` writes docs/panel.webp, which README and site show.

It needs Chromium and what the tests in tests/browser need. A network trains, its learning rate is lowered on the way, a
smaller one follows. The panel is the real one; only its pictures are drawn after each epoch, however slow the machine.
"""

import io
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, expect, sync_playwright

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from tests.browser import conftest, labpage, server  # noqa: E402  # found by the line above

FILM = HERE / "panel.webp"
#: Pixels across, milliseconds for a picture and for the last one, WebP's quality, and bytes that a page may take.
WIDTH, SHORT, LONG, QUALITY, MOST = 1000, 350, 3500, 60, 1_500_000
#: High enough for all of the panel, with its table.
SCREEN = {"viewport": {"width": 1300, "height": 1500}, "device_scale_factor": 1.5}
SETUP = """
import numpy as np

from jetlab import catalog, check, jets, panel, training
from jetlab.config import RunConfig
from jetlab.panel import steering

steering.MAX_SHARE, steering.MIN_SECONDS = 1.0, 0.0  # a picture for each epoch

sample = check.without_held_back(catalog.load("jets"))
inputs = ("jet_pt_ak7", "jet_msd_ak7", "jet_tau21_ak7", "jet_ncand_ak7")
x, y = np.stack([sample[name] for name in inputs], axis=1), sample["jet_isW_ak7"]
train, validation, test = jets.split(sample.event_index)
kinematics = sample["jet_pt_ak7"], sample["jet_eta_ak7"]
weight = jets.reweight(*kinematics, y == 1, sample["mcweight"], train=train)
scaled = jets.Scaling.fit(x[train]).apply(x)
data = training.Data.of(scaled, y, weight, train, validation)
cut = np.where((x[:, 1] > 65) & (x[:, 1] < 105), 1 - x[:, 2], 0)
"""
PANEL = """
panel.TrainingPanel(
    data,
    test=(scaled[test], y[test], weight[test]),
    config=RunConfig(inputs=inputs, learning_rate=5e-3, epochs=14, patience=0),
    yardsticks={"cut": cut[validation]},
)
"""


def main() -> None:
    """Film, and write the file."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        root, private = Path(folder, "root"), Path(folder, "private")
        root.mkdir()
        private.mkdir()
        labpage.store(root / "film.ipynb", SETUP, PANEL)
        program = next(filter(None, map(shutil.which, conftest.CHROMIUMS)))
        browser = playwright.chromium.launch(executable_path=program, args=conftest.FLAGS)
        with server.jupyterlab(root, private) as url:
            # The tests' kernels train without end.
            (private / "ipython" / "profile_default" / "startup" / "startup.py").unlink()
            with conftest.a_page(browser, url, **SCREEN) as lab:
                shots = [Image.open(io.BytesIO(shot)) for shot in _shots(lab)]
        browser.close()
    _write(shots)


def _shots(lab: labpage.Lab) -> Iterator[bytes]:
    """PNG of the panel, one after the other, while two networks train."""
    lab.open("film.ipynb")
    lab.run_all()
    lab.wait_idle()
    panel = lab.cell(2).locator(".jupyter-widgets.widget-vbox").first
    panel.scroll_into_view_if_needed()
    lab.page.wait_for_timeout(1000)
    yield _shot(lab, panel)
    labpage.button(panel, "Train").click()
    yield from _while_training(lab, panel, slower_from=6)
    yield _shot(lab, panel)
    labpage.set_slider(panel, "layers", "1")
    labpage.set_slider(panel, "nodes per layer", "8")
    yield _shot(lab, panel)
    labpage.button(panel, "Train").click()
    yield from _while_training(lab, panel)
    expect(labpage.runs(panel)).to_have_count(2)
    yield _shot(lab, panel)


def _while_training(lab: labpage.Lab, panel: Locator, slower_from: int = 1000) -> Iterator[bytes]:
    """A shot for each epoch that the panel shows; from `slower_from` on with a fifth of the learning rate."""
    seen, stop = 0, labpage.button(panel, "Stop")
    expect(stop).to_be_enabled()
    while stop.is_enabled():
        found = re.search(r"Epoch (\d+) of", panel.inner_text())
        epoch = int(found[1]) if found else 0
        if epoch != seen:
            seen = epoch
            yield _shot(lab, panel)
        if epoch >= slower_from:
            labpage.set_slider(panel, "learning rate", "1e-3")
            slower_from = 1000
        lab.page.wait_for_timeout(50)


def _shot(lab: labpage.Lab, panel: Locator) -> bytes:
    lab.wait_drawn()
    return panel.screenshot()


def _write(shots: list[Image.Image]) -> None:
    """One film of all shots, as high as the highest."""
    width = shots[0].width
    height = max(shot.height for shot in shots)
    frames = []
    for shot in shots:
        frame = Image.new("RGB", (width, height), "white")
        frame.paste(shot.convert("RGB"))
        frames.append(frame.resize((WIDTH, round(height * WIDTH / width)), Image.Resampling.LANCZOS))
    durations = [SHORT] * (len(frames) - 1) + [LONG]
    options = {"quality": QUALITY, "method": 6, "minimize_size": True, "loop": 0}
    frames[0].save(FILM, save_all=True, append_images=frames[1:], duration=durations, **options)
    if FILM.stat().st_size > MOST:
        sys.exit(f"{FILM} has {FILM.stat().st_size:,} bytes; take fewer pictures, or a lower quality.")
    print(f"{FILM}: {len(frames)} pictures, {frames[0].size}, {FILM.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
