import json
from pathlib import Path

import awkward as ak
import h5py
import numpy as np
import pytest
import uproot

from jetlab import io, jets
from jetlab.io import schema
from jetlab.io.sample import JetSample, group, look_up
from tests.samples import EARLY_COLUMNS, c2numpy_header, make_sample, write_c2numpy

REAL = "cms2011_run2011A_params0.npy"


@pytest.fixture(scope="module")
def sample() -> JetSample:
    return make_sample(40, seed=3)


def assert_same(a: ak.Array, b: ak.Array) -> None:
    assert set(a.fields) == set(b.fields)
    for name in a.fields:
        assert a[name].type == b[name].type, name
        assert ak.array_equal(a[name], b[name]), name


def rows(sample: JetSample) -> np.ndarray:
    """Return a sample as a c2numpy table: one row per candidate, all 31 columns."""
    counts = ak.to_numpy(ak.num(sample["ak7pfcand_pt"]))
    names = {name: "ijet" if name == "ak7pfcand_ijet" else name for name in schema.TUPLE}
    columns = {}
    for name, own in names.items():
        values = sample[own]
        columns[name] = np.repeat(values, counts) if values.ndim == 1 else ak.to_numpy(ak.flatten(values))
    wide = {name: "f8" if spec.dtype == "f4" else "i4" for name, spec in schema.TUPLE.items()}
    table = np.empty(counts.sum(), dtype=list(wide.items()))
    for name, values in columns.items():
        table[name] = values
    return table


def rewrite(source: Path, target: Path, change) -> None:
    """Copy a ROOT file's trees, each passed through change(tree name, columns)."""
    with uproot.open(source) as old, uproot.recreate(target) as new:
        for tree in ("events", "jets", "pfcands", "tracks"):
            columns = change(tree, old[tree].arrays(library="np"))
            new.mktree(tree, {name: values.dtype for name, values in columns.items()}).extend(columns)


def test_root_gives_back_what_was_written(sample, tmp_path):
    io.write_root(sample, tmp_path / "jets.root")
    back = io.read(tmp_path / "jets.root")
    assert_same(back.jets, sample.jets)
    assert_same(back.tracks, sample.tracks)
    assert back.provenance == {"source": "jets.root", "origin": "make_sample", "seed": 3}
    for name in schema.TUPLE.keys() - {"ak7pfcand_ijet"}:
        values = back[name] if back[name].ndim == 1 else ak.to_numpy(ak.flatten(back[name]))
        assert values.dtype == schema.TUPLE[name].dtype


def test_root_is_plain_enough_for_bare_uproot(sample, tmp_path):
    io.write_root(sample, tmp_path / "jets.root")
    with uproot.open(tmp_path / "jets.root") as file:
        entries = {tree: file[tree].num_entries for tree in ("events", "jets", "pfcands", "tracks")}
        told = json.loads(str(file["provenance"]))
        assert set(file["events"].keys()) == set(schema.EVENT)
        assert set(file["pfcands"].keys()) == {*schema.KEY, "ijet", *schema.CANDIDATE} - {"ak7pfcand_ijet"}
    assert entries == {
        "events": 40,
        "jets": len(sample),
        "pfcands": sample["jet_ncand_ak7"].sum(),
        "tracks": len(sample.tracks),
    }
    assert told["schema_version"] == schema.VERSION
    assert told["units"]["jet_pt_ak7"] == "GeV"


def test_root_rows_may_come_in_any_order(sample, tmp_path):
    io.write_root(sample, tmp_path / "jets.root")
    rng = np.random.default_rng(0)

    def shuffle(tree, columns):
        mixed = rng.permutation(len(columns["event"]))
        return {name: values[mixed] for name, values in columns.items()}

    rewrite(tmp_path / "jets.root", tmp_path / "mixed.root", shuffle)
    back = io.read_root(tmp_path / "mixed.root")
    back = back[np.lexsort((back["ijet"], back["event"], back["lumi"]))]
    candidates = ak.zip({name: back[name] for name in back.columns if name.startswith("ak7pfcand_")})
    candidates = jets.order(ak.with_field(candidates, candidates["ak7pfcand_pt"], "pt"))
    for name in sample.columns:
        values = candidates[name] if name in candidates.fields else back.jets[name]
        assert ak.array_equal(values, sample.jets[name]), name


