"""ROOT files: four flat trees, one row per thing, so that students can open them with bare uproot.

    events   EVENT columns
    jets     run lumi event ijet + JET columns
    pfcands  run lumi event ijet + ak7pfcand_pt, _eta, _phi, _id, _charge
    tracks   run lumi event + TRACK columns (this tree may be absent)

and a TObjString `provenance`: JSON with the schema version, the units and how the file was made. Rows may come in any
order: they are linked by their keys. Jets that have no candidates, as of plain NanoAOD, come without the tree pfcands.
"""

import json
import os
import struct
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot

from jetlab.io import checks, remote, schema
from jetlab.io.sample import DataError, JetSample, group, look_up

JET_KEY = (*schema.KEY, "ijet")
CANDIDATES = tuple(name for name in schema.REQUIRED if name.startswith("ak7pfcand_") and name != "ak7pfcand_ijet")
JETS = tuple(name for name in schema.REQUIRED if name.startswith("jet_"))
ROWS_AT_ONCE = 1_000_000
# Measured: 5 % (full float32) to 20 % (12-bit mantissas) smaller than ZLIB or ZSTD; read 5 times slower, 10,000 jets/s.
COMPRESSION = uproot.LZMA(5)

Table = dict[str, np.ndarray]


def write_root(samples: JetSample | Iterable[JetSample], path: str | os.PathLike[str]) -> None:
    """Write a sample as the four trees, compressed; all or nothing: a failure leaves an older file as it was.

    Numbers are written in the schema's dtypes (float32, int32). Of several samples, parts of one that share no event,
    only one is in memory at a time.

    Raises:
        DataError: NaN, infinity, no jets, a jet without candidates, or columns that this layout has no place for.
    """
    with checks.atomic(path) as temporary, uproot.recreate(temporary, compression=COMPRESSION) as file:
        trees: dict[str, Any] = {}
        parts = checks.Parts(samples, path)
        for sample in parts:
            for name, table in _tables(sample, path).items():
                if name not in trees:
                    trees[name] = file.mktree(name, {column: values.dtype for column, values in table.items()})
                for start in range(0, len(next(iter(table.values()))), ROWS_AT_ONCE):
                    trees[name].extend({key: values[start : start + ROWS_AT_ONCE] for key, values in table.items()})
        file["provenance"] = json.dumps(parts.description)


def _tables(sample: JetSample, path: str | os.PathLike[str]) -> dict[str, Table]:
    flat, jagged = checks.writable(sample, path)
    checks.all_candidates(sample.jets, f"The sample to be written to {path}")
    odd = [name for name in jagged if not name.startswith("ak7pfcand_")]
    if odd:
        raise DataError(f"The ROOT layout has no place for {', '.join(odd)} in {path}: use write_hdf5 or drop them.")
    first = np.unique(sample.event_index, return_index=True)[1]
    tables = {
        "events": {name: values[first] for name, values in flat.items() if name in schema.EVENT},
        "jets": {name: flat[name] for name in flat if name in schema.KEY or name not in schema.EVENT},
    }
    if jagged:
        counts = ak.num(jagged["ak7pfcand_pt"])
        uneven = [name for name, values in jagged.items() if not ak.all(ak.num(values) == counts)]
        if uneven:
            raise DataError(
                f"{', '.join(uneven)} and ak7pfcand_pt differ in length, {path} is not written: align them."
            )
        of_jet = np.repeat(np.arange(len(sample)), ak.to_numpy(counts))
        tables["pfcands"] = {name: flat[name][of_jet] for name in JET_KEY}
        tables["pfcands"] |= {name: ak.to_numpy(ak.flatten(values)) for name, values in jagged.items()}
    if sample.tracks is not None:
        where = f"The tracks to be written to {path}"
        checks.require(sample.tracks.fields, schema.KEY, where)
        tables["tracks"] = {
            name: checks.column(ak.to_numpy(sample.tracks[name]), name, where) for name in sample.tracks.fields
        }
    return tables


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[uproot.ReadOnlyDirectory]:
    """Open a ROOT file, here or at an https:// or root:// address; what is not one, or not whole, is refused."""
    if remote.is_address(path):
        with remote.opened(str(path)) as file:
            yield file
        return
    path = checks.existing(path)
    _whole_file(path)
    with checks.reading(path, "a ROOT file"), uproot.open({path: None}, array_cache=None) as file:
        yield file


