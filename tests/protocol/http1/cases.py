"""The case table of HTTP/1: the bytes of one message, and what they mean.

`head` names the fields that are not empty, without the header block; None is bytes that are refused.  Everything is
fed whole, byte by byte, with a tail, and what carries no flag is composed again; fuzz corpora start from here too.
"""

from typing import Any, NamedTuple


class Case(NamedTuple):
    sent: bytes
    head: dict[str, Any] | None
    body: bytes
    outcome: str  # of the body: whole, cut, bad
    how: str  # what becomes of the connection: open, bad, tunnel, 0.9
    answers: bytes | None  # the method a response answers; None: this is a request
    lines: list[tuple[bytes, bytes]] | None  # header lines, where they are the point

    def __str__(self) -> str:
        return repr(self.sent[:50])

    @property
    def flags(self) -> list[str]:
        return list((self.head or {}).get("flags", []))

    @property
    def until_close(self) -> bool:
        """Whatever follows belongs to the message."""
        return (self.head or {}).get("framing") == "until close"


def _request(
    sent: bytes,
    method: bytes = b"GET",
    target: bytes = b"/",
    *,
    body: bytes = b"",
    outcome: str = "whole",
    how: str = "open",
    lines: list[tuple[bytes, bytes]] | None = None,
    **fields: Any,
) -> Case:
    head = {"method": method, "target": target, "minor": 1, "keep_alive": True, **fields}
    head = {name: value for name, value in head.items() if value or name == "content_length"}
    return Case(sent, head, body, outcome, how, None, lines)


def _response(
    sent: bytes,
    status: int = 200,
    reason: bytes = b"OK",
    *,
    answers: bytes = b"GET",
    body: bytes = b"",
    outcome: str = "whole",
    how: str = "open",
    lines: list[tuple[bytes, bytes]] | None = None,
    **fields: Any,
) -> Case:
    head = {"status": status, "reason": reason, "minor": 1, "keep_alive": fields.get("framing") != "until close"}
    head = {name: value for name, value in {**head, **fields}.items() if value or name == "content_length"}
    return Case(sent, head, body, outcome, how, answers, lines)


def _no_request(sent: bytes) -> Case:
    return Case(sent, None, b"", "", "bad", None, None)


def _no_response(sent: bytes) -> Case:
    return Case(sent, None, b"", "", "bad", b"GET", None)


