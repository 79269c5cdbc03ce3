"""Who gets in by GitHub, with a GitHub of the tests' own on loopback."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tornado import httpserver, netutil, web

from tests.hub.configuration import WORKSHOP, configured

oauthenticator = pytest.importorskip("oauthenticator.github", reason="the hub extra is not installed")

#: Organisation, or organisation:team -> its members.
MEMBERS = {"my-school": ["ada"], "other:team-1": ["emmy"]}


class Token(web.RequestHandler):
    """Gives a token for a code; here a code is a user's name, and so is the token."""

    def post(self) -> None:
        assert self.get_body_argument("client_secret") == WORKSHOP["GITHUB_CLIENT_SECRET"]
        self.write({"access_token": self.get_body_argument("code"), "token_type": "token", "scope": "read:org"})


class Reads(web.RequestHandler):
    """What GitHub says to whoever shows a token."""

    def get(self, group: str = "", team: str = "", name: str = "") -> None:
        asks = self.request.headers["Authorization"].split()[1]
        if not group:
            self.write({"login": asks, "id": 1, "name": asks, "email": f"{asks}@example.org"})
        elif name.lower() in MEMBERS.get(f"{group}:{team}" if team else group, []):
            self.set_status(204)
        else:
            self.set_status(404)
            self.write({"message": "Not Found"})


class Members(Reads):
    def get(self, group: str, name: str) -> None:
        super().get(group, "", name)


@asynccontextmanager
async def github() -> AsyncIterator[str]:
    name = r"([^/]+)"
    routes = [
        ("/login/oauth/access_token", Token),
        ("/user", Reads),
        (f"/orgs/{name}/members/{name}", Members),
        (f"/orgs/{name}/teams/{name}/members/{name}", Reads),
    ]
    sockets = netutil.bind_sockets(0, "127.0.0.1")
    server = httpserver.HTTPServer(web.Application(routes))
    server.add_sockets(sockets)
    try:
        yield f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
    finally:
        server.stop()
        await server.close_all_connections()


def lets_in(name: str, folder: Path, **lists: str) -> dict[str, Any] | None:
    """What the hub knows of somebody whom GitHub calls so, None if it turns them away."""
    asked = {key: value for key, value in WORKSHOP.items() if key != "JETLAB_HUB_USERS"}
    config = configured(asked | {f"JETLAB_HUB_{key}": value for key, value in lists.items()}, folder)

    async def log_in() -> dict[str, Any] | None:
        async with github() as url:
            config.GitHubOAuthenticator.github_url, config.GitHubOAuthenticator.github_api = url, url
            config.OAuthenticator.client_id = asked["GITHUB_CLIENT_ID"]
            config.OAuthenticator.client_secret = asked["GITHUB_CLIENT_SECRET"]
            config.OAuthenticator.enable_pkce = False  # its state is in a cookie of the page that this is not
            authenticator = oauthenticator.GitHubOAuthenticator(config=config)
            page = SimpleNamespace(get_argument=lambda argument, default="": name if argument == "code" else default)
            return await authenticator.get_authenticated_user(page, None)

    return asyncio.run(log_in())


@pytest.mark.parametrize(
    ("name", "lists", "comes"),
    [
        ("ada", {"USERS": "Ada"}, True),
        ("Ada", {"USERS": "ada"}, True),
        ("mallory", {"USERS": "ada"}, False),
        ("ada", {"ORGANISATIONS": "my-school"}, True),
        ("mallory", {"ORGANISATIONS": "my-school"}, False),
        ("emmy", {"ORGANISATIONS": "other:team-1"}, True),
        ("ada", {"ORGANISATIONS": "other:team-1"}, False),
        ("mallory", {"ORGANISATIONS": "my-school", "USERS": "mallory"}, True),
        ("root", {"USERS": "root"}, False),
    ],
)
def test_who_is_on_a_list_comes_in(name: str, lists: dict[str, str], comes: bool, tmp_path: Path) -> None:
    found = lets_in(name, tmp_path, **lists)
    assert (found is not None) == comes
    if found is not None:
        assert found["name"] == name.lower()
        assert not found["admin"]


def test_admins_are_admins_and_need_no_other_list(tmp_path: Path) -> None:
    found = lets_in("teacher", tmp_path, USERS="ada", ADMINS="Teacher")
    assert found is not None
    assert found["admin"]


def test_the_token_of_github_is_kept_nowhere(tmp_path: Path) -> None:
    config = configured(WORKSHOP, tmp_path)
    assert not config.Authenticator.get("enable_auth_state")
    assert "a-secret" not in json.dumps(config, default=str)