@checks.within_memory
def read_root(path: str | os.PathLike[str]) -> JetSample:
    """Read the trees events, jets, pfcands and, if there, tracks into a sample.

    Returns a sample in the schema's dtypes, jets in the order of the tree jets, candidates in the order of the tree
    pfcands. Columns that are not required may be missing; columns that the schema does not know are kept.

    Raises:
        DataError: not a ROOT file, damaged, a tree or required column missing, wrong dtype, NaN or infinity, no jets, a
            jet without candidates, rows that refer to events or jets that are not there, or keys that repeat.
    """
    with opened(path) as file:
        trees = file.keys(recursive=False, cycle=False)
        stored = checks.described(str(file["provenance"]), path) if "provenance" in trees else {}
        wanted = ("events", "jets", "pfcands") if stored.get("candidates", True) else ("events", "jets")
        missing = [tree for tree in wanted if tree not in trees]
        if missing:
            raise DataError(
                f"{path} has no tree {', '.join(missing)} (it has: {', '.join(trees) or 'nothing'}): only files in the "
                "CMS 2011 tuple schema, and those that catalog.describe() lists, can be read; "
                "open others with uproot.open."
            )
        events = _read_tree(file, "events", schema.KEY, path)
        jets = _read_tree(file, "jets", (*JET_KEY, *JETS), path)
        candidates = _read_tree(file, "pfcands", (*JET_KEY, *CANDIDATES), path) if "pfcands" in wanted else None
        tracks = _read_tree(file, "tracks", (*schema.KEY, "track_pt"), path) if "tracks" in trees else None
    checks.version(stored.get("schema_version", schema.VERSION), path)
    if len(jets["event"]) == 0:
        raise DataError(f"{path} holds no jets: nothing to learn from; loosen the selection that made it.")

    _once(events, "events", path)
    of_event = _link(jets, "jets", events, "events", schema.KEY, path)
    columns: dict[str, np.ndarray | ak.Array] = {name: values[of_event] for name, values in events.items()}
    columns |= {name: values for name, values in jets.items() if name not in columns}
    if candidates is not None:
        of_jet = _link(candidates, "pfcands", jets, "jets", JET_KEY, path)
        if np.any(np.diff(of_jet) < 0):
            order = np.argsort(of_jet, kind="stable")
            candidates = {name: values[order] for name, values in candidates.items()}
        counts = np.bincount(of_jet, minlength=len(jets["event"]))
        columns |= {name: ak.unflatten(values, counts) for name, values in candidates.items() if name not in JET_KEY}
    sample = JetSample(
        ak.zip(columns, depth_limit=1),
        None if tracks is None else ak.zip(tracks, depth_limit=1),
        checks.provenance(stored, os.path.basename(path)),
    )
    checks.whole_jets(sample.jets, str(path))
    checks.all_candidates(sample.jets, str(path))
    return sample


def _whole_file(path: Path) -> None:
    """Raise DataError unless the file begins as a ROOT file and is as long as its header says (TFile's fEND)."""
    with path.open("rb") as file:
        header = file.read(20).ljust(20, b"\0")
    if header[:4] != b"root":
        raise DataError(f"{path} is not a ROOT file (it does not begin with 'root'): check which file this is.")
    (version,) = struct.unpack(">i", header[4:8])
    (end,) = struct.unpack(">q", header[12:20]) if version >= 1_000_000 else struct.unpack(">i", header[12:16])
    size = path.stat().st_size
    if size < end:
        raise DataError(
            f"{path} is damaged: it is cut short, {size:,} of {end:,} bytes are there; fetch or make it again."
        )


def _read_tree(file: uproot.ReadOnlyDirectory, name: str, needed: tuple[str, ...], path: object) -> Table:
    where = f"{path}, tree {name}"
    tree = file[name]
    if not isinstance(tree, uproot.TTree):
        raise DataError(f"{where} is a {type(tree).__name__}, not a TTree: write it as a TTree.")
    checks.require(tree.keys(recursive=False), needed, where)
    for branch in tree.branches:
        interpretation = branch.interpretation
        if not isinstance(interpretation, uproot.AsDtype) or interpretation.to_dtype.shape:
            raise DataError(
                f"{where}: column '{branch.name}' holds {branch.typename}, not one number per row: "
                "write one row per thing, linked by run, lumi, event (and ijet)."
            )
    with ThreadPoolExecutor(os.cpu_count()) as executor:  # LZMA lets threads unpack side by side
        table = tree.arrays(library="np", decompression_executor=executor)
    return {column: checks.column(checks.native(values), column, where) for column, values in table.items()}


def _link(
    rows: Table, rows_tree: str, targets: Table, target_tree: str, key: tuple[str, ...], path: object
) -> np.ndarray:
    """Return for each row the position of the target with the same key, int64, shape (n_rows,)."""
    position = look_up([rows[name] for name in key], [targets[name] for name in key])
    lost = np.flatnonzero(position < 0)
    if lost.size:
        what = ", ".join(f"{name} {rows[name][lost[0]]}" for name in key)
        raise DataError(
            f"{path}: tree {rows_tree} refers to {what}, which is not in tree {target_tree}: "
            "the trees are not of one file; fetch or make it again."
        )
    return position


def _once(table: Table, tree: str, path: object) -> None:
    if np.unique(group([table[name] for name in schema.KEY])).size != len(table["event"]):
        raise DataError(
            f"{path}: events are there more than once in tree {tree}: samples whose event numbers overlap need "
            "their own lumi, or separate files."
        )
