"""Named data sets: what there is, where it lies, and how it gets here. `print(catalog.describe())` lists them.

A file is looked for in the folder $JETLAB_DATA, then among the kit's own data, then in the user's cache.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pooch
import requests
from tqdm import tqdm

from jetlab import shipped
from jetlab.io import read
from jetlab.io.formats import FORMATS
from jetlab.io.sample import DataError, JetSample

CHUNK = 1 << 16
TIMEOUT_S = (10, 60)


def download(url: str, checksum: str | None, target: Path) -> Path:
    """Fetch `url` into the file `target`, with a progress bar, unless it is there already.

    Args:
        url: http or https address.
        checksum: "md5:..." or "sha256:..."; None: nothing to check with.
        target: where to put it; an interrupted download leaves `<target>.part`, from which the next call goes on.

    Returns `target`.

    Raises:
        DataError: offline, not found, cut off, or a checksum that does not agree (then nothing is kept).
    """
    pooch.get_logger().setLevel("WARNING")  # its advice on checksums is for programmers
    try:
        pooch.retrieve(url, checksum, target.name, target.parent, downloader=_Resuming(target))
    except ValueError as error:
        # DataErrors are ValueErrors, too; pooch has no error of its own for a checksum.
        if "does not match the known hash" not in str(error):
            raise
        raise DataError(
            f"{target.name} from {url} does not have the checksum {checksum}, so it was thrown away: try again; "
            "if that does not help, the file was changed where it comes from: look at its DOI."
        ) from error
    return target


class _Resuming:
    """A pooch downloader that goes on from `<target>.part` if the server can (HTTP Range, RFC 9110 section 14)."""

    def __init__(self, target: Path) -> None:
        self.part = target.with_name(f"{target.name}.part")
        self.tag = target.with_name(f"{target.name}.part.tag")

    def __call__(self, url: str, output_file: str, _: object) -> None:
        """Fetch `url` into `output_file`, by way of the part file."""
        host = urlsplit(url).netloc
        try:
            response = requests.get(url, headers=self._headers(), stream=True, timeout=TIMEOUT_S)
        except requests.RequestException as error:
            raise DataError(
                f"{host} cannot be reached to download {url} ({type(error).__name__}): this machine seems to be "
                "offline; go on with catalog.load('jets'), which needs no network, or fetch the file elsewhere "
                f"and put it as {self.part.stem} into the folder $JETLAB_DATA."
            ) from error
        with response:
            if response.status_code >= 400:
                if response.status_code == requests.codes.requested_range_not_satisfiable:
                    self._forget()
                raise DataError(
                    f"{host} answers {response.status_code} {response.reason} for {url}: the file has moved or the "
                    "site is down; try again later, look for it at its DOI, or go on with catalog.load('jets')."
                )
            try:
                total = self._receive(response)
            except requests.RequestException as error:
                raise self._cut(host) from error
        if total is not None and self.part.stat().st_size != total:
            raise self._cut(host)
        self.part.replace(output_file)
        self._forget()

    def _headers(self) -> dict[str, str]:
        """Ask for the rest, but for the whole file if it is no longer the one that we have a part of."""
        headers = {"Accept-Encoding": "identity"}
        if self.part.exists() and self.tag.exists():
            headers |= {"Range": f"bytes={self.part.stat().st_size}-", "If-Range": self.tag.read_text()}
        return headers

    def _receive(self, response: requests.Response) -> int | None:
        """Add the answer to the part file; return the full size in bytes, None if the server does not say."""
        start = 0
        if response.status_code == requests.codes.partial_content:
            start = self.part.stat().st_size
            if not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
                self._forget()
                raise DataError(f"The server of {response.url} sent another part than asked for: run the line again.")
        length = response.headers.get("Content-Length")
        total = None if length is None else start + int(length)
        self._remember(response)
        with (
            self.part.open("ab" if start else "wb") as file,
            tqdm(total=total, initial=start, unit="B", unit_scale=True, desc=self.part.stem, leave=False) as bar,
        ):
            for chunk in response.iter_content(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
        return total

    def _remember(self, response: requests.Response) -> None:
        """Note which version of the file this is; weak tags do not tell versions apart byte by byte."""
        etag = response.headers.get("ETag", "")
        tag = etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified", "")
        self.tag.unlink(missing_ok=True)
        if tag:
            self.tag.write_text(tag)

    def _cut(self, host: str) -> DataError:
        size = self.part.stat().st_size if self.part.exists() else 0
        return DataError(
            f"The connection to {host} was cut after {size / 1e6:.1f} MB of {self.part.stem}: "
            "run the same line again, it goes on from there."
        )

    def _forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self.tag.unlink(missing_ok=True)


SHIPPED = shipped.DATA


@dataclass(frozen=True)
class Entry:
    """One data set.

    Attributes:
        what: what is in it.
        file: its file name.
        size: roughly, for people.
        licence: under which it may be used.
        doi: of the data set; empty where there is none.
        url: where to fetch the file; empty for the kit's own.
        checksum: "md5:..." or "sha256:..." as its publisher gives it; None where we know of none.
        verified: address and checksum are quoted alike by several independent projects; False: not verified by us.
        opening: how to open it, where jetlab cannot; empty where it can.
        command: what makes it, for generated data.
    """

    what: str
    file: str
    size: str
    licence: str
    doi: str = ""
    url: str = ""
    checksum: str | None = None
    verified: bool = True
    opening: str = ""
    command: str = ""


def _top_tagging(part: str, file: str, size: str, md5: str) -> Entry:
    return Entry(
        f"Top Tagging Reference, {part}: 14 TeV top and QCD jets, 200 four-momenta each (arXiv:1902.09914)",
        f"top_tagging_{file}",
        size,
        "CC-BY 4.0",
        "10.5281/zenodo.2603256",
        f"https://zenodo.org/records/2603256/files/{file}",
        f"md5:{md5}",
    )


ENTRIES = {
    "jets": Entry("W and QCD jets, simulated for this kit; shipped with it", "jets.root", "at most 24 MB", "BSD-3"),
    "jets_full": Entry(
        "150,000 jets of the same simulation; you make them",
        "jets_full.root",
        "about 120 MB",
        "BSD-3",
        command="jetlab simulate jets --jets 150000 --output {path}",
    ),
    "flavour": Entry(
        "b, c and light jets at 13 TeV with tracks and vertices, simulated for this kit; shipped with it",
        "flavour.h5",
        "8 MB",
        "BSD-3",
    ),
    "flavour_alternative": Entry(
        "jets of top pairs from another simulation, other shower and worse tracks; shipped with the kit",
        "flavour_alternative.h5",
        "1 MB",
        "BSD-3",
    ),
    "flavour_full": Entry(
        "600,000 jets of the same simulation; you make them",
        "flavour_full.h5",
        "about 90 MB",
        "BSD-3",
        command="jetlab simulate flavour --jets 600000 --output {path}",
    ),
    "pile_up": Entry(
        "QCD and W jets at 13 TeV without pile-up, and minimum-bias collisions to lay over them; shipped with the kit",
        "pile_up.h5",
        "2 MB",
        "BSD-3",
        opening="jetlab.pile_up.read_crossings({path!r})",
    ),
    "cms2011_jets": Entry(
        "real CMS jets of 2011, run 160578, as in the DS@HEP 2017 hands-on: no labels, no generator jets",
        "cms2011_jets.npy",
        "1 MB",
        "CC0",
        url="https://raw.githubusercontent.com/jmduarte/2011-jet-inclusivecrosssection-ntupleproduction-optimized/"
        "f088677/AnalysisFW/python/output/params0.npy",
        checksum="sha256:2a059b9586ef2782877673e34066cd6a2ce406e66a4983b4699c2736be8dba8c",
    ),
    "top_tagging_train": _top_tagging("training", "train.h5", "1.04 GB", "45663819f47c13724f67eb0fd80bfa5c"),
    "top_tagging_validation": _top_tagging("validation", "val.h5", "347 MB", "dca4b7248027618f041f9baa86d360fc"),
    "top_tagging_test": _top_tagging("test", "test.h5", "348 MB", "13163479dee30a5fe546e4536cc3d04d"),
    "jetclass_validation": Entry(
        "JetClass, validation part: 5 million jets of 10 classes, 13 TeV (arXiv:2202.03772)",
        "JetClass_Pythia_val_5M.tar",
        "7.6 GB",
        "CC-BY 4.0",
        "10.5281/zenodo.6619768",
        "https://zenodo.org/records/6619768/files/JetClass_Pythia_val_5M.tar",
        "md5:7235ccb577ed85023ea3ab4d5e6160cf",
        opening="tarfile.open({path!r}), then uproot.open one of the .root files in it",
    ),
    "higgs_to_bb": Entry(
        "CMS open data 12102, first test file: Higgs to bb and QCD jets with tracks and vertices, 13 TeV",
        "HiggsToBB_test_0.h5",
        "not known to us",
        "CC0",
        "10.7483/OPENDATA.CMS.JGJX.MS7Q",
        "http://opendata.cern.ch/eos/opendata/cms/datascience/HiggsToBBNtupleProducerTool/"
        "HiggsToBBNTuple_HiggsToBB_QCD_RunII_13TeV_MC/test/ntuple_merged_0.h5",
        verified=False,
    ),
    "jet_ntuple": Entry(
        "CMS open data 12100, first file: QCD jets with candidates and gen jets, 13 TeV, for JES and quark/gluon",
        "JetNtuple_RunIISummer16_13TeV_MC_1.root",
        "about 85 MB",
        "CC0",
        "10.7483/OPENDATA.CMS.RY2V.T797",
        "https://opendata.cern.ch/record/12100/files/JetNtuple_RunIISummer16_13TeV_MC_1.root",
        verified=False,
    ),
}


def names() -> tuple[str, ...]:
    """Return the names of all data sets."""
    return tuple(ENTRIES)


def describe() -> str:
    """Return a plain text table of all data sets, and one of the formats that `io.read` opens besides its own."""
    head: tuple[str, ...] = ("name", "size", "licence", "DOI", "where", "what")
    sets = [head, *((name, e.size, e.licence, e.doi or "-", _where(name), e.what) for name, e in ENTRIES.items())]
    formats = [("format that io.read opens, too", "where to get it"), *((each.name, each.where) for each in FORMATS)]
    return f"{_table(sets)}\n\n{_table(formats)}"


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    """Rows of text, the first of them the head, in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    lines = [rows[0], tuple("-" * width for width in (*widths, 4)), *rows[1:]]
    return "\n".join("  ".join((*map(str.ljust, row, widths), row[-1])) for row in lines)


