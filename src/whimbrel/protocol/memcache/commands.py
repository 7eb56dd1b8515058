"""The memcache protocol as data: commands, flags, reply words and error lines.

One table each, in the order of the enums in codec.pxd.  The codec fills its lookup tables from them when it is
imported, the tests walk them, and docs/protocols.md is drawn from them, so that a command can not exist in one
of the three places only.

State here: "full" (as the original), "partial" (the note says what differs), "absent" (the note says what is
answered, and why).  The original is memcached 1.6; its doc/protocol.txt names what is listed.
"""

from typing import Literal, NamedTuple

State = Literal["full", "partial", "absent"]


class Command(NamedTuple):
    name: str
    arguments: str
    replies: str
    state: State
    note: str
    min_tokens: int = 1  # words of the line, the command included; outside of the range the reply is ERROR
    max_tokens: int = 24
    listed: bool = True  # False: an alias the original keeps without documenting it


class Flag(NamedTuple):
    command: str
    letter: str
    argument: str
    state: State
    note: str


_STORED = "STORED, NOT_STORED"
_ONE_POOL = "There are no slab classes here: segments serve every size."
_NO_CRAWLER = "Expired memory comes back in slices on its own; there is no crawler to steer."

# The order is that of the enum McCommand.
COMMANDS: tuple[Command, ...] = (
    Command(
        "get",
        "<key>*",
        "VALUE <key> <flags> <bytes> … END",
        "full",
        "Lines of any length are answered as they arrive.",
        2,
    ),
    Command("gets", "<key>*", "VALUE <key> <flags> <bytes> <cas> … END", "full", "As get, with the CAS token.", 2),
    Command("gat", "<exptime> <key>*", "VALUE … END", "full", "Get and touch; the CAS token stays.", 2),
    Command("gats", "<exptime> <key>*", "VALUE … END", "full", "As gat, with the CAS token.", 2),
    Command("set", "<key> <flags> <exptime> <bytes> [noreply]", "STORED", "full", "Stores.", 5, 6),
    Command("add", "<key> <flags> <exptime> <bytes> [noreply]", _STORED, "full", "Stores if nothing is there.", 5, 6),
    Command(
        "replace", "<key> <flags> <exptime> <bytes> [noreply]", _STORED, "full", "Stores if something is there.", 5, 6
    ),
    Command(
        "append", "<key> <flags> <exptime> <bytes> [noreply]", _STORED, "full", "Adds after; flags and time stay.", 5, 6
    ),
    Command(
        "prepend",
        "<key> <flags> <exptime> <bytes> [noreply]",
        _STORED,
        "full",
        "Adds before; flags and time stay.",
        5,
        6,
    ),
    Command(
        "cas",
        "<key> <flags> <exptime> <bytes> <cas> [noreply]",
        "STORED, EXISTS, NOT_FOUND",
        "full",
        "Stores if the item is still the one that was read.",
        6,
        7,
    ),
    Command(
        "incr",
        "<key> <delta> [noreply]",
        "<number>, NOT_FOUND",
        "full",
        "Adds to a decimal 64-bit number, wrapping. A number that loses a digit is not padded with spaces"
        " (the original may).",
        3,
        4,
    ),
    Command(
        "decr", "<key> <delta> [noreply]", "<number>, NOT_FOUND", "full", "Subtracts, not below 0; not padded.", 3, 4
    ),
    Command("touch", "<key> <exptime> [noreply]", "TOUCHED, NOT_FOUND", "full", "New time; the CAS token stays.", 3, 4),
    Command(
        "delete", "<key> [noreply]", "DELETED, NOT_FOUND", "full", "Removes. An old client's `0` is tolerated.", 2, 4
    ),
    Command("flush_all", "[delay] [noreply]", "OK", "full", "Invalidates everything, now or in `delay` seconds.", 1, 3),
    Command("version", "", "VERSION <text>", "full", "Answers this server's version."),
    Command("verbosity", "<level> [noreply]", "OK", "full", "Kept and shown by `stats settings`.", 2, 3),
    Command(
        "stats",
        "[settings|items|slabs|sizes|conns|reset|detail]",
        "STAT <name> <value> … END, RESET",
        "partial",
        "General, settings, items, slabs, sizes, conns and reset; slabs are told as one class; detail stays off.",
    ),
    Command("quit", "", "", "full", "The connection closes."),
    Command("mn", "", "MN", "full", "Marks the end of a batch of quiet commands."),
    Command("mg", "<key> <flags>*", "VA, HD, EN", "full", "Meta get; `k` returns the key as it was sent.", 2),
    Command("ms", "<key> <bytes> <flags>*", "HD, NS, EX, NF", "full", "Meta set.", 2),
    Command("md", "<key> <flags>*", "HD, NF, EX", "full", "Meta delete.", 2),
    Command("ma", "<key> <flags>*", "HD, VA, NF, NS, EX", "full", "Meta arithmetic; the number is not padded.", 2),
    Command("me", "<key> [b]", "ME <key> <name>=<value>*, EN", "full", "Meta debug; cls is always 1.", 1),
    Command("bget", "<key>*", "VALUE … END", "full", "The ancient alias of get.", 2, listed=False),
    Command(
        "cache_memlimit",
        "<megabytes> [noreply]",
        "MEMLIMIT_ADJUST_FAILED",
        "absent",
        "The limit is fixed at start.",
        2,
        3,
    ),
    Command("shutdown", "[graceful]", "ERROR: shutdown not enabled", "absent", "Stop the process with SIGTERM."),
    Command("slabs", "reassign|automove …", "CLIENT_ERROR slab reassignment disabled, ERROR", "absent", _ONE_POOL),
    Command("lru", "tune|mode|temp_ttl …", "ERROR", "absent", "Eviction is chosen with --eviction.", 2),
    Command(
        "lru_crawler",
        "enable|disable|crawl|metadump|…",
        "CLIENT_ERROR lru crawler disabled, ERROR",
        "absent",
        _NO_CRAWLER,
    ),
    Command("watch", "<topic>*", "CLIENT_ERROR watch commands not allowed", "absent", "See the admin port's metrics."),
    Command("extstore", "…", "ERROR", "absent", "There is no second tier on flash.", 2),
    Command("refresh_certs", "", "ERROR", "absent", "TLS is not part of this server yet."),
    Command("misbehave", "", "ERROR", "absent", "A debugging command of the original's own test suite."),
    Command("debugtime", "", "ERROR", "absent", "A debugging command of the original's own test suite."),
)

