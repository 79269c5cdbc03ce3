"""The board by HTTP: pages for the class and the teacher, and what notebooks call.

Notebooks show a secret in the header `Authorization: token ...`, browsers a signed cookie; no request is let in by the
one where the other is asked for, so a page of somebody else's cannot act by a visitor's cookie.
"""

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tornado import web

from jetlab.board import forms, views
from jetlab.board.challenge import Challenge
from jetlab.board.forms import Refused
from jetlab.board.state import MOST_PARTICIPANTS, Board
from jetlab.board.store import Participant

PAGES = Path(__file__).parent / "static"
SESSION, XSRF = "jetlab-board", "jetlab-board-xsrf"
#: Days after which a browser has to log in again.
SESSION_DAYS = 1
#: Bytes of a message that has no scores.
SMALL = 64_000
_TOKEN = re.compile(r"(?:token|bearer)\s+(\S{1,200})", re.IGNORECASE)
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


class Handler(web.RequestHandler):
    """What all share: the board, headers, the role of a browser's visitor, errors in a sentence."""

    board: Board
    large = False

    def initialize(self, board: Board) -> None:
        """Take the board."""
        self.board = board

    def set_default_headers(self) -> None:
        """Forbid what no page needs."""
        _guard(self)

    def prepare(self) -> None:
        """Refuse bodies that are larger than what they may hold."""
        if not self.large and len(self.request.body) > SMALL:
            raise Refused(413, f"The message has more than {SMALL:,} bytes.")

    def get_current_user(self) -> str | None:
        """The role of a browser that logged in, teacher or class; None for others."""
        role = self.get_signed_cookie(SESSION, max_age_days=SESSION_DAYS)
        return role.decode() if role in (b"teacher", b"class") else None

    def let_in(self, role: str) -> None:
        """Remember a browser's role."""
        secure = self.request.protocol == "https"
        path = self.settings["prefix"]
        options: dict[str, Any] = {"httponly": True, "samesite": "Lax", "secure": secure, "path": path}
        self.set_signed_cookie(SESSION, role, expires_days=SESSION_DAYS, **options)
        self.redirect(f"{path}{'teacher' if role == 'teacher' else ''}")

    def role_of(self, token: str) -> str | None:
        """What a token lets in as. Raises Refused while too many wrong ones came from this address."""
        address = self.request.remote_ip or ""
        if self.board.wrong.reached(address):
            raise Refused(429, "Too many wrong tokens came from your address: wait five minutes.")
        role = self.board.role(token)
        if role is None:
            self.board.wrong.spend(address)
        return role

    def log_exception(self, typ: Any, value: BaseException | None, tb: Any) -> None:
        """What is refused is no fault of the board: no traceback, and nothing of what was sent."""
        if not isinstance(value, Refused):
            super().log_exception(typ, value, tb)

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """Answer with the status of what was refused."""
        error = kwargs.get("exc_info", (None, None))[1]
        super().send_error(error.status if isinstance(error, Refused) else status_code, **kwargs)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Say what is wrong, as JSON: of a fault of the board itself nothing but that there is one."""
        error = kwargs.get("exc_info", (None, None))[1]
        if status_code == 429:
            self.set_header("Retry-After", "300")
        self.finish({"error": str(error) if isinstance(error, Refused) else self._reason})

    def challenge(self, name: str) -> Challenge:
        """The challenge of this name; no file is looked for by what was sent. Raises Refused."""
        found = self.board.challenges.get(name)
        if found is None:
            raise Refused(404, f"There is no such challenge; there are: {', '.join(self.board.challenges) or 'none'}.")
        return found


class Page(Handler):
    """A page for browsers that are logged in."""

    def initialize(self, board: Board, file: str = "", teachers: bool = False) -> None:
        """Take the board, the page's file, and whether it is for teachers only."""
        super().initialize(board)
        self.file, self.teachers = file, teachers

    def get(self) -> None:
        """Show it, or ask for a token."""
        if self.current_user is None:
            self.redirect(f"{self.settings['prefix']}{self.settings['login']}")
            return
        if self.teachers and self.current_user != "teacher":
            self.redirect(f"{self.settings['prefix']}token")
            return
        assert self.xsrf_token  # to ask for it is to set its cookie
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish((PAGES / self.file).read_bytes())


class Token(Handler):
    """Log in by a token."""

    def get(self) -> None:
        """Show the form."""
        self._show("")

    def post(self) -> None:
        """Take a token; a wrong one is answered by the form again."""
        try:
            role = self.role_of(self.get_body_argument("token", "", strip=True))
        except Refused as error:
            self.set_status(error.status)
            self._show(str(error))
            return
        if role is None:
            self.set_status(401)
            self._show("This is not a token of this board: look whether it was copied whole.")
            return
        self.let_in(role)

    def _show(self, said: str) -> None:
        self.render(str(PAGES / "token.html"), said=said)