def load(name: str = "jets") -> JetSample:
    """Return a data set as a sample of jets.

    Raises:
        DataError: an unknown name; a file absent or damaged; a data set that jetlab cannot read (says how to open it).
    """
    entry = _entry(name)
    if entry.opening:
        there = _found(entry)
        opening = entry.opening.format(path=str(there or _cache() / entry.file))
        get = "" if there else f"fetch it ({entry.size}) by catalog.path('{name}'), then "
        raise DataError(f"'{name}' is in no format that becomes a JetSample: {get}open it with {opening}.")
    return read(path(name))


def results(name: str) -> Any:
    """Return what a benchmark of the kit measured, such as "tracking", as its JSON file has it.

    Raises:
        DataError: there is no such file.
    """
    file = shipped.RESULTS / f"{name}.json"
    if not file.is_file():
        raise DataError(f"{file} is missing: {shipped.remedy('benchmarks/results')}.")
    return json.loads(file.read_text(encoding="utf-8"))


def path(name: str) -> Path:
    """Return where a data set's file lies; fetch it first, with a progress bar, if it is one to be downloaded.

    Raises:
        DataError: an unknown name, a file that is absent, or a download that failed (a later call resumes it).
    """
    entry = _entry(name)
    found = _found(entry)
    if found:
        return found
    if entry.command:
        command = entry.command.format(path=_cache() / entry.file)
        raise DataError(f"'{name}' is not there yet: make it by typing '{command}', or take catalog.load('jets').")
    if not entry.url:
        raise DataError(
            f"{SHIPPED / entry.file} is missing: set JETLAB_DATA to a folder that has it, or {shipped.remedy('data')}."
        )
    return fetch(entry, _cache())


