import shutil
from collections.abc import Iterator
from pathlib import Path

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
    """The folder that JupyterLab serves, with a copy of notebooks/, and the URL; tests may add notebooks."""
    root = tmp_path_factory.mktemp("served")
    lessons = REPOSITORY / "notebooks"
    if lessons.is_dir():
        shutil.copytree(lessons, root / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    (root / "data").symlink_to(REPOSITORY / "data")
    with jupyterlab(root, tmp_path_factory.mktemp("private")) as url:
        yield root, url


@pytest.fixture
def lab(chromium: Browser, served: tuple[Path, str]) -> Iterator[Lab]:
    page = chromium.new_page(viewport={"width": 1400, "height": 1000})
    lab = Lab(page, served[1])
    yield lab
    lab.shut_down_kernels()
    page.close()
