"""What load asks for: how many keys, how popular, how large, how often read, for how long kept.

Everything about a key (its name, the size and bytes of its value) follows from its number, so that a reply
can be checked without remembering what was stored.
"""

from __future__ import annotations

import gzip
from array import array
from dataclasses import dataclass
from pathlib import Path

from whimbrel.base.errors import UsageError

MAX_KEYS = 1 << 32  # numbers in a trace have 32 bits
MAX_KEY_SIZE = 250  # bytes: memcache's limit
MAX_VALUE_SIZE = 1 << 27  # bytes: more than any of the servers stores
TRACE_VALUE_MAX = 1 << 20  # bytes: what memcached takes by default, item header included; see Trace.scaled


@dataclass(frozen=True)
class Workload:
    """A mix of GET and SET over `keys` keys; sizes and TTLs are (least, most), both included."""

    keys: int = 100_000
    key_size: tuple[int, int] = (25, 25)
    value_size: tuple[int, int] = (100, 100)
    get_share: float = 0.9
    zipf: float = 0.0  # exponent of popularity; 0: uniform
    ttl_s: tuple[int, int] = (0, 0)  # 0: never
    fill: bool = False  # a miss is followed by a SET
    check: bool = True  # values are compared with what was stored

    def __post_init__(self) -> None:
        digits = len(str(self.keys - 1))
        _within("keys", self.keys, 1, MAX_KEYS)
        _range("key size", self.key_size, digits + 1, MAX_KEY_SIZE)
        _range("value size", self.value_size, 0, MAX_VALUE_SIZE)
        _range("ttl", self.ttl_s, 0, 30 * 86400)
        _within("get share", self.get_share, 0, 1)
        _within("zipf", self.zipf, 0, 5)


@dataclass(frozen=True)
class Trace:
    """Requests in order: dense key numbers and value sizes, arrays of the same length."""

    name: str
    keys: array[int]
    sizes: array[int]
    distinct: int

    def scaled(self, mean_size: int) -> Trace:
        """The same requests with sizes multiplied so that distinct keys have `mean_size` bytes on average.

        A key has one size, that of its first request, and at least one byte.
        """
        first = self._first_sizes()
        factor = mean_size * self.distinct / sum(first)
        scaled = [min(max(1, round(size * factor)), TRACE_VALUE_MAX - 4096) for size in first]
        return Trace(self.name, self.keys, array("I", (scaled[key] for key in self.keys)), self.distinct)

    def _first_sizes(self) -> list[int]:
        first = [-1] * self.distinct
        for key, size in zip(self.keys, self.sizes, strict=True):
            if first[key] < 0:
                first[key] = size
        return first


def read_trace(path: Path) -> Trace:
    """A trace from `key,size` lines under a heading, plain or gzipped."""
    try:
        return _read_trace(path)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot read {path}: {reason}") from None


def _read_trace(path: Path) -> Trace:
    numbers: dict[str, int] = {}
    keys, sizes = array("I"), array("I")
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        if next(lines, "").strip() != "key,size":
            raise UsageError(f"{path} is not a trace: its first line is not 'key,size'")
        for number, line in enumerate(lines, 2):
            key, comma, size = line.strip().rpartition(",")
            if not comma or not size.isdigit():
                raise UsageError(f"{path}, line {number}: not `key,size`")
            keys.append(numbers.setdefault(key, len(numbers)))
            sizes.append(int(size))
    if not keys:
        raise UsageError(f"{path} has no requests")
    return Trace(path.name.split(".")[0], keys, sizes, len(numbers))


def _within(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise UsageError(f"{name} {value} is not within {least} to {most}")


def _range(name: str, value: tuple[int, int], least: int, most: int) -> None:
    low, high = value
    if not least <= low <= high <= most:
        raise UsageError(f"{name} {low}-{high} is not an ascending range within {least} to {most}")
