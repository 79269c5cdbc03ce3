"""The board on a real PostgreSQL, started for the test: many entries at once, answers, a poll, and a start anew."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tornado.testing import bind_unused_port

from .boards import Served, scores_of, serving

pytest.importorskip("psycopg", reason="psycopg is not installed")


@pytest.fixture
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an empty database."""
    folders = [*sorted(Path("/usr/lib/postgresql").glob("*/bin")), *map(Path, os.get_exec_path())]
    programs = next((folder for folder in folders if (folder / "initdb").exists()), None)
    if programs is None:
        pytest.skip("no PostgreSQL here: initdb and postgres are missing (Debian: apt-get install postgresql)")
    folder = tmp_path_factory.mktemp("postgresql")
    who: list[str] = []
    if os.geteuid() == 0:  # which PostgreSQL refuses to run as
        if shutil.which("runuser") is None:
            pytest.skip("PostgreSQL does not run as root, and runuser is missing")
        who = ["runuser", "-u", "postgres", "--"]
        # The user needs to come to the folder, which pytest keeps to itself.
        folder = Path(subprocess.run([*who, "mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip())
    socket, port = bind_unused_port()
    socket.close()
    data = str(folder / "data")
    command = [*who, str(programs / "initdb"), "--auth=trust", "--username=board", "--no-sync", "--pgdata", data]
    subprocess.run(command, cwd="/", check=True, capture_output=True)
    settings = ["-c", f"unix_socket_directories={folder}", "-c", "listen_addresses=127.0.0.1", "-c", f"port={port}"]
    control = [*who, str(programs / "pg_ctl"), "--pgdata", data, "--wait", "--log", str(folder / "log")]
    subprocess.run([*control, "start", "-o", " ".join(settings)], cwd="/", check=True, capture_output=True)
    yield f"postgresql+psycopg://board@127.0.0.1:{port}/postgres"
    subprocess.run([*control, "stop", "--mode", "immediate"], cwd="/", check=True, capture_output=True)
    subprocess.run([*who, "rm", "-r", str(folder)], cwd="/", check=True)


def test_a_class_on_postgresql(database: str, tmp_path: Path) -> None:
    with serving(tmp_path, db=database) as served:
        first = play(served)
    # Another start finds what was kept.
    with serving(tmp_path, db=database) as served:
        (challenge,) = served.state()["challenges"]
        assert challenge["entries"] == 30
        assert challenge["ended"]
        assert served.board.store.participant(first) is not None


def play(served: Served) -> str:
    secrets = [served.join(f"Zoë {number}") for number in range(30)]
    with ThreadPoolExecutor(30) as threads:
        sent = [threads.submit(served.enter, secret, scores_of(2, 1), note="ε", config="a\nb") for secret in secrets]
        assert {each.result().status_code for each in sent} == {201}
    assert served.enter(secrets[0], scores_of(2, 1)).json()["entry"] <= 30  # the same again
    assert served.enter(secrets[0], scores_of(2, 1), key=9, note="a\x00b").status_code == 400
    served.answer(secrets[0], "M2.01", "wrong", "count again")
    teacher = served.browser("teacher-token")
    ask = {"question": "Which?", "choices": ["dense", "LSTM"]}
    assert teacher.post(f"{served.url}api/poll", json=ask, timeout=60).status_code == 200
    for choice in ("dense", "LSTM"):
        served.call("POST", "api/votes", secrets[0], json={"choice": choice})
    seen = teacher.get(f"{served.url}api/room", timeout=60).json()
    assert seen["poll"]["votes"] == [0, 1]
    assert [row["states"] for row in seen["room"]["rows"]] == [["wrong"]]
    assert teacher.post(f"{served.url}api/challenges/W-tagger/end", timeout=60).status_code == 200
    served.call("PUT", "api/join", secrets[0], json={"shares": False})
    assert served.board.store.answers() == []
    return secrets[0]
