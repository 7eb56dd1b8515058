"""What a flow's first bytes are taken for, on either side, and that more bytes do not change what was said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.http1.cases import CASES as HTTP_CASES
from tests.protocol.http1.cases import Case as HttpCase
from tests.protocol.memcache.cases import CASES as MEMCACHE_CASES
from tests.protocol.memcache.cases import Case as MemcacheCase
from tests.protocol.resp.cases import REPLIES, REQUESTS, ReplyCase, RequestCase
from whimbrel.protocol import redis_words
from whimbrel.protocol.http1.verbs import METHODS
from whimbrel.protocol.memcache import commands as memcache_commands
from whimbrel.protocol.testing_detect import DETECT_BYTES, client_side, detect

TLS_CLIENT = bytes.fromhex("160301020001000001fc0303")
TLS_SERVER = bytes.fromhex("160303007a020000760303")
SETTINGS = bytes.fromhex("00000c040000000000000300000064000400010000")
HTML = b"<html><body>hello</body></html>"

# client, server, what they speak
FLOWS: tuple[tuple[bytes, bytes, str], ...] = (
    (b"", b"", "unsure"),
    # HTTP/1
    (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"", "http1"),
    (b"\r\n\r\nGET / HTTP/1.1\r\n", b"", "http1"),
    (b"get / HTTP/1.1\r\n", b"", "http1"),
    (b"FOO anything HTTP/1.0\n", b"", "http1"),
    (b"POST /x", b"", "http1"),
    (b"GET /" + b"a" * 300, b"", "http1"),
    (b"FOO /" + b"a" * 300, b"", "http1"),
    (b"CONNECT " + b"a" * 300, b"", "http1"),
    (b"GET / HTTP", b"", "unsure"),
    (b"GET / HTTP/1.1\r\n", b"+OK\r\n", "http1"),
    (b"", b"HTTP/1.1 200 OK\r\n", "http1"),
    (b"", b"http/1.0 404", "http1"),
    (b"", b"HTTP/1.1", "unsure"),
    (b"\x00\x01\x02 the middle of an upload", b"HTTP/1.1 201 Created\r\n", "http1"),
    # HTTP that is broken is HTTP all the same
    (b"GET/ HTTP/1.1\r\n", b"", "http1"),
    (b"OPTIONSHTTP/1.1\n", b"", "http1"),
    (b"\xc3\x83 / HTTP/1.\n", b"", "http1"),
    (b"OPTIONS\n", b"", "unsure"),
    (b"OPTIONS\n", b"HTTP/1.0 400 Bad Request\r\n", "http1"),
    # HTTP/0.9 is told from a line for Redis by the answer
    (b"GET /x\r\n", b"", "unsure"),
    (b"GET /x\r\n", HTML, "http1"),
    (b"GET /x\r\n", b"$3\r\nabc\r\n", "resp"),
    (b"GET /x\r\n", b"$", "unsure"),
    (b"POST /x\r\n", b"", "http1"),
    # HTTP/2
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"", "http2"),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", SETTINGS, "http2"),
    (b"PRI * HTTP/2.0", b"", "unsure"),
    (b"", SETTINGS, "unsure"),
    # TLS
    (TLS_CLIENT, b"", "tls"),
    (TLS_CLIENT, TLS_SERVER, "tls"),
    (TLS_CLIENT, b"HTTP/1.1 400 Bad Request\r\n", "tls"),
    (TLS_CLIENT[:3], b"", "unsure"),
    (b"", TLS_SERVER, "tls"),
    (b"\x16\x04\x01\x00\x10\x01", b"", "opaque"),
    (b"\x16\x03\x05\x00\x10\x01", b"", "opaque"),
    (b"\x16\x03\x01\xff\xff\x01", b"", "opaque"),
    (b"\x16\x03\x01\x00\x10\x02", b"", "opaque"),
    (b"\x17\x03\x03\x00\x10abcdef", b"", "opaque"),
    # RESP
    (b"*1\r\n$4\r\nPING\r\n", b"", "resp"),
    (b"*12\r\n$", b"", "unsure"),
    (b"*0\r\n", b"", "unsure"),
    (b"*-1\r\n", b"-ERR\r\n", "resp"),
    (b"*x", b"?\r\n", "opaque"),
    (b"*1\r\n:", b"?\r\n", "opaque"),
    (b"*123456789\r\n", b"?\r\n", "opaque"),
    (b"PING\r\n", b"", "unsure"),
    (b"PING\r\n", b"+PONG\r\n", "resp"),
    (b"set a b\r\n", b"+OK\r\n", "resp"),
    (b"hello 3\r\n", b"%7\r\n$6\r\nserver\r\n", "resp"),
    (b"PING\r\n" * 50, b"", "resp"),
    (b"NICK x\r\n", b"+OK\r\n", "opaque"),
    # memcache
    (b"get key\r\n", b"", "unsure"),
    (b"get key\r\n", b"END\r\n", "memcache"),
    (b"get key\r\n", b"VALUE key 0 5\r\nhello\r\nEND\r\n", "memcache"),
    (b"get key\r\n", b"$-1\r\n", "resp"),
    (b"get key\r\n", b"HTTP/1.1 400 Bad Request\r\n", "http1"),
    (b"get " + b"key " * 100, b"", "memcache"),
    (b"gets key\r\n", b"", "memcache"),
    (b"set key 0 0 5\r\nhello\r\n", b"", "memcache"),
    (b"set key 0 0 5 noreply\r\nhello\r\n", b"", "memcache"),
    (b"set key 0 0 x\r\nhello\r\n", b"ERROR\r\n", "opaque"),
    (b"incr a 1\r\n", b"5\r\n", "memcache"),
    (b"incr a\r\n", b":5\r\n", "resp"),
    (b"mg key v\r\n", b"", "memcache"),
    (b"mg", b"", "unsure"),
    (b"ms key 5 T0\r\nhello\r\n", b"", "memcache"),
    (b"mn\r\n", b"", "memcache"),
    (b"mg key \xff\r\n", b"EN\r\n", "opaque"),
    (b"version\r\n", b"VERSION 1.6.45\r\n", "memcache"),
    (b"stats\r\n", b"STAT pid 1\r\n", "memcache"),
    (b"", b"VALUE key 0 5\r\nhello\r\nEND\r\n", "memcache"),
    (b"", b"STORED\r\n", "unsure"),
    # others
    (b"\x80\x00\x00\x03", b"", "opaque"),
    (b"SSH-2.0-a\r\n", b"SSH-2.0-b\r\n", "opaque"),
    (b"", b"SSH-2.0-b\r\n", "opaque"),
    (b"", b"220 mail ESMTP\r\n", "opaque"),
    (b"EHLO a\r\n", b"220 mail ESMTP\r\n", "opaque"),
    (b"USER a\r\n", b"+OK POP3\r\n", "opaque"),
    (b"OPTIONS rtsp://a/b RTSP/1.0\r\n", b"RTSP/1.0 200 OK\r\n", "opaque"),
    (b"OPTIONS sip:a@b SIP/2.0\r\n", b"SIP/2.0 200 OK\r\n", "opaque"),
    (b"a1 LOGIN x y\r\n", b"* OK IMAP4\r\n", "opaque"),
    (b"some text" * 40, b"", "opaque"),
    (b"\x00" * 300, b"", "opaque"),
)


@pytest.mark.parametrize(("client", "server", "expected"), FLOWS, ids=lambda value: repr(value)[:40])
def test_flows(client: bytes, server: bytes, expected: str) -> None:
    assert detect(client, server) == expected


@pytest.mark.parametrize("method", METHODS)
def test_every_method(method: str) -> None:
    assert detect(f"{method} /x HTTP/1.1\r\n".encode()) == "http1"
    assert detect(f"{method} * HTTP/1.0\r\n".encode()) == "http1"
    alone = "unsure" if method.lower() in redis_words.WORDS else "http1"
    assert detect(f"{method} /x".encode()) == alone


@pytest.mark.parametrize("word", sorted(redis_words.WORDS))
def test_every_redis_command(word: str) -> None:
    for name in (word, word.upper(), word.title()):
        raw = name.encode()
        assert detect(b"*2\r\n$%d\r\n%b\r\n$1\r\na\r\n" % (len(raw), raw)) == "resp"
        assert detect(raw + b" a\r\n", b"+OK\r\n") == "resp"
        assert detect(raw + b" a\r\n", b"-ERR no\r\n") == "resp"
        assert detect(raw + b" a\r\n", b"*1\r\n$1\r\nx\r\n") == "resp"
        assert detect(raw[:2]) == "unsure"


# A line of each command with the words it needs, and an answer to it.
LINES = {
    "set": b"set a 0 0 1\r\n",
    "add": b"add a 1 2 3\r\n",
    "replace": b"replace a 0 -1 3 noreply\r\n",
    "append": b"append a 0 0 3\r\n",
    "prepend": b"prepend a 0 0 3\r\n",
    "cas": b"cas a 0 0 3 99\r\n",
    "gat": b"gat 10 a b\r\n",
    "gats": b"gats 10 a\r\n",
    "incr": b"incr a 1\r\n",
    "decr": b"decr a 1\r\n",
    "touch": b"touch a 1\r\n",
    "ms": b"ms a 5 T0 c\r\n",
    "mn": b"mn\r\n",
    "quit": b"quit\r\n",
}
SURE = {*("set", "add", "replace", "append", "prepend", "cas"), *("gat", "gats", "gets", "bget")}
SURE |= {"mg", "ms", "md", "ma", "me", "mn"}


@pytest.mark.parametrize("command", [command.name for command in memcache_commands.COMMANDS])
def test_every_memcache_command(command: str) -> None:
    line = LINES.get(command, b"%b a\r\n" % command.encode())
    assert detect(line, b"ERROR\r\n") == "memcache"
    assert detect(line) == ("memcache" if command in SURE else "unsure")
    assert detect(command[:2].encode()) == "unsure"


REPLY_WORDS = [word for word in memcache_commands.REPLIES if word]


@pytest.mark.parametrize("word", [*REPLY_WORDS, b"ERROR", b"CLIENT_ERROR", b"SERVER_ERROR", b"18446744073709551615"])
def test_every_memcache_reply(word: bytes) -> None:
    assert detect(b"get a\r\n", word + b"\r\n") == "memcache"
    assert detect(b"get a\r\n", word + b"x\r\n") == "opaque"
    assert detect(b"PING\r\n", word + b"\r\n") == "opaque"


@pytest.mark.parametrize(
    "reply",
    [b"+OK", b"-ERR x", b":1", b":-1", b":+1", b"$-1", b"$3", b"*-1", b"*2", b"_", b"#t", b"#f", b",1.5", b",inf",
     b"(123", b"!5", b"=5", b"%1", b"~1", b">1", b"|1"],
)  # fmt: skip
def test_every_kind_of_resp_reply(reply: bytes) -> None:
    assert detect(b"get a\r\n", reply + b"\r\n") == "resp"
    assert detect(b"get a\r\n", reply) == "unsure"
    assert detect(b"get a\r\n", reply + b"\n") == "opaque"
    assert detect(b"get a\r\n", reply[:1] + b"\x00\r\n") == "opaque"


# The codecs' own case tables: what a codec takes as its protocol, is never taken for another one


CONTROLS = (b"GET /\x00\x7f", b"*1\r*$4\r*PING")  # taken by the codecs, but not believed of an unknown flow


@pytest.mark.parametrize("case", [case for case in HTTP_CASES if case.head and case.answers is None], ids=str)
def test_requests_of_http1(case: HttpCase) -> None:
    if not case.sent.startswith(CONTROLS):
        assert detect(case.sent) in ("http1", "unsure")
    assert detect(case.sent, b"HTTP/1.1 200 OK\r\n") == "http1"


@pytest.mark.parametrize("case", [case for case in HTTP_CASES if case.head and case.answers], ids=str)
def test_responses_of_http1(case: HttpCase) -> None:
    assert detect(b"", case.sent.lstrip(b"\r\n")) == "http1"


@pytest.mark.parametrize("case", [case for case in REQUESTS if case.args and case.sent[:1] == b"*"], ids=str)
def test_requests_of_resp(case: RequestCase) -> None:
    if not case.sent.startswith(CONTROLS):
        assert detect(case.sent) == "resp"


@pytest.mark.parametrize("case", [case for case in REPLIES if case.reply is not None], ids=str)
def test_replies_of_resp(case: ReplyCase) -> None:
    assert detect(b"PING\r\n", case.sent) in ("resp", "unsure")


@pytest.mark.parametrize("case", [case for case in MEMCACHE_CASES if "error" not in case.message], ids=str)
def test_requests_of_memcache(case: MemcacheCase) -> None:
    """Those with control characters in their keys, or numbers missing, are not believed."""
    assert detect(case.sent, b"ERROR\r\n") in ("memcache", "opaque")


# What was said stays said

SIDE = st.lists(
    st.one_of(
        st.sampled_from([part for client, server, _ in FLOWS for part in (client, server) if len(part) < 200]),
        st.binary(max_size=6),
    ),
    max_size=4,
).map(b"".join)


@given(SIDE)
def test_more_bytes_of_a_lone_side_change_nothing(sent: bytes) -> None:
    for said in (
        [detect(sent[:n]) for n in range(1, len(sent) + 1)],
        [detect(b"", sent[:n]) for n in range(1, len(sent) + 1)],
    ):
        settled = [one for one in said if one != "unsure"]
        assert len(set(settled)) <= 1
        assert "unsure" not in said[len(said) - len(settled) :]


@given(SIDE, SIDE)
def test_at_its_limit_it_decides(client: bytes, server: bytes) -> None:
    assert detect(client + b"x" * DETECT_BYTES, server) != "unsure"
    assert detect(client, server + b"x" * DETECT_BYTES) != "unsure"


# Which side is the client

SIDES = (
    (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"),
    (b"GET / HTTP/1.1\r\n\r\n", b""),
    (b"", b"HTTP/1.1 200 OK\r\n\r\n"),
    (b"POST /x", b"middle of a body"),
    (b"middle of a body", b"HTTP/1.1 200 OK\r\n"),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", SETTINGS),
    (TLS_CLIENT, TLS_SERVER),
    (TLS_CLIENT, b""),
    (b"", TLS_SERVER),
    (b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"),
    (b"", b"+PONG\r\n"),
    (b"*2\r\n$4\r\nKEYS\r\n$1\r\n*\r\n", b"*2\r\n$3\r\nfoo\r\n$3\r\nbar\r\n"),
    (b"*3\r\n$6\r\nLRANGE\r\n", b"*1\r\n$3\r\nfoo\r\n"),
    (b"PING\r\n", b"+PONG\r\n"),
    (b"get a\r\n", b"END\r\n"),
    (b"", b"STORED\r\n"),
    (b"set a 0 0 1\r\n", b""),
)


@pytest.mark.parametrize(("client", "server"), SIDES, ids=lambda value: repr(value)[:30])
def test_the_client_is_known_whichever_side_comes_first(client: bytes, server: bytes) -> None:
    assert client_side(client, server) == 0
    assert client_side(server, client) == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [(b"", b""), (b"\x00", b"\x01"), (b"SSH-2.0", b"SSH-2.0"), (b"*1\r\n$3\r\nfoo\r\n", b""), (b"x", b"GET")],
)
def test_nobody_is_the_client_where_nothing_says_so(first: bytes, second: bytes) -> None:
    assert client_side(first, second) == -1
