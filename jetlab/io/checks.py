"""What every reader and writer must make sure of, said once: files, columns, whole jets, all-or-nothing writing."""

import functools
import itertools
import json
import os
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import awkward as ak
import numpy as np

from jetlab.errors import counted, memory_full
from jetlab.io import schema
from jetlab.io.sample import DataError, JetSample, group

IJET = schema.CANDIDATE["ak7pfcand_ijet"]
COLUMNS = {**schema.TUPLE, **schema.OTHER, **schema.TRACK, **schema.FLAVOUR, **schema.FLAVOUR_TRACK, "ijet": IJET}
#: How many jets of the original were left out, because they have no candidates.
DROPPED = "without_candidates"
NOT_STORED = ("units", "schema_version", "candidates")

Arguments = ParamSpec("Arguments")
Read = TypeVar("Read")


def existing(path: str | os.PathLike[str]) -> Path:
    """Return `path` as a Path; raise DataError unless it is a file that may be read and is not empty."""
    path = Path(path)
    if not path.is_file():
        what = "is a folder, not a file" if path.is_dir() else "does not exist"
        raise DataError(f"{path} {what}: check the name and the folder.")
    if not os.access(path, os.R_OK):
        raise DataError(f"{path} may not be read by you: change its permissions, or take a copy of your own.")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty (0 bytes): fetch or make it again.")
    return path


@contextmanager
def reading(path: str | os.PathLike[str], what: str) -> Iterator[None]:
    """Turn whatever a file library raises on a broken file into one DataError.

    What says nothing about the file keeps its traceback: no memory, a package that is absent, a fault of jetlab's own.
    """
    try:
        yield
    except (DataError, MemoryError, ImportError):
        raise
    except Exception as error:
        if isinstance(error, NameError | AttributeError) and _raised_by_jetlab(error):
            raise
        raise DataError(
            f"{path} cannot be read as {what}; it is damaged, cut short or of another kind: "
            f"fetch or make it again ({type(error).__name__}: {error})."
        ) from error


def _raised_by_jetlab(error: Exception) -> bool:
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return str(frame.f_globals.get("__name__")).startswith("jetlab.")


def within_memory(read: Callable[Arguments, Read]) -> Callable[Arguments, Read]:
    """Make a reader of one file or several say which of them do not fit into the memory, and what to do."""

    @functools.wraps(read)
    def guarded(*path: Arguments.args, **named: Arguments.kwargs) -> Read:
        try:
            return read(*path, **named)
        except MemoryError as error:
            files: Any
            files, *_ = itertools.chain(path, named.values())
            names = files if isinstance(files, str | os.PathLike) else ", ".join(map(str, files))
            raise memory_full(error, f"take fewer jets, events or columns than {names} holds") from error

    return guarded


