"""Responses: one table, parsed whole, with every prefix, and composed again."""

import pytest

from whimbrel.protocol.memcache import commands, inspect

CODE = {word.decode(): code for code, word in enumerate(commands.REPLIES) if word}
LINE, FAILED, NUMBER = 1, 2, 3

CASES: tuple[tuple[str, bytes, dict[str, object]], ...] = (
    ("get", b"VALUE a 5 3\r\nabc\r\n", {"code": CODE["VALUE"], "key": b"a", "flags": 5, "value": b"abc"}),
    ("gets", b"VALUE a 0 0 77\r\n\r\n", {"code": CODE["VALUE"], "key": b"a", "with_cas": True, "cas": 77}),
    ("get", b"VALUE a 0 5\r\nEND\r\n\r\n", {"code": CODE["VALUE"], "key": b"a", "value": b"END\r\n"}),
    ("get", b"END\r\n", {"code": CODE["END"], "last": True}),
    ("set", b"STORED\r\n", {"code": CODE["STORED"], "last": True}),
    ("cas", b"EXISTS\r\n", {"code": CODE["EXISTS"], "last": True}),
    ("set", b"SERVER_ERROR out of memory\r\n", {"code": FAILED, "last": True, "text": b"SERVER_ERROR out of memory"}),
    ("get", b"ERROR\r\n", {"code": FAILED, "last": True, "text": b"ERROR"}),
    ("incr", b"18446744073709551615\r\n", {"code": NUMBER, "last": True, "number": 2**64 - 1}),
    ("incr", b"NOT_FOUND\r\n", {"code": CODE["NOT_FOUND"], "last": True}),
    ("version", b"VERSION 1.6.18\r\n", {"code": CODE["VERSION"], "last": True, "text": b"1.6.18"}),
    ("stats", b"STAT curr_items 5 x\r\n", {"code": CODE["STAT"], "key": b"curr_items", "value": b"5 x"}),
    ("stats", b"END\r\n", {"code": CODE["END"], "last": True}),
    ("mg", b"HD\r\n", {"code": CODE["HD"], "last": True}),
    ("mg", b"HD t-1 W\r\n", {"code": CODE["HD"], "last": True, "text": b"t-1 W"}),
    ("mg", b"VA 2 ka O1\r\n\r\n\r\n", {"code": CODE["VA"], "last": True, "value": b"\r\n", "text": b"ka O1"}),
    ("mg", b"EN\r\n", {"code": CODE["EN"], "last": True}),
    ("me", b"ME a exp=-1 la=0\r\n", {"code": CODE["ME"], "last": True, "key": b"a", "text": b"exp=-1 la=0"}),
    ("mn", b"MN\r\n", {"code": CODE["MN"], "last": True}),
    ("slabs", b"BUSY now\r\n", {"code": LINE, "last": True, "text": b"BUSY now"}),
)


def shown(response: dict[str, object] | None) -> dict[str, object]:
    assert response is not None
    return {name: value for name, value in response.items() if value}


def said_elsewhere(expected: dict[str, object]) -> set[str]:
    """`text` repeats what the other fields say of these."""
    return {"text"} if expected["code"] in (NUMBER, CODE["VALUE"], CODE["STAT"]) else set()


@pytest.mark.parametrize("command, data, expected", CASES)
def test_parse(command: str, data: bytes, expected: dict[str, object]) -> None:
    for tail in (b"", b"END\r\n", b"\x00"):
        response, consumed, _ = inspect.parse_response(command, data + tail)
        assert consumed == len(data)
        found = shown(response)
        for name in said_elsewhere(expected):
            found.pop(name, None)
        assert found == expected


@pytest.mark.parametrize("command, data, expected", CASES)
def test_every_prefix_wants_more(command: str, data: bytes, expected: dict[str, object]) -> None:
    assert expected
    for i in range(len(data)):
        response, consumed, need = inspect.parse_response(command, data[:i])
        assert (response, consumed) == (None, 0)
        assert need in (0, len(data))


@pytest.mark.parametrize("command, data, expected", CASES)
def test_compose(command: str, data: bytes, expected: dict[str, object]) -> None:
    assert inspect.compose_response(command, expected) == data


@pytest.mark.parametrize("line", [b"VALUE a 0\r\n", b"VALUE a x 1\r\n", b"VALUE a 0 1 x\r\n", b"VALUE a 0 1 2 3\r\n"])
def test_a_broken_value_line_is_just_a_line(line: bytes) -> None:
    response, consumed, _ = inspect.parse_response("get", line)
    assert (shown(response)["code"], consumed) == (LINE, len(line))


def test_a_number_is_one_only_for_incr_and_decr() -> None:
    assert shown(inspect.parse_response("get", b"5\r\n")[0])["code"] == LINE
