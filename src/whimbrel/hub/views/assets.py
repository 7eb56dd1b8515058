"""What pages load besides themselves: our style and scripts, and Plotly's as its package has it.

Every address carries the file's digest, so browsers keep a file for good and a new version is another address.  The
two megabytes of Plotly travel once, compressed; nothing of it is copied into this tree.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
from dataclasses import dataclass, field
from pathlib import Path

from whimbrel.base.errors import UsageError

PREFIX = "/static/"
OURS = Path(__file__).parent.parent / "static"
PLOTLY = "plotly.min.js"
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
DIGEST_DIGITS = 12
COMPRESS_FROM = 1024  # bytes: less fits into a packet anyway
KEPT_FOR_GOOD = "public, max-age=31536000, immutable"


@dataclass(slots=True)
class Asset:
    body: bytes
    media_type: str
    digest: str
    small: bytes = field(default=b"", repr=False)

    def compressed(self) -> bytes:
        """Made when it is first asked for: of Plotly it takes some tenths of a second."""
        if not self.small:
            self.small = gzip.compress(self.body, 6, mtime=0)
        return self.small


class Assets:
    def __init__(self) -> None:
        paths = [path for path in sorted(OURS.iterdir()) if path.suffix in TYPES] + [plotly_path()]
        self.files = {path.name: asset_of(path) for path in paths}

    def address(self, name: str) -> str:
        return f"{PREFIX}{name}?v={self.files[name].digest}"


def asset_of(path: Path) -> Asset:
    body = path.read_bytes()
    return Asset(body, TYPES[path.suffix], hashlib.sha256(body).hexdigest()[:DIGEST_DIGITS])


def plotly_path() -> Path:
    """Without importing it: the package is large, and only its JavaScript is of use here."""
    found = importlib.util.find_spec("plotly")
    for place in found.submodule_search_locations or () if found else ():
        path = Path(place) / "package_data" / PLOTLY
        if path.is_file():
            return path
    raise UsageError("the hub's pages need the package plotly: pip install 'whimbrel[hub]'")
