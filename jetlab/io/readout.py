"""What one detector reads out of single collisions: tracks in fine pixels, neutral energy in calorimeter cells, HDF5.

The grid is the same for all: |eta| < 2.4 and all phi, in cells of 0.1 and in pixels of a quarter of that.
"""

import json
import os
from dataclasses import dataclass
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from jetlab.io import checks
from jetlab.io.hdf5 import STORAGE
from jetlab.io.sample import DataError

Array = NDArray[Any]

MAX_ETA = 2.4
#: Cells of the calorimeter in eta and phi, pixels of the tracker in each direction of a cell.
N_ETA, N_PHI, PIXELS = 48, 64, 4
CELL_ETA, CELL_PHI = 2 * MAX_ETA / N_ETA, 2 * np.pi / N_PHI
VERSION = 1


@dataclass(frozen=True)
class Readout:
    """Collisions one after the other: of each its tracks, and its cells that have neutral energy.

    `n_charged`, `n_neutral` int64 (n_collisions,); `charged_pt` [GeV], `charged_eta`, `charged_phi` (n_tracks,) with
    eta and phi as pixel numbers, from 0; `neutral_pt` [GeV], `neutral_eta`, `neutral_phi` (n_cells,) with cell numbers.
    """

    n_charged: Array
    n_neutral: Array
    charged_pt: Array
    charged_eta: Array
    charged_phi: Array
    neutral_pt: Array
    neutral_eta: Array
    neutral_phi: Array

    def __len__(self) -> int:
        return len(self.n_charged)

    def take(self, positions: Array) -> Self:
        """The collisions at these positions (n,), which may repeat."""
        found = {}
        for kind in ("charged", "neutral"):
            counts = getattr(self, f"n_{kind}")
            first = (np.cumsum(counts) - counts)[positions]
            n = counts[positions]
            place = np.repeat(first - np.cumsum(n) + n, n) + np.arange(n.sum())
            found[f"n_{kind}"] = n
            found |= {f"{kind}_{name}": getattr(self, f"{kind}_{name}")[place] for name in ("pt", "eta", "phi")}
        return type(self)(**found)


def joined(parts: list[Readout]) -> Readout:
    """Several sets of collisions as one."""
    return Readout(**{name: np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0])})


@dataclass(frozen=True)
class Crossings:
    """Hard collisions with their jets, and minimum-bias collisions to lay over them.

    `is_w` bool (n_hard,): a W decaying to quarks in it, whose jets alone are listed. Of each jet `jet_collision` int64
    (n_jets,) counts into `hard`, and `jet_eta`, `jet_phi` are the cell of its axis.
    """

    hard: Readout
    minimum_bias: Readout
    is_w: Array
    jet_collision: Array
    jet_eta: Array
    jet_phi: Array
    provenance: dict[str, Any]


#: Stored dtypes; pt has seven binary digits.
_STORED = {"pt": np.float16, "eta": np.uint8, "phi": np.uint8, "charged": np.uint16, "neutral": np.uint16}


def write_crossings(crossings: Crossings, path: str | os.PathLike[str]) -> None:
    """Write the collisions to an HDF5 file, all or nothing."""
    with checks.atomic(path) as temporary, h5py.File(temporary, "w", track_order=True) as file:
        for group in ("hard", "minimum_bias"):
            for name, values in vars(getattr(crossings, group)).items():
                stored = values.astype(_STORED[name.rpartition("_")[2]])
                file.create_dataset(f"{group}/{name}", data=stored, **STORAGE | {"compression_opts": 9})
        for name, dtype in (("is_w", bool), ("jet_collision", np.uint32), ("jet_eta", np.uint8), ("jet_phi", np.uint8)):
            file.create_dataset(name, data=getattr(crossings, name).astype(dtype), **STORAGE)
        file.attrs["crossings_version"] = VERSION
        file.attrs["provenance"] = json.dumps(crossings.provenance)


@checks.within_memory
def read_crossings(path: str | os.PathLike[str]) -> Crossings:
    """Read what `write_crossings` wrote.

    Raises:
        DataError: not there, no HDF5 file, damaged, or not in this layout.
    """
    path = checks.existing(path)
    with checks.reading(path, "an HDF5 file"), h5py.File(path, "r") as file:
        if file.attrs.get("crossings_version") != VERSION:
            raise DataError(
                f"{path} has no collisions to be overlaid: take catalog.path('pile_up'), or make such a file with "
                "`jetlab simulate pile-up`."
            )
        hard, minimum_bias = (
            Readout(**{name: _loaded(dataset) for name, dataset in file[group].items()})
            for group in ("hard", "minimum_bias")
        )
        collision, eta, phi = (_loaded(file[name]) for name in ("jet_collision", "jet_eta", "jet_phi"))
        provenance = json.loads(file.attrs["provenance"])
        return Crossings(hard, minimum_bias, file["is_w"][:], collision, eta, phi, provenance)


def _loaded(dataset: h5py.Dataset) -> Array:
    values: Array = dataset[:]
    return values.astype(np.float32 if values.dtype.kind == "f" else np.int64)
