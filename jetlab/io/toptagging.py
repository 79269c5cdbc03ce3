"""The Top Tagging Reference: 14 TeV top and QCD jets, four-momenta of up to 200 constituents (arXiv:1902.09914).

Described at https://zenodo.org/records/2603256: pandas wrote them as a table (format="table", key "table") of columns
E_0, PX_0, PY_0, PZ_0, E_1 ... in GeV, hardest first and filled up with zeros, truthE ..., ttv, is_signal_new. Jets are
anti-kT, R = 0.8, of Delphes' particle-flow objects, without charges or ids. pandas keeps the names of columns as a
pickle, which is looked at but never run.
"""

import pickletools
from typing import Any

import awkward as ak
import h5py
import numpy as np

from jetlab import shipped, substructure
from jetlab.angles import wrap
from jetlab.io.foreign import Branches, Format, Numbers, even_cuts, make
from jetlab.io.sample import DataError, JetSample

RADIUS = 0.8
MOMENTUM = ("E", "PX", "PY", "PZ")


def _recognises(file: Any) -> bool:
    table = file.get("table/table") if isinstance(file, h5py.File) else None
    return isinstance(table, h5py.Dataset) and "is_signal_new" in _places(table)


def _places(table: h5py.Dataset) -> dict[str, tuple[str, int]]:
    """Which block of the table, and which of its columns, has the values of each name."""
    places: dict[str, tuple[str, int]] = {}
    for block in table.dtype.names or ():
        kind = table.attrs.get(f"{block}_kind", b"")
        kind = kind.encode("latin-1") if isinstance(kind, str) else bytes(kind)
        try:
            names = [
                word for code, word, _ in pickletools.genops(kind) if isinstance(word, str) and "GET" not in code.name
            ]
        except ValueError:
            names = []
        places |= {name: (block, number) for number, name in enumerate(names)}
    return places


def _read(file: Any, where: str, start: int, stop: int, radius: float | None) -> JetSample:
    """Read rows as jets; soft-drop mass and tau21 are made here, by FastJet, and left out where it is not installed."""
    table = file["table/table"]
    places = _places(table)
    blocks = {
        name: Branches(_Rows(table), where, start, stop)[name] for name in {place[0] for place in places.values()}
    }

    def column(name: str) -> Numbers:
        if name not in places:
            raise DataError(f"{where} lacks the column '{name}', without which it cannot be read: take another.")
        block, number = places[name]
        values: Numbers = blocks[block] if blocks[block].ndim == 1 else blocks[block][:, number]
        return values

    n = sum(name.startswith("E_") for name in places)
    e, px, py, pz = (np.stack([column(f"{x}_{i}") for i in range(n)], axis=1).astype(np.float64) for x in MOMENTUM)
    real = np.hypot(px, py) > 0
    counts = real.sum(axis=1)
    jet_e, jet_px, jet_py, jet_pz = (values.sum(axis=1) for values in (e, px, py, pz))
    jet_pt = np.hypot(jet_px, jet_py)
    kept = jet_pt > 0  # one without constituents has no direction; `make` drops it
    columns = {
        "run": np.ones(len(e), int),
        "lumi": np.ones(len(e), int),
        "event": np.arange(start, start + len(e)),
        "ijet": np.zeros(len(e), int),
        "jet_pt_ak7": jet_pt,
        "jet_eta_ak7": np.arcsinh(np.divide(jet_pz, jet_pt, out=np.zeros(len(e)), where=kept)),
        "jet_phi_ak7": wrap(np.arctan2(jet_py, jet_px)),
        "jet_E_ak7": jet_e,
        "jet_isTop_ak7": column("is_signal_new"),
    }
    e, px, py, pz = (values[real] for values in (e, px, py, pz))
    if substructure.AVAILABLE:
        vectors = ak.unflatten(ak.zip({"px": px, "py": py, "pz": pz, "E": e}, with_name="Momentum4D"), counts)
        columns |= {name: np.zeros(len(counts)) for name in ("jet_msd_ak7", "jet_tau21_ak7")}
        found = substructure.groomed(vectors[counts > 0], RADIUS)
        columns["jet_msd_ak7"][counts > 0], columns["jet_tau21_ak7"][counts > 0] = found
    elif start == 0:
        print(
            f"{where}: soft-drop mass and tau21 are left out, because FastJet makes them: {shipped.install('opendata')}"
        )
    pt = np.hypot(px, py)
    kinematics = {"pt": pt, "eta": np.arcsinh(pz / pt), "phi": wrap(np.arctan2(py, px))}
    candidates = {name: ak.unflatten(values, counts) for name, values in kinematics.items()}
    return make(columns, candidates, where, FORMAT.name, RADIUS)


class _Rows:
    """The fields of a table as if each were a dataset."""

    def __init__(self, table: h5py.Dataset) -> None:
        self._table = table

    def keys(self) -> tuple[str, ...]:
        return tuple(self._table.dtype.names)

    def __getitem__(self, name: str) -> Any:
        return self._table.fields(name)


FORMAT = Format(
    "Top Tagging Reference",
    "https://zenodo.org/records/2603256, or catalog.load('top_tagging_test')",
    _recognises,
    lambda file, step: even_cuts(len(file["table/table"]), step),
    _read,
)
