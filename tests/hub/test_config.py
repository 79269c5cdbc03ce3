"""What the hub's configuration refuses, and what it makes of the variables."""

import re
from pathlib import Path
from pwd import struct_passwd
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.hub.configuration import TRIAL, WORKSHOP, configured, hub


def refusal(environment: dict[str, str]) -> str:
    with pytest.raises(SystemExit) as ended:
        hub.read(environment)
    assert str(ended.value).startswith("jetlab's hub does not start: ")
    return str(ended.value)


def without(*names: str) -> dict[str, str]:
    return {name: value for name, value in WORKSHOP.items() if name not in names}


def test_nobody_gets_in_without_a_login() -> None:
    assert "JETLAB_HUB_LOGIN is ''" in refusal({})
    assert "JETLAB_HUB_LOGIN is 'dummy'" in refusal({"JETLAB_HUB_LOGIN": "dummy"})


@pytest.mark.parametrize("bind", ["0.0.0.0:8000", "[::]:8000", "192.168.0.7:8000", "hub.example.org:8000"])
def test_a_trial_is_open_to_this_machine_only(bind: str) -> None:
    assert "would open it to others" in refusal({**TRIAL, "JETLAB_HUB_BIND": bind})


@pytest.mark.parametrize("bind", ["127.0.0.1:9000", "[::1]:9000", "localhost:9000"])
def test_a_trial_may_listen_on_loopback(bind: str, tmp_path: Path) -> None:
    assert configured({**TRIAL, "JETLAB_HUB_BIND": bind}, tmp_path).JupyterHub.bind_url == f"http://{bind}"


def test_a_workshop_needs_a_list_of_those_who_may_come() -> None:
    assert "anybody with a GitHub account" in refusal(without("JETLAB_HUB_USERS"))
    assert "anybody with a GitHub account" in refusal(without("JETLAB_HUB_USERS") | {"JETLAB_HUB_ADMINS": "ada"})
    assert "anybody with a GitHub account" in refusal(WORKSHOP | {"JETLAB_HUB_USERS": " , "})


def test_a_workshop_needs_https() -> None:
    for missing in ({}, {"JETLAB_HUB_TLS": "no"}, {"JETLAB_HUB_TLS": "elsewhere", "JETLAB_HUB_TLS_KEY": "key.pem"}):
        assert "clear text" in refusal(without("JETLAB_HUB_TLS") | missing)
    files = {"JETLAB_HUB_TLS_KEY": "/no/key.pem", "JETLAB_HUB_TLS_CERT": "/no/cert.pem"}
    assert "there is no file /no/key.pem" in refusal(without("JETLAB_HUB_TLS") | files)
    for url in ("", "http://hub.example.org"):
        assert "JETLAB_HUB_URL" in refusal(WORKSHOP | {"JETLAB_HUB_URL": url})


@pytest.mark.parametrize("name", ["GITHUB_CLIENT_ID", "GITHUB_CLIENT_SECRET"])
def test_a_workshop_needs_githubs_secrets(name: str) -> None:
    found = refusal(without(name))
    assert name in found
    assert "https://hub.example.org/hub/oauth_callback" in found


def test_a_misspelt_variable_is_not_ignored() -> None:
    found = refusal(WORKSHOP | {"JETLAB_HUB_ORGANIZATIONS": "my-school"})
    assert "did you mean JETLAB_HUB_ORGANISATIONS?" in found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BIND", "8000"),
        ("BIND", "127.0.0.1:70000"),
        ("MEMORY", "2 gigabytes"),
        ("CORES", "0"),
        ("CORES", "nan"),
        ("IDLE_MINUTES", "0"),
        ("PER_GPU", "-1"),
        ("USERS", "ada,../etc"),
        ("ADMINS", "a_b"),
        ("ORGANISATIONS", "my-school/my-team"),
    ],
)
def test_values_that_make_no_sense_are_named(name: str, value: str) -> None:
    assert f"JETLAB_HUB_{name}" in refusal(WORKSHOP | {f"JETLAB_HUB_{name}": value})


