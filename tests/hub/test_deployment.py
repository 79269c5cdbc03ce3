"""Files that run elsewhere: values for Kubernetes, and the recipe of the image."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator, validators

from tests.hub.configuration import WORKSHOP, hub


@pytest.fixture(scope="module")
def values(repository: Path) -> dict[str, Any]:
    return yaml.safe_load((repository / "hub" / "values.yaml").read_text())


def mistakes(values: dict[str, Any], real_data: Path) -> list[str]:
    """What the chart's own schema objects to; what is required but left out, the chart's defaults have."""
    schema = yaml.safe_load((real_data / "z2jh_values.schema.yaml").read_text())
    validator = validators.extend(Draft7Validator, {"required": lambda *_: ()})(schema)
    return [error.message for error in validator.iter_errors(values)]


def test_the_chart_takes_the_values(values: dict[str, Any], real_data: Path) -> None:
    assert mistakes(values, real_data) == []


def test_the_chart_does_not_take_a_misspelt_value(values: dict[str, Any], real_data: Path) -> None:
    assert mistakes(values | {"culling": {"enabled": True}}, real_data)
    singleuser = values["singleuser"] | {"memory": {"limit": "2G", "least": "1G"}}
    assert mistakes(values | {"singleuser": singleuser}, real_data)


def test_kubernetes_lets_nobody_in_without_a_list(values: dict[str, Any]) -> None:
    config = values["hub"]["config"]
    assert config["JupyterHub"]["authenticator_class"] == "github"
    assert config["GitHubOAuthenticator"]["allowed_organizations"]
    assert config["GitHubOAuthenticator"]["allow_existing_users"] is False
    assert "allow_all" not in str(config)
    assert values["proxy"]["https"]["enabled"] is True


def test_no_secret_is_in_the_values(values: dict[str, Any]) -> None:
    for name in ("GITHUB_CLIENT_ID", "GITHUB_CLIENT_SECRET"):
        assert set(values["hub"]["extraEnv"][name]) == {"valueFrom"}
    assert "client_secret" not in str(values)


def test_kubernetes_and_one_server_agree(values: dict[str, Any]) -> None:
    room = hub.read(WORKSHOP)
    assert values["singleuser"]["memory"]["limit"] == room.memory
    assert values["cull"]["timeout"] == 60 * room.idle_minutes
    assert values["singleuser"]["defaultUrl"] == hub.first_page(room)
    assert values["hub"]["config"]["Authenticator"]["username_pattern"] == rf"{hub.NAME}\Z"


def test_one_profile_takes_a_gpu_and_the_other_is_the_default(values: dict[str, Any]) -> None:
    cpu, gpu = values["singleuser"]["profileList"]
    assert cpu["default"] is True
    assert gpu["kubespawner_override"]["extra_resource_limits"] == {"nvidia.com/gpu": "1"}


@pytest.fixture(scope="module")
def steps(repository: Path) -> list[tuple[str, str]]:
    """Instructions of the Dockerfile with what follows them."""
    text = (repository / "hub" / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ").splitlines()
    return [(line.partition(" ")[0], " ".join(line.partition(" ")[2].split())) for line in joined]


def test_the_image_copies_files_that_there_are_and_all_that_the_wheel_needs(
    steps: list[tuple[str, str]], repository: Path
) -> None:
    sources = {source for what, words in steps if what == "COPY" for source in words.split()[:-1]}
    assert [source for source in sources if not (repository / source).exists()] == []
    project = tomllib.loads((repository / "pyproject.toml").read_text())
    needed = set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"])
    needed |= {project["project"]["readme"], *project["project"]["license-files"], "pyproject.toml", "constraints.txt"}
    assert needed <= sources
    ignored = (repository / "hub" / "Dockerfile.dockerignore").read_text().split()
    assert not sources & set(ignored)


def test_the_image_takes_the_pins_and_the_gpu_build(steps: list[tuple[str, str]], repository: Path) -> None:
    install = next(words for what, words in steps if what == "RUN" and words.startswith("pip install"))
    assert "-c constraints.txt" in install
    assert "[${DEVICE},scan]" in install
    extras = tomllib.loads((repository / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert ("ARG", "DEVICE=gpu") in steps
    assert extras["gpu"] == ["tensorflow[and-cuda]>=2.20"]
    assert {"cpu", "scan"} <= set(extras)


def test_the_image_has_a_fixed_base_and_runs_as_no_root(steps: list[tuple[str, str]]) -> None:
    base = next(words for what, words in steps if what == "FROM")
    assert base.startswith("python:3.11-")
    order = [what for what, _ in steps]
    user = next(number for number, step in enumerate(steps) if step == ("USER", "1000"))
    assert user < order.index("CMD")
    assert steps[-1] == ("CMD", '["jupyterhub-singleuser"]')
    assert ("RUN", "jetlab doctor") in steps[user:]
