"""The case table of the memcache codec: bytes of one request, and the message they mean.

A message names only the fields that are not empty.  Everything that parses is fed whole, byte by byte, with a tail,
and composed again; tests and fuzz corpora start from here.
"""

from typing import NamedTuple


class Case(NamedTuple):
    sent: bytes
    message: dict[str, object]

    def __str__(self) -> str:
        return repr(self.sent[:40])


def _ok(sent: bytes, command: str, **fields: object) -> Case:
    if "key" in fields:
        fields.setdefault("key_sent", fields["key"])
    return Case(sent, {name: value for name, value in {"command": command, **fields}.items() if value})


def _bad(sent: bytes, command: str, error: bytes, **fields: object) -> Case:
    return _ok(sent, command, error=error, **fields)


FORMAT = b"CLIENT_ERROR bad command line format"
TOKEN = b"CLIENT_ERROR bad token in command line format"
EITHER = b"CLIENT_ERROR invalid or duplicate flag"
LONG = b"k" * 251
KEY = b"k" * 250

RETRIEVALS = (
    _ok(b"get a\r\n", "get", keys=[b"a"]),
    _ok(b"get a\n", "get", keys=[b"a"]),
    _ok(b"  get   a  b \r\n", "get", keys=[b"a", b"b"]),
    _ok(b"gets a b c\r\n", "gets", keys=[b"a", b"b", b"c"]),
    _ok(b"bget a\r\n", "bget", keys=[b"a"]),
    _ok(b"get " + KEY + b"\r\n", "get", keys=[KEY]),
    _ok(b"get \x00\xff\r\r\n", "get", keys=[b"\x00\xff\r"]),
    _ok(b"gat 5 a\r\n", "gat", keys=[b"a"], exptime=5),
    _ok(b"gats -1 a b\r\n", "gats", keys=[b"a", b"b"], exptime=-1),
    _ok(b"gat 5\r\n", "gat", exptime=5),
    _bad(b"get\r\n", "get", b"ERROR"),
    _bad(b"get \r\n", "get", b"ERROR"),
    _bad(b"gat\r\n", "gat", b"ERROR"),
    _bad(b"gat x a\r\n", "gat", b"CLIENT_ERROR invalid exptime argument"),
    _bad(b"get a " + LONG + b" b\r\n", "get", FORMAT, keys=[b"a", LONG, b"b"]),
    _ok(b"get " + b"a " * 1030 + b"b\r\n", "get", keys=[b"a"] * 1030 + [b"b"]),
    _ok(b"gats 7 " + b"a " * 1030 + b"\r\n", "gats", keys=[b"a"] * 1030, exptime=7),
    _bad(b"get " + b" " * 3000 + b"\r\n", "get", b"ERROR"),
    _bad(b"get " + b"a " * 1030 + LONG + b" b\r\n", "get", FORMAT, keys=[b"a"] * 1030),
    _bad(b"gat x " + b"a " * 1030 + b"\r\n", "gat", b"CLIENT_ERROR invalid exptime argument"),
)

STORES = (
    _ok(b"set a 1 2 3\r\nabc\r\n", "set", key=b"a", client_flags=1, exptime=2, value=b"abc"),
    _ok(b"set a 1 2 3\nabc\r\n", "set", key=b"a", client_flags=1, exptime=2, value=b"abc"),
    _ok(b"set a 0 0 0\r\n\r\n", "set", key=b"a"),
    _ok(b"set a 0 0 5\r\n\r\n\x00\xff\n\r\n", "set", key=b"a", value=b"\r\n\x00\xff\n"),
    _ok(b"add a 4294967295 -1 1 noreply\r\n1\r\n", "add", key=b"a", client_flags=2**32 - 1, exptime=-1, value=b"1",
        noreply=True),
    _ok(b"replace a 0 0 1 other\r\n1\r\n", "replace", key=b"a", value=b"1"),
    _ok(b"append a 0 0 1\r\n1\r\n", "append", key=b"a", value=b"1"),
    _ok(b"prepend " + KEY + b" 0 0 1\r\n1\r\n", "prepend", key=KEY, value=b"1"),
    _ok(b"cas a 0 0 1 18446744073709551615\r\n1\r\n", "cas", key=b"a", value=b"1", cas=2**64 - 1),
    _ok(b"cas a 0 0 1 5 noreply\r\n1\r\n", "cas", key=b"a", value=b"1", cas=5, noreply=True),
    _bad(b"set a 0 0\r\n", "set", b"ERROR"),
    _bad(b"set a 0 0 1 noreply x\r\n", "set", b"ERROR"),
    _bad(b"cas a 0 0 1\r\n", "cas", b"ERROR"),
    _bad(b"set " + LONG + b" 0 0 1\r\n", "set", FORMAT, key=LONG),
    _bad(b"set a x 0 1\r\n", "set", FORMAT, key=b"a"),
    _bad(b"set a 0 x 1\r\n", "set", FORMAT, key=b"a"),
    _bad(b"set a 0 0 -1\r\n", "set", FORMAT, key=b"a"),
    _bad(b"set a 0 0 2147483646\r\n", "set", FORMAT, key=b"a"),
    _bad(b"set a 0 0 99999999999999999999\r\n", "set", FORMAT, key=b"a"),
    _bad(b"set a 0 0 noreply\r\n", "set", FORMAT, key=b"a", noreply=True),
    _bad(b"cas a 0 0 1 x\r\n", "cas", FORMAT, key=b"a"),
    _bad(b"set a 0 0 1\r\nabc", "set", b"CLIENT_ERROR bad data chunk", key=b"a", value=b"a"),
    _bad(b"set a 0 0 2000\r\n", "set", b"SERVER_ERROR object too large for cache", key=b"a", swallow=2002),
    _bad(b"set a 0 0 2147483645\r\n", "set", b"SERVER_ERROR object too large for cache", key=b"a", swallow=2147483647),
)  # fmt: skip