def test_a_trial_has_folders_of_its_own(tmp_path: Path) -> None:
    config = configured(TRIAL, tmp_path)
    assert config.JupyterHub.authenticator_class == "dummy"
    assert config.JupyterHub.spawner_class == "simple"
    assert config.SimpleLocalProcessSpawner.home_dir_template == f"{tmp_path}/users/{{username}}"
    assert config.JupyterHub.db_url == f"sqlite:///{tmp_path}/jupyterhub.sqlite"


def test_a_workshop_is_as_its_variables_say(tmp_path: Path) -> None:
    for name in ("key.pem", "cert.pem"):
        (tmp_path / name).touch()
    asked = {
        "TLS_KEY": str(tmp_path / "key.pem"),
        "TLS_CERT": str(tmp_path / "cert.pem"),
        "ORGANISATIONS": "My-School, other:team-1",
        "ADMINS": "Emmy",
        "MEMORY": "1500M",
        "CORES": "0.5",
        "IDLE_MINUTES": "20",
        "DATA": "/srv/data",
        "CACHE": "/srv/cache",
    }
    environment = without("JETLAB_HUB_TLS") | {f"JETLAB_HUB_{name}": value for name, value in asked.items()}
    config = configured(environment, tmp_path)
    assert config.JupyterHub.bind_url == "https://0.0.0.0:443"
    assert config.JupyterHub.ssl_key == asked["TLS_KEY"]
    assert config.JupyterHub.authenticator_class == "github"
    assert config.OAuthenticator.allowed_users == {"ada", "emmy"}
    assert config.GitHubOAuthenticator.allowed_organizations == {"my-school", "other:team-1"}
    assert config.GitHubOAuthenticator.scope == ["read:org"]
    assert config.Authenticator.admin_users == {"emmy"}
    assert (config.Spawner.mem_limit, config.Spawner.cpu_limit) == ("1500M", 0.5)
    assert config.JupyterHub.spawner_class == "systemd"
    assert config.SystemdSpawner.dynamic_users is True
    assert config.SystemdSpawner.readonly_paths == ["/srv/data", "/srv/cache"]
    assert config.Spawner.environment["JETLAB_DATA"] == "/srv/data"
    assert config.Spawner.environment["CUDA_CACHE_PATH"] == "/srv/cache"
    culler = next(each for each in config.JupyterHub.services if each["name"] == "culler")
    assert "--timeout=1200" in culler["command"]


def test_without_systemd_the_hub_says_that_limits_are_not_enforced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = configured(WORKSHOP, tmp_path, systemd=False)
    assert config.JupyterHub.spawner_class == "localprocess"
    assert config.JupyterHub.authenticator_class == "local-github"
    assert "nothing enforces 2G" in capsys.readouterr().err


def test_no_secret_is_in_what_users_get(tmp_path: Path) -> None:
    config = configured(WORKSHOP, tmp_path)
    assert "a-secret" not in repr(dict(config.Spawner))
    assert "a-secret" not in repr(config.JupyterHub.services)


def test_names_of_accounts_and_state_folders_are_not_given_away(tmp_path: Path) -> None:
    accounts = [
        struct_passwd((name, "x", 1, 1, gecos, "/", "/bin/sh"))
        for name, gecos in (("root", "root"), ("ada", "jetlab hub,,,"), ("teacher", "A Teacher"))
    ]
    (tmp_path / "private" / "emmy").mkdir(parents=True)
    (tmp_path / "docker").mkdir()
    (tmp_path / "emmy").symlink_to(tmp_path / "private" / "emmy")
    assert hub.taken_names(accounts, tmp_path.iterdir()) == {"root", "teacher", "docker", "private"}


@pytest.mark.parametrize("name", ["ada", "grace-hopper", "a" * 39, "7up"])
def test_names_of_github_are_names_of_the_hub(name: str) -> None:
    assert re.fullmatch(hub.NAME, name)


