"""Each bad file: the error names the file, what is wrong and what to do; a failed write leaves nothing behind."""

import awkward as ak
import h5py
import numpy as np
import pytest
import uproot

from jetlab import io
from jetlab.errors import JetlabError, MemoryFullError
from jetlab.io.sample import JetSample
from tests.io.test_readers import rewrite, rows
from tests.samples import make_sample

WRITERS = {"jets.root": io.write_root, "jets.h5": io.write_hdf5}


@pytest.fixture(scope="module")
def sample() -> JetSample:
    return make_sample(20, seed=5)


@pytest.fixture(scope="module")
def good(sample, tmp_path_factory):
    folder = tmp_path_factory.mktemp("good")
    for name, write in WRITERS.items():
        write(sample, folder / name)
    np.save(folder / "jets.npy", rows(sample))
    return folder


def refused(path, *words: str) -> None:
    """Assert that reading fails with a DataError that names the file and contains all words."""
    with pytest.raises(io.DataError) as caught:
        io.read(path)
    message = str(caught.value)
    assert path.name in message
    for word in words:
        assert word in message
    assert ":" in message
    assert message.endswith((".", ")."))
    assert "\n" not in message.split("(")[0]


def with_column(sample: JetSample, name: str, values) -> JetSample:
    return JetSample(ak.with_field(sample.jets, values, name), sample.tracks)


@pytest.mark.parametrize("suffix", ["root", "h5", "npy"])
def test_not_of_its_kind(tmp_path, suffix):
    path = tmp_path / f"jets.{suffix}"
    refused(path, "does not exist")
    path.write_bytes(b"")
    refused(path, "is empty")
    path.write_text("<html>404 Not Found</html>" * 50)
    refused(path)
    folder = tmp_path / f"folder.{suffix}"
    folder.mkdir()
    refused(folder, "is a folder")


def test_unknown_suffix(tmp_path):
    refused(tmp_path / "jets.csv", "'.csv'", ".root")
    with pytest.raises(io.DataError, match=r"Only \.npy files can be read several at once"):
        io.read([tmp_path / "a.root", tmp_path / "b.root"])
    with pytest.raises(io.DataError, match="name at least one"):
        io.read([])


@pytest.mark.parametrize("name", ["jets.root", "jets.h5", "jets.npy"])
@pytest.mark.parametrize("kept", [0.05, 0.5, 0.9, 0.999])
def test_truncated(good, tmp_path, name, kept):
    content = (good / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(len(content) * kept)])
    refused(tmp_path / name, "damaged", "again")


@pytest.mark.parametrize("name", ["jets.root", "jets.h5", "jets.npy"])
def test_a_file_too_large_for_the_memory_is_not_called_damaged(good, name, monkeypatch):
    def exhausted(*_, **__):
        raise MemoryError("Unable to allocate 7.5 GiB")

    # While the file is read, and when its jets are put together.
    for place in ("jetlab.io.checks.column", "jetlab.io.checks.whole_jets"):
        with monkeypatch.context() as patched:
            patched.setattr(place, exhausted)
            with pytest.raises(MemoryFullError, match=rf"Unable to allocate 7\.5 GiB.*fewer jets.*{name}.*kernels"):
                io.read(good / name)


def test_memory_that_cannot_be_had_is_told_for_several_files(good, monkeypatch):
    def exhausted(*_, **__):
        raise MemoryError

    monkeypatch.setattr("jetlab.io.npy.np.concatenate", exhausted)
    with pytest.raises(JetlabError, match=r"The memory is full: take fewer jets, .*jets\.npy holds"):
        io.read_npy([good / "jets.npy"])


def test_a_column_of_absurd_length_does_not_fit_into_the_memory(good, tmp_path):
    (tmp_path / "jets.h5").write_bytes((good / "jets.h5").read_bytes())
    with h5py.File(tmp_path / "jets.h5", "a") as file:
        del file["jets/met"]
        file["jets"].create_dataset("met", shape=(10**15,), dtype="f8", chunks=(1000,))
    with pytest.raises(MemoryFullError, match=r"Unable to allocate .*jets\.h5"):
        io.read(tmp_path / "jets.h5")


