"""Processor time a request, throughput with pipelines, and the tail at a fixed rate."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks.rows import Row, Section, Spread, ratio
from benchmarks.servers import MIB, Kind, Server
from benchmarks.setting import CONNECTIONS, Setting
from whimbrel.bench.report import both_ns, kept_up
from whimbrel.bench.schedule import Schedule
from whimbrel.bench.workload import Workload

PIPELINE = 32
ROOMY = 512 * MIB  # nothing is evicted
TAIL_MEMORY = 96 * MIB
TAIL_SHARE = 0.7  # of memcached's unpipelined peak
SATURATED = 0.95  # share of its core a server must use for its throughput to be its own

MIX = Workload(keys=100_000, key_size=(25, 25), value_size=(100, 100), get_share=0.9)
# about 400 bytes an item, 4 times what the heap holds: every SET evicts
TAIL_MIX = Workload(keys=1_000_000, key_size=(25, 25), value_size=(100, 600), get_share=0.9, zipf=0.9)


@dataclass(frozen=True)
class Sample:
    """One server in one round."""

    rate: float  # requests a second
    cpu_ns: float  # of the server, a request
    busy: float  # share of one core the server used
    p50_us: float
    p99_us: float
    p999_us: float
    kept_up: bool
    errors: int


def sample(setting: Setting, server: Server, workload: Workload, schedule: Schedule, pipeline: int) -> Sample:
    """One run of load, with the server's processor time from before it to after it (warm-up included)."""
    client = setting.client(server, workload, pipeline)
    before = server.cpu_ns()
    result = client.run(schedule)
    used = server.cpu_ns() - before
    latencies = both_ns(result)
    p50, p99, p999 = (latencies.percentile(percent) / 1000 for percent in (50, 99, 99.9))
    return Sample(
        rate=result["requests"] / result["elapsed_ns"] * 1e9,
        cpu_ns=used / max(result["asked"], 1),
        busy=used / result["wall_ns"],
        p50_us=p50,
        p99_us=p99,
        p999_us=p999,
        kept_up=kept_up(result),
        errors=result["refused"] + result["wrong"] + result["lost"] + result["unanswered"] + result["unsent"],
    )


Samples = dict[str, list[Sample]]


def interleaved(
    setting: Setting, stack: ExitStack, workload: Workload, memory: int, schedule: Schedule, pipeline: int,
    started: list[Server] | None = None,
) -> Samples:  # fmt: skip
    """A B C A B C ...: every server once a round."""
    servers = started or [stack.enter_context(setting.server(kind, memory)) for kind in setting.kinds]
    if not started:
        fill(setting, servers, workload)
    samples: Samples = {server.kind.name: [] for server in servers}
    for turn in range(setting.rounds):
        for server in servers[turn % len(servers):] + servers[:turn % len(servers)]:  # fmt: skip
            samples[server.kind.name].append(sample(setting, server, workload, schedule, pipeline))
    return samples


def fill(setting: Setting, servers: list[Server], workload: Workload) -> None:
    for server in servers:
        setting.client(server, workload, PIPELINE).prefill()


def pick(samples: Samples, kind: Kind, name: str) -> list[float]:
    return [float(getattr(one, name)) for one in samples[kind.name]]


def compare(
    setting: Setting, samples: Samples, what: str, name: str, unit: str, sense: str, targets: dict[str, float]
) -> list[Row]:
    """A row for each reference; `targets` by reference name."""
    rows = []
    ours = pick(samples, setting.ours, name)
    for kind in setting.references:
        theirs = pick(samples, kind, name)
        doubt = doubts(samples, (setting.ours, kind))
        target = targets.get(kind.name)
        rows.append(
            Row(what, kind.name, unit, Spread(tuple(ours)), Spread(tuple(theirs)), ratio(ours, theirs), sense, target,
                doubt)
        )  # fmt: skip
    return rows or [Row(what, "none", unit, Spread(tuple(ours)))]


def doubts(samples: Samples, kinds: tuple[Kind, ...]) -> str:
    """What makes a comparison of these doubtful."""
    found = []
    for kind in kinds:
        errors = sum(one.errors for one in samples[kind.name])
        if errors:
            found.append(f"{kind.name}: {errors} requests failed")
        if not all(one.kept_up for one in samples[kind.name]):
            found.append(f"{kind.name}: the generator fell behind")
    return "; ".join(found)


