"""Downloads that can be trusted and resumed: pooch checks the file, what came before a cut is kept and gone on from."""

from pathlib import Path
from urllib.parse import urlsplit

import pooch
import requests
from tqdm import tqdm

from jetlab.sample import DataError

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
        """Add the answer to the part file; return the full size in bytes, None if the server does not tell."""
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
