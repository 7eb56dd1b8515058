"""`whimbrel hub import`: the batches of agents' --out files into the archive, without a hub that runs.

    whimbrel hub import web1.whb web2.whb        a line a file: what it held, and what was there already

A batch is counted once however often its file is imported.  A file that is cut off, or that stops being one, counts up
to there, says so, and makes the exit code 1.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from whimbrel.base.errors import UsageError
from whimbrel.base.options import Option, Values, load
from whimbrel.base.words import counted
from whimbrel.hub.options import (
    ARCHIVE_NAME,
    DATA_ROW,
    DAY_S,
    JOURNAL_NAME,
    MEMORY_ROW,
    MIB,
    RETENTION_DAYS,
    THREADS_ROW,
    data_path,
)

ROWS: tuple[Option, ...] = (
    Option("file", "str", (), "Import this file, which `whimbrel watch --out` wrote.",
           repeatable=True, metavar="FILE", positional=True),
    DATA_ROW,
    MEMORY_ROW,
    THREADS_ROW,
)  # fmt: skip


def main(argv: Sequence[str], environ: Mapping[str, str] | None = None) -> int:
    """The exit code.  UsageError and HelpRequested are the caller's to print."""
    values = load("hub import", ROWS, argv, os.environ if environ is None else environ)
    if not values["file"]:
        raise UsageError("expected at least one FILE")
    for name in values["file"]:
        check_file(name)
    return import_files(values)


def check_file(name: str) -> None:
    """Before an archive is opened for it."""
    try:
        with Path(name).open("rb"):
            pass
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}") from None


def import_files(values: Values) -> int:
    from whimbrel.hub.duck import DuckArchive  # a database is memory that the other commands do not need
    from whimbrel.hub.ingest import Ingest

    data, whole = data_path(values), True
    make_directory(data)
    with ExitStack() as opened:
        archive = DuckArchive(data / ARCHIVE_NAME, memory_mib=values["memory"] // MIB, threads=values["threads"])
        opened.callback(archive.close)
        ingest = Ingest(archive, data / JOURNAL_NAME)
        opened.callback(ingest.stop)
        for name in values["file"]:
            found = ingest.import_file(Path(name))
            there = f", {found.duplicates} of them were there already" if found.duplicates else ""
            batches = counted(found.batches + found.duplicates, "batch")
            of = f", of {moment(found.oldest)} to {moment(found.newest)}" if found.newest else ""
            print(f"{name}: {counted(found.calls, 'call')} in {batches}{of}{there}", flush=True)
            for line in (found.trouble, too_old(found.oldest, time.time())):
                if line:
                    print(f"whimbrel: {name}: {line}", file=sys.stderr, flush=True)
            whole = whole and not found.trouble
    return 0 if whole else 1


def too_old(oldest: int, now: float) -> str:
    """What the next hub on this archive would drop before anybody sees it."""
    days = int(now - oldest) // DAY_S + 1
    if not oldest or oldest >= now - RETENTION_DAYS * DAY_S:
        return ""
    return (
        f"older than {RETENTION_DAYS} days: a hub drops that unless it is told to keep it: "
        f"whimbrel hub --retention {days}d"
    )


def make_directory(data: Path) -> None:
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--data: {str(data)!r}: {error.strerror}") from None


def moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
