"""The walk gives the same events however the bytes are cut, and takes what Python's json takes and nothing else.

The first byte chooses the size of the pieces.
"""

import json
from itertools import pairwise
from typing import Any

from whimbrel.protocol.json.testing import walk

TOKENS = (
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u", b"\\ud83d", b"\\ude00", b"true", b"false", b"null", b"NaN",
    b"-", b"0", b"1e5", b"-0.5E+7", b"\xef\xbb\xbf", b'"key":', b"\n", b" " * 20, b"x" * 130, b"7" * 130, b'"a\\nb"',
    b"[" * 300, b"\xff", b"\x1f",
)  # fmt: skip


BLANKS = " \t\n\r"


class Members(list[Any]):
    """An object's members, equal keys included."""


def no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


# integers and numbers become what no other value is
DECODER = json.JSONDecoder(
    object_pairs_hook=Members,
    parse_int=lambda _: b"integer",
    parse_float=lambda _: b"number",
    parse_constant=no_constant,
)


def flatten(value: Any) -> list[str]:
    if isinstance(value, Members):
        return ["{", *(name for _, member in value for name in ("key", *flatten(member))), "}"]
    if isinstance(value, list):
        return ["[", *(name for item in value for name in flatten(item)), "]"]
    if isinstance(value, bytes):
        return [value.decode()]
    if isinstance(value, str):
        return ["string"]
    return ["null" if value is None else str(value).lower()]


def kinds(data: bytes) -> list[str] | None:
    """The kinds of all events, by Python's json; None: that is not JSON.

    What is not ASCII only occurs inside strings, whatever it means.
    """
    text, at, found = data.removeprefix(b"\xef\xbb\xbf").decode("latin-1"), 0, list[str]()
    while True:
        begin = at
        while text[at : at + 1] and text[at] in BLANKS:
            at += 1
        if at == len(text):
            return found or None
        if found and begin == at and text[at] not in "{[":
            return None
        try:
            value, at = DECODER.raw_decode(text, at)
        except ValueError:
            return None
        found += flatten(value)


def one_input(data: bytes) -> tuple[str | bytes | int | bool, ...]:
    size = data[0] % 40 + 1 if data else 1
    data = data[1:]
    whole = walk([data])
    edges = [*range(0, len(data), size), len(data)]
    if walk([data[a:b] for a, b in pairwise(edges)]) != whole:
        raise AssertionError(f"events differ in pieces of {size}")
    found = [event[0] for event in whole]
    if found[-1] != "deep" and data.count(b"[") + data.count(b"{") < 500:  # Python's json recurses
        wanted = kinds(data)
        if found != [*wanted, "more"] if wanted is not None else found[-1] != "bad":
            raise AssertionError("json says otherwise")
    return (found[-1], min(len(found), 4), *sorted(set(map(str, found))))
