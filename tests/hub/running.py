"""A hub of the tests' own, as `make hub` starts it, and people with browsers (`requests`) that use it."""

import http.client
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import requests

from tests.hub.configuration import FILE, hub

MOST = 180  # seconds that anything may take, on a machine that does other things meanwhile


def lacking() -> str:
    """Why no hub can be started here; empty if one can."""
    if importlib.util.find_spec("jupyterhub") is None:
        return "the hub extra is not installed"
    try:
        hub.proxy_command()
    except SystemExit as ended:
        return str(ended)
    return "" if shutil.which("node") else "Node.js, which the hub's proxy runs on, is not installed"


def free_ports() -> list[int]:
    """Three free ports, of which the hub's own two follow each other."""
    while True:
        with ExitStack() as held:
            ports = []
            try:
                for port in (0, 0, None):
                    probe = held.enter_context(closing(socket.socket()))
                    probe.bind(("127.0.0.1", ports[-1] + 1 if port is None else port))
                    ports.append(probe.getsockname()[1])
            except (OSError, OverflowError):
                continue
        return ports


class Room:
    def __init__(self, url: str, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self.url, self.folder, self.process = url, folder, process

    def users_processes(self, name: str = "") -> list[psutil.Process]:
        """Servers and kernels of a user, or of all."""
        home, found = str(self.folder / "users" / name), []
        for each in psutil.process_iter():
            try:
                if each.environ().get("HOME", "").startswith(home):
                    found.append(each)
            except psutil.Error:
                continue  # another user's, or just ended
        return found

    def own_processes(self) -> list[psutil.Process]:
        """Hub, proxy and culler."""
        main = psutil.Process(self.process.pid)
        return [main, *(each for each in main.children() if "singleuser" not in " ".join(each.cmdline()))]


@contextmanager
def running(folder: Path, more: Mapping[str, str]) -> Iterator[Room]:
    """Start a trial hub in a folder; `more` are variables of its environment."""
    ports = free_ports()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JETLAB_HUB_")}
    environment |= {
        "JETLAB_HUB_LOGIN": "trial",
        "JETLAB_HUB_BIND": f"127.0.0.1:{ports[0]}",
        "JETLAB_HUB_INNER_PORT": str(ports[1]),
        "JETLAB_HUB_FOLDER": str(folder),
        "JETLAB_HUB_LESSONS": "",
        **more,
    }
    log = folder / "log"
    with log.open("w") as stream:
        command = [sys.executable, "-m", "jupyterhub", "-f", str(FILE)]
        process = subprocess.Popen(command, env=environment, stdout=stream, stderr=stream, cwd=folder)
    room = Room(f"http://127.0.0.1:{ports[0]}", folder, process)
    try:
        _wait_until_up(room, log)
        yield room
    finally:
        for each in room.users_processes():
            each.kill()
        process.send_signal(signal.SIGTERM)
        process.wait(MOST)


def _wait_until_up(room: Room, log: Path) -> None:
    end = time.monotonic() + MOST
    while time.monotonic() < end:
        if room.process.poll() is not None:
            raise RuntimeError(f"the hub ended at once:\n{log.read_text()}")
        try:
            if requests.get(f"{room.url}/hub/health", timeout=5).ok:
                return
        except (requests.ConnectionError, requests.Timeout):
            pass  # not there yet, or too busy to answer
        time.sleep(0.2)
    raise RuntimeError(f"the hub did not answer within {MOST} s:\n{log.read_text()}")


class Person:
    """A browser with its cookies."""

    def __init__(self, room: Room, name: str) -> None:
        self.url, self.name, self.browser = room.url, name, requests.Session()

    def log_in(self, then: str = "/hub/home", follow: bool = True) -> requests.Response:
        self.browser.get(f"{self.url}/hub/login", timeout=MOST)
        form = {"username": self.name, "password": "", "_xsrf": self.xsrf("/hub/")}
        address = f"{self.url}/hub/login"
        return self.browser.post(address, params={"next": then}, data=form, timeout=MOST, allow_redirects=follow)

    def xsrf(self, path: str) -> str:
        return next(
            (each.value or "" for each in self.browser.cookies if (each.name, each.path) == ("_xsrf", path)), ""
        )

    def ask_for_server(self, profile: str) -> requests.Response:
        """Send the form that starts a server, and wait until it has started or failed."""
        self.browser.get(f"{self.url}/hub/spawn", timeout=MOST)
        form = {"profile": profile, "_xsrf": self.xsrf("/hub/")}
        answer = self.browser.post(f"{self.url}/hub/spawn", data=form, timeout=MOST)
        end = time.monotonic() + MOST
        while "spawn-pending" in answer.url and answer.status_code == 200 and time.monotonic() < end:
            time.sleep(0.2)
            answer = self.browser.get(answer.url, timeout=MOST)
        return answer

    def get(self, path: str, **more: object) -> requests.Response:
        return self.browser.get(f"{self.url}{path}", timeout=MOST, **more)

    def send(self, method: str, path: str, xsrf: str | None = None, **more: object) -> requests.Response:
        """Send something, with the token that a page of one's own server has (or with `xsrf`)."""
        token = self.xsrf(f"/user/{self.name}/") if xsrf is None else xsrf
        headers = {"X-XSRFToken": token} if token else {}
        return self.browser.request(method, f"{self.url}{path}", headers=headers, timeout=MOST, **more)

    def raw(self, method: str, path: str, headers: Mapping[str, str] = {}, body: str = "") -> tuple[int, bytes]:
        """Send a path as it stands, which `requests` would tidy up, with one's own cookies."""
        target = urlsplit(self.url)
        found = [each for each in self.browser.cookies if path.startswith(each.path)]
        cookies = {"Cookie": "; ".join(f"{each.name}={each.value}" for each in found)}
        token = {"X-XSRFToken": self.xsrf(f"/user/{self.name}/")}
        with closing(http.client.HTTPConnection(target.hostname or "", target.port, timeout=MOST)) as connection:
            connection.request(method, path, body or None, {**cookies, **token, **headers})
            answer = connection.getresponse()
            return answer.status, b"" if answer.status == 101 else answer.read()
