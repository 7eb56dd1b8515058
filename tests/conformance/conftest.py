"""Servers for the conformance tests.

WHIMBREL_TEST_AGAINST chooses what the client tests talk to: `whimbrel` (default), `original` (memcached and
redis-server: proves the tests themselves) or `both`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from .servers import STARTERS, Server, missing, start_whimbrel
from .wire import Wire

AGAINST = os.environ.get("WHIMBREL_TEST_AGAINST", "whimbrel")
CHOICES = {"whimbrel": (True, False), "original": (False, True), "both": (True, True)}
if AGAINST not in CHOICES:
    raise pytest.UsageError(f"WHIMBREL_TEST_AGAINST={AGAINST!r} is not one of {', '.join(CHOICES)}")
OURS, ORIGINALS = CHOICES[AGAINST]


def kinds(original: str) -> list[str]:
    return ["whimbrel"] * OURS + [original] * ORIGINALS


_started: dict[str, Server] = {}  # servers whose output a failing test shows


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.failed:  # type: ignore[attr-defined]
        for server in _started.values():
            text = server.printed() if server.output.exists() else ""
            if len(text) > server.shown:
                report.sections.append((f"{server.kind} {server.where} printed", text[server.shown :][-8000:]))  # type: ignore[attr-defined]
                server.shown = len(text)
    return report


@contextmanager
def started(server: Server) -> Iterator[Server]:
    """Show this server's output when a test fails; end it at the end, and fail if it ended before."""
    _started[server.where] = server
    try:
        yield server
        assert server.alive(), f"{server.kind} died during the tests:\n{server.printed()[-4000:]}"
    finally:
        del _started[server.where]
        server.stop()
        server.output.unlink(missing_ok=True)


def _serve(kind: str, *arguments: str) -> Iterator[Server]:
    if reason := missing(kind):
        pytest.skip(reason)
    with started(STARTERS[kind](*arguments)) as server:
        yield server


@pytest.fixture(scope="session")
def whimbrel_shared() -> Iterator[Server]:
    """One Whimbrel for all client tests: two workers, so that nothing depends on sharing one."""
    yield from _serve("whimbrel", "--memory", "256MiB", "--threads", "2")


@pytest.fixture(scope="session")
def memcached_shared() -> Iterator[Server]:
    yield from _serve("memcached", "-m", "256", "-t", "2")


@pytest.fixture(scope="session")
def redis_shared() -> Iterator[Server]:
    yield from _serve("redis", "--maxmemory", "256mb")


@pytest.fixture(params=kinds("memcached"))
def memcache(request: pytest.FixtureRequest) -> Server:
    """An empty server that speaks memcache."""
    server: Server = request.getfixturevalue(f"{request.param}_shared")
    with Wire(server.address) as wire:
        assert wire.ask(b"flush_all") == b"OK"
    return server


@pytest.fixture(params=kinds("redis"))
def redis_server(request: pytest.FixtureRequest) -> Server:
    """An empty server that speaks RESP."""
    server: Server = request.getfixturevalue(f"{request.param}_shared")
    with Wire(server.address) as wire:
        assert wire.command("FLUSHALL") == b"OK"
    return server


@pytest.fixture
def ours(request: pytest.FixtureRequest) -> Server:
    """Whimbrel, empty; for what no original can do."""
    if not OURS:
        pytest.skip("WHIMBREL_TEST_AGAINST=original")
    server: Server = request.getfixturevalue("whimbrel_shared")
    with Wire(server.address) as wire:
        assert wire.ask(b"flush_all") == b"OK"
    return server


class Starter:
    def __init__(self) -> None:
        self.servers: list[Server] = []

    def __call__(self, *arguments: str, port: int = 0, admin: bool = False) -> Server:
        if not OURS:
            pytest.skip("WHIMBREL_TEST_AGAINST=original")
        server = start_whimbrel(*arguments, port=port, admin=admin)
        self.servers.append(server)
        _started[server.where] = server
        return server

    def end(self) -> None:
        for server in self.servers:
            server.stop()
            _started.pop(server.where, None)
            server.output.unlink(missing_ok=True)


@pytest.fixture
def start() -> Iterator[Starter]:
    """Starts servers of a test's own; all are ended after it."""
    starter = Starter()
    yield starter
    starter.end()
