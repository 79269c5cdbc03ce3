"""A jet as sequence, cloud and tree: what is drawn is what the jet has."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection

from jetlab import particles, plots

DRAW = plots.representations


@pytest.fixture
def ax():
    return plots.figure().axes[0]


@pytest.fixture
def momenta():
    """Four particles and two places of padding: two near each other, two apart."""
    found = [(100, 0.0, 0.0), (50, 0.3, 0.0), (20, 0.01, 0.01), (5, 0.3, 0.4), (0, 0, 0), (0, 0, 0)]
    return np.array([found], np.float32)


def lines(ax):
    (found,) = (each for each in ax.collections if isinstance(each, LineCollection))
    return found


def test_a_sequence_leaves_padding_out_and_follows_an_order(ax, momenta):
    DRAW.sequence(ax, momenta[0])
    assert [bar.get_height() for bar in ax.patches] == [100, 50, 20, 5]
    other = plots.figure().axes[0]
    DRAW.sequence(other, momenta[0], [3, 0, 2, 1, -1, -1])
    assert [bar.get_height() for bar in other.patches] == [5, 100, 20, 50]


def test_a_cloud_shows_each_particle_with_its_share_of_the_pt(ax, momenta):
    DRAW.cloud(ax, momenta[0], title="cloud")
    (points,) = ax.collections
    np.testing.assert_allclose(points.get_offsets(), momenta[0, :4, 1:], rtol=1e-6)
    np.testing.assert_allclose(points.get_sizes() / points.get_sizes().sum(), momenta[0, :4, 0] / 175, rtol=1e-5)
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("Δη", "Δφ [rad]", "cloud")


def test_a_tree_joins_the_nearest_first_and_ends_with_the_whole(ax, momenta):
    found = particles.clustered(momenta)
    DRAW.tree(ax, found, 0)
    segments = lines(ax).get_segments()
    assert len(segments) == 2 * 3  # two lines for each merging
    place = dict(zip(range(4), ax.collections[-1].get_offsets()[:, 0], strict=True))
    joined = sorted(segment[0][0] for segment in segments if segment[1][1] == 1)
    assert joined == sorted([place[0], place[2]])  # the two that lie together
    assert max(segment[1][1] for segment in segments) == 3


def test_a_jet_of_one_particle_is_a_tree_of_one_point(ax, momenta):
    alone = momenta * (np.arange(6) == 0)[:, None]
    DRAW.tree(ax, particles.clustered(alone), 0)
    assert len(lines(ax).get_segments()) == 0
    assert len(ax.collections[-1].get_offsets()) == 1


def test_links_show_the_stronger_way_and_none_to_padding(ax, momenta):
    weight = np.zeros((6, 6))
    weight[0, 1], weight[1, 0], weight[2, 3], weight[0, 5] = 0.2, 0.7, 0.4, 1.0
    DRAW.links(ax, momenta[0], weight)
    segments = lines(ax).get_segments()
    assert len(segments) == 2
    np.testing.assert_allclose(segments[0], momenta[0, [0, 1], 1:], rtol=1e-6)
    np.testing.assert_allclose(lines(ax).get_alpha(), [0.7, 0.4])