def test_root_rows_are_written_in_pieces_and_put_together_again(sample, tmp_path, monkeypatch):
    monkeypatch.setattr("jetlab.io.root.ROWS_AT_ONCE", 100)
    io.write_root(sample, tmp_path / "jets.root")
    assert_same(io.read_root(tmp_path / "jets.root").jets, sample.jets)


def test_missing_optional_columns_stay_missing_and_are_named(sample, tmp_path):
    few = JetSample(sample.jets[[name for name in sample.columns if name not in ("met", "jet_msd_ak7")]])
    for name, write in (("jets.root", io.write_root), ("jets.h5", io.write_hdf5)):
        write(few, tmp_path / name)
        back = io.read(tmp_path / name)
        assert back.tracks is None
        assert set(back.columns) == set(sample.columns) - {"met", "jet_msd_ak7"}
        with pytest.raises(io.MissingColumnError, match=rf"{name} has no column 'jet_msd_ak7' \(soft-drop mass"):
            back["jet_msd_ak7"]


def test_hdf5_gives_back_matched_tracks_and_columns_of_ones_own(tmp_path):
    sample = make_sample(40, seed=3, n_tracks=4)
    matched = jets.match_tracks(sample)
    own = ak.with_field(matched.jets, np.arange(len(sample)) / 3, "my_score")
    own = ak.with_field(own, own["ak7pfcand_pt"] > 1, "ak7pfcand_hard")
    written = JetSample(own, matched.tracks, matched.provenance)
    io.write_hdf5(written, tmp_path / "jets.h5")
    back = io.read(tmp_path / "jets.h5")
    assert_same(back.jets, written.jets)
    assert_same(back.tracks, written.tracks)
    assert ak.any(ak.num(back["track_pt"]) == 0), "a jet without tracks must survive"


def test_hdf5_describes_itself(sample, tmp_path):
    io.write_hdf5(sample, tmp_path / "jets.h5")
    with h5py.File(tmp_path / "jets.h5") as file:
        assert file.attrs["schema_version"] == schema.VERSION
        assert json.loads(file.attrs["provenance"])["seed"] == 3
        pt = file["jets/jet_pt_ak7"]
        assert (pt.attrs["unit"], pt.attrs["meaning"]) == ("GeV", "corrected transverse momentum")
        assert pt.compression == "gzip"
        assert pt.shuffle
        offsets = file["jagged/ak7pfcand/offsets"][:]
    assert np.array_equal(np.diff(offsets), sample["jet_ncand_ak7"])


def test_hdf5_may_hold_fewer_candidates_than_the_jet_had(sample, tmp_path):
    columns = {name: sample.jets[name] for name in sample.columns}
    columns |= {name: columns[name][:, :5] for name in columns if name.startswith("ak7pfcand_")}
    io.write_hdf5(JetSample(ak.zip(columns, depth_limit=1)), tmp_path / "jets.h5")
    assert ak.all(ak.num(io.read_hdf5(tmp_path / "jets.h5")["ak7pfcand_pt"]) == 5)


def test_npy_files_are_one_stream(sample, tmp_path):
    table = rows(sample)
    np.save(tmp_path / "all.npy", table)
    whole = io.read(tmp_path / "all.npy")
    assert whole.tracks is None
    assert_same(whole.jets, sample.jets)
    cut = sample["jet_ncand_ak7"][:7].sum() + 3
    np.save(tmp_path / "a.npy", table[:cut])
    np.save(tmp_path / "b.npy", table[cut:])
    parts = io.read([tmp_path / "a.npy", tmp_path / "b.npy"])
    assert_same(parts.jets, whole.jets)
    assert parts.provenance == {"source": ["a.npy", "b.npy"]}
    swapped = io.read_npy([tmp_path / "b.npy", tmp_path / "a.npy"])
    assert sorted(swapped["jet_pt_ak7"]) == sorted(whole["jet_pt_ak7"])
    assert ak.num(swapped["ak7pfcand_pt"]).tolist() == swapped["jet_ncand_ak7"].tolist()


def test_npy_jets_cut_by_the_ends_of_the_stream_are_dropped_and_told(sample, tmp_path):
    np.save(tmp_path / "jets.npy", rows(sample)[2:-2])
    back = io.read_npy(tmp_path / "jets.npy")
    assert_same(back.jets, sample[1:-1].jets)
    assert back.provenance["dropped"].startswith("2 of the jets")


