"""The rows of `whimbrel hub`'s options, what they become, and what is refused together.

Idea: beyond this machine the hub is not opened without tokens.  On loopback it asks for none until there is a token
file, and from then on always: `whimbrel hub token` is what turns the lock on.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

from whimbrel.base.errors import UsageError
from whimbrel.base.options import Option, Values
from whimbrel.base.places import state_path
from whimbrel.net.listener import Address

MIB, HOUR_S, DAY_S = 1 << 20, 3600, 86400
LISTEN = "127.0.0.1:9800"
TOKENS_NAME, ARCHIVE_NAME, JOURNAL_NAME = "tokens", "archive.duckdb", "journal"  # in the data directory
MEMORY_MIN, MEMORY_MAX = 128 * MIB, 1 << 44  # DuckDB's manual recommends 125 MB a thread
THREADS_MAX = 64
RETENTION_DAYS = 30
RETENTION_MAX_S = 10 * 365 * DAY_S
WINDOWS_MIN_S, MINUTES_MIN_S, RETENTION_MIN_S = 60, HOUR_S, DAY_S  # one row of the next level each, at least

DATA_ROW = Option("data", "str", None, "Keep the archive, batches on their way into it, and tokens here. "
                  "Default: /var/lib/whimbrel-hub for root, ~/.local/state/whimbrel-hub for others.",
                  metavar="DIR")  # fmt: skip
TOKEN_FILE_ROW = Option("token-file", "str", None, "Who may send, read and change: lines of name, role and hash. "
                        "Default: tokens in --data, where it is there.", metavar="FILE")  # fmt: skip

MEMORY_ROW = Option("memory", "size", "512MiB", "Bound of the database's memory; the rest of the process comes on top.",
                    minimum=MEMORY_MIN, maximum=MEMORY_MAX)  # fmt: skip
THREADS_ROW = Option("threads", "int", 2, "Threads of the database.", minimum=1, maximum=THREADS_MAX)

ROWS: tuple[Option, ...] = (
    Option("listen", "str", LISTEN, "Serve agents and browsers at this address; beyond this machine only with tokens.",
           metavar="HOST:PORT"),
    DATA_ROW,
    TOKEN_FILE_ROW,
    Option("retention", "seconds", f"{RETENTION_DAYS}d", "Keep what was seen for this long; old rows are one an hour.",
           minimum=RETENTION_MIN_S, maximum=RETENTION_MAX_S),
    Option("retention-minutes", "seconds", "2d", "Keep rows of a minute for this long, then fold them into hours.",
           minimum=MINUTES_MIN_S, maximum=RETENTION_MAX_S),
    Option("retention-windows", "seconds", "2h", "Keep rows of ten seconds for this long, then fold them into minutes.",
           minimum=WINDOWS_MIN_S, maximum=RETENTION_MAX_S),
    MEMORY_ROW,
    THREADS_ROW,
)  # fmt: skip


@dataclass(frozen=True)
class HubOptions:
    """The values of ROWS, checked one by one and together."""

    listen: Address
    data: Path
    token_file: Path | None  # None: whoever reaches it may do everything, and only this machine does
    token_path: Path  # where the file is, or will be once there is a token
    retention_s: int
    retention_minutes_s: int
    retention_windows_s: int
    memory_bytes: int
    threads: int

    @classmethod
    def of(cls, values: Values) -> HubOptions:
        data = data_path(values)
        listen = address_of(values["listen"])
        tokens = tokens_in_force(values)
        check_reach(listen, tokens, data)
        check_retention(values)
        return cls(
            listen=listen,
            data=data,
            token_file=tokens,
            token_path=token_path(values),
            retention_s=round(values["retention"]),
            retention_minutes_s=round(values["retention-minutes"]),
            retention_windows_s=round(values["retention-windows"]),
            memory_bytes=values["memory"],
            threads=values["threads"],
        )


def data_path(values: Values) -> Path:
    return Path(values["data"] or state_path("whimbrel-hub"))


def token_path(values: Values) -> Path:
    """Where tokens are, or would be."""
    return Path(values["token-file"] or data_path(values) / TOKENS_NAME)


def tokens_in_force(values: Values) -> Path | None:
    path = token_path(values)
    return path if values["token-file"] or is_there(path) else None


def is_there(path: Path) -> bool:
    """UsageError where that cannot be known: taken for absent, a token file would lock nobody out."""
    try:
        return path.exists()
    except OSError as error:
        raise UsageError(f"token file {str(path)!r}: {error.strerror}") from None


def address_of(text: str) -> Address:
    address = Address.parse(text)
    if address.path:
        raise UsageError(f"--listen {text}: expected HOST:PORT: browsers open no unix socket")
    return address


def check_reach(listen: Address, tokens: Path | None, data: Path) -> None:
    if tokens is None and not listen.loopback:
        raise UsageError(
            f"--listen {listen}: other machines could reach it, and there are no tokens: make one first "
            f"(whimbrel hub token NAME admin --data {data}), or listen on 127.0.0.1"
        )


def check_retention(values: Values) -> None:
    """Each level is kept at least as long as the finer one, or its rows would be folded into nothing."""
    names = ("retention-windows", "retention-minutes", "retention")
    for finer, coarser in itertools.pairwise(names):
        if values[finer] > values[coarser]:
            raise UsageError(
                f"--{finer} {values[finer]:g} s is longer than --{coarser} {values[coarser]:g} s: expected at most that"
            )
