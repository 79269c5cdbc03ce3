import dataclasses
import hashlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from jetlab import catalog, io, shipped
from jetlab.io import DataError
from tests.samples import make_sample

CONTENT = np.random.default_rng(0).bytes(500_000)
MD5 = "md5:" + hashlib.md5(CONTENT).hexdigest()
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves CONTENT as /data.bin; remembers the ranges asked for; can be told to cut the line or lose the file."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.tag: str | None = '"v1"'
        self.cut_after: int | None = None
        self.ranges: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/data.bin"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        if self.path != "/data.bin":
            self.send_error(404)
            return
        asked = self.headers["Range"]
        self.server.ranges.append(asked)
        start = 0
        if asked and self.server.tag and self.headers["If-Range"] == self.server.tag:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked).group(1))
        rest = self.server.content[start:]
        if start and not rest:
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        if self.server.tag:
            self.send_header("ETag", self.server.tag)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: self.server.cut_after])

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    """No test sees the data or the cache of the machine it runs on."""
    monkeypatch.delenv("JETLAB_DATA", raising=False)
    monkeypatch.setattr(catalog, "SHIPPED", tmp_path / "shipped")
    monkeypatch.setattr(catalog.pooch, "os_cache", lambda name: tmp_path / "cache")
    for name in ("shipped", "cache"):
        (tmp_path / name).mkdir()


def entry(url: str, checksum: str | None = MD5, verified: bool = True) -> catalog.Entry:
    return catalog.Entry("test", "data.bin", "0.5 MB", "CC0", "10.0/test", url, checksum, verified)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_good_file_comes_and_is_kept(server, tmp_path, capsys):
    file = catalog.fetch(entry(server.url), tmp_path / "cache")
    assert file.read_bytes() == CONTENT
    assert files(file.parent) == ["data.bin"]
    assert catalog.fetch(entry(server.url), tmp_path / "cache") == file
    assert server.ranges == [None], "the second time nothing is asked for"
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "data.bin" in shown.err, "the progress bar"


def test_a_wrong_checksum_leaves_nothing(server, tmp_path):
    with pytest.raises(DataError, match=r"data\.bin from http.* does not have the checksum md5:00.*thrown away"):
        catalog.fetch(entry(server.url, "md5:" + 32 * "0"), tmp_path / "cache")
    assert files(tmp_path / "cache") == []


def test_a_fault_in_a_download_is_not_called_a_wrong_checksum(server, tmp_path):
    with pytest.raises(ValueError, match="sha257") as caught:
        catalog.fetch(entry(server.url, "sha257:" + 64 * "0"), tmp_path / "cache")
    assert not isinstance(caught.value, DataError)


def test_a_cut_download_goes_on_where_it_was_cut(server, tmp_path):
    server.cut_after = 200_000
    with pytest.raises(DataError, match=r"cut after 0\.2 MB of data\.bin: run the same line again"):
        catalog.fetch(entry(server.url), tmp_path / "cache")
    assert files(tmp_path / "cache") == ["data.bin.part", "data.bin.part.tag"]
    have = (tmp_path / "cache" / "data.bin.part").stat().st_size
    server.cut_after = None
    file = catalog.fetch(entry(server.url), tmp_path / "cache")
    assert server.ranges == [None, f"bytes={have}-"]
    assert file.read_bytes() == CONTENT
    assert files(file.parent) == ["data.bin"]


@pytest.mark.parametrize("tag", ['"v2"', None])
def test_a_part_of_a_file_that_has_changed_is_not_gone_on_with(server, tmp_path, tag):
    server.cut_after = 200_000
    with pytest.raises(DataError, match="was cut"):
        catalog.fetch(entry(server.url), tmp_path / "cache")
    server.cut_after, server.tag, server.content = None, tag, CONTENT[::-1]
    file = catalog.fetch(entry(server.url, "md5:" + hashlib.md5(CONTENT[::-1]).hexdigest()), tmp_path / "cache")
    assert file.read_bytes() == CONTENT[::-1]
    assert files(file.parent) == ["data.bin"]


def test_a_part_longer_than_the_file_is_thrown_away(server, tmp_path):
    (tmp_path / "cache" / "data.bin.part").write_bytes(CONTENT + b"more")
    (tmp_path / "cache" / "data.bin.part.tag").write_text(server.tag)
    with pytest.raises(DataError, match="answers 416"):
        catalog.fetch(entry(server.url), tmp_path / "cache")
    assert catalog.fetch(entry(server.url), tmp_path / "cache").read_bytes() == CONTENT


def test_not_found(server, tmp_path):
    with pytest.raises(DataError, match=r"127\.0\.0\.1:\d+ answers 404 Not Found for .*/no: the file has moved"):
        catalog.fetch(entry(server.url.replace("data.bin", "no")), tmp_path / "cache")
    assert files(tmp_path / "cache") == []


