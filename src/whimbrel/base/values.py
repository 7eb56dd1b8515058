"""The kinds of values options have, and how people write them.

Idea: one function a kind, from text (or a TOML value) to what the program uses; a ValueError says what would do.
Deliberately not: limits, choices and where a value came from, which are the option's (options.py).
"""

import json
import re
from decimal import Decimal
from typing import Any, Literal, NamedTuple

Kind = Literal["size", "seconds", "int", "bool", "str", "choice", "address"]

SIZE_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
SIZE_PATTERN = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE | re.ASCII)
SECONDS_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
SECONDS_PATTERN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|)", re.IGNORECASE | re.ASCII)
TRUE_WORDS, FALSE_WORDS = ("true", "yes", "on", "1"), ("false", "no", "off", "0")

ALLOWED: dict[Kind, str] = {
    "size": "a number of bytes such as 64MiB, 1g or 1048576",
    "seconds": "a number of seconds such as 30, 0.5 or 2m",
    "int": "a whole number",
    "bool": "true or false",
    "str": "text",
    "choice": "",
    "address": "HOST:PORT, [IPV6]:PORT or unix:PATH",
}


class Address(NamedTuple):
    """Where to listen or connect: host and port, or the path of a unix socket (and then host is empty)."""

    host: str
    port: int
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def size_text(size: int) -> str:
    """64MiB for 67108864; plain bytes where no unit divides it."""
    for unit, shift in (("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size and size % (1 << shift) == 0:
            return f"{size >> shift}{unit}"
    return str(size)


def parse_size(text: str | int) -> int:
    """Bytes: a number, or a number and k, m, g or t (powers of 1024; KiB, kb and the like are the same)."""
    if isinstance(text, int) and not isinstance(text, bool):
        text = str(text)
    found = SIZE_PATTERN.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise ValueError(ALLOWED["size"])
    size = Decimal(found[1]) * SIZE_UNITS[found[2].lower()]
    if size != int(size):
        raise ValueError("a whole number of bytes")
    return int(size)


def parse_seconds(text: str | float) -> float:
    """Seconds: a number, or a number and ms, s, m, h or d."""
    found = SECONDS_PATTERN.fullmatch(str(text).strip()) if not isinstance(text, bool) else None
    if found is None:
        raise ValueError(ALLOWED["seconds"])
    return float(found[1]) * SECONDS_UNITS[found[2].lower()]


def parse_int(text: str | int) -> int:
    """A whole number in decimal digits."""
    if isinstance(text, bool) or not re.fullmatch(r"[+-]?\d+", str(text).strip(), re.ASCII):
        raise ValueError(ALLOWED["int"])
    return int(text)


def parse_bool(text: str | bool) -> bool:
    """true, yes, on, 1; false, no, off, 0."""
    if isinstance(text, bool):
        return text
    if not isinstance(text, str) or text.strip().lower() not in TRUE_WORDS + FALSE_WORDS:
        raise ValueError(ALLOWED["bool"])
    return text.strip().lower() in TRUE_WORDS


def parse_str(text: str) -> str:
    """Any text without a NUL."""
    if not isinstance(text, str) or "\0" in text:
        raise ValueError(ALLOWED["str"])
    return text


def parse_address(text: str) -> Address:
    """HOST:PORT, [IPV6]:PORT or unix:PATH; port 0 lets the system choose."""
    text = str(text)  # a TOML number is refused by the pattern below
    if text.startswith("unix:"):
        if not text[5:] or "\0" in text:
            raise ValueError("unix:PATH with a path")
        return Address("", 0, text[5:])
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.%\w]+)\]|([^:\[\]\s]+)):(\d{1,5})", text, re.ASCII)
    if found is None:
        raise ValueError(ALLOWED["address"])
    if int(found[3]) > 65535:
        raise ValueError("a port from 0 to 65535")
    return Address(found[1] or found[2], int(found[3]))


PARSERS: dict[Kind, Any] = {
    "size": parse_size,
    "seconds": parse_seconds,
    "int": parse_int,
    "bool": parse_bool,
    "str": parse_str,
    "choice": parse_str,
    "address": parse_address,
}


def toml_text(value: object) -> str:
    """`value` as TOML; None has no TOML and shows as an empty string."""
    if isinstance(value, Address):
        value = str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_text(item) for item in value) + "]"
    if isinstance(value, (int, float)):
        return repr(value)
    # JSON's escapes are TOML's, except DEL, which TOML wants escaped
    return json.dumps("" if value is None else str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