SIMPLE = (
    _ok(b"incr a 18446744073709551615\r\n", "incr", key=b"a", delta=2**64 - 1),
    _ok(b"decr a 1 noreply\r\n", "decr", key=b"a", delta=1, noreply=True),
    _ok(b"touch a -5\r\n", "touch", key=b"a", exptime=-5),
    _ok(b"delete a\r\n", "delete", key=b"a"),
    _ok(b"delete a 0\r\n", "delete", key=b"a"),
    _ok(b"delete a 0 noreply\r\n", "delete", key=b"a", noreply=True),
    _ok(b"flush_all\r\n", "flush_all"),
    _ok(b"flush_all 10 noreply\r\n", "flush_all", exptime=10, noreply=True),
    _ok(b"flush_all noreply\r\n", "flush_all", noreply=True),
    _ok(b"version\r\n", "version"),
    _ok(b"verbosity 2\r\n", "verbosity", delta=2),
    _ok(b"stats\r\n", "stats"),
    _ok(b"stats items\r\n", "stats", options=b"items"),
    _ok(b"quit\r\n", "quit"),
    _ok(b"mn\r\n", "mn"),
    _bad(b"incr a x\r\n", "incr", b"CLIENT_ERROR invalid numeric delta argument", key=b"a"),
    _bad(b"incr a 18446744073709551616\r\n", "incr", b"CLIENT_ERROR invalid numeric delta argument", key=b"a"),
    _bad(b"touch a x\r\n", "touch", b"CLIENT_ERROR invalid exptime argument", key=b"a"),
    _bad(b"delete a 1\r\n", "delete", FORMAT + b".  Usage: delete <key> [noreply]"),
    _bad(b"flush_all x\r\n", "flush_all", b"CLIENT_ERROR invalid exptime argument"),
    _bad(b"verbosity x\r\n", "verbosity", FORMAT),
    _bad(b"slabs reassign 1 2\r\n", "slabs", b"CLIENT_ERROR slab reassignment disabled", options=b"reassign 1 2"),
    _bad(b"lru_crawler crawl all\r\n", "lru_crawler", b"CLIENT_ERROR lru crawler disabled", options=b"crawl all"),
    _bad(b"cache_memlimit 64\r\n", "cache_memlimit", b"MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust",
         options=b"64"),
    _bad(b"\r\n", "", b"ERROR"),
    _bad(b"\n", "", b"ERROR"),
    _bad(b"x\r\n", "", b"ERROR"),
    _bad(b"foo bar\r\n", "", b"ERROR"),
    _bad(b"get_a_very_long_command_word a\r\n", "", b"ERROR"),
    _bad(b"set\x00 a\r\n", "", b"ERROR"),
    _bad(b"x" * 2048, "", b"CLIENT_ERROR line too long", close=True),
    _bad(b"mg a" + b" " * 2044, "", b"CLIENT_ERROR line too long", close=True),
)  # fmt: skip

