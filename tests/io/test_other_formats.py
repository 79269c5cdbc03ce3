import itertools
import re
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import awkward as ak
import h5py
import numpy as np
import pytest
import uproot

from jetlab import images, inputs, io, jes, jets, substructure
from jetlab.cli import main
from jetlab.config import RunConfig
from jetlab.io import formats
from jetlab.io.sample import JetSample
from tests import foreign_files as foreign
from tests.samples import make_sample

REAL = "cms2015_nanoaod_ttbar.root"

#: File name, its writer, the radius of its jets, and which column says which jets are signal.
WRITERS = {
    "pfnano.root": (foreign.write_pfnano, 0.8, "jet_isW_ak7"),
    "jet_ntuple.root": (foreign.write_jet_ntuple, 0.4, "jet_isG_ak7"),
    "higgs.root": (foreign.write_higgs_root, 0.8, "jet_isH_ak7"),
    "higgs.h5": (foreign.write_higgs_hdf5, 0.8, "jet_isH_ak7"),
    "top_tagging.h5": (foreign.write_top_tagging, 0.8, "jet_isTop_ak7"),
}
KNOWN = pytest.mark.parametrize("name", WRITERS)


@pytest.fixture(scope="module")
def sample() -> JetSample:
    return make_sample(40, seed=3)


