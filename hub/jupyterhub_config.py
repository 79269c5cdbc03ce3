"""JupyterHub for a room: one file for a trial on this machine (`make hub`) and for the workshop itself.

Everything comes from the environment, secrets too; README.md beside this file lists the variables. The hub does not
start if anybody could come in without a login, if passwords or cookies would travel in clear text, or if a variable is
misspelt.
"""

import difflib
import html
import os
import pwd
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlencode

HERE = Path(__file__).resolve().parent
LOOPBACK = ("127.0.0.1", "::1", "localhost")
#: A name becomes a folder and, in a workshop, an account of the system. GitHub's names all have this form.
NAME = r"[a-z0-9][a-z0-9-]{0,38}"
#: What the accounts that the hub makes say of themselves; every other account is somebody else's.
MARK = "jetlab hub"
BOARD = "http://127.0.0.1:8765"
VARIABLES = (
    "LOGIN URL BIND INNER_PORT FOLDER TLS TLS_KEY TLS_CERT ORGANISATIONS USERS ADMINS MEMORY CORES IDLE_MINUTES "
    "GPUS PER_GPU DATA CACHE LESSONS BRANCH BOARD"
).split()


@dataclass(frozen=True)
class Room:
    """What was asked for, checked: who may log in and how, where the hub listens, what each user gets.

    `memory` as JupyterHub writes it ("2G"), `cores` may be a fraction, `gpus` are the numbers of nvidia-smi, each for
    `per_gpu` users at a time. `tls` are the files of key and certificate, None in a trial or where TLS ends elsewhere.
    """

    trial: bool
    url: str
    address: str
    port: int
    inner_port: int
    folder: Path
    tls: tuple[str, str] | None
    organisations: frozenset[str]
    users: frozenset[str]
    admins: frozenset[str]
    memory: str
    cores: float
    idle_minutes: int
    gpus: tuple[str, ...]
    per_gpu: int
    data: str
    cache: str
    lessons: str
    branch: str
    board: bool


def refuse(what: str) -> NoReturn:
    """End before the hub has opened anything, with a sentence that says what to do."""
    raise SystemExit(f"jetlab's hub does not start: {what}")


def read(environment: Mapping[str, str]) -> Room:
    """Check the variables JETLAB_HUB_*; ends the hub (SystemExit) if one of them is missing, wrong or unknown."""
    given = {
        name.removeprefix("JETLAB_HUB_"): value.strip()
        for name, value in environment.items()
        if name.startswith("JETLAB_HUB_")
    }
    for name in given:
        if name not in VARIABLES:
            near = difflib.get_close_matches(name, VARIABLES, n=1)
            advice = f"did you mean JETLAB_HUB_{near[0]}?" if near else "hub/README.md lists those there are."
            refuse(f"JETLAB_HUB_{name} is unknown; {advice}")
    login = given.get("LOGIN", "")
    if login not in ("trial", "github"):
        refuse(
            f"JETLAB_HUB_LOGIN is {login!r}. Set it to github for a workshop, or to trial to try the hub here, alone."
        )
    trial = login == "trial"
    tls = _tls(given) if not trial else None
    address, port = _bind(given.get("BIND") or ("0.0.0.0:443" if tls else "127.0.0.1:8000"))
    if trial and address not in LOOPBACK:
        refuse(
            f"a trial has no passwords, and JETLAB_HUB_BIND={given['BIND']} would open it to others. Leave it at "
            "127.0.0.1, or set JETLAB_HUB_LOGIN=github."
        )
    room = Room(
        trial=trial,
        url=given.get("URL", "").rstrip("/") or f"http://{address}:{port}",
        address=address,
        port=port,
        inner_port=_whole(given, "INNER_PORT", 8081),
        folder=Path(given.get("FOLDER") or HERE.parent / "build" / "hub").resolve(),
        tls=tls,
        organisations=_names(given, "ORGANISATIONS"),
        users=_names(given, "USERS"),
        admins=_names(given, "ADMINS"),
        memory=given.get("MEMORY", "2G"),
        cores=_cores(given.get("CORES", "1")),
        idle_minutes=_whole(given, "IDLE_MINUTES", 60),
        gpus=tuple(filter(None, re.split(r"[,\s]+", given.get("GPUS", "")))),
        per_gpu=_whole(given, "PER_GPU", 4),
        data=given.get("DATA", ""),
        cache=given.get("CACHE", ""),
        lessons=given.get("LESSONS", "https://github.com/jetlab-hep/jetlab"),
        branch=given.get("BRANCH", "participants"),
        board=given.get("BOARD", "0") not in ("", "0"),
    )
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?[KMGT]", room.memory):
        refuse(f"JETLAB_HUB_MEMORY is {room.memory!r}; write it as 2G or 1500M.")
    if not trial:
        _check_workshop(room, environment)
    return room


