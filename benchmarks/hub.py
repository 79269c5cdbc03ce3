"""A room of people on the hub: they arrive, train, leave without a word, and hub and proxy are killed under them.

    make hub HUB_ARGS=--version     # installs the hub and its proxy
    .venv/bin/python benchmarks/hub.py [--users 50] [--trainers 6] [--arrive 120] [--work 120] [--limit 1800]

Everything is on this machine's loopback, with hub/jupyterhub_config.py as `make hub` runs it. Each user logs in, starts
a server, gets the lessons by nbgitpuller, opens a kernel on a websocket and saves a notebook. When all are there and
idle, memory is measured (PSS: what processes share is divided among them). Then the trainers train M2 in its live
panel; the others' kernels send what such a panel sends: three lines of text four times a second, a picture of 44 kB
every four seconds. Everybody asks their kernel something every ten seconds. In the middle half of them vanish: their
connections are reset, no websocket is closed. Hub and proxy are killed (SIGKILL), and started again after five
seconds. The others reconnect; in the end all come back and read what they trained and saved. Then nobody logs out, the
culler is set to one minute, and the rows left in the database are counted.

What was found so far is written after every phase, with `complete` false until the last; a run ends after `--limit`
seconds. Writes benchmarks/results/hub.json.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import nbformat
import psutil
from jupyter_client.session import Session
from jupyter_server.services.kernels.connection.base import deserialize_msg_from_ws_v1, serialize_msg_to_ws_v1
from machine import record

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results" / "hub.json"
PROTOCOL = "v1.kernel.websocket.jupyter.org"
ASK_EVERY = 10.0  # seconds between two questions to a kernel
DOWN = 5.0  # seconds between the death of the hub and its start
#: Seconds to wait for anything but a training, on a machine that does other things meanwhile.
MOST = 240.0
ATTEMPT = 10.0  # seconds of a single attempt to connect, before the next

#: M2's training, in its panel, with as many epochs as a configuration may have: it outlives the death of the hub.
TRAIN = """
from jetlab import catalog, inputs, jets, panel
from jetlab.config import RunConfig
sample = catalog.load("jets")
dealt, y = jets.split(sample.event_index), sample["jet_isW_ak7"]
weight = jets.reweight(sample["jet_pt_ak7"], sample["jet_eta_ak7"], y, sample["mcweight"], train=dealt[0])
found = inputs.prepare(sample, RunConfig(), dealt, weight)
lab = panel.TrainingPanel(found.data, (found.x_test, found.y_test, found.w_test), RunConfig(epochs=1000, patience=0))
lab.train()
"""
TRAINED = "len(lab.runs) and len(lab.runs[-1].result.history['loss'])"
#: A panel without a network: a kernel that loads no TensorFlow, and the messages of one that does.
PRETEND = """
import os, threading, time
import ipywidgets
lines, image, over = [ipywidgets.HTML() for _ in range(3)], ipywidgets.Image(format="png"), threading.Event()
def send():
    picture, tick = os.urandom(44_000), 0
    while not over.is_set():
        if tick % 16 == 0:
            image.value = picture[: -1 - tick // 16 % 100]
        for line in lines:
            line.value = f"Epoch <b>{tick}</b> of 1000 " + 100 * "."
        tick += 1
        over.wait(0.25)
threading.Thread(target=send, daemon=True).start()
"""
OVER = "over.set()"


class Lost(Exception):
    """A connection or server is gone, or did not come in time."""


@dataclass
class Measured:
    """Seconds of everything that somebody waited for, and what went wrong."""

    server_start: list[float] = field(default_factory=list)
    lessons: list[float] = field(default_factory=list)
    kernel_answer: list[float] = field(default_factory=list)
    frame_delay: list[float] = field(default_factory=list)
    reconnect: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class Kernel:
    """One websocket to a kernel, as JupyterLab has it; frames are measured as they come."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, measured: Measured) -> None:
        self.socket, self.measured = socket, measured
        self.jupyter = Session(key=b"")
        self.since = time.time()
        self.replies: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self.values: dict[str, str] = {}
        self.reader = asyncio.create_task(self._read())

    async def run(self, code: str, expression: str = "0", seconds: float = MOST) -> Any:
        """Run code and return the value of an expression, which JSON must know; raises Lost."""
        content = {"code": code, "silent": False, "store_history": False, "stop_on_error": True}
        content |= {"user_expressions": {"value": f"__import__('json').dumps({expression})"}, "allow_stdin": False}
        message = self.jupyter.msg("execute_request", content)
        number = message["header"]["msg_id"]
        self.replies[number] = asyncio.get_running_loop().create_future()
        blob = serialize_msg_to_ws_v1(message, "shell", self.jupyter.pack)
        try:
            await self.socket.send_bytes(blob if isinstance(blob, bytes) else b"".join(blob))
            reply = await asyncio.wait_for(self.replies[number], seconds)
        except (TimeoutError, aiohttp.ClientError, ConnectionError) as error:
            raise Lost(f"no answer to {code.strip()[:20] or expression[:20]!r}: {error!r}") from error
        finally:
            del self.replies[number]
        value = reply.get("user_expressions", {}).get("value", {})
        if reply["status"] != "ok" or value.get("status") != "ok":
            raise RuntimeError(f"the kernel says {reply.get('evalue') or value.get('evalue')}")
        text = value["data"]["text/plain"]
        return json.loads(text[1:-1].replace("\\\\", "\\"))

    async def _read(self) -> None:
        async for message in self.socket:
            if message.type != aiohttp.WSMsgType.BINARY:
                continue
            arrived = time.time()
            channel, parts = deserialize_msg_from_ws_v1(message.data)
            header = json.loads(bytes(parts[0]))
            if header["msg_type"] == "comm_msg":
                sent = datetime.fromisoformat(header["date"]).timestamp()
                # What the server kept while nobody listened is no live picture.
                if sent > self.since:
                    self.measured.frame_delay.append(arrived - sent)
            elif channel == "shell":
                waiting = self.replies.get(json.loads(bytes(parts[1])).get("msg_id", ""))
                if waiting and not waiting.done():
                    waiting.set_result(json.loads(bytes(parts[3])))
        for waiting in self.replies.values():
            if not waiting.done():
                waiting.set_exception(Lost("the websocket was closed"))


class User:
    """Somebody with a browser of their own: cookies, a server, one kernel."""

    def __init__(self, number: int, url: str, trains: bool, measured: Measured) -> None:
        self.name, self.url, self.trains, self.measured = f"user-{number}", url, trains, measured
        self.server, self.kernel_id, self.session_id = f"{url}/user/{self.name}", "", uuid.uuid4().hex
        self.browser = self._new_browser()
        self.kernel: Kernel | None = None
        self.failed, self.lost_notebook = "", False

    @property
    def notebook(self) -> str:
        """What this user saves."""
        return nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(f"mine = {self.name!r}")]))

    def _new_browser(self) -> aiohttp.ClientSession:
        jar = aiohttp.CookieJar(unsafe=True)  # cookies of an address without a name
        return aiohttp.ClientSession(cookie_jar=jar, timeout=aiohttp.ClientTimeout(total=MOST))

    def _token(self, url: str) -> str:
        # The longest path that fits wins, as in a browser.
        found = [each for each in self.browser.cookie_jar if each.key == "_xsrf" and each["path"] in url + "/"]
        return max(found, key=lambda each: len(each["path"])).value if found else ""

    async def fetch(self, method: str, url: str, **given: Any) -> Any:
        """What the server answers, JSON where it is JSON; raises Lost."""
        try:
            async with self.browser.request(method, url, headers={"X-XSRFToken": self._token(url)}, **given) as answer:
                text = await answer.text()
                if answer.status >= 400:
                    raise Lost(f"{method} {url}: {answer.status} {text[:200]}")
                return json.loads(text) if "json" in answer.content_type else text
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise Lost(f"{method} {url}: {error!r}") from error

    async def arrive(self, lessons: Path) -> None:
        """Log in, wait for the server, get the lessons, start a kernel, save a notebook."""
        await self.fetch("GET", f"{self.url}/hub/login")
        began = time.monotonic()
        form = {"username": self.name, "password": "", "_xsrf": self._token(f"{self.url}/hub/login")}
        await self.fetch("POST", f"{self.url}/hub/login?next=/hub/spawn", data=form)
        await patiently(self._server_answers)
        self.measured.server_start.append(time.monotonic() - began)
        began = time.monotonic()
        link = {"repo": str(lessons), "branch": "participants", "targetpath": "lessons"}
        progress = await self.fetch("GET", f"{self.server}/git-pull/api", params=link)
        if '"phase": "finished"' not in progress:
            raise Lost(f"nbgitpuller: {progress[-300:]}")
        self.measured.lessons.append(time.monotonic() - began)
        self.kernel_id = (await self.fetch("POST", f"{self.server}/api/kernels", json={"name": "python3"}))["id"]
        await self.connect()
        await self.ask()
        await self.save()

    async def _server_answers(self) -> None:
        """Open JupyterLab as a browser does, by way of the hub's login."""
        page = await self.fetch("GET", f"{self.server}/lab")
        if "jupyter-config-data" not in page or '"appName": "JupyterLab"' not in page:
            raise Lost("the server is not ready")

    async def connect(self) -> None:
        """Open the websocket, as often as it takes."""
        url = f"{self.server}/api/kernels/{self.kernel_id}/channels?session_id={self.session_id}"

        async def once() -> Kernel:
            try:
                opening = self.browser.ws_connect(url, protocols=[PROTOCOL], max_msg_size=0, origin=self.url)
                made = await asyncio.wait_for(opening, ATTEMPT)
            except (TimeoutError, aiohttp.ClientError, OSError) as error:
                raise Lost(f"websocket: {error!r}") from error
            return Kernel(made, self.measured)

        self.kernel = await patiently(once)

    async def ask(self) -> None:
        """Ask the kernel something small."""
        assert self.kernel is not None
        began = time.monotonic()
        if await self.kernel.run("", "6 * 7") != 42:
            raise RuntimeError("the kernel cannot multiply")
        self.measured.kernel_answer.append(time.monotonic() - began)

    async def work(self, until: Callable[[], bool]) -> None:
        """Train or pretend to, and ask the kernel something now and then; reconnect when connections break."""
        assert self.kernel is not None
        await self.kernel.run(TRAIN if self.trains else PRETEND)
        while not until():
            await asyncio.sleep(random.uniform(0.5, 1.5) * ASK_EVERY)
            try:
                await self.ask()
            except Lost:
                began = time.monotonic()
                await self.connect()
                self.measured.reconnect.append(time.monotonic() - began)

    async def save(self) -> None:
        """Save the notebook, as JupyterLab does."""
        model = {"type": "notebook", "format": "json", "content": json.loads(self.notebook)}
        await self.fetch("PUT", f"{self.server}/api/contents/mine.ipynb", json=model)

    async def vanish(self) -> None:
        """As a laptop that is shut: connections are reset, no websocket is closed, nobody logs out."""
        assert self.kernel is not None
        self.kernel.reader.cancel()
        connection = self.kernel.socket.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert self.browser.connector is not None
        await self.browser.connector.close()
        cookies = self.browser.cookie_jar
        self.browser = self._new_browser()
        self.browser._cookie_jar = cookies  # the same person, later

    async def read_back(self, seconds: float) -> None:
        """Come back, and see whether training and notebook are still there; raises Lost."""
        if self.kernel is None or self.kernel.reader.done():
            await self.connect()
        assert self.kernel is not None
        model = await self.fetch("GET", f"{self.server}/api/contents/mine.ipynb?content=1")
        self.lost_notebook = model["content"]["cells"][0]["source"] != f"mine = {self.name!r}"
        if not self.trains:
            await self.kernel.run(OVER)
            return
        end = time.monotonic() + seconds
        while (epochs := await self.kernel.run("", TRAINED)) != 1000:
            if time.monotonic() > end:
                raise Lost(f"{epochs} of 1000 epochs")
            await asyncio.sleep(2)

    async def leave(self) -> None:
        """Close the browser."""
        if self.kernel:
            self.kernel.reader.cancel()
        await self.browser.close()


