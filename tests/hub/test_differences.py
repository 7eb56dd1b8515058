"""Differences of schemas: which are named, which break whom, and which are left to chance."""

from typing import Any

import pytest

from tests.hub.shapes import shape_of
from whimbrel.hub.differences import REQUEST, RESPONSE, described, differences
from whimbrel.hub.evidence import CHANCE_MOST
from whimbrel.hub.schema import INTEGER, OBJECT, STRING, Hidden, Member, Schema, of_shape


def seen(*values: Any, times: int = 30) -> Schema:
    return of_shape(shape_of(*(values * times)))


def sure(before: Schema, after: Schema, side: str) -> list[tuple[str, str, bool]]:
    found = differences(before, after, side)
    return [(one.kind, one.path, one.breaking) for one in found if one.chance <= CHANCE_MOST]


# (before, after, what a response's reader is told, what a request's sender is told)
CASES: dict[str, Any] = {
    "nothing": ([{"a": 1}], [{"a": 2}], [], []),
    "removed": (
        [{"a": 1, "b": 1}],
        [{"a": 1}],
        [("field removed", "b", True)],
        [("field no longer sent", "b", False)],
    ),
    "an optional one removed": (
        [{"a": 1, "b": 1}, {"a": 1}],
        [{"a": 1}],
        [("field removed", "b", True)],
        [("field no longer sent", "b", False)],
    ),
    "new and required": (
        [{"a": 1}],
        [{"a": 1, "b": 1}],
        [("new field", "b", False)],
        [("new required field", "b", True)],
    ),
    "new and optional": (
        [{"a": 1}],
        [{"a": 1, "b": 1}, {"a": 1}],
        [("new field", "b", False)],
        [("new field", "b", False)],
    ),
    "became required": (
        [{"a": 1}, {}],
        [{"a": 1}],
        [("became required", "a", False)],
        [("became required", "a", True)],
    ),
    "became optional": (
        [{"a": 1}],
        [{"a": 1}, {}],
        [("became optional", "a", True)],
        [("became optional", "a", False)],
    ),
    "another type": ([{"a": 1}], [{"a": "x"}], [("type changed", "a", True)], [("type changed", "a", True)]),
    "the body itself": ([{"a": 1}], [[1]], [("type changed", "", True)], [("type changed", "", True)]),
    "narrowed": (
        [{"a": 1}, {"a": "x"}],
        [{"a": 1}],
        [("type narrowed", "a", False)],
        [("type narrowed", "a", True)],
    ),
    "fractions no more": ([1.5], [1], [("type narrowed", "", False)], [("type narrowed", "", True)]),
    "fractions now": ([1], [1.5], [("type widened", "", True)], [("type widened", "", False)]),
    "null now": ([1], [1, None], [("became nullable", "", True)], [("became nullable", "", False)]),
    "null no more": ([1, None], [1], [("no longer null", "", False)], [("no longer null", "", True)]),
    "deep": (
        [{"a": [{"b": {"c": 1}}]}],
        [{"a": [{"b": {}}]}],
        [("field removed", "a[].b.c", True)],
        [("field no longer sent", "a[].b.c", False)],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_named(name: str) -> None:
    before, after, response, request = CASES[name]
    assert sure(seen(*before), seen(*after), RESPONSE) == response
    assert sure(seen(*before), seen(*after), REQUEST) == request


@pytest.mark.parametrize("name", sorted(set(CASES) - {"nothing"}))
def test_a_few_calls_prove_nothing(name: str) -> None:
    before, after, _, _ = CASES[name]
    for side in (RESPONSE, REQUEST):
        assert sure(seen(*before, times=3), seen(*after, times=3), side) == []
        assert list(differences(seen(*before, times=3), seen(*after, times=3), side))


def test_a_rare_key_that_does_not_occur_is_no_removal() -> None:
    before = of_shape(shape_of(*([{"a": 1}] * 99), {"a": 1, "b": 1}))
    assert sure(before, seen({"a": 1}, times=100), RESPONSE) == []
    assert sure(seen({"a": 1}, times=100), before, RESPONSE) == []


def test_a_place_that_was_not_seen_says_nothing() -> None:
    assert list(differences(Schema(), seen(1), RESPONSE)) == []
    assert list(differences(seen({"a": []}), seen({"a": [1]}), RESPONSE)) == []


def with_hidden(schema: Schema, types: int) -> Schema:
    return Schema(OBJECT, calls=schema.calls, keys=schema.keys, hidden=Hidden(1, types, 0))


def test_a_key_may_be_among_those_without_names() -> None:
    before, after = seen({"a": 1, "b": 1}, times=8), seen({"a": 1}, times=8)
    assert sure(before, after, RESPONSE) == [("field removed", "b", True)]
    assert sure(before, with_hidden(after, STRING), RESPONSE) == [("field removed", "b", True)]
    assert sure(before, with_hidden(after, INTEGER), RESPONSE) == []
    assert sure(with_hidden(after, INTEGER), before, REQUEST) == []


def test_but_not_where_it_would_have_been_named() -> None:
    before, after = seen({"a": 1, "b": 1}, times=60), with_hidden(seen({"a": 1}, times=60), INTEGER)
    assert sure(before, after, RESPONSE) == [("field removed", "b", True)]
    assert sure(after, before, REQUEST) == [("new required field", "b", True)]


def test_maps_are_compared_by_their_values() -> None:
    one = Schema(OBJECT, calls=30, values=Schema(INTEGER, calls=30))
    other = Schema(OBJECT, calls=30, values=Schema(STRING, calls=30))
    assert sure(one, other, RESPONSE) == [("type changed", "{}", True)]
    assert sure(one, seen({"a": "x"}), RESPONSE) == []


def test_formats() -> None:
    before, after = Schema(STRING, 1 << 5, calls=30), Schema(STRING, 1 << 6, calls=30)
    assert sure(before, after, RESPONSE) == [("format changed", "", False)]
    assert sure(before, Schema(STRING, 1 << 6 | 1 << 5, calls=30), RESPONSE) == []


@pytest.mark.parametrize(
    "schema, words",
    [
        (Schema(INTEGER), "integer"),
        (Schema(STRING | 64, 1 << 5), "string (uuid), nullable"),
        (Schema(STRING, 1 << 5 | 1), "string"),
        (Schema(64), "null"),
        (Schema(OBJECT | STRING, keys={"a": Member(Schema(), True)}), "object or string"),
    ],
)
def test_words(schema: Schema, words: str) -> None:
    assert described(schema) == words
