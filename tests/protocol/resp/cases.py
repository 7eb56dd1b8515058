"""The case table of the RESP codec: bytes and what they mean, requests and replies.

Everything is fed whole, byte by byte and with a tail; replies, and requests that are arrays, are composed again.
Tests and fuzz corpora start from here.
"""

from typing import Any, NamedTuple


class RequestCase(NamedTuple):
    sent: bytes
    args: list[bytes] | None = None  # None: refused
    error: bytes = b""
    canonical: bool = False  # composing the arguments gives these bytes again

    def __str__(self) -> str:
        return repr(self.sent[:40])


class ReplyCase(NamedTuple):
    sent: bytes
    reply: tuple[Any, ...] | None  # None: refused
    canonical: bool = True

    def __str__(self) -> str:
        return repr(self.sent[:40])


MAX_BULK = 100_000
MAX_REQUEST = 200_000


def _array(sent: bytes, *args: bytes) -> RequestCase:
    return RequestCase(sent, list(args), canonical=True)


def _line(sent: bytes, *args: bytes) -> RequestCase:
    return RequestCase(sent, list(args))


def _bad(sent: bytes, error: bytes) -> RequestCase:
    return RequestCase(sent, None, b"-ERR Protocol error: " + error + b"\r\n")


REQUESTS = [
    _array(b"*1\r\n$4\r\nPING\r\n", b"PING"),
    _array(b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n", b"GET", b"a"),
    _array(b"*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\n\r\n\x00\xff\r\n", b"SET", b"", b"\r\n\x00\xff"),
    _array(b"*9\r\n" + b"$1\r\na\r\n" * 9, *[b"a"] * 9),  # more than the parser's test array holds
    _array(b"*1\r\n$70000\r\n" + b"v" * 70000 + b"\r\n", b"v" * 70000),
    RequestCase(b"*0\r\n", []),
    RequestCase(b"*-1\r\n", []),
    RequestCase(b"*-9\r\n", []),
    # the bytes where a CR LF belongs are not looked at, as in the original
    RequestCase(b"*1\r*$4\r*PING..", [b"PING"]),
    _line(b"\r\n"),
    _line(b"\n"),
    _line(b"  \t \r\n"),
    _line(b"PING\r\n", b"PING"),
    _line(b"PING\n", b"PING"),
    _line(b"  SET  a\tb  \r\n", b"SET", b"a", b"b"),
    _line(b'SET a ""\r\n', b"SET", b"a", b""),
    _line(b'SET a "b c"\r\n', b"SET", b"a", b"b c"),
    _line(b"SET a 'b \"c'\r\n", b"SET", b"a", b'b "c'),
    _line(b"SET a 'it\\'s \\n'\r\n", b"SET", b"a", b"it's \\n"),
    _line(b'SET a "\\x41\\xff\\xfg\\n\\r\\t\\b\\a\\"\\\\\\q"\r\n', b"SET", b"a", b'A\xffxfg\n\r\t\b\a"\\q'),
    _line(b'SET a x"y z"\r\n', b"SET", b"a", b"xy z"),
    _line(b"$3\r\n", b"$3"),
    _line(b"a\r\r\n", b"a"),
    _line(b"a b\x00c d\r\n", b"a", b"b"),
    _line(b"w " * 3000 + b"\n", *[b"w"] * 3000),
    _bad(b'SET "a\r\n', b"unbalanced quotes in request"),
    _bad(b'SET "a"b\r\n', b"unbalanced quotes in request"),
    _bad(b"SET 'a'b\r\n", b"unbalanced quotes in request"),
    _bad(b'SET "a\\\r\n', b"unbalanced quotes in request"),
    _bad(b"SET 'a\\'\r\n", b"unbalanced quotes in request"),
    _bad(b"*x\r\n", b"invalid multibulk length"),
    _bad(b"*\r\n", b"invalid multibulk length"),
    _bad(b"*+1\r\n", b"invalid multibulk length"),
    _bad(b"*01\r\n", b"invalid multibulk length"),
    _bad(b"*1048577\r\n", b"invalid multibulk length"),
    _bad(b"*99999999999999999999\r\n", b"invalid multibulk length"),
    _bad(b"*1\r\n+OK\r\n", b"expected '$', got '+'"),
    _bad(b"*1\r\n\r\n", b"expected '$', got ' '"),
    _bad(b"*2\r\n$1\r\na\r\nb\r\n", b"expected '$', got 'b'"),
    _bad(b"*1\r\n$x\r\n", b"invalid bulk length"),
    _bad(b"*1\r\n$-1\r\n", b"invalid bulk length"),
    _bad(b"*1\r\n$100001\r\n", b"invalid bulk length"),
    _bad(b"*3\r\n$100000\r\n" + b"v" * 100000 + b"\r\n$100000\r\n", b"request too large"),
    _bad(b"x" * 65537, b"too big inline request"),
    _bad(b"*" + b"1" * 65537, b"too big mbulk count string"),
    _bad(b"*1\r\n$" + b"1" * 65537, b"too big bulk count string"),
]

REPLIES = [
    ReplyCase(b"+OK\r\n", ("+", b"OK")),
    ReplyCase(b"+\r\n", ("+", b"")),
    ReplyCase(b"-ERR no\r\n", ("-", b"ERR no")),
    ReplyCase(b":0\r\n", (":", 0)),
    ReplyCase(b":-9223372036854775808\r\n", (":", -(2**63))),
    ReplyCase(b":9223372036854775807\r\n", (":", 2**63 - 1)),
    ReplyCase(b":+5\r\n", (":", 5), canonical=False),
    ReplyCase(b"$0\r\n\r\n", ("$", b"")),
    ReplyCase(b"$4\r\n\r\n\x00\xff\r\n", ("$", b"\r\n\x00\xff")),
    ReplyCase(b"$-1\r\n", ("$", None)),
    ReplyCase(b"*-1\r\n", ("*", None)),
    ReplyCase(b"*0\r\n", ("*", [])),
    ReplyCase(b"*2\r\n:1\r\n*1\r\n$1\r\na\r\n", ("*", [(":", 1), ("*", [("$", b"a")])])),
    ReplyCase(b"_\r\n", ("_", None)),
    ReplyCase(b"#t\r\n", ("#", True)),
    ReplyCase(b"#f\r\n", ("#", False)),
    ReplyCase(b",1.5\r\n", (",", b"1.5")),
    ReplyCase(b",-inf\r\n", (",", b"-inf")),
    ReplyCase(b"(123456789012345678901234567890\r\n", ("(", b"123456789012345678901234567890")),
    ReplyCase(b"!6\r\nERR no\r\n", ("!", b"ERR no")),
    ReplyCase(b"=5\r\ntxt:a\r\n", ("=", b"txt:a")),
    ReplyCase(b"%1\r\n+a\r\n:1\r\n", ("%", [(("+", b"a"), (":", 1))])),
    ReplyCase(b"~2\r\n:1\r\n:2\r\n", ("~", [(":", 1), (":", 2)])),
    ReplyCase(b">2\r\n+message\r\n+x\r\n", (">", [("+", b"message"), ("+", b"x")])),
    ReplyCase(b"|1\r\n+ttl\r\n:5\r\n$1\r\na\r\n", ("|", [(("+", b"ttl"), (":", 5))], ("$", b"a"))),
    ReplyCase(b"*1\r\n_\r\n", ("*", [("_", None)])),
    ReplyCase(b"*1\r\n" * 1000 + b":1\r\n", None),
    ReplyCase(b"?\r\n", None),
    ReplyCase(b"hello\r\n", None),
    ReplyCase(b":\r\n", None),
    ReplyCase(b":x\r\n", None),
    ReplyCase(b":9223372036854775808\r\n", None),
    ReplyCase(b"#x\r\n", None),
    ReplyCase(b"_x\r\n", None),
    ReplyCase(b"$?\r\n", None),
    ReplyCase(b"*?\r\n", None),
    ReplyCase(b"%-1\r\n", None),
    ReplyCase(b"=-1\r\n", None),
    ReplyCase(b"$-2\r\n", None),
    ReplyCase(b"$1\r\nabc", None),
    ReplyCase(b"+OK\rX", None),
    ReplyCase(b"*268435457\r\n", None),
    ReplyCase(b"*268435456\r\n*268435456\r\n", None),
    ReplyCase(b"+" + b"x" * 65537, None),
]
