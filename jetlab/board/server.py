"""`jetlab board serve`: the board in a room of its own, or as a service of a JupyterHub."""

import asyncio
import os
import signal
import socket
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from jetlab.board import challenge as challenges
from jetlab.board.challenge import Challenge
from jetlab.board.state import CLASS_TOKEN, TEACHER_TOKEN, Board
from jetlab.board.store import Store
from jetlab.board.web import application
from jetlab.errors import JetlabError

#: What a hub sets for its services, and not for the servers of its users.
SERVICE = "JUPYTERHUB_SERVICE_NAME"
#: Entries of a participant to a challenge within an hour.
PER_HOUR = 10
#: Of the one challenge that there is where none is named.
REHEARSAL = "W-tagger"
#: Bytes of an entry besides its scores.
_REST = 200_000


class ServeError(JetlabError):
    """The board cannot be started; the message says why and what to do."""


def serve(
    db: str = "sqlite:///board.db",
    folders: Sequence[Path] = (),
    address: str = "127.0.0.1",
    port: int = 8765,
    per_hour: int = PER_HOUR,
) -> None:
    """Serve the board until it is interrupted.

    A JupyterHub that starts it as a service says by the environment where it listens, and lets its users in.

    Args:
        db: URL of the database as SQLAlchemy takes it.
        folders: of challenges; without any there is a rehearsal with shipped jets.
        address: to listen at, "0.0.0.0" for all of this machine's.
        port: to listen at, 0 for any that is free.
        per_hour: entries of a participant to a challenge within an hour.

    Raises:
        ChallengeError: a folder is none of a challenge.
        StoreError: the database cannot be used.
        ServeError: the port is taken, or jupyterhub is needed and not installed.
    """
    os.umask(0o077)  # the database has the tokens, and what participants sent
    with tempfile.TemporaryDirectory(prefix="jetlab-board-") as scratch:
        known = [challenges.read(folder) for folder in folders]
        if not known:
            known = [challenges.rehearse(Path(scratch) / "rehearsal", REHEARSAL)]
        board = Board(Store(db), known, per_hour)
        for each in known:
            print(challenges.advice(each))
        try:
            asyncio.run(_run(board, known, address, port, os.environ))
        finally:
            board.close()


async def _run(
    board: Board, known: Sequence[Challenge], address: str, port: int, environment: Mapping[str, str]
) -> None:
    prefix, hub = "/", None
    if SERVICE in environment:
        try:
            from jetlab.board.hub import authentication
        except ModuleNotFoundError as error:
            raise ServeError(
                "A hub's service needs jupyterhub: `pip install jupyterhub` where the board runs."
            ) from error

        prefix, hub = environment["JUPYTERHUB_SERVICE_PREFIX"], authentication()
        where = urlsplit(environment["JUPYTERHUB_SERVICE_URL"])
        address, port = where.hostname or address, where.port or port
    largest = max(len(each) for each in known)
    server = HTTPServer(
        application(board, prefix, hub),
        # Behind the hub's proxy it is the proxy that says who calls; elsewhere anybody could.
        xheaders=hub is not None,
        max_body_size=6 * largest + _REST,
        max_header_size=32_768,
        idle_connection_timeout=120,
        body_timeout=60,
    )
    try:
        sockets = bind_sockets(port, address)
    except OSError as error:
        raise ServeError(
            f"{address}:{port} cannot be listened at ({error.strerror}): name another --port, or end what uses it."
        ) from error
    server.add_sockets(sockets)
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    print(welcome(board, address, sockets[0].getsockname()[1], prefix, environment), flush=True)
    await over.wait()
    server.stop()
    await server.close_all_connections()


def welcome(board: Board, address: str, port: int, prefix: str, environment: Mapping[str, str]) -> str:
    """Say where the board is, and how to get in. Tokens that somebody chose are not repeated into a log."""
    host = socket.gethostname() if address in ("", "0.0.0.0", "::") else address
    url = f"http://{host}:{port}{prefix}"
    lines = [f"The board is at {url}"]
    if SERVICE in environment:  # whose users log in by their accounts
        return lines[0]
    if CLASS_TOKEN not in environment:
        lines.append(f"Participants, in a notebook: check.join({url!r}, {board.class_token!r})")
        lines.append(f"Participants' browsers log in with: {board.class_token}")
    if TEACHER_TOKEN not in environment:
        lines.append(f"The teacher's view, {url}teacher, asks for: {board.teacher_token}")
    return "\n".join(lines)
