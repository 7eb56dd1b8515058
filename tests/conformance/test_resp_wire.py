"""RESP on the wire: what Redis answers to the byte, and how it keeps or closes the connection."""

from __future__ import annotations

import contextlib
import socket

import pytest

from .servers import Server
from .wire import Wire, play, resp

pytestmark = pytest.mark.clients

SCRIPTS = {
    "inline commands": r"""
        >> PING
        << +PONG
        >> set key value
        << +OK
        >> GET key
        << $5
        << value
        >> set quoted "a b\\x41\\n"
        << +OK
        >> strlen quoted
        << :5
        >> ping 'single quoted'
        << $13
        << single quoted
        >>
        >> \x20\x20
        >> ECHO  spaced\x20\x20
        << $6
        << spaced
    """,
    "errors": r"""
        >> NOPE a b
        << ~-ERR unknown command 'NOPE', with args beginning with: 'a' 'b' ?
        >> GET
        << -ERR wrong number of arguments for 'get' command
        >> SET key
        << -ERR wrong number of arguments for 'set' command
        >> SET key value NOSUCH
        << -ERR syntax error
        >> SET key value EX 10 PX 10
        << -ERR syntax error
        >> SET key value NX XX
        << -ERR syntax error
        >> SET key value EX abc
        << -ERR value is not an integer or out of range
        >> SET key value EX 0
        << -ERR invalid expire time in 'set' command
        >> SET key value EX 9223372036854775807
        << -ERR invalid expire time in 'set' command
        >> SETEX key 0 v
        << -ERR invalid expire time in 'setex' command
        >> INCRBY key abc
        << -ERR value is not an integer or out of range
        >> MSET a 1 b
        << -ERR wrong number of arguments for 'mset' command
        >> EXPIRE key abc
        << -ERR value is not an integer or out of range
        >> RENAME missing other
        << -ERR no such key
        >> SETRANGE key -1 x
        << -ERR offset is out of range
        >> OBJECT NOSUCH key
        << ~-ERR unknown subcommand 'NOSUCH'. Try OBJECT HELP.
        >> CLIENT NOSUCH
        << ~-ERR unknown subcommand 'NOSUCH'. Try CLIENT HELP.
        >> SCAN abc
        << -ERR invalid cursor
        >> SELECT abc
        << -ERR value is not an integer or out of range
        >> SELECT 100000
        << -ERR DB index is out of range
        >> HELLO 9
        << -NOPROTO unsupported protocol version
        >> COPY a b DB
        << -ERR syntax error
        >> GET key
        << $-1
    """,
    "transactions": r"""
        >> EXEC
        << -ERR EXEC without MULTI
        >> DISCARD
        << -ERR DISCARD without MULTI
        >> MULTI
        << +OK
        >> MULTI
        << -ERR MULTI calls can not be nested
        >> WATCH key
        << -ERR WATCH inside MULTI is not allowed
        >> SET key 1
        << +QUEUED
        >> INCR key
        << +QUEUED
        >> EXEC
        << *2
        << +OK
        << :2
        >> MULTI
        << +OK
        >> GET
        << -ERR wrong number of arguments for 'get' command
        >> EXEC
        << -EXECABORT Transaction discarded because of previous errors.
        >> MULTI
        << +OK
        >> DISCARD
        << +OK
        >> MULTI
        << +OK
        >> EXEC
        << *0
    """,
    "nulls in RESP2": r"""
        >> GET missing
        << $-1
        >> MGET missing
        << *1
        << $-1
        >> WATCH key
        << +OK
        >> SET key 1
        << +OK
        >> MULTI
        << +OK
        >> EXEC
        << *-1
    """,
    "nulls in RESP3": r"""
        >> HELLO 3
        << %7
        << $6
        << server
        << ~\$\d+
        << ~\w+
        << $7
        << version
        << ~\$\d+
        << ~[\w.]+
        << $5
        << proto
        << :3
        << $2
        << id
        << ~:\d+
        << $4
        << mode
        << $10
        << standalone
        << $4
        << role
        << $6
        << master
        << $7
        << modules
        << *0
        >> GET missing
        << _
        >> MGET missing
        << *1
        << _
        >> WATCH key
        << +OK
        >> SET key 1
        << +OK
        >> MULTI
        << +OK
        >> EXEC
        << _
        >> CONFIG GET maxmemory-policy
        << %1
        << $16
        << maxmemory-policy
        << ~\$\d+
        << ~[\w-]+
    """,
    "numbers": r"""
        >> INCRBYFLOAT f 10.50
        << $4
        << 10.5
        >> INCRBYFLOAT f 5.0e3
        << $6
        << 5010.5
        >> SET n 10
        << +OK
        >> INCRBY n -20
        << :-10
        >> DECRBY n 9223372036854775807
        << -ERR increment or decrement would overflow
        >> SET n 9223372036854775807
        << +OK
        >> INCR n
        << -ERR increment or decrement would overflow
        >> SET n 012
        << +OK
        >> INCR n
        << -ERR value is not an integer or out of range
        >> DECRBY x -9223372036854775808
        << -ERR decrement would overflow
    """,
}


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("dribbled", [False, True], ids=["whole", "bytewise"])
def test_script(redis_server: Server, name: str, dribbled: bool) -> None:
    with Wire(redis_server.address) as wire:

        def dribble(data: bytes) -> None:
            for at in range(len(data)):
                wire.socket.send(data[at : at + 1])

        if dribbled:
            wire.send = dribble  # type: ignore[method-assign]
        play(wire, SCRIPTS[name])


