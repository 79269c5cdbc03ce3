"""c2numpy .npy files of the 2017 hands-on: structured arrays, one row per candidate with its jet's columns repeated."""

import os
from collections.abc import Sequence
from pathlib import Path

import awkward as ak
import numpy as np

from jetlab.io import checks, schema
from jetlab.io.sample import DataError, JetSample, group

JET_KEY = (*schema.KEY, "ak7pfcand_ijet")


@checks.within_memory
def read_npy(paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> JetSample:
    """Read one or several c2numpy files as one stream, so that a jet may begin in one file and end in the next.

    Rows belong to one jet if run, lumi, event and ijet agree, wherever they are. The files' float64 become the
    schema's float32: |vector sum of candidate pT| x jet_jes_ak7 = jet_pt_ak7 then holds to 1e-6. Early files lack
    columns (met, msd, tau21 ...): they stay missing. A first or last jet with fewer rows than its jet_ncand_ak7 was cut
    by the ends of the files; it is dropped and `provenance["dropped"]` says so. Without jet_ncand_ak7 this cannot be
    seen: mistrust the last jet.

    Returns a sample without tracks, jets in order of first appearance, candidates in the order of the rows.

    Raises:
        DataError: not a .npy file, cut short, Python objects inside (never unpickled), not a table, a required column
            missing, wrong dtype, NaN or infinity, no rows, or two different jets under one key.
    """
    paths = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    files = [checks.existing(path) for path in paths]
    if not files:
        raise DataError("read_npy was given no files: name at least one .npy file.")
    twice = {file.name for file in files if [other.resolve() for other in files].count(file.resolve()) > 1}
    if twice:
        raise DataError(f"{', '.join(sorted(twice))} is named twice, its candidates would count double: name it once.")
    tables = [_open(file) for file in files]
    where = ", ".join(map(str, files))
    names = [table.dtype.names or () for table in tables]
    for file, own in zip(files, names, strict=True):
        checks.require(own, schema.REQUIRED, str(file))
        if own != names[0]:
            raise DataError(
                f"{file} has other columns than {files[0]}: read files of different productions separately."
            )
    columns = {
        name: np.concatenate(
            [
                checks.column(checks.native(table[name]), name, str(file))
                for file, table in zip(files, tables, strict=True)
            ]
        )
        for name in names[0]
    }
    return _jets(columns, where, [file.name for file in files])


def _open(file: Path) -> np.ndarray:
    with checks.reading(file, "a .npy file"):
        with file.open("rb") as stream:
            version = np.lib.format.read_magic(stream)
            header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = header(stream)
        if dtype.hasobject:
            raise DataError(
                f"{file} holds Python objects, which can run code when they are read: it is refused; "
                "save it again as a structured array of numbers."
            )
        if dtype.names is None or len(shape) != 1:
            raise DataError(
                f"{file} is an array of {dtype} of shape {shape}, not a c2numpy table with one named column per "
                "quantity and one row per candidate: read it with np.load."
            )
        if shape == (0,):
            raise DataError(f"{file} has no rows, so no jets: make it again, or leave it out.")
        table: np.ndarray = np.load(file, mmap_mode="r", allow_pickle=False)
        return table


def _jets(columns: dict[str, np.ndarray], where: str, names: list[str]) -> JetSample:
    number = group([columns[name] for name in JET_KEY])
    if np.any(np.diff(number) < 0):
        order = np.argsort(number, kind="stable")
        number = number[order]
        columns = {name: values[order] for name, values in columns.items()}
    counts = np.bincount(number)
    first = np.cumsum(counts) - counts
    fields: dict[str, np.ndarray | ak.Array] = {}
    for name, values in columns.items():
        if name == "ak7pfcand_ijet":
            fields["ijet"] = values[first]
        elif name.startswith("ak7pfcand_"):
            fields[name] = ak.unflatten(values, counts)
        else:
            fields[name] = values[first]
            clash = np.flatnonzero(fields[name][number] != values)
            if clash.size:
                key = ", ".join(f"{part} {columns[part][clash[0]]}" for part in JET_KEY)
                raise DataError(
                    f"{where}: two different jets share {key} (column '{name}' differs): "
                    "the files are of samples whose event numbers overlap; read each sample separately."
                )
    sample = JetSample(ak.zip(fields, depth_limit=1), None, {"source": names[0] if len(names) == 1 else names})
    sample = _without_cut_jets(sample, counts)
    checks.whole_jets(sample.jets, where)
    checks.all_candidates(sample.jets, where)
    return sample


def _without_cut_jets(sample: JetSample, counts: np.ndarray) -> JetSample:
    if "jet_ncand_ak7" not in sample.columns:
        return sample
    ends = {0, len(sample) - 1}
    cut = [jet for jet in sorted(ends) if counts[jet] < sample["jet_ncand_ak7"][jet]]
    if not cut:
        return sample
    said = f"{len(cut)} of the jets at the ends of the files, cut in two by them"
    whole = sample[np.delete(np.arange(len(sample)), cut)]
    return JetSample(whole.jets, None, {**sample.provenance, "dropped": said})
