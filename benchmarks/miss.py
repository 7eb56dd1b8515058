"""Miss ratios on real traces: servers at equal resident memory, the store at equal object bytes."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rows import Row, Section, Spread, ratio
from benchmarks.servers import MIB, Kind
from benchmarks.setting import Setting
from whimbrel.bench.simulate import OVERHEAD, simulate
from whimbrel.bench.workload import Trace, Workload, read_trace
from whimbrel.store.store import StoreHandle

TRACES = ("web12", "oltp", "cloudphysics")
BESIDE_CHECKOUT = Path(__file__).parents[2] / "shared" / "data" / "traces"
QUICK_LINES = 60_000

RESIDENT = 96 * MIB  # of the whole process, interpreter included
DISTINCT = 5 * RESIDENT  # bytes of all values of a trace together, after scaling
TOLERANCE = 0.02
CALIBRATIONS = 4
LINKS = 16  # lines out of order by no more than this

SIMULATED_MEAN = 2048  # bytes of an object: at 1 % of web12 that is still 138 objects
SHARES = (1, 5, 20)  # percent of distinct bytes
SEGMENTS = 256  # at least, in a simulated heap where 4 KiB are not too large; a server has 512
LIVE_SLACK = 0.005  # of the capacity asked for
HEAP_FITS = 5
# S3-FIFO by libCacheSim 0.3.5 on the same traces and shares (see the data's own README)
S3FIFO = {
    "web12": (0.590, 0.352, 0.219),
    "oltp": (0.535, 0.379, 0.276),
    "cloudphysics": (0.824, 0.803, 0.659),
}
S3FIFO_SLACK = 0.01


def traces(section: Section, *, quick: bool) -> list[Trace]:
    """Those that are there; what is not is said."""
    found = []
    for name in TRACES:
        path = BESIDE_CHECKOUT / f"{name}.csv.gz"
        if not path.exists():
            section.skipped.append(f"{name}: no {path.name} in ../shared/data/traces beside the checkout")
            continue
        trace = read_trace(path)
        found.append(cut(trace, QUICK_LINES) if quick else trace)
    return found


def cut(trace: Trace, lines: int) -> Trace:
    """The first `lines` lines (key numbers are given in order of appearance, so they stay dense)."""
    keys = trace.keys[:lines]
    return Trace(trace.name, keys, trace.sizes[:lines], max(keys) + 1)


# ---- servers -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Replayed:
    """One trace on one server."""

    miss_ratio: float
    rss: int
    refused: int


def served(setting: Setting) -> Section:
    section = Section(
        "Miss ratio at equal resident memory",
        f"Get, then set on a miss, {LINKS} connections with one request in flight each.  Sizes of each trace are scaled"
        f" to {DISTINCT // MIB} MiB of distinct values.  Each server's memory setting is chosen so that its VmRSS, when"
        f" full, is {RESIDENT // MIB} MiB within {TOLERANCE:.0%} (Python included in ours); RSS at the end is noted.",
    )
    known: dict[str, int] = {}
    for trace in traces(section, quick=setting.quick):
        scaled = trace.scaled(DISTINCT // trace.distinct)
        found = {kind.name: at_resident(setting, kind, scaled, known) for kind in setting.kinds}
        ours = found[setting.ours.name]
        note = ", ".join(f"{name} {one.rss / MIB:.0f} MiB" for name, one in found.items())
        note += "".join(f", {name} refused {one.refused} sets" for name, one in found.items() if one.refused)
        for kind in setting.references:
            theirs = found[kind.name].miss_ratio
            section.rows.append(
                Row(trace.name, kind.name, "", Spread((ours.miss_ratio,)), Spread((theirs,)),
                    ratio([ours.miss_ratio], [theirs]), "<=", 1.0, note)
            )  # fmt: skip
        if not setting.references:
            section.rows.append(Row(trace.name, "none", "", Spread((ours.miss_ratio,)), note=note))
    return section


def workload_of(trace: Trace) -> Workload:
    sizes = (min(trace.sizes), max(trace.sizes))
    return Workload(keys=trace.distinct, key_size=(16, 16), value_size=sizes, fill=True)


def at_resident(setting: Setting, kind: Kind, trace: Trace, known: dict[str, int]) -> Replayed:
    """The trace at the memory setting that makes the server as large as the others.

    `known` keeps what suited each server before: the next trace begins there.
    """
    memory = known.get(kind.name, RESIDENT)
    best: Replayed | None = None
    for _attempt in range(CALIBRATIONS):
        one = replayed(setting, kind, trace, memory)
        if best is None or abs(one.rss - RESIDENT) < abs(best.rss - RESIDENT):
            best = one
            known[kind.name] = memory
        if abs(one.rss - RESIDENT) <= TOLERANCE * RESIDENT:
            return one
        memory = max(memory + RESIDENT - one.rss, 8 * MIB)
    if best is None:
        raise RuntimeError("no calibration was run")
    return best


def replayed(setting: Setting, kind: Kind, trace: Trace, memory: int) -> Replayed:
    with setting.server(kind, memory) as server:
        result = setting.client(server, workload_of(trace), 1, LINKS).replay(trace.keys, trace.sizes)
        rss = server.rss()
    looked_up = result["hits"] + result["misses"]
    if not looked_up or result["lost"] or result["wrong"]:
        raise RuntimeError(f"{kind.name} on {trace.name}: {result['lost']} lost connections, {result['wrong']} wrong")
    return Replayed(result["misses"] / looked_up, rss, result["refused"])


# ---- the store itself ----------------------------------------------------------------------------------


def simulated(setting: Setting, eviction: str) -> Section:
    section = Section(
        "Miss ratio at equal object bytes, in the store",
        "No server.  An object is its whole item: header, key, value.  The heap is chosen so that the items alive in it"
        f" when it is full have, on average and within {LIVE_SLACK:.1%}, the given share of the trace's distinct bytes,"
        " which is what an object cache of that size holds; how much larger the heap is (table, ghosts, what is dead,"
        " free or in reserve) is noted, and the miss ratio of a heap that has just that share with all of this in"
        " it.  `theirs` is S3-FIFO by object (libCacheSim), the difference to it is shown.",
    )
    if setting.quick:
        section.skipped.append("oltp: left out of a quick run")
    for trace in traces(section, quick=False):
        if setting.quick and trace.name == "oltp":
            continue
        scaled = trace.scaled(SIMULATED_MEAN)
        for share, bar in zip(SHARES, S3FIFO[trace.name], strict=True):
            fit = in_store(scaled, share / 100, eviction)
            section.rows.append(
                Row(f"{trace.name} {share} %", "S3-FIFO", "", Spread((fit.miss_ratio,)), Spread((bar,)),
                    Spread((fit.miss_ratio - bar,)), "<=", S3FIFO_SLACK,
                    f"live items {fit.live:.1%}, heap {fit.heap:.0%}; with a heap of 100 %: {fit.all_counted:.3f}",
                    difference=True)
            )  # fmt: skip
    return section


@dataclass(frozen=True)
class Fit:
    """A trace in a heap chosen by its live items; sizes are shares of the capacity asked for."""

    miss_ratio: float
    heap: float
    live: float
    all_counted: float  # the miss ratio of a heap of exactly the capacity, table and dead space included


def in_store(trace: Trace, share: float, eviction: str) -> Fit:
    first: dict[int, int] = {}
    for key, size in zip(trace.keys, trace.sizes, strict=True):
        first.setdefault(key, size)
    capacity = int(sum(first.values()) * share)
    values = array("I", (max(size - OVERHEAD, 0) for size in trace.sizes))
    segment = 4096
    while segment * 2 * SEGMENTS <= capacity and segment < MIB:
        segment *= 2
    heap, fits, all_counted = capacity, 0, 0.0
    while True:
        handle = StoreHandle.create(heap, segment_bytes=segment, eviction=eviction)
        hits, misses, _refused, live = simulate(handle, trace.keys, values)
        handle.close()
        miss_ratio = misses / (hits + misses)
        if fits == 0:
            all_counted = miss_ratio
        fits += 1
        if fits == HEAP_FITS or abs(live - capacity) <= LIVE_SLACK * capacity:
            return Fit(miss_ratio, heap / capacity, live / capacity, all_counted)
        heap += capacity - live
