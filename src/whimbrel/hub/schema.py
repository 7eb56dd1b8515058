"""Schemas that can be united: what all agents, statuses and weeks together say about one body.

Idea: a schema is an element of a join-semilattice, and uniting two is their least upper bound, so it does not matter
in which order, how grouped or how often evidence arrives:

    types       a set; integer ⊔ number = number; several are "one of"; null makes nullable
    formats     a set
    key         in both: united, required where both say so;  in one of two objects: optional
    map         map ⊔ object = map: names were data, and every value goes into `values`
                an object of more than KEYS_MOST keys is a map
    hidden      keys without names: their types and formats, and the largest number of them at once

Counts would not survive being united twice, so what is kept of them is a maximum: `calls` is in how many calls at
least this was seen, by the source that saw most of it.  It is evidence for comparisons, never a total.

Keys that look like data (digits, identifiers) never get here: the agent does not tell their names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

from whimbrel.summary.batch import ShapeDoc
from whimbrel.summary.formats import FORMATS

OBJECT, ARRAY, STRING, INTEGER, NUMBER, BOOLEAN, NULL = (1 << bit for bit in range(7))
TYPE_NAMES = ("object", "array", "string", "integer", "number", "boolean", "null")
TYPES_ALL = 0x7F
FORMATS_ALL = (1 << len(FORMATS)) - 1
KEYS_MOST = 128  # of an object: the agent's own limit, here for the union of what several saw
DEPTH_MOST = 64  # levels: the agent's own limit; what a stranger sends below it is only a type


@dataclass(frozen=True, slots=True)
class Hidden:
    """Keys whose names did not leave the host."""

    keys: int  # how many at least
    types: int
    formats: int


@dataclass(frozen=True, slots=True)
class Member:
    """A key of an object."""

    schema: Schema
    required: bool  # every object had it


@dataclass(frozen=True, slots=True)
class Schema:
    """What was seen at one place; without types nothing was."""

    types: int = 0
    formats: int = 0
    calls: int = 0  # in so many calls at least
    nulls: int = 0  # so many of them null at least
    keys: Mapping[str, Member] = field(default_factory=dict)
    values: Schema | None = None  # of a map, which has no keys then
    items: Schema | None = None  # of an array
    hidden: Hidden | None = None

    @property
    def nullable(self) -> bool:
        return bool(self.types & NULL)

    @property
    def type_names(self) -> tuple[str, ...]:
        return names_of_types(self.types)

    @property
    def format_names(self) -> tuple[str, ...]:
        """Of strings and integers; "" stands for strings like any other."""
        return tuple(row.name for bit, row in enumerate(FORMATS) if self.formats >> bit & 1)


NOTHING = Schema()


def names_of_types(types: int) -> tuple[str, ...]:
    return tuple(name for bit, name in enumerate(TYPE_NAMES) if types >> bit & 1)


# ---- uniting -------------------------------------------------------------------------------------------


def unite(schemas: Iterable[Schema]) -> Schema:
    """The least schema that says what each of them says."""
    return reduce(join, schemas, NOTHING)


def join(one: Schema, other: Schema) -> Schema:
    """one ⊔ other."""
    if one is other:
        return one
    keys, values, hidden = _join_objects(one, other)
    return Schema(
        types=settled(one.types | other.types),
        formats=one.formats | other.formats,
        calls=max(one.calls, other.calls),
        nulls=max(one.nulls, other.nulls),
        keys=keys,
        values=values,
        items=_join_maybe(one.items, other.items),
        hidden=hidden,
    )


def settled(types: int) -> int:
    """Every integer is a number."""
    return types & ~INTEGER if types & NUMBER else types


def _join_maybe(one: Schema | None, other: Schema | None) -> Schema | None:
    if one is None or other is None:
        return one or other
    return join(one, other)


def _join_objects(one: Schema, other: Schema) -> tuple[Mapping[str, Member], Schema | None, Hidden | None]:
    """Keys, values and hidden keys; a value that is no object says nothing about keys."""
    if not one.types & OBJECT:
        return other.keys, other.values, other.hidden
    if not other.types & OBJECT:
        return one.keys, one.values, one.hidden
    if one.values is not None or other.values is not None:
        return {}, join(_as_values(one), _as_values(other)), None
    keys = _join_keys(one.keys, other.keys)
    hidden = _join_hidden(one.hidden, other.hidden)
    return _bounded(keys, hidden)


def _bounded(
    keys: Mapping[str, Member], hidden: Hidden | None
) -> tuple[Mapping[str, Member], Schema | None, Hidden | None]:
    """An object of too many keys as a map."""
    if len(keys) + (hidden.keys if hidden else 0) <= KEYS_MOST:
        return keys, None, hidden
    return {}, _as_values(Schema(OBJECT, keys=keys, hidden=hidden)), None


def _join_keys(one: Mapping[str, Member], other: Mapping[str, Member]) -> dict[str, Member]:
    found = {}
    for name in one.keys() | other.keys():
        a, b = one.get(name), other.get(name)
        if a is None or b is None:
            found[name] = Member((a or b).schema, required=False)  # type: ignore[union-attr]
        else:
            found[name] = Member(join(a.schema, b.schema), a.required and b.required)
    return found


def _join_hidden(one: Hidden | None, other: Hidden | None) -> Hidden | None:
    if one is None or other is None:
        return one or other
    return Hidden(max(one.keys, other.keys), settled(one.types | other.types), one.formats | other.formats)


def _as_values(schema: Schema) -> Schema:
    """What the values of an object have in common when its names are data."""
    if schema.values is not None:
        return schema.values
    hidden = [Schema(schema.hidden.types, schema.hidden.formats)] if schema.hidden else []
    return unite([*hidden, *(member.schema for member in schema.keys.values())])


# ---- from what agents send -----------------------------------------------------------------------------


def of_shape(shape: ShapeDoc | None, depth: int = 0) -> Schema:
    """A `ShapeDoc` of a batch as a schema."""
    if shape is None:
        return NOTHING
    types = settled(shape["types"] & TYPES_ALL)
    formats, nulls = shape.get("formats", 0) & FORMATS_ALL, min(shape.get("nulls", 0), shape["calls"])
    below = Schema(types, formats, shape["calls"], nulls)
    if depth >= DEPTH_MOST:
        return below
    items = of_shape(shape["items"], depth + 1) if "items" in shape else None
    keys, values, hidden = _objects_of(shape, items, depth)
    return replace(below, keys=keys, values=values, items=items if types & ARRAY else None, hidden=hidden)


def _objects_of(
    shape: ShapeDoc, items: Schema | None, depth: int
) -> tuple[Mapping[str, Member], Schema | None, Hidden | None]:
    if not shape["types"] & OBJECT:
        return {}, None, None
    told = shape.get("hidden")
    hidden = told and Hidden(told["keys"], settled(told["types"] & TYPES_ALL), told["formats"] & FORMATS_ALL)
    objects = _objects_seen(shape)
    keys = {
        name: Member(of_shape(child, depth + 1), 0 < objects <= child["seen"])
        for name, child in shape.get("keys", {}).items()
    }
    if shape.get("map"):
        return {}, unite([_as_values(Schema(OBJECT, keys=keys, hidden=hidden)), items or NOTHING]), None
    return _bounded(keys, hidden)


def _objects_seen(shape: ShapeDoc) -> int:
    """How many of the values were objects; 0 where that is not known, because they could be other things too."""
    alone = shape["types"] & ~NULL == OBJECT
    return shape["seen"] - shape.get("nulls", 0) if alone else 0


def since(later: ShapeDoc, earlier: ShapeDoc | None) -> ShapeDoc:
    """What one agent saw between two of its schemas, whose counts run on.

    A key that was not seen in between is not in it.  Where counts went back the agent began anew, and the later is all
    there is.  Types other than null have no counts: they are what the agent ever saw.
    """
    if earlier is None or not grew(later, earlier):
        return later
    told = later.copy()
    told["calls"], told["seen"] = later["calls"] - earlier["calls"], later["seen"] - earlier["seen"]
    told["nulls"] = later.get("nulls", 0) - earlier.get("nulls", 0)
    if not told["nulls"]:
        told["types"] &= ~NULL
    before = earlier.get("keys", {})
    keys = {name: since(child, before.get(name)) for name, child in later.get("keys", {}).items()}
    told["keys"] = {name: child for name, child in keys.items() if child["seen"]}
    if "items" in later:
        told["items"] = since(later["items"], earlier.get("items"))
    return told


def grew(later: ShapeDoc, earlier: ShapeDoc) -> bool:
    """Whether `later` can be what became of `earlier`: no count of it went back."""
    before, after = ((shape["calls"], shape["seen"], shape.get("nulls", 0)) for shape in (earlier, later))
    if any(now < then for now, then in zip(after, before, strict=True)):
        return False
    now = later.get("keys", {})
    if "items" in earlier and ("items" not in later or not grew(later["items"], earlier["items"])):
        return False
    return later.get("map", False) or all(
        name in now and grew(now[name], child) for name, child in earlier.get("keys", {}).items()
    )


# ---- for people and programs ---------------------------------------------------------------------------

PLAIN_FORMATS = {"", "empty", "integer", "number", "boolean"}  # of a string these say nothing a reader could rely on


def json_schema(schema: Schema) -> dict[str, Any]:
    """JSON Schema 2020-12; {} where nothing is known.  Formats of our own are annotations, as that allows."""
    told: dict[str, Any] = {}
    names = list(schema.type_names)
    if names:
        told["type"] = names[0] if len(names) == 1 else names
    told |= _told_formats(schema)
    if schema.values is not None:
        told["additionalProperties"] = json_schema(schema.values)
    if schema.keys:
        told["properties"] = {name: json_schema(member.schema) for name, member in sorted(schema.keys.items())}
        required = sorted(name for name, member in schema.keys.items() if member.required)
        told |= {"required": required} if required else {}
    if schema.items is not None and schema.items.types:
        told["items"] = json_schema(schema.items)
    if schema.hidden:
        told["x-hidden-keys"] = schema.hidden.keys
    return told


def _told_formats(schema: Schema) -> dict[str, Any]:
    """`format` where all strings have one; a list of them where they differ."""
    if not schema.types & (STRING | INTEGER):
        return {}
    names = [name for name in schema.format_names if name not in PLAIN_FORMATS]
    if not names or (schema.types & STRING and schema.formats & 1):  # some are like any other
        return {}
    return {"format": names[0]} if len(names) == 1 else {"x-formats": names}