# What doc/protocol.txt describes without it being a command word.
BEYOND_COMMANDS: tuple[tuple[str, State, str], ...] = (
    (
        "authentication (`set` as the first command, -Y)",
        "absent",
        "A `set` is a set; bind to an address that is trusted.",
    ),
    ("binary protocol (first byte 0x80)", "absent", "Refused in one readable line; the original deprecated it."),
    ("UDP", "absent", "Nothing listens on UDP."),
    ("flags P and L", "full", "Accepted and ignored on every meta command, as hints for a proxy."),
    ("keys of up to 250 bytes", "full", "Longer ones are refused; with `b`, 250 bytes of base64."),
    (
        "exptime",
        "full",
        "0 never, negative at once, to 30 days relative, beyond it Unix time; exact to the millisecond.",
    ),
    (
        "a key that is too long in a get of more than 2048 bytes",
        "partial",
        "The items before it have been sent already when it is met; the error line then stands in place of END.",
    ),
    ("a line of more than 2048 bytes that is not a get", "full", "Refused, and the connection is closed."),
    (
        "a data block length beyond 32 bits, an exptime beyond 31",
        "partial",
        "Refused, and taken as it is; the original wraps both.",
    ),
)

_B = "the key is base64"
_C = "compare with the item's CAS token first"
_E = "the new CAS token (memcached 1.6.22 and later)"
_I = "stale instead of gone"
_K = "return the key"
_O = "opaque, returned"
_Q = "quiet: no reply to the nominal outcome"

