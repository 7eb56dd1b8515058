"""Bodies: bounded in bytes and in time, whatever a head says about them."""

import asyncio

import pytest
from starlette.requests import Request

from tests.hub.requests import Headers, request
from whimbrel.hub.bodies import FORM_BYTES_MOST, FORM_TYPE, announced, read_body, read_form, require_type
from whimbrel.hub.refusal import Refusal

FORM = ("content-type", FORM_TYPE)


def body(most: int, *chunks: bytes, headers: Headers = ()) -> bytes:
    return asyncio.run(read_body(request("POST", headers, *chunks), most))


def form(raw: bytes, *headers: tuple[str, str]) -> dict[str, str]:
    return asyncio.run(read_form(request("POST", [FORM, *headers], raw)))


def test_a_body_in_pieces() -> None:
    assert body(6, b"ab", b"", b"cdef") == b"abcdef"
    assert body(0) == b""


@pytest.mark.parametrize("chunks", [(b"abcdefg",), (b"abc", b"defg")])
def test_more_than_was_allowed_is_not_read_on(chunks: tuple[bytes, ...]) -> None:
    asked = request("POST", [], *chunks, b"the rest")
    with pytest.raises(Refusal, match="larger than 6 bytes") as caught:
        asyncio.run(read_body(asked, 6))
    assert (caught.value.status, caught.value.headers) == (413, {"Connection": "close"})


@pytest.mark.parametrize("length", ["7", "99999999999999999999", "-1", "x", "٣"])
def test_what_says_that_it_is_too_large_is_not_read_at_all(length: str) -> None:
    asked = request("POST", [], b"never asked for")
    asked.scope["headers"].append((b"content-length", length.encode()))
    with pytest.raises(Refusal, match="larger than 6"):
        announced(asked, 6)


def test_what_says_nothing_may_be_the_most() -> None:
    assert announced(request("POST", []), 6) == 6
    assert announced(request("POST", [("content-length", "4")]), 6) == 4


def test_a_body_that_does_not_come() -> None:
    async def never() -> dict[str, object]:
        await asyncio.sleep(30)
        raise AssertionError

    asked = Request(request("POST", []).scope, never)
    with pytest.raises(Refusal, match="did not arrive within") as caught:
        asyncio.run(read_body(asked, 6, 0.01))
    assert caught.value.status == 408


def test_a_connection_that_closes_in_the_middle() -> None:
    async def gone() -> dict[str, object]:
        return {"type": "http.disconnect"}

    asked = Request(request("POST", []).scope, gone)
    with pytest.raises(Refusal, match="closed before the body's end"):
        asyncio.run(read_body(asked, 6))


def test_forms() -> None:
    assert form(b"token=a%20b+c%C3%A9&next=") == {"token": "a b cé", "next": ""}
    assert form(b"") == {}
    assert form(b"a=1", ("x", "y")) == {"a": "1"}


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"a=1&a=2", "twice"),
        (b"&".join(b"a%d=1" % n for n in range(40)), "at most 32 fields"),
        (b"a=%ff", "not a form"),
        (b"a=\xff", "not a form"),
        (b"a=" + b"x" * FORM_BYTES_MOST, "larger than"),
    ],
)
def test_what_is_no_form(raw: bytes, said: str) -> None:
    with pytest.raises(Refusal, match=said):
        form(raw)


def test_types() -> None:
    require_type(request("POST", [("content-type", "Application/JSON; charset=utf-8")]), "application/json")
    with pytest.raises(Refusal, match="'nothing' was given, expected a/b or c/d") as caught:
        require_type(request("POST", []), "a/b", "c/d")
    assert caught.value.status == 415
