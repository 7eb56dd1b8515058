"""Conversations as wire traces: what both sides say, and the calls that must come of it.

== a name
>> bytes of the client          << bytes of the server          (escapes as in Python; {x*1000} repeats x)
>gap 20    <gap 20              bytes of a side that are missing
>fin       <fin                 a side closes
.. rst                          the flow's end: fin (the default, at the trace's end), rst, idle
.. late                         the beginning was not captured (the first line)
.. wait 5                       seconds go by
=> a call as line_of() says it, in order
== opaque                       (as `=> opaque`) nothing is kept of the flow in the end
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from whimbrel.agent.testing_talk import Script
from whimbrel.summary.call import OUTCOMES, flag_names

HERE = Path(__file__).parent / "traces"
MACRO = re.compile(r"\{([^{}]*)\*(\d+)\}")
SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND

Step = tuple[Any, ...]  # ("data", side, bytes) ("gap", side, n) ("half", side) ("over", why) ("wait", seconds)


@dataclass
class Trace:
    name: str
    steps: list[Step] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    late: bool = False
    end: str = "fin"

    def __str__(self) -> str:
        return self.name

    @property
    def plain(self) -> bool:
        """Nothing is missing in it."""
        return not self.late and all(step[0] != "gap" for step in self.steps)


def decode(text: str) -> bytes:
    expanded = MACRO.sub(lambda found: found[1] * int(found[2]), text)
    return expanded.encode("latin-1").decode("unicode_escape").encode("latin-1")


def read_step(trace: Trace, kind: str, rest: str) -> None:
    if kind in (">>", "<<"):
        trace.steps.append(("data", int(kind == "<<"), decode(rest)))
    elif kind in (">gap", "<gap"):
        trace.steps.append(("gap", int(kind == "<gap"), int(rest)))
    elif kind in (">fin", "<fin"):
        trace.steps.append(("half", int(kind == "<fin")))
    elif kind == "=>":
        trace.calls.append(rest)
    elif rest == "late":
        trace.late = True
    elif rest.startswith("wait"):
        trace.steps.append(("wait", int(rest.split()[1])))
    elif kind == "..":
        trace.end = rest
    else:
        raise ValueError(f"{trace.name}: {kind} {rest}")


def traces(name: str) -> Iterator[Trace]:
    trace: Trace | None = None
    for line in (HERE / f"{name}.txt").read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        kind, _, rest = line.partition(" ")
        if kind == "==":
            if trace:
                yield trace
            trace = Trace(rest)
        elif trace:
            read_step(trace, kind, rest)
    if trace:
        yield trace


def line_of(call: dict[str, Any]) -> str:
    """GET a.example/path 200 0/2 flags...   |   set key stored 5/0 keys=2 ttl=1000 flags..."""
    words = [call["method"].decode("latin-1") or "-"]
    if call["protocol"] == 1:
        words += [(call["host"] + call["target"]).decode("latin-1") or "-", str(call["status"])]
    else:
        words += [call["key"].decode("latin-1") or "-", OUTCOMES[call["outcome"]]]
    words.append(f"{call['request_bytes']}/{call['response_bytes']}")
    if call["keys"] > 1:
        words.append(f"keys={call['keys']}")
    if call["ttl_ms"] >= 0:
        words.append(f"ttl={call['ttl_ms']}")
    return " ".join(words + flag_names(call["flags"]))


def play(script: Script, steps: list[Step], end: str = "fin") -> None:
    """Each step a microsecond after the one before."""
    now = START
    for step in steps:
        now += 1000
        if step[0] == "data":
            script.data(step[1], step[2], now)
        elif step[0] == "gap":
            script.gap(step[1], step[2], now)
        elif step[0] == "half":
            script.half(step[1], now)
        else:
            now += step[1] * SECOND
    if end == "fin" and not any(step[0] == "half" for step in steps):
        script.half(0, now)
        script.half(1, now)
    script.over(end, now)


def calls_of(steps: list[Step], end: str = "fin", late: bool = False) -> list[dict[str, Any]]:
    script = Script(syn=not late)
    play(script, steps, end)
    if script.used_bytes:
        raise AssertionError(f"{script.used_bytes} bytes stayed behind")
    return script.calls


def cut(steps: list[Step], sizes: Iterator[int]) -> list[Step]:
    """The same bytes in pieces of these sizes."""
    found: list[Step] = []
    for step in steps:
        if step[0] != "data":
            found.append(step)
            continue
        at, data = 0, step[2]
        while at < len(data):
            n = next(sizes)
            found.append(("data", step[1], data[at : at + n]))
            at += n
    return found


def with_gap(steps: list[Step], side: int, start: int, n: int) -> list[Step]:
    """`n` bytes of a side, from its byte `start` on, are missing."""
    found: list[Step] = []
    at = 0
    for step in steps:
        if step[0] != "data" or step[1] != side:
            found.append(step)
            continue
        data = step[2]
        before = data[: max(start - at, 0)]
        after = data[max(start + n - at, 0) :] if at + len(data) > start + n else b""
        missing = len(data) - len(before) - len(after)
        found += [("data", side, before)] if before else []
        found += [("gap", side, missing)] if missing else []
        found += [("data", side, after)] if after else []
        at += len(data)
    return found
