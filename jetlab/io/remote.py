"""ROOT files at addresses, read piece by piece by uproot: https:// as it is, root:// with fsspec-xrootd, an extra."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import requests
import uproot

from jetlab import shipped
from jetlab.io import checks
from jetlab.io.sample import DataError

SCHEMES = ("http", "https", "root")
TIMEOUT_S = (10, 60)
_REMEDY = "check the address, try again later, or go on with catalog.load('jets'), which needs no network."


def is_address(path: str | os.PathLike[str]) -> bool:
    """Whether this is an address and not the name of a file."""
    return isinstance(path, str) and urlsplit(path).scheme in SCHEMES


@contextmanager
def opened(address: str) -> Iterator[uproot.ReadOnlyDirectory]:
    """Open a ROOT file at an http://, https:// or root:// address.

    Raises:
        DataError: offline, not found, not a ROOT file, cut off, or no package for root://.
    """
    over_http = urlsplit(address).scheme != "root"
    if over_http:
        _look_at(address)
    try:
        # Of itself, uproot would ask fsspec for https, which asks for aiohttp.
        with (
            checks.reading(address, "a ROOT file"),
            uproot.open({address: None}, handler=uproot.HTTPSource if over_http else None, array_cache=None) as file,
        ):
            yield file
    except ImportError as error:
        if over_http:
            raise
        raise DataError(
            f"{address} needs fsspec-xrootd, which is not installed: {shipped.install('remote')}"
        ) from error


def _look_at(address: str) -> None:
    """Raise DataError unless a ROOT file begins at this address; uproot's own errors would fill a page."""
    host = urlsplit(address).netloc
    try:
        with requests.get(address, headers={"Range": "bytes=0-3"}, stream=True, timeout=TIMEOUT_S) as response:
            start = next(response.iter_content(4), b"") if response.ok else b""
    except requests.RequestException as error:
        raise DataError(
            f"{host} cannot be reached for {address} ({type(error).__name__}): this machine seems to be "
            f"offline; {_REMEDY}"
        ) from error
    if not response.ok:
        raise DataError(f"{host} answers {response.status_code} {response.reason} for {address}: {_REMEDY}")
    if start != b"root":
        raise DataError(f"{address} is not a ROOT file (it does not begin with 'root'): {_REMEDY}")
