"""The class's board (`jetlab board serve`), from a participant's notebook. Nothing is sent before `check.join()`.

Who has joined can load the jets of a challenge (`check.challenge`), enter scores (`check.submit`) and vote in a poll
(`check.vote`). Who shares their progress also tells the board of each exercise that they answer, from a thread: a board
that is slow or gone holds up no cell and breaks none. `check.leave()` ends it.
"""

import base64
import contextlib
import hashlib
import json
import os
import tempfile
import threading
import time
import uuid
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np
import requests
from numpy.typing import ArrayLike, NDArray

from jetlab import io
from jetlab.check import solved
from jetlab.config import RunConfig
from jetlab.errors import JetlabError
from jetlab.io.sample import JetSample
from jetlab.metrics.estimate import Estimate

URL, TOKEN, HUB_TOKEN = "JETLAB_BOARD_URL", "JETLAB_BOARD_TOKEN", "JUPYTERHUB_API_TOKEN"
#: Seconds to wait for a connection and for an answer, where somebody waits for it and where nobody does.
PATIENCE, IN_PASSING = (5, 60), (3, 10)
#: How often a call is made again, after waiting this many seconds at first, twice as many each time.
RETRIES, PAUSE = 3, 0.5
LONGEST_HINT = 400
#: Status of HTTP where the board does not know a participant, and where it did not take what they sent.
UNKNOWN = (401, 403)
NOT_TAKEN = (*UNKNOWN, 429, *range(500, 600))
GONE = (
    "The class's board does not answer, or does not know you any more, so what you solve is not shared for now. It is "
    "kept here all the same: just go on. check.join() joins again, check.leave() ends it."
)


class BoardError(JetlabError):
    """The board cannot be reached, or refuses something; the message says why and what to do."""


@dataclass(frozen=True)
class Membership:
    """Who this participant is to the board at `url`: a secret, what they are called, whether they share progress."""

    url: str
    secret: str
    shown: str
    shares: bool


