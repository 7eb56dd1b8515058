"""The sample's archive, made once: nothing here writes to it."""

from collections.abc import Iterator

import pytest

from tests.hub.answers.sample import batches
from tests.hub.batches import NOON
from whimbrel.hub.duck import DuckArchive


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckArchive]:
    made = DuckArchive(tmp_path_factory.mktemp("shop") / "a.duckdb", memory_mib=128, clock=lambda: NOON)
    made.load(batches())
    yield made
    made.close()