BROKEN = {
    b"*1\r\n$-1\r\n": b"-ERR Protocol error: invalid bulk length\r\n",
    b"*1\r\n$abc\r\n": b"-ERR Protocol error: invalid bulk length\r\n",
    b"*1\r\n$1000000000000\r\n": b"-ERR Protocol error: invalid bulk length\r\n",
    b"*abc\r\n": b"-ERR Protocol error: invalid multibulk length\r\n",
    b"*100000000000\r\n": b"-ERR Protocol error: invalid multibulk length\r\n",
    b"*1\r\n+PING\r\n": b"-ERR Protocol error: expected '$', got '+'\r\n",
    b'set "a\r\n': b"-ERR Protocol error: unbalanced quotes in request\r\n",
}


@pytest.mark.parametrize("request_", BROKEN, ids=repr)
def test_protocol_errors_close_after_one_line(redis_server: Server, request_: bytes) -> None:
    with Wire(redis_server.address) as wire:
        wire.send(resp("PING") + request_)
        assert wire.rest() == b"+PONG\r\n" + BROKEN[request_]


@pytest.mark.parametrize("empty", [b"*0\r\n", b"*-1\r\n", b"\r\n"])
def test_empty_requests_are_skipped(redis_server: Server, empty: bytes) -> None:
    with Wire(redis_server.address) as wire:
        wire.send(resp("PING") + empty * 3 + resp("PING"))  # the first byte of all tells the protocol
        assert [wire.line(), wire.line()] == [b"+PONG", b"+PONG"]


def test_quit_answers_and_closes(redis_server: Server) -> None:
    with Wire(redis_server.address) as wire:
        wire.send(resp("SET", "a", 1) + resp("QUIT") + resp("GET", "a"))
        assert wire.rest() == b"+OK\r\n+OK\r\n"


def test_half_close_is_answered(redis_server: Server) -> None:
    with Wire(redis_server.address) as wire:
        wire.send(resp("SET", "a", 1) + resp("GET", "a") * 1000)
        wire.socket.shutdown(socket.SHUT_WR)
        got = wire.rest()
    whole = b"+OK\r\n" + b"$1\r\n1\r\n" * 1000
    assert got == whole


def test_pipeline_of_thousands_in_any_pieces(redis_server: Server) -> None:
    request = b"".join(resp("SET", f"k{i}", "x" * (i % 97)) + resp("GET", f"k{i}") for i in range(2000))
    reply = b"".join(b"+OK\r\n$%d\r\n%b\r\n" % (i % 97, b"x" * (i % 97)) for i in range(2000))
    for piece in (1460, 4096, 16384, 16385, 65536, len(request)):
        with Wire(redis_server.address) as wire:
            got = b""
            for at in range(0, len(request), piece):
                wire.send(request[at : at + piece])
                wire.socket.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    got += wire.socket.recv(1 << 20)
                wire.socket.settimeout(15)
            assert got + wire.read(len(reply) - len(got)) == reply, piece


def test_name_list_and_reset(redis_server: Server) -> None:
    with Wire(redis_server.address) as wire:
        assert wire.command("HELLO", 3, "SETNAME", "me")
        assert wire.command("CLIENT", "GETNAME") == b"me"
        assert wire.command("MULTI") == b"OK"
        assert wire.command("RESET") == b"RESET"
        assert wire.command("CLIENT", "GETNAME") is None
        assert wire.ask(b"GET missing") == b"$-1"  # RESP2 again
        assert str(wire.command("EXEC")).startswith("ERR EXEC without MULTI")


def test_a_large_value_in_small_pieces(redis_server: Server) -> None:
    value = bytes(i % 251 for i in range(900_000))
    with Wire(redis_server.address) as wire:
        request = resp("SET", "big", value)
        for at in range(0, len(request), 10_007):
            wire.send(request[at : at + 10_007])
        assert wire.line() == b"+OK"
        assert wire.command("GET", "big") == value