class Sharing:
    """Answers on their way to the board, sent one after the other by a thread that ends when there are no more."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.waiting: deque[tuple[Membership, dict[str, str]]] = deque(maxlen=200)
        self.thread: threading.Thread | None = None
        self.trouble = self.said = False

    def add(self, member: Membership, answer: dict[str, str]) -> None:
        """Send an answer when those before it are sent."""
        with self.lock:
            self.waiting.append((member, answer))
            if self.thread is None:
                self.thread = threading.Thread(target=self._send, name="class board", daemon=True)
                self.thread.start()

    def forget(self) -> None:
        """Send nothing of what waits."""
        with self.lock:
            self.waiting.clear()

    def _send(self) -> None:
        while True:
            with self.lock:
                if not self.waiting:
                    self.thread = None
                    return
                member, answer = self.waiting[0]
            status = _status(member, answer)
            with self.lock:
                self.trouble = status in NOT_TAKEN
                if self.trouble and status not in UNKNOWN:  # it goes with the next one
                    self.thread = None
                    return
                self.said = self.said and self.trouble
                with contextlib.suppress(IndexError):  # who left meanwhile has no more to send
                    self.waiting.popleft()


def _status(member: Membership, answer: dict[str, str]) -> int:
    """What the board answers to an answer, as status of HTTP; 503 where it does not."""
    try:
        header = _header(member.secret)
        return requests.post(f"{member.url}api/answers", json=answer, headers=header, timeout=IN_PASSING).status_code
    except requests.RequestException:
        return 503


#: What this kernel has to tell.
SHARING = Sharing()
#: The membership of this session, where it could not be kept in a file.
_UNKEPT: list[Membership] = []


def join(
    url: str | None = None, token: str | None = None, share_progress: bool = True, name: str | None = None
) -> None:
    """Join the class's board, and print what it will be told, from all notebooks here, until `check.leave()`.

    Args:
        url: address of the board; None: that of the environment, JETLAB_BOARD_URL, which a hub sets.
        token: of the class; None: that of the environment, JETLAB_BOARD_TOKEN or, on a hub, your server's own.
        share_progress: tell the board of each exercise and build task that is answered.
        name: what to be called; None: "participant 7" or the like.

    Raises BoardError.
    """
    url = url or os.environ.get(URL)
    token = token or os.environ.get(TOKEN) or os.environ.get(HUB_TOKEN)
    if not url or not token:
        raise BoardError('Which board? Ask your teacher: check.join("http://...", "the class\'s token").')
    if not url.startswith(("http://", "https://")):
        raise BoardError(f"{url} is no address of a board: these begin with http:// or https://.")
    if not token.isascii() or any(sign.isspace() for sign in token):
        raise BoardError("The token has a space or a character that tokens do not have: copy it again.")
    url = url.rstrip("/") + "/"
    values = {"name": name or "", "shares": share_progress}
    member = _membership()
    if member is not None and member.url == url:
        done = _call("PUT", f"{url}api/join", member.secret, values)
        secret = member.secret
    if member is None or member.url != url or done.status_code == 401:
        SHARING.forget()
        done = _call("POST", f"{url}api/join", token, values)
        secret = _said(done).get("secret", "")
    shown = str(_said(done)["shown"])
    _keep(Membership(url, secret, shown, share_progress))
    print(f"You have joined the board at {url} as {shown}.")
    if not share_progress:
        print("Your progress is not shared. The board is sent what you submit and vote, and nothing else.")
        return
    print(
        "From now on, each time that you check an exercise or a build task in any notebook here, the board is sent\n"
        "its name, whether it was right, and the hint that was shown, which may quote an error of your code. It is\n"
        f"not sent what you typed. The teacher sees this as of {shown}. check.leave() ends it and deletes it."
    )


def leave() -> None:
    """Share nothing any more, and have the board delete the progress that was shared; entries and votes stay there."""
    SHARING.forget()
    member = _membership()
    _keep(None)
    if member is None:
        print("You have not joined a board; nothing is shared.")
        return
    print("From now on nothing is sent.")
    try:
        _said(_call("PUT", f"{member.url}api/join", member.secret, {"name": "", "shares": False}))
    except BoardError as error:
        print(f"What was shared before is still on the board. {error}")
    else:
        print(
            "The progress that you shared was deleted from the board. Entries and votes stay there, without your name."
        )


def challenge(name: str) -> JetSample:
    """The jets of a challenge, (n_jets,), without labels, in the order in which scores are to be given.

    Raises BoardError.
    """
    member = _member()
    done = _call("GET", f"{member.url}api/challenges/{quote(name, safe='')}/jets", member.secret)
    if done.status_code != 200:
        _said(done)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"challenge {name.replace('/', ' ')}.h5"
        path.write_bytes(done.content)
        return io.read(path)


def submit(name: str, scores: ArrayLike, note: str = "", config: Any = None, group: str = "") -> None:
    """Enter scores in a challenge, and print how good they are on the half of its jets that is public.

    The same entry counts once, however often it is sent. The class sees the note, the configuration and the group.

    Args:
        name: of the challenge.
        scores: (n_jets,) or (n_jets, 1), from 0 (QCD) to 1 (W), in the order of `check.challenge`.
        note: what it is, in a few words.
        config: what made it: a RunConfig, a Keras model, or code as a text.
        group: with whom it was made; groups are ranked by their best entry.

    Raises BoardError.
    """
    member, values = _member(), _scores(scores)
    texts = {"note": note, "group": group, "config": _described(config)}
    packed = base64.b64encode(values.tobytes()).decode()
    key = hashlib.sha256(json.dumps([name, packed, texts], sort_keys=True).encode("utf-8", "replace")).hexdigest()[:32]
    address = f"{member.url}api/challenges/{quote(name, safe='')}/entries"
    said = _said(_call("POST", address, member.secret, {"key": key, "scores": packed, **texts}))
    auc, rejection = (_estimate(said["public"][figure]) for figure in ("auc", "rejection_50"))
    print(f"{name}: AUC {auc}, 1/εB {rejection} at εS = 0.5, on the public half of the jets.")
    left = said["left"]
    # A hub's users reach its services from inside by another address than with their browsers.
    page = f"{urlsplit(member.url).path} of your hub" if HUB_TOKEN in os.environ else member.url
    print(f"The ranking is at {page}" + ("." if left is None else f"; you have {left} more entries this hour."))


def vote(choice: str | None = None) -> None:
    """Vote in the poll that is open; a later vote replaces it. Without a choice, print what is asked.

    Raises BoardError.
    """
    member = _member()
    if choice is None:
        asked = _said(_call("GET", f"{member.url}api/votes", member.secret))
        print(asked["question"])
        for each in asked["choices"]:
            print(f"  check.vote({each!r})")
        return
    said = _said(_call("POST", f"{member.url}api/votes", member.secret, {"choice": choice}))
    print(f"Your vote is {said['choice']}.")


def told(name: str, said: str, right: str, unanswered: str) -> None:
    """Share what was said of an exercise, if its participant shares.

    `right` is what is said of the right answer, `unanswered` how it begins where there is none. It returns at once and
    never raises. That the board is gone is said once.
    """
    member = _membership()
    if member is None or not member.shares or solved.in_solution():
        return
    if SHARING.trouble and not SHARING.said:
        SHARING.said = True
        print(GONE)
    state = "right" if said == right else "seen" if said.startswith(unanswered) else "wrong"
    hint = _tidy(said.removeprefix("hint: "))[:LONGEST_HINT] if state == "wrong" else ""
    SHARING.add(member, {"key": uuid.uuid4().hex, "exercise": name, "state": state, "hint": hint})


def _tidy(text: str) -> str:
    """Without what the board would refuse: a participant's error may have any character in its text."""
    return "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in text)