@pytest.mark.parametrize(
    ("name", "removed", "fault"),
    [
        ("jets.root", "jetlab.io.checks.native", AttributeError),
        ("jets.h5", "jetlab.io.checks.native", AttributeError),
        ("jets.npy", "jetlab.io.npy.np", NameError),
    ],
)
def test_a_fault_of_jetlab_is_not_blamed_on_the_file(good, name, removed, fault, monkeypatch):
    monkeypatch.delattr(removed)
    with pytest.raises(fault, match=removed.rpartition(".")[2]):
        io.read(good / name)


@pytest.mark.parametrize("error", [AttributeError("no such member"), KeyError("fBits"), OSError(5, "I/O error")])
def test_what_a_library_stumbles_over_is_a_damaged_file(good, error, monkeypatch):
    def stumble(*_, **__):
        raise error

    monkeypatch.setattr(uproot, "open", stumble)
    refused(good / "jets.root", "damaged", type(error).__name__)


def test_an_absent_package_is_not_a_damaged_file(good, monkeypatch):
    def absent(*_, **__):
        raise ModuleNotFoundError("install the 'lz4' package", name="lz4")

    monkeypatch.setattr(uproot, "open", absent)
    with pytest.raises(ModuleNotFoundError, match="install the 'lz4'"):
        io.read(good / "jets.root")


@pytest.mark.parametrize("name", ["jets.root", "jets.h5", "jets.npy"])
def test_a_file_of_somebody_else(good, name, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    refused(good / name, "may not be read by you", "permissions")


@pytest.mark.parametrize(("text", "word"), [("[1, 2]", "is a list"), ("{", "no JSON"), ("", "no JSON")])
def test_a_provenance_of_another_kind(good, tmp_path, text, word):
    (tmp_path / "jets.h5").write_bytes((good / "jets.h5").read_bytes())
    with h5py.File(tmp_path / "jets.h5", "a") as file:
        file.attrs["provenance"] = text
    refused(tmp_path / "jets.h5", word, "again")
    with uproot.open(good / "jets.root") as old, uproot.recreate(tmp_path / "jets.root") as new:
        for tree in ("events", "jets", "pfcands"):
            columns = old[tree].arrays(library="np")
            new.mktree(tree, {name: values.dtype for name, values in columns.items()}).extend(columns)
        new["provenance"] = text
    refused(tmp_path / "jets.root", word, "again")


@pytest.mark.parametrize("name", ["jets.root", "jets.h5"])
def test_flipped_bytes_in_the_middle(good, tmp_path, name):
    content = bytearray((good / name).read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = b"\xa5" * 2000
    (tmp_path / name).write_bytes(content)
    refused(tmp_path / name, "damaged")


def test_missing_tree(tmp_path):
    with uproot.recreate(tmp_path / "jets.root") as file:
        file.mktree("Delphes", {"x": "f4"}).extend({"x": np.ones(3, "f4")})
    refused(tmp_path / "jets.root", "no tree events, jets, pfcands", "it has: Delphes", "uproot.open")


def test_hdf5_of_another_layout(tmp_path):
    with h5py.File(tmp_path / "jets.h5", "w") as file:
        file["table"] = np.ones(3)
    refused(tmp_path / "jets.h5", "not in jetlab's layout", "it has: table", "h5py.File")


@pytest.mark.parametrize(
    ("tree", "column", "meaning"),
    [
        ("events", "lumi", "luminosity section"),
        ("jets", "jet_pt_ak7", "corrected transverse momentum"),
        ("jets", "ijet", "which jet of its event"),
        ("pfcands", "ak7pfcand_phi", "azimuth"),
        ("tracks", "track_pt", "transverse momentum"),
    ],
)
def test_root_missing_required_column(good, tmp_path, tree, column, meaning):
    def drop(name, columns):
        return {key: values for key, values in columns.items() if (name, key) != (tree, column)}

    rewrite(good / "jets.root", tmp_path / "jets.root", drop)
    refused(tmp_path / "jets.root", f"tree {tree}", f"{column}: ", meaning)


def test_hdf5_missing_required_column(good, tmp_path):
    for column in ("jets/jet_eta_ak7", "jagged/ak7pfcand/ak7pfcand_pt", "tracks/event"):
        (tmp_path / "jets.h5").write_bytes((good / "jets.h5").read_bytes())
        with h5py.File(tmp_path / "jets.h5", "a") as file:
            del file[column]
        refused(tmp_path / "jets.h5", column.split("/")[-1], "lacks")


def test_npy_missing_required_column(sample, tmp_path):
    table = rows(sample)
    np.save(tmp_path / "jets.npy", table[[name for name in table.dtype.names if name != "jet_phi_ak7"]])
    refused(tmp_path / "jets.npy", "jet_phi_ak7: azimuth")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (lambda x: x.astype("f4"), ("holds float32", "whole number", "int32")),
        (lambda x: x.astype("i8") + 2**40, ("too large for int32",)),
        (lambda x: np.stack([x, x], axis=1), ("not one number per row",)),
    ],
)
def test_root_wrong_dtype(good, tmp_path, values, words):
    def change(tree, columns):
        if tree != "pfcands":
            return columns
        return {**columns, "ak7pfcand_id": values(columns["ak7pfcand_id"])}

    with uproot.open(good / "jets.root") as old, uproot.recreate(tmp_path / "jets.root") as new:
        for tree in ("events", "jets", "pfcands"):
            columns = change(tree, old[tree].arrays(library="np"))
            types = {name: (array.dtype, array.shape[1:]) for name, array in columns.items()}
            new.mktree(tree, types).extend(columns)
    refused(tmp_path / "jets.root", "tree pfcands", "ak7pfcand_id", *words)


