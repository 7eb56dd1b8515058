"""What a whole benchmark run shares: which servers, which cores, how many rounds, how long."""

from __future__ import annotations

import os
from dataclasses import dataclass

from benchmarks.servers import Kind, Memcached, Redis, Server, Whimbrel
from whimbrel.bench.client import Client
from whimbrel.bench.workload import Workload

CONNECTIONS = 50


@dataclass
class Setting:
    """One run of the benchmarks."""

    quick: bool
    ours: Kind
    references: list[Kind]
    server_core: int | None
    rounds: int
    seconds: float

    @property
    def kinds(self) -> list[Kind]:
        """Everything that is measured, ours first."""
        return [self.ours, *self.references]

    def server(self, kind: Kind, memory: int) -> Server:
        return Server(kind, memory, self.server_core)

    def client(self, server: Server, workload: Workload, pipeline: int = 1, connections: int = CONNECTIONS) -> Client:
        return Client(
            server.target, workload, protocol=server.kind.protocol, connections=connections, pipeline=pipeline
        )


def prepare(*, quick: bool, rounds: int, seconds: float, eviction: str) -> tuple[Setting, list[str]]:
    """The setting, and in words where it runs and what is missing.

    The server gets the first allowed core for itself, the generator (this process) the last one.
    """
    said = []
    references: list[Kind] = []
    for kind in (Memcached(), Redis()):
        if kind.missing():
            said.append(f"{kind.missing()}: its rows are left out")
        else:
            references.append(kind)
    cores = sorted(os.sched_getaffinity(0))
    server_core = cores[0] if len(cores) > 1 else None
    if server_core is None:
        said.append("one core only: nothing is pinned, server and generator share it")
    else:
        os.sched_setaffinity(0, {cores[-1]})
        said.append(f"servers pinned to core {cores[0]}, the generator to core {cores[-1]}")
    return Setting(quick, Whimbrel(eviction), references, server_core, rounds, seconds), said
