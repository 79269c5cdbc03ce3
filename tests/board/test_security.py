"""What an attacker would try: tokens, other people's pages, markup, sizes, types, numbers, addresses."""

import base64
import json
import re
import socket
from pathlib import Path

import numpy as np
import pytest

from .boards import Served, packed, scores_of, serving

SCRIPT = "<script>alert(1)</script>"
QUOTES = "Robert'); DROP TABLE board_entries;--"
TEACHERS = [
    ("GET", "api/room", None),
    ("POST", "api/poll", {"question": "?", "choices": ["a", "b"]}),
    ("DELETE", "api/poll", None),
    ("POST", "api/challenges/W-tagger/end", None),
]
CLASS = ["api/state", "api/challenges/W-tagger/ranking.csv", "api/challenges/W-tagger/code/1"]


def wrong(served: Served, secret: str, **values: object) -> str:
    """Why an entry with these values is refused."""
    given = {"key": "0" * 32, "scores": packed(scores_of(2))} | values
    body = json.dumps({name: value for name, value in given.items() if value is not None})
    done = served.call("POST", "api/challenges/W-tagger/entries", secret, data=body)
    assert done.status_code == 400, done.text
    return done.json()["error"]


def test_without_a_token_nothing_is_told(served: Served) -> None:
    for path in CLASS:
        assert served.call("GET", path).status_code == 401, path
    for path in ("api/answers", "api/votes", "api/challenges/W-tagger/entries", "api/join"):
        for token in (None, "wrong", "teacher-token2", "\u00e9"):
            assert served.call("POST", path, token, json={"shares": True}).status_code in (400, 401), path
    for path in ("", "teacher"):
        done = served.call("GET", path, allow_redirects=False)
        assert (done.status_code, done.headers["Location"]) == (302, "/token")
    for token in ("", "wrong"):
        with pytest.raises(AssertionError, match="not a token of this board"):
            served.browser(token)


@pytest.mark.parametrize(("method", "path", "values"), TEACHERS)
def test_the_teachers_part_needs_the_teachers_token(served: Served, method: str, path: str, values: object) -> None:
    page = served.browser("class-token")
    assert page.request(method, served.url + path, json=values, timeout=60).status_code == 403
    # Neither by a notebook's secret nor by the token itself in the header, without having logged in.
    for token in (served.join(), "class-token", "teacher-token"):
        assert served.call(method, path, token, json=values).status_code in (401, 403)
    done = page.get(f"{served.url}teacher", timeout=60, allow_redirects=False)
    assert done.headers["Location"] == "/token"
    teacher = served.browser("teacher-token")
    assert teacher.request(method, served.url + path, json=values, timeout=60).status_code == 200


@pytest.mark.parametrize(("method", "path", "values"), TEACHERS[1:])
def test_another_sites_page_cannot_act_for_the_teacher(served: Served, method: str, path: str, values: object) -> None:
    teacher = served.browser("teacher-token")
    del teacher.headers["X-XSRFToken"]
    assert teacher.request(method, served.url + path, json=values, timeout=60).status_code == 403
    for cookie in teacher.cookies:
        assert cookie.get_nonstandard_attr("SameSite") == "Lax"
    assert next(each for each in teacher.cookies if each.name == "jetlab-board").has_nonstandard_attr("HttpOnly")


def test_a_forged_cookie_lets_nobody_in(served: Served) -> None:
    page = served.browser("class-token")
    real = page.cookies["jetlab-board"]
    value = base64.b64encode(b"teacher").decode()
    forged = re.sub(r"\|\d+:Y2xhc3M=\|", f"|{len(value)}:{value}|", real.strip('"'))
    assert forged != real
    for cookie in (forged, "teacher", "2|1:0|10:0|12:jetlab-board|12:dGVhY2hlcg==|00"):
        done = served.call("GET", "api/room", headers={"Cookie": f"jetlab-board={cookie}"})
        assert done.status_code == 401


