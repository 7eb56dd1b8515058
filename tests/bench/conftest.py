"""Tiny servers that end with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.bench.tiny import Reply, TinyServer


@pytest.fixture
def tiny() -> Iterator[Callable[[Reply], TinyServer]]:
    started: list[TinyServer] = []

    def start(reply: Reply) -> TinyServer:
        started.append(TinyServer(reply))
        return started[-1]

    yield start
    for server in started:
        server.close()
