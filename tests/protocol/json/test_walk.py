"""The walk says what Python's json says: the same events, and no to the same texts."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.protocol.json.reference import expected, kinds
from whimbrel.protocol.json.testing import DEPTH, TEXT_BYTES, walk

WHOLE = ("more",)

plain = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
texts = plain | st.text('ab\\"/\n\u00e9\u20ac\U0001f600', max_size=200)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=30,
)
layouts = st.fixed_dictionaries(
    {
        "ensure_ascii": st.booleans(),
        "indent": st.sampled_from([None, 0, 2, "\t", " " * 20]),
        "separators": st.sampled_from([None, (",", ":"), (" , ", " : "), ("\r\n,", ":\t")]),
    }
)


def compare(found: list[Any], wanted: list[Any]) -> None:
    """Events as walk() gives them with those of the reference, whose strings are decoded."""
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        if one[0] != "string":
            assert one == other
            continue
        raw, length, escaped = one[1:]
        assert escaped == (b"\\" in raw) or length > TEXT_BYTES
        assert len(raw) == min(length, TEXT_BYTES)
        if length <= TEXT_BYTES:
            assert json.loads(b'"' + raw + b'"') == other[1]


@given(values, layouts, st.sampled_from(["", " ", "\n", "\ufeff", "\ufeff \r\n"]), st.sampled_from(["", "\n", " \t"]))
def test_documents_give_the_events_of_their_values(value: Any, layout: Any, before: str, after: str) -> None:
    data = (before + json.dumps(value, **layout) + after).encode()
    found = walk([data])
    assert found[-1] == WHOLE
    wanted = expected(data)
    assert wanted is not None
    compare(found[:-1], wanted)


@given(st.lists(values, min_size=1, max_size=4), st.sampled_from(["\n", " ", "\r\n\n"]))
def test_lines_of_documents_are_all_walked(documents: list[Any], between: str) -> None:
    data = between.join(map(json.dumps, documents)).encode()
    found = walk([data])
    wanted = expected(data)
    assert found[-1] == WHOLE and wanted is not None
    compare(found[:-1], wanted)


ALPHABET = [bytes([c]) for c in b'{}[],:"\\ \t\n\r0123456789+-.eEtrufalsn/bx\x00\x1f\x7f\x80\xef\xbb\xbf\xff']
WORDS = [b"true", b"false", b"null", b'"a"', b'"k":', b"\\u12aF", b"\\ud83d\\ude00", b"-0.5e+7", b"NaN"]
tokens = st.sampled_from(ALPHABET + WORDS)


@settings(max_examples=200)
@given(st.lists(tokens, max_size=24).map(b"".join))
@example(b"[1,]")
@example(b"[-]")
@example(b'{"a":1,}')
@example(b"[01]")
@example(b"[1.]")
@example(b"NaN")
@example(b"-Infinity")
@example(b"1 2")
@example(b"[][]{}1")
@example(b'1"a"')
@example(b'{"a"}')
@example(b"[1 2]")
@example(b'["\x1f"]')
@example(b'["\\x"]')
@example(b'["\\u12G4"]')
@example(b"\xef\xbb\xbf")
@example(b"\xef\xbb{}")
@example(b" \xef\xbb\xbf{}")
@example(b"")
def test_what_json_does_not_take_is_not_taken_and_what_it_takes_is(data: bytes) -> None:
    found = walk([data])
    wanted = kinds(data)
    if wanted is None:
        assert found[-1] == ("bad",)
    else:
        assert [event[0] for event in found] == [*wanted, "more"]


@settings(max_examples=150)
@given(values, layouts, st.data())
def test_one_byte_changed_is_judged_as_json_judges_it(value: Any, layout: Any, data: st.DataObject) -> None:
    text = bytearray(json.dumps(value, **layout).encode())
    text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.sampled_from(ALPHABET))[0]
    found, wanted = walk([bytes(text)]), kinds(bytes(text))
    assert [event[0] for event in found[:-1]] == wanted if wanted is not None else found[-1] == ("bad",)


@pytest.mark.parametrize(
    "key, decoded",
    [
        (rb"\u0041\n\/\b\f\t\r\"\\", b'A\n/\b\f\t\r"\\'),
        (rb"\u00e9\u20ac", "é€".encode()),
        (rb"\ud83d\ude00!", "😀!".encode()),
        (rb"\uD83D", b"\xef\xbf\xbd"),
        (rb"\ude00x", b"\xef\xbf\xbdx"),
        (rb"\ud83d\ud83d\ude00", b"\xef\xbf\xbd" + "😀".encode()),
        (rb"\ud83d\nx", b"\xef\xbf\xbd\nx"),
        (rb"\ud83dx\ude00", b"\xef\xbf\xbdx\xef\xbf\xbd"),
        (b"\xff\\u0000", b"\xff\0"),
    ],
)
def test_escapes_in_keys_are_decoded(key: bytes, decoded: bytes) -> None:
    assert walk([b'{"' + key + b'":1}'])[1] == ("key", decoded, len(decoded))


def test_strings_are_given_as_they_are_written() -> None:
    assert walk([rb'["\u0041\n", "plain"]'])[1:3] == [("string", rb"\u0041\n", 8, True), ("string", b"plain", 5, False)]


@pytest.mark.parametrize("size", [TEXT_BYTES - 1, TEXT_BYTES, TEXT_BYTES + 1, 5000])
def test_long_tokens_are_given_by_their_beginning_and_length(size: int) -> None:
    found = walk([b'{"' + b"k" * size + b'":"' + b"v" * size + b'","n":1' + b"0" * size + b"}"])
    kept = min(size, TEXT_BYTES)
    assert found[1] == ("key", b"k" * kept, size)
    assert found[2] == ("string", b"v" * kept, size, False)
    assert found[4] == ("integer", (b"1" + b"0" * size)[:TEXT_BYTES], size + 1)


@pytest.mark.parametrize("opening, closing", [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")])
def test_depth_has_a_limit(opening: bytes, closing: bytes) -> None:
    levels = DEPTH // (opening.count(b"[") + opening.count(b"{"))
    assert walk([opening * levels + b"1" + closing * levels])[-1] == WHOLE
    too_deep = walk([opening * (levels + 1) + b"1" + closing * (levels + 1)])
    assert too_deep[-1] == ("deep",)
    assert sum(event[0] in ("[", "{") for event in too_deep) == DEPTH


@pytest.mark.parametrize("data", [b"[", b'{"a":[1,2', b'"abc', b"tru", b"-", b"1e", b'{"a"', b"\xef\xbb", b" "])
def test_a_document_that_is_cut_off_is_not_whole(data: bytes) -> None:
    assert walk([data])[-1] == ("bad",)