def test_hdf5_wrong_dtype(good, tmp_path):
    (tmp_path / "jets.h5").write_bytes((good / "jets.h5").read_bytes())
    with h5py.File(tmp_path / "jets.h5", "a") as file:
        n_jets = len(file["jets/event"])
        del file["jets/jet_pt_ak7"]
        file["jets"].create_dataset("jet_pt_ak7", data=["many"] * n_jets)
    refused(tmp_path / "jets.h5", "jet_pt_ak7", "not a column of numbers")


def test_npy_wrong_dtype(sample, tmp_path):
    table = rows(sample)
    table = table.astype([(name, "S4" if name == "jet_pt_ak7" else kind) for name, kind in table.dtype.descr])
    np.save(tmp_path / "jets.npy", table)
    refused(tmp_path / "jets.npy", "jet_pt_ak7", "not one number per row")
    np.save(tmp_path / "jets.npy", np.ones((3, 4)))
    refused(tmp_path / "jets.npy", "not a c2numpy table", "(3, 4)")


class Bomb:
    """An object that leaves a trace when it is unpickled."""

    def __init__(self, trace: str) -> None:
        self.trace = trace

    def __reduce__(self):
        return open, (self.trace, "w")


def test_object_npy_is_refused_and_never_unpickled(tmp_path):
    trace = tmp_path / "trace"
    np.save(tmp_path / "jets.npy", np.array([Bomb(str(trace))], dtype=object), allow_pickle=True)
    refused(tmp_path / "jets.npy", "Python objects", "refused", "structured array of numbers")
    assert not trace.exists()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity(sample, tmp_path, bad):
    table = rows(sample)
    table["ak7pfcand_pt"][17] = bad
    np.save(tmp_path / "jets.npy", table)
    refused(tmp_path / "jets.npy", "'ak7pfcand_pt' is NaN or infinite in 1 of", "row 17", "drop those rows")


def test_nan_in_trees_and_datasets(good, tmp_path):
    def spoil(tree, columns):
        if tree == "jets":
            columns["jet_msd_ak7"][:3] = np.nan
        return columns

    rewrite(good / "jets.root", tmp_path / "jets.root", spoil)
    refused(tmp_path / "jets.root", "tree jets", "'jet_msd_ak7' is NaN or infinite in 3 of", "row 0")
    (tmp_path / "jets.h5").write_bytes((good / "jets.h5").read_bytes())
    with h5py.File(tmp_path / "jets.h5", "a") as file:
        file["tracks/track_d0"][5] = np.inf
    refused(tmp_path / "jets.h5", "/tracks", "'track_d0' is NaN or infinite in 1 of", "row 5")


