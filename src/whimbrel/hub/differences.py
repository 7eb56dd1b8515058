"""What became of a schema: where two differ, how surely, and whether somebody is broken by it.

Which side a schema is of decides what breaks.  Readers of a response rely on what they were given: a field that goes,
may be missing or is suddenly something else breaks them.  Senders of a request rely on what was taken: a field that
is suddenly always there, or a type that no accepted call has any more, says they could be refused.

Each difference carries its chance: how likely it would be by mere accident of which calls were seen.  A key that one
side does not name may be one of those whose names do not leave the host, and was then seen in fewer calls than the
agents' reveal rule asks for: it is counted as if it had been there that often.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from whimbrel.hub.evidence import chance_of_so_few, chance_of_so_many
from whimbrel.hub.schema import INTEGER, NULL, NUMBER, OBJECT, Hidden, Member, Schema, names_of_types

REVEAL_CALLS = 10  # the agents' default: a name that fewer calls had stays on the host
CALLS_LEAST = 20  # on both sides, where types were not counted one by one

REQUEST, RESPONSE = "request", "response"


@dataclass(frozen=True, slots=True)
class Difference:
    kind: str
    path: str  # "items[].price"; "" is the body itself
    before: str
    after: str
    breaking: bool
    chance: float


def differences(before: Schema, after: Schema, side: str, path: str = "") -> Iterator[Difference]:
    """Of two schemas of one place; nothing where one of them was not seen at all."""
    if not before.types or not after.types:
        return
    yield from _of_types(before, after, side, path)
    if before.types & after.types & OBJECT and before.values is None and after.values is None:
        yield from _of_keys(before, after, side, path)
    for one, other, place in ((before.items, after.items, "[]"), (before.values, after.values, "{}")):
        if one is not None and other is not None:
            yield from differences(one, other, side, path + place)


# ---- types ---------------------------------------------------------------------------------------------


def _of_types(before: Schema, after: Schema, side: str, path: str) -> Iterator[Difference]:
    was, now = before.types & ~NULL, after.types & ~NULL
    words = described(before), described(after)
    if was and now and not _covers(was, now) and not _covers(now, was) and not was & now:
        # every call before had one of these types, and none after
        chance = chance_of_so_few(before.calls, before.calls, 0, after.calls)
        yield Difference("type changed", path, *words, breaking=True, chance=chance)
    elif was and now and was != now:
        chance = 0.0 if min(before.calls, after.calls) >= CALLS_LEAST else 1.0
        if not _covers(was, now):
            yield Difference("type widened", path, *words, breaking=side == RESPONSE, chance=chance)
        if not _covers(now, was):
            yield Difference("type narrowed", path, *words, breaking=side == REQUEST, chance=chance)
    elif was and was == now and before.formats and after.formats and not before.formats & after.formats:
        chance = chance_of_so_few(before.calls, before.calls, 0, after.calls)
        yield Difference("format changed", path, *words, breaking=False, chance=chance)
    if before.nullable != after.nullable:
        yield _of_null(before, after, side, path)


def _of_null(before: Schema, after: Schema, side: str, path: str) -> Difference:
    counts = min(before.nulls, before.calls), before.calls, min(after.nulls, after.calls), after.calls
    words = described(before), described(after)
    if after.nullable:
        chance = chance_of_so_many(*counts)
        return Difference("became nullable", path, *words, breaking=side == RESPONSE, chance=chance)
    return Difference("no longer null", path, *words, breaking=side == REQUEST, chance=chance_of_so_few(*counts))


def _covers(general: int, special: int) -> bool:
    """Whether every value of the special types is one of the general."""
    return not special & ~(general | (INTEGER if general & NUMBER else 0))


def described(schema: Schema) -> str:
    """The types in a line, with the format where there is one."""
    names = " or ".join(names_of_types(schema.types & ~NULL)) or "null"
    formats = [name for name in schema.format_names if name]
    told = f"{names} ({formats[0]})" if len(formats) == 1 and not schema.formats & 1 else names
    return f"{told}, nullable" if schema.nullable and names != "null" else told


# ---- keys ----------------------------------------------------------------------------------------------


def _of_keys(before: Schema, after: Schema, side: str, path: str) -> Iterator[Difference]:
    for name in sorted(before.keys.keys() | after.keys.keys()):
        place = f"{path}.{name}" if path else name
        was, now = before.keys.get(name), after.keys.get(name)
        if was is not None and now is not None:
            if was.required != now.required:
                yield _of_required(was, now, before.calls, after.calls, side, place)
            yield from differences(was.schema, now.schema, side, place)
        elif was is not None:
            yield _removed(was, before.calls, after, side, place)
        elif now is not None:
            yield _added(now, before, after.calls, side, place)


def _removed(was: Member, calls: int, after: Schema, side: str, place: str) -> Difference:
    seen = min(was.schema.calls, calls), calls, _hidden_calls(after.hidden, was, after.calls), after.calls
    kind = "field removed" if side == RESPONSE else "field no longer sent"
    words = described(was.schema), "absent"
    return Difference(kind, place, *words, breaking=side == RESPONSE, chance=chance_of_so_few(*seen))


def _added(now: Member, before: Schema, calls: int, side: str, place: str) -> Difference:
    seen = _hidden_calls(before.hidden, now, before.calls), before.calls, min(now.schema.calls, calls), calls
    breaking = side == REQUEST and now.required
    words = "absent", described(now.schema)
    kind = "new required field" if breaking else "new field"
    return Difference(kind, place, *words, breaking=breaking, chance=chance_of_so_many(*seen))


def _of_required(was: Member, now: Member, calls: int, calls_after: int, side: str, place: str) -> Difference:
    seen = min(was.schema.calls, calls), calls, min(now.schema.calls, calls_after), calls_after
    if now.required:
        kind, chance = "became required", chance_of_so_many(*seen)
        return Difference(kind, place, "optional", "required", breaking=side == REQUEST, chance=chance)
    kind, chance = "became optional", chance_of_so_few(*seen)
    return Difference(kind, place, "required", "optional", breaking=side == RESPONSE, chance=chance)


def _hidden_calls(hidden: Hidden | None, member: Member, calls: int) -> int:
    """In how many calls at most a key was that is not named."""
    if hidden is None or not hidden.keys:
        return 0
    alike = _covers(hidden.types, member.schema.types & ~NULL) or hidden.types & member.schema.types
    return min(REVEAL_CALLS - 1, calls) if alike else 0
