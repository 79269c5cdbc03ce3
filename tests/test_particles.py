import awkward as ak
import numpy as np
import pytest

from jetlab import catalog, jets, particles, trees
from jetlab.io import JetSample


@pytest.fixture(scope="module")
def sample():
    return catalog.load("jets")[:200]


def test_the_hardest_come_first_with_what_is_known_of_them(sample):
    found = particles.hardest(sample, 32)
    pt = found.momenta[..., 0]
    assert found.features.shape == (200, 32, len(particles.FEATURES))
    assert np.all(np.diff(pt, axis=1) <= 0)
    np.testing.assert_array_equal(pt > 0, found.present)
    np.testing.assert_allclose(pt[:, 0], ak.max(sample["ak7pfcand_pt"], axis=1), rtol=1e-5)
    np.testing.assert_array_equal(found.features[..., particles.COORDINATES], found.momenta[..., 1:])
    assert set(found.features[..., 6:].sum(axis=-1)[found.present]) == {1.0}
    assert not found.features[~found.present].any()
    first = jets.order(jets.constituents(sample))[:, 0]
    np.testing.assert_array_equal(found.features[:, 0, 5], first.charge)


def test_four_momenta_are_massless_and_add_up_to_the_jet(sample):
    found = particles.four_momenta(particles.hardest(sample, 200).momenta).astype(float)
    assert np.sum(found[..., 1:] ** 2, axis=-1) == pytest.approx(found[..., 0] ** 2, rel=1e-5)
    whole = found.sum(axis=1) * particles.UNIT
    # The axis is along x. The mass is that of all candidates, before any grooming.
    assert np.abs(np.median(whole[:, 2:] / whole[:, 1:2], axis=0)).max() < 0.01
    mass = np.sqrt(whole[:, 0] ** 2 - (whole[:, 1:] ** 2).sum(axis=1))
    assert np.all(mass > 0)
    assert np.corrcoef(mass, sample["jet_msd_ak7"])[0, 1] > 0.7


def test_a_walk_through_the_tree_reorders_the_features(sample):
    found = particles.hardest(sample, 20)
    order = trees.depth_first(particles.clustered(found.momenta))
    turned = particles.reordered(found.features, order)
    np.testing.assert_allclose(turned.sum(axis=1), found.features.sum(axis=1), rtol=1e-4, atol=1e-4)
    place = np.argmin(np.where(order >= 0, order, 99), axis=1)
    np.testing.assert_array_equal(turned[np.arange(200), place], found.features[:, 0])


def test_a_jet_without_particles_has_one_of_nearly_no_pt(sample):
    columns = sample[:3].jets
    for name in columns.fields:
        if name.startswith("ak7pfcand"):
            columns = ak.with_field(columns, columns[name][:, :0], name)
    found = particles.hardest(JetSample(columns), 4)
    assert found.present.sum(axis=1).tolist() == [1, 1, 1]
    assert not found.features.any()
    assert particles.clustered(found.momenta).particles.tolist() == [1, 1, 1]


def test_samples_without_charges_and_classes_have_zeros_there(sample):
    columns = sample[:5].jets
    kept = [name for name in columns.fields if name not in ("ak7pfcand_charge", "ak7pfcand_id")]
    found = particles.hardest(JetSample(columns[kept]), 8)
    assert not found.features[..., 5:].any()
    np.testing.assert_array_equal(found.momenta, particles.hardest(sample[:5], 8).momenta)
