"""The class board and the teacher's view in Chromium: they follow a room of twenty by themselves, and run no markup."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

pytest.importorskip("sqlalchemy", reason="the board extra is not installed")

from tests.board import scripted
from tests.board.boards import Served, serving

from .labpage import MARKS

pytestmark = MARKS
WAIT = 30_000


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as board:
        yield board


@contextmanager
def a_page(chromium: Browser, served: Served, token: str, **options: object) -> Iterator[Page]:
    """A page that logged in by a token, and in which nothing went wrong in the end."""
    context = chromium.new_context(**{"viewport": {"width": 1400, "height": 1000}, **options})
    page, errors = context.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    refused = "status of 400"  # Chromium says so of what a test has the board refuse
    page.on(
        "console", lambda said: errors.append(said.text) if said.type == "error" and refused not in said.text else 0
    )
    page.goto(served.url)
    page.get_by_label("The token of your class").fill(token)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("up to date", timeout=WAIT)
    yield page
    assert errors == []
    assert page.evaluate("window.xss") is None
    context.close()


def looks_right(page: Page, shot: Path) -> None:
    """At both widths, light and dark: nothing is wider than the page. Screenshots are for people."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in (1400, 1024):
            page.set_viewport_size({"width": width, "height": 1000})
            page.screenshot(path=shot.with_name(f"{shot.name}-{width}-{scheme}.png"), full_page=True)
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
            inner = "[...document.querySelectorAll('.wide')].every(e => e.scrollWidth <= e.clientWidth)"
            assert page.evaluate(inner)


def test_the_board_follows_the_room_and_shows_text_as_text(chromium: Browser, served: Served, tmp_path: Path) -> None:
    with a_page(chromium, served, "class-token") as page:
        expect(page.get_by_text("Nobody has entered yet")).to_be_visible()
        scripted.twenty(served)
        rows = page.locator("tbody tr")
        expect(rows).to_have_count(12, timeout=WAIT)
        expect(page.get_by_text(scripted.MARKUP, exact=True).first).to_be_visible()
        expect(page.get_by_text("≈ 1").first).to_be_visible()
        looks_right(page, tmp_path / "board")

        # By keyboard: the code beside the first entry that has one, and back. A refresh does not take the focus away.
        button = page.get_by_role("button", name="code of").first
        button.focus()
        served.enter(served.join("Zoe"), scripted.best())
        expect(rows.first).to_contain_text("Zoe", timeout=WAIT)
        assert page.evaluate("document.activeElement.tagName") == "BUTTON"
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_contain_text("nodes = 64")
        expect(page.get_by_role("dialog")).to_contain_text(scripted.MARKUP)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()

        with page.expect_download() as download:
            page.get_by_role("link", name="Download as CSV").click()
        assert len(Path(download.value.path()).read_text().splitlines()) >= 13


def test_the_teacher_sees_the_room_asks_it_and_ends_a_challenge(
    chromium: Browser, served: Served, tmp_path: Path
) -> None:
    secrets = scripted.twenty(served)
    served.clock.now += 700
    with a_page(chromium, served, "teacher-token") as page, a_page(chromium, served, "class-token") as other:
        heat = page.locator("#heat")
        expect(heat.get_by_role("row")).to_have_count(20)
        expect(heat).to_contain_text("participant 7")
        expect(page.locator("#stuck li").first).to_contain_text("for 11 minutes")
        expect(page.locator("#wrong")).to_contain_text("argmin counts from 0")
        page.get_by_label("Show").select_option("all lessons")
        expect(heat).to_contain_text("1 of 1")
        page.get_by_label("Show").select_option("M2")

        page.get_by_label("Choices").fill("dense\nCNN\nLSTM")
        page.get_by_role("button", name="Ask", exact=True).click()
        expect(page.locator("#poll")).to_contain_text("0 votes")
        scripted.vote(served, secrets, ["LSTM", "CNN", "dense"])
        for each in (page, other):
            expect(each.locator("#poll")).to_contain_text("20 votes", timeout=WAIT)
        looks_right(page, tmp_path / "teacher")
        page.get_by_role("button", name="Close the poll").click()
        expect(page.locator("#poll")).to_contain_text("closed")
        page.get_by_label("Choices").fill("only one")
        page.get_by_role("button", name="Ask", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("2 to 8")

        page.get_by_role("button", name="End it").click()
        page.get_by_role("button", name="Not yet").click()
        assert served.board.store.ended() == set()
        page.get_by_role("button", name="End it").click()
        page.get_by_role("dialog").get_by_role("button", name="End it").click()
        expect(page.locator("#challenges")).to_contain_text("over", timeout=WAIT)
        expect(other.get_by_text("The challenge is over")).to_be_visible(timeout=WAIT)
        looks_right(other, tmp_path / "over")
        # A participant's browser does not get here.
        other.goto(f"{served.url}teacher")
        expect(other.get_by_label("The token of your class")).to_be_visible()