@pytest.fixture(scope="module")
def folder(sample, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("foreign")
    for name, (write, *_) in WRITERS.items():
        write(sample, folder / name)
    return folder


def leading(sample: JetSample, name: str) -> list[list[float]]:
    """The candidates of each jet, hardest first."""
    order = ak.argsort(sample["ak7pfcand_pt"], axis=1, ascending=False, stable=True)
    return sample[f"ak7pfcand_{name}"][order].tolist()


def at_the_boson(sample: JetSample) -> tuple[np.ndarray, np.ndarray]:
    """Which jets lie within 0.8 of a boson, at the axis of their event's leading jet: with its quarks, and at all."""
    first = np.flatnonzero(sample["ijet"] == 0)[sample.event_index]
    eta, phi = sample["jet_eta_ak7"], sample["jet_phi_ak7"]
    near = jets.delta_r(eta, phi, eta[first], phi[first]) < 0.8
    return near & (sample["jet_isW_ak7"][first] == 1), near


def same_angle(a: np.ndarray, b: np.ndarray) -> None:
    np.testing.assert_allclose(np.abs(np.asarray(jets.delta_phi(a, b))), 0, atol=2e-6)


@KNOWN
def test_the_jets_are_those_that_were_written(name, folder, sample):
    _, radius, label = WRITERS[name]
    read = io.read(folder / name)
    assert len(read) == len(sample)
    assert read.radius == radius
    assert read[:3].radius == radius
    for column in ("pt", "eta"):
        tolerance = {"rtol": 3e-6, "atol": 3e-6}
        expected = sample[f"jet_{column}_ak7"]
        if name == "top_tagging.h5":  # its jets are the sums of their constituents
            expected = sample["jet_ptraw_ak7"] if column == "pt" else expected
            tolerance = {"rtol": 1e-4, "atol": 1e-4}
        np.testing.assert_allclose(read[f"jet_{column}_ak7"], expected, **tolerance)
    for column in ("pt", "eta"):
        for a, b in zip(leading(read, column), leading(sample, column), strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-5)
    phi = ak.to_numpy(ak.flatten(read["ak7pfcand_phi"]))
    assert phi.min() >= -np.pi
    assert phi.max() < np.pi
    assert (np.abs(phi) > 3).any(), "some lie on either side of pi"
    if name != "top_tagging.h5":
        same_angle(read["jet_phi_ak7"], sample["jet_phi_ak7"])
        assert leading(read, "id") == leading(sample, "id")
        assert leading(read, "charge") == leading(sample, "charge")
        energy = sample["jet_E_ak7"]
        np.testing.assert_allclose(read["jet_E_ak7"], energy, rtol=1e-4)
    signal = sample["jet_isW_ak7"] == 1
    if name == "pfnano.root":
        signal, near = at_the_boson(sample)
        assert (read["jet_isTop_ak7"] == near).all(), "of three quarks, all near the top"
        assert not read["jet_isH_ak7"].any()
    if name == "jet_ntuple.root":
        assert (read["jet_flavour_ak7"] == np.where(signal, 4, 0)).all()
        signal = ~signal  # which its quark jets are
    assert (read[label] == signal).all()


@KNOWN
def test_absent_columns_stay_missing_and_those_there_mean_what_the_schema_says(name, folder, sample):
    read = io.read(folder / name)
    counts = np.bincount(sample.event_index)[sample.event_index]
    if name != "top_tagging.h5":
        assert (read["njet_ak7"] == counts).all()
        assert (read["rho"] == sample["rho"]).all()
    assert (read["jet_ncand_ak7"] == sample["jet_ncand_ak7"]).all()
    missing = {
        "pfnano.root": ("pthat", "mcweight"),
        "jet_ntuple.root": ("jet_msd_ak7", "jet_tau21_ak7", "jet_isW_ak7", "mcweight"),
        "higgs.root": ("jet_ptraw_ak7", "genjet_pt_ak7", "jet_isW_ak7", "mcweight"),
        "higgs.h5": ("jet_ptraw_ak7", "genjet_pt_ak7", "jet_isW_ak7", "mcweight"),
        "top_tagging.h5": ("jet_ptraw_ak7", "genjet_pt_ak7", "jet_isW_ak7", "ak7pfcand_id", "ak7pfcand_charge"),
    }
    for column in missing[name]:
        with pytest.raises(io.MissingColumnError, match=column):
            read[column]
    for column in {"jet_ptraw_ak7", "jet_jes_ak7", "jet_area_ak7", "genjet_eta_ak7"} & set(read.columns):
        matched = read["genjet_pt_ak7"] > 0
        np.testing.assert_allclose(read[column][matched], sample[column][matched], rtol=1e-5)
    if name == "pfnano.root":
        last = sample["ijet"] == counts - 1
        assert (read["genjet_pt_ak7"][last] == 0).all()
        assert (read["genjet_pt_ak7"][~last] == sample["genjet_pt_ak7"][~last]).all()
        assert (read["event"] == sample["event"] + 3_000_000_000).all(), "event numbers of CMS need 64 bits"
    if {"jet_msd_ak7", "jet_tau21_ak7"} <= set(read.columns) and name != "top_tagging.h5":
        for column in ("jet_msd_ak7", "jet_tau21_ak7"):
            np.testing.assert_allclose(read[column], sample[column], rtol=1e-5)


def test_fastjet_makes_mass_and_tau21_of_the_top_tagging_reference(folder, monkeypatch, capsys):
    read = io.read(folder / "top_tagging.h5")
    assert (read["jet_msd_ak7"] >= 0).all()
    assert (read["jet_tau21_ak7"] > 0).all()
    energy, pt = read["jet_E_ak7"].astype(float), read["jet_pt_ak7"].astype(float)
    mass = np.sqrt(np.maximum(energy**2 - (pt * np.cosh(read["jet_eta_ak7"].astype(float))) ** 2, 0))
    assert (read["jet_msd_ak7"] <= mass * 1.001).all(), "grooming takes mass away"
    monkeypatch.setattr(substructure, "AVAILABLE", False)
    without = io.read(folder / "top_tagging.h5")
    assert "jet_msd_ak7" not in without.columns
    assert "are left out, because FastJet makes them" in capsys.readouterr().out


def test_names_of_columns_are_never_unpickled(folder, tmp_path):
    path = tmp_path / "evil.h5"
    path.write_bytes((folder / "top_tagging.h5").read_bytes())
    with h5py.File(path, "a") as file:
        attributes = file["table/table"].attrs
        names = attributes["values_block_1_kind"]
        marker = tmp_path / "ran"
        attributes["values_block_1_kind"] = np.bytes_(f"cos\nmkdir\n(V{marker}\ntR".encode() + bytes(names))
    with pytest.raises(io.DataError, match=r"evil\.h5 cannot be read"):
        io.read(path)  # the names do not fit the table any more
    assert not marker.exists()


def test_puppi_weights_and_unlinked_candidates(sample, tmp_path):
    """A jet with no candidates is dropped, and its loss is said; links to nowhere are no candidates."""
    foreign.write_pfnano(sample, tmp_path / "all.root")
    whole = io.read(tmp_path / "all.root")
    px, py = (ak.sum(whole["ak7pfcand_pt"] * f(whole["ak7pfcand_phi"]), axis=1) for f in (np.cos, np.sin))
    np.testing.assert_allclose(np.hypot(px, py), whole["jet_ptraw_ak7"], rtol=1e-4)
    with uproot.open(tmp_path / "all.root") as file:
        owner = file["Events/FatJetPFCands_jetIdx"].array()
    lost = ak.where(owner == 0, -1, owner)
    foreign.write_pfnano(sample, tmp_path / "lost.root", {"FatJetPFCands_jetIdx": lost})
    read = io.read(tmp_path / "lost.root")
    assert len(read) == np.count_nonzero(sample["ijet"] > 0)
    assert read.provenance["without_candidates"] == np.count_nonzero(sample["ijet"] == 0)
    assert (read["ijet"] > 0).all()


def test_nanoaod_15_calls_candidates_by_other_names(sample, tmp_path):
    foreign.write_pfnano(sample, tmp_path / "run2.root")
    with uproot.open(tmp_path / "run2.root") as file:
        old = file["Events"].arrays([name for name in file["Events"].keys() if "PFCands" in name and name[0] != "n"])
    gone = dict.fromkeys(old.fields)
    names = {"FatJetPFCands_pFCandsIdx": "FatJetPFCand_pfCandIdx", "PFCands_charge": None}
    new = {names.get(name, name.replace("PFCands", "PFCand")): old[name] for name in old.fields}
    new["PFCand_pt"] = new["PFCand_pt"] * new.pop("PFCand_puppiWeight")  # there, the weight is in already
    new.pop(None)
    foreign.write_pfnano(sample, tmp_path / "run3.root", {**gone, **new})
    first, second = io.read(tmp_path / "run2.root"), io.read(tmp_path / "run3.root")
    assert ak.array_equal(first.jets, second.jets)


def test_narrow_jets_are_read_where_they_are_asked_for(folder, sample):
    narrow = io.read(folder / "pfnano.root", radius=0.4)
    assert narrow.radius == 0.4
    assert "ak7pfcand_pt" not in narrow.columns
    with pytest.raises(io.DataError, match=r"pfnano\.root has no jets of radius 0\.5: NanoAOD has 0\.8"):
        io.read(folder / "pfnano.root", radius=0.5)


@KNOWN
def test_content_decides_and_not_the_name(name, folder, tmp_path):
    other = tmp_path / ("jets.root" if name.endswith("h5") else "jets.h5")
    other.write_bytes((folder / name).read_bytes())
    assert ak.array_equal(io.read(other).jets, io.read(folder / name).jets)


def parts(sample: JetSample) -> list[np.ndarray]:
    return [part for part in np.array_split(np.arange(len(sample)), 3)]


@KNOWN
def test_lessons_make_their_inputs_with_one_line_changed(name, folder):
    """Columns (M2), images (M3), sequences of candidates (M4, M5), and the energy scale (M6)."""
    read = io.read(folder / name)
    label = WRITERS[name][2]
    weight = np.ones(len(read))
    columns = {"jet_pt_ak7", "jet_msd_ak7", "jet_tau21_ak7", "jet_ncand_ak7"} & set(read.columns)
    kinds = [RunConfig(model="dense", inputs=tuple(sorted(columns))), RunConfig(model="cnn", inputs=("all",))]
    charged = "ak7pfcand_id" in read.columns
    features = ("log_pt", "deta", "dphi", "dr", *(("charge", "id_class") if charged else ()))
    kinds.append(RunConfig(model="lstm", inputs=features))
    for config in kinds:
        prepared = inputs.prepare(read, config, parts(read), weight, label)
        x = prepared.x_test[0] if isinstance(prepared.x_test, tuple) else prepared.x_test
        assert np.isfinite(x).all()
        assert x.std() > 0
        assert set(np.unique(prepared.y_test)) <= {0, 1}
    turned = images.flip(images.rotate(images.centre(read)))
    assert images.pixelate(turned, width=2 * read.radius).sum() > 0
    if charged:
        assert images.pixelate(turned, classes=True).shape[-1] == 4
    else:
        with pytest.raises(ValueError, match="no ids, so no classes"):
            images.pixelate(turned, classes=True)
    if "jet_ptraw_ak7" in read.columns:
        matched = read[read["genjet_pt_ak7"] > 0]
        assert np.isfinite(jes.log_correction(matched)).all()
        assert np.isfinite(jes.jet_inputs(matched)).all()
        assert np.isfinite(jes.candidate_inputs(matched)).all()
        flat = jes.flat_weights(matched, np.arange(len(matched)), (5, 1000))
        assert flat.mean() == pytest.approx(1)


def test_energy_scale_of_real_jets_without_candidates(real_data):
    read = io.read(real_data / REAL, radius=0.4)
    assert read.radius == 0.4
    matched = read[read["genjet_pt_ak7"] > 0]
    response = np.exp(-jes.log_correction(matched))
    gen = matched["genjet_pt_ak7"]
    found = [np.median(response[(gen > low) & (gen < high)]) for low, high in ((15, 30), (30, 60), (60, np.inf))]
    assert found == pytest.approx([1.035, 1.015, 0.945], abs=0.001)
    np.testing.assert_allclose(read["jet_ptraw_ak7"] * read["jet_jes_ak7"], read["jet_pt_ak7"], rtol=1e-6)
    assert not read["jet_isW_ak7"].any(), "its W decay to leptons"
    assert np.isfinite(jes.jet_inputs(matched)).all()
    assert set(np.unique(read["jet_flavour_ak7"])) == {0, 4, 5}
    weights = jes.flat_weights(matched, np.arange(len(matched)), (15, 200))
    assert np.isfinite(weights).all()


def test_a_higgs_is_labelled_where_both_its_bottoms_are_in_the_jet(sample, tmp_path):
    n_events = sample.event_index.max() + 1
    ids = ak.from_regular(ak.Array(np.tile([6, 5, 25, 25, 5, -5], (n_events, 1))))
    foreign.write_pfnano(sample, tmp_path / "higgs.root", {"GenPart_pdgId": ids})
    read = io.read(tmp_path / "higgs.root")
    assert (read["jet_isH_ak7"] == at_the_boson(sample)[0]).all()
    assert not read["jet_isW_ak7"].any()
    assert not read["jet_isTop_ak7"].any()


@pytest.mark.parametrize("suffix", ["root", "h5"])
@KNOWN
def test_convert_in_parts_is_convert_at_once(name, suffix, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(formats, "BYTES_AT_ONCE", 20_000)
    io.convert(folder / name, tmp_path / f"jets.{suffix}")
    read, written = io.read(folder / name), io.read(tmp_path / f"jets.{suffix}")
    assert set(read.columns) == set(written.columns)
    for column in read.columns:
        assert ak.array_equal(read.jets[column], written.jets[column]), column
    assert written.radius == read.radius
    assert written.provenance["origin"] == name


@pytest.mark.parametrize("name", ["jet_ntuple.root", "higgs.h5"])
def test_a_cut_parts_no_event(name, folder):
    found = next(each for each in formats.FORMATS if each.name.startswith({"j": "JetN", "h": "Higgs"}[name[0]]))
    opener: Callable = uproot.open if name.endswith("root") else h5py.File
    with opener(folder / name) as file:
        cuts = found.cuts(file, 7)
        assert cuts[0] == 0
        assert len(cuts) > 5
        events = io.read(folder / name).event_index
        assert all(events[cut - 1] != events[cut] for cut in cuts[1:-1])
        assert cuts[-1] == len(events)
        pieces = [found.read(file, name, *pair, None) for pair in itertools.pairwise(cuts)]
    assert sum(map(len, pieces)) == len(events)


@pytest.mark.parametrize("suffix", ["root", "h5"])
def test_jets_without_candidates_are_converted(suffix, folder, tmp_path, capsys):
    target = tmp_path / f"jets.{suffix}"
    assert main(["convert", str(folder / "pfnano.root"), str(target), "--radius", "0.4"]) == 0
    assert "pfnano.root: 100%" in capsys.readouterr().err
    written = io.read(target)
    assert written.radius == 0.4
    assert not any(name.startswith("ak7pfcand") for name in written.columns)
    again = tmp_path / "again.h5"
    io.convert(target, again)
    assert ak.array_equal(io.read(again).jets, written.jets)
    with pytest.raises(io.MissingColumnError, match="has no column 'ak7pfcand_pt'"):
        jets.constituents(written)


def test_convert_refuses_what_it_cannot_write_and_leaves_nothing_half_written(folder, sample, tmp_path, capsys):
    assert main(["convert", str(folder / "pfnano.root"), str(tmp_path / "jets.npy")]) == 1
    assert "cannot write: use .root, .h5" in capsys.readouterr().err
    values = np.full(len(sample), np.nan)
    foreign.write_jet_ntuple(sample, tmp_path / "bad.root", {"jetArea": values})
    for target in ("out.root", "out.h5"):
        assert main(["convert", str(tmp_path / "bad.root"), str(tmp_path / target)]) == 1
        said = capsys.readouterr().err.splitlines()[-1]
        assert "bad.root: branch 'jetArea' is NaN" in said
    assert [path.name for path in tmp_path.iterdir()] == ["bad.root"]


BAD = [
    (foreign.write_pfnano, "FatJet_mass", "x.root"),
    (foreign.write_pfnano, "GenPart_statusFlags", "x.root"),
    (foreign.write_pfnano, "PFCands_pdgId", "x.root"),
    (foreign.write_jet_ntuple, "PF_fromAK4Jet", "x.root"),
    (foreign.write_higgs_root, "fj_isH", "x.root"),
]


@pytest.mark.parametrize(("write", "branch", "name"), BAD)
def test_bad_input_is_refused_by_file_and_branch(write, branch, name, sample, tmp_path):
    write(sample, tmp_path / name, {branch: None})
    with pytest.raises(io.DataError, match=rf"x\.root lacks the branch '{branch}'"):
        io.read(tmp_path / name)


def test_infinity_and_columns_that_are_not_there(sample, tmp_path):
    rng = np.random.default_rng(0)
    eta = sample["ak7pfcand_eta"] + np.where(rng.random(len(sample)) < 0.1, np.inf, 0)
    foreign.write_higgs_root(sample, tmp_path / "x.root", {"pfcand_etarel": eta})
    with pytest.raises(
        io.DataError, match=r"x\.root: branch 'pfcand_etarel' is NaN or infinite in [\d,]+ of [\d,]+ ent"
    ):
        io.read(tmp_path / "x.root")
    wide = np.zeros((len(sample), 3), "i8")
    foreign.write_top_tagging(sample, tmp_path / "x.h5", {"values_block_0": wide.astype("f4")})
    with pytest.raises(io.DataError, match=r"x\.h5"):
        io.read(tmp_path / "x.h5")


@pytest.mark.parametrize("plugins", [b"/nowhere", b"disable"])
def test_a_compression_that_needs_another_package_is_said(folder, tmp_path, plugins):
    """The Blosc filter of PyTables; what it made here is nothing that it could unpack.

    What HDF5 says of it depends on where it looks for plugins, which other libraries change.
    """
    h5py.h5pl.prepend(plugins)
    path = tmp_path / "blosc.h5"
    path.write_bytes((folder / "higgs.h5").read_bytes())
    with h5py.File(path, "a") as file:
        values = file["fj_eta"][:]
        del file["fj_eta"]
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk(values.shape)
        properties.set_filter(32999, h5py.h5z.FLAG_OPTIONAL)
        space = h5py.h5s.create_simple(values.shape)
        dataset = h5py.h5d.create(file.id, b"fj_eta", h5py.h5t.NATIVE_FLOAT, space, properties)
        dataset.write_direct_chunk((0,), values.astype("f4").tobytes())
    try:
        with pytest.raises(io.DataError, match=r"blosc\.h5 is compressed in a way that needs hdf5plugin.*\[opendata\]"):
            io.read(path)
    finally:
        h5py.h5pl.remove(0)


class Ranges(SimpleHTTPRequestHandler):
    """Serves a folder, with single ranges."""

    asked: list[str]

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"] or "")
        self.server.asked.append(self.headers["Range"])
        if match is None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            return
        start, stop = int(match[1]), min(int(match[2]) + 1, len(content))
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(content)}")
        self.send_header("Content-Length", str(stop - start))
        self.end_headers()
        self.wfile.write(content[start:stop])

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def server(folder) -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Ranges, directory=folder)) as server:
        server.daemon_threads = True
        server.asked = []
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_files_at_addresses_are_read_in_pieces(server, folder, sample, tmp_path):
    address = f"http://127.0.0.1:{server.server_port}"
    read = io.read(f"{address}/pfnano.root")
    assert ak.array_equal(read.jets, io.read(folder / "pfnano.root").jets)
    assert read.provenance["source"] == "pfnano.root"
    assert sum(asked is not None for asked in server.asked) > 3
    io.write_root(sample, folder / "own.root")
    assert len(io.read(f"{address}/own.root")) == len(sample)
    io.convert(f"{address}/jet_ntuple.root", tmp_path / "jets.h5")
    assert len(io.read(tmp_path / "jets.h5")) == len(sample)


def test_addresses_that_cannot_be_read_are_said_in_a_sentence(server):
    with pytest.raises(io.DataError, match=r"127.* answers 404 Not Found for http.*absent\.root: check the address"):
        io.read(f"http://127.0.0.1:{server.server_port}/absent.root")
    with pytest.raises(io.DataError, match=r"higgs\.h5 is not a ROOT file"):
        io.read(f"http://127.0.0.1:{server.server_port}/higgs.h5")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(
            io.DataError, match=r"seems to be offline.*catalog\.load\('jets'\), which needs no network"
        ) as caught:
            io.read(f"https://127.0.0.1:{unused.getsockname()[1]}/x.root")
    assert "\n" not in str(caught.value)


def test_root_addresses_need_a_package(monkeypatch):
    def absent(*_, **__):
        raise ImportError("Install fsspec-xrootd to access xrootd storage system.")

    monkeypatch.setattr(uproot, "open", absent)
    with pytest.raises(io.DataError, match=r"root://eos.*needs fsspec-xrootd, which is not installed: .*\[remote\]"):
        io.read("root://eospublic.cern.ch//eos/opendata/x.root")
