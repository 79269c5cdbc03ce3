"""The pictures of M3: what is drawn is what was given, right way up, with a unit."""

import numpy as np
import pytest

from jetlab import images, plots
from tests.samples import make_sample


@pytest.fixture
def ax():
    return plots.figure().axes[0]


def bar(ax):
    return next(other for other in ax.figure.axes if other is not ax)


def corner():
    """An image whose only pixel is at low y and high x."""
    picture = np.zeros((5, 5))
    picture[0, 4] = 3.0
    return picture


def test_an_image_stands_upright_with_empty_pixels_white_and_a_unit(ax):
    plots.images.image(ax, corner(), width=2.0, unit="GeV", title="one")
    shown = ax.images[0]
    assert shown.origin == "lower"
    assert tuple(shown.get_extent()) == (-1, 1, -1, 1)
    assert shown.get_array()[0, 4] == 3
    assert shown.get_array().mask.sum() == 24
    assert bar(ax).get_ylabel() == "GeV"
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("x", "y", "one")
    assert plots.png(ax.figure)[1:4] == b"PNG"


def test_an_empty_image_is_drawn_all_the_same(ax):
    plots.images.image(ax, np.zeros((4, 4)))
    assert ax.images[0].get_array().mask.all()
    assert plots.png(ax.figure)


@pytest.mark.parametrize("log", [True, False])
def test_a_difference_is_white_at_zero_and_as_strong_either_way(ax, log):
    plots.images.difference(ax, corner() - 2 * corner().T, log=log, over=corner())
    norm, colours = ax.images[0].norm, ax.images[0].cmap
    assert (norm.vmin, norm.vmax) == (-6, 6)
    assert min(colours(norm(0.0))[:3]) > 0.95
    red, _, blue, _ = colours(norm(6.0))
    assert blue > red
    assert ax.collections  # the contour
    assert plots.png(ax.figure)


def test_candidates_are_drawn_by_class_with_area_by_pt(ax):
    jet = images.centre(make_sample(5, 1))[0]
    plots.images.candidates(ax, jet, width=1.0)
    drawn = sum(len(marks.get_offsets()) for marks in ax.collections)
    assert drawn == len(jet)
    sizes = np.concatenate([marks.get_sizes() for marks in ax.collections])
    assert sorted(sizes) == pytest.approx(sorted(8 * jet.pt.to_numpy()))
    ax.legend()
    shown = [text.get_text().rpartition(" (") for text in ax.get_legend().get_texts()]
    assert {name for name, *_ in shown} <= set(images.CLASSES)
    assert sum(int(count.removesuffix(")")) for *_, count in shown) == len(jet)
    assert ax.lines[-1].get_xdata().max() == 0.5


def test_a_montage_has_every_image_upright_and_apart(ax):
    pictures = np.stack([corner() + number for number in range(10)])
    plots.images.montage(ax, pictures, "GeV", columns=4)
    sheet = ax.images[0].get_array()
    assert np.sum(~sheet.mask) == 250
    assert sheet.shape == (3 * 6, 4 * 6 - 1)
    # Drawn from the top: the row of lowest y comes last.
    for number in range(10):
        row, column = (6 * place for place in divmod(number, 4))
        assert np.array_equal(sheet[row + 1 : row + 6, column : column + 5], pictures[number][::-1])
    assert bar(ax).get_ylabel() == "GeV"
    assert plots.png(ax.figure)


def test_a_montage_of_both_signs_is_symmetric_about_zero(ax):
    plots.images.montage(ax, np.stack([corner(), -2 * corner()]))
    assert (ax.images[0].norm.vmin, ax.images[0].norm.vmax) == (-6, 6)
