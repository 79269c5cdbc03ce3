from collections.abc import Iterator
from pathlib import Path

import pytest

from .boards import Served, serving

pytest.importorskip("sqlalchemy", reason="the board extra is not installed")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as board:
        yield board