def _check_workshop(room: Room, environment: Mapping[str, str]) -> None:
    if not room.url.startswith("https://"):
        refuse("JETLAB_HUB_URL has to be the address that people open, such as https://hub.example.org.")
    for name in ("GITHUB_CLIENT_ID", "GITHUB_CLIENT_SECRET"):
        if not environment.get(name):
            refuse(
                f"{name} is not set. Register an OAuth app at https://github.com/settings/developers with the callback "
                f"{room.url}/hub/oauth_callback, and set what GitHub shows you."
            )
    if not room.organisations | room.users:
        refuse(
            "anybody with a GitHub account could log in. Name those who may: JETLAB_HUB_USERS=ada,emmy, or "
            "JETLAB_HUB_ORGANISATIONS=my-school or my-school:my-team."
        )


def _tls(given: Mapping[str, str]) -> tuple[str, str] | None:
    key, certificate = given.get("TLS_KEY", ""), given.get("TLS_CERT", "")
    if key and certificate:
        for path in (key, certificate):
            if not Path(path).is_file():
                refuse(f"there is no file {path}, which JETLAB_HUB_TLS_KEY or JETLAB_HUB_TLS_CERT names.")
        return key, certificate
    if key or certificate or given.get("TLS") != "elsewhere":
        refuse(
            "logins would travel in clear text. Set both JETLAB_HUB_TLS_KEY and JETLAB_HUB_TLS_CERT, or "
            "JETLAB_HUB_TLS=elsewhere where a server in front of this one speaks HTTPS."
        )
    return None


def _bind(text: str) -> tuple[str, int]:
    address, _, port = text.rpartition(":")
    if not address or not port.isdecimal() or not 0 < int(port) < 65536:
        refuse(f"JETLAB_HUB_BIND is {text!r}; write address and port, such as 127.0.0.1:8000.")
    return address.strip("[]"), int(port)


def _whole(given: Mapping[str, str], name: str, otherwise: int) -> int:
    text = given.get(name) or str(otherwise)
    if not text.isdecimal() or int(text) < 1:
        refuse(f"JETLAB_HUB_{name} is {text!r}; it has to be a whole number, 1 or more.")
    return int(text)


def _cores(text: str) -> float:
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) or float(text) <= 0:
        refuse(f"JETLAB_HUB_CORES is {text!r}; it has to be a number above 0, such as 1 or 0.5.")
    return float(text)


def _names(given: Mapping[str, str], name: str) -> frozenset[str]:
    # GitHub's names know no capitals, and JupyterHub lowers those of users: a list that keeps them would match nobody.
    found = frozenset(filter(None, re.split(r"[,\s]+", given.get(name, "").lower())))
    form = rf"{NAME}(:[a-z0-9_-]+)?" if name == "ORGANISATIONS" else NAME
    for each in found:
        if not re.fullmatch(form, each):
            refuse(f"JETLAB_HUB_{name} has {each!r}, which is no name that GitHub gives.")
    return found


def first_page(room: Room) -> str:
    """Where a user arrives: nbgitpuller brings the lessons, or what is new in them, and opens the first."""
    link = {
        "repo": room.lessons,
        "branch": room.branch,
        "targetPath": "lessons",
        "urlpath": "lab/tree/lessons/notebooks/00_welcome.ipynb",
    }
    return f"/git-pull?{urlencode(link)}" if room.lessons else "/lab"


def user_environment(room: Room) -> dict[str, str]:
    """What every user's server and kernels find in their environment; no secret of the hub is in it."""
    found = {
        "JUPYTER_CONFIG_PATH": str(HERE.parent / "settings"),
        "JUPYTERHUB_ACTIVITY_INTERVAL": str(_often(room)),
        # Several kernels share a GPU only if none of them takes all its memory at the start.
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "CUDA_VISIBLE_DEVICES": "-1",
    }
    if room.data:
        found["JETLAB_DATA"] = room.data
    if room.cache:
        found["CUDA_CACHE_PATH"] = room.cache
    if room.board:
        found["JETLAB_BOARD_URL"] = f"{BOARD}/services/board"
    return found


def _often(room: Room) -> int:
    """Seconds between two looks at who is active: a server that was idle for the hub's limit was so for a while."""
    return min(300, 15 * room.idle_minutes)