META = (
    _ok(b"mg a\r\n", "mg", key=b"a", delta=1),
    _ok(b"mg a v k O1 q\r\n", "mg", key=b"a", delta=1, options=b"v k O1 q", flags="Okqv", noreply=True),
    _ok(b"mg YQ== b k\r\n", "mg", key=b"a", key_sent=b"YQ==", delta=1, options=b"b k", flags="bk"),
    _ok(b"mg a N30 R60 T90 E5\r\n", "mg", key=b"a", delta=1, options=b"N30 R60 T90 E5", flags="ENRT", vivify=30,
        recache=60, exptime=90, new_cas=5),
    _ok(b"mg a Pproxy Lhint\r\n", "mg", key=b"a", delta=1, options=b"Pproxy Lhint", flags="LP"),
    _ok(b"ms a 2 T5 I C3 MA F7 N9\r\n12\r\n", "ms", key=b"a", delta=1, options=b"T5 I C3 MA F7 N9", flags="CFIMNT",
        exptime=5, cas=3, mode="A", client_flags=7, vivify=9, value=b"12"),
    _ok(b"ms a 0\r\n\r\n", "ms", key=b"a", delta=1),
    _ok(b"md a I T5 C1 x q\r\n", "md", key=b"a", delta=1, options=b"I T5 C1 x q", flags="CITqx", exptime=5, cas=1,
        noreply=True),
    _ok(b"ma a N0 J13 D5 MD v\r\n", "ma", key=b"a", delta=5, options=b"N0 J13 D5 MD v", flags="DJMNv", initial=13,
        mode="D"),
    _ok(b"me a\r\n", "me", key=b"a", delta=1),
    _ok(b"me YQ== b\r\n", "me", key=b"a", key_sent=b"YQ==", delta=1, options=b"b", flags="b"),
    _bad(b"mg\r\n", "mg", b"ERROR"),
    _bad(b"me\r\n", "me", FORMAT),
    _bad(b"mg " + LONG + b"\r\n", "mg", FORMAT, key=LONG),
    _bad(b"mg a v v\r\n", "mg", b"CLIENT_ERROR duplicate flag", key=b"a", delta=1, options=b"v v", flags="v"),
    _bad(b"mg a !\r\n", "mg", b"CLIENT_ERROR invalid flag", key=b"a", delta=1, options=b"!"),
    _bad(b"mg a \xff\r\n", "mg", b"CLIENT_ERROR duplicate flag", key=b"a", delta=1, options=b"\xff"),
    _bad(b"mg a Tx\r\n", "mg", TOKEN, key=b"a", delta=1, options=b"Tx", flags="T"),
    _bad(b"mg a b\r\n", "mg", b"CLIENT_ERROR error decoding key", key_sent=b"a", delta=1, options=b"b", flags="b"),
    _bad(b"mg a O" + b"o" * 32 + b"\r\n", "mg", b"CLIENT_ERROR opaque token too long", key=b"a", delta=1,
         options=b"O" + b"o" * 32, flags="O"),
    _bad(b"mg a" + b" P" * 18 + b"\r\n", "mg", b"CLIENT_ERROR options flags are too long", key=b"a"),
    _bad(b"ms a\r\n", "ms", FORMAT, key=b"a"),
    _bad(b"ms a -1\r\n", "ms", FORMAT, key=b"a"),
    _bad(b"ms a 2 MX\r\n", "ms", b"CLIENT_ERROR invalid mode for ms M token", key=b"a", delta=1, options=b"MX",
         flags="M", mode="X", swallow=4),
    _bad(b"ms a 2 !\r\n", "ms", b"CLIENT_ERROR invalid flag", key=b"a", delta=1, options=b"!", swallow=4),
    _bad(b"ms a 2 q\r\n12xx", "ms", b"CLIENT_ERROR bad data chunk", key=b"a", delta=1, options=b"q", flags="q",
         noreply=True, value=b"12"),
    _bad(b"ms a 2000\r\n", "ms", b"SERVER_ERROR object too large for cache", key=b"a", delta=1, swallow=2002),
    _bad(b"md a !\r\n", "md", EITHER, key=b"a", delta=1, options=b"!"),
    _bad(b"ma a MX\r\n", "ma", b"CLIENT_ERROR invalid mode for ma M token", key=b"a", delta=1, options=b"MX", flags="M",
         mode="X"),
    _bad(b"ma a Dx\r\n", "ma", EITHER, key=b"a", delta=1, options=b"Dx", flags="D"),
)  # fmt: skip

CASES: tuple[Case, ...] = RETRIEVALS + STORES + SIMPLE + META
MAX_VALUE = 1000
