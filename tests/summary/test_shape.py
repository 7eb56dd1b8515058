"""Shapes against a model, their merging against the laws it promises, and their memory against hostile documents."""

import itertools
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.summary.shapes import (
    ARRAY,
    INTEGER,
    NULL,
    OBJECT,
    STRING,
    Model,
    names_of,
    nodes,
    structure,
    without_counts,
)
from whimbrel.summary.testing_shape import DEPTH, KEY_BYTES, KEYS, NODES, ODD_KEYS, SPARE_NODES, Shapes

keys = st.sampled_from(
    [
        "id",
        "name",
        "email",
        "created_at",
        "items",
        "17",
        "2024-01-02",
        "x" * KEY_BYTES,
        "y" * (KEY_BYTES + 1),
        "",
        "naïve",
    ]
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**6), 10**6),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "a@b.co", "2024-01-02", "active", "x y", "€", "1.2.3.4", "https://example.com/x", 1700000000]),
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=6) | st.dictionaries(keys, inner, max_size=6), max_leaves=25
)


def built(shapes: Shapes, value: Any, escape: bool = False) -> int:
    number, outcome = shapes.from_json([json.dumps(value, ensure_ascii=escape).encode()])
    assert outcome == "whole"
    return number


@given(values, st.booleans())
def test_a_shape_is_the_models(value: Any, escape: bool) -> None:
    shapes, model = Shapes(), Model()
    model.add(value)
    assert structure(shapes.read(built(shapes, value, escape))) == model.told()


@given(values, st.lists(st.integers(0, 400), max_size=4))
def test_cuts_do_not_matter(value: Any, places: list[int]) -> None:
    shapes, data = Shapes(), json.dumps(value).encode()
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    pieces = [data[a:b] for a, b in itertools.pairwise(edges)]
    whole = shapes.read(shapes.from_json([data])[0])
    assert shapes.read(shapes.from_json(pieces)[0]) == whole
    assert shapes.read(shapes.from_json([bytes([c]) for c in data])[0]) == whole


@settings(max_examples=60)
@given(st.lists(values, min_size=2, max_size=5), st.randoms())
def test_merging_is_commutative_and_associative(documents: list[Any], rng: random.Random) -> None:
    shapes = Shapes()
    parts = [built(shapes, value) for value in documents]
    left = shapes.read(shapes.merge(parts)[0])
    first = shapes.merge(parts[:1])[0]
    rest = shapes.merge(parts[1:])[0]
    rng.shuffle(parts)
    assert structure(left) == structure(shapes.read(shapes.merge([first, rest])[0]))
    assert structure(left) == structure(shapes.read(shapes.merge([rest, first])[0]))
    assert structure(left) == structure(shapes.read(shapes.merge(parts)[0]))
    assert left["seen"] == left["calls"] == len(documents)


@settings(max_examples=60)
@given(values)
def test_merging_is_idempotent_in_what_is_structural(value: Any) -> None:
    shapes = Shapes()
    number = built(shapes, value)
    once, thrice = shapes.merge([number])[0], shapes.merge([number] * 3)[0]
    assert shapes.read(once) == shapes.read(number)
    assert without_counts(shapes.read(thrice)) == without_counts(shapes.read(once))
    assert shapes.read(thrice)["seen"] == 3


@settings(max_examples=60)
@given(st.lists(values, max_size=4))
def test_all_memory_comes_back(documents: list[Any]) -> None:
    shapes = Shapes()
    numbers = [built(shapes, value) for value in documents]
    numbers.append(shapes.merge(numbers)[0])
    for number in numbers:
        shapes.free(number)
    assert shapes.used == 0