def test_offline_is_one_clear_sentence(server, tmp_path):
    url = server.url
    server.server_close()
    with pytest.raises(DataError) as caught:
        catalog.fetch(entry(url), tmp_path / "cache")
    message = str(caught.value)
    assert "cannot be reached" in message
    assert "seems to be offline; go on with catalog.load('jets')" in message
    assert "put it as data.bin into the folder $JETLAB_DATA" in message
    assert "\n" not in message
    assert files(tmp_path / "cache") == []


def test_what_could_not_be_verified_is_said(server, tmp_path, capsys):
    catalog.fetch(entry(server.url, None, verified=False), tmp_path / "cache")
    shown = capsys.readouterr().out
    assert "could verify neither its address nor its content; compare with doi.org/10.0/test" in shown
    assert f"could not be checked (no checksum is known); compare its sha256 with that of others: {SHA256}" in shown


def test_jets_are_found_in_the_kit_or_where_jetlab_data_says(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"shipped.jets\.root is missing: set JETLAB_DATA .* or run `git restore data`"):
        catalog.load()
    shipped, own = make_sample(5, seed=1), make_sample(7, seed=2)
    io.write_root(shipped, tmp_path / "shipped" / "jets.root")
    io.write_root(own, tmp_path / "own" / "jets.root")
    assert len(catalog.load("jets")) == len(shipped)
    assert catalog.path("jets") == tmp_path / "shipped" / "jets.root"
    monkeypatch.setenv("JETLAB_DATA", str(tmp_path / "own"))
    assert len(catalog.load("jets")) == len(own) != len(shipped)


def test_results_are_read_or_what_to_do_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "RESULTS", tmp_path)
    with pytest.raises(DataError, match=r"tracking\.json is missing: run `git restore benchmarks/results`"):
        catalog.results("tracking")
    (tmp_path / "tracking.json").write_text('{"rows": [1, 2]}')
    assert catalog.results("tracking") == {"rows": [1, 2]}


def test_generated_jets_are_found_in_the_cache_or_their_command_is_told(tmp_path):
    command = f"'jetlab simulate jets --jets 150000 --output {tmp_path / 'cache' / 'jets_full.root'}'"
    with pytest.raises(DataError, match=re.escape(command)):
        catalog.load("jets_full")
    io.write_root(make_sample(5, seed=1), tmp_path / "cache" / "jets_full.root")
    assert len(catalog.load("jets_full")) > 0


@pytest.mark.parametrize("name", [name for name, entry in catalog.ENTRIES.items() if entry.opening])
def test_foreign_data_are_not_taken_for_jets_of_the_schema(name, tmp_path):
    """Nothing is downloaded: the server is not even asked."""
    known = catalog.ENTRIES[name]
    place = tmp_path / "cache" / known.file
    with pytest.raises(DataError, match="in no format that becomes a JetSample") as caught:
        catalog.load(name)
    assert f"fetch it ({known.size}) by catalog.path('{name}')" in str(caught.value)
    assert repr(str(place)) in str(caught.value)
    place.write_bytes(b"here")
    assert catalog.path(name) == place
    with pytest.raises(DataError, match=r"JetSample: open it with"):
        catalog.load(name)


def test_the_real_jets_of_2011_come_and_open(server, real_data, tmp_path, monkeypatch):
    server.content = (real_data / "cms2011_run2011A_params0.npy").read_bytes()
    known = catalog.ENTRIES["cms2011_jets"]
    assert len(server.content) == 1_000_448
    monkeypatch.setitem(catalog.ENTRIES, "cms2011_jets", dataclasses.replace(known, url=server.url))
    sample = catalog.load("cms2011_jets")
    assert len(sample) == 322
    assert set(sample["run"]) == {160578}
    assert "jet_isW_ak7" not in sample.columns
    catalog.load("cms2011_jets")
    assert len(server.ranges) == 1, "the second time it is there"


def test_unknown_name():
    with pytest.raises(DataError, match="no data set 'jest': take one of jets, jets_full"):
        catalog.load("jest")


def test_describe_is_a_table_of_all():
    table = catalog.describe()
    table, formats = table.split("\n\n")
    for name in ("NanoAOD", "PFNano", "record 12100", "record 12102", "zenodo.org/records/2603256"):
        assert name in formats
    lines = table.splitlines()
    assert len(lines) == len(catalog.names()) + 2
    assert [line.split()[0] for line in lines[2:]] == list(catalog.names())
    starts = {re.search(r"10\.\d{4}/", line).start() for line in lines if "10." in line and "/" in line}
    assert len(starts) == 1, "the DOIs stand in one column"
    for known in ("10.5281/zenodo.2603256", "10.7483/OPENDATA.CMS.JGJX.MS7Q", "CC-BY 4.0", "(not verified)"):
        assert known in table


def test_entries_are_complete():
    for name, known in catalog.ENTRIES.items():
        assert known.what, name
        assert known.size, name
        assert known.licence, name
        if known.url:
            assert known.verified == (known.checksum is not None), "no checksum is invented, none is left unsaid"
        if known.opening and known.url:
            assert known.doi, name
        if known.checksum:
            assert re.fullmatch(r"md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}", known.checksum), name