def test_npy_jets_are_told_apart_by_run_and_lumi(sample, tmp_path):
    """The 2017 code grouped by event and ijet alone, and so merged jets of different lumi sections."""
    table = rows(sample)
    naive = np.unique(np.stack([table["event"], table["ak7pfcand_ijet"]]), axis=1).shape[1]
    np.save(tmp_path / "jets.npy", table)
    assert naive < len(sample) == len(io.read_npy(tmp_path / "jets.npy"))


def early_rows(lumi: int, event: int, ijet: int, *candidates: tuple[float, float, float, int]) -> list[dict]:
    """Rows of one jet in the earliest format, of candidates (pt, eta, phi, id)."""
    pt, _, phi, _ = np.array(candidates).T
    jet = {
        **{"run": 160578, "lumi": lumi, "event": event, "njet_ak7": 2, "ak7pfcand_ijet": ijet},
        **{"jet_pt_ak7": 1.25 * np.hypot(np.sum(pt * np.cos(phi)), np.sum(pt * np.sin(phi))), "jet_jes_ak7": 1.25},
        **{"jet_eta_ak7": 0.5, "jet_phi_ak7": 3.1, "jet_E_ak7": 500.0, "jet_area_ak7": 1.5, "jet_ncand_ak7": len(pt)},
    }
    names = ("ak7pfcand_pt", "ak7pfcand_eta", "ak7pfcand_phi", "ak7pfcand_id")
    return [
        jet | dict(zip(names, one, strict=True)) | {"ak7pfcand_charge": 1 if one[3] == 211 else 0} for one in candidates
    ]


#: Four jets: the same event number in two lumi sections, two jets in one event; the second and fourth cross phi = pi.
EARLY = [
    early_rows(7, 11, 0, (80.0, 0.4, 1.0, 211), (40.0, 0.6, 1.1, 22), (2.5, 0.1, 0.9, 130)),
    early_rows(7, 11, 1, (90.0, -0.4, 3.1, 211), (30.0, -0.6, -3.1, 22)),
    early_rows(8, 11, 0, (120.0, 1.4, -2.0, 22)),
    early_rows(8, 12, 0, (70.0, 0.0, -3.0, 211), (60.0, 0.1, 3.0, 211)),
]


def test_c2numpy_files_of_the_earliest_columns_are_read_as_one_stream(tmp_path):
    rows = [row for jet in EARLY for row in jet]
    write_c2numpy(tmp_path / "a.npy", rows[:4])
    write_c2numpy(tmp_path / "b.npy", rows[4:])
    read = io.read([tmp_path / "a.npy", tmp_path / "b.npy"])
    assert ak.num(read["ak7pfcand_pt"]).tolist() == [3, 2, 1, 2], "the second jet begins in one file, ends in the other"
    assert [read[name].tolist() for name in ("lumi", "event", "ijet")] == [[7, 7, 8, 8], [11, 11, 11, 12], [0, 1, 0, 0]]
    assert read["ak7pfcand_id"].tolist() == [[row["ak7pfcand_id"] for row in jet] for jet in EARLY]
    assert read["jet_pt_ak7"].dtype == np.float32
    pt, phi = read["ak7pfcand_pt"], read["ak7pfcand_phi"]
    summed = np.hypot(ak.sum(pt * np.cos(phi), axis=1), ak.sum(pt * np.sin(phi), axis=1))
    np.testing.assert_allclose(summed * read["jet_jes_ak7"], read["jet_pt_ak7"], rtol=1e-6)
    with pytest.raises(io.MissingColumnError, match=r"a\.npy, b\.npy has no column 'jet_msd_ak7'"):
        read["jet_msd_ak7"]


def test_a_jet_cut_by_the_end_of_a_c2numpy_file_is_seen_where_its_candidates_are_counted(tmp_path):
    rows = [row for jet in EARLY for row in jet][:-1]
    write_c2numpy(tmp_path / "early.npy", rows)
    assert ak.num(io.read(tmp_path / "early.npy")["ak7pfcand_pt"]).tolist() == [3, 2, 1, 1]
    write_c2numpy(tmp_path / "later.npy", rows, EARLY_COLUMNS | {"jet_ncand_ak7": "i"})
    later = io.read(tmp_path / "later.npy")
    assert ak.num(later["ak7pfcand_pt"]).tolist() == [3, 2, 1]
    assert later.provenance["dropped"].startswith("1 of the jets")