def test_counts_say_what_is_optional_and_null() -> None:
    shapes = Shapes()
    calls = [{"id": 1, "email": None}, {"id": "x"}, {"id": 2, "email": "a@b.co"}]
    node = shapes.read(shapes.merge([built(shapes, value) for value in calls])[0])
    assert (node["calls"], node["keys"][b"id"]["calls"], node["keys"][b"email"]["calls"]) == (3, 3, 2)
    assert node["keys"][b"id"]["types"] == INTEGER | STRING
    assert (node["keys"][b"email"]["types"], node["keys"][b"email"]["nulls"]) == (STRING | NULL, 1)
    assert names_of(node["keys"][b"email"]["formats"]) == ["email"]


def test_lines_of_documents_are_one_shape() -> None:
    shapes = Shapes()
    node = shapes.read(shapes.from_json([b'{"a":1}\n{"a":2}\n{"b":[]}\n'])[0])
    assert (node["seen"], node["calls"], node["keys"][b"a"]["seen"], node["keys"][b"b"]["types"]) == (3, 1, 2, ARRAY)


def test_scalars_are_documents_too() -> None:
    shapes = Shapes()
    assert shapes.read(shapes.from_json([b"1", b"2"])[0])["types"] == INTEGER
    assert shapes.read(shapes.from_json([b"null"])[0])["nulls"] == 1


@pytest.mark.parametrize(
    "written, name",
    [
        (rb"https:\/\/example.com\/a", "uri"),
        (rb"https://example.com/?a=1\u0026b=2", "uri"),
        (rb"a\u0040b.co", "email"),
        (rb"a\nb", ""),
        (rb"\u00e9", ""),
        (rb"\u2028", ""),
        (rb"\u0031\u0032", "integer"),
    ],
)
def test_formats_see_through_escapes(written: bytes, name: str) -> None:
    shapes = Shapes()
    assert names_of(shapes.read(shapes.from_json([b'"' + written + b'"'])[0])["formats"]) == [name]


def test_a_format_late_in_a_long_array_is_found_where_it_is_not_rare() -> None:
    shapes = Shapes()
    items = ["active"] * 1000 + ["2024-01-02"] * 1000
    node = shapes.read(built(shapes, items))
    assert names_of(node["items"]["formats"]) == ["date", "word"]


@pytest.mark.parametrize("data", [b"<html>", b'{"a":1,}', b"[1,2}", b"{'a':1}", b"NaN"])
def test_what_is_not_json_is_told(data: bytes) -> None:
    assert Shapes().from_json([data])[1] == "not json"


def test_what_is_cut_off_keeps_what_was_there() -> None:
    shapes = Shapes()
    number, outcome = shapes.from_json([b'{"a":1,"b":{"c":"x'])
    assert outcome == "unfinished"
    assert set(shapes.read(number)["keys"]) == {b"a", b"b"}


# ---- objects with data as keys ----------------------------------------------------------------------------


def test_keys_that_are_data_make_a_map() -> None:
    shapes = Shapes()
    node = shapes.read(built(shapes, {f"{n:08x}-1234-4abc-8def-0123456789ab": {"total": n} for n in range(3)}))
    assert node["map"] and "keys" not in node
    assert node["values"]["keys"][b"total"]["seen"] == 3


def test_a_key_that_is_data_among_names_does_not() -> None:
    shapes = Shapes()
    node = shapes.read(built(shapes, {"id": 1, "name": "x", "17": 2}))
    assert not node["map"] and set(node["keys"]) == {b"id", b"name", b"17"}


@pytest.mark.parametrize("count, is_map", [(KEYS, False), (KEYS + 1, True)])
def test_many_keys_are_data(count: int, is_map: bool) -> None:
    shapes = Shapes()
    node = shapes.read(built(shapes, {f"name{chr(97 + n // 26)}{chr(97 + n % 26)}": n for n in range(count)}))
    assert node["map"] == is_map
    assert node["values"]["seen"] == count if is_map else len(node["keys"]) == count


