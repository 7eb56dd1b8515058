"""`whimbrel serve`: what starts, in order, and what stops, in reverse.

options -> files -> sockets -> memory plan -> store -> server -> admin -> signals
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from whimbrel.base.errors import UsageError
from whimbrel.base.options import load
from whimbrel.base.process import prepare_process, resident_bytes
from whimbrel.net.listener import Listener, open_listeners
from whimbrel.server import budget
from whimbrel.server.admin import Admin
from whimbrel.server.options import ROWS, ServeOptions
from whimbrel.server.server import Server
from whimbrel.store.store import StoreHandle

OWN_FILES = 64  # descriptors that are not connections: listeners, loops, pipes, standard streams, admin clients
STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}
STOP_LOOK_S = 0.1
KEY_BYTES_MAX = 4095  # STORE_MAX_KEY


def main(argv: Sequence[str], environ: Mapping[str, str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the exit code.  UsageError and HelpRequested are the caller's to print."""
    options = ServeOptions.of(load("serve", ROWS, argv, os.environ if environ is None else environ))
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)  # before any thread: only sigwait below sees them
    prepare_process()
    check_files(options)
    with ExitStack() as opened:
        listeners = open_all(options, opened)
        plan = memory_plan(options)
        store = open_store(options, plan, opened)
        side = budget.side_bytes(options.memory_bytes, options.threads, options.max_item)
        server = Server(store, options, side, plan)
        admin = open_admin(options, server, opened)
        server.start(listeners)
        opened.callback(server.join)
        opened.callback(server.stop, True)  # where the lines below raise; a second stop changes nothing
        announce(listeners, admin)
        wait_and_stop(server)
    return 0


# In order


def check_files(options: ServeOptions) -> None:
    """Raise the soft limit of descriptors to what the connections need; say so where the hard one is lower."""
    wanted = options.max_connections + OWN_FILES + 8 * options.threads
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        if soft < wanted:
            warn(
                f"--max-connections {options.max_connections}: this process may open {soft} files only; "
                f"connections beyond about {max(1, soft - OWN_FILES - 8 * options.threads)} will be refused"
            )


def open_all(options: ServeOptions, opened: ExitStack) -> list[Listener]:
    listeners: list[Listener] = []
    for text in options.listen:
        for listener in open_listeners(text):
            opened.callback(listener.close)
            listeners.append(listener)
            if not listener.address.loopback:
                warn(f"--listen {text}: reachable from other machines, and there is neither TLS nor a password")
    return listeners


def memory_plan(options: ServeOptions) -> budget.Budget:
    from whimbrel.protocol.memcache.commands import COMMANDS as MEMCACHE
    from whimbrel.protocol.resp.commands import COMMANDS as RESP

    commands = len(MEMCACHE) + len(RESP)
    return budget.plan(
        options.memory_bytes,
        resident_bytes(),
        options.threads,
        options.max_connections,
        options.max_item,
        commands,
    )


def open_store(options: ServeOptions, plan: budget.Budget, opened: ExitStack) -> StoreHandle:
    try:
        largest = options.max_item + KEY_BYTES_MAX  # --max-item is the value's, the store counts the key too
        store = StoreHandle.create(plan.heap, private=True, max_item_bytes=largest, eviction=options.eviction)
    except (ValueError, OSError, MemoryError) as error:
        raise UsageError(f"--memory {options.memory_bytes}: the store cannot be made: {error}") from error
    opened.callback(store.close)
    return store


def open_admin(options: ServeOptions, server: Server, opened: ExitStack) -> Admin | None:
    if options.admin is None:
        return None
    listeners = open_listeners(options.admin, "--admin")
    for listener in listeners:
        opened.callback(listener.close)
        if not listener.address.loopback:
            warn(f"--admin {options.admin}: reachable from other machines without a password")
    admin = Admin(server, listeners)
    opened.callback(admin.stop)
    admin.start()
    return admin


def announce(listeners: Sequence[Listener], admin: Admin | None) -> None:
    line = "listening on " + " ".join(str(listener.address) for listener in listeners)
    if admin is not None:
        line += " admin on " + " ".join(admin.addresses)
    print(line, file=sys.stderr, flush=True)


def warn(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr, flush=True)


# In reverse


def wait_and_stop(server: Server) -> None:
    """Until a signal; then answer what is in flight, and on a second signal do not."""
    signal.sigwait(STOP_SIGNALS)
    server.stop()
    while not server.join(STOP_LOOK_S):
        if signal.sigtimedwait(STOP_SIGNALS, 0) is not None:
            server.stop(True)
