import tracemalloc

import awkward as ak
import numpy as np
import pytest

from jetlab import jets
from jetlab.errors import ArgumentError
from jetlab.io import DataError, MissingColumnError, schema
from jetlab.io.sample import JetSample
from tests.samples import make_sample

PI = np.pi


@pytest.fixture(scope="module")
def sample() -> JetSample:
    return make_sample(60, seed=11)


def test_delta_phi_is_wrapped():
    a = np.array([3.1, -3.1, 0.5, PI, 0.0, 7.0, -7.0])
    b = np.array([-3.1, 3.1, 0.2, 0.0, PI, 0.0, 0.0])
    expected = [6.2 - 2 * PI, 2 * PI - 6.2, 0.3, -PI, -PI, 7 - 2 * PI, 2 * PI - 7]
    np.testing.assert_allclose(jets.delta_phi(a, b), expected, atol=1e-12)
    assert jets.delta_phi(-1e-17, PI) == pytest.approx(-PI)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_delta_phi_stays_in_its_interval_and_is_the_same_angle(dtype):
    rng = np.random.default_rng(0)
    a, b = rng.uniform(-4 * PI, 4 * PI, (2, 10_000)).astype(dtype)
    a[:3], b[:3] = PI, [0, -PI, 2 * PI]
    wrapped = jets.delta_phi(a, b)
    assert wrapped.dtype == np.float64
    assert wrapped.min() >= -PI
    assert wrapped.max() < PI
    np.testing.assert_allclose(np.cos(wrapped), np.cos(a - b), atol=1e-5)
    np.testing.assert_allclose(np.sin(wrapped), np.sin(a - b), atol=1e-5)


def test_delta_r_of_jagged_arrays():
    eta, phi = ak.Array([[0.0, 1.0], []]), ak.Array([[3.1, 3.1], []])
    found = jets.delta_r(eta, phi, np.zeros(2), np.full(2, -3.1))
    expected = 2 * PI - 6.2
    assert ak.num(found).tolist() == [2, 0]
    np.testing.assert_allclose(found[0], [expected, np.hypot(1, expected)])


def tiny(jet_rows, track_rows) -> JetSample:
    """Build a sample from (event, ijet, eta, phi) and (event, eta, phi) only."""
    event, ijet, eta, phi = (np.array(column) for column in zip(*jet_rows, strict=True))
    ones = np.ones(len(event), int)
    fields = {"run": ones, "lumi": ones, "event": event, "ijet": ijet, "jet_eta_ak7": eta, "jet_phi_ak7": phi}
    t_event, t_eta, t_phi = (np.array(column) for column in zip(*track_rows, strict=True))
    ones = np.ones(len(t_event), int)
    number = np.arange(len(t_event))
    tracks = {
        "run": ones,
        "lumi": ones,
        "event": t_event,
        "track_eta": t_eta,
        "track_phi": t_phi,
        "track_number": number,
    }
    return JetSample(ak.zip(fields), ak.zip(tracks))


def test_tracks_go_to_the_nearest_jet_of_their_event():
    sample = tiny(
        [(7, 0, 0.0, 0.0), (7, 1, 1.0, 0.0), (8, 0, 0.0, 3.1), (9, 0, 0.0, 0.0)],
        [
            (7, 0.1, 0.0),  # 0: jet 0
            (7, 0.6, 0.0),  # 1: both within 0.7, jet 1 is nearer
            (8, 0.0, -3.1),  # 2: across phi = pi, jet 2
            (8, 0.0, 0.0),  # 3: orphan, too far
            (5, 0.0, 0.0),  # 4: orphan, no such event
            (7, 0.0, 0.7),  # 5: orphan, at the radius itself
            (7, 0.2, 0.1),  # 6: jet 0
        ],
    )
    matched = jets.match_tracks(sample)
    assert matched["track_number"].tolist() == [[0, 6], [1], [2], []]
    assert matched.tracks is sample.tracks
    assert "event" not in [name for name in matched.columns if matched.jets[name].ndim == 2]
    assert jets.match_tracks(sample, radius=0.05)["track_number"].tolist() == [[], [], [], []]