def test_guessing_is_stopped(served: Served) -> None:
    secret = served.join()
    codes = [served.call("POST", "api/join", f"guess{n}", json={"shares": True}).status_code for n in range(31)]
    assert codes == [401] * 30 + [429]
    # The right one is not told from wrong ones any more, in no way in.
    done = served.call("POST", "api/join", "class-token", json={"shares": True})
    assert (done.status_code, done.headers["Retry-After"]) == (429, "300")
    with pytest.raises(AssertionError, match="Too many wrong tokens"):
        served.browser("teacher-token")
    # Whoever is in stays in.
    assert served.enter(secret, scores_of(2)).status_code == 201


def test_pages_forbid_what_they_do_not_need(served: Served) -> None:
    page = served.browser("teacher-token")
    for path in ("", "teacher", "token", "api/state", "static/style.css", "nowhere", "api/challenges/x/ranking.csv"):
        done = page.get(served.url + path, timeout=60)
        policy = done.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy, path
        assert "unsafe" not in policy
        assert done.headers["X-Content-Type-Options"] == "nosniff"
        assert "Server" not in done.headers
    for file in (Path(__file__).parents[2] / "jetlab" / "board" / "static").glob("*.html"):
        assert not re.search(r"<script>|<style>|\son\w+=|\sstyle=|https?://", file.read_text()), file


def test_markup_stays_text(served: Served) -> None:
    secret = served.join(SCRIPT)
    assert served.enter(secret, scores_of(2), group=SCRIPT, note=SCRIPT, config=SCRIPT).status_code == 201
    page = served.browser("class-token")
    for path in CLASS:
        done = page.get(served.url + path, timeout=60)
        assert not done.headers["Content-Type"].startswith("text/html")
    missing = page.get(f"{served.url}api/challenges/{SCRIPT}/ranking.csv", timeout=60)
    assert missing.headers["Content-Type"].startswith("application/json")
    session = page.post(f"{served.url}token", {"token": SCRIPT, "_xsrf": page.cookies["jetlab-board-xsrf"]}, timeout=60)
    assert SCRIPT not in session.text


def test_quotes_are_no_commands(served: Served) -> None:
    secret = served.join(QUOTES[:40])
    assert served.enter(secret, scores_of(2), note=QUOTES, group=QUOTES[:40], config=QUOTES).status_code == 201
    (row,) = served.state()["challenges"][0]["rows"]
    assert (row["by"], row["note"]) == (QUOTES[:40], QUOTES)
    for token in (QUOTES.replace(" ", ""), "'OR'1'='1"):
        assert served.call("POST", "api/votes", token, json={"choice": "a"}).status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "api/challenges/..%2f..%2fboard.db/jets",
        "api/challenges/../../board.db/jets",
        "api/challenges/%2e%2e/jets",
        "api/challenges/W-tagger%00/jets",
        "static/../state.py",
        "static/..%2fstate.py",
        "static/%2e%2e/state.py",
        "static/board.html",
        "static//etc/passwd",
    ],
)
def test_addresses_lead_to_no_other_file(served: Served, path: str) -> None:
    secret = served.join()
    with socket.create_connection(("127.0.0.1", int(served.url.split(":")[2].strip("/")))) as connection:
        # requests would tidy the address up
        head = f"GET /{path} HTTP/1.1\r\nHost: x\r\nAuthorization: token {secret}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode())
        said = b""
        while chunk := connection.recv(65536):
            said += chunk
    assert re.match(rb"HTTP/1.1 40[034] ", said), said[:100]


def test_bodies_are_limited(served: Served) -> None:
    secret = served.join()
    done = served.call("POST", "api/answers", secret, data=b" " * 64_001)
    assert done.status_code == 413
    # More than any entry has is not even read.
    with socket.create_connection(("127.0.0.1", int(served.url.split(":")[2].strip("/")))) as connection:
        connection.sendall(b"POST /api/answers HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")
    assert "20,001 characters" in wrong(served, secret, config="x" * 20_001)
    assert "41 characters" in wrong(served, secret, group="x" * 41)
    assert "201 characters" in wrong(served, secret, note="x" * 201)
    assert served.board.store.entries("W-tagger") == []


