"""memcache on the wire: scripts that memcached 1.6 answers exactly so, one a test.

A script runs twice: as written, and byte by byte (every request cut at every place).
"""

from __future__ import annotations

import contextlib
import re
import socket

import pytest

from .servers import Server
from .wire import Wire, play

pytestmark = pytest.mark.clients

SCRIPTS = {
    "set get": r"""
        >> set key 5 0 5
        >> hello
        << STORED
        >> get key
        << VALUE key 5 5
        << hello
        << END
        >> get missing
        << END
        >> get missing key other key
        << VALUE key 5 5
        << hello
        << VALUE key 5 5
        << hello
        << END
    """,
    "flags are 32 bits": r"""
        >> set key 4294967295 0 1
        >> x
        << STORED
        >> get key
        << VALUE key 4294967295 1
        << x
        << END
    """,
    "gets and cas": r"""
        >> set key 0 0 1
        >> 1
        << STORED
        >> gets key
        << ~VALUE key 0 1 \d+
        << 1
        << END
        >> cas key 0 0 1 999999999
        >> 2
        << EXISTS
        >> cas other 0 0 1 5
        >> 2
        << NOT_FOUND
        >> get key
        << VALUE key 0 1
        << 1
        << END
    """,
    "storage verbs": r"""
        >> add key 1 0 1
        >> a
        << STORED
        >> add key 2 0 1
        >> b
        << NOT_STORED
        >> replace key 3 0 1
        >> c
        << STORED
        >> replace other 0 0 1
        >> d
        << NOT_STORED
        >> append key 9 0 2
        >> de
        << STORED
        >> prepend key 9 0 2
        >> ab
        << STORED
        >> get key
        << VALUE key 3 5
        << abcde
        << END
        >> append none 0 0 1
        >> x
        << NOT_STORED
    """,
    "noreply": r"""
        >> set a 0 0 1 noreply
        >> 1
        >> add a 0 0 1 noreply
        >> 2
        >> append a 0 0 1 noreply
        >> 3
        >> incr a 1 noreply
        >> touch a 100 noreply
        >> delete missing noreply
        >> verbosity 0 noreply
        >> flush_all 1000 noreply
        >> get a
        << VALUE a 0 2
        << 14
        << END
        >> flush_all noreply
        >> get a
        << END
    """,
    "arithmetic": r"""
        >> incr n 1
        << NOT_FOUND
        >> set n 0 0 2
        >> 99
        << STORED
        >> incr n 1
        << 100
        >> decr n 1000
        << 0
        >> incr n 18446744073709551615
        << 18446744073709551615
        >> incr n 1
        << 0
        >> incr n abc
        << CLIENT_ERROR invalid numeric delta argument
        >> incr n -1
        << CLIENT_ERROR invalid numeric delta argument
        >> set t 0 0 3
        >> abc
        << STORED
        >> incr t 1
        << CLIENT_ERROR cannot increment or decrement non-numeric value
        >> set long 0 0 21
        >> 111111111111111111111
        << STORED
        >> incr long 1
        << CLIENT_ERROR cannot increment or decrement non-numeric value
    """,
    "touch gat gats": r"""
        >> touch key 10
        << NOT_FOUND
        >> set key 7 0 1
        >> v
        << STORED
        >> touch key 100
        << TOUCHED
        >> gat 100 key missing
        << VALUE key 7 1
        << v
        << END
        >> gats 0 key
        << ~VALUE key 7 1 \d+
        << v
        << END
        >> touch key abc
        << CLIENT_ERROR invalid exptime argument
        >> gat abc key
        << CLIENT_ERROR invalid exptime argument
    """,
    "delete": r"""
        >> set key 0 0 1
        >> v
        << STORED
        >> delete key
        << DELETED
        >> delete key
        << NOT_FOUND
        >> set key 0 0 1
        >> v
        << STORED
        >> delete key 0
        << DELETED
        >> delete key 10
        << CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]
    """,
    "negative expiry": r"""
        >> set key 0 -1 1
        >> v
        << STORED
        >> get key
        << END
        >> set key 0 0 1
        >> v
        << STORED
        >> touch key -1
        << TOUCHED
        >> get key
        << END
    """,
    "negative expiry printed as unsigned, as libmemcached does": r"""
        >> set key 0 4294967295 1
        >> v
        << STORED
        >> get key
        << END
    """,
    "unknown and empty commands": r"""
        >> nonsense
        << ERROR
        >> GET key
        << ERROR
        >> get
        << ERROR
        >>
        << ERROR
        >> \x20
        << ERROR
        >> set key
        << ERROR
        >> set key 0 0
        << ERROR
        >> set key 0 0 1 noreply extra
        << ERROR
        >> version
        << ~VERSION .+
    """,
    "key too long": r"""
        >> get KEY250
        << END
        >> get KEY251
        << CLIENT_ERROR bad command line format
        >> delete KEY251
        << CLIENT_ERROR bad command line format
        >> incr KEY251 1
        << CLIENT_ERROR bad command line format
        >> touch KEY251 1
        << CLIENT_ERROR bad command line format
        >> set KEY251 0 0 1
        << CLIENT_ERROR bad command line format
        >> v
        << ERROR
        >> set KEY250 0 0 1
        >> v
        << STORED
        >> get KEY250
        << VALUE KEY250 0 1
        << v
        << END
    """,
    "bad numbers on a storage line": r"""
        >> set key abc 0 1
        << CLIENT_ERROR bad command line format
        >> v
        << ERROR
        >> set key 0 abc 1
        << CLIENT_ERROR bad command line format
        >> v
        << ERROR
        >> set key 0 0 abc
        << CLIENT_ERROR bad command line format
        >> v
        << ERROR
        >> set key 0 0 -1
        << CLIENT_ERROR bad command line format
        >> v
        << ERROR
        >> get key
        << END
    """,
    "data block too long": r"""
        >> set key 0 0 1
        >> toolong
        << CLIENT_ERROR bad data chunk
        << ERROR
        >> get key
        << END
    """,
    "value larger than the limit": r"""
        >> set key 0 0 2097152
        >> VALUE2097152
        << SERVER_ERROR object too large for cache
        >> get key
        << END
    """,
    "binary data": r"""
        >> set key 0 0 7
        >> \r\n\x00\xff\r\nE
        << STORED
        >> get key
        << VALUE key 0 7
        <<
        << \x00\xff
        << E
        << END
    """,
    "keys may hold bytes above 127": r"""
        >> set k\xc3\xa9y 0 0 1
        >> v
        << STORED
        >> get k\xc3\xa9y
        << VALUE k\xc3\xa9y 0 1
        << v
        << END
    """,
    "flush_all": r"""
        >> set a 0 0 1
        >> v
        << STORED
        >> flush_all
        << OK
        >> get a
        << END
        >> flush_all abc
        << CLIENT_ERROR invalid exptime argument
        >> flush_all 0
        << OK
    """,
    "verbosity": r"""
        >> verbosity 0
        << OK
        >> verbosity
        << ERROR
    """,
    "meta get": r"""
        >> mn
        << MN
        >> mg missing v
        << EN
        >> set key 7 0 5
        >> hello
        << STORED
        >> mg key
        << HD
        >> mg key v
        << VA 5
        << hello
        >> mg key f s v
        << VA 5 f7 s5
        << hello
        >> mg key k O123 q s v
        << VA 5 kkey O123 s5
        << hello
        >> mg key t
        << HD t-1
        >> mg missing q
        >> mg missing v q
        >> mn
        << MN
        >> mg key s v t f k Oopaque
        << VA 5 s5 t-1 f7 kkey Oopaque
        << hello
    """,
    "meta get: hit, last access, cas": r"""
        >> set key 0 0 1
        >> v
        << STORED
        >> mg key h
        << HD h0
        >> mg key h
        << HD h1
        >> mg key l
        << ~HD l[01]
        >> mg key c
        << ~HD c\d+
    """,
    "meta get vivifies and grants one winner": r"""
        >> mg key v N30 t
        << ~VA 0 t(29|30) W
        <<
        >> mg key v N30 t
        << ~VA 0 t(29|30) Z
        <<
        >> ms key 3
        >> new
        << HD
        >> mg key v N30
        << VA 3
        << new
    """,
    "meta delete marks stale": r"""
        >> set key 0 0 1
        >> v
        << STORED
        >> md key I T30
        << HD
        >> mg key v t
        << ~VA 1 t(29|30) (W X|X W)
        << v
        >> mg key v
        << ~VA 1 (X Z|Z X)
        << v
        >> ms key 1
        >> w
        << HD
        >> mg key v
        << VA 1
        << w
        >> md key q
        >> mg key
        << EN
        >> md key
        << NF
    """,
    "meta get recaches near the end": r"""
        >> ms key 1 T20
        >> v
        << HD
        >> mg key t R30
        << ~HD t(19|20) W
        >> mg key t R30
        << ~HD t(19|20) Z
        >> mg key t R5
        << ~HD t(19|20) Z
    """,
    "meta set": r"""
        >> ms key 5 F7 T100 k Oabc
        >> hello
        << HD kkey Oabc
        >> mg key f v t
        << ~VA 5 f7 t(99|100)
        << hello
        >> ms key 1 q
        >> x
        >> mg key v f t
        << VA 1 f0 t-1
        << x
        >> ms key 1 c
        >> y
        << ~HD c\d+
        >> ms key 1 C1
        >> z
        << EX
        >> ms gone 1 C1
        >> z
        << NF
    """,
    "meta set modes": r"""
        >> ms key 1 MR
        >> x
        << NS
        >> ms key 1 ME
        >> b
        << HD
        >> ms key 1 Mset
        >> x
        << CLIENT_ERROR incorrect length for M token
        >> ms key 1 ME
        >> x
        << NS
        >> ms key 1 MA
        >> c
        << HD
        >> ms key 1 MP
        >> a
        << HD
        >> mg key v
        << VA 3
        << abc
        >> ms key 1 MR
        >> x
        << HD
        >> ms key 1 MS
        >> s
        << HD
    """,
    "meta set: bad sizes and data": r"""
        >> ms key abc
        << ~CLIENT_ERROR bad .*
        >> ms key 1
        >> toolong
        << CLIENT_ERROR bad data chunk
        << ERROR
        >> mg key
        << EN
    """,
    "meta delete": r"""
        >> set key 0 0 1
        >> v
        << STORED
        >> md key C1 k O1
        << EX kkey O1
        >> md key k Oab
        << HD kkey Oab
        >> md key k Oab
        << NF kkey Oab
    """,
    "meta arithmetic": r"""
        >> ma n
        << NF
        >> ma n N0 J13 v
        << VA 2
        << 13
        >> ma n v
        << VA 2
        << 14
        >> ma n D10 v
        << VA 2
        << 24
        >> ma n MD D4 v k Oop
        << VA 2 kn Oop
        << 20
        >> ma n MI
        << HD
        >> ma n q
        >> ma n MD D1000 v
        << VA 1
        << 0
        >> ma n Dabc
        << ~CLIENT_ERROR .*
        >> ma n MX
        << CLIENT_ERROR invalid mode for ma M token
        >> ma n T100 t v
        << ~VA 1 t(99|100)
        << 1
        >> set text 0 0 1
        >> a
        << STORED
        >> ma text
        << CLIENT_ERROR cannot increment or decrement non-numeric value
    """,
    "base64 keys": r"""
        >> ms aGVsbG8gd29ybGQ= 3 b
        >> abc
        << ~HD( b)?
        >> mg aGVsbG8gd29ybGQ= b k v
        << VA 3 kaGVsbG8gd29ybGQ= b
        << abc
        >> mg aGVsbG8gd29ybGQ= v
        << EN
        >> md aGVsbG8gd29ybGQ= b
        << ~HD( b)?
        >> ms a2V5 1 b
        >> x
        << ~HD( b)?
        >> get key
        << VALUE key 0 1
        << x
        << END
    """,
    "meta flags refused": r"""
        >> mg
        << ~(CLIENT_ERROR .*|ERROR)
        >> mg key !
        << CLIENT_ERROR invalid flag
        >> mg key v v
        << CLIENT_ERROR duplicate flag
        >> mg KEY251 v
        << CLIENT_ERROR bad command line format
        >> ms key
        << CLIENT_ERROR bad command line format
        >> mn
        << MN
    """,
    "meta debug": r"""
        >> me missing
        << EN
        >> set key 0 100 3
        >> abc
        << STORED
        >> me key
        << ~ME key exp=-?(99|100) la=\d+ cas=\d+ fetch=(no|yes) cls=\d+ size=\d+
    """,
    "quiet meta get pipeline ended by mn": r"""
        >> set b 0 0 1
        >> 2
        << STORED
        >> mg a v q k
        >> mg b v q k
        >> mg c v q k
        >> mn
        << VA 1 kb
        << 2
        << MN
    """,
}


