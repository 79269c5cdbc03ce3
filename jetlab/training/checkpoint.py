"""A training kept on disk after each epoch, so that it goes on where it was after the kernel died.

Each training writes a file of its own, `NAME.OWNER.npz`, so that notebooks with one name do not disturb one another.
The owner is machine and process: one that is gone was cut off. On another machine of a shared home nobody can tell.
"""

import functools
import hashlib
import itertools
import json
import os
import platform
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
import psutil
from numpy.typing import NDArray

from jetlab.config import ConfigError, RunConfig
from jetlab.training.data import Data, TrainingError

Arrays = list[NDArray[Any]]

#: Seconds by which two readings of a process's start may differ, since the clock may be set meanwhile.
SAME_START = 2

_numbers = itertools.count(1)
_writing: set[Path] = set()
_lock = threading.Lock()


@dataclass(frozen=True)
class Checkpoint:
    """A training after a whole epoch: all it needs to give the numbers it would have given uninterrupted.

    Attributes:
        config: what is trained.
        data: `fingerprint` of the jets it is trained on.
        epoch: epochs done.
        best_epoch: the one of lowest validation loss, whose weights are `best`.
        learning_rate: the rate chosen last, which the schedule then lowers.
        history: a list with a number per epoch for each name of `training.Result.history`.
        variables: of model and optimizer, as they are.
        best: weights of the best epoch.
        path: the file it was read from; None where it was not.
        elsewhere: name of another machine on which it may still run; "" where it was surely cut off.
    """

    config: RunConfig
    data: int
    epoch: int
    best_epoch: int
    learning_rate: float
    history: dict[str, list[float]]
    variables: Arrays
    best: Arrays
    path: Path | None = None
    elsewhere: str = ""


def fingerprint(data: Data) -> int:
    """Number that differs for other jets, inputs or weights: a training must not go on with those."""
    total = 0
    for name in (f"{letter}_{part}" for part in ("train", "validation") for letter in "xyw"):
        values = getattr(data, name)
        for each in values if isinstance(values, tuple) else [values]:
            total = zlib.crc32(np.ascontiguousarray(each).data, zlib.crc32(str(each.shape).encode(), total))
    return total


def folder() -> Path:
    """Where trainings are kept: $JETLAB_CHECKPOINTS, or the user's cache."""
    if os.environ.get("JETLAB_CHECKPOINTS"):
        return Path(os.environ["JETLAB_CHECKPOINTS"]).expanduser()
    import pooch

    return Path(pooch.os_cache("jetlab")) / "checkpoints"


class Keeper:
    """Keeps one training of this process after each of its epochs; at no moment is there half a file.

    Args:
        keep: folder and name under which it is kept, such as `folder() / "M2"`.
    """

    def __init__(self, keep: Path) -> None:
        self.path = keep.with_name(f"{keep.name}.{_this_process()}-{next(_numbers)}.npz")
        with _lock:
            _writing.add(self.path)

    def write(self, kept: Checkpoint) -> None:
        """Put a checkpoint in place of the one before. Raises OSError."""
        names = ("data", "epoch", "best_epoch", "learning_rate", "history")
        about = {name: getattr(kept, name) for name in names}
        about |= {"config": kept.config.to_json(), "machine": platform.node()}
        arrays = {
            f"{kind}_{i:04d}": each for kind in ("variables", "best") for i, each in enumerate(getattr(kept, kind))
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        with new.open("wb") as stream:
            np.savez(stream, about=np.array(json.dumps(about)), **arrays)
        new.replace(self.path)

    def take_over(self, kept: Checkpoint) -> None:
        """Make the file of a training that was cut off this one's own, so that only one goes on with it.

        Raises TrainingError if another notebook was faster.
        """
        if kept.path is None:
            return
        try:
            kept.path.replace(self.path)
        except FileNotFoundError:
            raise TrainingError(
                "The training that was kept is no longer there: another notebook goes on with it, or it was removed. "
                "Train anew."
            ) from None

    def end(self, cut_off: bool) -> None:
        """Stop keeping: the file of a training that was `cut_off` stays, to go on with, else it is removed."""
        if not cut_off and self.path.exists():
            self.path.unlink()
        with _lock:
            _writing.discard(self.path)


def cut_off(keep: Path) -> list[Checkpoint]:
    """The trainings under this folder and name that were cut off, the latest first.

    Those of living processes are left out; a file that cannot be read does not count. What a process that was killed
    left half written is removed.
    """
    found = []
    for path in _files(keep):
        owner = _Owner.of(path)
        if owner is None or owner.lives(path):
            continue
        if path.suffix == ".new":
            if not owner.elsewhere:
                path.unlink(missing_ok=True)
            continue
        try:
            written, kept = path.stat().st_mtime, _read(path, owner.elsewhere)
        except (OSError, EOFError, BadZipFile, ValueError, KeyError, TypeError, ConfigError):
            continue
        found.append((written, kept))
    return [kept for _, kept in sorted(found, key=lambda each: each[0], reverse=True)]


def forget(kept: Checkpoint) -> None:
    """Remove a checkpoint that was read from a file, if it is still there."""
    if kept.path is not None:
        kept.path.unlink(missing_ok=True)


class _Owner(NamedTuple):
    """Who writes a file: fingerprints of the machine's name and of what its process numbers mean, and the process."""

    node: str
    namespace: str
    process: int
    start: int

    @classmethod
    def of(cls, path: Path) -> "_Owner | None":
        fields = path.stem.rpartition(".")[2].split("-")
        if len(fields) != 5 or not all(field.isdecimal() for field in fields[2:]):
            return None
        return cls(fields[0], fields[1], int(fields[2]), int(fields[3]))

    @property
    def elsewhere(self) -> bool:
        """Whether it is another machine, of whose processes nothing is known here."""
        return self.node != _machine()[0]

    def lives(self, path: Path) -> bool:
        """Whether it surely runs: a machine of the same name that was started anew has none of its old processes."""
        if (self.node, self.namespace) != _machine():
            return False
        if self.process == os.getpid():
            with _lock:
                return path.with_suffix(".npz") in _writing
        try:
            start = psutil.Process(self.process).create_time()
        except psutil.NoSuchProcess:
            return False
        return abs(start - self.start) <= SAME_START


def _files(keep: Path) -> Iterator[Path]:
    if not keep.parent.is_dir():
        return
    for path in keep.parent.iterdir():
        name, _, owner = path.stem.rpartition(".")
        if name == keep.name and owner and path.suffix in (".npz", ".new"):
            yield path


def _read(path: Path, elsewhere: bool) -> Checkpoint:
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
        about = json.loads(str(stored["about"]))
        arrays: dict[str, Any] = {
            kind: [stored[name] for name in sorted(stored.files) if name.startswith(f"{kind}_")]
            for kind in ("variables", "best")
        }
    config, machine = RunConfig.from_json(about.pop("config")), about.pop("machine")
    return Checkpoint(config=config, **about, **arrays, path=path, elsewhere=machine if elsewhere else "")


def _this_process() -> str:
    node, namespace = _machine()
    return f"{node}-{namespace}-{os.getpid()}-{psutil.Process().create_time():.0f}"


@functools.cache
def _machine() -> tuple[str, str]:
    """Fingerprints of this machine's name, and of the start and the container for which its process numbers hold."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip() + os.readlink("/proc/self/ns/pid")
    except OSError:  # not Linux: processes are numbered from the start of the machine
        boot = f"{psutil.boot_time():.0f}"
    return _digest(platform.node()), _digest(boot)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
