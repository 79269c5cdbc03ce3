"""What a flavour tagger is fed, against closed forms."""

import awkward as ak
import numpy as np
import pytest

from jetlab import flavour
from jetlab.errors import ArgumentError
from jetlab.io import schema
from jetlab.io.sample import JetSample, MissingColumnError


def sample(n=6):
    """Jets whose columns are their number, with no vertex in every second and no muon in any but the first."""
    number = np.arange(n, dtype=np.float32)
    columns = {name: number for name in (*schema.FLAVOUR, "jet_eta_ak7", "jet_pt_ak7") if name != "jet_process_ak7"}
    columns |= {name: np.where(number % 2 == 0, number, np.nan) for name in columns if name.startswith("sv_")}
    columns |= {name: np.where(number == 0, number, np.nan) for name in columns if name.startswith("muon_")}
    columns |= {"jet_flavour_ak7": np.resize([0, 4, 5, 15, 5, 0], n), "jet_process_ak7": np.arange(n) % 4}
    columns |= {"ip3d_bu": number * 3, "jet_eta_ak7": -number}
    return JetSample(ak.Array(columns))


def test_classes_are_light_c_b_and_none_for_taus():
    assert flavour.classes(sample()).tolist() == [0, 1, 2, -1, 2, 0]


def test_inputs_come_in_groups_with_what_can_be_made_of_them():
    x, names = flavour.inputs(sample(), ("kinematics", "ip3d", "sv"))
    assert x.shape == (6, len(names)) == (6, 13)
    assert x[:, names.index("jet_abs_eta")].tolist() == [0, 1, 2, 3, 4, 5]
    assert x[:, names.index("ip3d_cu")].tolist() == [0, 2, 4, 6, 8, 10]
    assert np.isnan(x[1::2, names.index("sv_mass")]).all()
    assert flavour.inputs(sample())[0].shape[1] == sum(map(len, flavour.GROUPS.values()))


def test_unknown_groups_and_columns_are_refused():
    with pytest.raises(ArgumentError, match="kinematics, ip2d"):
        flavour.inputs(sample(), ("rnnip",))
    with pytest.raises(ArgumentError):
        flavour.inputs(sample(), ())
    with pytest.raises(MissingColumnError):
        flavour.inputs(JetSample(sample().jets[["jet_pt_ak7"]]), ("sv",))


def test_defaults_are_the_mean_with_one_check_variable_for_each_pattern():
    x, names = flavour.inputs(sample(), ("kinematics", "sv", "muon"))
    defaults = flavour.Defaults.mean(x)
    filled = defaults.apply(x)
    assert filled.shape == (6, len(names) + 2)
    assert defaults.names(names)[-2:] == ("no_sv", "no_muon")
    assert filled[1, names.index("sv_mass")] == np.mean([0, 2, 4])
    assert filled[:, -2].tolist() == [0, 1, 0, 1, 0, 1]
    assert filled[:, -1].tolist() == [0, 1, 1, 1, 1, 1]
    there = ~np.isnan(x)
    assert np.array_equal(filled[:, : len(names)][there], x[there])


def test_defaults_are_those_of_the_training_jets():
    train, other = np.array([[1.0], [3.0], [np.nan]]), np.array([[np.nan], [100.0]])
    assert flavour.Defaults.mean(train).apply(other).tolist() == [[2.0, 1.0], [100.0, 0.0]]


def test_sentinels_lie_far_below_all_values():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(1000, 2))
    x[::3, 1] = np.nan
    filled = flavour.Defaults.sentinel(x).apply(x)
    assert filled.shape == x.shape
    assert filled[0, 1] == pytest.approx(np.nanmin(x[:, 1]) - 10 * np.nanstd(x[:, 1]))


@pytest.mark.parametrize("x", [np.zeros(3), np.array([[np.nan], [np.nan]]), np.array([[np.inf], [1.0]])])
def test_defaults_of_nothing_are_refused(x):
    for make in (flavour.Defaults.mean, flavour.Defaults.sentinel):
        with pytest.raises(ArgumentError):
            make(x)


def test_reweighted_jets_have_the_spectrum_of_b():
    rng = np.random.default_rng(2)
    n = 30_000
    label = rng.integers(-1, 3, n)
    pt = 20 + rng.exponential(np.array([40.0, 60.0, 80.0, 80.0])[label], n)
    eta = rng.normal(0, np.array([1.0, 1.2, 0.8, 1.0])[label], n)
    train = rng.permutation(n)[: n // 2]
    weight = flavour.reweight(pt, eta, label, train=train)
    assert weight[train].mean() == pytest.approx(1)
    assert np.all(weight[label < 0] == 0)
    assert np.all(weight[np.abs(eta) > 2.5] == 0)

    def spectrum(kind):
        chosen = train[label[train] == kind]
        edges = flavour.PT_EDGES, flavour.ETA_EDGES
        return np.histogram2d(pt[chosen], np.abs(eta[chosen]), edges, weights=weight[chosen])[0]

    assert spectrum(0) == pytest.approx(spectrum(2))
    assert spectrum(1) == pytest.approx(spectrum(2))


def test_reweighting_needs_jets_of_all_classes_somewhere():
    pt, eta, label = np.array([30.0, 60.0, 120.0]), np.zeros(3), np.array([0, 1, 2])
    with pytest.raises(ArgumentError, match="all classes"):
        flavour.reweight(pt, eta, label, train=np.arange(3))


def test_hybrid_training_takes_top_pairs_below_and_the_z_prime_above():
    jets = ak.Array({"jet_process_ak7": [0, 0, 1, 3], "jet_pt_ak7": [100.0, 300.0, 100.0, 300.0]})
    assert flavour.hybrid(JetSample(jets)).tolist() == [True, False, False, True]


def test_columns_of_groups_come_with_their_check_variables():
    columns = ("jet_pt_ak7", "ip3d_bu", "sv_mass", "sv_dr", "muon_pt", "no_ip3d", "no_sv", "no_muon")
    found = flavour.of_groups(columns, ("kinematics", "sv"))
    assert [name for name, chosen in zip(columns, found, strict=True) if chosen] == [
        *("jet_pt_ak7", "sv_mass", "sv_dr", "no_sv")
    ]
    assert flavour.of_groups(columns, tuple(flavour.GROUPS)).all()
    with pytest.raises(ArgumentError, match="kinematics"):
        flavour.of_groups(columns, ("vertex",))