FLAGS: tuple[Flag, ...] = (
    Flag("mg", "b", "", "full", _B),
    Flag("mg", "c", "", "full", "return the CAS token"),
    Flag("mg", "f", "", "full", "return the client flags"),
    Flag("mg", "h", "", "full", "return whether it was hit before"),
    Flag("mg", "k", "", "full", _K),
    Flag("mg", "l", "", "partial", "return seconds since the last access: approximate, the error grows with the age"),
    Flag("mg", "O", "token", "full", _O),
    Flag("mg", "q", "", "full", _Q),
    Flag("mg", "s", "", "full", "return the value's size"),
    Flag("mg", "t", "", "full", "return the seconds left, -1 for ever"),
    Flag("mg", "u", "", "full", "do not count as an access"),
    Flag("mg", "v", "", "full", "return the value"),
    Flag("mg", "E", "token", "full", _E),
    Flag("mg", "N", "exptime", "full", "on a miss create an empty item and win (W)"),
    Flag("mg", "R", "exptime", "full", "win (W) if less time than this is left"),
    Flag("mg", "T", "exptime", "full", "new time"),
    Flag("ms", "b", "", "full", _B),
    Flag("ms", "c", "", "full", "return the new CAS token"),
    Flag("ms", "C", "token", "full", _C),
    Flag("ms", "E", "token", "full", _E),
    Flag("ms", "F", "number", "full", "client flags"),
    Flag("ms", "I", "", "full", "with C: an older token stores, but stale"),
    Flag("ms", "k", "", "full", _K),
    Flag("ms", "O", "token", "full", _O),
    Flag("ms", "q", "", "full", _Q),
    Flag("ms", "s", "", "full", "return the size stored"),
    Flag("ms", "T", "exptime", "full", "time to live"),
    Flag("ms", "M", "mode", "full", "E add, A append, P prepend, R replace, S set"),
    Flag("ms", "N", "exptime", "full", "append and prepend create the item on a miss"),
    Flag("md", "b", "", "full", _B),
    Flag("md", "C", "token", "full", _C),
    Flag("md", "E", "token", "full", _E),
    Flag("md", "I", "", "full", _I),
    Flag("md", "k", "", "full", _K),
    Flag("md", "O", "token", "full", _O),
    Flag("md", "q", "", "full", _Q),
    Flag("md", "T", "exptime", "full", "with I: new time"),
    Flag("md", "x", "", "full", "drop value and client flags, keep the item"),
    Flag("ma", "b", "", "full", _B),
    Flag("ma", "C", "token", "full", _C),
    Flag("ma", "E", "token", "full", _E),
    Flag("ma", "N", "exptime", "full", "create on a miss"),
    Flag("ma", "J", "number", "full", "initial value with N"),
    Flag("ma", "D", "number", "full", "delta, 1 if not given"),
    Flag("ma", "T", "exptime", "full", "new time"),
    Flag("ma", "M", "mode", "full", "I or + increment, D or - decrement"),
    Flag("ma", "O", "token", "full", _O),
    Flag("ma", "q", "", "full", _Q),
    Flag("ma", "t", "", "full", "return the seconds left"),
    Flag("ma", "c", "", "full", "return the new CAS token"),
    Flag("ma", "v", "", "full", "return the number"),
    Flag("ma", "k", "", "full", _K),
    Flag("me", "b", "", "full", _B),
)

# Flags that come back without having been asked for.
RETURNED: tuple[tuple[str, str], ...] = (
    ("W", "won: this client shall fetch it anew"),
    ("X", "stale"),
    ("Z", "somebody else has won"),
    ("b", "behind `k`: that key is base64"),
)

# Every letter a meta command may carry; like the original, any of them is accepted by any meta command.
LETTERS: str = "".join(sorted({flag.letter for flag in FLAGS} | {"P", "L"}))

# The order is that of the enum McReply.
REPLIES: tuple[bytes, ...] = (
    b"",
    b"",  # LINE: any other line, as it is
    b"",  # FAILED: an error line
    b"",  # NUMBER
    b"STORED",
    b"NOT_STORED",
    b"EXISTS",
    b"NOT_FOUND",
    b"DELETED",
    b"TOUCHED",
    b"OK",
    b"END",
    b"RESET",
    b"VALUE",
    b"STAT",
    b"VERSION",
    b"MN",
    b"HD",
    b"VA",
    b"EN",
    b"NF",
    b"NS",
    b"EX",
    b"ME",
)

# The order is that of the enum McError.
ERRORS: tuple[bytes, ...] = (
    b"",
    b"ERROR",
    b"CLIENT_ERROR bad command line format",
    b"CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]",
    b"CLIENT_ERROR bad data chunk",
    b"CLIENT_ERROR invalid exptime argument",
    b"CLIENT_ERROR invalid numeric delta argument",
    b"CLIENT_ERROR cannot increment or decrement non-numeric value",
    b"CLIENT_ERROR line too long",
    b"CLIENT_ERROR duplicate flag",
    b"CLIENT_ERROR invalid flag",
    b"CLIENT_ERROR invalid or duplicate flag",
    b"CLIENT_ERROR bad token in command line format",
    b"CLIENT_ERROR error decoding key",
    b"CLIENT_ERROR opaque token too long",
    b"CLIENT_ERROR options flags are too long",
    b"CLIENT_ERROR options flags too long",
    b"CLIENT_ERROR incorrect length for M token",
    b"CLIENT_ERROR invalid mode for ms M token",
    b"CLIENT_ERROR invalid mode for ma M token",
    b"CLIENT_ERROR invalid numeric initial value",
    b"CLIENT_ERROR invalid numeric delta value",
    b"SERVER_ERROR object too large for cache",
    b"SERVER_ERROR out of memory storing object",
    b"SERVER_ERROR out of memory",
    b"CLIENT_ERROR slab reassignment disabled",
    b"CLIENT_ERROR lru crawler disabled",
    b"CLIENT_ERROR watch commands not allowed",
    b"ERROR: shutdown not enabled",
    b"MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust",
    b"MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m",
)