class Signed(Handler):
    """What pages ask for: only for browsers that are logged in."""

    teachers = False

    def prepare(self) -> None:
        """Let in who is logged in as what is needed."""
        super().prepare()
        if self.current_user is None:
            raise Refused(401, "You are not logged in: load the page again.")
        if self.teachers and self.current_user != "teacher":
            raise Refused(403, "This is for teachers: log in with the teacher's token.")


class State(Signed):
    """Rankings and the poll."""

    async def get(self) -> None:
        """Send them; 304 where nothing has changed."""
        self.finish(await self.board.state())


class Csv(Signed):
    """A ranking as a file."""

    async def get(self, name: str) -> None:
        """Send it."""
        challenge = self.challenge(name)
        ranked = await self.board.ranking(challenge)
        self.set_header("Content-Type", "text/csv; charset=utf-8")
        self.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{quote(challenge.name, safe='')}.csv")
        self.finish(views.table(ranked))


class Code(Signed):
    """The configuration or code of an entry in the ranking."""

    async def get(self, name: str, number: str) -> None:
        """Send it as a text, which the page shows as such."""
        ranked = await self.board.ranking(self.challenge(name))
        for row in ranked["rows"]:
            if row["entry"] == int(number):
                self.finish({"name": row["name"], "note": row["note"], "code": row["config"]})
                return
        raise Refused(404, "This entry is not in the ranking any more: load the page again.")


class Room(Signed):
    """How the room gets on."""

    teachers = True

    async def get(self) -> None:
        """Send it, and what the class sees."""
        self.finish({**await self.board.state(), "room": await self.board.room()})


class Poll(Signed):
    """Open a poll, or close the one that is open."""

    teachers = True

    async def post(self) -> None:
        """Open one: question and choices."""
        values = forms.form(self.request.body, {"question": True, "choices": True})
        question = forms.text(values, "question", forms.QUESTION)
        if not question:
            raise Refused(400, "The question is empty.")
        await self.board.keep(self.board.store.ask, question, forms.choices(values))
        self.finish({})

    async def delete(self) -> None:
        """Close it."""
        await self.board.keep(self.board.store.close_poll)
        self.finish({})


class End(Signed):
    """End a challenge."""

    teachers = True

    async def post(self, name: str) -> None:
        """From now on all see the private half."""
        await self.board.end(self.challenge(name))
        self.finish({})


class Notebook(Handler):
    """What notebooks call, with a token or a participant's secret in a header; cookies are not looked at."""

    def check_xsrf_cookie(self) -> None:
        """Nothing here is done for a cookie, so no other page can make a browser do it."""

    def given_token(self) -> str:
        """The token of the header. Raises Refused."""
        found = _TOKEN.fullmatch(self.request.headers.get("Authorization", ""))
        if found is None:
            raise Refused(401, "There is no token: join the board first, by check.join().")
        return found[1]

    async def participant(self) -> Participant:
        """Who calls. Raises Refused."""
        secret = self.given_token()
        found = await self.board.keep(self.board.store.participant, secret)
        if found is None:
            raise Refused(401, "The board does not know you: join it again, by check.join().")
        return found


class Join(Notebook):
    """Become a participant, or change the name or what is shared."""

    async def post(self) -> None:
        """Join, with the class's token or one of the hub's; answers with number and secret."""
        values = forms.form(self.request.body, {"name": False, "shares": True})
        name, shares = forms.text(values, "name", forms.SHORT), forms.flag(values, "shares")
        login = await self._login()
        participant, secret = await self.board.keep(self.board.store.join, name, shares, login, MOST_PARTICIPANTS)
        self.finish({"participant": participant.id, "shown": participant.shown, "secret": secret})

    async def put(self) -> None:
        """Change name and sharing of who has joined."""
        participant = await self.participant()
        values = forms.form(self.request.body, {"name": False, "shares": True})
        name, shares = forms.text(values, "name", forms.SHORT), forms.flag(values, "shares")
        changed = await self.board.keep(self.board.store.change, participant, name, shares)
        self.finish({"participant": changed.id, "shown": changed.shown})

    async def _login(self) -> str | None:
        """The name that the hub knows by this token; None for the class's token. Raises Refused for any other."""
        token = self.given_token()
        hub = self.settings["hub"]
        if hub is not None and self.board.role(token) is None:
            from jetlab.board.hub import may_enter

            user = await hub.user_for_token(token, sync=False)
            if user and may_enter(hub, user):
                return str(user["name"])
        if self.role_of(token) is None:
            raise Refused(401, "This is not the token of this board: look whether it was copied whole.")
        return None