def test_a_track_between_two_jets_goes_to_the_lower_ijet_whatever_the_order_of_jets():
    rows = [(1, 1, 0.5, 0.0), (1, 0, -0.5, 0.0)]
    for jet_rows in (rows, rows[::-1]):
        matched = jets.match_tracks(tiny(jet_rows, [(1, 0.0, 0.0)]))
        assert dict(zip(matched["ijet"].tolist(), matched["track_number"].tolist(), strict=True)) == {0: [0], 1: []}


def test_matching_agrees_with_the_plain_double_loop(sample):
    rng = np.random.default_rng(0)
    mixed = JetSample(sample.jets[rng.permutation(len(sample))], sample.tracks[rng.permutation(len(sample.tracks))])
    matched = jets.match_tracks(mixed)
    names = (*schema.KEY, "track_eta", "track_phi", "track_pt")
    tracks = list(zip(*(mixed.tracks[name].tolist() for name in names), strict=True))
    own = [*schema.KEY, "jet_eta_ak7", "jet_phi_ak7"]
    axes = list(zip(*(mixed[name].tolist() for name in own), strict=True))
    expected: list[list[float]] = [[] for _ in axes]
    for *key, eta, phi, pt in tracks:
        reach = {}
        for jet, (*jet_key, jet_eta, jet_phi) in enumerate(axes):
            distance = np.hypot(eta - jet_eta, abs((phi - jet_phi + PI) % (2 * PI) - PI))
            if jet_key == key and distance < 0.7:
                reach[jet] = distance
        if reach:
            expected[min(reach, key=reach.__getitem__)].append(pt)
    assert matched["track_pt"].tolist() == expected


def test_matching_without_tracks_says_so(sample):
    with pytest.raises(DataError, match="no tracks to match"):
        jets.match_tracks(JetSample(sample.jets))
    with pytest.raises(MissingColumnError, match="match_tracks"):
        jets.constituents(sample, "track")


def test_constituents_relative_to_the_jet(sample):
    found = jets.constituents(sample)
    fraction = np.exp(found["log_pt"]) * sample["jet_pt_ak7"]
    np.testing.assert_allclose(ak.flatten(fraction), ak.flatten(sample["ak7pfcand_pt"]), rtol=1e-4)
    np.testing.assert_allclose(ak.flatten(np.exp(found["log_pt_gev"])), ak.flatten(found["pt"]), rtol=1e-5)
    assert ak.max(found["dr"]) < 1.5, "wrapped: no candidate on the other side of the detector"
    np.testing.assert_allclose(
        ak.flatten(found["dr"] ** 2), ak.flatten(found["deta"] ** 2 + found["dphi"] ** 2), rtol=1e-4
    )
    balance = ak.sum(found["pt"] * np.sin(found["dphi"]), axis=1) / ak.sum(found["pt"], axis=1)
    np.testing.assert_allclose(balance, 0, atol=1e-5)
    tracks = jets.constituents(jets.match_tracks(sample), "track")
    assert ak.max(tracks["dr"]) < schema.RADIUS
    assert {"d0_significance", "dz_significance"} <= set(tracks.fields)


def test_id_classes_leave_zero_for_padding():
    classes = jets.id_class(ak.Array([[211, -211, 130], [], [22, -11, 13, 1]]))
    assert classes.tolist() == [[1, 1, 2], [], [3, 4, 5, 6]]


def test_random_order_keeps_each_jets_records_and_is_the_same_for_the_same_seed():
    records = ak.unflatten(ak.zip({"n": np.arange(60), "pt": np.ones(60)}), [50, 0, 10])
    shuffled = jets.order(records, "random", seed=3)
    assert ak.sort(shuffled["n"], axis=1).tolist() == records["n"].tolist()
    assert shuffled["n"].tolist() != records["n"].tolist()
    assert jets.order(records, "random", seed=3)["n"].tolist() == shuffled["n"].tolist()
    assert jets.order(records, "random", seed=4)["n"].tolist() != shuffled["n"].tolist()