def test_scores_are_checked(served: Served) -> None:
    secret, good = served.join(), scores_of(2)
    for value in (np.nan, np.inf, -np.inf):
        assert "1 of 400 scores are not finite" in wrong(served, secret, scores=packed([value, *good[1:]]))
    for value in (-0.001, 1.001, 3e38):
        assert "below 0 or above 1" in wrong(served, secret, scores=packed([value, *good[1:]]))
    assert "399 scores for 400 jets" in wrong(served, secret, scores=packed(good[1:]))
    assert "0 scores for 400 jets" in wrong(served, secret, scores="")
    assert "not base64" in wrong(served, secret, scores="\u00e9" * 10)
    assert "not base64" in wrong(served, secret, scores="!" + packed(good)[1:])
    for value in (good.tolist(), 1, True, {"a": 1}):
        assert "not a text" in wrong(served, secret, scores=value)
    assert "missing" in wrong(served, secret, scores=None)


def test_types_are_checked(served: Served) -> None:
    secret = served.join()
    for value in (1, [], "A" * 32, "0" * 31, "0" * 33, {}):
        assert "hexadecimal" in wrong(served, secret, key=value)
    for name in ("note", "group", "config"):
        for value in (1, ["x"], {"x": 1}, True):
            assert "not a text" in wrong(served, secret, **{name: value})
        for value in ("\x00", "a\x1bb", "\u202egnp.exe", "\ud800"):
            assert "cannot be shown" in wrong(served, secret, **{name: f"x{value}y"})
    assert "no field 'is_admin'" in wrong(served, secret, is_admin=True)
    for body in (b"[]", b"1", b'"x"', b"", b"{", b"\xff\xfe", b'{"key": NaN}', b"[" * 60_000, b"null"):
        for path in ("api/answers", "api/votes", "api/challenges/W-tagger/entries"):
            done = served.call("POST", path, secret, data=body)
            assert done.status_code == 400, (path, body[:10], done.text)
    for values in ({"shares": "yes"}, {"shares": 1}, {"name": 5, "shares": True}):
        assert served.call("POST", "api/join", "class-token", json=values).status_code == 400
    for exercise, state in (("M2.99", "right"), ("M2.01", "best"), (SCRIPT, "right"), (5, "right"), ("M2.01", [])):
        assert served.answer(secret, exercise, state).status_code == 400
    teacher = served.browser("teacher-token")
    for choices in ([], ["a"], ["a", "A"], ["a", ""], ["a", 5], "ab", list("abcdefghi"), ["a", "x" * 41]):
        done = teacher.post(f"{served.url}api/poll", json={"question": "?", "choices": choices}, timeout=60)
        assert done.status_code == 400, choices


def test_a_fault_tells_nothing_of_itself(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("postgresql://user:password@host")

    secret = served.join()
    monkeypatch.setattr(served.board.store, "participant", fails)
    done = served.enter(secret, scores_of(2))
    assert (done.status_code, done.json()) == (500, {"error": "Internal Server Error"})


def test_messages_are_limited(served: Served) -> None:
    secret = served.join()
    codes = [served.answer(secret, "M2.01", "wrong", key=number).status_code for number in range(121)]
    assert codes == [201] * 120 + [429]
    assert served.answer(served.join(), "M2.01", "wrong").status_code == 201


def test_what_is_kept_has_no_secret_in_it(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        secret = served.join()
        content = b"".join(file.read_bytes() for file in tmp_path.glob("board.db*"))
    assert b"board_participants" in content
    assert secret.encode() not in content
    assert b"teacher-token" not in content