async def patiently(attempt: Callable[[], Awaitable[Any]], seconds: float = MOST) -> Any:
    """Try again, as a browser does, until it succeeds; raises the last Lost."""
    end, wait = time.monotonic() + seconds, 0.5
    while True:
        try:
            return await attempt()
        except Lost:
            if time.monotonic() > end:
                raise
        await asyncio.sleep(wait * random.uniform(0.5, 1.5))
        wait = min(5.0, wait * 1.5)


class Hub:
    """The hub that `make hub` starts, in a folder and on ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, ports = folder, free_ports(3)
        self.url = f"http://127.0.0.1:{ports[0]}"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("JETLAB_")} | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(REPOSITORY),
            "JETLAB_HUB_LOGIN": "trial",
            "JETLAB_HUB_BIND": f"127.0.0.1:{ports[0]}",
            "JETLAB_HUB_INNER_PORT": str(ports[1]),
            "JETLAB_HUB_FOLDER": str(folder),
            "JETLAB_HUB_LESSONS": "",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, idle_minutes: int) -> None:
        """Start hub and proxy."""
        command = [sys.executable, "-m", "jupyterhub", "-f", str(REPOSITORY / "hub" / "jupyterhub_config.py")]
        environment = self.environment | {"JETLAB_HUB_IDLE_MINUTES": str(idle_minutes)}
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=self.folder)

    async def up(self) -> float:
        """Seconds until it answers through its proxy."""
        began = time.monotonic()
        # Who asks between the start of the proxy and that of the hub waits long: ask again instead, as people do.
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ATTEMPT)) as browser:

            async def answers() -> None:
                try:
                    async with browser.get(f"{self.url}/hub/health") as answer:
                        if answer.status != 200:
                            raise Lost(f"{answer.status}")
                except (aiohttp.ClientError, OSError) as error:
                    raise Lost(repr(error)) from error

            await patiently(answers)
        return time.monotonic() - began

    def kill(self) -> None:
        """End hub, proxy and culler as the kernel does that has no memory left, and nobody else."""
        assert self.process is not None
        for each in self.own():
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        self.process.wait()

    def own(self) -> list[psutil.Process]:
        """Hub, proxy and culler."""
        assert self.process is not None
        hub = psutil.Process(self.process.pid)
        return [hub, *(each for each in hub.children() if "singleuser" not in " ".join(each.cmdline()))]

    def seconds_of_cores(self) -> float:
        """What hub, proxy and culler have used so far."""
        return sum(sum(each.cpu_times()[:2]) for each in self.own())

    def users_processes(self, *names: str) -> list[psutil.Process]:
        """Servers and kernels of these users or, without names, of all: those with a home in the hub's folder."""
        users, found = self.folder / "users", []
        for each in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                home = Path(each.environ().get("HOME", "/"))
                if home.parent == users and (not names or home.name in names):
                    found.append(each)
        return found

    def rows(self) -> dict[str, int]:
        """Rows of each table of the database that has any."""
        with contextlib.closing(sqlite3.connect(f"file:{self.folder / 'jupyterhub.sqlite'}?mode=ro", uri=True)) as file:
            tables = [name for (name,) in file.execute("select name from sqlite_master where type = 'table'")]
            counts = {name: file.execute(f'select count(*) from "{name}"').fetchone()[0] for name in sorted(tables)}
        return {name: count for name, count in counts.items() if count}

    def stop(self) -> None:
        """End everything that was started here."""
        for each in self.users_processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)