def test_order_by_pt_and_by_dr():
    records = ak.zip({"pt": [[1.0, 3.0, 2.0, 3.0], []], "dr": [[0.3, 0.2, 0.1, 0.4], []], "n": [[0, 1, 2, 3], []]})
    assert jets.order(records)["n"].tolist() == [[1, 3, 2, 0], []]
    assert jets.order(records, by="dr")["n"].tolist() == [[2, 1, 0, 3], []]
    with pytest.raises(ValueError, match="by is 'eta', but can be 'pt'"):
        jets.order(records, by="eta")


def test_pad_cuts_and_fills():
    values, mask = jets.pad(ak.Array([[1, 2, 3], [], [4]]), 2)
    assert values.tolist() == [[1, 2], [0, 0], [4, 0]]
    assert mask.tolist() == [[True, True], [False, False], [True, False]]
    assert values.dtype == np.int64
    records = ak.zip({"pt": ak.Array([[1.5], [2.5, 3.5]]), "id": ak.Array([[7], [8, 9]])})
    values, mask = jets.pad(records, 3)
    assert values.dtype == np.float32
    assert values.tolist() == [[[1.5, 7], [0, 0], [0, 0]], [[2.5, 8], [3.5, 9], [0, 0]]]
    assert mask.sum(axis=1).tolist() == [1, 2]
    with pytest.raises(ValueError, match="length is 0"):
        jets.pad(records, 0)


def test_scaling_is_fitted_on_what_it_is_given_only():
    rng = np.random.default_rng(0)
    train, test = rng.normal((5, -2), (3, 0.1), (1000, 2)), rng.normal((6, -2), (3, 0.1), (500, 2))
    scaling = jets.Scaling.fit(train)
    np.testing.assert_allclose(scaling.mean, train.mean(axis=0))
    scaled = scaling.apply(train)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=0), 1, rtol=1e-5)
    assert scaling.apply(test)[:, 0].mean() == pytest.approx((test[:, 0].mean() - scaling.mean[0]) / scaling.width[0])


def test_scaling_takes_no_more_memory_than_what_it_gives() -> None:
    x = np.random.default_rng(0).normal(size=(100_000, 4, 10)).astype(np.float32)  # several times what goes at once
    mask = np.ones(x.shape[:2], bool)
    tracemalloc.start()
    try:
        scaling = jets.Scaling.fit(x, mask)
        fitting = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        scaled = scaling.apply(x, mask)
        applying = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    np.testing.assert_allclose(scaled, (x - scaling.mean) / scaling.width, atol=1e-6)
    assert fitting < 2 * x.nbytes  # all in float64, and what it differs from the mean, is four times as much
    assert applying < 2 * x.nbytes


def test_scaling_leaves_padding_out_and_at_zero():
    x = np.array([[[1.0, 4.0], [3.0, 4.0], [99.0, 99.0]]])
    mask = np.array([[True, True, False]])
    scaling = jets.Scaling.fit(x, mask)
    assert scaling.mean.tolist() == [2, 4]
    assert scaling.width.tolist() == [1, 1], "a constant feature has width 1, not 0"
    assert scaling.apply(x, mask).tolist() == [[[-1, 0], [1, 0], [0, 0]]]
    with pytest.raises(ValueError, match="only finite numbers"):
        jets.Scaling.fit(np.array([[1.0], [np.nan]]))
    with pytest.raises(ValueError, match="at least one row"):
        jets.Scaling.fit(x, np.zeros_like(mask))


def test_reweighting_gives_qcd_the_shape_of_w():
    rng = np.random.default_rng(0)
    pt = np.concatenate([rng.uniform(200, 500, 3000), 200 + rng.exponential(60, 6000)])
    eta = np.concatenate([rng.normal(0, 0.8, 3000), rng.uniform(-2.2, 2.2, 6000)])
    is_w = np.arange(9000) < 3000
    start = rng.uniform(0.5, 2, 9000)
    train = rng.permutation(9000)[:6000]
    weight = jets.reweight(pt, eta, is_w, start, train=train)
    assert weight[train].mean() == pytest.approx(1)
    edges = (jets.PT_EDGES, jets.ETA_EDGES)
    learnt = np.isin(np.arange(9000), train)
    w, qcd = (np.histogram2d(pt[c], abs(eta[c]), edges, weights=weight[c])[0] for c in (is_w & learnt, ~is_w & learnt))
    np.testing.assert_allclose(qcd, w, rtol=1e-12)
    assert weight[is_w & learnt].sum() == pytest.approx(weight[~is_w & learnt].sum())
    inside = (pt <= 500) & (abs(eta) <= 2)
    assert np.all(weight[~inside] == 0)
    factor = weight[is_w & (weight > 0)] / start[is_w & (weight > 0)]
    np.testing.assert_allclose(factor, factor[0], rtol=1e-12, err_msg="W jets keep their weights, up to one factor")
    assert np.mean(weight[is_w & inside] > 0) > 0.9