def test_keys_that_are_data_are_few_in_what_calls_have_in_common() -> None:
    shapes = Shapes()
    calls = [built(shapes, {"id": 1, "name": "x", f"{n}00": 2}) for n in range(ODD_KEYS + 1)]
    assert len(shapes.read(shapes.merge(calls[:-1])[0])["keys"]) == ODD_KEYS + 2
    together = shapes.read(shapes.merge(calls)[0])
    assert together["map"] and together["values"]["seen"] == 3 * (ODD_KEYS + 1)


def test_an_array_and_an_object_in_one_place() -> None:
    shapes = Shapes()
    node = shapes.read(built(shapes, [{"a": 1}, ["x"], {"17": 1}]))["items"]
    assert node["types"] == OBJECT | ARRAY and node["items"]["types"] == STRING
    assert node["map"] and node["values"]["types"] == INTEGER


# ---- named members ------------------------------------------------------------------------------------------


def test_named_members() -> None:
    shapes = Shapes()
    members: list[tuple[bytes, bytes | None, bool]] = [
        (b"id", b"17", True),
        (b"id", b"", True),
        (b"to", b"a@b.co", True),
        (b"file", None, True),
        (b"long", b"0123456789abcdef" * 8, False),
        (b"n" * 65, b"x", True),
    ]
    node = shapes.read(shapes.from_names(members))
    assert node["types"] == OBJECT and (node["seen"], node["calls"]) == (1, 1)
    formats = {key: names_of(child["formats"]) for key, child in node["keys"].items()}
    assert formats == {b"id": ["empty", "integer"], b"to": ["email"], b"file": ["binary"], b"long": ["hex"]}
    assert node["values"]["seen"] == 1


def test_no_members_are_no_shape() -> None:
    shapes = Shapes()
    assert shapes.read(shapes.from_names([])) is None and shapes.used == 0


# ---- hostile documents ----------------------------------------------------------------------------------------

KEY_BLOCK_BYTES = 128  # a node and its key


def test_depth_costs_levels() -> None:
    shapes = Shapes()
    number, outcome = shapes.from_json([b'[{"a":' * 200 + b"1" + b"}]" * 200])
    assert outcome == "whole" and nodes(shapes.read(number)) == DEPTH + 1
    assert shapes.from_json([b"[" * 100_000])[1] == "too deep"


def test_a_million_keys_cost_one() -> None:
    shapes = Shapes(1 << 20)
    piece = ",".join(f'"k{n:06}":{n}' for n in range(20_000)).encode()
    number, outcome = shapes.from_json([b"{", *(piece + b"," for _ in range(49)), piece, b"}"])
    assert outcome == "whole" and nodes(shapes.read(number)) == 2
    assert shapes.peak <= (ODD_KEYS + 4) * KEY_BLOCK_BYTES


def test_names_upon_names_have_a_limit() -> None:
    names = [f"{a}{b}r" for a in "abcdefghij" for b in "aeiou"]
    inner = {name: dict.fromkeys(names, 1) for name in names}
    shapes = Shapes(4 << 20)
    number = built(shapes, dict.fromkeys(names, inner))
    assert nodes(shapes.read(number)) <= NODES + SPARE_NODES
    assert shapes.peak <= (NODES + SPARE_NODES) * KEY_BLOCK_BYTES
    merged = shapes.merge([number, built(shapes, {name + "s": inner for name in names})])[0]
    assert nodes(shapes.read(merged)) <= NODES + SPARE_NODES


def test_little_memory_gives_less_shape_and_no_harm() -> None:
    shapes = Shapes(1 << 20)
    wide = {f"{a}{b}{c}_total": 1 for a in "bdfgh" for b in "aeiou" for c in "lmnr"}
    numbers = [built(shapes, [wide, dict.fromkeys(list(wide)[:50], wide)]) for _ in range(3)]
    assert shapes.refused > 0 and shapes.used <= 1 << 20
    assert not shapes.merge(numbers)[1]
    for number in range(len(numbers) + 1):
        shapes.free(number)
    assert shapes.used == 0
