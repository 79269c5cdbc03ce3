"""A board for tests: a small challenge, served from a thread of this process, and what talks to it."""

import asyncio
import base64
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import requests
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from jetlab.board.challenge import Challenge
from jetlab.board.state import Board
from jetlab.board.store import Store
from jetlab.board.web import application

TOKENS = {"JETLAB_BOARD_TOKEN": "class-token", "JETLAB_BOARD_TEACHER_TOKEN": "teacher-token"}
JETS = 400


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def small_challenge(folder: Path, name: str = "W-tagger", rehearsal: bool = False) -> Challenge:
    """JETS jets without columns: what is measured of scores needs labels only."""
    y = np.arange(JETS) % 2.0
    (folder / "jets.h5").write_bytes(b"jets without labels")
    return Challenge(name, folder / "jets.h5", y, np.ones(JETS), np.arange(JETS) % 4 < 2, rehearsal)


def scores_of(quality: float, seed: int = 0) -> np.ndarray:
    """Scores for the challenge's jets, the better the larger `quality`."""
    y = np.arange(JETS) % 2.0
    noise = np.random.default_rng(seed).normal(size=JETS)
    return 1 / (1 + np.exp(-(quality * (y - 0.5) + noise)))


def packed(scores: Any) -> str:
    return base64.b64encode(np.asarray(scores, "<f4").tobytes()).decode()


@dataclass
class Served:
    """A board that is served, and its address, which ends in a slash."""

    board: Board
    url: str
    clock: Clock

    def call(self, method: str, path: str, token: str | None = None, **options: Any) -> requests.Response:
        headers = options.pop("headers", {}) | ({"Authorization": f"token {token}"} if token else {})
        return requests.request(method, self.url + path, headers=headers, timeout=60, **options)

    def join(self, name: str = "", shares: bool = True) -> str:
        """The secret of a new participant."""
        done = self.call("POST", "api/join", "class-token", json={"name": name, "shares": shares})
        assert done.status_code == 200, done.text
        return done.json()["secret"]

    def enter(self, secret: str, scores: Any, key: int = 1, **more: Any) -> requests.Response:
        values = {"key": f"{key:032x}", "scores": packed(scores), **more}
        return self.call("POST", "api/challenges/W-tagger/entries", secret, json=values)

    def answer(self, secret: str, exercise: str, state: str, hint: str = "", key: int = 1) -> requests.Response:
        values = {"key": f"{key:032x}", "exercise": exercise, "state": state, "hint": hint}
        return self.call("POST", "api/answers", secret, json=values)

    def browser(self, token: str) -> requests.Session:
        """A browser that logged in by this token."""
        session = requests.Session()
        session.get(f"{self.url}token", timeout=60)
        values = {"token": token, "_xsrf": session.cookies["jetlab-board-xsrf"]}
        done = session.post(f"{self.url}token", values, timeout=60, allow_redirects=False)
        assert done.status_code == 302, done.text
        session.get(self.url + done.headers["Location"].removeprefix("/"), timeout=60)
        session.headers["X-XSRFToken"] = session.cookies["jetlab-board-xsrf"]
        return session

    def state(self) -> dict[str, Any]:
        """What a page of the class shows."""
        return self.browser("class-token").get(f"{self.url}api/state", timeout=60).json()


@contextmanager
def serving(
    folder: Path,
    db: str | None = None,
    hub: Any = None,
    prefix: str = "/",
    per_hour: int = 10,
    environment: Mapping[str, str] = TOKENS,
    **server: Any,
) -> Iterator[Served]:
    """Serve a board until the block ends."""
    clock = Clock()
    store = Store(db or f"sqlite:///{folder / 'board.db'}", clock)
    board = Board(store, [small_challenge(folder)], per_hour, environment)
    loop, started, found = asyncio.new_event_loop(), threading.Event(), []

    async def run() -> None:
        over = asyncio.Event()
        socket, port = bind_unused_port()
        http = HTTPServer(application(board, prefix, hub), **{"max_body_size": 100_000, **server})
        http.add_socket(socket)
        found.extend([port, over])
        started.set()
        await over.wait()
        http.stop()
        await http.close_all_connections()

    thread = threading.Thread(target=loop.run_until_complete, args=[run()])
    thread.start()
    assert started.wait(60)
    try:
        yield Served(board, f"http://127.0.0.1:{found[0]}{prefix}", clock)
    finally:
        loop.call_soon_threadsafe(found[1].set)
        thread.join()
        loop.close()
        board.close()
