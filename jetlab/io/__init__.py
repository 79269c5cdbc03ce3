"""Reading and writing samples of jets: ROOT, c2numpy .npy and HDF5. Bad files raise DataError, nothing half-written."""

import os
from collections.abc import Sequence
from pathlib import Path

from jetlab.io.hdf5 import read_hdf5, write_hdf5
from jetlab.io.npy import read_npy
from jetlab.io.root import read_root, write_root
from jetlab.io.sample import DataError, JetSample, MissingColumnError

__all__ = [
    "DataError",
    "JetSample",
    "MissingColumnError",
    "read",
    "read_hdf5",
    "read_npy",
    "read_root",
    "write_hdf5",
    "write_root",
]

READERS = {".root": read_root, ".npy": read_npy, ".h5": read_hdf5, ".hdf5": read_hdf5}


def read(paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> JetSample:
    """Read a file by its suffix: .root, .h5 or .hdf5, or one or several .npy as one stream.

    Raises:
        DataError: another suffix, several files that are not .npy, or what the reader of that kind raises.
    """
    if not isinstance(paths, str | os.PathLike):
        if len(paths) == 1 or any(Path(path).suffix != ".npy" for path in paths):
            if len(paths) != 1:
                raise DataError(f"Only .npy files can be read several at once, not {', '.join(map(str, paths))}.")
            paths = paths[0]
        else:
            return read_npy(paths)
    suffix = Path(paths).suffix.lower()
    if suffix not in READERS:
        raise DataError(f"{paths} ends in '{suffix}', which jetlab cannot read: use {', '.join(READERS)}.")
    return READERS[suffix](paths)