def processor_time(setting: Setting) -> Section:
    section = Section(
        "Server CPU per request, no pipelining",
        f"GET/SET 9:1, {MIX.keys} keys of 25 B, values of 100 B, {CONNECTIONS} connections, closed loop.  CPU: user and"
        " system time of all threads of the server over the requests it answered, the loopback's network work"
        " included.",
    )
    schedule = Schedule(duration_s=setting.seconds, warmup_s=0.2)
    with ExitStack() as stack:
        samples = interleaved(setting, stack, MIX, ROOMY, schedule, 1)
    section.rows += compare(setting, samples, "CPU a request", "cpu_ns", "ns", "<=", {"memcached": 0.85})
    section.rows += compare(setting, samples, "throughput", "rate", "1/s", ">=", {})
    section.rows += compare(setting, samples, "core used by the server", "busy", "", "<=", {})
    return section


def pipelined(setting: Setting) -> Section:
    section = Section(
        f"Throughput, pipeline of {PIPELINE}",
        f"The same mix, {PIPELINE} requests in flight on each of {CONNECTIONS} connections, closed loop.  `throughput`"
        " is what one generator core got; where a server did not use its whole core, the generator was the limit"
        " and `per CPU second` (requests over the server's own processor time) is the server's figure.",
    )
    schedule = Schedule(duration_s=setting.seconds, warmup_s=0.2)
    with ExitStack() as stack:
        samples = interleaved(setting, stack, MIX, ROOMY, schedule, PIPELINE)
    targets = {"memcached": 2.0, "redis": 2.0}
    section.rows += compare(setting, samples, "throughput", "rate", "1/s", ">=", targets)
    section.rows += per_cpu_second(setting, samples, targets)
    for kind in setting.kinds:
        busy = Spread(tuple(pick(samples, kind, "busy")))
        limit = "" if busy.middle >= SATURATED else "the generator was the limit"
        section.rows.append(Row(f"core used by {kind.name}", "", "", busy, note=limit))
    return section


def per_cpu_second(setting: Setting, samples: Samples, targets: dict[str, float]) -> list[Row]:
    rows = []
    ours = [1e9 / ns for ns in pick(samples, setting.ours, "cpu_ns")]
    for kind in setting.references:
        theirs = [1e9 / ns for ns in pick(samples, kind, "cpu_ns")]
        rows.append(
            Row("per CPU second", kind.name, "1/s", Spread(tuple(ours)), Spread(tuple(theirs)), ratio(ours, theirs),
                ">=", targets[kind.name])
        )  # fmt: skip
    return rows


def tail(setting: Setting) -> Section:
    """Every server at the same rate: 70 % of what memcached gave unpipelined, with its heap full."""
    section = Section("Latency at a fixed rate, heap full and evicting", "")
    with ExitStack() as stack:
        servers = [stack.enter_context(setting.server(kind, TAIL_MEMORY)) for kind in setting.kinds]
        fill(setting, servers, TAIL_MIX)
        rate, measured_on = peak(setting, servers)
        schedule = Schedule("fixed", rate=rate, duration_s=setting.seconds, warmup_s=0.3)
        samples = interleaved(setting, stack, TAIL_MIX, TAIL_MEMORY, schedule, 1, servers)
    section.includes = (
        f"Open loop, {rate:,.0f} requests a second ({TAIL_SHARE:.0%} of {measured_on}'s peak), GET/SET 9:1,"
        f" {TAIL_MIX.keys} keys, Zipf {TAIL_MIX.zipf}, values of 100-600 B, memory set to {TAIL_MEMORY // MIB} MiB,"
        " about a quarter of what is stored.  Latency from when a request was due to its reply's last byte parsed by"
        " the generator, kernel and loopback included."
    )
    for name, what in (("p50_us", "p50"), ("p99_us", "p99"), ("p999_us", "p999")):
        targets = {"memcached": 0.8} if what == "p999" else {}
        section.rows += compare(setting, samples, what, name, "us", "<=", targets)
    return section


def peak(setting: Setting, servers: list[Server]) -> tuple[float, str]:
    """The rate to ask at, and whose peak it comes from (ours where there is no memcached)."""
    named = {server.kind.name: server for server in servers}
    server = named.get("memcached", servers[0])
    closed = Schedule(duration_s=setting.seconds, warmup_s=0.2)
    rates = sorted(sample(setting, server, TAIL_MIX, closed, 1).rate for _ in range(3))
    return round(rates[1] * TAIL_SHARE, -2), server.kind.name
