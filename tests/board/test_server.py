"""The command: what it prints, that nothing accepted is lost when it is killed, databases, challenges."""

import dataclasses
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import requests

from jetlab import catalog, cli, io
from jetlab.board import challenge
from jetlab.board.challenge import ChallengeError
from jetlab.board.server import welcome
from jetlab.io.sample import JetSample

from .boards import TOKENS, packed, serving


@contextmanager
def command(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen, str, list[str]]]:
    """`jetlab board serve` in a process of its own, its address, and the tokens that it printed."""
    line = [sys.executable, "-m", "jetlab", "board", "serve", "--port", "0", *words]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JETLAB_BOARD")}
    with subprocess.Popen(line, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            said = "".join(process.stdout.readline() for _ in range(6))
            url, joined, taught = (
                re.search(f"{before}(\\S+)", said)[1] for before in ("The board is at ", "log in with: ", "asks for: ")
            )
            assert f"check.join('{url}', '{joined}')" in said
            assert "labels of its jets come with the kit" in said
            yield process, url, [joined, taught]
        finally:
            process.kill()


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("challenge") / "made"
    assert cli.main(["board", "make-challenge", "--rehearsal", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def shipped() -> JetSample:
    return dataclasses.replace(catalog.load("jets"), tracks=None)


def test_killed_in_the_middle_it_forgets_nothing_that_it_accepted(rehearsal: Path, tmp_path: Path) -> None:
    options = ["--challenge", str(rehearsal), "--per-hour", "1000"]
    n = len(challenge.read(rehearsal))

    def send(url: str, secret: str, number: int) -> int | None:
        values = {"key": f"{number:032x}", "scores": packed(np.full(n, number % 100 / 100)), "note": str(number)}
        headers = {"Authorization": f"token {secret}"}
        try:
            done = requests.post(f"{url}api/challenges/W-tagger/entries", json=values, headers=headers, timeout=60)
        except requests.RequestException:
            return None
        assert done.status_code == 201
        return done.json()["entry"]

    answered: queue.Queue[int] = queue.Queue()

    def keep_sending(url: str, secret: str, number: int) -> dict[int, int | None]:
        """Entry after entry, until the board is gone: what each was answered."""
        got: dict[int, int | None] = {}
        while None not in got.values():
            key = 1000 * number + len(got)
            got[key] = send(url, secret, key)
            answered.put(key)
        return got

    with command(tmp_path, *options) as (process, url, tokens):
        join = {"json": {"shares": False}, "headers": {"Authorization": f"token {tokens[0]}"}, "timeout": 60}
        secrets = [requests.post(f"{url}api/join", **join).json()["secret"] for _ in range(10)]
        with ThreadPoolExecutor(10) as threads:
            sent = [threads.submit(keep_sending, url, secret, number) for number, secret in enumerate(secrets)]
            for _ in range(5):
                answered.get(timeout=120)
            process.send_signal(signal.SIGKILL)
        accepted = {key: entry for each in sent for key, entry in each.result().items()}
    assert list(accepted.values()).count(None) == 10
    assert len(accepted) >= 15
    assert (tmp_path / "board.db").stat().st_mode & 0o077 == 0
    with command(tmp_path, *options) as (process, url, kept):
        assert kept == tokens
        # Everybody sends again what was not answered, and, to be sure, what was.
        again = {key: send(url, secrets[key // 1000], key) for key in accepted}
        assert len(set(again.values())) == len(accepted)
        assert all(entry in (None, again[key]) for key, entry in accepted.items())
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_tokens_that_were_chosen_are_not_printed(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        for environment in (TOKENS, {"JUPYTERHUB_SERVICE_NAME": "board"}):
            said = welcome(served.board, "127.0.0.1", 80, "/", environment)
            assert said == "The board is at http://127.0.0.1:80/"


def test_a_challenge_hands_out_no_labels(rehearsal: Path, shipped: JetSample) -> None:
    made = challenge.read(rehearsal)
    handed_out = io.read(rehearsal / "jets.h5")
    assert made.rehearsal
    assert len(handed_out) == len(made) > 4000
    telling = re.compile(r"isW|parton|gen|mcweight|pthat|met|sumet|njet")
    assert [name for name in handed_out.columns if telling.search(name)] == []
    assert handed_out.tracks is None
    assert "seed" not in str(handed_out.provenance)
    # Neither the order nor the numbers tell: both classes are spread evenly.
    assert abs(np.corrcoef(np.arange(len(made)), made.y)[0, 1]) < 0.05
    assert (handed_out["event"] == np.arange(len(made))).all()
    assert 0.45 < made.public.mean() < 0.55
    assert (rehearsal / "labels.h5").stat().st_mode & 0o077 == 0
    # The labels are those of these jets.
    label = {pt: is_w for pt, is_w in zip(shipped["jet_E_ak7"].tolist(), shipped["jet_isW_ak7"].tolist(), strict=True)}
    assert (
        np.mean([label[energy] == y for energy, y in zip(handed_out["jet_E_ak7"].tolist(), made.y, strict=True)]) > 0.99
    )


def test_a_simulated_challenge_keeps_its_seed(
    shipped: JetSample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {}

    def simulate(jets: int, seed: int, workers: int, output: Path) -> Path:
        asked.update(jets=jets, seed=seed)
        io.write_root(shipped[:jets], output)
        return output

    monkeypatch.setattr("jetlab.simulation.simulate_jets", simulate)
    made = challenge.make(tmp_path / "one", "W-tagger", 300, None, 1)
    assert (len(made), asked["jets"], made.rehearsal) == (300, 300, False)
    assert str(asked["seed"]) not in str(io.read(tmp_path / "one" / "jets.h5").provenance)
    drawn = asked["seed"]
    challenge.make(tmp_path / "two", "W-tagger", 300, 7, 1)
    assert asked["seed"] == 7 != drawn


def test_what_is_no_challenge_is_refused(rehearsal: Path, tmp_path: Path) -> None:
    with pytest.raises(ChallengeError, match="in use"):
        challenge.rehearse(rehearsal, "W-tagger")
    for name in ("", "../W", "a/b", "x" * 41, "<b>"):
        with pytest.raises(ChallengeError, match="cannot be called"):
            challenge.rehearse(tmp_path / "new", name)
    with pytest.raises(ChallengeError, match="make-challenge"):
        challenge.read(tmp_path)
    shutil.copy(rehearsal / "jets.h5", tmp_path)
    (tmp_path / "labels.h5").write_bytes(b"no file of HDF5")
    with pytest.raises(ChallengeError, match="make the challenge again"):
        challenge.read(tmp_path)


def test_databases_that_cannot_be_used_are_said(rehearsal: Path, tmp_path: Path, capsys) -> None:
    def failed(db: str) -> str:
        assert cli.main(["board", "serve", "--port", "0", "--challenge", str(rehearsal), "--db", db]) == 1
        return capsys.readouterr().err

    assert "check --db" in failed(f"sqlite:///{tmp_path}/nowhere/board.db")
    assert "check --db" in failed("no url")
    assert "oracledb is not installed" in failed("oracle://user:password@127.0.0.1/x")
    refused = failed("postgresql+psycopg://user:password@127.0.0.1:1/x")
    assert "check --db" in refused
    assert "password" not in refused
