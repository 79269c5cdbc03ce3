"""A hub as somebody who means harm sees it: other people's files and kernels, paths, forged requests, big bodies."""

import json
import re
import select
import socket
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.hub.running import MOST, Person, Room, lacking, running

pytestmark = pytest.mark.skipif(bool(lacking()), reason=lacking() or "the hub can be started")

SECRET = "a-secret-of-the-hub"
BODY = 2**28  # bytes, more than what waits between two programs
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
    "Sec-WebSocket-Version": "13",
}


class Scene(NamedTuple):
    """Ada and Emmy have servers, and Emmy a file and a kernel. There is one place at a GPU, and Ada has it."""

    room: Room
    ada: Person
    emmy: Person
    kernel: str
    refused: str


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    asked = {"JETLAB_HUB_ADMINS": "teacher", "JETLAB_HUB_GPUS": "3", "JETLAB_HUB_PER_GPU": "1"}
    with running(tmp_path_factory.mktemp("hub"), {**asked, "GITHUB_CLIENT_SECRET": SECRET}) as room:
        ada, emmy = Person(room, "ada"), Person(room, "emmy")
        for person in (ada, emmy):
            assert person.log_in().status_code == 200
        assert ada.ask_for_server("gpu").status_code == 200
        refused = emmy.ask_for_server("gpu").text
        assert emmy.ask_for_server("cpu").status_code == 200
        for person in (ada, emmy):
            assert person.get(f"/user/{person.name}/lab").status_code == 200
        note = {"type": "file", "format": "text", "content": "mine"}
        assert emmy.send("PUT", "/user/emmy/api/contents/diary.txt", json=note).status_code == 201
        started = emmy.send("POST", "/user/emmy/api/kernels", json={"name": "python3"})
        yield Scene(room, ada, emmy, started.json()["id"], refused)


def environment(scene: Scene, name: str) -> dict[str, str]:
    """Of a user's server and kernels together."""
    processes = scene.room.users_processes(name)
    assert processes
    return {name: value for each in processes for name, value in each.environ().items()}


