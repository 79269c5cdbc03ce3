import awkward as ak
import numpy as np
import pytest

from jetlab.angles import wrap


def test_angles_are_brought_to_one_turn() -> None:
    angles = np.array([np.pi, -np.pi, 3 * np.pi / 2, 0, -7, 100])
    wrapped = wrap(angles)
    np.testing.assert_allclose(wrapped[:4], [-np.pi, -np.pi, -np.pi / 2, 0])
    np.testing.assert_allclose(np.exp(1j * wrapped), np.exp(1j * angles))


@pytest.mark.parametrize("turns", [-2, -1, 0, 1, 2])
def test_the_upper_end_belongs_to_the_next_turn(turns: int) -> None:
    """Angles next to an odd multiple of pi, on either side: the sum with pi may be rounded to a whole turn."""
    edge = np.pi + 2 * np.pi * turns
    wrapped = wrap(np.array([np.nextafter(edge, -np.inf), edge, np.nextafter(edge, np.inf), -edge]))
    assert wrapped.min() >= -np.pi
    assert wrapped.max() < np.pi
    assert wrap(np.nextafter(-np.pi, -4)) < np.pi


def test_numbers_and_ragged_arrays_are_wrapped_alike() -> None:
    assert wrap(4.0) == 4 - 2 * np.pi
    assert wrap(ak.Array([[4.0], [], [1.0, -4.0]])).tolist() == [[wrap(4.0)], [], [wrap(1.0), wrap(-4.0)]]
    assert wrap(np.float32([4.0])).dtype == np.float64
