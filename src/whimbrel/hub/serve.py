"""`whimbrel hub`: what is opened, in order, and how it ends.

    options -> data directory -> sockets -> archive -> journal -> site -> "hub: open http://..." -> a signal -> backward

One process and one event loop.  The first SIGINT or SIGTERM ends it: what is being answered is finished, what is in
the journal stays there for the next run.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import uvicorn

from whimbrel.hub import site
from whimbrel.hub.access import Access
from whimbrel.hub.answers.asked import Kept
from whimbrel.hub.connections import Connection
from whimbrel.hub.duck import DuckArchive, Retention
from whimbrel.hub.import_command import make_directory
from whimbrel.hub.ingest import Ingest
from whimbrel.hub.options import ARCHIVE_NAME, JOURNAL_NAME, MIB, HubOptions
from whimbrel.hub.service import Service
from whimbrel.hub.sessions import Sessions, open_key
from whimbrel.net.listener import Address, Listener, open_listeners

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
CONNECTIONS_MOST = 512  # at once, of the 1,024 files that a process usually may open; the next is answered 503
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what is listened on was asked for
IDLE_S = 30  # a connection without a request
HEAD_BYTES_MOST = 32 * 1024  # of a request's line and headers
OTHERS_NOTHING = 0o077  # of the files that are made: archive, journal, backups
FINISH_S = 5  # for what is being answered at the end


def serve(options: HubOptions) -> int:
    """The exit code."""
    for number in STOP_SIGNALS:
        signal.signal(number, lambda *_: sys.exit(0))  # until the event loop takes them
    os.umask(OTHERS_NOTHING)
    make_directory(options.data)
    with ExitStack() as opened:
        opened.callback(ignore_signals)
        listeners = open_listeners(str(options.listen))
        for listener in listeners:
            opened.callback(listener.close)
        service = open_service(options, opened)
        run(service, listeners)
    return 0


def open_service(options: HubOptions, opened: ExitStack) -> Service:
    access = Access(options.token_path, options.token_file is not None, Sessions(open_key(options.data)), tell)
    retention = Retention(options.retention_windows_s, options.retention_minutes_s, options.retention_s)
    archive = DuckArchive(
        options.data / ARCHIVE_NAME, retention, memory_mib=options.memory_bytes // MIB, threads=options.threads
    )
    opened.callback(archive.close)
    ingest = Ingest(archive, options.data / JOURNAL_NAME)
    opened.callback(ingest.stop)
    ingest.start()
    kept = Kept(options.retention_windows_s, options.retention_minutes_s)
    service = Service(archive, ingest, access, options.data, tell, kept)
    opened.callback(service.close)
    return service


def run(service: Service, listeners: list[Listener]) -> None:
    log = logging.getLogger("uvicorn.error")
    log.setLevel(logging.ERROR)  # what strangers get wrong is counted, not logged
    log.propagate = False
    log.handlers[:] = [handler := logging.StreamHandler()]
    handler.setFormatter(logging.Formatter("hub: %(message)s"))
    config = uvicorn.Config(
        site.build(service),
        http=Connection,
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=CONNECTIONS_MOST,
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=FINISH_S,
        h11_max_incomplete_event_size=HEAD_BYTES_MOST,
    )
    HubServer(config, listeners).run([listener.socket for listener in listeners])


class HubServer(uvicorn.Server):
    """Says where it listens once it does, and ends with 0."""

    def __init__(self, config: uvicorn.Config, listeners: list[Listener]) -> None:
        super().__init__(config)
        self.listeners = listeners

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(f"hub: open http://{reached(self.listeners[0].address)}/", flush=True)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn would end with the signal itself, as if it had been killed."""
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            ignore_signals()


def reached(address: Address) -> Address:
    """Where a browser on this machine finds it: no browser opens "every address"."""
    return replace(address, host=EVERYWHERE.get(address.host, address.host))


def ignore_signals() -> None:
    """What is closed is closed in order; a second Ctrl-C would only cut that short."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def tell(line: str) -> None:
    print(f"hub: {line}", file=sys.stderr, flush=True)
