"""Schemas: the lattice's laws, what becomes of shapes, and what is told of them."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hub.shapes import shape_of
from whimbrel.hub import schema
from whimbrel.hub.schema import (
    ARRAY,
    BOOLEAN,
    DEPTH_MOST,
    INTEGER,
    KEYS_MOST,
    NOTHING,
    NULL,
    NUMBER,
    OBJECT,
    STRING,
    Hidden,
    Schema,
    join,
    json_schema,
    of_shape,
    since,
    unite,
)

NAMES = st.sampled_from("abcd")
VALUES = st.recursive(
    st.sampled_from([None, True, 1, 1.5, "x"]),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(NAMES, below, max_size=3),
    max_leaves=8,
)
DOCUMENTS = st.lists(VALUES, min_size=1, max_size=4)


@st.composite
def shapes(draw: st.DrawFn) -> Any:
    """What an agent could have learnt, with hidden keys and maps here and there."""
    shape = shape_of(*draw(DOCUMENTS))
    if shape["types"] & OBJECT:
        if draw(st.booleans()):
            types = draw(st.integers(1, 127))
            shape["hidden"] = {"keys": draw(st.integers(1, 200)), "types": types, "formats": 0, "seen": 3}
        if draw(st.booleans()) and not shape["types"] & ARRAY:
            shape["map"] = True
            shape["items"] = shape_of(*draw(DOCUMENTS))
    return shape


SCHEMAS = shapes().map(of_shape)


def seen(*values: Any) -> Schema:
    return of_shape(shape_of(*values))


# ---- laws ----------------------------------------------------------------------------------------------


@given(SCHEMAS, SCHEMAS)
def test_uniting_is_commutative(one: Schema, other: Schema) -> None:
    assert join(one, other) == join(other, one)


@given(SCHEMAS, SCHEMAS, SCHEMAS)
def test_uniting_is_associative(one: Schema, other: Schema, third: Schema) -> None:
    assert join(join(one, other), third) == join(one, join(other, third))


@given(SCHEMAS, SCHEMAS)
def test_uniting_is_idempotent(one: Schema, other: Schema) -> None:
    both = join(one, other)
    assert join(one, of_copy(one)) == one
    assert join(both, one) == both
    assert join(NOTHING, one) == one


def of_copy(one: Schema) -> Schema:
    """Equal, and another object."""
    return join(one, NOTHING)


@given(st.lists(shapes(), min_size=3, max_size=4), st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_the_laws_hold_where_objects_become_maps_soon(told, random) -> None:
    most, schema.KEYS_MOST = schema.KEYS_MOST, 2
    try:
        several = [of_shape(shape) for shape in told]
        shuffled = several + several[:2]
        random.shuffle(shuffled)
        assert unite(shuffled) == unite(several)
        assert unite([unite(several[:2]), unite(several[1:])]) == unite(several)
    finally:
        schema.KEYS_MOST = most


@given(st.lists(VALUES, min_size=1, max_size=4), st.lists(VALUES, min_size=1, max_size=4))
def test_what_two_saw_is_what_one_would_have_seen(one, other) -> None:
    apart = json_schema(join(seen(*one), seen(*other)))
    assert without_required(apart) == without_required(json_schema(seen(*one, *other)))


def without_required(told: Any) -> Any:
    """Whether a key is required is not known to one who saw other types too."""
    if isinstance(told, dict):
        return {name: without_required(value) for name, value in told.items() if name != "required"}
    return told


@given(SCHEMAS, SCHEMAS)
def test_what_two_require_both_required(one: Schema, other: Schema) -> None:
    for name, member in join(one, other).keys.items():
        for side in (one, other):
            if member.required and side.types & OBJECT:
                assert side.keys[name].required


# ---- one at a time -------------------------------------------------------------------------------------


def test_integers_and_numbers_are_numbers() -> None:
    assert join(seen(1), seen(1.5)).types == seen(1, 1.5).types == NUMBER
    assert join(seen(1), seen("x")).types == INTEGER | STRING


def test_missing_is_optional_and_null_is_nullable() -> None:
    found = join(seen({"a": 1, "b": 1}), seen({"b": None}))
    assert (found.keys["a"].required, found.keys["b"].required) == (False, True)
    assert found.keys["b"].schema.nullable and not found.keys["a"].schema.nullable
    assert not seen({"a": 1}, {}).keys["a"].required
    assert seen({"a": 1}, None).keys["a"].required


def test_another_type_says_nothing_about_keys() -> None:
    assert join(seen({"a": 1}), seen("x")).keys["a"].required
    assert not seen({"a": 1}, "x").keys["a"].required  # one agent that saw both: not known


def test_an_object_of_too_many_keys_is_a_map() -> None:
    half = KEYS_MOST // 2 + 1
    one, other = seen({f"a{n}": n for n in range(half)}), seen({f"b{n}": 0.5 for n in range(half)})
    assert one.values is None
    found = join(one, other)
    assert found.keys == {} and found.values is not None and found.values.types == NUMBER


def test_hidden_keys_count_towards_a_map_and_are_in_its_values() -> None:
    told = shape_of({"a": 1})
    told["hidden"] = {"keys": KEYS_MOST, "types": STRING, "formats": 0, "seen": 200}
    found = of_shape(told)
    assert found.values is not None and found.values.types == STRING | INTEGER and found.hidden is None


def test_a_map_takes_an_object_in() -> None:
    told = shape_of({})
    told |= {"map": True, "items": shape_of(1)}
    found = join(of_shape(told), seen({"a": "x"}))
    assert found.values is not None and found.values.types == INTEGER | STRING and found.keys == {}


def test_items_are_of_arrays() -> None:
    found = join(seen([1, 2]), seen(["x"]))
    assert found.items is not None and found.items.types == INTEGER | STRING
    assert of_shape({"types": STRING, "seen": 1, "calls": 1, "items": shape_of(1)}).items is None


def test_hidden_keys_are_told_once() -> None:
    told = shape_of({"a": 1})
    told["hidden"] = {"keys": 3, "types": INTEGER | NUMBER, "formats": 4, "seen": 9}
    found = of_shape(told)
    assert found.hidden == Hidden(3, NUMBER, 4)
    assert join(found, seen({"b": 1})).hidden == found.hidden


def test_strangers_bits_and_depths_are_cut() -> None:
    assert of_shape({"types": 1 << 40 | STRING, "seen": 1, "calls": 1, "formats": 1 << 60}) == Schema(STRING, calls=1)
    deep: Any = 1
    for _ in range(DEPTH_MOST + 20):
        deep = [deep]
    found: Schema | None = seen(deep)
    levels = 0
    while found is not None:
        found, levels = found.items, levels + 1
    assert levels == DEPTH_MOST + 1


def test_nothing_was_seen_where_there_is_no_shape() -> None:
    assert of_shape(None) == NOTHING and not NOTHING.types


# ---- between two times ---------------------------------------------------------------------------------


def test_what_came_in_between() -> None:
    earlier = shape_of({"a": 1, "b": None}, {"a": 1, "b": 2})
    later = shape_of({"a": 1, "b": None}, {"a": 1, "b": 2}, {"b": 3, "c": [1]}, {"b": 3, "c": []})
    found = of_shape(since(later, earlier))
    assert found.keys.keys() == {"b", "c"} and found.keys["c"].required
    assert found.keys["b"].schema.types == INTEGER and found.calls == 2


def test_items_and_maps_in_between() -> None:
    earlier, later = shape_of([1]), shape_of([1], [2, 3])
    assert since(later, earlier)["items"]["seen"] == 2
    grown: Any = shape_of({"a": 1}, {"b": 1}) | {"map": True, "items": shape_of(1, 1), "keys": {}}
    assert since(grown, shape_of({"a": 1}))["items"]["seen"] == 2


def test_an_agent_that_began_anew_is_believed_alone() -> None:
    earlier = shape_of({"a": 1}, {"a": 1})
    assert since(shape_of({"b": 1}, {"b": 1}, {"b": 1}), earlier)["keys"].keys() == {"b"}
    assert since(shape_of({"a": 1}), earlier) == shape_of({"a": 1})
    assert since(shape_of([], [], []), shape_of([1]))["calls"] == 3
    assert since(shape_of(1), None) == shape_of(1)
    nulls = shape_of(None, None)
    assert since(shape_of(1, 1, None), nulls)["calls"] == 3


# ---- JSON Schema ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values, told",
    [
        ([1], {"type": "integer"}),
        ([1, None], {"type": ["integer", "null"]}),
        ([True, "x"], {"type": ["string", "boolean"]}),
        ([[1]], {"type": "array", "items": {"type": "integer"}}),
        ([[]], {"type": "array"}),
        (
            [{"a": 1, "b": 2}, {"a": 1}],
            {
                "type": "object",
                "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
                "required": ["a"],
            },
        ),
    ],
)
def test_json_schema(values, told) -> None:
    assert json_schema(seen(*values)) == told


def test_json_schema_of_what_is_not_plain() -> None:
    assert json_schema(NOTHING) == {}
    assert json_schema(Schema(OBJECT, values=Schema(BOOLEAN))) == {
        "type": "object",
        "additionalProperties": {"type": "boolean"},
    }
    assert json_schema(Schema(OBJECT, hidden=Hidden(2, STRING, 0)))["x-hidden-keys"] == 2


@pytest.mark.parametrize(
    "types, formats, told",
    [
        (STRING, 1 << 5, {"type": "string", "format": "uuid"}),
        (STRING | NULL, 1 << 5, {"type": ["string", "null"], "format": "uuid"}),
        (STRING, 1 << 5 | 1, {"type": "string"}),
        (STRING, 1 << 5 | 1 << 6, {"type": "string", "x-formats": ["uuid", "date"]}),
        (INTEGER, 1 << 2, {"type": "integer"}),
        (INTEGER, 1 << 8 | 1 << 2, {"type": "integer", "format": "unix-time"}),
        (BOOLEAN, 1 << 5, {"type": "boolean"}),
    ],
)
def test_formats_are_told_where_all_agree(types: int, formats: int, told) -> None:
    assert json_schema(Schema(types, formats)) == told