@contextmanager
def atomic(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary file of the same folder that takes the place of `path` only if all goes well.

    An OSError names `path`: that of a full disk names no file by itself.
    """
    path, temporary = Path(path), None
    prefix = f".{path.name}."
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=prefix, suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    except OSError as error:
        if error.errno is not None and prefix in str(error.filename or prefix):
            error.filename = os.fspath(path)
        raise
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def require(present: Sequence[str], needed: Sequence[str], where: str) -> None:
    """Raise DataError naming those of the `needed` columns that are not `present`."""
    missing = [name for name in needed if name not in present]
    if missing:
        meanings = "; ".join(f"{name}: {COLUMNS[name].meaning}" for name in missing)
        raise DataError(f"{where} lacks what every jet file must have ({meanings}): take a file that has it.")


def needed(candidates: bool) -> list[str]:
    """Columns that a sample must have, with candidates or without."""
    names = ["ijet" if name == "ak7pfcand_ijet" else name for name in schema.REQUIRED]
    return [name for name in names if candidates or not name.startswith("ak7pfcand_")]


def column(values: np.ndarray, name: str, where: str) -> np.ndarray:
    """Return one column in the schema's dtype; columns the schema does not know keep theirs.

    Args:
        values: one entry per row, shape (n_rows,).
        name: its name.
        where: the file (and tree), for the message.

    Raises:
        DataError: not one number per row, fractions or overflow where whole numbers belong, NaN (where the
            schema does not say that it means none) or infinity.
    """
    if values.ndim != 1 or values.dtype.kind not in "biuf":
        raise DataError(f"{where}: column '{name}' holds {values.dtype}, not one number per row: write it as numbers.")
    spec = COLUMNS.get(name)
    if spec is not None:
        dtype = np.dtype(spec.dtype)
        if dtype.kind == "i":
            if values.dtype.kind == "f":
                raise DataError(
                    f"{where}: column '{name}' holds {values.dtype}, but is a whole number: write it as {dtype}."
                )
            limits = np.iinfo(dtype)
            if values.size and (int(values.min()) < limits.min or int(values.max()) > limits.max):
                raise DataError(f"{where}: column '{name}' holds numbers too large for {dtype}: renumber it.")
        with np.errstate(over="ignore"):
            values = values.astype(dtype, copy=False)
    if values.dtype.kind == "f":
        missing = np.isnan(values) if spec is not None and spec.optional else False
        bad = np.flatnonzero(~(np.isfinite(values) | missing))
        if bad.size:
            raise DataError(
                f"{where}: column '{name}' is NaN or infinite in {bad.size:,} of {counted(values.size, 'row')}, "
                f"first in row {bad[0]:,} (counted from 0): drop those rows or repair what made them."
            )
    return values


def native(values: np.ndarray) -> np.ndarray:
    """Return the same numbers in this machine's byte order, which awkward needs."""
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def whole_jets(jets: ak.Array, where: str) -> None:
    """Raise DataError unless there are jets, each only once, and each with candidates if any jet may have some."""
    if len(jets) == 0:
        raise DataError(f"{where} holds no jets: nothing to learn from; loosen the selection that made it.")
    number = group([ak.to_numpy(jets[key]) for key in (*schema.KEY, "ijet")])
    twice = np.flatnonzero(np.bincount(number) > 1)
    if twice.size:
        jet = np.flatnonzero(number == twice[0])[0]
        raise DataError(
            f"{where}: jets are there more than once ({twice.size:,} of them), first {name(jets, jet)}: "
            "samples whose event numbers overlap need their own lumi, or separate files."
        )
    if "ak7pfcand_pt" not in jets.fields:
        return
    empty = np.flatnonzero(ak.to_numpy(ak.num(jets["ak7pfcand_pt"])) == 0)
    if empty.size:
        raise DataError(
            f"{where}: no candidates in {empty.size:,} of {counted(len(jets), 'jet')}, "
            f"first in {name(jets, empty[0])}: drop such jets."
        )


def all_candidates(jets: ak.Array, where: str) -> None:
    """Raise DataError if jets do not have as many candidates as jet_ncand_ak7 says."""
    if not {"jet_ncand_ak7", "ak7pfcand_pt"} <= set(jets.fields):
        return
    counts = ak.to_numpy(ak.num(jets["ak7pfcand_pt"]))
    wrong = np.flatnonzero(ak.to_numpy(jets["jet_ncand_ak7"]) != counts)
    if wrong.size:
        jet = wrong[0]
        raise DataError(
            f"{where}: not as many candidates as jet_ncand_ak7 says in {wrong.size:,} of {counted(len(jets), 'jet')}, "
            f"first in {name(jets, jet)} with {counts[jet]:,} instead of {jets['jet_ncand_ak7'][jet]:,}: "
            "the candidates are incomplete; fetch or make the file again."
        )


def name(jets: ak.Array, jet: int) -> str:
    """Return how to call one jet in a message: by run:lumi:event and its number in the event."""
    run, lumi, event, ijet = (int(jets[key][jet]) for key in (*schema.KEY, "ijet"))
    return f"jet {run}:{lumi}:{event} no. {ijet}"


def described(text: str, path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what a file says of itself, from its JSON; raise DataError if that is no JSON object."""
    try:
        stored = json.loads(text)
    except ValueError as error:
        raise DataError(f"{path} is damaged: its provenance is no JSON ({error}); fetch or make it again.") from error
    if not isinstance(stored, dict):
        raise DataError(f"{path} has a provenance that is a {type(stored).__name__}, not a JSON object: make it again.")
    return stored


def provenance(stored: Mapping[str, Any], source: str | list[str]) -> dict[str, Any]:
    """Return a file's own provenance with `source` the file just read, and `origin` what that file was made from."""
    kept = {key: value for key, value in stored.items() if key not in NOT_STORED}
    origin = kept.get("origin", kept.get("source"))
    return {**kept, "source": source, **({"origin": origin} if origin else {})}


def describe(sample: JetSample) -> dict[str, Any]:
    """Return what a written file says of itself: provenance, schema version, unit of each column."""
    names = sample.columns if sample.tracks is None else (*sample.columns, *sample.tracks.fields)
    units = {name: COLUMNS[name].unit for name in names if name in COLUMNS and COLUMNS[name].unit}
    candidates = "ak7pfcand_pt" in sample.columns
    return {**sample.provenance, "schema_version": schema.VERSION, "candidates": candidates, "units": units}


class Parts:
    """The parts of a sample that is written part by part: empty ones left out, counts of what was dropped added up."""

    def __init__(self, samples: JetSample | Iterable[JetSample], path: str | os.PathLike[str]) -> None:
        self._samples = (samples,) if isinstance(samples, JetSample) else samples
        self._path = path
        self.description: dict[str, Any] = {}

    def __iter__(self) -> Iterator[JetSample]:
        dropped = 0
        for sample in self._samples:
            dropped += sample.provenance.get(DROPPED, 0)
            if len(sample) or isinstance(self._samples, tuple):
                self.description = self.description or describe(sample)
                yield sample
        if not self.description:
            raise DataError(
                f"There are no jets to be written to {self._path}: nothing to learn from; take other input."
            )
        if dropped:
            self.description[DROPPED] = dropped


def version(found: object, path: str | os.PathLike[str]) -> None:
    """Raise DataError if a file was written by a later schema than this one."""
    if not isinstance(found, int | np.integer) or found > schema.VERSION:
        raise DataError(f"{path} has schema version {found}, this jetlab knows up to {schema.VERSION}: update jetlab.")


def writable(sample: JetSample, path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, ak.Array]]:
    """Return a sample's flat and jagged columns, checked as a reader would, so that no bad file comes to be.

    Raises:
        DataError: as `column`, `require` and `whole_jets`; or a column that is neither flat nor jagged numbers.
    """
    where = f"The sample to be written to {path}"
    require(sample.columns, needed(any(name.startswith("ak7pfcand_") for name in sample.columns)), where)
    flat: dict[str, np.ndarray] = {}
    jagged: dict[str, ak.Array] = {}
    for field in sample.columns:
        values = sample.jets[field]
        kind = str(ak.type(values).content)
        if values.ndim == 1 and "?" not in kind:
            flat[field] = column(ak.to_numpy(values), field, where)
        elif values.ndim == 2 and "?" not in kind and kind.startswith("var"):
            content = column(ak.to_numpy(ak.flatten(values)), field, where)
            jagged[field] = ak.unflatten(content, ak.num(values))
        else:
            raise DataError(
                f"{where}: column '{field}' is of type {kind}, not numbers per jet or per candidate: leave it out."
            )
    whole_jets(sample.jets, where)
    return flat, jagged