def _estimate(pair: list[float | None]) -> str:
    value, error = (np.inf if each is None else each for each in pair)
    return str(Estimate(value, error)) if np.isfinite(value) else "beyond what these jets can tell"


def _scores(scores: ArrayLike) -> NDArray[np.float32]:
    try:
        values = np.asarray(scores, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BoardError("Scores are numbers, one for each jet, such as `model.predict(x)`.") from error
    values = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
    if values.ndim != 1:
        raise BoardError(f"Scores have the shape {values.shape}; give one number for each jet.")
    if not np.isfinite(values).all():
        raise BoardError("Some scores are not finite: are the inputs scaled as those that it was trained with?")
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        raise BoardError("Some scores are below 0 or above 1: give what a last layer with a sigmoid puts out.")
    return values.astype("<f4")


def _described(config: Any) -> str:
    """What made an entry, as a text."""
    if config is None or isinstance(config, str):
        return config or ""
    if isinstance(config, RunConfig):
        return config.to_json()
    if hasattr(config, "summary"):
        lines: list[str] = []
        config.summary(print_fn=lines.append, line_length=80)
        return "\n".join(lines)
    raise BoardError(f"config is a {type(config).__name__}; give a RunConfig, a Keras model, or code as a text.")


def _call(method: str, address: str, token: str, values: Any = None) -> requests.Response:
    """Call the board, again where it does not answer; whatever is sent is such that it counts once."""
    for attempt in range(RETRIES + 1):
        try:
            done = requests.request(method, address, json=values, headers=_header(token), timeout=PATIENCE)
        except requests.RequestException as error:
            trouble = type(error).__name__
        else:
            if done.status_code not in (502, 503, 504):
                return done
            trouble = f"{done.status_code} {done.reason}"
        if attempt < RETRIES:
            time.sleep(PAUSE * 2**attempt)
    board = address.partition("api/")[0]
    raise BoardError(f"The board at {board} does not answer ({trouble}): try again, or ask whether it is running.")


def _said(done: requests.Response) -> dict[str, Any]:
    """What the board answered. Raises BoardError with what it said if it refused, or if this is no board."""
    try:
        said = done.json()
    except requests.JSONDecodeError as error:
        raise BoardError(f"{done.url} is no board of a class: check the address.") from error
    if done.status_code >= 400 or not isinstance(said, dict):
        reason = said.get("error", done.reason) if isinstance(said, dict) else done.reason
        raise BoardError(str(reason))
    return said


def _header(token: str) -> dict[str, str]:
    return {"Authorization": f"token {token}"}


def _file() -> Path:
    return solved.folder() / "board.json"


def _membership() -> Membership | None:
    """The membership that another notebook may have changed meanwhile; None without one."""
    try:
        return Membership(**json.loads(_file().read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # none, or damaged: whoever wants it joins again
        return _UNKEPT[0] if _UNKEPT else None


def _member() -> Membership:
    member = _membership()
    if member is None:
        raise BoardError("You have not joined a board yet: check.join().")
    return member


def _keep(member: Membership | None) -> None:
    """Keep a membership for the other notebooks, readable by nobody else; without one, take away what was kept."""
    _UNKEPT[:] = []
    try:
        _file().unlink(missing_ok=True)
        if member is not None:
            _file().parent.mkdir(parents=True, exist_ok=True)
            with open(os.open(_file(), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                json.dump(asdict(member), file)
    except OSError:  # a home that cannot be written: for this notebook only
        _UNKEPT[:] = [member] if member else []
