"""hub/jupyterhub_config.py as a module, and what JupyterHub makes of it."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from traitlets.config import Config

FILE = Path(__file__).resolve().parents[2] / "hub" / "jupyterhub_config.py"
TRIAL = {"JETLAB_HUB_LOGIN": "trial"}
WORKSHOP = {
    "JETLAB_HUB_LOGIN": "github",
    "JETLAB_HUB_URL": "https://hub.example.org",
    "JETLAB_HUB_TLS": "elsewhere",
    "JETLAB_HUB_USERS": "Ada, emmy",
    "GITHUB_CLIENT_ID": "an-id",
    "GITHUB_CLIENT_SECRET": "a-secret",
}


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("jetlab_hub_config", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


hub = load()


def configured(environment: Mapping[str, str], folder: Path, systemd: bool = True) -> Config:
    config = Config()
    hub.configure(config, hub.read({**environment, "JETLAB_HUB_FOLDER": str(folder)}), systemd, "proxy")
    return config