def free_ports(number: int) -> list[int]:
    """Neighbouring free ports: the hub's own two follow each other."""
    while True:
        first = random.randrange(20_000, 50_000)
        with contextlib.ExitStack() as held:
            try:
                for port in range(first, first + number):
                    held.enter_context(contextlib.closing(socket.socket())).bind(("127.0.0.1", port))
            except OSError:
                continue
        return list(range(first, first + number))


def pss(processes: list[psutil.Process]) -> float:
    """Memory in MB, with what is shared divided among those who share it."""
    total = 0
    for each in processes:
        with contextlib.suppress(psutil.Error, OSError):
            rollup = Path(f"/proc/{each.pid}/smaps_rollup").read_text()
            total += int(re.search(r"^Pss:\s+(\d+)", rollup, re.MULTILINE)[1])  # type: ignore[index]
    return total * 1024 / 1e6


def quantiles(name: str, seconds: list[float]) -> dict[str, float]:
    """Median and 95 % quantile."""
    if len(seconds) < 2:
        return {}
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return {f"{name}_p50_s": round(statistics.median(seconds), 3), f"{name}_p95_s": round(cuts[94], 3)}


async def everybody(users: list[User], measured: Measured, what: str, do: Callable[[User], Awaitable[None]]) -> None:
    """All who have not failed do something at once; who fails is noted."""

    async def one(user: User) -> None:
        try:
            await do(user)
        except Exception as error:
            user.failed = f"{user.name}, {what}: {error}"
            measured.errors.append(user.failed)
            print(user.failed, flush=True)

    await asyncio.gather(*(one(user) for user in users if not user.failed))