def profiles(room: Room) -> str:
    """The form that asks for a CPU or a GPU before a server starts; empty without a GPU, and nobody is asked."""
    if not room.gpus:
        return ""
    memory = html.escape(re.sub(r"([0-9.]+)([KMGT])", r"\1 \2B", room.memory))
    gpu = f"GPU, one of {len(room.gpus)}, shared by {room.per_gpu}" if room.per_gpu > 1 else "GPU, to yourself"
    choices = [("cpu", f"CPU, {memory}", "checked"), ("gpu", f"{gpu}, {memory}", "")]
    return "".join(
        f'<div><label><input type="radio" name="profile" value="{value}" {checked}> {text}</label></div>'
        for value, text, checked in choices
    )


def free_gpu(taken: Iterable[str], gpus: Iterable[str], per_gpu: int) -> str | None:
    """The GPU that the fewest users have, the first of several; None where each has `per_gpu` already."""
    users = Counter(taken)
    gpu = min(gpus, key=lambda each: users[each])
    return gpu if users[gpu] < per_gpu else None


def assign_gpu(spawner: Any, room: Room) -> None:
    """Give the server that is about to start the GPU that it asked for; a refusal is shown to the user."""
    from jupyterhub import orm
    from jupyterhub.spawner import SpawnException

    spawner.environment = user_environment(room)
    if not room.gpus or spawner.user_options.get("profile") != "gpu":
        spawner.user_options = spawner.orm_spawner.user_options = {}
        return
    others = spawner.db.query(orm.Spawner).filter(
        orm.Spawner.server_id.is_not(None), orm.Spawner.id != spawner.orm_spawner.id
    )
    taken = [each.user_options["gpu"] for each in others if (each.user_options or {}).get("gpu")]
    gpu = free_gpu(taken, room.gpus, room.per_gpu)
    if gpu is None:
        raise SpawnException("Every place at a GPU is taken. Choose the CPU; all lessons run on it.", reason="gpu")
    # Kept in the hub's database: after a restart of the hub it still knows who has which.
    spawner.user_options = spawner.orm_spawner.user_options = {"profile": "gpu", "gpu": gpu}
    spawner.environment["CUDA_VISIBLE_DEVICES"] = gpu


def chosen(form: Mapping[str, list[str]]) -> dict[str, str]:
    """What the form says; anything but its two answers is the CPU."""
    return {"profile": "gpu"} if form.get("profile") == ["gpu"] else {}


def taken_names(accounts: Iterable[pwd.struct_passwd], folders: Iterable[Path]) -> set[str]:
    """Names that no user of the hub may have, since they are accounts or state folders of the system's own.

    Without this, somebody called "docker" on GitHub would get /var/lib/docker as a home. Accounts that the hub made
    carry its mark, and folders that systemd made for its users are links.
    """
    strangers = {each.pw_name for each in accounts if each.pw_gecos.split(",")[0] != MARK}
    return strangers | {each.name for each in folders if not each.is_symlink()}


def proxy_command(places: Iterable[Path] = (HERE.parent / "build" / "proxy", HERE)) -> str:
    """The proxy that `make hub` installed, or the machine's own, if it is new enough."""
    for place in places:
        command = place / "node_modules" / ".bin" / "configurable-http-proxy"
        if command.exists():
            return str(command)
    found = shutil.which("configurable-http-proxy")
    if found is None:
        refuse("configurable-http-proxy is not installed. `make hub` installs it, with npm, in build/proxy.")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    if not version or int(re.split(r"\D", version)[0]) < 5:
        refuse(
            f"{found} is version {version or 'unknown'}, which breaks on websockets that people leave behind. "
            "`make hub` installs version 5, with npm, in build/proxy."
        )
    return found


def has_systemd() -> bool:
    """Whether this process can start units of systemd."""
    return Path("/run/systemd/system").is_dir() and os.geteuid() == 0


def configure(c: Any, room: Room, systemd: bool, proxy: str) -> None:
    """Fill in JupyterHub's configuration `c`; `proxy` is the command that starts one."""
    room.folder.mkdir(parents=True, exist_ok=True)
    _set_hub(c, room, proxy)
    _set_users_servers(c, room)
    if room.trial:
        _set_trial(c, room)
    else:
        _set_workshop(c, room, systemd)
    _set_services(c, room)


def _set_hub(c: Any, room: Room, proxy: str) -> None:
    host = f"[{room.address}]" if ":" in room.address else room.address
    c.JupyterHub.bind_url = f"http{'s' if room.tls else ''}://{host}:{room.port}"
    c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{room.inner_port}"
    c.JupyterHub.db_url = f"sqlite:///{room.folder / 'jupyterhub.sqlite'}"
    c.JupyterHub.cookie_secret_file = str(room.folder / "cookie_secret")
    c.JupyterHub.template_vars = {"announcement_login": "A trial: any name, no password."} if room.trial else {}
    # Logins are rows in the database until they end.
    c.JupyterHub.cookie_max_age_days = 2
    if room.tls:
        c.JupyterHub.ssl_key, c.JupyterHub.ssl_cert = room.tls
    if not room.trial:
        c.JupyterHub.public_url = room.url
    # In a workshop trainings outlive the hub: a new one finds the servers of the old one again.
    c.JupyterHub.cleanup_servers = room.trial
    # The default lets ten of a room in and sends the others away for a while.
    c.JupyterHub.concurrent_spawn_limit = 100
    c.JupyterHub.last_activity_interval = _often(room)
    c.ConfigurableHTTPProxy.command = proxy
    c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{room.inner_port + 1}"
    c.ConfigurableHTTPProxy.pid_file = str(room.folder / "proxy.pid")


