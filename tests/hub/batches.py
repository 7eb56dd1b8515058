"""Batches made by hand, small enough to count on fingers."""

import itertools
from typing import Any

from whimbrel.summary import hll

NS = 1_000_000_000
NOON = 1_760_011_200  # a Thursday, 12:00 UTC
_ids = itertools.count()


def sizes(total: int = 0, steps: list[int] | None = None) -> dict[str, Any]:
    return {"sum": total, "min": total, "max": total, "steps": steps or [0, 1]}


def latency(*pairs: int, **more: int) -> dict[str, Any]:
    return {"count": sum(pairs[1::2]), "sum": 1000, "min": 10, "max": 9 * NS, "buckets": list(pairs), **more}


def row(calls: int = 1, status: int = 200, **more: Any) -> dict[str, Any]:
    made = {"calls": calls, "status": status, "request": sizes(), "response": sizes(5)}
    return made | {"last": latency(200, calls), "clients": hll.registers([1 << 5 | 2])} | more


def endpoint(number: int = 1, *rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    made = {"id": f"{number:016x}", "protocol": "http", "method": "GET", "host": "shop", "template": f"/{number}"}
    return made | {"rows": list(rows) or [row()]} | more


def edge(client: str = "~a", **more: Any) -> dict[str, Any]:
    made = {"client": client, "client_class": "private", "server": "~s", "server_class": "private", "port": 80}
    return made | {"protocol": "http", "calls": 1} | more


def batch(*endpoints: dict[str, Any], start: int = NOON, batch_id: str = "", **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"v": 1, "id": batch_id or f"batch-{next(_ids)}", "agent": "one"}
    made |= {"start_ns": start * NS, "end_ns": (start + 10) * NS, "lost_batches": 0, "lost_calls": 0, "counts": {}}
    return made | {"aliases": [], "endpoints": list(endpoints), "edges": [], "reuse": []} | more
