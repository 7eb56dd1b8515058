"""Hubs that many tests share: tests that change one for the others start their own."""

from collections.abc import Iterator

import pytest

from tests.hub.running import Hub, give_tokens, running


@pytest.fixture(scope="session")
def open_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """Without tokens."""
    with running(tmp_path_factory.mktemp("hub") / "data") as hub:
        yield hub


@pytest.fixture(scope="session")
def locked_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """With a token for each role."""
    data = tmp_path_factory.mktemp("hub") / "data"
    tokens = give_tokens(data)
    with running(data) as hub:
        hub.tokens = tokens
        yield hub
