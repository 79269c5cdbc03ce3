"""The board as a service of a JupyterHub: jupyterhub's own login, against a hub that answers as its API does."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
import requests
from tornado import web
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from .boards import Served, serving

pytest.importorskip("jupyterhub", reason="jupyterhub is not installed")

from jupyterhub.services.auth import HubOAuth

PREFIX = "/services/board/"
SCOPE = "access:services!service=board"
USERS = {
    "ada-token": {"name": "ada", "kind": "user", "admin": False, "scopes": [SCOPE]},
    "guru-token": {"name": "guru", "kind": "user", "admin": True, "scopes": [SCOPE]},
    "stranger-token": {"name": "eve", "kind": "user", "admin": False, "scopes": ["self"]},
    "service-token": {"name": "cull", "kind": "service", "admin": False, "scopes": [SCOPE]},
}


class Authorize(web.RequestHandler):
    def get(self) -> None:
        """As if who comes, by the cookie `user`, had logged in at the hub."""
        given = {"code": self.get_cookie("user"), "state": self.get_argument("state")}
        self.redirect(f"{self.get_argument('redirect_uri')}?{urlencode(given)}")


class Token(web.RequestHandler):
    def post(self) -> None:
        self.finish({"access_token": f"{self.get_argument('code')}-token", "token_type": "Bearer"})


class User(web.RequestHandler):
    def get(self) -> None:
        token = self.request.headers["Authorization"].split()[1]
        if token not in USERS:
            self.set_status(403)
            self.finish(json.dumps({"status": 403, "message": "Forbidden"}))
            return
        self.finish({"groups": [], "session_id": None, **USERS[token]})


@pytest.fixture
def hub() -> Iterator[str]:
    """The address of the hub, without a slash at its end."""
    loop, started, found = asyncio.new_event_loop(), threading.Event(), []

    async def run() -> None:
        over = asyncio.Event()
        socket, port = bind_unused_port()
        api = "/hub/api/"
        server = HTTPServer(
            web.Application(
                [(f"{api}oauth2/authorize", Authorize), (f"{api}oauth2/token", Token), (f"{api}user", User)]
            )
        )
        server.add_socket(socket)
        found.extend([port, over])
        started.set()
        await over.wait()
        server.stop()
        await server.close_all_connections()

    thread = threading.Thread(target=loop.run_until_complete, args=[run()])
    thread.start()
    assert started.wait(60)
    yield f"http://127.0.0.1:{found[0]}"
    loop.call_soon_threadsafe(found[1].set)
    thread.join()
    loop.close()


@pytest.fixture
def served(hub: str, tmp_path: Path) -> Iterator[Served]:
    authentication = HubOAuth(
        api_url=f"{hub}/hub/api",
        api_token="of-the-service",
        hub_host=hub,
        hub_prefix="/hub/",
        base_url=PREFIX,
        oauth_client_id="service-board",
        oauth_redirect_uri=f"{PREFIX}oauth_callback",
        access_scopes={SCOPE},
    )
    with serving(tmp_path, hub=authentication, prefix=PREFIX) as board:
        authentication.oauth_redirect_uri = f"{board.url}oauth_callback"
        yield board


def logged_in(served: Served, user: str) -> requests.Response:
    """The page that a browser of this user comes to in the end."""
    session = requests.Session()
    session.cookies.set("user", user)
    return session.get(f"{served.url}teacher", timeout=60)


def test_users_of_the_hub_are_let_in_and_admins_teach(served: Served) -> None:
    page = logged_in(served, "guru")
    assert (page.status_code, page.url) == (200, f"{served.url}teacher")
    assert "<title>Class board: teacher's view</title>" in page.text
    assert requests.get(served.url.rstrip("/"), timeout=60, allow_redirects=False).headers["Location"] == PREFIX
    page = logged_in(served, "ada")
    assert (page.url, page.status_code) == (served.url, 200)
    assert "<title>Class board</title>" in page.text


def test_who_may_not_use_the_service_stays_out(served: Served) -> None:
    assert logged_in(served, "stranger").status_code == 403


def test_notebooks_join_by_the_token_of_their_server(served: Served) -> None:
    def join(token: str) -> requests.Response:
        return served.call("POST", "api/join", token, json={"shares": True})

    first, again, other = join("ada-token"), join("ada-token"), join("guru-token")
    # The same user stays the same participant, by whatever notebook; nobody sees the hub's name.
    assert [each.json()["shown"] for each in (first, again, other)] == [
        "participant 1",
        "participant 1",
        "participant 2",
    ]
    assert served.answer(first.json()["secret"], "M2.01", "right").status_code == 401
    assert served.answer(again.json()["secret"], "M2.01", "right").status_code == 201
    for token in ("stranger-token", "service-token", "nobody-token"):
        assert join(token).status_code == 401
    assert join("class-token").json()["shown"] == "participant 3"
