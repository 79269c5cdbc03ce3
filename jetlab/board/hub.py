"""Logging in through a JupyterHub, whose service the board is."""

from typing import Any

from jupyterhub.services.auth import HubOAuth, HubOAuthCallbackHandler, HubOAuthenticated
from tornado import web

from jetlab.board.web import Handler


class Login(HubOAuthenticated, Handler):  # type: ignore[misc]  # no types in jupyterhub
    """Ask the hub who it is; its admins are teachers."""

    @web.authenticated
    def get(self) -> None:
        """Go on to the board."""
        user: dict[str, Any] = self.current_user
        self.let_in("teacher" if user.get("admin") else "class")


class Callback(HubOAuthCallbackHandler):  # type: ignore[misc]  # no types in jupyterhub
    """Where the hub sends browsers back to."""


def authentication() -> HubOAuth:
    """What knows the hub, from the environment that it starts its services with."""
    return HubOAuth.instance()
