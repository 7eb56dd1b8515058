"""In-process get: whimbrel.Cache, cachetools' LRUCache and a plain dict."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from benchmarks.rows import Row, Section, Spread, ratio
from benchmarks.setting import Setting
from whimbrel import Cache

SIZES = ((1_000, 80.0), (100_000, None))  # items, target in ns: within the CPU's caches, and beyond them
GETS = 300_000


def gets(setting: Setting) -> Section:
    section = Section(
        "In-process get",
        "One thread, str keys of 25 characters in random order, bytes values of 100 B, every get a hit.  Processor time"
        " of the thread, the loop and the call included.  dict and cachetools hand out a reference; whimbrel.Cache"
        " copies the value out of its region.",
    )
    if find_spec("cachetools") is None:
        section.skipped.append("cachetools is not installed")
    for items, target in SIZES:
        section.rows += rows_of(items, target, setting.rounds)
    return section


def rows_of(items: int, target: float | None, rounds: int) -> list[Row]:
    keys = [f"k{number:024d}" for number in range(items)]
    random.Random(1).shuffle(keys)
    with Cache(memory="64MiB") as cache:
        found = measured(subjects(cache, keys), keys, rounds)
    ours = found.pop("whimbrel.Cache")
    what = f"get, {items:,} items"
    bound = None if target is None else Spread(tuple(ours))
    rows = [Row(what, "" if target is None else f"{target:g} ns", "ns", Spread(tuple(ours)), None, bound, "<=", target)]
    for name, theirs in found.items():
        rows.append(Row(what, name, "ns", Spread(tuple(ours)), Spread(tuple(theirs)), ratio(ours, theirs)))
    return rows


def subjects(cache: Cache, keys: list[str]) -> dict[str, Callable[[str], Any]]:
    """What is called for a get, by name; each holds every key."""
    plain = dict.fromkeys(keys, bytes(100))
    for key, value in plain.items():
        cache.set(key, value)
    called: dict[str, Callable[[str], Any]] = {"whimbrel.Cache": cache.get, "dict": plain.get}
    if find_spec("cachetools") is not None:
        from cachetools import LRUCache

        lru: LRUCache[str, bytes] = LRUCache(maxsize=len(keys))
        lru.update(plain)
        called["cachetools LRUCache"] = lru.__getitem__
    return called


def measured(called: dict[str, Callable[[str], Any]], keys: list[str], rounds: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in called}
    for _round in range(rounds):
        for name, get in called.items():
            found[name].append(ns_a_get(get, keys))
    return found


def ns_a_get(get: Callable[[str], Any], keys: list[str]) -> float:
    rounds = max(GETS // len(keys), 1)
    start = time.thread_time_ns()
    for _round in range(rounds):
        for key in keys:
            get(key)
    return (time.thread_time_ns() - start) / (rounds * len(keys))
