"""Single collisions as a detector reads them out: taken, joined, written and read again."""

import h5py
import numpy as np
import pytest

from jetlab.io import DataError, readout
from jetlab.io.readout import Crossings, Readout


@pytest.fixture
def collisions():
    """Three collisions with 2, 0 and 1 tracks and 1, 2 and 0 cells; pt fits into seven binary digits."""
    return Readout(
        np.array([2, 0, 1]),
        np.array([1, 2, 0]),
        np.array([1.5, 2.0, 0.75], np.float32),
        np.array([0, 191, 7]),
        np.array([255, 3, 9]),
        np.array([0.5, 40.0, 0.25], np.float32),
        np.array([47, 0, 5]),
        np.array([63, 1, 2]),
    )


def assert_same(found, expected):
    for name, values in vars(expected).items():
        np.testing.assert_array_equal(getattr(found, name), values)


def test_take_gives_the_collisions_in_the_order_asked_for(collisions):
    found = collisions.take(np.array([2, 0, 1, 0]))
    np.testing.assert_array_equal(found.n_charged, [1, 2, 0, 2])
    np.testing.assert_array_equal(found.charged_pt, [0.75, 1.5, 2.0, 1.5, 2.0])
    np.testing.assert_array_equal(found.neutral_eta, [47, 0, 5, 47])
    assert len(collisions.take(np.zeros(0, int))) == 0


def test_joined_undoes_taking_apart(collisions):
    parts = [collisions.take(np.array([number])) for number in range(3)]
    assert_same(readout.joined(parts), collisions)


def test_what_is_written_is_read(collisions, tmp_path):
    wanted = Crossings(
        collisions,
        collisions.take(np.array([1, 1])),
        np.array([True, False, True]),
        np.array([0, 2, 2]),
        np.array([20, 21, 30]),
        np.array([0, 63, 5]),
        {"made_by": "a test"},
    )
    readout.write_crossings(wanted, tmp_path / "some.h5")
    found = readout.read_crossings(tmp_path / "some.h5")
    assert_same(found.hard, wanted.hard)
    assert_same(found.minimum_bias, wanted.minimum_bias)
    for name in ("is_w", "jet_collision", "jet_eta", "jet_phi"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
    assert found.provenance == wanted.provenance


def test_other_files_are_refused(tmp_path):
    with pytest.raises(DataError):
        readout.read_crossings(tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(DataError):
        readout.read_crossings(tmp_path / "text.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["jets"] = [1, 2]
    with pytest.raises(DataError, match="jetlab simulate pile-up"):
        readout.read_crossings(tmp_path / "other.h5")
