"""HDF5 files that describe themselves: every dataset carries its unit and meaning, the file its version and origin.

    /jets/<column>                      one number per jet
    /jagged/<collection>/offsets        n_jets + 1 positions: jet i owns content[offsets[i]:offsets[i + 1]]
    /jagged/<collection>/<column>       the content, jet after jet
    /tracks/<column>                    one number per track (if the sample has tracks)

A collection is the columns with a common prefix (ak7pfcand, track), whose lengths agree jet by jet.
"""

import json
import os

import awkward as ak
import h5py
import numpy as np

from jetlab.io import checks, schema
from jetlab.io.sample import DataError, JetSample

STORAGE = {"compression": "gzip", "compression_opts": 4, "shuffle": True, "fletcher32": True}


def write_hdf5(sample: JetSample, path: str | os.PathLike[str]) -> None:
    """Write a sample, with any further flat or jagged column it carries; all or nothing, as `write_root`.

    Raises:
        DataError: NaN, infinity, no jets, a jet without candidates, columns that are no numbers, or columns of one
            collection that differ in length.
    """
    flat, jagged = checks.writable(sample, path)
    with checks.atomic(path) as temporary, h5py.File(temporary, "w", track_order=True) as file:
        described = checks.describe(sample)
        file.attrs["schema_version"] = described["schema_version"]
        file.attrs["provenance"] = json.dumps(described)
        group = file.create_group("jets", track_order=True)
        for name, values in flat.items():
            _write(group, name, values)
        for name, values in jagged.items():
            _write_jagged(file, name, values, path)
        if sample.tracks is not None:
            group = file.create_group("tracks", track_order=True)
            for name in sample.tracks.fields:
                where = f"The tracks to be written to {path}"
                _write(group, name, checks.column(ak.to_numpy(sample.tracks[name]), name, where))


def _write(group: h5py.Group, name: str, values: np.ndarray) -> None:
    dataset = group.create_dataset(name, data=values, **STORAGE)
    spec = checks.COLUMNS.get(name)
    if spec is not None:
        dataset.attrs["unit"] = spec.unit
        dataset.attrs["meaning"] = spec.meaning


def _write_jagged(file: h5py.File, name: str, values: ak.Array, path: str | os.PathLike[str]) -> None:
    offsets = np.concatenate([[0], np.cumsum(ak.to_numpy(ak.num(values)))]).astype(np.int64)
    place = f"jagged/{name.split('_')[0]}"
    if place not in file:
        _write(file.create_group(place, track_order=True), "offsets", offsets)
    group = file[place]
    if not np.array_equal(group["offsets"][:], offsets):
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
        if not {"jets", "jagged/ak7pfcand/offsets"} <= set(_names(file)) or "schema_version" not in file.attrs:
            raise DataError(
                f"{path} is not in jetlab's layout (it has: {', '.join(file) or 'nothing'}): only files made by "
                "write_hdf5 can be read; open others with h5py.File."
            )
        checks.version(file.attrs["schema_version"], path)
        stored = checks.described(file.attrs["provenance"], path)
        columns = _read_flat(file["jets"], f"{path}, /jets")
        n_jets = len(next(iter(columns.values()), ()))
        if n_jets == 0:
            raise DataError(f"{path} holds no jets: nothing to learn from; loosen the selection that made it.")
        for place in file["jagged"]:
            columns |= _read_jagged(file["jagged"][place], n_jets, f"{path}, /jagged/{place}")
        tracks = _read_flat(file["tracks"], f"{path}, /tracks") if "tracks" in file else None
    needed = ["ijet" if name == "ak7pfcand_ijet" else name for name in schema.REQUIRED]
    checks.require(tuple(columns), needed, str(path))
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
