"""What json_next should say, from Python's own json module."""

import json
from typing import Any

from whimbrel.protocol.json.testing import TEXT_BYTES

MARK = b"\xef\xbb\xbf"
BLANKS = " \t\n\r"


class Pairs(list[tuple[str, Any]]):
    """An object with its members in order, equal keys included."""


class Number(str):
    """An integer or a number, as it was written."""

    __slots__ = ()


def no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


DECODER = json.JSONDecoder(
    object_pairs_hook=Pairs,
    parse_int=Number,
    parse_float=Number,
    parse_constant=no_constant,
)


def documents(text: str) -> list[Any] | None:
    """All documents of `text`, blanks or nothing but containers' brackets between them; None: it is not that."""
    found: list[Any] = []
    at = 0
    while True:
        begin = at
        while at < len(text) and text[at] in BLANKS:
            at += 1
        if at == len(text):
            return found or None
        if found and begin == at and text[at] not in "{[":
            return None
        try:
            value, at = DECODER.raw_decode(text, at)
        except ValueError:
            return None
        found.append(value)


def kept(text: str) -> tuple[bytes, int]:
    whole = "".join("\ufffd" if 0xD800 <= ord(c) <= 0xDFFF else c for c in text).encode()
    return whole[:TEXT_BYTES], len(whole)


def flatten(value: Any) -> list[Any]:
    """The events of a value; a string is ("string", its characters)."""
    if isinstance(value, Pairs):
        inside = [event for key, member in value for event in [("key", *kept(key)), *flatten(member)]]
        return [("{",), *inside, ("}",)]
    if isinstance(value, list):
        return [("[",), *(event for item in value for event in flatten(item)), ("]",)]
    if isinstance(value, Number):
        kind = "integer" if value.lstrip("-").isdigit() else "number"
        return [(kind, value.encode()[:TEXT_BYTES], len(value))]
    if isinstance(value, str):
        return [("string", value)]
    return [("null" if value is None else str(value).lower(),)]


def expected(data: bytes) -> list[Any] | None:
    """Every event of a UTF-8 text; None: json.loads would not take it."""
    found = documents(data.removeprefix(MARK).decode())
    return None if found is None else [event for value in found for event in flatten(value)]


def kinds(data: bytes) -> list[str] | None:
    """The same for any bytes, without texts: what is not ASCII only occurs inside strings, whatever it means."""
    found = documents(data.removeprefix(MARK).decode("latin-1"))
    return None if found is None else [event[0] for value in found for event in flatten(value)]