def prepared(script: str) -> str:
    script = script.replace("KEY250", "k" * 250).replace("KEY251", "k" * 251)
    return script.replace("VALUE2097152", "v" * 2097152)


@pytest.mark.parametrize("name", SCRIPTS)
def test_script(memcache: Server, name: str) -> None:
    with Wire(memcache.address) as wire:
        play(wire, prepared(SCRIPTS[name]))


@pytest.mark.parametrize("name", [name for name in SCRIPTS if "larger" not in name])
def test_script_byte_by_byte(memcache: Server, name: str) -> None:
    with Wire(memcache.address) as wire:

        def dribble(data: bytes) -> None:
            for at in range(len(data)):
                wire.socket.send(data[at : at + 1])

        wire.send = dribble  # type: ignore[method-assign]
        play(wire, prepared(SCRIPTS[name]))


def test_quit_closes(memcache: Server) -> None:
    with Wire(memcache.address) as wire:
        wire.send(b"set a 0 0 1\r\n1\r\nquit\r\nget a\r\n")
        assert wire.rest() == b"STORED\r\n"


def test_bare_newlines_end_lines_too(memcache: Server) -> None:
    with Wire(memcache.address) as wire:
        wire.send(b"set a 0 0 1\n1\r\nget a\nversion\n")
        assert wire.until(b"END\r\n") == b"STORED\r\nVALUE a 0 1\r\n1\r\nEND\r\n"
        assert wire.line().startswith(b"VERSION ")


