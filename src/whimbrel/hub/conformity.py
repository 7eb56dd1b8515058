"""What was seen against what was documented: endpoints nobody described, descriptions nobody uses, and mismatches.

A name that did not leave its host (`~3fa9c1d2e4b5`) or that was merged into a parameter could be any documented word.
Where it could, nothing is claimed: neither that the endpoint is undocumented nor that the operation is unused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from whimbrel.hub.changes import served
from whimbrel.hub.differences import described
from whimbrel.hub.documented import Documented, Operation, Promise
from whimbrel.hub.model import OTHER, PARAMETER, Endpoint
from whimbrel.hub.patience import go_on
from whimbrel.hub.schema import INTEGER, NULL, NUMBER, OBJECT, STRING, Schema, names_of_types

CHECKED_FORMATS = {"uuid", "date", "date-time", "email", "ipv4", "ipv6", "uri"}  # that both sides mean the same by
PARAMETER_WRITTEN = re.compile(r"\{[^{}]*\}")
ANSWERED_BY_FRAMEWORKS = {"HEAD", "OPTIONS"}  # seldom documented, and seldom meant to be


@dataclass(frozen=True, slots=True)
class Finding:
    """One point in which traffic and document disagree."""

    kind: str
    endpoint: str  # as it was seen; as it is documented where nothing was seen
    place: str = ""
    documented: str = ""
    observed: str = ""

    @property
    def sentence(self) -> str:
        words = f" {self.place}" if self.place else ""
        if self.documented or self.observed:
            words += f": documented {self.documented or 'nothing'}, seen {self.observed or 'nothing'}"
        return f"{self.endpoint}: {self.kind}{words}"


def conformity(endpoints: Iterable[Endpoint], documented: Documented) -> list[Finding]:
    """All findings of one service, in the order of endpoints and then of the document."""
    found, used, places = [], set[str](), _Places(documented)
    for endpoint in sorted(endpoints, key=lambda one: one.name):
        go_on()
        if endpoint.protocol != "http" or endpoint.template == OTHER or not served(endpoint):
            continue
        surely, perhaps = places.of(endpoint.template)
        closest = max(map(_literal, surely), default=0)
        meant = [one for one in surely if _literal(one) == closest]
        used |= {one.name for one in (*meant, *perhaps) if one.method == endpoint.method}
        found += _of_endpoint(endpoint, meant, bool(perhaps))
    unused = [one for one in documented.operations if one.name not in used]
    return found + [Finding("unused operation", one.name) for one in unused]


class _Places:
    """Documented paths by how many segments they have."""

    def __init__(self, documented: Documented) -> None:
        self.by_length: dict[int, list[tuple[list[str], list[str], Operation]]] = {}
        written = [(operation.path.removeprefix("/").split("/"), operation) for operation in documented.operations]
        for prefix in documented.prefixes:
            first = prefix.split("/")
            for rest, operation in written:
                self.by_length.setdefault(len(first) + len(rest), []).append((first, rest, operation))

    def of(self, template: str) -> tuple[list[Operation], list[Operation]]:
        """Operations whose path this is, and those whose path it could be for all that is known."""
        seen = template.split("/")
        surely: list[Operation] = []
        perhaps: list[Operation] = []
        for first, rest, operation in self.by_length.get(len(seen), []):
            if all(map(could_be, seen, chain(first, rest))):
                (surely if all(map(fits, seen, chain(first, rest))) else perhaps).append(operation)
        return surely, perhaps


def could_be(seen: str, written: str) -> bool:
    """Whether a segment of a template could be that of a documented path."""
    return fits(seen, written) or seen.startswith("~") or PARAMETER.search(seen) is not None


def fits(seen: str, written: str) -> bool:
    """Whether it is: the same word, or what a parameter stands for between the same words."""
    pieces = PARAMETER_WRITTEN.split(written)
    if len(pieces) == 1:
        return seen == written
    first, *between, last = pieces
    at = len(first) + 1  # a parameter is not empty
    if not seen.startswith(first):
        return False
    for piece in between:
        found = seen.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece) + 1
    return len(seen) >= at + len(last) and seen.endswith(last)


def _literal(operation: Operation) -> int:
    return sum("{" not in segment for segment in operation.path.split("/"))


def _of_endpoint(endpoint: Endpoint, operations: list[Operation], perhaps: bool) -> list[Finding]:
    if not operations:
        return [] if perhaps else [Finding("undocumented endpoint", endpoint.name)]
    for operation in operations:
        if operation.method == endpoint.method:
            return list(_mismatches(endpoint, operation))
    return [] if endpoint.method in ANSWERED_BY_FRAMEWORKS else [Finding("undocumented method", endpoint.name)]


# ---- contracts -----------------------------------------------------------------------------------------


def _mismatches(endpoint: Endpoint, operation: Operation) -> Iterator[Finding]:
    name = endpoint.name
    for parameter in sorted(endpoint.query.keys.keys() - operation.query.keys()):
        yield Finding("undocumented query parameter", name, parameter)
    for parameter, required in sorted(operation.query.items()):
        member = endpoint.query.keys.get(parameter)
        if required and member is not None and not member.required:
            yield Finding("query parameter is not required", name, parameter, "required", "optional")
    yield from against(endpoint.request, operation.request, name, "request")
    for status, row in sorted(endpoint.statuses.items()):
        promise = operation.response(status)
        if not status or not row.calls:
            continue
        if promise is None:
            yield Finding("undocumented status", name, str(status), observed=f"{row.calls} calls")
        else:
            yield from against(row.response, promise, name, f"response {status}")


def against(seen: Schema, promise: Promise, name: str, place: str) -> Iterator[Finding]:
    """A schema and what was promised about it; nothing where either says nothing."""
    if not seen.types or not promise.types:
        return
    allowed = promise.types | (INTEGER if promise.types & NUMBER else 0)
    if seen.types & ~allowed:
        yield Finding("undocumented type", name, place, _words(promise), described(seen))
    elif seen.formats and promise.format in CHECKED_FORMATS - {*seen.format_names} and seen.types & STRING:
        yield Finding("another format", name, place, promise.format, described(seen))
    if seen.types & promise.types & OBJECT and seen.values is None:
        yield from _keys_against(seen, promise, name, place)
    if seen.items is not None and promise.items is not None:
        yield from against(seen.items, promise.items, name, place + "[]")


def _keys_against(seen: Schema, promise: Promise, name: str, place: str) -> Iterator[Finding]:
    for key, member in sorted(seen.keys.items()):
        where = f"{place}.{key}" if ":" in place else f"{place}: {key}"
        if key not in promise.keys:
            if not promise.open:
                yield Finding("undocumented field", name, where, observed=described(member.schema))
        else:
            yield from against(member.schema, promise.keys[key], name, where)
    if seen.types & ~NULL != OBJECT:  # whether every object had a key is not known then
        return
    for key in sorted(promise.required):
        where = f"{place}.{key}" if ":" in place else f"{place}: {key}"
        known = seen.keys.get(key)
        if (known is not None and not known.required) or (known is None and seen.hidden is None):
            yield Finding("required field missing", name, where, "required", "absent" if known is None else "optional")


def _words(promise: Promise) -> str:
    return " or ".join(names_of_types(promise.types))
