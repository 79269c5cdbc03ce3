"""Jet images: invariances, conservation, and a literal implementation."""

import awkward as ak
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jetlab import images
from jetlab.io.sample import JetSample
from tests.samples import make_sample


@pytest.fixture(scope="module")
def sample():
    return make_sample(60, 3)


def clouds(seed, n_jets=40):
    """Candidates with positions of their own, no two alike, about their pt-weighted centre."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(3, 30, n_jets)
    of_jet = np.repeat(np.arange(n_jets), counts)
    pt = rng.exponential(10, len(of_jet)) + 0.1
    x, y = rng.normal(0, 0.15, len(of_jet)), rng.normal(0, 0.08, len(of_jet))
    total = np.bincount(of_jet, pt)
    x, y = (v - (np.bincount(of_jet, pt * v) / total)[of_jet] for v in (x, y))
    table = {"pt": pt, "x": x, "y": y, "class": rng.integers(0, 4, len(of_jet))}
    return ak.unflatten(ak.zip(table), counts)


def turned(candidates, angle, mirror=False):
    x = -candidates.x if mirror else candidates.x
    cos, sin = np.cos(angle), np.sin(angle)
    fields = {"x": x * cos - candidates.y * sin, "y": x * sin + candidates.y * cos}
    return ak.zip({"pt": candidates.pt, **fields, "class": candidates["class"]})


def prepared(candidates, by):
    return images.flip(images.rotate(candidates, by))


@pytest.mark.parametrize("by", ["principal", "subjets"])
@settings(max_examples=25, deadline=None)
@given(angle=st.floats(-np.pi, np.pi), mirror=st.booleans(), seed=st.integers(0, 1000))
def test_prepared_jets_do_not_know_how_they_were_turned_or_mirrored(by, angle, mirror, seed):
    candidates = clouds(seed)
    first, second = prepared(candidates, by), prepared(turned(candidates, angle, mirror), by)
    for name in ("x", "y"):
        assert ak.to_numpy(ak.flatten(second[name])) == pytest.approx(ak.to_numpy(ak.flatten(first[name])), abs=1e-7)


@settings(max_examples=20, deadline=None)
@given(shift=st.floats(-7, 7))
def test_centred_jets_do_not_know_their_phi(shift):
    sample = make_sample(20, 5)
    table = {name: sample.jets[name] for name in sample.jets.fields}
    for name in ("jet_phi_ak7", "ak7pfcand_phi"):
        table[name] = (table[name] + shift + np.pi) % (2 * np.pi) - np.pi
    moved = JetSample(ak.zip(table, depth_limit=1))
    first, second = images.centre(sample), images.centre(moved)
    assert ak.to_numpy(ak.flatten(second.y)) == pytest.approx(ak.to_numpy(ak.flatten(first.y)), abs=1e-5)


def test_centre_is_weighted_by_pt(sample):
    candidates = images.centre(sample)
    for name in ("x", "y"):
        mean = ak.sum(candidates.pt * candidates[name], axis=1) / ak.sum(candidates.pt, axis=1)
        assert ak.to_numpy(mean) == pytest.approx(0, abs=1e-6)


def test_principal_axis_stands_upright_and_the_larger_half_is_right_and_above():
    candidates = prepared(clouds(1), "principal")
    xx, yy, xy = (
        ak.to_numpy(ak.sum(candidates.pt * a * b, axis=1))
        for a, b in ((candidates.x, candidates.x), (candidates.y, candidates.y), (candidates.x, candidates.y))
    )
    assert np.all(yy >= xx)
    assert xy == pytest.approx(0, abs=1e-9)
    for name in ("x", "y"):
        assert ak.all(ak.sum(candidates.pt * np.sign(candidates[name]), axis=1) >= -1e-9)


def test_two_subjets_end_up_on_a_vertical_line():
    pair = ak.Array([[{"pt": 60.0, "x": 0.2, "y": 0.1, "class": 0}, {"pt": 40.0, "x": -0.3, "y": -0.15, "class": 2}]])
    stood = images.rotate(pair, "subjets")[0]
    assert stood.x.to_list() == pytest.approx([0, 0], abs=1e-12)
    assert stood.y[0] > 0 > stood.y[1]


def test_pt_inside_the_image_is_conserved_and_what_is_outside_is_cut(sample):
    candidates = images.centre(sample)
    wide = images.pixelate(candidates, size=21, width=20)
    assert wide.sum(axis=(1, 2, 3)) == pytest.approx(ak.to_numpy(ak.sum(candidates.pt, axis=1)), rel=1e-5)
    inside = (abs(candidates.x) < 0.2) & (abs(candidates.y) < 0.2)
    narrow = images.pixelate(candidates, size=8, width=0.4)
    expected = ak.to_numpy(ak.sum(candidates.pt[inside], axis=1))
    assert narrow.sum(axis=(1, 2, 3)) == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_zoomed_prongs_of_one_mass_stand_equally_far_apart_at_every_pt():
    pt, mass = np.array([200.0, 300.0, 480.0]), 80.0
    pairs = ak.Array([[{"pt": p / 2, "x": 0.0, "y": s * mass / p, "class": 0} for s in (1, -1)] for p in pt])
    zoomed = images.zoom(pairs, pt, reference=400)
    assert ak.to_numpy(zoomed.y[:, 0] - zoomed.y[:, 1]) == pytest.approx(2 * mass / 400)
    assert ak.to_list(zoomed.pt) == ak.to_list(pairs.pt)
    with pytest.raises(ValueError, match="reference is 0"):
        images.zoom(pairs, pt, 0)


def test_a_crop_leaves_just_what_an_image_of_the_same_width_shows():
    candidates = clouds(6)
    cropped = images.crop(candidates, 0.3)
    assert 0 < ak.sum(ak.num(cropped)) < ak.sum(ak.num(candidates))
    assert np.array_equal(images.pixelate(cropped, 9, 0.3), images.pixelate(candidates, 9, 0.3))
    assert images.pixelate(cropped, 9, 5).sum() == pytest.approx(ak.sum(cropped.pt), rel=1e-5)


def test_class_channels_sum_to_the_total(sample):
    candidates = images.centre(sample)
    total = images.pixelate(candidates, multiplicity=True)
    by_class = images.pixelate(candidates, classes=True, multiplicity=True)
    assert by_class.shape == (len(sample), 33, 33, 8)
    assert by_class[..., :4].sum(axis=-1) == pytest.approx(total[..., 0], rel=1e-5)
    assert np.array_equal(by_class[..., 4:].sum(axis=-1), total[..., 1])
    assert (by_class.max(axis=(0, 1, 2)) > 0).all()


def test_pixels_are_those_of_numpys_histogram():
    candidates = clouds(2)
    filled = images.pixelate(candidates, size=11, width=0.5)
    edges = np.linspace(-0.25, 0.25, 12)
    for image, jet in zip(filled, candidates, strict=True):
        expected, _, _ = np.histogram2d(jet.y.to_numpy(), jet.x.to_numpy(), (edges, edges), weights=jet.pt.to_numpy())
        assert image[..., 0] == pytest.approx(expected, rel=1e-5)


def test_normalised_images_sum_to_one_or_peak_at_one_and_empty_ones_stay():
    filled = images.pixelate(clouds(3), classes=True)
    filled[0] = 0
    assert images.normalise(filled)[1:].sum(axis=(1, 2, 3)) == pytest.approx(1, rel=1e-5)
    assert images.normalise(filled, "max")[1:].max(axis=(1, 2, 3)) == pytest.approx(1)
    assert not images.normalise(filled)[0].any()
    assert images.normalise(filled).dtype == np.float32


def test_one_candidate_makes_a_dot_in_the_middle():
    alone = ak.Array([[{"pt": 5.0, "x": 0.0, "y": 0.0, "class": 1}]])
    for by in ("principal", "subjets"):
        image = images.pixelate(prepared(alone, by), size=5, width=1)
        assert image[0, 2, 2, 0] == 5
        assert image.sum() == 5


def test_odd_arguments_are_named():
    candidates = clouds(4, 3)
    with pytest.raises(ValueError, match="'subjets'"):
        images.rotate(candidates, "mass")
    with pytest.raises(ValueError, match="size is 0"):
        images.pixelate(candidates, size=0)
    with pytest.raises(ValueError, match="width"):
        images.pixelate(candidates, width=0)
    with pytest.raises(ValueError, match="width is 0"):
        images.crop(candidates, 0)
    with pytest.raises(ValueError, match="'max'"):
        images.normalise(images.pixelate(candidates), "l2")