def test_a_gpu_is_given_out_once_and_the_next_is_told(scene: Scene) -> None:
    assert environment(scene, "ada")["CUDA_VISIBLE_DEVICES"] == "3"
    assert "Every place at a GPU is taken" in scene.refused
    assert environment(scene, "emmy")["CUDA_VISIBLE_DEVICES"] == "-1"
    assert environment(scene, "emmy")["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"


@pytest.mark.parametrize("path", ["contents", "contents/diary.txt", "kernels", "sessions", "terminals", "status"])
def test_nobody_reads_what_is_on_anothers_server(scene: Scene, path: str) -> None:
    assert scene.emmy.get(f"/user/emmy/api/{path}").status_code == 200
    assert scene.ada.get(f"/user/emmy/api/{path}").status_code == 403


@pytest.mark.parametrize("path", ["lab", "files/diary.txt", "git-pull?repo=https://example.org/x"])
def test_nobody_opens_anothers_pages(scene: Scene, path: str) -> None:
    answer = scene.ada.get(f"/user/emmy/{path}")
    assert answer.status_code == 403
    assert "mine" not in answer.text


def test_nobody_writes_to_anothers_server_or_stops_it(scene: Scene) -> None:
    note = {"type": "file", "format": "text", "content": "forged"}
    for method, path, body in (
        ("PUT", "/user/emmy/api/contents/diary.txt", note),
        ("DELETE", "/user/emmy/api/contents/diary.txt", None),
        ("POST", "/user/emmy/api/kernels", {"name": "python3"}),
        ("DELETE", f"/user/emmy/api/kernels/{scene.kernel}", None),
        ("POST", f"/user/emmy/api/kernels/{scene.kernel}/interrupt", None),
    ):
        assert scene.ada.send(method, path, json=body).status_code == 403
    token = scene.ada.xsrf("/hub/")
    for method, path in (("DELETE", "emmy/server"), ("POST", "emmy/tokens"), ("DELETE", "emmy"), ("PATCH", "emmy")):
        assert scene.ada.send(method, f"/hub/api/users/{path}", token, json={}).status_code in (403, 404)
    assert scene.emmy.get("/user/emmy/api/contents/diary.txt").json()["content"] == "mine"
    assert [each["id"] for each in scene.emmy.get("/user/emmy/api/kernels").json()] == [scene.kernel]


def test_the_token_of_ones_own_server_opens_nothing_of_others(scene: Scene) -> None:
    header = {"Authorization": f"token {environment(scene, 'ada')['JUPYTERHUB_API_TOKEN']}"}
    stranger = Person(scene.room, "nobody")
    assert stranger.get("/user/ada/api/contents", headers=header).status_code == 200
    forbidden = ["/user/emmy/api/contents", "/hub/api/users/emmy", "/hub/api/users", "/hub/api/services"]
    forbidden += ["/hub/api/proxy", "/hub/api/groups", "/hub/api/info", "/hub/api/users/ada/tokens"]
    for path in forbidden:
        assert stranger.get(path, headers=header).status_code in (403, 404), path


def test_a_websocket_opens_to_ones_own_kernel_from_ones_own_page_only(scene: Scene) -> None:
    path = f"/user/emmy/api/kernels/{scene.kernel}/channels"
    assert scene.emmy.raw("GET", path, UPGRADE | {"Origin": scene.room.url})[0] == 101
    assert scene.ada.raw("GET", path, UPGRADE | {"Origin": scene.room.url})[0] == 403
    assert scene.emmy.raw("GET", path, UPGRADE | {"Origin": "https://evil.example"})[0] == 403


@pytest.mark.parametrize(
    "path", ["../emmy/diary.txt", "..%2Femmy%2Fdiary.txt", "%2e%2e/emmy/diary.txt", "..%5C..%5Cemmy", "%2Fetc%2Fpasswd"]
)
def test_paths_do_not_lead_out_of_ones_home(scene: Scene, path: str) -> None:
    note = json.dumps({"type": "file", "format": "text", "content": "forged"})
    for route in ("api/contents", "files"):
        status, body = scene.ada.raw("GET", f"/user/ada/{route}/{path}")
        assert status >= 300
        assert b"mine" not in body
        assert b"root:" not in body
    assert scene.ada.raw("PUT", f"/user/ada/api/contents/{path}.ipynb", body=note)[0] >= 300
    files = [each.name for each in (scene.room.folder / "users").glob("*") if each.is_dir()]
    assert sorted(files) == ["ada", "emmy"]
    assert scene.emmy.get("/user/emmy/api/contents/diary.txt").json()["content"] == "mine"


def test_a_file_cannot_be_moved_out_of_ones_home(scene: Scene) -> None:
    note = {"type": "file", "format": "text", "content": "forged"}
    assert scene.ada.send("PUT", "/user/ada/api/contents/note.txt", json=note).status_code == 201
    for target in ("../emmy/diary.txt", "/../emmy/new.txt", "../../cookie_secret"):
        answer = scene.ada.send("PATCH", "/user/ada/api/contents/note.txt", json={"path": target})
        assert answer.status_code >= 400, target
    assert not (scene.room.folder / "users" / "emmy" / "new.txt").exists()


def test_a_forged_request_lacks_the_token_of_the_page(scene: Scene) -> None:
    note = {"type": "file", "format": "text", "content": "forged"}
    for token in ("", "2|00000000|0|0", scene.emmy.xsrf("/user/emmy/")):
        assert scene.ada.send("PUT", "/user/ada/api/contents/x.txt", token, json=note).status_code == 403
        assert scene.ada.send("DELETE", "/hub/api/users/ada/server", token).status_code == 403
    form = {"username": "ada", "password": ""}
    assert Person(scene.room, "ada").browser.post(f"{scene.room.url}/hub/login", form, timeout=MOST).status_code == 403


def test_no_secret_of_the_hub_is_in_a_users_environment(scene: Scene) -> None:
    secrets = {SECRET}
    for each in scene.room.own_processes():
        found = each.environ()
        secrets |= {found[name] for name in ("CONFIGPROXY_AUTH_TOKEN", "JUPYTERHUB_API_TOKEN") if name in found}
    assert len(secrets) >= 3  # the proxy's and the culler's, too
    for name in ("ada", "emmy"):
        assert secrets.isdisjoint(environment(scene, name).values())
    ours, theirs = (environment(scene, name)["JUPYTERHUB_API_TOKEN"] for name in ("ada", "emmy"))
    assert ours != theirs


def test_the_admins_page_is_the_admins(scene: Scene) -> None:
    teacher = Person(scene.room, "teacher")
    teacher.log_in()
    assert teacher.get("/hub/admin").status_code == 200
    assert scene.ada.get("/hub/admin").status_code == 403
    assert Person(scene.room, "nobody").get("/hub/admin", allow_redirects=False).status_code == 302


@pytest.mark.parametrize(
    "then", ["https://evil.example/", "//evil.example/", "/\\evil.example", "https:evil.example", "\\\\evil.example"]
)
def test_a_login_leads_nowhere_else(scene: Scene, then: str) -> None:
    answer = Person(scene.room, "mallory").log_in(then, follow=False)
    assert answer.status_code == 302
    # Browsers take both //host and /\\host for the address of a host.
    assert re.match(rf"(/|{re.escape(scene.room.url)}/)(?![/\\])", answer.headers["Location"])


@pytest.mark.parametrize("name", ["..", "a/b", "<script>alert(1)</script>", "{username}", "root;id"])
def test_names_that_are_none_do_not_get_in(scene: Scene, name: str) -> None:
    stranger = Person(scene.room, name)
    answer = stranger.log_in()
    assert answer.status_code in (400, 403)
    assert "<script>alert" not in answer.text
    assert stranger.get("/hub/home", allow_redirects=False).status_code == 302


@pytest.mark.parametrize("path", ["/hub/login", "/hub/api/users", "/user/ada/api/contents/big.txt"])
def test_a_body_without_end_is_not_read_to_its_end(scene: Scene, path: str) -> None:
    target, sent, part = urlsplit(scene.room.url), 0, bytes(2**18)
    head = f"POST {path} HTTP/1.1\r\nHost: {target.netloc}\r\nContent-Length: {10**12}\r\n\r\n"
    with socket.create_connection((target.hostname, target.port), timeout=MOST) as connection:
        connection.sendall(head.encode())
        try:
            # Until an answer comes, or the connection is cut.
            while not select.select([connection], [], [], 0)[0] and sent < BODY:
                sent += connection.send(part)
        except ConnectionError:
            pass
    assert sent < BODY
    assert scene.ada.get("/hub/home").status_code == 200
