"""HDF5 files that describe themselves: every dataset carries its unit and meaning, the file its version and origin.

    /jets/<column>                      one number per jet
    /jagged/<collection>/offsets        n_jets + 1 positions: jet i owns content[offsets[i]:offsets[i + 1]]
    /jagged/<collection>/<column>       the content, jet after jet
    /tracks/<column>                    one number per track (if the sample has tracks)

A collection is the columns with a common prefix (ak7pfcand, track), whose lengths agree jet by jet.
"""

import json
import os
from collections.abc import Iterable

import awkward as ak
import h5py
import numpy as np

from jetlab.io import checks, schema
from jetlab.io.sample import DataError, JetSample

STORAGE = {"compression": "gzip", "compression_opts": 4, "shuffle": True, "fletcher32": True}


def write_hdf5(samples: JetSample | Iterable[JetSample], path: str | os.PathLike[str]) -> None:
    """Write a sample, with any further flat or jagged column it carries; all or nothing, and in parts, as `write_root`.

    Raises:
        DataError: NaN, infinity, no jets, a jet without candidates, columns that are no numbers, or columns of one
            collection that differ in length.
    """
    with checks.atomic(path) as temporary, h5py.File(temporary, "w", track_order=True) as file:
        parts = checks.Parts(samples, path)
        for sample in parts:
            _write_part(file, sample, path)
        file.attrs["schema_version"] = parts.description["schema_version"]
        file.attrs["provenance"] = json.dumps(parts.description)


def _write_part(file: h5py.File, sample: JetSample, path: str | os.PathLike[str]) -> None:
    flat, jagged = checks.writable(sample, path)
    for name, values in flat.items():
        _write(_group(file, "jets"), name, values)
    collections: dict[str, np.ndarray] = {}
    for name, values in jagged.items():
        _write_jagged(file, name, values, collections, path)
    if sample.tracks is not None:
        where = f"The tracks to be written to {path}"
        for name in sample.tracks.fields:
            _write(_group(file, "tracks"), name, checks.column(ak.to_numpy(sample.tracks[name]), name, where))


def _group(file: h5py.File, name: str) -> h5py.Group:
    return file[name] if name in file else file.create_group(name, track_order=True)


def _write(group: h5py.Group, name: str, values: np.ndarray) -> None:
    """Make a dataset, or go on with it."""
    if name in group:
        dataset = group[name]
        dataset.resize(len(dataset) + len(values), axis=0)
        dataset[-len(values) :] = values
        return
    dataset = group.create_dataset(name, data=values, maxshape=(None,), **STORAGE)
    spec = checks.COLUMNS.get(name)
    if spec is not None:
        dataset.attrs["unit"] = spec.unit
        dataset.attrs["meaning"] = spec.meaning


def _write_jagged(
    file: h5py.File, name: str, values: ak.Array, collections: dict[str, np.ndarray], path: str | os.PathLike[str]
) -> None:
    """Add a column to its collection; `collections` has the counts of those that this part has begun."""
    counts = ak.to_numpy(ak.num(values))
    place = f"jagged/{name.split('_')[0]}"
    group = _group(file, place)
    if place not in collections:
        collections[place] = counts
        before = group["offsets"][-1] if "offsets" in group else None
        offsets = np.cumsum(counts, dtype=np.int64)
        _write(group, "offsets", np.append(0, offsets) if before is None else before + offsets)
    if not np.array_equal(collections[place], counts):
        raise DataError(f"Column {name} and others of {place} differ in length, {path} is not written: rename it.")
    _write(group, name, ak.to_numpy(ak.flatten(values)))


