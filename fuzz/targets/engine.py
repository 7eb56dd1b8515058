"""Whatever packets come, all are counted within the arena, and a quiet flow among them is told as if it were alone.

An input is a list of steps: what to do, who does it, a signed number, a length, so many bytes.  Four connections are
spoken on, in order unless a step says otherwise; raw frames are put in as they are.  After every QUIET_STEPS steps a
fifth connection asks and is answered.
"""

import io
import struct
from typing import Any

from whimbrel.agent.engine import Engine
from whimbrel.capture.files import open_capture
from whimbrel.capture.write import pcap_header, pcap_record

STEP = struct.Struct("!BBhH")
ARENA_BYTES = 16 << 20
FRAMES_MAX = 3000  # an input of one-byte segments has its say and comes to an end
QUIET_STEPS = 8
QUIET_PORT = 999
START_NS = 1_700_000_000 * 10**9
MS = 1_000_000
FIN, SYN, RST, ACK = 1, 2, 4, 16
STEPS = (
    "say", "say_at", "fin", "rst", "syn", "ack", "lose", "cut", "crumbs", "backwards", "raw", "fragments", "time",
    "flags", "twice", "swap",
)  # fmt: skip


def step(kind: str, who: int, number: int = 0, data: bytes = b"") -> bytes:
    return STEP.pack(STEPS.index(kind), who, number, len(data)) + data


