"""The safe codec: exactly what went in comes out, and nothing else ever does."""

import collections
import datetime
import decimal
import enum
import math
import uuid
import zoneinfo
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whimbrel.base.errors import CodecError
from whimbrel.cachecodec import pack, unpack

ZONES = st.sampled_from(
    [
        None,
        datetime.UTC,
        datetime.timezone(datetime.timedelta(minutes=-210), "odd"),
        datetime.timezone(datetime.timedelta(seconds=1)),
        zoneinfo.ZoneInfo("UTC"),
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**64) - 2, 2**64 + 2),
    st.floats(allow_nan=False),
    st.text(st.characters()),
    st.binary(),
    st.datetimes(timezones=ZONES),
    st.dates(),
    st.times(timezones=ZONES),
    st.timedeltas(),
    st.uuids(),
    st.decimals(allow_nan=False),
    st.complex_numbers(allow_nan=False),
)
HASHABLE = st.recursive(
    SCALARS, lambda inner: st.one_of(st.tuples(inner, inner), st.frozensets(inner, max_size=3)), max_leaves=5
)
VALUES = st.recursive(
    st.one_of(SCALARS, st.binary().map(bytearray)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(HASHABLE, inner, max_size=4),
        st.sets(HASHABLE, max_size=3),
    ),
    max_leaves=12,
)


def same(a: Any, b: Any) -> bool:
    """Equal, of the same type, all the way down; -0.0 is not 0.0; dicts keep their order."""
    if type(a) is not type(b):
        return False
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return same(list(a.items()), list(b.items()))
    if isinstance(a, (set, frozenset)):
        return a == b and sorted(type(x).__name__ for x in a) == sorted(type(x).__name__ for x in b)
    if isinstance(a, float):
        return a == b and math.copysign(1, a) == math.copysign(1, b)
    if isinstance(a, (datetime.datetime, datetime.time)):
        return a.replace(tzinfo=None) == b.replace(tzinfo=None) and a.fold == b.fold and repr(a) == repr(b)
    return bool(a == b)


@given(VALUES)
def test_round_trip_is_exact(value):
    assert same(unpack(pack(value)), value)


@pytest.mark.parametrize("value", [float("nan"), decimal.Decimal("NaN"), decimal.Decimal("1.10"), "\ud800", 0x7F, 0x80])
def test_odd_scalars(value):
    back = unpack(pack(value))
    assert type(back) is type(value)
    assert repr(back) == repr(value)


@pytest.mark.parametrize("length", [0, 1, 63, 64, 127, 128, 16383, 16384])
def test_lengths_at_their_edges(length):
    for value in ("x" * length, b"x" * length, ["x"] * length, tuple(range(length)), 1 << (length * 8)):
        assert unpack(pack(value)) == value


class Color(enum.IntEnum):
    RED = 1


class Text(str):
    __slots__ = ()


class Point(NamedTuple):
    x: int
    y: int


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (object(), "builtins.object"),
        (Color.RED, "Color"),
        (Text("x"), "Text"),
        (collections.OrderedDict(a=1), "collections.OrderedDict"),
        (Point(1, 2), "Point"),
        ([{"deep": {1: range(3)}}], "builtins.range"),
        (len, "builtin_function_or_method"),
        (memoryview(b"x"), "memoryview"),
    ],
)
def test_other_types_are_refused_by_name(value, name):
    with pytest.raises(TypeError, match=name):
        pack(value)


def nested(levels: int) -> list:
    value: list = []
    for _ in range(levels):
        value = [value]
    return value


def test_depth_has_a_limit_in_both_directions():
    assert unpack(pack(nested(99))) == nested(99)
    with pytest.raises(ValueError, match="nested deeper"):
        pack(nested(100))
    endless: list = []
    endless.append(endless)
    with pytest.raises(ValueError, match="nested deeper"):
        pack(endless)
    one_list_of_one = pack([0])[:2]
    with pytest.raises(CodecError, match="nested"):
        unpack(one_list_of_one * 5000 + b"\0")


@given(st.binary(max_size=60))
def test_foreign_bytes_are_a_value_or_a_codec_error(data):
    try:
        value = unpack(data)
    except CodecError:
        return
    pack(value)


@given(VALUES, st.data())
def test_truncated_and_extended_bytes_are_codec_errors(value, data):
    packed = pack(value)
    cut = data.draw(st.integers(0, len(packed) - 1))
    with pytest.raises(CodecError):
        unpack(packed[:cut])
    with pytest.raises(CodecError, match="after its end"):
        unpack(packed + b"\0")


@given(VALUES, st.data())
def test_damaged_bytes_are_a_value_or_a_codec_error(value, data):
    packed = bytearray(pack(value))
    packed[data.draw(st.integers(0, len(packed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        damaged = unpack(bytes(packed))
    except CodecError:
        return
    pack(damaged)


def test_a_lie_about_a_count_allocates_nothing():
    huge = b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f"
    for kind in ([0], (0,), {0}, frozenset([0]), {0: 0}, "x" * 100, b"x", bytearray(b"x"), decimal.Decimal(1), 1 << 90):
        with pytest.raises(CodecError):
            unpack(pack(kind)[:1] + huge)


def test_a_value_that_changes_while_it_is_stored_is_an_error():
    class Sly(dict):
        pass

    with pytest.raises(TypeError, match="Sly"):
        pack([Sly()])


def test_it_is_compact():
    value = {"id": 12345, "name": "abc", "tags": ["a", "b", "c"], "price": 12.5}
    assert len(pack(value)) < 50
    assert len(pack(uuid.uuid4())) == 17
