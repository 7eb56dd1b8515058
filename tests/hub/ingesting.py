"""A hub's ingest in a process of its own, to be killed: `python -m tests.hub.ingesting DIR FIRST`.

Accepts batches number FIRST, FIRST + 1, ... and prints each number once it is acknowledged.
"""

import sys
from pathlib import Path

from tests.hub.batches import NOON, batch, edge, endpoint, row
from whimbrel.hub.duck import DuckArchive
from whimbrel.hub.ingest import Ingest
from whimbrel.summary.batch import encode


def numbered(number: int) -> bytes:
    """One call of one endpoint; its id says which batch it was in."""
    made = batch(
        endpoint(number + 1, row(1)), edges=[edge()], batch_id=f"n-{number}", start=NOON - 36_000 + number * 10
    )
    return encode(made)


def opened(path: Path) -> tuple[DuckArchive, Ingest]:
    archive = DuckArchive(path / "archive.duckdb", memory_mib=128, clock=lambda: NOON)
    return archive, Ingest(archive, path / "journal", lambda: NOON)


def main() -> None:
    path, number = Path(sys.argv[1]), int(sys.argv[2])
    _, ingest = opened(path)
    ingest.start()
    while True:
        ingest.accept(numbered(number))
        print(number, flush=True)
        number += 1


if __name__ == "__main__":
    main()
