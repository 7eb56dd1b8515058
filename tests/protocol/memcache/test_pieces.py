"""Retrieval lines longer than a line may be: bounded memory, the same answer however they arrive."""

import pytest

from whimbrel.protocol.memcache import inspect

LINE_MAX = 2048
KEY_MAX = 250


def test_what_is_kept_of_a_long_line_is_less_than_a_key() -> None:
    data, state, kept = b"get " + b"key:%d " % 5 * 100_000 + b"\r\n", 0, b""
    keys = 0
    for at in range(0, len(data), 1000):
        kept += data[at : at + 1000]
        while True:
            message, consumed, _ = inspect.parse_request(kept, state=state)
            if message is None:
                break
            kept = kept[consumed:]
            state = message.get("state", 0)
            keys += len(message.get("keys", []))
        assert len(kept) <= (LINE_MAX if at < LINE_MAX else KEY_MAX + 2)
    assert (keys, kept, state) == (100_000, b"", 0)


@pytest.mark.parametrize("length", [LINE_MAX - 1, LINE_MAX, LINE_MAX + 1])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_around_the_limit(length: int, end: bytes) -> None:
    keys = b"a " * ((length - 4) // 2)
    line = (b"get " + keys + b"b")[: length - len(end)] + end
    assert len(line) == length
    expected = [key for key in line[4:].strip().split(b" ") if key]
    for size in (1, 7, length):
        messages, left = inspect.parse_stream([line[i : i + size] for i in range(0, length, size)])
        assert (messages, left) == ([{"command": "get", "keys": expected}], b"")


@pytest.mark.parametrize("key_length", [KEY_MAX, KEY_MAX + 1])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b" \r\n"])
@pytest.mark.parametrize("size", [1, 100, 5000])
def test_the_last_key_of_a_long_line(key_length: int, end: bytes, size: int) -> None:
    line = b"get " + b"a " * 1100 + b"k" * key_length + end
    messages, left = inspect.parse_stream([line[i : i + size] for i in range(0, len(line), size)])
    assert left == b""
    assert len(messages) == 1
    assert len(messages[0]["keys"]) == 1100 + (key_length == KEY_MAX)
    assert bool(messages[0].get("error")) == (key_length > KEY_MAX)


def test_after_an_error_the_rest_of_the_line_is_dropped() -> None:
    line = b"get " + b"a " * 1100 + b"k" * 5000 + b" b" * 5000 + b"\r\nmn\r\n"
    for size in (1, 999, len(line)):
        messages, left = inspect.parse_stream([line[i : i + size] for i in range(0, len(line), size)])
        assert [message["command"] for message in messages] == ["get", "mn"]
        assert len(messages[0]["keys"]) == 1100
        assert left == b""


def test_a_time_before_1970_survives_between_pieces() -> None:
    message, consumed, _ = inspect.parse_request(b"gat -5 " + b"a " * 1100)
    assert message is not None
    following = inspect.parse_request(b"a b ", state=message["state"])[0]
    assert following is not None
    assert following["exptime"] == -5
    assert consumed == len(b"gat -5")