def fetch(entry: Entry, folder: Path) -> Path:
    """Download an entry's file into `folder`, say what could not be verified, and return where it lies.

    Raises:
        DataError: as `download`; an interrupted download goes on with the next call.
    """
    if not entry.verified:
        print(
            f"{entry.file}: jetlab could verify neither its address nor its content; compare with doi.org/{entry.doi}."
        )
    file = download(entry.url, entry.checksum, folder / entry.file)
    if entry.checksum is None:
        digest = pooch.file_hash(str(file), alg="sha256")
        print(f"{file} could not be checked (no checksum is known); compare its sha256 with that of others: {digest}")
    return file


def _entry(name: str) -> Entry:
    if name not in ENTRIES:
        raise DataError(f"There is no data set '{name}': take one of {', '.join(ENTRIES)}.")
    return ENTRIES[name]


def _cache() -> Path:
    return Path(pooch.os_cache("jetlab"))


def _places() -> Iterator[Path]:
    if os.environ.get("JETLAB_DATA"):
        yield Path(os.environ["JETLAB_DATA"]).expanduser()
    yield SHIPPED
    yield _cache()


def _found(entry: Entry) -> Path | None:
    return next((folder / entry.file for folder in _places() if (folder / entry.file).is_file()), None)


def _where(name: str) -> str:
    entry = ENTRIES[name]
    if _found(entry):
        return str(_found(entry))
    return urlsplit(entry.url).netloc + ("" if entry.verified else " (not verified)") if entry.url else "not there yet"