REQUEST_LINES = (
    _request(b"GET / HTTP/1.1\r\n\r\n"),
    _request(b"GET / HTTP/1.0\r\n\r\n", minor=0, keep_alive=False),
    _request(b"\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
    _request(b"\n" * 64 + b"GET / HTTP/1.1\r\n\r\n"),
    _no_request(b"\r\n" * 33 + b"GET / HTTP/1.1\r\n\r\n"),
    _request(b"get / HTTP/1.1\r\n\r\n", b"get"),
    _request(b"M-SEARCH * HTTP/1.1\r\n\r\n", b"M-SEARCH", b"*"),
    _request(b"!#$%&'*+-.^_`|~09aZ / HTTP/1.1\r\n\r\n", b"!#$%&'*+-.^_`|~09aZ"),
    _request(b"A" * 32 + b" / HTTP/1.1\r\n\r\n", b"A" * 32),
    _no_request(b"A" * 33 + b" / HTTP/1.1\r\n\r\n"),
    _no_request(b"GE\xc3T / HTTP/1.1\r\n\r\n"),
    _no_request(b"GET/ HTTP/1.1\r\n\r\n"),
    _no_request(b" GET / HTTP/1.1\r\n\r\n"),
    _no_request(b"GET\r\n\r\n"),
    _no_request(b"{\"a\": 1}\r\n"),
    _request(b"GET /\xc3\xa9?q=%20&x=1#y HTTP/1.1\r\n\r\n", target=b"/\xc3\xa9?q=%20&x=1#y"),
    _request(b"GET http://a.example/x HTTP/1.1\r\nHost: b\r\n\r\n", target=b"http://a.example/x", host=b"a.example"),
    _request(b"GET https://u:p@a:80?x@y HTTP/1.1\r\n\r\n", target=b"https://u:p@a:80?x@y", host=b"a:80"),
    _request(b"GET http:///x HTTP/1.1\r\nHost: b\r\n\r\n", target=b"http:///x", host=b"b"),
    _request(b"GET /?u=http://c/ HTTP/1.1\r\nHost: b\r\n\r\n", target=b"/?u=http://c/", host=b"b"),
    _request(b"CONNECT a.example:443 HTTP/1.1\r\nHost: b\r\n\r\n", b"CONNECT", b"a.example:443", host=b"a.example:443"),
    _request(b"CONNECT / HTTP/1.1\r\nHost: b\r\n\r\n", b"CONNECT", b"/", host=b"b"),
    _request(b"OPTIONS * HTTP/1.1\r\nHost: b\r\n\r\n", b"OPTIONS", b"*", host=b"b"),
    # odd, and taken
    _request(b"GET /a b\tc HTTP/1.1\r\n\r\n", target=b"/a b\tc", flags=["bad target"]),
    _request(b"GET  / HTTP/1.1\r\n\r\n", flags=["bad target"]),
    _request(b"GET\t/ HTTP/1.1\r\n\r\n", flags=["bad target"]),
    _request(b"GET /  HTTP/1.1\r\n\r\n", flags=["bad target"]),
    _request(b"GET / HTTP/1.1 \r\n\r\n", flags=["bad target"]),
    _request(b"GET /\x00\x7f HTTP/1.1\r\n\r\n", target=b"/\x00\x7f", flags=["bad target"]),
    _request(b"OPTIONS HTTP/1.1\r\n\r\n", b"OPTIONS", b"", flags=["bad target"]),
    _request(b"GET / HTTP/1.\r\n\r\n", flags=["bad version"]),
    _request(b"GET / HTTP/\r\n\r\n", flags=["bad version"]),
    _request(b"GET / http/1.1\r\n\r\n", flags=["bad version"]),
    _request(b"GET / HTTP/1.2\r\n\r\n", minor=2, flags=["bad version"]),
    _request(b"GET / HTTP/2.0\r\n\r\n", flags=["bad version"]),
    _request(b"GET / HTTP/0.9\r\n\r\n", minor=0, keep_alive=False, flags=["bad version"]),
    _request(b"GET / HTTP/1.10\r\n\r\n", flags=["bad version"]),
    _request(b"GET / HTTP/11\r\n\r\n", flags=["bad version"]),
    # without a version
    _request(b"GET /x\r\n", target=b"/x", minor=9, keep_alive=False, flags=["0.9"], how="0.9"),
    _request(b"GET /x\n", target=b"/x", minor=9, keep_alive=False, flags=["bare lf", "0.9"], how="0.9"),
    _request(b"GET http://a/x\r\n", target=b"http://a/x", host=b"a", minor=9, keep_alive=False, flags=["0.9"],
             how="0.9"),
    _request(b"POST /HTTP/1.1\r\n", b"POST", b"/HTTP/1.1", minor=9, keep_alive=False, flags=["0.9"], how="0.9"),
    _request(b"GET /x y\r\n", target=b"/x y", minor=9, keep_alive=False, flags=["0.9", "bad target"], how="0.9"),
    _no_request(b"get /x\r\n"),
    _no_request(b"GET x\r\n"),
    _no_request(b"T /x\r\n"),
    _no_request(b"GET \r\n"),
)  # fmt: skip

HEADERS = (
    _request(
        b"GET / HTTP/1.1\r\nHost: a\r\nX-Y:z\r\nx-y: \t w \t\r\nEmpty:\r\n\r\n",
        host=b"a",
        lines=[(b"Host", b"a"), (b"X-Y", b"z"), (b"x-y", b"w"), (b"Empty", b"")],
    ),
    _request(b"GET / HTTP/1.1\r\nhOsT: a\r\n\r\n", host=b"a"),
    _request(
        b"POST / HTTP/1.1\r\nContent-Type: a/b; c=d\r\nContent-Encoding: gzip\r\nAuthorization: Basic x\r\n"
        b"Content-Length: 1\r\n\r\nx",
        b"POST",
        content_type=b"a/b; c=d",
        content_encoding=b"gzip",
        authorization=b"Basic x",
        framing="length",
        content_length=1,
        body=b"x",
    ),
    _request(b"GET / HTTP/1.1\nHost: a\n\n", host=b"a", flags=["bare lf"]),
    _request(b"GET / HTTP/1.1\r\nHost: a\r\n\n", host=b"a", flags=["bare lf"]),
    _request(b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", host=b"a", flags=["bare lf"]),
    _request(
        b"GET / HTTP/1.1\r\nX: a\r\n b\r\n\tc\r\nHost: h\r\n\r\n",
        host=b"h",
        flags=["folded"],
        lines=[(b"X", b"a\r\n b\r\n\tc"), (b"Host", b"h")],
    ),
    _request(b"GET / HTTP/1.1\r\nHost:\r\n h\r\n\r\n", host=b"h", flags=["folded"]),
    _request(b"GET / HTTP/1.1\r\nHost: h\r\n \r\n\r\n", host=b"h", flags=["folded"]),
    _request(b"GET / HTTP/1.1\r\nX: a\n b\r\n\r\n", flags=["folded", "bare lf"]),
    _request(b"GET / HTTP/1.1\r\n Host: a\r\n b: c\r\nX: y\r\n\r\n", flags=["folded", "bad header"],
             lines=[(b"X", b"y")]),
    _request(b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", host=b"a", flags=["bad header"], lines=[(b"Host", b"a")]),
    _request(b"GET / HTTP/1.1\r\nA B: c\r\n\r\n", flags=["bad header"], lines=[(b"A B", b"c")]),
    _request(b"GET / HTTP/1.1\r\nno colon\r\nHost: a\r\n\r\n", host=b"a", flags=["bad header"],
             lines=[(b"Host", b"a")]),
    _request(b"GET / HTTP/1.1\r\nno\r\n colon: x\r\n\r\n", flags=["folded", "bad header"], lines=[]),
    _request(b"GET / HTTP/1.1\r\n: x\r\n\r\n", flags=["bad header"], lines=[]),
    _request(b"GET / HTTP/1.1\r\nX: a\x00b\r\n\r\n", flags=["bad header"], lines=[(b"X", b"a\x00b")]),
    _request(b"GET / HTTP/1.1\r\nX: a\rb\r\n\r\n", lines=[(b"X", b"a\rb")]),
    _request(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", host=b"a", flags=["duplicate"]),
    _request(b"GET / HTTP/1.1\r\nContent-Type: a\r\nContent-Type: b\r\n\r\n", content_type=b"a", flags=["duplicate"]),
    _request(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", keep_alive=False),
    _request(b"GET / HTTP/1.1\r\nConnection: a, ,CLOSE\r\nConnection: x\r\n\r\n", keep_alive=False),
    _request(b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", minor=0),
    _request(b"GET / HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n", upgrade=True),
    _request(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 256 + b"\r\n"),
    _request(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 256 + b"Host: h\r\n\r\n", host=b"h", flags=["long"]),
    _request(b"GET / HTTP/1.1\r\nX: " + b"y" * 65513 + b"\r\n\r\n"),
    _no_request(b"GET / HTTP/1.1\r\nX: " + b"y" * 65514 + b"\r\n\r\n"),
    _no_request(b"GET /" + b"y" * 65531),
)  # fmt: skip

CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"


def _chunked(sent: bytes, body: bytes, **fields: Any) -> Case:
    return _request(CHUNKED + sent, b"POST", framing="chunked", body=body, **fields)


REQUEST_BODIES = (
    _request(b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", b"POST", framing="length", content_length=5,
             body=b"hello"),
    _request(b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", b"POST", content_length=0),
    _request(b"POST / HTTP/1.1\r\nContent-Length: 005\r\n\r\nhello", b"POST", framing="length", content_length=5,
             body=b"hello"),
    _request(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhello", b"POST", framing="length", content_length=9,
             body=b"hello", outcome="cut"),
    _request(b"POST / HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\nx", b"POST", framing="length",
             content_length=2**64 - 1, body=b"x", outcome="cut"),
    _request(b"POST / HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\nhello", b"POST", framing="length", content_length=5,
             body=b"hello", flags=["duplicate"]),
    _request(b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", b"POST", framing="length",
             content_length=5, body=b"hello", flags=["duplicate"]),
    *(
        _request(b"POST / HTTP/1.1\r\nContent-Length: " + value + b"\r\n\r\nxy", b"POST", framing="until close",
                 keep_alive=False, body=b"xy", flags=flags)
        for value, flags in (
            (b"1, 2", ["duplicate", "length conflict"]),
            (b"2\r\nContent-Length: 1", ["duplicate", "length conflict"]),
            (b"2,", ["duplicate", "length conflict"]),
            (b"", ["length conflict"]),
            (b"+2", ["length conflict"]),
            (b"-2", ["length conflict"]),
            (b"2 2", ["length conflict"]),
            (b"0x2", ["length conflict"]),
            (b"2.0", ["length conflict"]),
            (b"18446744073709551616", ["length conflict"]),
            (b"99999999999999999999999999", ["length conflict"]),
        )
    ),
    _chunked(b"0\r\n\r\n", b""),
    _chunked(b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
    _chunked(b"3\r\nabc\r\n00000A\r\n0123456789\r\n000\r\n\r\n", b"abc0123456789"),
    _chunked(b"a\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    _chunked(b"1;a=b;c=\"d;e\"\r\nx\r\n2 ;f\r\nyz\r\n0;g\r\n\r\n", b"xyz"),
    _chunked(b"1 \r\nx\r\n0\t\r\n\r\n", b"x"),
    _chunked(b"1\r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\n", b"x"),
    _chunked(b"1\nx\n0\nA: b\n\n", b"x"),
    _chunked(b"1;a\nx\r\n0\r\n\n", b"x"),
    _chunked(b"2\r\n\r\n\r\n0\r\n\r\n", b"\r\n"),
    _chunked(b"1;" + b"e" * 4092 + b"\r\nx\r\n0\r\n\r\n", b"x"),
    _chunked(b"0\r\n" + b"t" * 16380 + b"\r\n\r\n", b""),
    _chunked(b"5\r\nhel", b"hel", outcome="cut"),
    _chunked(b"5\r\nhello\r\n0\r\n", b"hello", outcome="cut"),
    *(
        _chunked(sent, body, outcome="bad", how="bad")
        for sent, body in (
            (b"\r\n", b""),
            (b"x\r\n", b""),
            (b";\r\n", b""),
            (b" 1\r\n", b""),
            (b"-1\r\n", b""),
            (b"0x1\r\n", b""),
            (b"1\rx", b""),
            (b"1,\r\n", b""),
            (b"10000000000000000\r\n", b""),
            (b"1\r\nxy", b"x"),
            (b"1\r\nx\ry", b"x"),
            (b"0\r\n\rx", b""),
            (b"1;" + b"e" * 4096, b""),
            (b"0" * 4097, b""),
            (b"0\r\n" + b"t" * 16385, b""),
            (b"0\r\n" + b"t:u\r\n" * 3277, b""),
        )
    ),
    _chunked(b"FFFFFFFFFFFFFFFF\r\nx", b"x", outcome="cut"),
    _request(b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n0\r\n\r\n", b"POST", framing="chunked"),
    _request(b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n", b"POST",
             framing="chunked"),
    _request(b"POST / HTTP/1.1\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"POST",
             framing="chunked", flags=["length and chunked"]),
    _request(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", b"POST", framing="chunked",
             flags=["bad transfer"]),
    _request(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", b"POST", framing="chunked",
             flags=["bad transfer"]),
    _request(b"POST / HTTP/1.1\r\nTransfer-Encoding: rot13, chunked\r\n\r\n0\r\n\r\n", b"POST", framing="chunked",
             flags=["bad transfer"]),
    _request(b"POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\nContent-Length: 1\r\n\r\nx", b"POST",
             framing="length", content_length=1, body=b"x", flags=["bad transfer"]),
    _request(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"POST", framing="chunked", minor=0,
             keep_alive=False, flags=["bad transfer"]),
    _request(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\nxy", b"POST", framing="until close",
             keep_alive=False, body=b"xy", flags=["bad transfer"]),
    _request(b"POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\nxy", b"POST", framing="until close",
             keep_alive=False, body=b"xy", flags=["bad transfer"]),
)  # fmt: skip

RESPONSES = (
    _response(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", framing="length", content_length=2, body=b"hi"),
    _response(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", content_length=0),
    _response(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", framing="chunked",
              body=b"hi"),
    _response(b"HTTP/1.1 200 OK\r\n\r\nhi", framing="until close", body=b"hi"),
    _response(b"HTTP/1.0 200 OK\r\n\r\n", framing="until close", minor=0),
    _response(b"HTTP/1.1 404 Not  Found \r\nContent-Length: 0\r\n\r\n", 404, b"Not  Found ", content_length=0),
    _response(b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", reason=b"", content_length=0),
    _response(b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", reason=b"", content_length=0),
    _response(b"HTTP/1.1  200  OK\r\nContent-Length: 0\r\n\r\n", reason=b" OK", content_length=0),
    _response(b"\r\nHTTP/1.1 999 \xff\r\nContent-Length: 0\r\n\r\n", 999, b"\xff", content_length=0),
    _response(b"HTTP/1.1 301 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", 301, b"Moved", location=b"/x",
              content_length=0),
    _response(b"http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", content_length=0, flags=["bad version"]),
    _response(b"HTTP/1.7 200 OK\r\nContent-Length: 0\r\n\r\n", content_length=0, minor=7, flags=["bad version"]),
    _response(b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", content_length=0, flags=["bare lf"]),
    # no body, whatever the headers say
    _response(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", answers=b"HEAD", content_length=5),
    _response(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", answers=b"HEAD"),
    _response(b"HTTP/1.1 200 OK\r\n\r\n", answers=b"HEAD"),
    _response(b"HTTP/1.1 100 Continue\r\n\r\n", 100, b"Continue"),
    _response(b"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n", 103, b"Early Hints", content_length=5),
    _response(b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"No Content"),
    _response(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, b"Not Modified", content_length=5),
    # tunnels
    _response(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", 101,
              b"Switching Protocols", framing="tunnel", upgrade=True, how="tunnel"),
    _response(b"HTTP/1.1 200 OK\r\n\r\n", answers=b"CONNECT", framing="tunnel", how="tunnel"),
    _response(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", answers=b"CONNECT", framing="tunnel", how="tunnel",
              content_length=5),
    _response(b"HTTP/1.1 407 No\r\nContent-Length: 1\r\n\r\nx", 407, b"No", answers=b"CONNECT", framing="length",
              content_length=1, body=b"x"),
    # what cannot be believed lasts until the close
    _response(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: 1\r\n\r\nxy", framing="until close",
              body=b"xy", flags=["length and chunked", "bad transfer"]),
    _response(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy", framing="until close",
              body=b"xy", flags=["duplicate", "length conflict"]),
    _response(b"HTTP/1.1 204 OK\r\nContent-Length: x\r\n\r\n", 204, flags=["length conflict"]),
    _no_response(b"HTTP/1.1 20 OK\r\n\r\n"),
    _no_response(b"HTTP/1.1 099 OK\r\n\r\n"),
    _no_response(b"HTTP/1.1 2000 OK\r\n\r\n"),
    _no_response(b"HTTP/1.1 200OK\r\n\r\n"),
    _no_response(b"HTTP/1.1 OK\r\n\r\n"),
    _no_response(b"HTTP/1.1\r\n\r\n"),
    _no_response(b"HTTP 200 OK\r\n\r\n"),
    _no_response(b"ICY 200 OK\r\n\r\n"),
    _no_response(b"<html>"),
)  # fmt: skip

CASES = (*REQUEST_LINES, *HEADERS, *REQUEST_BODIES, *RESPONSES)