def _set_users_servers(c: Any, room: Room) -> None:
    c.Authenticator.username_pattern = rf"{NAME}\Z"  # JupyterHub compares the beginning alone
    c.Authenticator.admin_users = set(room.admins)
    c.Spawner.cmd = [sys.executable, str(HERE / "singleuser.py")]
    c.Spawner.default_url = first_page(room)
    c.Spawner.environment = user_environment(room)
    c.Spawner.mem_limit = room.memory
    c.Spawner.cpu_limit = room.cores
    # A room that arrives at once keeps the disk busy: the last of fifty waits a minute for its server.
    c.Spawner.start_timeout = 120
    c.Spawner.http_timeout = 120
    c.Spawner.options_form = profiles(room)
    c.Spawner.options_from_form = chosen
    c.Spawner.pre_spawn_hook = lambda spawner: assign_gpu(spawner, room)
    c.Spawner.apply_user_options = lambda spawner, options: None


def _set_trial(c: Any, room: Room) -> None:
    c.JupyterHub.authenticator_class = "dummy"
    c.Authenticator.allow_all = True
    c.JupyterHub.spawner_class = "simple"
    c.SimpleLocalProcessSpawner.home_dir_template = str(room.folder / "users" / "{username}")
    if os.geteuid() == 0:
        c.Spawner.args = ["--allow-root"]


def _set_workshop(c: Any, room: Room, systemd: bool) -> None:
    c.JupyterHub.authenticator_class = "github" if systemd else "local-github"
    c.Authenticator.blocked_users = taken_names(pwd.getpwall(), Path("/var/lib").iterdir())
    c.OAuthenticator.oauth_callback_url = f"{room.url}/hub/oauth_callback"
    c.OAuthenticator.allowed_users = set(room.users)
    # A name that was taken off the list must not come in because it came in before.
    c.OAuthenticator.allow_existing_users = False
    c.GitHubOAuthenticator.allowed_organizations = set(room.organisations)
    c.GitHubOAuthenticator.scope = ["read:org"] if room.organisations else []
    if systemd:
        c.JupyterHub.spawner_class = "systemd"
        c.SystemdSpawner.dynamic_users = True
        c.SystemdSpawner.isolate_tmp = True
        c.SystemdSpawner.isolate_devices = not room.gpus
        c.SystemdSpawner.readonly_paths = [path for path in (room.data, room.cache) if path]
        return
    print(
        f"jetlab's hub: without systemd nothing enforces {room.memory} and {room.cores:g} CPU per user; one user can "
        "fill this machine. Servers find their limit in MEM_LIMIT, that is all.",
        file=sys.stderr,
    )
    c.JupyterHub.spawner_class = "localprocess"
    c.LocalAuthenticator.create_system_users = True
    c.LocalAuthenticator.add_user_cmd = ["adduser", "--quiet", "--gecos", MARK, "--disabled-password"]


def _set_services(c: Any, room: Room) -> None:
    c.JupyterHub.load_roles = [
        {
            "name": "culler",
            "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
            "services": ["culler"],
        }
    ]
    times = [f"--timeout={60 * room.idle_minutes}", f"--cull-every={_often(room)}"]
    culler = [sys.executable, "-m", "jupyterhub_idle_culler", *times]
    c.JupyterHub.services = [{"name": "culler", "command": culler}]
    if room.board:
        c.JupyterHub.services.append(
            {
                "name": "board",
                "command": [sys.executable, "-m", "jetlab", "board", "serve"],
                "url": BOARD,
                "cwd": str(room.folder),  # where it keeps its database
                "oauth_no_confirm": True,
            }
        )
        access = "access:services!service=board"
        c.JupyterHub.load_roles += [{"name": "user", "scopes": ["self", access]}]
        c.Spawner.server_token_scopes = ["users:activity!user", "access:servers!server", access]


if "get_config" in globals():  # JupyterHub runs this file; tests import it
    configure(get_config(), read(os.environ), has_systemd(), proxy_command())  # type: ignore[name-defined]  # noqa: F821
