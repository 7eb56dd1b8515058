"""Wire traces: what is sent and what is expected, as text that reads like a log.  See traces/memcache.txt."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

MACRO = re.compile(r"\{([^{}]*)\*(\d+)\}")
VARIABLE = re.compile(rb"\$([a-z])([+-]1)?")
DISTINCT = set("abcd")  # tokens: each name another value; other names may coincide


@dataclass
class Step:
    sent: bytes = b""
    ours: bytes = b""
    theirs: bytes = b""
    closed: bool = False  # both close the connection here
    they_close: bool = False  # the original does, and its part of the script ends
    wait_ms: int = 0
    line: int = 0


@dataclass
class Script:
    name: str
    steps: list[Step] = field(default_factory=list)

    @property
    def needs_clock(self) -> bool:
        return any(step.wait_ms for step in self.steps)

    def __str__(self) -> str:
        return self.name


def decode(text: str) -> bytes:
    expanded = MACRO.sub(lambda found: found[1] * int(found[2]), text)
    return expanded.encode("latin-1").decode("unicode_escape").encode("latin-1")


def load(path: Path) -> list[Script]:
    scripts: list[Script] = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("== "):
            scripts.append(Script(line[3:], [Step(line=number)]))
        elif line and not line.startswith(("#", "-- ")):
            _add(scripts[-1].steps, line, number)
    return scripts


def _add(steps: list[Step], line: str, number: int) -> None:
    mark, text = line[:2], line[3:]
    last = steps[-1]
    answered = last.ours or last.theirs or last.wait_ms
    if (mark[0] in ">." and answered) or (mark[0] == "." and last.sent):
        steps.append(Step(line=number))
    step = steps[-1]
    if mark == ">>":
        step.sent += decode(text) + b"\r\n"
    elif mark == ">!":
        step.sent += decode(text)
    elif mark == "..":
        step.wait_ms = round(float(text) * 1000)
        steps.append(Step(line=number))
    elif mark == "<x":
        step.closed = True
    elif mark == "<X":
        step.they_close = True
    elif mark in ("<<", "<!", "<o", "<m"):
        expected = decode(text) + (b"" if mark == "<!" else b"\r\n")
        step.ours += expected if mark != "<m" else b""
        step.theirs += expected if mark != "<o" else b""
    else:
        raise ValueError(f"line {number}: {line!r}")


class Variables:
    """The numbers of a script that only the server knows."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    def fill(self, sent: bytes) -> bytes:
        def value(found: re.Match[bytes]) -> bytes:
            name, offset = found[1].decode(), found[2]
            return self.values[name] if offset is None else b"%d" % (int(self.values[name]) + int(offset))

        return VARIABLE.sub(value, sent)

    def pattern(self, expected: bytes) -> re.Pattern[bytes]:
        seen: set[bytes] = set()

        def part(piece: bytes) -> bytes:
            if not re.fullmatch(rb"\$[a-z]", piece):
                return re.escape(piece)
            name = piece[1:]
            if name.decode() in self.values:
                return re.escape(self.values[name.decode()])
            if name in seen:
                return b"(?P=%s)" % name
            seen.add(name)
            return rb"(?P<%s>[0-9.]+)" % name

        return re.compile(b"".join(part(piece) for piece in re.split(rb"(\$[a-z])", expected)), re.DOTALL)

    def check(self, got: bytes, expected: bytes, where: str) -> None:
        matched = self.pattern(expected).fullmatch(got)
        assert matched, f"{where}: got {_short(got)}, expected {_short(expected)}"
        self.values.update(matched.groupdict())
        tokens = [value for name, value in self.values.items() if name in DISTINCT]
        assert len(set(tokens)) == len(tokens), f"{where}: the same token twice: {self.values}"


def _short(data: bytes) -> str:
    return repr(data) if len(data) < 400 else f"{data[:200]!r} … {data[-100:]!r} ({len(data)} bytes)"


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    """size 0: all at once."""
    if size == 0:
        yield data
    else:
        for at in range(0, len(data), size):
            yield data[at : at + size]
