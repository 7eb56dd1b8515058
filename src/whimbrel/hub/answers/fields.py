"""A schema as lines to read: every place with its types, from the outside in.

(body)      object
  id        integer            required
  tags      array
    []      string
  (2 hidden)
"""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.hub.answers.shapes import FieldLine, SchemaView
from whimbrel.hub.schema import NULL, PLAIN_FORMATS, STRING, Hidden, Schema, json_schema, names_of_types

FIELDS_MOST = 2000  # lines of one schema: more than anybody reads


def schema_view(part: str, status: int, schema: Schema) -> SchemaView:
    lines = [line for line, _ in zip(field_lines(schema), range(FIELDS_MOST), strict=False)]
    return SchemaView(part=part, status=status, fields=lines, schema=json_schema(schema))


def field_lines(schema: Schema, name: str = "", depth: int = 0, *, required: bool = True) -> Iterator[FieldLine]:
    yield FieldLine(
        depth=depth,
        name=name,
        types=list(names_of_types(schema.types & ~NULL)),
        formats=formats_of(schema),
        required=required,
        nullable=schema.nullable,
        calls=schema.calls,
        hidden_keys=0,
    )
    for key, member in sorted(schema.keys.items()):
        yield from field_lines(member.schema, key, depth + 1, required=member.required)
    if schema.hidden is not None and schema.hidden.keys:
        yield hidden_line(schema.hidden, depth + 1)
    if schema.values is not None:
        yield from field_lines(schema.values, "{}", depth + 1, required=False)
    if schema.items is not None and schema.items.types:
        yield from field_lines(schema.items, "[]", depth + 1, required=False)


def hidden_line(hidden: Hidden, depth: int) -> FieldLine:
    return FieldLine(
        depth=depth,
        name=f"({hidden.keys} hidden)",
        types=list(names_of_types(hidden.types & ~NULL)),
        formats=formats_of(Schema(hidden.types, hidden.formats)),
        required=False,
        nullable=bool(hidden.types & NULL),
        calls=0,
        hidden_keys=hidden.keys,
    )


def formats_of(schema: Schema) -> list[str]:
    """What all strings look like; nothing where some are like any other."""
    if schema.types & STRING and schema.formats & 1:
        return []
    return [name for name in schema.format_names if name not in PLAIN_FORMATS]
