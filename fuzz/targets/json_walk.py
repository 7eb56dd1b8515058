"""The walk gives the same events however the bytes are cut, and takes what Python's json takes and nothing else.

The first byte chooses the size of the pieces.
"""

from itertools import pairwise

from tests.protocol.json.reference import kinds
from whimbrel.protocol.json.testing import walk

TOKENS = (
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u", b"\\ud83d", b"\\ude00", b"true", b"false", b"null", b"NaN",
    b"-", b"0", b"1e5", b"-0.5E+7", b"\xef\xbb\xbf", b'"key":', b"\n", b" " * 20, b"x" * 130, b"7" * 130, b'"a\\nb"',
    b"[" * 300, b"\xff", b"\x1f",
)  # fmt: skip


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