@pytest.mark.parametrize("name", ["", ".", "..", "-x", "a/b", "a b", "ada\n", "a" * 40, "{username}", "A"])
def test_other_names_become_no_folders(name: str, tmp_path: Path) -> None:
    auth = pytest.importorskip("jupyterhub.auth", reason="the hub extra is not installed")
    authenticator = auth.DummyAuthenticator(config=configured(TRIAL, tmp_path))
    assert authenticator.validate_username("ada")
    assert not authenticator.validate_username(name)


def test_the_first_page_brings_the_lessons(tmp_path: Path) -> None:
    asked = {"JETLAB_HUB_LESSONS": "https://example.org/a&b", "JETLAB_HUB_BRANCH": "school"}
    page = urlsplit(configured({**TRIAL, **asked}, tmp_path).Spawner.default_url)
    assert page.path == "/git-pull"
    assert parse_qs(page.query) == {
        "repo": ["https://example.org/a&b"],
        "branch": ["school"],
        "targetPath": ["lessons"],
        "urlpath": ["lab/tree/lessons/notebooks/00_welcome.ipynb"],
    }
    assert configured({**TRIAL, "JETLAB_HUB_LESSONS": ""}, tmp_path).Spawner.default_url == "/lab"


def test_gpus_go_round_and_are_shared_by_so_many() -> None:
    taken: list[str] = []
    while (gpu := hub.free_gpu(taken, ("0", "3"), 2)) is not None:
        taken.append(gpu)
    assert taken == ["0", "3", "0", "3"]
    assert hub.free_gpu(["0", "3", "0"], ("0", "3"), 2) == "3"


def test_who_wants_a_gpu_is_asked_only_where_there_is_one(tmp_path: Path) -> None:
    assert configured(TRIAL, tmp_path).Spawner.options_form == ""
    asked = {"JETLAB_HUB_GPUS": "0, 1", "JETLAB_HUB_PER_GPU": "4", "JETLAB_HUB_MEMORY": "8G"}
    config = configured({**TRIAL, **asked}, tmp_path)
    assert "CPU, 8 GB" in config.Spawner.options_form
    assert "GPU, one of 2, shared by 4, 8 GB" in config.Spawner.options_form
    assert config.Spawner.options_from_form({"profile": ["gpu"]}) == {"profile": "gpu"}
    for form in ({}, {"profile": ["cpu"]}, {"profile": ["gpu", "cpu"]}, {"profile": ["other"]}):
        assert config.Spawner.options_from_form(form) == {}
    assert config.Spawner.environment["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    assert config.Spawner.environment["CUDA_VISIBLE_DEVICES"] == "-1"


def test_the_board_runs_beside_the_hub_where_it_is_asked_for(tmp_path: Path) -> None:
    assert [each["name"] for each in configured(TRIAL, tmp_path).JupyterHub.services] == ["culler"]
    config = configured({**TRIAL, "JETLAB_HUB_BOARD": "1"}, tmp_path)
    board = config.JupyterHub.services[1]
    assert board["command"][1:] == ["-m", "jetlab", "board", "serve"]
    assert board["url"] == "http://127.0.0.1:8765"
    assert config.Spawner.environment["JETLAB_BOARD_URL"].startswith(board["url"])


def test_an_old_proxy_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match="is not installed"):
        hub.proxy_command([])
    old = tmp_path / "configurable-http-proxy"
    old.write_text("#!/bin/sh\necho 4.5.6\n")
    old.chmod(0o755)
    with pytest.raises(SystemExit, match=r"4\.5\.6.*websockets"):
        hub.proxy_command([])
    old.write_text("#!/bin/sh\necho 5.3.0\n")
    assert hub.proxy_command([]) == str(old)
    ours = tmp_path / "node_modules" / ".bin" / "configurable-http-proxy"
    ours.parent.mkdir(parents=True)
    ours.touch()
    assert hub.proxy_command([tmp_path]) == str(ours)
