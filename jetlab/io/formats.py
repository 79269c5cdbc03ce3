"""Which reader a file needs, by its content and not by its name; and `convert`, from any of them to the kit's own."""

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
from tqdm import tqdm

from jetlab import shipped
from jetlab.io import checks, nanoaod, ntuples, remote, toptagging
from jetlab.io.foreign import Format
from jetlab.io.hdf5 import read_hdf5, write_hdf5
from jetlab.io.npy import read_npy
from jetlab.io.root import opened as opened_root
from jetlab.io.root import read_root, write_root
from jetlab.io.sample import DataError, JetSample

#: Other people's formats; an open file is of the first that recognises it.
FORMATS = (nanoaod.FORMAT, ntuples.JET_NTUPLE, ntuples.HIGGS_TO_BB, toptagging.FORMAT)
READERS: dict[str, Callable[[Any], JetSample]] = {
    ".root": read_root,
    ".npy": read_npy,
    ".h5": read_hdf5,
    ".hdf5": read_hdf5,
}
WRITERS = {".root": write_root, ".h5": write_hdf5, ".hdf5": write_hdf5}
#: What files begin with.
MAGIC = {b"root": ".root", b"\x93NUMPY": ".npy", b"\x89HDF\r\n\x1a\n": ".h5"}
#: How much of a file is read at once; its numbers take some ten times as much in memory.
BYTES_AT_ONCE = 20_000_000
ALL = 1 << 62  # rows


def read(paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], radius: float | None = None) -> JetSample:
    """Read a file in any format that `catalog.describe()` lists, or several .npy files as one stream.

    Args:
        paths: the file, or an https:// or root:// address of a ROOT file, or several .npy files.
        radius: of the jets wanted, where a file has more than one kind: NanoAOD has 0.8, which is the default, and 0.4.

    Raises:
        DataError: a file of no kind that is known, several files that are not .npy, or what the reader of that kind
            raises.
    """
    if not isinstance(paths, str | os.PathLike):
        if len(paths) != 1 and any(Path(path).suffix != ".npy" for path in paths):
            raise DataError(f"Only .npy files can be read several at once, not {', '.join(map(str, paths))}.")
        if len(paths) != 1:
            return read_npy(paths)
        paths = paths[0]
    kind = _kind(paths)
    with _foreign(paths, kind) as (file, found):
        if found:
            return _whole(paths, file, found, radius)
    return READERS[kind](paths)


@checks.within_memory
def _whole(path: str | os.PathLike[str], file: Any, found: Format, radius: float | None) -> JetSample:
    sample = found.read(file, str(path), 0, found.cuts(file, ALL)[-1], radius)
    checks.whole_jets(sample.jets, str(path))
    return sample


def convert(source: str | os.PathLike[str], target: str | os.PathLike[str], radius: float | None = None) -> None:
    """Write the jets of a file, in any format that `read` reads, as the kit's own ROOT or HDF5, with a progress bar.

    Other people's files are read and written part by part, so that they may be larger than the memory.

    Args:
        source: the file, or an address.
        target: file to write, .root, .h5 or .hdf5; all or nothing.
        radius: as for `read`.

    Raises:
        DataError: a target of another suffix, or as `read`.
    """
    suffix = Path(target).suffix.lower()
    if suffix not in WRITERS:
        raise DataError(f"{target} ends in '{suffix}', which jetlab cannot write: use {', '.join(WRITERS)}.")
    kind = _kind(source)
    with _foreign(source, kind) as (file, found):
        if found:
            WRITERS[suffix](_parts(file, found, source, radius), target)
            return
    WRITERS[suffix](READERS[kind](source), target)


def _parts(file: Any, found: Format, source: str | os.PathLike[str], radius: float | None) -> Iterator[JetSample]:
    n_rows = found.cuts(file, ALL)[-1]
    size = n_rows if remote.is_address(source) else Path(source).stat().st_size
    cuts = found.cuts(file, max(1, n_rows * BYTES_AT_ONCE // max(size, 1)))
    with tqdm(total=n_rows, unit="row", unit_scale=True, desc=os.path.basename(source)) as bar:
        for start, stop in itertools.pairwise(cuts):
            yield found.read(file, str(source), start, stop, radius)
            bar.update(stop - start)


def _kind(path: str | os.PathLike[str]) -> str:
    """Suffix of the files that begin as this one; where none does, its own, whose reader says what is wrong."""
    if remote.is_address(path):
        return ".root"
    path, start = Path(path), b""
    if path.is_file() and os.access(path, os.R_OK):
        with path.open("rb") as file:
            start = file.read(8)
    suffix = next((suffix for magic, suffix in MAGIC.items() if start.startswith(magic)), path.suffix.lower())
    if suffix not in READERS:
        raise DataError(f"{path} ends in '{suffix}', which jetlab cannot read: use {', '.join(READERS)}.")
    return suffix


@contextlib.contextmanager
def _foreign(path: str | os.PathLike[str], kind: str) -> Iterator[tuple[Any, Format | None]]:
    """Open a file and say which of FORMATS it has; (None, None) where it has none, or is for the kit's own readers."""
    if kind == ".root":
        with opened_root(path) as file:
            yield file, _recognised(file)
    elif kind in (".h5", ".hdf5") and h5py.is_hdf5(checks.existing(path)):
        with contextlib.suppress(ImportError):
            import hdf5plugin  # noqa: F401  registers its filters
        with checks.reading(path, "an HDF5 file"), h5py.File(path, "r") as file:
            try:
                yield file, _recognised(file)
            except OSError as error:
                if not _needs_a_filter(file):
                    raise
                raise DataError(
                    f"{path} is compressed in a way that needs hdf5plugin: {shipped.install('opendata')}"
                ) from error
    else:
        yield None, None


def _needs_a_filter(file: h5py.File) -> bool:
    """Whether something in the file is compressed by a filter that HDF5 does not have here."""
    missing: list[int] = []

    def look(name: str, each: Any) -> None:
        if isinstance(each, h5py.Dataset):
            made = each.id.get_create_plist()
            filters = [made.get_filter(i)[0] for i in range(made.get_nfilters())]
            missing.extend(code for code in filters if not h5py.h5z.filter_avail(code))

    file.visititems(look)
    return bool(missing)


def _recognised(file: Any) -> Format | None:
    return next((each for each in FORMATS if each.recognises(file)), None)