@contextlib.asynccontextmanager
async def a_room(users: list[User]) -> AsyncIterator[None]:
    """Users whose browsers are closed in the end."""
    try:
        yield
    finally:
        await asyncio.gather(*(user.leave() for user in users))


class Report:
    """What was found so far, written after each phase."""

    def __init__(self, users: list[User], measured: Measured, output: Path, **found: Any) -> None:
        self.users, self.measured, self.output = users, measured, output
        self.found: dict[str, Any] = {"complete": False, "users": len(users), **found}

    def note(self, **more: Any) -> None:
        """Add to it."""
        self.found |= more
        self.found |= {"failed": sum(bool(user.failed) for user in self.users), "errors": self.measured.errors[:10]}
        for name in ("server_start", "lessons", "kernel_answer", "frame_delay", "reconnect"):
            self.found |= quantiles(name, getattr(self.measured, name))
        packages = ("jupyterhub", "jupyterlab", "jupyter-server", "ipykernel", "nbgitpuller")
        record(self.output, "load", self.found, *packages)
        print(json.dumps(more), flush=True)


async def load(hub: Hub, options: argparse.Namespace, lessons: Path) -> None:
    """The whole day in minutes."""
    measured = Measured()
    users = [User(number, hub.url, number < options.trainers, measured) for number in range(options.users)]
    random.Random(1).shuffle(users)
    asked = {name: getattr(options, name) for name in ("trainers", "arrive", "work")}
    report = Report(users, measured, options.output, load_before=round(os.getloadavg()[0], 2), **asked)
    hub.start(idle_minutes=60)
    await hub.up()
    async with a_room(users):
        await arrivals(hub, users, report, options.arrive, lessons)
        measured.kernel_answer.clear()
        await work_and_disaster(hub, users, report, options.work)
        await everybody(users, measured, "comes back", lambda user: user.read_back(options.limit))
        report.note(
            lost_runs=sum(bool(user.failed) for user in users if user.trains),
            lost_notebooks=sum(user.lost_notebook for user in users),
        )
    await culling(hub, report)


