"""Logging in through a JupyterHub, whose service the board is."""

from typing import Any

from jupyterhub.services.auth import HubOAuth, HubOAuthCallbackHandler, HubOAuthenticated

from jetlab.board.forms import Refused
from jetlab.board.state import Board
from jetlab.board.web import Handler


class Login(HubOAuthenticated, Handler):  # type: ignore[misc]  # no types in jupyterhub
    """Ask the hub who it is; its admins are teachers."""

    def initialize(self, board: Board) -> None:
        """Take the board, and the application's way to the hub."""
        super().initialize(board)
        self.hub_auth = self.settings["hub"]

    async def get(self) -> None:
        """Go to the hub and come back, then on to the board."""
        user = await self.hub_auth.get_user(self, sync=False)
        if user is None:
            self.redirect(self.get_login_url())
        elif not may_enter(self.hub_auth, user):
            raise Refused(403, "Your account on the hub may not use the board: ask whoever runs the hub.")
        else:
            self.let_in("teacher" if user.get("admin") else "class")


class Callback(HubOAuthCallbackHandler):  # type: ignore[misc]  # no types in jupyterhub
    """Where the hub sends browsers back to."""

    def initialize(self) -> None:
        """Take the application's way to the hub."""
        self.hub_auth = self.settings["hub"]


def may_enter(hub: HubOAuth, user: dict[str, Any]) -> bool:
    """Whether the hub lets somebody use the board; other services are not let in."""
    return user["kind"] == "user" and bool(hub.check_scopes(hub.access_scopes, user))


def authentication() -> HubOAuth:
    """What knows the hub, from the environment that it starts its services with."""
    return HubOAuth.instance()