class Jets(Notebook):
    """The jets of a challenge, without labels."""

    async def get(self, name: str) -> None:
        """Send the file."""
        await self.participant()
        self.set_header("Content-Type", "application/x-hdf5")
        with self.challenge(name).jets.open("rb") as file:
            while chunk := file.read(1 << 18):
                self.write(chunk)
                await self.flush()


class Entries(Notebook):
    """Entries to a challenge."""

    large = True

    async def post(self, name: str) -> None:
        """Take one."""
        participant = await self.participant()
        challenge = self.challenge(name)
        needed = {"key": True, "scores": True, "note": False, "group": False, "config": False}
        values = forms.form(self.request.body, needed)
        texts = {
            "note": forms.text(values, "note", forms.NOTE),
            "group": forms.text(values, "group", forms.SHORT),
            "config": forms.text(values, "config", forms.CODE, lines=True),
        }
        key, scores = forms.key(values), forms.scores(values, len(challenge))
        self.set_status(201)
        self.finish(await self.board.enter(participant, challenge, key, scores, texts))


class Answers(Notebook):
    """Progress that is shared."""

    async def post(self) -> None:
        """Take one answer."""
        participant = await self.participant()
        values = forms.form(self.request.body, {"key": True, "exercise": True, "state": True, "hint": False})
        taken = {
            "key": forms.key(values),
            "exercise": forms.one_of(values, "exercise", self.board.exercises),
            "state": forms.one_of(values, "state", forms.STATES),
            "hint": forms.text(values, "hint", forms.HINT, lines=True),
        }
        await self.board.answer(participant, taken)
        self.set_status(201)
        self.finish({})


class Votes(Notebook):
    """The poll, for notebooks."""

    async def get(self) -> None:
        """Send the question, without the votes: nobody is to follow the others."""
        await self.participant()
        poll = await self.board.keep(self.board.store.poll)
        if poll is None or poll["closed"]:
            raise Refused(409, "No poll is open.")
        self.finish({"question": poll["question"], "choices": poll["choices"]})

    async def post(self) -> None:
        """Take a vote."""
        participant = await self.participant()
        self.board.spend_message(participant)
        choice = forms.text(forms.form(self.request.body, {"choice": True}), "choice", forms.SHORT)
        self.finish({"choice": await self.board.keep(self.board.store.vote, participant, choice)})


class Static(web.StaticFileHandler):
    """Style and scripts of the pages."""

    def set_default_headers(self) -> None:
        """Forbid what no page needs."""
        _guard(self)


def _guard(handler: web.RequestHandler) -> None:
    for name, value in _HEADERS.items():
        handler.set_header(name, value)
    handler.clear_header("Server")


class Missing(Handler):
    """Any other address."""

    def prepare(self) -> None:
        """Say so."""
        raise Refused(404, "There is nothing at this address.")


def application(board: Board, prefix: str = "/", hub: Any = None) -> web.Application:
    """The board as an application of tornado below `prefix`, which ends in a slash; `hub` is jupyterhub's HubOAuth."""
    given = {"board": board}
    challenge = r"api/challenges/([^/]+)"
    routes: list[tuple[str, Any, dict[str, Any]]] = [
        ("", Page, {**given, "file": "board.html"}),
        ("teacher", Page, {**given, "file": "teacher.html", "teachers": True}),
        ("token", Token, given),
        ("api/state", State, given),
        ("api/room", Room, given),
        ("api/poll", Poll, given),
        (f"{challenge}/end", End, given),
        (rf"{challenge}/code/([0-9]{{1,9}})", Code, given),
        (f"{challenge}/ranking.csv", Csv, given),
        ("api/join", Join, given),
        (f"{challenge}/jets", Jets, given),
        (f"{challenge}/entries", Entries, given),
        ("api/answers", Answers, given),
        ("api/votes", Votes, given),
    ]
    if hub is not None:
        from jetlab.board.hub import Callback, Login

        routes += [("login", Login, given), ("oauth_callback", Callback, {})]
    urls: list[Any] = [(re.escape(prefix) + path, handler, options) for path, handler, options in routes]
    if prefix != "/":
        urls.append((re.escape(prefix.rstrip("/")), web.RedirectHandler, {"url": prefix}))
    urls.append((re.escape(prefix) + r"static/([a-z]+\.(?:js|css|svg))", Static, {"path": str(PAGES)}))
    return web.Application(
        urls,
        prefix=prefix,
        hub=hub,
        login="login" if hub is not None else "token",
        cookie_secret=board.cookie_secret,
        xsrf_cookies=True,
        xsrf_cookie_name=XSRF,
        xsrf_cookie_kwargs={"samesite": "Lax", "path": prefix},
        default_handler_class=Missing,
        default_handler_args=given,
    )