TOKENS = (
    step("syn", 0), step("syn", 1), step("fin", 0), step("fin", 1), step("rst", 0), step("rst", 1, -1),
    step("rst", 1, 1000), step("lose", 0, 10), step("lose", 1, 10), step("time", 0, 500), step("time", 0, 5000),
    step("ack", 0, 1000), step("syn", 1, 7000), step("swap", 0),
    step("say", 0, 0, b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"),
    step("say", 1, 0, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    step("crumbs", 1, 0, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nab\r\n0\r\n\r\n"),
    step("say", 2, 0, b"*1\r\n$5\r\nMULTI\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n$4\r\nEXEC\r\n"),
    step("say", 3, 0, b"+OK\r\n+QUEUED\r\n*1\r\n$1\r\nx\r\n"), step("say", 3, 0, b">2\r\n+message\r\n+a\r\n"),
    step("say", 2, 0, b"*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$4\r\nSKIP\r\n*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n"),
    step("say", 4, 0, b"get a b\r\nset a 0 0 2 noreply\r\nhi\r\nmg a v q\r\nmn\r\n"),
    step("say", 5, 0, b"VALUE a 0 1\r\nx\r\nEND\r\nVA 1 ka\r\nx\r\nMN\r\n"),
    step("backwards", 1, 3, b"HTTP/1.1 204 x\r\n\r\n"),
)  # fmt: skip


def ipv4(source: bytes, target: bytes, protocol: int, payload: bytes, ident: int = 0, fragment: int = 0) -> bytes:
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), ident, fragment, 64, protocol, 0)
    return bytes(12) + b"\x08\x00" + head + source + target + payload


def tcp(ports: tuple[int, int], seq: int, ack: int, flags: int, data: bytes) -> bytes:
    return struct.pack("!HHIIBBHHH", *ports, seq % 2**32, ack % 2**32, 0x50, flags & 0xFF, 1024, 0, 0) + data


class Connection:
    """Two ends that speak in order; `at` is what each has said."""

    def __init__(self, number: int) -> None:
        self.addresses = (bytes((10, 0, 0, 1 + number)), b"\x0a\x00\x00\x09")
        self.ports = (1000 + number, 80)
        self.at = [0xFFFFFF00 + number, 5000]

    def segment(self, side: int, seq: int, flags: int, data: bytes, ack: int = 0) -> bytes:
        ports = (self.ports[side], self.ports[1 - side])
        return tcp(ports, seq, self.at[1 - side] + ack, flags, data)

    def frame(self, side: int, seq: int, flags: int, data: bytes = b"", ack: int = 0) -> bytes:
        return ipv4(self.addresses[side], self.addresses[1 - side], 6, self.segment(side, seq, flags, data, ack))

    def say(self, side: int, data: bytes, flags: int = ACK) -> bytes:
        frame = self.frame(side, self.at[side], flags, data)
        self.at[side] += len(data) + bool(flags & FIN)
        return frame

    def syn(self, side: int, start: int) -> bytes:
        self.at[side] += start
        frame = self.frame(side, self.at[side], SYN | (ACK if side else 0))
        self.at[side] += 1
        return frame

    def fragments(self, side: int, units: int, ident: int, data: bytes) -> list[bytes]:
        segment = self.segment(side, self.at[side], ACK, data)
        size = 8 * (units % 16 + 1)
        self.at[side] += len(data)
        made = []
        for at in range(0, len(segment), size):
            more = 0x2000 if at + size < len(segment) else 0
            ends = self.addresses[side], self.addresses[1 - side]
            made.append(ipv4(*ends, 6, segment[at : at + size], ident, more | at // 8))
        return made


class Wire:
    """Frames with their times."""

    def __init__(self) -> None:
        self.now_ns = START_NS
        self.frames: list[tuple[int, bytes, int | None]] = []
        self.connections = [Connection(number) for number in range(4)]
        self.quiet = Connection(QUIET_PORT % 200)
        self.asked = 0
        self.quiet_end = 0
        for frame in (self.quiet.syn(0, 0), self.quiet.syn(1, 0), self.quiet.say(0, b"")):
            self.put(frame)

    def put(self, frame: bytes, wire_len: int | None = None) -> None:
        self.now_ns += MS
        self.frames.append((self.now_ns, frame, wire_len))

    def ask(self) -> None:
        self.put(self.quiet.say(0, f"GET /quiet/{self.asked} HTTP/1.1\r\nHost: quiet\r\n\r\n".encode()))
        self.put(self.quiet.say(1, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
        self.asked += 1
        self.quiet_end = len(self.frames)

    def step(self, kind: str, who: int, number: int, data: bytes) -> None:
        side, c = who & 1, self.connections[who >> 1 & 3]
        if kind == "say_at":
            self.put(c.frame(side, c.at[side] + number, ACK, data))
        elif kind == "rst":
            self.put(c.frame(side, c.at[side] + number, RST))
        elif kind == "syn":
            self.put(c.syn(side, number))
        elif kind == "ack":
            self.put(c.frame(side, c.at[side], ACK, data, number))
        elif kind == "lose":
            c.at[side] += abs(number)
        elif kind == "cut":
            frame = c.say(side, data)
            self.put(frame[: len(frame) - number % (len(data) + 1)], len(frame))
        elif kind in ("crumbs", "backwards"):
            size = number % 16 + 1
            made = [c.say(side, data[at : at + size]) for at in range(0, len(data), size)]
            for frame in made if kind == "crumbs" else reversed(made):
                self.put(frame)
        elif kind == "raw":
            self.put(data)
        elif kind == "fragments":
            for frame in c.fragments(side, number, len(self.frames), data):
                self.put(frame)
        elif kind == "time":  # at most half of what ends an idle flow goes by between two quiet requests
            self.now_ns += number * MS // (2 if number > 0 else 16)
        elif kind == "flags":
            self.put(c.frame(side, c.at[side], number, data))
        elif kind == "twice":
            self.frames.append(self.frames[-1])
        elif kind == "swap":
            if len(self.frames) < self.quiet_end + 2:
                return  # the quiet flow's own order stays
            (first_ns, first, n), (second_ns, second, m) = self.frames[-2:]
            self.frames[-2:] = [(first_ns, second, m), (second_ns, first, n)]
        else:
            self.put(c.say(side, data, ACK | (FIN if kind == "fin" else 0)))


def spoken(data: bytes) -> Wire:
    wire = Wire()
    at = steps = 0
    while at + STEP.size <= len(data) and len(wire.frames) < FRAMES_MAX:
        kind, who, number, length = STEP.unpack_from(data, at)
        at += STEP.size
        name = STEPS[kind % len(STEPS)]
        if steps % QUIET_STEPS == 0:
            wire.ask()
        wire.step(name, who, number, data[at : at + length])
        at += length
        steps += 1
    wire.put(wire.quiet.say(0, b"", ACK | FIN))
    wire.put(wire.quiet.say(1, b"", ACK | FIN))
    return wire


def watched(wire: Wire, calls: list[dict[str, Any]]) -> Engine:
    engine = Engine(arena_bytes=ARENA_BYTES, key=b"k" * 32, reveal_calls=2, reveal=True, on_call=calls.append)
    file = io.BytesIO(pcap_header() + b"".join(map(pcap_record, wire.frames)))
    with open_capture(file) as reader:
        while engine.read(reader, None, 1000):
            if engine.window_due():
                add_up(engine.close_window())
    engine.finish()
    add_up(engine.close_window())
    return engine


def add_up(window: dict[str, Any]) -> None:
    """Whoever called is told with all calls, or not at all; so is who called whom."""
    rows = [row for endpoint in window["endpoints"] for row in endpoint["rows"]]
    for row in rows:
        if "more_callers" not in row and sum(calls for _, _, calls in row["callers"]) != row["calls"]:
            raise AssertionError(f"{row['calls']} calls of {row['callers']}")
    calls, told = sum(row["calls"] for row in rows), sum(edge.get("calls", 0) for edge in window["edges"])
    if not window["counts"]["window_edges_lost"] and calls != told:
        raise AssertionError(f"{calls} calls, {told} of them in edges")


def one_input(data: bytes) -> tuple[str, ...]:
    wire = spoken(data)
    calls: list[dict[str, Any]] = []
    engine = watched(wire, calls)
    counts, peak = engine.counts(), engine.arena_peak
    engine.close()
    if counts["packets"] != len(wire.frames) or counts["calls"] != len(calls):
        raise AssertionError(f"{counts['packets']} packets of {len(wire.frames)}, {len(calls)} calls")
    if peak > ARENA_BYTES:
        raise AssertionError(f"{peak} bytes at the peak")
    quiet = [(c["path"], c["status"], c["response_bytes"], c["flags"]) for c in calls if c["host"] == "quiet"]
    if quiet != [(f"/quiet/{number}", 200, 2, []) for number in range(wire.asked)]:
        raise AssertionError(f"a quiet flow was told as {quiet[:20]}")
    return tuple(sorted({f"{c['protocol']}/{c['status']}/{c.get('outcome')}/{c['flags']}" for c in calls}))[:6]
