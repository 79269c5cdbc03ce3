import os
from pathlib import Path

import pytest

# Before anything imports TensorFlow: its banner about CPU instructions says nothing about jetlab.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def real_data() -> Path:
    folder = REPOSITORY.parent / "shared" / "real"
    if not folder.is_dir():
        pytest.skip(f"no real data here: {folder} does not exist")
    return folder