@checks.within_memory
def read_hdf5(path: str | os.PathLike[str]) -> JetSample:
    """Read what `write_hdf5` wrote.

    Unlike ROOT and .npy files, these may hold fewer candidates than jet_ncand_ak7 says: a lesson may have kept the
    leading ones.

    Raises:
        DataError: not an HDF5 file, damaged, not in this layout, a required column missing, wrong dtype, NaN or
            infinity, no jets, a jet without candidates, or offsets that do not match their content.
    """
    path = checks.existing(path)
    with path.open("rb") as start:
        if start.read(8) != b"\x89HDF\r\n\x1a\n":
            raise DataError(f"{path} is not an HDF5 file (it does not begin as one): check which file this is.")
    with checks.reading(path, "an HDF5 file"), h5py.File(path, "r") as file:
        stored = checks.described(file.attrs["provenance"], path) if "provenance" in file.attrs else {}
        candidates = stored.get("candidates", True)
        wanted = {"jets", "jagged/ak7pfcand/offsets"} if candidates else {"jets"}
        if not wanted <= set(_names(file)) or "schema_version" not in file.attrs:
            raise DataError(
                f"{path} is not in jetlab's layout (it has: {', '.join(file) or 'nothing'}): only files made by "
                "write_hdf5, and those that catalog.describe() lists, can be read; open others with h5py.File."
            )
        checks.version(file.attrs["schema_version"], path)
        columns = _read_flat(file["jets"], f"{path}, /jets")
        n_jets = len(next(iter(columns.values()), ()))
        if n_jets == 0:
            raise DataError(f"{path} holds no jets: nothing to learn from; loosen the selection that made it.")
        for place in file.get("jagged", ()):
            columns |= _read_jagged(file["jagged"][place], n_jets, f"{path}, /jagged/{place}")
        tracks = _read_flat(file["tracks"], f"{path}, /tracks") if "tracks" in file else None
    checks.require(tuple(columns), checks.needed(candidates), str(path))
    if tracks is not None:
        checks.require(tuple(tracks), schema.KEY, f"{path}, /tracks")
    sample = JetSample(
        ak.zip(columns, depth_limit=1),
        None if tracks is None else ak.zip(tracks, depth_limit=1),
        checks.provenance(stored, path.name),
    )
    checks.whole_jets(sample.jets, str(path))
    return sample


def _names(file: h5py.File) -> list[str]:
    names: list[str] = []
    file.visit(names.append)
    return names


def _read(dataset: h5py.Dataset, name: str, where: str) -> np.ndarray:
    if not isinstance(dataset, h5py.Dataset) or dataset.dtype.hasobject:
        raise DataError(f"{where}: '{name}' is not a column of numbers: make the file again with write_hdf5.")
    return checks.column(checks.native(dataset[...]), name, where)


def _read_flat(group: h5py.Group, where: str) -> dict[str, np.ndarray]:
    columns = {name: _read(group[name], name, where) for name in group}
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        shortest, longest = min(lengths, key=lengths.__getitem__), max(lengths, key=lengths.__getitem__)
        raise DataError(
            f"{where}: columns differ in length ({shortest} {lengths[shortest]:,}, {longest} {lengths[longest]:,}): "
            "the file is incomplete; make it again."
        )
    return columns


def _read_jagged(group: h5py.Group, n_jets: int, where: str) -> dict[str, ak.Array]:
    columns = {name: _read(group[name], name, where) for name in group}
    offsets = columns.pop("offsets", np.zeros(0))
    if offsets.dtype.kind not in "iu" or len(offsets) != n_jets + 1 or offsets[0] != 0 or np.any(np.diff(offsets) < 0):
        raise DataError(
            f"{where}: offsets are not {n_jets + 1:,} rising positions from 0, one more than there are jets: "
            "the file is incomplete; make it again."
        )
    for name, values in columns.items():
        if len(values) != offsets[-1]:
            raise DataError(
                f"{where}: column '{name}' has {len(values):,} entries, but the offsets end at {offsets[-1]:,}: "
                "the file is incomplete; make it again."
            )
    return {name: ak.unflatten(values, np.diff(offsets)) for name, values in columns.items()}
