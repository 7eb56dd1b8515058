"""The rows of `whimbrel serve`'s options, and what they become."""

from __future__ import annotations

from dataclasses import dataclass

from whimbrel.base.options import Option, Values, size_text

MIB = 1 << 20
EVICTIONS = ("s3fifo", "merge", "fifo")
THREADS_MAX = 64  # a worker saturates a core with its system calls; more than this many cores is another design
CONNECTIONS_MAX = 1_000_000
MEMORY_MAX = 1 << 44
MAX_ITEM_MIN, MAX_ITEM_MAX = 1024, (1 << 28) - 1  # an item's length has 28 bits
IDLE_MAX_S = 365 * 86400

ROWS: tuple[Option, ...] = (
    Option("listen", "str", ("127.0.0.1:11211",), "Serve memcache and RESP clients at this address.",
           repeatable=True, metavar="HOST:PORT|unix:PATH"),
    Option("memory", "size", "64MiB", "Bound of the whole process's memory: items, connections, buffers, interpreter.",
           minimum=1 * MIB, maximum=MEMORY_MAX),
    Option("threads", "int", 1, "Worker threads; each runs one event loop.", minimum=1, maximum=THREADS_MAX),
    Option("admin", "str", None, "Serve /metrics, /healthz, /readyz and /stats.json over HTTP at this address.",
           metavar="HOST:PORT"),
    Option("max-connections", "int", 10000, "Refuse connections beyond this many.",
           minimum=1, maximum=CONNECTIONS_MAX),
    Option("idle-timeout", "seconds", 0, "Close a connection after this long without traffic; 0 never does.",
           minimum=0, maximum=IDLE_MAX_S),
    Option("max-item", "size", "1MiB", "Largest value that is stored.", minimum=MAX_ITEM_MIN, maximum=MAX_ITEM_MAX),
    Option("eviction", "choice", "s3fifo", "What is evicted when memory is full.", choices=EVICTIONS),
)  # fmt: skip


@dataclass(frozen=True)
class ServeOptions:
    """The values of ROWS, checked one by one; what they mean together is main's to check."""

    listen: tuple[str, ...]
    memory_bytes: int
    threads: int
    admin: str | None
    max_connections: int
    idle_timeout_ms: int
    max_item: int
    eviction: str

    @classmethod
    def of(cls, values: Values) -> ServeOptions:
        return cls(
            listen=tuple(values["listen"]),
            memory_bytes=values["memory"],
            threads=values["threads"],
            admin=values["admin"] or None,
            max_connections=values["max-connections"],
            idle_timeout_ms=round(values["idle-timeout"] * 1000),
            max_item=values["max-item"],
            eviction=values["eviction"],
        )

    def as_text(self) -> dict[str, str]:
        """Name to value as a person would write it: for CONFIG GET and /stats.json."""
        return {
            "listen": " ".join(self.listen),
            "memory": size_text(self.memory_bytes),
            "threads": str(self.threads),
            "admin": self.admin or "",
            "max-connections": str(self.max_connections),
            "idle-timeout": f"{self.idle_timeout_ms / 1000:g}",
            "max-item": size_text(self.max_item),
            "eviction": self.eviction,
        }
