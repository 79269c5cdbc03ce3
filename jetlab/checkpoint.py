"""A training kept on disk after each epoch, so that it goes on where it was after the kernel died."""

import json
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import psutil
from numpy.typing import NDArray

from jetlab.config import ConfigError, RunConfig
from jetlab.parts import Data

Arrays = list[NDArray[Any]]


@dataclass(frozen=True)
class Checkpoint:
    """A training after a whole epoch: all it needs to give the numbers it would have given uninterrupted.

    Attributes:
        config: what is trained.
        data: `fingerprint` of the jets it is trained on.
        epoch: epochs done.
        best_epoch: the one of lowest validation loss, whose weights are `best`.
        history: a list with a number per epoch for each name of `training.Result.history`.
        variables: of model and optimizer, as they are.
        best: weights of the best epoch.

    Used in M2.
    """

    config: RunConfig
    data: int
    epoch: int
    best_epoch: int
    history: dict[str, list[float]]
    variables: Arrays
    best: Arrays


def fingerprint(data: Data) -> int:
    """Number that differs for other jets, inputs or weights: a training must not go on with those. Used in M2."""
    total = 0
    for name in ("x_train", "y_train", "w_train"):
        values = getattr(data, name)
        for each in values if isinstance(values, tuple) else [values]:
            total = zlib.crc32(np.ascontiguousarray(each[:1000]), zlib.crc32(str(each.shape).encode(), total))
    return total


def folder() -> Path:
    """Where trainings are kept: $JETLAB_CHECKPOINTS, or the user's cache. Used in M2."""
    if os.environ.get("JETLAB_CHECKPOINTS"):
        return Path(os.environ["JETLAB_CHECKPOINTS"]).expanduser()
    import pooch

    return Path(pooch.os_cache("jetlab")) / "checkpoints"


def write(path: Path, kept: Checkpoint) -> None:
    """Put a checkpoint in place of the one before; at no moment is there half a file. Raises OSError. Used in M2."""
    about = {name: getattr(kept, name) for name in ("data", "epoch", "best_epoch", "history")}
    about |= {"config": kept.config.to_json(), "process": os.getpid()}
    arrays = {f"{kind}_{i:04d}": value for kind in ("variables", "best") for i, value in enumerate(getattr(kept, kind))}
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    with new.open("wb") as stream:
        np.savez(stream, about=np.array(json.dumps(about)), **arrays)
    new.replace(path)


def read(path: Path) -> Checkpoint | None:
    """Read the checkpoint of a training that was cut off; None where there is none, or its process is still alive.

    A file that cannot be read is none. Used in M2.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            about = json.loads(str(stored["about"]))
            arrays = {
                kind: [stored[name] for name in sorted(stored.files) if name.startswith(f"{kind}_")]
                for kind in ("variables", "best")
            }
        process, config = about.pop("process"), RunConfig.from_json(about.pop("config"))
        kept = Checkpoint(config=config, **about, **arrays)
    except (OSError, EOFError, BadZipFile, ValueError, KeyError, TypeError, ConfigError):
        return None
    alive = process != os.getpid() and psutil.pid_exists(process)
    return None if alive else kept


def forget(path: Path) -> None:
    """Remove a checkpoint, if there is one. Used in M2."""
    path.unlink(missing_ok=True)
