"""Resident bytes an item, and resident bytes an idle connection."""

from __future__ import annotations

import resource
import socket
import time

from benchmarks.rows import Row, Section, Spread, ratio
from benchmarks.servers import MIB, Kind, Server
from benchmarks.setting import Setting
from whimbrel.bench.schedule import Schedule
from whimbrel.bench.workload import Workload

ITEMS = 1_000_000
PLENTY = 1024 * MIB
SHAPES = ((25, 100, 0.75), (18, 37, 0.6))  # key bytes, value bytes, target
PIPELINE = 32
SETTLE_S = 0.5  # for frees and table growth that go on in the background

IDLE = 5_000
IDLE_TARGET = 512  # bytes
SPARE_FILES = 500


def items(setting: Setting) -> Section:
    section = Section(
        "Resident bytes per item",
        f"Growth of VmRSS from before to after {ITEMS:,} SETs of different keys, over the items: item, header, table,"
        f" allocator.  Memory set to {PLENTY // MIB} MiB, so that nothing is evicted (checked by reading back).",
    )
    for key_size, value_size, target in SHAPES:
        workload = Workload(keys=ITEMS, key_size=(key_size, key_size), value_size=(value_size, value_size))
        found = {kind.name: bytes_an_item(setting, kind, workload) for kind in setting.kinds}
        ours, note = found[setting.ours.name]
        for kind in setting.references:
            theirs, their_note = found[kind.name]
            wanted = target if kind.name == "memcached" else None
            notes = "; ".join(filter(None, (note, their_note)))
            section.rows.append(
                Row(f"{key_size} B + {value_size} B", kind.name, "B", Spread((ours,)), Spread((theirs,)),
                    ratio([ours], [theirs]), "<=", wanted, notes)
            )  # fmt: skip
        if not setting.references:
            section.rows.append(Row(f"{key_size} B + {value_size} B", "none", "B", Spread((ours,)), note=note))
    return section


def bytes_an_item(setting: Setting, kind: Kind, workload: Workload) -> tuple[float, str]:
    with setting.server(kind, PLENTY) as server:
        client = setting.client(server, workload, PIPELINE)
        client.run(Schedule(requests=5_000))  # buffers and lazily loaded code exist before
        before = server.rss()
        client.prefill()
        time.sleep(SETTLE_S)
        grown = (server.rss() - before) / ITEMS
        missed = client.run(Schedule(requests=200_000))["misses"]
    return grown, f"{kind.name} missed {missed} of 180,000 reads" if missed else ""


def idle(setting: Setting) -> Section:
    section = Section(
        "Idle connections",
        f"Growth of VmRSS over {IDLE:,} connections that asked one thing each and wait; socket buffers of the kernel"
        " are not in it.",
    )
    allowed = room_for_files(IDLE + SPARE_FILES)
    if not allowed:
        section.skipped.append(f"this process may not open {IDLE + SPARE_FILES} files")
        return section
    found = {kind.name: bytes_a_connection(setting, kind) for kind in setting.kinds}
    ours = found[setting.ours.name]
    section.rows.append(
        Row("bytes a connection", f"{IDLE_TARGET} B", "B", Spread((ours,)), None, Spread((ours,)), "<=", IDLE_TARGET)
    )
    for kind in setting.references:
        theirs = found[kind.name]
        section.rows.append(
            Row("bytes a connection", kind.name, "B", Spread((ours,)), Spread((theirs,)), ratio([ours], [theirs]))
        )
    return section


def room_for_files(wanted: int) -> bool:
    """Raise this process's limit (servers inherit it) if it may be raised."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        return False
    most = 20_500 if hard == resource.RLIM_INFINITY else min(hard, 20_500)
    if soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return True


def bytes_a_connection(setting: Setting, kind: Kind) -> float:
    with setting.server(kind, 256 * MIB) as server:
        setting.client(server, Workload(keys=1_000), PIPELINE).prefill()
        time.sleep(SETTLE_S)
        before = server.rss()
        connections: list[socket.socket] = []
        try:
            for _ in range(IDLE):
                connections.append(asked_once(server))
            time.sleep(SETTLE_S)
            return (server.rss() - before) / IDLE
        finally:
            for connection in connections:
                connection.close()


def asked_once(server: Server) -> socket.socket:
    connection = socket.create_connection(server.target, timeout=10)
    connection.sendall(b"GET nothing\r\n" if server.kind.protocol == "resp" else b"get nothing\r\n")
    if not connection.recv(100):
        raise RuntimeError(f"{server.kind.name} closed a connection after one request")
    return connection