def test_float64_beyond_float32(sample, tmp_path):
    table = rows(sample)
    table["jet_E_ak7"][:] = 1e300
    np.save(tmp_path / "jets.npy", table)
    refused(tmp_path / "jets.npy", "'jet_E_ak7' is NaN or infinite")


def test_zero_jets(good, sample, tmp_path):
    rewrite(good / "jets.root", tmp_path / "jets.root", lambda tree, columns: {k: v[:0] for k, v in columns.items()})
    refused(tmp_path / "jets.root", "no jets", "loosen")
    np.save(tmp_path / "jets.npy", rows(sample)[:0])
    refused(tmp_path / "jets.npy", "no rows")
    (tmp_path / "jets.h5").write_bytes((good / "jets.h5").read_bytes())
    with h5py.File(tmp_path / "jets.h5", "a") as file:
        for name in list(file["jets"]):
            kind = file["jets"][name].dtype
            del file["jets"][name]
            file["jets"].create_dataset(name, shape=(0,), dtype=kind)
    refused(tmp_path / "jets.h5", "no jets")


def test_jet_without_candidates(good, tmp_path):
    with uproot.open(good / "jets.root") as file:
        first = {name: file["jets"][name].array(library="np")[0] for name in ("lumi", "event", "ijet")}

    def strip(tree, columns):
        if tree != "pfcands":
            return columns
        others = np.any([columns[name] != value for name, value in first.items()], axis=0)
        return {name: values[others] for name, values in columns.items()}

    rewrite(good / "jets.root", tmp_path / "jets.root", strip)
    called = f"1:{first['lumi']}:{first['event']} no. {first['ijet']}"
    refused(tmp_path / "jets.root", "no candidates in 1 of", "jets, first in jet", called, "drop such jets")


def test_root_trees_that_do_not_fit_together(good, tmp_path):
    def without(tree, of_event):
        def change(name, columns):
            keep = slice(None) if name != tree else columns["event"] != of_event
            return {key: values[keep] for key, values in columns.items()}

        return change

    rewrite(good / "jets.root", tmp_path / "jets.root", without("jets", 3))
    refused(tmp_path / "jets.root", "tree pfcands refers to", "event 3", "not in tree jets")
    rewrite(good / "jets.root", tmp_path / "jets.root", without("events", 3))
    refused(tmp_path / "jets.root", "tree jets refers to", "event 3", "not in tree events")


def test_root_keys_that_repeat(good, tmp_path):
    def double(doubled):
        def change(tree, columns):
            twice = 2 if tree == doubled else 1
            return {name: np.concatenate([values] * twice) for name, values in columns.items()}

        return change

    for tree in ("events", "jets"):
        rewrite(good / "jets.root", tmp_path / "jets.root", double(tree))
        refused(tmp_path / "jets.root", "own lumi")
    rewrite(good / "jets.root", tmp_path / "jets.root", double("pfcands"))
    refused(tmp_path / "jets.root", "as many candidates as jet_ncand_ak7 says")


@pytest.mark.parametrize("change", [lambda x: x[:-1], lambda x: x + 1, lambda x: x[::-1], lambda x: x.astype(float)])
def test_hdf5_offsets_that_do_not_match(good, tmp_path, change):
    (tmp_path / "jets.h5").write_bytes((good / "jets.h5").read_bytes())
    with h5py.File(tmp_path / "jets.h5", "a") as file:
        offsets = file["jagged/ak7pfcand/offsets"][:]
        del file["jagged/ak7pfcand/offsets"]
        file["jagged/ak7pfcand/offsets"] = change(offsets)
    refused(tmp_path / "jets.h5", "/jagged/ak7pfcand: offsets are not", "make it again")


def test_hdf5_lengths_that_disagree(good, tmp_path):
    for name in ("jagged/ak7pfcand/ak7pfcand_eta", "jets/met", "tracks/track_dz"):
        (tmp_path / "jets.h5").write_bytes((good / "jets.h5").read_bytes())
        with h5py.File(tmp_path / "jets.h5", "a") as file:
            values = file[name][:-1]
            del file[name]
            file[name] = values
        refused(tmp_path / "jets.h5", name.split("/")[-1], "the file is incomplete")


