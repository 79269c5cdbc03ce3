"""Two people on a running `make hub`, each in a Chromium window of their own, train the panel of M0 at the same time.

    make hub                                # in another terminal
    make test TEST_ARGS=tests/hub           # installs playwright
    .venv/bin/python benchmarks/hub_browser.py [--url http://127.0.0.1:8000] [--folder build/hub-browser]

Saves what each of them sees: login, server starting, lesson, training, end of training; the lesson also in a window
1024 pixels wide. Fails if one of them does not come to the end.
"""

import argparse
import re
import shutil
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
MOST = 100_000  # ms
expect.set_options(timeout=MOST)


def come(browser: Browser, url: str, name: str, folder: Path) -> Page:
    """Log in and wait for the lesson."""
    page = browser.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    page.set_default_timeout(MOST)
    page.goto(url)
    page.screenshot(path=folder / f"{name}-1-login.png")
    page.get_by_label("Username").fill(name)
    page.get_by_role("button", name="Sign in").click()
    page.locator(".progress-bar, .jp-NotebookPanel").first.wait_for()
    page.screenshot(path=folder / f"{name}-2-starting.png")
    return page


def run_all(page: Page) -> None:
    """Run all cells of the lesson."""
    # Cells that are run before the kernel is there are not run at all.
    expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle")
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def button(page: Page, name: str) -> Locator:
    """A button of the panel, with or without its icon."""
    return page.get_by_role("button", name=name).first


def main() -> None:
    """Look at both."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--folder", type=Path, default=Path(__file__).parents[1] / "build" / "hub-browser")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    program = next(filter(None, map(shutil.which, CHROMIUMS)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        pages = {name: come(browser, options.url, name, options.folder) for name in ("ada", "emmy")}
        for page in pages.values():
            run_all(page)
        for page in pages.values():
            train = button(page, "Train")
            train.scroll_into_view_if_needed()
            expect(train).to_be_enabled()
        for page in pages.values():
            button(page, "Train").click()
        for name, page in pages.items():
            expect(page.get_by_text(re.compile(r"Epoch \d+ of \d+")).first).to_be_visible()
            page.screenshot(path=options.folder / f"{name}-3-training.png")
        for name, page in pages.items():
            expect(button(page, "Train")).to_be_enabled()
            page.screenshot(path=options.folder / f"{name}-4-trained.png")
            page.set_viewport_size({"width": 1024, "height": 768})
            button(page, "Train").scroll_into_view_if_needed()
            page.screenshot(path=options.folder / f"{name}-5-narrow.png")
        browser.close()
    print(f"Both trained; look at {options.folder}.")


if __name__ == "__main__":
    main()
