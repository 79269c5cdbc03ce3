"""The RAMP CSV format of hits: `event_id, cluster_id, layer, iphi, x, y`, and `pt` where the truth is known."""

import csv
import gzip
import os
import zlib
from pathlib import Path

import numpy as np

from jetlab import shipped
from jetlab.io.checks import atomic, existing, within_memory
from jetlab.io.sample import DataError
from jetlab.tracking.detector import CELLS, LAYERS, RADII, cell_phi
from jetlab.tracking.hits import NOISE, Hits

COLUMNS = ("event_id", "cluster_id", "layer", "iphi", "x", "y")
#: The events that come with the kit, and the seed they were made with.
SHIPPED, SHIPPED_SEED = "hits.csv.gz", 2017
#: How far x and y may be from the centre of their cell, mm: rounding in the text, but no other detector.
TOLERANCE = 0.05


@within_memory
def read_csv(path: str | os.PathLike[str]) -> Hits:
    """Read hits in RAMP CSV, plain or compressed (.gz); extra columns other than `pt` are left out.

    Events come in the order of their first hit. Raises DataError naming the file, what is wrong, and where.
    """
    path = existing(path)
    header, rows, line = _table(path)
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise DataError(f"{path} has no column {', '.join(missing)}: a file of hits has {', '.join(COLUMNS)}.")
    values = {name: rows[:, header.index(name)] for name in (*COLUMNS, "pt") if name in header}
    for name in COLUMNS:
        bad = np.flatnonzero(~np.isfinite(values[name]))
        if bad.size:
            raise DataError(f"{path}: {name} is NaN or infinite in line {line[bad[0]]}: repair or drop that hit.")
    whole = {name: _whole(values[name], name, path, line) for name in COLUMNS[:4]}
    _in_detector(whole, values["x"], values["y"], path, line)
    first = np.unique(whole["event_id"], return_index=True, return_inverse=True)
    order = np.argsort(first[1][first[2]], kind="stable")
    pt = values.get("pt", np.full(len(rows), np.nan))
    columns = (*whole.values(), values["x"], values["y"], pt)
    return Hits(*(column[order] for column in columns))


def load() -> Hits:
    """Read the events that come with the kit: 1,000 of mean multiplicity 10, from $JETLAB_DATA or the kit's own data.

    Raises DataError where the file is absent or damaged.
    """
    folders = [Path(os.environ["JETLAB_DATA"]).expanduser()] if os.environ.get("JETLAB_DATA") else []
    found = next((folder / SHIPPED for folder in (*folders, shipped.DATA) if (folder / SHIPPED).is_file()), None)
    if found is None:
        raise DataError(
            f"{shipped.DATA / SHIPPED} is missing: {shipped.remedy('data')}, or make it: "
            f"`jetlab simulate hits --events 1000 --seed {SHIPPED_SEED} --output {shipped.DATA / SHIPPED}`."
        )
    return read_csv(found)


def write_csv(hits: Hits, path: str | os.PathLike[str]) -> None:
    """Write hits in RAMP CSV, compressed if the name ends in .gz; `pt` is a column where it is known for some hit.

    The file appears as a whole or not at all. x and y have four decimals: a cell is 25 micrometres.
    """
    truth = bool(np.isfinite(hits.pt).any())
    header = ",".join((*COLUMNS, "pt") if truth else COLUMNS)
    columns = [hits.event, hits.track, hits.layer, hits.iphi, hits.x, hits.y] + ([hits.pt] if truth else [])
    form = "%d,%d,%d,%d,%.4f,%.4f" + (",%.1f" if truth else "")
    text = "\n".join([header, *(form % row for row in zip(*(c.tolist() for c in columns), strict=True))]) + "\n"
    with atomic(path) as temporary:
        content = text.encode()
        # No time and no name in the gzip header: equal hits make equal files.
        temporary.write_bytes(gzip.compress(content, 9, mtime=0) if Path(path).suffix == ".gz" else content)


def _table(path: Path) -> tuple[list[str], np.ndarray, list[int]]:
    """Names of the columns, their numbers (n, n_columns), and in which line of the file each row ends, from 1."""
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", newline="", encoding="utf-8") as file:
            reader = csv.reader(file)
            # Blank lines are left out, so that a row's number is not that of its line.
            rows = [(reader.line_num, row) for row in reader if row]
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
        raise DataError(f"{path} cannot be read as CSV text ({error}): fetch or make it again.") from error
    if len(rows) < 2:
        raise DataError(f"{path} holds no hits, {'only a header' if rows else 'not even a header'}: make it again.")
    header = [name.strip() for name in rows[0][1]]
    for line, row in rows[1:]:
        if len(row) != len(header):
            raise DataError(f"{path}: line {line} has {len(row)} values, the header {len(header)}: is it cut short?")
    try:
        return header, np.array([row for _, row in rows[1:]], dtype=np.float64), [line for line, _ in rows[1:]]
    except ValueError as error:
        raise DataError(f"{path} holds something that is not a number ({error}): repair or drop that hit.") from error


def _whole(values: np.ndarray, name: str, path: Path, line: list[int]) -> np.ndarray:
    bad = np.flatnonzero(values != np.rint(values))
    if bad.size:
        raise DataError(
            f"{path}: {name} is {values[bad[0]]:g} in line {line[bad[0]]}, but is a whole number: repair it."
        )
    return values.astype(np.int64)


def _in_detector(whole: dict[str, np.ndarray], x: np.ndarray, y: np.ndarray, path: Path, line: list[int]) -> None:
    layer, iphi = whole["layer"], whole["iphi"]
    bad = np.flatnonzero((layer < 0) | (layer >= LAYERS))
    if bad.size:
        raise DataError(f"{path}: layer is {layer[bad[0]]} in line {line[bad[0]]}; there are layers 0 to {LAYERS - 1}.")
    bad = np.flatnonzero((iphi < 0) | (iphi >= CELLS[layer]))
    if bad.size:
        cells = CELLS[layer[bad[0]]]
        raise DataError(
            f"{path}: iphi is {iphi[bad[0]]} in line {line[bad[0]]}; that layer has cells 0 to {cells - 1}."
        )
    bad = np.flatnonzero(whole["cluster_id"] < NOISE)
    if bad.size:
        raise DataError(
            f"{path}: cluster_id is below -1 in line {line[bad[0]]}; tracks are numbered from 0, -1 is noise: "
            "renumber them."
        )
    phi = cell_phi(layer, iphi)
    away = np.hypot(x - RADII[layer] * np.cos(phi), y - RADII[layer] * np.sin(phi))
    bad = np.flatnonzero(away > TOLERANCE)
    if bad.size:
        raise DataError(
            f"{path}: x and y are {away[bad[0]]:.3g} mm from the centre of their cell in line {line[bad[0]]}: "
            "the file is of another detector, or its lengths are not in mm."
        )