def test_pipeline_of_thousands_in_any_pieces(memcache: Server) -> None:
    """One stream of requests, cut at arbitrary places, gives one stream of replies."""
    request = b"".join(b"set k%d 0 0 %d\r\n%b\r\nget k%d\r\n" % (i, i % 97, b"x" * (i % 97), i) for i in range(2000))
    reply = b"".join(b"STORED\r\nVALUE k%d 0 %d\r\n%b\r\nEND\r\n" % (i, i % 97, b"x" * (i % 97)) for i in range(2000))
    for piece in (1460, 4096, 16384, 16385, 65536, len(request)):
        with Wire(memcache.address) as wire:
            got = b""
            for at in range(0, len(request), piece):
                wire.send(request[at : at + piece])
                wire.socket.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    got += wire.socket.recv(1 << 20)
                wire.socket.settimeout(15)
            assert got + wire.read(len(reply) - len(got)) == reply, piece


def test_half_close_is_answered(memcache: Server) -> None:
    """A client that sends all it has, shuts down its sending side and then reads gets every reply."""
    with Wire(memcache.address) as wire:
        wire.send(b"set a 0 0 1\r\n1\r\n" + b"get a\r\n" * 1000)
        wire.socket.shutdown(socket.SHUT_WR)
        assert wire.rest() == b"STORED\r\n" + b"VALUE a 0 1\r\n1\r\nEND\r\n" * 1000


def test_a_line_without_end_is_cut_off(memcache: Server) -> None:
    """Endless input without a newline ends in an error line and a closed connection, not in memory."""
    with Wire(memcache.address) as wire:
        try:
            for _ in range(64):
                wire.send(b"a" * 65536)
        except (BrokenPipeError, ConnectionResetError):
            pass
        got = wire.rest()
    assert got == b"" or re.fullmatch(rb"(SERVER_|CLIENT_)?ERROR[^\r\n]*\r\n", got), got[:200]
    with Wire(memcache.address) as wire:
        assert wire.ask(b"mn") == b"MN"