def test_our_c2numpy_files_begin_as_the_real_one(real_data):
    header = c2numpy_header(EARLY_COLUMNS, 10_000)
    assert (real_data / REAL).read_bytes()[: len(header)] == header


def test_real_file_keeps_its_invariants(real_data, tmp_path):
    real = io.read_npy(real_data / REAL)
    assert len(real) == 322
    assert ak.sum(ak.num(real["ak7pfcand_pt"])) == 10_000
    assert real["jet_pt_ak7"].dtype == np.float32
    with pytest.raises(io.MissingColumnError, match=f"{REAL} has no column 'jet_msd_ak7'"):
        real["jet_msd_ak7"]

    whole = real[:-1]  # the end of the file cuts the last jet
    pt, phi = whole["ak7pfcand_pt"], whole["ak7pfcand_phi"]
    summed = np.hypot(ak.sum(pt * np.cos(phi), axis=1), ak.sum(pt * np.sin(phi), axis=1))
    np.testing.assert_allclose(summed * whole["jet_jes_ak7"], whole["jet_pt_ak7"], rtol=1e-5)
    assert ak.all(pt[:, 1:] <= pt[:, :-1])
    crosses = ak.max(phi, axis=1) - ak.min(phi, axis=1) > np.pi
    assert 0.05 < ak.mean(crosses) < 0.4
    assert ak.max(jets.constituents(whole)["dr"]) < 1.2
    assert ak.max(jets.id_class(whole["ak7pfcand_id"])) <= 5

    table = np.load(real_data / REAL)
    np.save(tmp_path / "a.npy", table[:5001])
    np.save(tmp_path / "b.npy", table[5001:])
    a_last, b_first = (io.read_npy(tmp_path / name).jets[["event", "ijet"]] for name in ("a.npy", "b.npy"))
    assert a_last[-1].tolist() == b_first[0].tolist(), "the cut must be inside a jet"
    assert_same(io.read_npy([tmp_path / "a.npy", tmp_path / "b.npy"]).jets, real.jets)


def test_sample_is_picked_from_by_mask_positions_and_slice(sample):
    hard = sample["jet_pt_ak7"] > 150
    assert np.array_equal(sample[hard]["event"], sample["event"][hard])
    assert np.array_equal(sample[[3, 1]]["jet_pt_ak7"], sample["jet_pt_ak7"][[3, 1]])
    assert len(sample[2:5]) == 3
    assert len(sample[[]]) == 0
    assert sample[2:5].tracks is sample.tracks
    with pytest.raises(IndexError, match="The mask has length 2, but the sample has"):
        sample[np.array([True, False])]
    with pytest.raises(IndexError, match=r"sample\[5:6\]"):
        sample[5]


def test_sample_names_what_it_lacks(sample):
    with pytest.raises(io.MissingColumnError, match="match_tracks"):
        sample["track_pt"]
    with pytest.raises(KeyError, match="in 'ijet'"):
        sample["ak7pfcand_ijet"]
    with pytest.raises(io.DataError, match="nor is it a name of the schema"):
        sample["jet_colour"]


def test_event_index_counts_events_in_order_of_appearance(sample):
    keys = list(zip(sample["run"], sample["lumi"], sample["event"], strict=True))
    seen = list(dict.fromkeys(keys))
    assert sample.event_index.tolist() == [seen.index(key) for key in keys]
    backwards = sample[::-1]
    assert backwards.event_index.tolist() == [seen[::-1].index(key) for key in keys[::-1]]


def test_group_and_look_up_agree_with_a_dictionary():
    rng = np.random.default_rng(1)
    for n in (0, 1, 2, 500):
        a, b = rng.integers(0, 8, (2, n))
        keys = list(zip(a.tolist(), b.tolist(), strict=True))
        seen = list(dict.fromkeys(keys))
        assert group([a, b]).tolist() == [seen.index(key) for key in keys]
        half = [a[: n // 2], b[: n // 2]]
        first = keys[: n // 2]
        assert look_up([a, b], half).tolist() == [first.index(key) if key in first else -1 for key in keys]