def test_npy_streams_that_do_not_fit_together(sample, tmp_path):
    table = rows(sample)
    np.save(tmp_path / "a.npy", table)
    with pytest.raises(io.DataError, match="named twice"):
        io.read([tmp_path / "a.npy", tmp_path / "a.npy"])
    np.save(tmp_path / "b.npy", table[[name for name in table.dtype.names if name != "met"]])
    with pytest.raises(io.DataError, match=r"b.npy has other columns than .*a.npy"):
        io.read([tmp_path / "a.npy", tmp_path / "b.npy"])
    table["jet_pt_ak7"] *= 2
    np.save(tmp_path / "b.npy", table)
    with pytest.raises(io.DataError, match="two different jets share run 1, lumi 1, event 0"):
        io.read([tmp_path / "a.npy", tmp_path / "b.npy"])


def test_file_of_a_later_schema(sample, tmp_path, monkeypatch):
    for name, write in WRITERS.items():
        with monkeypatch.context() as later:
            later.setattr("jetlab.io.schema.VERSION", 99)
            write(sample, tmp_path / name)
        refused(tmp_path / name, "schema version 99", "update jetlab")


@pytest.mark.parametrize("name", WRITERS)
def test_failed_write_leaves_the_old_file_and_nothing_else(good, sample, tmp_path, name):
    write = WRITERS[name]
    old = (good / name).read_bytes()
    (tmp_path / name).write_bytes(old)
    nan = np.where(np.arange(len(sample)) == 2, np.nan, 1.0)
    empty = ak.unflatten(ak.flatten(sample["ak7pfcand_pt"])[:0], np.zeros(len(sample), int))
    bad = {
        "'jet_pt_ak7' is NaN": with_column(sample, "jet_pt_ak7", nan),
        "holds no jets": sample[:0],
        f"no candidates in {len(sample)} of {len(sample)} jets": with_column(sample, "ak7pfcand_pt", empty),
        "holds .*, not one number per row": with_column(sample, "remark", ["good"] * len(sample)),
        r"type \?int64": with_column(sample, "maybe", ak.Array([None, *range(1, len(sample))])),
        "are there more than once": sample[[0, 0]],
        "lacks what every jet file must have": JetSample(sample.jets[["run", "lumi", "event"]]),
        "differ in length": with_column(sample, "ak7pfcand_eta", sample["ak7pfcand_eta"][:, :1]),
        "'track_pt' is NaN": JetSample(sample.jets, ak.with_field(sample.tracks, np.nan, "track_pt")),
    }
    for message, broken in bad.items():
        with pytest.raises(io.DataError, match=message) as caught:
            write(broken, tmp_path / name)
        assert name in str(caught.value)
    assert (tmp_path / name).read_bytes() == old
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", WRITERS)
def test_write_that_breaks_halfway_leaves_the_old_file_and_nothing_else(good, sample, tmp_path, name, monkeypatch):
    """As when the disk is full: the failure comes after part of the temporary file is written."""
    old = (good / name).read_bytes()
    (tmp_path / name).write_bytes(old)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("jetlab.io.root.json.dumps" if name == "jets.root" else "jetlab.io.hdf5._write_jagged", full)
    with pytest.raises(OSError, match=f"No space left on device.*{name}"):
        WRITERS[name](sample, tmp_path / name)
    assert (tmp_path / name).read_bytes() == old
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_root_has_no_place_for_matched_tracks(sample, tmp_path):
    odd = with_column(sample, "track_pt", sample["ak7pfcand_pt"])
    with pytest.raises(io.DataError, match=r"no place for track_pt .*jets\.root: use write_hdf5"):
        io.write_root(odd, tmp_path / "jets.root")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", WRITERS)
def test_nan_stands_for_none_where_the_schema_says_so(sample, tmp_path, name):
    masses = np.where(np.arange(len(sample)) % 3 == 0, np.nan, 1.5).astype(np.float32)
    WRITERS[name](with_column(sample, "sv_mass", masses), tmp_path / name)
    assert np.array_equal(io.read(tmp_path / name)["sv_mass"], masses, equal_nan=True)
    for values, column in ((np.where(np.isnan(masses), np.inf, masses), "sv_mass"), (masses, "jet_tau21_ak7")):
        with pytest.raises(io.DataError, match=column):
            WRITERS[name](with_column(sample, column, values), tmp_path / f"bad-{name}")
