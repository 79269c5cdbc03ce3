"""Fixtures of the tests in a real browser: JupyterLab served once, Chromium started once.

No test depends on how fast or slow the machine is: what a panel trains goes on until the test stops it (startup.py), a
test waits for what the page shows, and the limits of that waiting are generous (MOST and LESSON). To show it, run the
tests five times in a row, then with every core kept busy, then with a hundredth and with ten times the training jets:

    for i in 1 2 3 4 5; do make test TEST_ARGS=tests/browser || break; done
    for i in $(seq $(nproc)); do (while :; do :; done) & done; make test TEST_ARGS=tests/browser; kill $(jobs -p)
    JETLAB_TEST_TRAIN=0.01 make test TEST_ARGS=tests/browser
    JETLAB_TEST_TRAIN=10 make test TEST_ARGS=tests/browser

Screenshots lie in pytest's temporary folders; `--basetemp=DIR` puts them elsewhere.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, sync_playwright

from .labpage import Lab
from .server import REPOSITORY, jupyterlab

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
# No sandbox, for containers and CI run as root; the rest keeps Chromium from calling home.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

#: The live panel of M2 without the rest of the lesson, which trains for a minute before it comes to that.
PANEL = (
    """from jetlab import catalog, check, inputs, jets, panel
from jetlab.config import RunConfig

sample = catalog.load("jets")
dealt, y = jets.split(sample.event_index), sample["jet_isW_ak7"]
weight = jets.reweight(sample["jet_pt_ak7"], sample["jet_eta_ak7"], y, sample["mcweight"], train=dealt[0])
found = inputs.prepare(sample, RunConfig(), dealt, weight)""",
    """panel.TrainingPanel(found.data, (found.x_test, found.y_test, found.w_test), keep="M2")""",
    """check.exercise("M2.04", ...)""",
)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if program is None:
        pytest.skip(f"no browser here: none of {', '.join(CHROMIUMS)} is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def served(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The folder that JupyterLab serves, with a copy of notebooks/ and panel.ipynb, and the URL; tests may add more."""
    root = tmp_path_factory.mktemp("served")
    lessons = REPOSITORY / "notebooks"
    if lessons.is_dir():
        shutil.copytree(lessons, root / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    (root / "data").symlink_to(REPOSITORY / "data")
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    notebook = nbformat.v4.new_notebook(cells=[*map(nbformat.v4.new_code_cell, PANEL)], metadata=metadata)
    nbformat.write(notebook, root / "panel.ipynb")
    with jupyterlab(root, tmp_path_factory.mktemp("private")) as url:
        yield root, url


@contextmanager
def a_page(chromium: Browser, url: str, **options: float) -> Iterator[Lab]:
    """A JupyterLab page of its own, whose kernels end with it."""
    page = chromium.new_page(**{"viewport": {"width": 1400, "height": 1000}, **options})
    lab = Lab(page, url)
    try:
        yield lab
    finally:
        lab.shut_down_kernels()
        page.close()


@pytest.fixture
def lab(chromium: Browser, served: tuple[Path, str]) -> Iterator[Lab]:
    with a_page(chromium, served[1]) as lab:
        yield lab


@pytest.fixture(scope="module")
def lesson(chromium: Browser, served: tuple[Path, str]) -> Iterator[Lab]:
    """A page that all tests of a module share, where running a lesson to its end takes longer than they do.

    At 125 %, as on many a laptop: 1280 by 800 points are left.
    """
    with a_page(chromium, served[1], viewport={"width": 1280, "height": 800}, device_scale_factor=1.25) as lab:
        yield lab
