"""Requests of the codec: the case table three ways, and compose after parse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.memcache.cases import CASES, LONG, MAX_VALUE, Case
from whimbrel.protocol.memcache import inspect

TAIL = b"get tail\r\n"
TAIL_MESSAGE = {"command": "get", "keys": [b"tail"]}


def comparable(message: dict[str, object]) -> dict[str, object]:
    """Options of the plain commands are their words again: said by the other fields."""
    plain = message.get("command") in {"incr", "decr", "touch", "delete", "flush_all", "verbosity", "cache_memlimit"}
    return {name: value for name, value in message.items() if not (plain and name == "options")}


def parse_all(chunks: list[bytes]) -> tuple[list[dict[str, object]], bytes]:
    messages, left = inspect.parse_stream(chunks, MAX_VALUE)
    return [comparable(message) for message in messages], left


def swallowed(case: Case) -> bytes:
    return b"." * int(str(case.message.get("swallow", 0))) if case.message.get("swallow", 0) != 2**31 - 1 else b""


@pytest.mark.parametrize("case", CASES, ids=str)
def test_whole(case: Case) -> None:
    assert parse_all([case.sent]) == ([comparable(case.message)], b"")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_byte_by_byte(case: Case) -> None:
    chunks = [case.sent[i : i + 1] for i in range(len(case.sent))]
    assert parse_all(chunks) == ([comparable(case.message)], b"")


@pytest.mark.parametrize("size", [2, 3, 64, 1000])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_in_pieces(case: Case, size: int) -> None:
    chunks = [case.sent[i : i + size] for i in range(0, len(case.sent), size)]
    assert parse_all(chunks) == ([comparable(case.message)], b"")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_with_a_tail(case: Case) -> None:
    messages, left = parse_all([case.sent + swallowed(case) + TAIL])
    closed = case.message.get("close") or case.message.get("swallow", 0) == 2**31 - 1
    assert messages == [comparable(case.message)] + ([] if closed else [TAIL_MESSAGE])
    assert left == b"" or closed


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_proper_prefix_wants_more(case: Case) -> None:
    """A message is there at its last byte and not before, but for lines that are streamed."""
    if case.message.get("close") or len(case.sent) > 2048:
        pytest.skip("the length itself decides")
    for i in range(len(case.sent)):
        message, consumed, need = inspect.parse_request(case.sent[:i], MAX_VALUE)
        assert message is None
        assert consumed == 0
        assert need == 0 or i < need <= len(case.sent) or case.message.get("value") is not None


COMPOSABLE = [case for case in CASES if "error" not in case.message]


@pytest.mark.parametrize("case", COMPOSABLE, ids=str)
def test_compose_is_the_inverse_of_parse(case: Case) -> None:
    composed = inspect.compose_request(case.message)
    assert parse_all([composed])[0] == [comparable(case.message)]


def test_need_is_the_length_of_the_whole_request() -> None:
    assert inspect.parse_request(b"set a 0 0 5\r\n") == (None, 0, 20)
    assert inspect.parse_request(b"set a 0 0 5\r\n12345\r") == (None, 0, 20)
    assert inspect.parse_request(b"ms a 5 T0\r\n123") == (None, 0, 18)
    assert inspect.parse_request(b"set a 0 0 5") == (None, 0, 0)


keys = st.binary(min_size=1, max_size=250).map(lambda key: bytes(33 + byte % 94 for byte in key))
numbers = st.integers(0, 2**64 - 1)
times = st.integers(-(2**31), 2**40)
stores = st.fixed_dictionaries(
    {
        "command": st.sampled_from(["set", "add", "replace", "append", "prepend", "cas"]),
        "key": keys,
        "client_flags": st.integers(0, 2**32 - 1),
        "exptime": times,
        "value": st.binary(max_size=MAX_VALUE),
        "noreply": st.booleans(),
    }
)
requests = st.one_of(
    st.fixed_dictionaries(
        {"command": st.sampled_from(["get", "gets"]), "keys": st.lists(keys, min_size=1, max_size=40)}
    ),
    st.fixed_dictionaries(
        {"command": st.sampled_from(["gat", "gats"]), "keys": st.lists(keys, max_size=40), "exptime": times}
    ),
    stores.map(lambda message: message | ({"cas": 7} if message["command"] == "cas" else {})),
    st.fixed_dictionaries(
        {"command": st.sampled_from(["incr", "decr"]), "key": keys, "delta": numbers, "noreply": st.booleans()}
    ),
    st.fixed_dictionaries({"command": st.just("touch"), "key": keys, "exptime": times, "noreply": st.booleans()}),
    st.fixed_dictionaries({"command": st.just("delete"), "key": keys, "noreply": st.booleans()}),
    st.fixed_dictionaries({"command": st.just("flush_all"), "exptime": times, "noreply": st.booleans()}),
)


@given(st.lists(requests, max_size=5), st.integers(1, 3000))
def test_composed_requests_parse_back_in_any_chunks(messages: list[dict[str, object]], size: int) -> None:
    sent = b"".join(inspect.compose_request(message) for message in messages)
    chunks = [sent[i : i + size] for i in range(0, len(sent), size)]
    expected = [{name: value for name, value in message.items() if value} for message in messages]
    for message in expected:
        if "key" in message:
            message["key_sent"] = message["key"]
    assert parse_all(chunks) == (expected, b"")


@given(
    st.lists(st.sampled_from([*(case.sent for case in CASES), b" ", b"\r\n", b"\x00", b"noreply", LONG]), max_size=8)
)
def test_nonsense_means_the_same_in_any_chunks(parts: list[bytes]) -> None:
    sent = b"".join(parts)
    whole = parse_all([sent])
    for size in (1, 5, 333):
        assert parse_all([sent[i : i + size] for i in range(0, len(sent), size)])[0] == whole[0]