async def arrivals(hub: Hub, users: list[User], report: Report, seconds: float, lessons: Path) -> None:
    """All come, one after the other; then memory is measured, while nobody does anything."""

    async def arrive(user: User) -> None:
        await asyncio.sleep(seconds * users.index(user) / len(users))
        await user.arrive(lessons)

    await everybody(users, report.measured, "arrives", arrive)
    await asyncio.sleep(10)
    memory, own = pss(hub.users_processes()), pss(hub.own())
    report.note(
        memory_per_idle_user_mb=round(memory / len(users), 1),
        memory_hub_mb=round(own, 1),
        memory_idle_total_mb=round(memory + own, 1),
    )


async def work_and_disaster(hub: Hub, users: list[User], report: Report, seconds: float) -> None:
    """All work; in the middle half of them vanish, hub and proxy are killed, and come back."""
    gone, over, vanishing = users[: len(users) // 2], time.monotonic() + seconds, asyncio.Event()

    async def work(user: User) -> None:
        if user not in gone:
            await user.work(lambda: time.monotonic() > over)
            return
        working = asyncio.create_task(user.work(vanishing.is_set))
        await vanishing.wait()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await user.vanish()

    async def disaster() -> None:
        busy = hub.seconds_of_cores()
        await asyncio.sleep(seconds / 2)
        training = [user.name for user in users if user.trains and not user.failed]
        if training:
            report.note(memory_per_training_user_mb=round(pss(hub.users_processes(*training)) / len(training), 1))
        report.note(
            memory_total_mb=round(pss(hub.users_processes()) + pss(hub.own()), 1),
            vanished=len(gone),
            cores_of_hub_and_proxy=round((hub.seconds_of_cores() - busy) / (seconds / 2), 3),
        )
        vanishing.set()
        await asyncio.sleep(2)
        hub.kill()
        await asyncio.sleep(DOWN)
        hub.start(idle_minutes=60)
        report.note(hub_back_s=round(await hub.up(), 1))

    await asyncio.gather(everybody(users, report.measured, "works", work), disaster())
    report.note(frames=len(report.measured.frame_delay), answers=len(report.measured.kernel_answer))


async def culling(hub: Hub, report: Report) -> None:
    """Nobody has logged out; the culler ends their servers, and the database is looked at."""
    before = hub.rows()
    hub.kill()
    hub.start(idle_minutes=1)
    await hub.up()
    end = time.monotonic() + MOST
    while hub.users_processes() and time.monotonic() < end:
        await asyncio.sleep(2)
    await asyncio.sleep(5)
    rows = hub.rows()
    report.note(
        servers_not_culled=rows.get("servers", 0),
        rows=rows,
        rows_before=before,
        rows_left=sum(rows.get(name, 0) for name in ("servers", "oauth_codes", "api_tokens")),
        complete=True,
    )


def main() -> None:
    """Run the room once and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--trainers", type=int, default=6)
    parser.add_argument("--arrive", type=float, default=120, help="seconds over which users arrive")
    parser.add_argument("--work", type=float, default=120, help="seconds of work, hub and proxy die in their middle")
    parser.add_argument("--limit", type=float, default=1800, help="seconds after which the run ends, done or not")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    # Homes of users are found by their folder, which has to be this run's own.
    with tempfile.TemporaryDirectory(prefix="jetlab-hub-") as folder:
        lessons = Path(folder) / "handout"
        hand_out(lessons)
        hub = Hub(Path(folder))
        try:
            asyncio.run(asyncio.wait_for(load(hub, options, lessons), options.limit))
        finally:
            hub.stop()
            shutil.copy(Path(folder) / "log", REPOSITORY / "build" / "hub-load.log")


def hand_out(folder: Path) -> None:
    """The participants' branch, as `make hub` makes it."""
    from jetlab.classroom.release import release

    release(folder / "notebooks", solutions=False)
    author = ["-c", "user.name=jetlab", "-c", "user.email=jetlab@localhost"]
    for command in (["init", "-q", "-b", "participants"], ["add", "."], [*author, "commit", "-q", "-m", "Lessons"]):
        subprocess.run(["git", "-C", str(folder), *command], check=True)


if __name__ == "__main__":
    main()
