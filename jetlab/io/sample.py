"""A sample of jets in memory: the one object that readers return and lessons begin from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import awkward as ak
import numpy as np

from jetlab.errors import JetlabError, counted
from jetlab.io import schema


class DataError(JetlabError, ValueError):
    """A data file is not what it should be; the message names the file, the fault and the remedy."""


class SelectionError(JetlabError, IndexError):
    """Jets cannot be picked this way; the message says how to pick them."""


class MissingColumnError(DataError, KeyError):
    """A column was asked for that the file does not have."""

    def __str__(self) -> str:
        """Return the message itself: KeyError alone would print it in quotes."""
        return str(self.args[0])


@dataclass(frozen=True, eq=False)
class JetSample:
    """Jets with their candidates, the tracks of the same events, and where it all came from.

    Attributes:
        jets: record array, one entry per jet. Event and jet columns are numbers, shape (n_jets,), `ijet` numbers the
            jets of one event; candidate columns are jagged, shape (n_jets, var). Dtypes and units: `schema`.
        tracks: flat record array, one entry per track, with the key of its event and linked to no jet
            (`jets.match_tracks` does that); None where the file has none.
        provenance: JSON-able; `source` is the file name (or names) read, the rest as the file says.
    """

    jets: ak.Array
    tracks: ak.Array | None = None
    provenance: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of jets."""
        return len(self.jets)

    def __repr__(self) -> str:
        """Return one line: how many jets, columns and tracks, and the source."""
        tracks = "no tracks" if self.tracks is None else counted(len(self.tracks), "track")
        columns = counted(len(self.columns), "column")
        return f"<JetSample: {counted(len(self), 'jet')}, {columns}, {tracks}, from {self._source}>"

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of `jets`."""
        return tuple(self.jets.fields)

    @property
    def radius(self) -> float:
        """Radius of the jets in the eta-phi plane, whatever the names of their columns say."""
        return float(self.provenance.get("radius", schema.RADIUS))

    @property
    def _source(self) -> str:
        source = self.provenance.get("source", "memory")
        return source if isinstance(source, str) else ", ".join(source)

    def __getitem__(self, item: str | slice | Sequence[int] | np.ndarray) -> Any:
        """Return a column (by name) or a smaller sample (by mask, index array or slice).

        A column is a numpy array, shape (n_jets,), or, for candidates, an awkward array, shape (n_jets, var). A
        smaller sample keeps all the tracks, because they belong to events and not to jets.

        Raises:
            MissingColumnError: the file has no such column.
            SelectionError: a mask does not have one entry per jet.
        """
        if isinstance(item, str):
            return self._column(item)
        if not isinstance(item, slice):
            item = np.asarray(item)
            if item.ndim != 1:
                raise SelectionError(
                    "Jets are picked by a mask, a list of positions or a slice: sample[5:6] is one jet."
                )
            if item.dtype == bool and len(item) != len(self):
                raise SelectionError(
                    f"The mask has length {len(item):,}, but the sample has {counted(len(self), 'jet')}: one per jet."
                )
            item = item if item.size else item.astype(int)
        return JetSample(ak.to_packed(self.jets[item]), self.tracks, self.provenance)

    def _column(self, name: str) -> Any:
        if name in self.jets.fields:
            values = self.jets[name]
            return ak.to_numpy(values) if values.ndim == 1 else values
        known = {**schema.TUPLE, **schema.OTHER, **schema.TRACK, **schema.FLAVOUR, **schema.FLAVOUR_TRACK}
        message = f"{self._source} has no column '{name}'"
        if name == "ak7pfcand_ijet":
            message += ": which jet of its event a candidate belongs to is kept once per jet, in 'ijet'."
        elif name in schema.TRACK and self.tracks is not None:
            message += ": its tracks are not linked to jets yet; call jetlab.jets.match_tracks(sample) first."
        elif name in known:
            other = "flavour" if name in schema.FLAVOUR or name in schema.FLAVOUR_TRACK else "jets"
            message += (
                f" ({known[name].meaning}): do without it, or take a sample that has it, as catalog.load('{other}')."
            )
        else:
            message += f", nor is it a name of the schema; there are: {', '.join(self.columns)}."
        raise MissingColumnError(message)

    @cached_property
    def event_index(self) -> np.ndarray:
        """Dense number of each jet's event, int64, shape (n_jets,), in order of first appearance."""
        return group([self._column(name) for name in schema.KEY])


def group(keys: Sequence[np.ndarray]) -> np.ndarray:
    """Number the distinct rows of equally long integer columns 0, 1, 2 ... in order of first appearance.

    Returns int64, shape (n_rows,): rows with equal keys, wherever they are, share a number.
    """
    n_rows = len(keys[0])
    if n_rows == 0:
        return np.zeros(0, np.int64)
    starts = run_starts(keys)
    runs = np.cumsum(starts) - 1
    firsts = np.flatnonzero(starts)
    heads = [np.asarray(key)[firsts] for key in keys]
    order = np.lexsort(heads[::-1])
    new = run_starts([head[order] for head in heads])
    # lexsort is stable, so the first of each block of equal keys is the one that came first
    first_seen = np.argsort(order[new], kind="stable")
    rank = np.empty(len(first_seen), np.int64)
    rank[first_seen] = np.arange(len(first_seen))
    dense = np.empty(len(order), np.int64)
    dense[order] = rank[np.cumsum(new) - 1]
    found: np.ndarray = dense[runs]
    return found


def run_starts(keys: Sequence[np.ndarray]) -> np.ndarray:
    """Return True where a row differs from the one before it (and in the first row), shape (n_rows,)."""
    starts = np.zeros(len(keys[0]), bool)
    starts[:1] = True
    for key in keys:
        starts[1:] |= np.diff(key) != 0
    return starts


def look_up(rows: Sequence[np.ndarray], targets: Sequence[np.ndarray]) -> np.ndarray:
    """Return for each row the position of the first target with the same key, -1 where there is none.

    Args:
        rows: the key's columns, shape (n_rows,) each.
        targets: the same columns of the targets, shape (n_targets,) each.

    Returns int64, shape (n_rows,). Rows of one target mostly lie together, so only the head of each run is looked up.
    """
    starts = run_starts(rows)
    n_targets = len(targets[0])
    number = group([np.concatenate([target, row[starts]]) for target, row in zip(targets, rows, strict=True)])
    known = np.full(number.max(initial=-1) + 1, -1)
    known[number[:n_targets][::-1]] = np.arange(n_targets)[::-1]
    found: np.ndarray = known[number[n_targets:]][np.cumsum(starts) - 1]
    return found
