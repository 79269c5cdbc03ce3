"""What the readers of other people's files share: what a format is, its branches by name, and a sample made of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np
import uproot
from numpy.typing import NDArray

from jetlab.errors import counted
from jetlab.io import checks, schema
from jetlab.io.sample import DataError, JetSample, group, run_starts

Numbers = NDArray[Any]


@dataclass(frozen=True)
class Format:
    """A kind of file that is not in the kit's own layout.

    Attributes:
        name: how people call it.
        where: where to get such files.
        recognises: whether an open ROOT or HDF5 file is one.
        cuts: (file, rows wanted at once) -> positions at which it may be cut without parting an event; the first is 0,
            the last is the number of rows.
        read: (file, its name, first row, row after the last, radius or None) -> the jets of these rows, perhaps none.
    """

    name: str
    where: str
    recognises: Callable[[Any], bool]
    cuts: Callable[[Any, int], list[int]]
    read: Callable[[Any, str, int, int, float | None], JetSample]


class Branches:
    """The branches of a tree, or the datasets of an HDF5 file, between two rows; bad ones are refused by name."""

    def __init__(self, table: Any, where: str, start: int, stop: int) -> None:
        self._table, self._where, self._rows = table, where, (start, stop)
        self._names = frozenset(table.keys())

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def __getitem__(self, name: str) -> Any:
        """Return a branch: numpy (n_rows,), or (n_rows, n) for a padded dataset, or jagged awkward (n_rows, var).

        Raises:
            DataError: there is no such branch; it does not hold numbers; or it has NaN or infinity.
        """
        if name not in self._names:
            raise DataError(f"{self._where} lacks the branch '{name}', without which it cannot be read: take another.")
        start, stop = self._rows
        branch = self._table[name]
        if not isinstance(branch, uproot.TBranch):
            values = content = checks.native(branch[start:stop])
        else:
            values = branch.array(entry_start=start, entry_stop=stop, array_cache=None)
            content = ak.to_numpy(ak.flatten(values, axis=None)) if _numbers(values) else np.zeros(0, object)
            values = values if values.ndim > 1 else content
        if content.dtype.kind not in "biuf":
            raise DataError(f"{self._where}: branch '{name}' does not hold numbers: write it as numbers.")
        if content.dtype.kind == "f" and not np.isfinite(content).all():
            bad = np.count_nonzero(~np.isfinite(content))
            raise DataError(
                f"{self._where}: branch '{name}' is NaN or infinite in {bad:,} of {counted(content.size, 'entry')} "
                f"between rows {start:,} and {stop:,}: drop those rows or repair what made them."
            )
        return values

    def title(self, name: str) -> str:
        """Return what a branch of a ROOT file says of itself; empty where it is not there."""
        return str(self._table[name].title) if name in self._names else ""

    def first(self, *names: str) -> Any:
        """Return the first of these branches that there is, None where there is none."""
        return next((self[name] for name in names if name in self._names), None)


def _numbers(values: ak.Array) -> bool:
    kind = str(ak.type(values)).rpartition("*")[2].strip()
    return kind == "bool" or kind.startswith(("int", "uint", "float"))


def even_cuts(n_rows: int, step: int) -> list[int]:
    """Positions 0, step, 2 step ... and n_rows, where any row may be the first of a part."""
    return [*range(0, n_rows, step), n_rows]


def event_cuts(keys: list[Numbers], step: int) -> list[int]:
    """Positions about `step` rows apart at which the key, columns of shape (n_rows,), changes; 0 and n_rows too."""
    starts = np.append(np.flatnonzero(run_starts(keys)), len(keys[0]))
    wanted = np.arange(0, len(keys[0]), step)
    return [int(cut) for cut in np.unique(np.append(starts[np.searchsorted(starts, wanted)], starts[-1]))]


def energy(pt: Numbers, eta: Numbers, mass: Numbers) -> Numbers:
    """Energy in GeV from pt [GeV], pseudorapidity and mass [GeV], float64."""
    e: Numbers = np.hypot(np.asarray(pt, float) * np.cosh(np.asarray(eta, float)), mass)
    return e


def charge(ids: Numbers) -> Numbers:
    """Electric charge of particle-flow candidates by their PDG ids: 211 is a pi+, 11 an electron, 13 a mu-; int64."""
    sign = np.select([np.abs(ids) == 211, np.isin(np.abs(ids), (11, 13))], [1, -1], 0)
    return sign * np.sign(ids).astype(np.int64)


def make(
    columns: Mapping[str, Any],
    candidates: Mapping[str, ak.Array],
    where: str,
    format_name: str,
    radius: float,
) -> JetSample:
    """Put a sample together in the schema's dtypes, without jets that have no candidates where others have some.

    Args:
        columns: numbers per jet by their names in the schema, shape (n_jets,); None: missing, and stays so.
        candidates: jagged numbers by their names in the schema without `ak7pfcand_`; empty: there are none. Where
            there are ids, of either sign, there are charges.
        where: file name, for messages and provenance.
        format_name: for the provenance.
        radius: of the jets.
    """
    flat = {name: _cast(values, name, where) for name, values in columns.items() if values is not None}
    candidates, jagged = dict(candidates), {}
    if "id" in candidates:  # of PDG, an electron is 11; the schema has the sign of the charge
        candidates["id"] = abs(candidates["id"]) * ak.where(candidates["charge"] < 0, -1, 1)
    for name, values in candidates.items():
        name = f"ak7pfcand_{name}"
        content = _cast(ak.to_numpy(ak.flatten(values)), name, where)
        jagged[name] = ak.unflatten(content, ak.to_numpy(ak.num(values)))
    provenance = {"source": where.rpartition("/")[2], "format": format_name, "radius": radius}
    if jagged:
        counts = ak.to_numpy(ak.num(jagged["ak7pfcand_pt"]))
        kept = counts > 0
        if not kept.all():
            provenance[checks.DROPPED] = int(np.count_nonzero(~kept))
            flat = {name: values[kept] for name, values in flat.items()}
            jagged = {name: values[kept] for name, values in jagged.items()}
        flat["jet_ncand_ak7"] = counts[kept].astype(np.int32)
    number = group([flat[name] for name in schema.KEY])
    flat["njet_ak7"] = np.bincount(number)[number].astype(np.int32)
    return JetSample(ak.zip({**flat, **jagged}, depth_limit=1), None, provenance)


def _cast(values: Any, name: str, where: str) -> Numbers:
    values = np.asarray(values)
    if checks.COLUMNS[name].dtype.startswith("i") and values.dtype.kind in "fb":
        values = values.astype(np.int64)  # flags and charges that were written as float
    return checks.column(values, name, where)
