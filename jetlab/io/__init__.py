"""Reading and writing samples of jets: ROOT, c2numpy .npy and HDF5, the kit's own and other people's.

Bad files raise DataError, nothing is half-written.
"""

from jetlab.io.formats import convert, read
from jetlab.io.hdf5 import read_hdf5, write_hdf5
from jetlab.io.npy import read_npy
from jetlab.io.root import read_root, write_root
from jetlab.io.sample import DataError, JetSample, MissingColumnError

__all__ = [
    "DataError",
    "JetSample",
    "MissingColumnError",
    "convert",
    "read",
    "read_hdf5",
    "read_npy",
    "read_root",
    "write_hdf5",
    "write_root",
]
