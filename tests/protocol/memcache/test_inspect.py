"""The Python view of the codec: what it joins, drops and refuses."""

import pytest

from whimbrel.protocol.memcache import inspect


def test_pieces_of_one_retrieval_are_one_message() -> None:
    messages, left = inspect.parse_stream([b"gets " + b"a " * 1100, b"b", b"\r\nmn\r\n"])
    assert [message["command"] for message in messages] == ["gets", "mn"]
    assert len(messages[0]["keys"]) == 1101
    assert left == b""


def test_data_of_a_refused_request_is_dropped_however_it_arrives() -> None:
    sent = b"set a 0 0 50\r\n" + b"get x\r\n" * 7 + b".\r\nmn\r\n"
    for size in (1, 9, 100):
        messages, left = inspect.parse_stream([sent[i : i + size] for i in range(0, len(sent), size)], 10)
        assert [message["command"] for message in messages] == ["set", "mn"]
        assert left == b""


def test_a_partial_message_is_left() -> None:
    assert inspect.parse_stream([b"mn\r\nset a 0 0 5\r\n12"]) == ([{"command": "mn"}], b"set a 0 0 5\r\n12")


def test_a_command_that_is_none_can_not_be_composed() -> None:
    with pytest.raises(ValueError, match="list"):
        inspect.compose_request({"command": "nonsense"})
