"""Schemas as lines."""

from tests.hub.shapes import shape_of
from whimbrel.hub.answers.fields import FIELDS_MOST, field_lines, schema_view
from whimbrel.hub.schema import INTEGER, NULL, OBJECT, STRING, Hidden, Member, Schema, of_shape


def shown(schema: Schema) -> list[tuple[object, ...]]:
    return [(line.depth, line.name, *line.types, line.required) for line in field_lines(schema)]


def test_every_place_has_a_line() -> None:
    values = [{"id": 1, "tags": ["a"], "to": {"zip": None}}, {"id": 2, "tags": [], "to": {"zip": "x"}, "note": "y"}]
    assert shown(of_shape(shape_of(*values))) == [
        (0, "", "object", True),
        (1, "id", "integer", True),
        (1, "note", "string", False),
        (1, "tags", "array", True),
        (2, "[]", "string", False),
        (1, "to", "object", True),
        (2, "zip", "string", True),
    ]


def test_null_is_said_apart() -> None:
    [line] = field_lines(Schema(STRING | NULL, calls=7))
    assert (line.types, line.nullable, line.calls) == (["string"], True, 7)


def test_maps_and_hidden_keys() -> None:
    assert shown(Schema(OBJECT, values=Schema(INTEGER))) == [(0, "", "object", True), (1, "{}", "integer", False)]
    hidden = Schema(OBJECT, keys={"a": Member(Schema(INTEGER), required=True)}, hidden=Hidden(3, STRING | NULL, 1 << 5))
    *_, line = field_lines(hidden)
    assert (line.name, line.hidden_keys, line.types, line.formats, line.nullable) == (
        "(3 hidden)", 3, ["string"], ["uuid"], True,
    )  # fmt: skip


def test_formats_are_those_that_all_have() -> None:
    assert next(field_lines(Schema(STRING, formats=1 << 5))).formats == ["uuid"]
    assert next(field_lines(Schema(STRING, formats=1 << 5 | 1 << 9))).formats == ["uuid", "email"]
    assert next(field_lines(Schema(STRING, formats=1 << 5 | 1))).formats == []
    assert next(field_lines(Schema(STRING, formats=1 << 1))).formats == []


def test_a_view_has_the_same_as_json_schema() -> None:
    view = schema_view("response", 201, of_shape(shape_of({"id": 1})))
    assert (view.part, view.status, len(view.fields)) == ("response", 201, 2)
    assert view.schema == {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}


def test_lines_are_bounded() -> None:
    def wide(depth: int) -> Schema:
        member = Member(wide(depth - 1) if depth else Schema(INTEGER), required=True)
        return Schema(OBJECT, keys={f"k{number:02}": member for number in range(20)})

    assert len(schema_view("body", 0, wide(2)).fields) == FIELDS_MOST