def test_reweighting_by_hand():
    pt, eta = np.array([210, 210, 210, 300, 400, 500, 199]), np.array([0.1, 0.1, -0.1, 0.1, 0.1, 1.9, 0.1])
    is_w = np.array([1, 0, 0, 1, 0, 1, 0])
    # first bin: both classes, QCD shares W's 1; then W alone, QCD alone, W alone at the upper edge, outside
    every = np.arange(7)
    found = jets.reweight(pt, eta, is_w, train=every)
    np.testing.assert_allclose(found, np.array([1, 0.5, 0.5, 0, 0, 0, 0]) * 7 / 2)
    pt, eta, is_w = np.append(pt, 495), np.append(eta, -2.0), np.append(is_w, 0)
    both = jets.reweight(pt, eta, is_w, np.arange(8) + 1.0, train=np.arange(8))
    np.testing.assert_allclose(both, np.array([1, 1 * 2 / 5, 1 * 3 / 5, 0, 0, 6, 0, 6]) * 8 / 14)
    # without the last jet the training part has no QCD in that bin, which counts nowhere
    np.testing.assert_allclose(jets.reweight(pt, eta, is_w, train=every), [*found, 0])
    with pytest.raises(ArgumentError, match="no bin in pt and"):
        jets.reweight(pt, eta, is_w, train=np.arange(1, 3))
    with pytest.raises(ArgumentError, match="negative"):
        jets.reweight(pt, eta, is_w, -np.ones(8), train=every)


def test_reweighting_does_not_know_the_jets_it_is_not_trained_on():
    rng = np.random.default_rng(0)
    pt, eta, is_w = rng.uniform(200, 500, 3000), rng.uniform(-2, 2, 3000), rng.integers(0, 2, 3000)
    train, others = np.split(rng.permutation(3000), [2000])
    validation, test = np.split(others, 2)
    before = jets.reweight(pt, eta, is_w, train=train)
    pt[test], eta[test], is_w[test] = rng.uniform(200, 250, 500), 0.1, 0
    after = jets.reweight(pt, eta, is_w, train=train)
    for part in (train, validation):
        np.testing.assert_array_equal(after[part], before[part])


def test_split_keeps_events_together(sample):
    parts = jets.split(sample.event_index, seed=4)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(sample)))
    events = [set(sample.event_index[part].tolist()) for part in parts]
    assert sum(map(len, events)) == len(set.union(*events)) == 60
    most = np.bincount(sample.event_index).max()
    for part, fraction in zip(parts, (0.6, 0.2, 0.2), strict=True):
        assert abs(len(part) - fraction * len(sample)) <= 2 * most


def test_split_by_seed_and_fractions():
    events = np.repeat(np.arange(1000), 2)
    a, b, other = (jets.split(events, (0.8, 0.2), seed=seed) for seed in (1, 1, 2))
    assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
    assert not np.array_equal(a[0], other[0])
    assert [len(part) for part in a] == [1600, 400]
    assert np.mean(a[0][:200]) == pytest.approx(1000, abs=150), "the first jets of a part are a fair sample of all"
    for wrong in ((0.5, 0.6), (1.2, -0.2), (1.0, 0.0)):
        with pytest.raises(ValueError, match="must be above 0 and sum to 1"):
            jets.split(events, wrong)
    with pytest.raises(ValueError, match="2 events cannot be dealt out"):
        jets.split(np.array([0, 0, 1]))
