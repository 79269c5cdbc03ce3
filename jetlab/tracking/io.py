"""The RAMP CSV format of hits: `event_id, cluster_id, layer, iphi, x, y`, and `pt` where the truth is known."""

import csv
import gzip
import os
import zlib
from collections.abc import Iterator
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
    for numbers, bad, complaint in _faults(values):
        if bad.any():
            row = int(np.argmax(bad))
            place = f"{numbers[row]:.6g} in line {line[row]}"
            raise DataError(f"{path}: {complaint.format(place)}.")
    event, *others = (values[name].astype(np.int64) for name in COLUMNS[:4])
    _, first, number = np.unique(event, return_index=True, return_inverse=True)
    order = np.argsort(first[number], kind="stable")
    pt = values.get("pt", np.full(len(rows), np.nan))
    return Hits(*(column[order] for column in (event, *others, values["x"], values["y"], pt)))


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


def _faults(values: dict[str, np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray, str]]:
    """What each column must not be: its numbers (n,), which of them are bad, bool (n,), and what to say of the first.

    The columns are looked at one after the other, so that a layer, for example, is known to exist when it is used.
    """
    for name in COLUMNS:
        yield values[name], ~np.isfinite(values[name]), f"{name} is {{}}: repair or drop that hit"
    for name in COLUMNS[:4]:
        yield values[name], values[name] % 1 != 0, f"{name} is {{}}, but must be a whole number: repair it"
    track, layer, iphi = (values[name].astype(np.int64) for name in COLUMNS[1:4])
    yield layer, (layer < 0) | (layer >= LAYERS), f"layer is {{}}; there are layers 0 to {LAYERS - 1}"
    bad = (iphi < 0) | (iphi >= CELLS[layer])
    cells = CELLS[layer[np.argmax(bad)]]
    yield iphi, bad, f"iphi is {{}}; that layer has cells 0 to {cells - 1}"
    yield track, track < NOISE, "cluster_id is {}; tracks are numbered from 0, -1 is noise: renumber them"
    phi, radius = cell_phi(layer, iphi), RADII[layer]
    away = np.hypot(values["x"] - radius * np.cos(phi), values["y"] - radius * np.sin(phi))
    remedy = "the file is of another detector, or its lengths are not in mm"
    yield away, away > TOLERANCE, f"the distance in mm of (x, y) from the centre of their cell is {{}}: {remedy}"
