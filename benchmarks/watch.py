"""The agent: what it takes to read captures and interfaces, and what it keeps when traffic wants its memory.

Each measurement is a `whimbrel watch` process of its own; its processor time and peak memory are the kernel's word.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Self

from benchmarks import traffic
from benchmarks.rows import Row, Section, Spread
from benchmarks.setting import Setting
from benchmarks.traffic import Traffic

MIB = 1 << 20
MEMORY = "64MiB"
ANSWERS, ANSWER_BYTES = 10, 27 * MIB
RATE, LIVE_S = 10_000, 8.0
LIVE_BODY = 1024


def run(path: Path, *options: str, core: int | None = None) -> tuple[dict[str, Any], float, float]:
    """`whimbrel watch FILE --json`: its summary, processor seconds, peak resident MiB."""
    command = [sys.executable, "-m", "whimbrel", "watch", str(path), "--json", "--memory", MEMORY, *options]
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, stdout=out)
        if core is not None:
            os.sched_setaffinity(process.pid, {core})
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"whimbrel watch ended with {process.returncode}")
        out.seek(0)
        summary = json.load(out)
    # not ru_maxrss: that counts what this process had when it forked
    return summary, usage.ru_utime + usage.ru_stime, summary["resident_peak_bytes"] / MIB


def start_up(directory: Path) -> float:
    """Processor seconds of watching nothing: the interpreter, the imports, the table."""
    return min(run(traffic.written(directory / "nothing.pcap", [], 0).path)[1] for _ in range(3))


def speed(setting: Setting) -> Section:
    section = Section(
        "Agent: throughput from a pcap",
        "HTTP/1 keep-alive connections, 20 GETs each, JSON answers; the file is in the page cache.  Processor time of"
        " the whole process without its start (measured apart); Gbit/s of TCP payload and calls per CPU second.",
    )
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        idle_s = start_up(directory)
        for title, flows, body, target in (("16 KiB answers", 700, 16384, 3.0), ("1 KiB answers", 5000, 1024, None)):
            made = traffic.api_calls(directory / "calls.pcap", flows // (4 if setting.quick else 1), 20, body)
            gbits, calls = [], []
            for _ in range(setting.rounds):
                summary, seconds, _ = run(made.path, core=setting.server_core)
                complete(summary, made)
                gbits.append(made.payload_bytes * 8 / 1e9 / (seconds - idle_s))
                calls.append(made.calls / (seconds - idle_s))
            section.rows.append(
                Row(title, "Suricata's 0.3-0.6" if target else "", "Gbit/s", Spread(tuple(gbits)), None,
                    Spread(tuple(gbits)), ">=", target)
            )  # fmt: skip
            section.rows.append(Row(title, "", "calls/s", Spread(tuple(calls))))
    return section


def complete(summary: dict[str, Any], made: Traffic) -> None:
    """Every call of the capture is in the summary, and nothing was lost."""
    counts = summary["counts"]
    if counts["calls"] != made.calls or counts["gaps"] or counts["untyped_bodies"]:
        raise RuntimeError(f"{made.calls} calls were sent; the summary counts {counts}")


def large(setting: Setting) -> Section:
    section = Section(
        f"Agent: {ANSWERS} JSON answers of {ANSWER_BYTES // MIB} MiB at once",
        f"All under way at the same time, a segment of each in turn, --memory {MEMORY}.  Peak resident memory of the"
        " whole process; every answer is typed to its end or the row is not printed.",
    )
    with tempfile.TemporaryDirectory() as name:
        made = traffic.large_answers(Path(name) / "large.pcap", ANSWERS, ANSWER_BYTES)
        summary, seconds, peak = run(made.path, core=setting.server_core)
        complete(summary, made)
    section.rows.append(
        Row("peak resident", "Akita 310 MiB, cut at 10 MiB", "MiB", Spread((peak,)), None, Spread((peak,)), "<=", 64,
            f"{made.payload_bytes * 8 / 1e9 / seconds:.2f} Gbit/s, start included")
    )  # fmt: skip
    return section


ATTACKS: dict[str, Callable[[Path], Traffic]] = {
    "SYN flood, 1,000,000 addresses": lambda path: traffic.syn_flood(path, 1_000_000),
    "1,000,000 flows with half a request": lambda path: traffic.unfinished_flows(path, 1_000_000),
    "gzip, 1 GiB out of 1 MiB": lambda path: traffic.gzip_bomb(path, 1 << 30),
    "JSON 2,000,000 levels deep": lambda path: traffic.deep_json(path, 2_000_000),
    "JSON object with 2,000,000 keys": lambda path: traffic.many_keys(path, 2_000_000),
    "100 MiB of headers": lambda path: traffic.endless_headers(path, 50 * MIB),
    "a chunk of 100 MiB that never ends": lambda path: traffic.endless_chunk(path, 100 * MIB),
}


def attacks(setting: Setting) -> Section:
    section = Section(
        "Agent: memory under attack",
        f"One hostile capture each, --memory {MEMORY}: peak resident memory of the whole process.",
    )
    with tempfile.TemporaryDirectory() as name:
        for title, make in ATTACKS.items():
            made = make(Path(name) / "attack.pcap")
            summary, seconds, peak = run(made.path, core=setting.server_core)
            counts = summary["counts"]
            note = (
                f"{seconds:.1f} s; {counts['flows_evicted']:,} flows evicted, {counts['half_open_dropped']:,} half open"
            )
            section.rows.append(
                Row(title, "64 MiB", "MiB", Spread((peak,)), None, Spread((peak,)), "<=", 64, note)
            )  # fmt: skip
    return section


# ---- live ------------------------------------------------------------------------------------------------


class Wire:
    """Two ends of a virtual cable in a network namespace of their own."""

    def __init__(self) -> None:
        self.space = f"whimbrel-bench-{os.getpid()}"

    def __enter__(self) -> Self:
        ip("netns", "add", self.space)
        self.inside("ip", "link", "add", "wb0", "type", "veth", "peer", "name", "wb1")
        for name in ("wb0", "wb1"):
            self.inside("ip", "link", "set", name, "up")
        return self

    def __exit__(self, *_: object) -> None:
        ip("netns", "del", self.space)

    def inside(self, *command: str) -> None:
        subprocess.run(self.command(*command), check=True, capture_output=True)

    def command(self, *command: str) -> list[str]:
        return ["ip", "netns", "exec", self.space, *command]


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def live(setting: Setting) -> Section:
    section = Section(
        f"Agent: {RATE:,} requests a second live",
        f"Keep-alive connections of 20 calls, answers of about {LIVE_BODY} B, sent as packets into one end of a virtual"
        f" cable for {LIVE_S:g} s and captured at the other.  Processor time of the agent's whole process, kernel"
        " included, per second; what the kernel dropped is noted.",
    )
    if os.geteuid() != 0:
        section.skipped.append("needs root for a network namespace")
        return section
    try:
        with Wire() as wire:
            used, note = watched(wire, setting.server_core)
    except (OSError, subprocess.CalledProcessError) as error:
        section.skipped.append(f"no network namespace here: {error}")
        return section
    section.rows.append(
        Row("processor", "Coroot ~200", "millicores", Spread((used,)), None, Spread((used,)), "<=", 100, note)
    )
    return section


def watched(wire: Wire, core: int | None) -> tuple[float, str]:
    """Millicores of an agent that captures while this process's child sends, and what it says it saw."""
    command = wire.command(sys.executable, "-m", "whimbrel", "watch", "-i", "wb1", "--json", "--memory", MEMORY)
    agent = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert agent.stdout is not None
    if core is not None:
        os.sched_setaffinity(agent.pid, {core})
    time.sleep(2)  # until it is ready; its start is not counted
    before, start = used_s(agent.pid), time.monotonic()
    sender = subprocess.run(
        wire.command(sys.executable, "-m", "benchmarks.watch", "wb0"), check=True, capture_output=True, text=True
    )
    sent = int(sender.stdout)
    after, end = used_s(agent.pid), time.monotonic()
    agent.send_signal(signal.SIGINT)
    counts = json.loads(agent.communicate(timeout=30)[0])["counts"]
    note = f"{sent:,} calls sent, {counts['calls']:,} seen, {counts['kernel_drops']:,} packets dropped"
    return (after - before) / (end - start) * 1000, note


def used_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def send(interface: str) -> int:
    """Frames at RATE calls a second, in bursts of a millisecond; how many calls were sent."""
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    wire.bind((interface, 0))
    talk = traffic.Talk(traffic.client_of(0))
    template = [*talk.opened()]
    for call in range(20):
        template += talk.sent(0, traffic.REQUEST % call)
        template += talk.sent(1, traffic.answered(traffic.orders(Random(call), LIVE_BODY - 200)))
    template += talk.closed()
    start, flows = time.monotonic(), int(RATE * LIVE_S / 20)
    for number in range(flows):
        ahead = start + number * 20 / RATE - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
        for data in template:
            wire.send(traffic.moved(data, number))
    return flows * 20


if __name__ == "__main__":
    print(send(sys.argv[1]))
