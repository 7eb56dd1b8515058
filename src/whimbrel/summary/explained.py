"""Why a string may leave: what `--explain` prints, one row for every string of a window."""

from typing import NamedTuple


class Explained(NamedTuple):
    string: str
    kind: str  # what it is: host, path segment, method, JSON key, ...
    calls: int  # distinct calls that had it at its place; 0 where the rule does not count
    rule: str  # a key of RULES


RULES = {
    "seen": "seen in enough distinct calls at this place, and does not look like a value",
    "registered": "a word of a public registry or of the protocol itself",
    "format": "the name of a format or of a kind of ours, in place of what was there",
    "parts": "made of what is listed as segments, each by its own rule",
    "token": "an HMAC under the install's key, in place of what was there",
    "configured": "the configuration says that it may leave",
    "own": "of the agent itself, not of what it watches",
}
