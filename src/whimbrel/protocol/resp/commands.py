"""The RESP commands as data: one row per command and subcommand.

The rows drive dispatch and arity errors (server/execute_resp), COMMAND and its subcommands
(server/resp_admin), the tests, and the RESP part of docs/protocols.md.  Rows with state ABSENT are commands of
the original that we do not have, each with the reason; they are answered like any unknown command.

Arity counts the command's name; a negative one is a minimum.  `keys` is (first, last, step) of the key
arguments, (0, 0, 0) for none.
"""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any


class State(Enum):
    """How much of the original's command is here."""

    FULL = "full"
    PARTIAL = "partial"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Command:
    """One command, or one subcommand where `parent` is set."""

    name: str
    group: str
    arity: int
    flags: tuple[str, ...]
    keys: tuple[int, int, int]
    syntax: str
    since: str
    summary: str
    state: State = State.FULL
    note: str = ""
    parent: str = ""

    @property
    def full_name(self) -> str:
        """`get`, `client|list`."""
        return f"{self.parent}|{self.name}" if self.parent else self.name


NO_KEYS = (0, 0, 0)
ONE_KEY = (1, 1, 1)
ALL_KEYS = (1, -1, 1)
W, R, F = "write", "readonly", "fast"
OOM, ADMIN, NOSCRIPT = "denyoom", "admin", "noscript"
STEADY = "absolute times are on the server's steady clock, set by the calendar once, at the region's creation"
SPAN = "times beyond the year 10889 (48 bits of milliseconds) are invalid expire times"
ONE_DB = "there is one database, number 0"
NOT_STORED = "a cache without persistence or replication has nothing to do here"
NO_SCRIPTS = "no interpreter: only the three scripts of redis-py's Lock are known"
STRINGS_ONLY = "values are strings"


def _group(group: str, *rows: tuple[Any, ...]) -> list[Command]:
    """Rows without their group; a `container|subcommand` name becomes a parent and a name."""
    made = []
    for full_name, *rest in rows:
        parent, _, name = full_name.rpartition("|")
        made.append(replace(Command(name, group, *rest), parent=parent))
    return made


def _absent(group: str, why: str, *names: str) -> list[Command]:
    made = []
    for full_name in names:
        parent, _, name = full_name.rpartition("|")
        syntax = full_name.upper().replace("|", " ")
        made.append(Command(name, group, 0, (), NO_KEYS, syntax, "", "", State.ABSENT, why, parent))
    return made


PARTIAL = State.PARTIAL

STRING = _group(
    "string",
    ("append", 3, (W, OOM, F), ONE_KEY, "APPEND key value", "2.0.0", "Put bytes behind a value, or begin one."),
    ("decr", 2, (W, OOM, F), ONE_KEY, "DECR key", "1.0.0", "Take one from the integer a key holds."),
    ("decrby", 3, (W, OOM, F), ONE_KEY, "DECRBY key decrement", "1.0.0",
     "Take a number from the integer a key holds."),
    ("get", 2, (R, F), ONE_KEY, "GET key", "1.0.0", "The value of a key."),
    ("getdel", 2, (W, F), ONE_KEY, "GETDEL key", "6.2.0", "The value of a key, which is deleted."),
    ("getex", -2, (W, F), ONE_KEY,
     "GETEX key [EX seconds | PX milliseconds | EXAT unix-seconds | PXAT unix-milliseconds | PERSIST]", "6.2.0",
     "The value of a key, whose time to live is set anew.", State.FULL, STEADY),
    ("getrange", 4, (R,), ONE_KEY, "GETRANGE key start end", "2.4.0",
     "A part of a value; negative positions count from its end."),
    ("getset", 3, (W, OOM, F), ONE_KEY, "GETSET key value", "1.0.0", "Set a value and answer the one before."),
    ("incr", 2, (W, OOM, F), ONE_KEY, "INCR key", "1.0.0", "Add one to the integer a key holds."),
    ("incrby", 3, (W, OOM, F), ONE_KEY, "INCRBY key increment", "1.0.0", "Add a number to the integer a key holds."),
    ("incrbyfloat", 3, (W, OOM, F), ONE_KEY, "INCRBYFLOAT key increment", "2.6.0",
     "Add a decimal number to the one a key holds."),
    ("mget", -2, (R, F), ALL_KEYS, "MGET key [key ...]", "1.0.0", "The values of many keys.", PARTIAL,
     "each value is whole and true, but the values are read one after another and not at one instant"),
    ("mset", -3, (W, OOM), (1, -1, 2), "MSET key value [key value ...]", "1.0.1", "Set many values.", PARTIAL,
     "the values become visible one after another; within MULTI together"),
    ("msetnx", -3, (W, OOM), (1, -1, 2), "MSETNX key value [key value ...]", "1.0.1",
     "Set many values if none of the keys is there."),
    ("psetex", 4, (W, OOM), ONE_KEY, "PSETEX key milliseconds value", "2.6.0",
     "Set a value and its time to live in milliseconds."),
    ("set", -3, (W, OOM), ONE_KEY,
     ("SET key value [NX | XX] [GET] "
      "[EX seconds | PX milliseconds | EXAT unix-seconds | PXAT unix-milliseconds | KEEPTTL]"),
     "1.0.0", "Set a value.", State.FULL, SPAN),
    ("setex", 4, (W, OOM), ONE_KEY, "SETEX key seconds value", "2.0.0",
     "Set a value and its time to live in seconds."),
    ("setnx", 3, (W, OOM, F), ONE_KEY, "SETNX key value", "1.0.0", "Set a value if the key is not there."),
    ("setrange", 4, (W, OOM), ONE_KEY, "SETRANGE key offset value", "2.2.0",
     "Overwrite a part of a value, with zero bytes before it where it is too short."),
    ("strlen", 2, (R, F), ONE_KEY, "STRLEN key", "2.2.0", "The number of bytes in a value."),
    ("substr", 4, (R,), ONE_KEY, "SUBSTR key start end", "1.0.0", "GETRANGE by its first name."),
)  # fmt: skip
STRING += [
    *_absent("string", "a text algorithm with quadratic work, not a cache's",
             "lcs"),
]  # fmt: skip

GENERIC = _group(
    "generic",
    ("copy", -3, (W, OOM), (1, 2, 1), "COPY source destination [DB 0] [REPLACE]", "6.2.0",
     "Copy a value and its time to live to another key.", PARTIAL, ONE_DB),
    ("del", -2, (W,), ALL_KEYS, "DEL key [key ...]", "1.0.0", "Delete keys; the number that were there."),
    ("exists", -2, (R, F), ALL_KEYS, "EXISTS key [key ...]", "1.0.0", "How many of the keys are there."),
    ("expire", -3, (W, F), ONE_KEY, "EXPIRE key seconds [NX | XX | GT | LT]", "1.0.0",
     "Let a key live for some seconds."),
    ("expireat", -3, (W, F), ONE_KEY, "EXPIREAT key unix-seconds [NX | XX | GT | LT]", "1.2.0",
     "Let a key live until a second of the calendar.", State.FULL, STEADY),
    ("expiretime", 2, (R, F), ONE_KEY, "EXPIRETIME key", "7.0.0", "The second of the calendar at which a key ends."),
    ("keys", 2, (R,), NO_KEYS, "KEYS pattern", "1.0.0", "All keys that match a pattern.", PARTIAL,
     "an error above 10,000 items: SCAN is there for more"),
    ("object", -2, (), NO_KEYS, "OBJECT subcommand", "2.2.3", "What the store knows about an item."),
    ("object|encoding", 3, (R,), (2, 2, 1), "OBJECT ENCODING key", "2.2.3",
     "`int`, `embstr` or `raw`, as Redis would store the value."),
    ("object|freq", 3, (R,), (2, 2, 1), "OBJECT FREQ key", "4.0.0",
     "The item's access counter, 0 to 7 and logarithmic."),
    ("object|help", 2, (), NO_KEYS, "OBJECT HELP", "6.2.0", "The subcommands."),
    ("object|idletime", 3, (R,), (2, 2, 1), "OBJECT IDLETIME key", "2.2.3",
     "About how many seconds ago the item was last used."),
    ("object|refcount", 3, (R,), (2, 2, 1), "OBJECT REFCOUNT key", "2.2.3", "Always 1: items are not shared."),
    ("persist", 2, (W, F), ONE_KEY, "PERSIST key", "2.2.0", "Take a key's time to live away."),
    ("pexpire", -3, (W, F), ONE_KEY, "PEXPIRE key milliseconds [NX | XX | GT | LT]", "2.6.0",
     "Let a key live for some milliseconds."),
    ("pexpireat", -3, (W, F), ONE_KEY, "PEXPIREAT key unix-milliseconds [NX | XX | GT | LT]", "2.6.0",
     "Let a key live until a millisecond of the calendar.", State.FULL, STEADY),
    ("pexpiretime", 2, (R, F), ONE_KEY, "PEXPIRETIME key", "7.0.0",
     "The millisecond of the calendar at which a key ends."),
    ("pttl", 2, (R, F), ONE_KEY, "PTTL key", "2.6.0", "How many milliseconds a key has left."),
    ("randomkey", 1, (R,), NO_KEYS, "RANDOMKEY", "1.0.0", "Some key."),
    ("rename", 3, (W,), (1, 2, 1), "RENAME key newkey", "1.0.0", "Give an item another key.", State.FULL,
     "atomic among this server's connections; another process on the region may see both keys"),
    ("renamenx", 3, (W, F), (1, 2, 1), "RENAMENX key newkey", "1.0.0", "Give an item another key if that is free."),
    ("scan", -2, (R,), NO_KEYS, "SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]", "2.8.0",
     "A few keys and where to go on."),
    ("touch", -2, (R, F), ALL_KEYS, "TOUCH key [key ...]", "3.2.1",
     "Count keys as used; the number that were there."),
    ("ttl", 2, (R, F), ONE_KEY, "TTL key", "1.0.0", "How many seconds a key has left."),
    ("type", 2, (R, F), ONE_KEY, "TYPE key", "1.0.0", "`string`, or `none`."),
    ("unlink", -2, (W, F), ALL_KEYS, "UNLINK key [key ...]", "4.0.0", "DEL: freeing an item is never slow here."),
)  # fmt: skip
GENERIC += [
    *_absent("generic", ONE_DB,
             "move"),
    *_absent("generic", STRINGS_ONLY,
             "sort", "sort_ro"),
    *_absent("generic", NOT_STORED,
             "dump", "restore", "migrate", "wait"),
]  # fmt: skip

CONNECTION = _group(
    "connection",
    ("auth", -2, (NOSCRIPT, F), NO_KEYS, "AUTH [username] password", "1.0.0", "Log in.", PARTIAL,
     "no password can be set, so it is answered as Redis answers without one"),
    ("client", -2, (), NO_KEYS, "CLIENT subcommand", "2.4.0", "This connection and the others."),
    ("client|getname", 2, (NOSCRIPT,), NO_KEYS, "CLIENT GETNAME", "2.6.9", "This connection's name."),
    ("client|help", 2, (), NO_KEYS, "CLIENT HELP", "5.0.0", "The subcommands."),
    ("client|id", 2, (NOSCRIPT,), NO_KEYS, "CLIENT ID", "5.0.0", "This connection's number."),
    ("client|info", 2, (NOSCRIPT,), NO_KEYS, "CLIENT INFO", "6.2.0", "This connection's line of CLIENT LIST."),
    ("client|kill", -3, (ADMIN, NOSCRIPT), NO_KEYS,
     "CLIENT KILL addr:port | [ID id] [ADDR addr] [LADDR addr] [TYPE normal] [USER default] [SKIPME yes | no]",
     "2.4.0", "Close connections."),
    ("client|list", -2, (ADMIN, NOSCRIPT), NO_KEYS, "CLIENT LIST [TYPE normal] [ID id ...]", "2.4.0",
     "A line for each connection."),
    ("client|no-evict", 3, (ADMIN, NOSCRIPT), NO_KEYS, "CLIENT NO-EVICT ON | OFF", "7.0.0", "Accepted.", PARTIAL,
     "connections are closed for holding memory without progress, whatever this says"),
    ("client|no-touch", 3, (NOSCRIPT,), NO_KEYS, "CLIENT NO-TOUCH ON | OFF", "7.2.0",
     "Whether this connection's reads count as use."),
    ("client|reply", 3, (NOSCRIPT,), NO_KEYS, "CLIENT REPLY ON | OFF | SKIP", "3.2.0",
     "Whether this connection is answered."),
    ("client|setinfo", 4, (NOSCRIPT,), NO_KEYS, "CLIENT SETINFO LIB-NAME name | LIB-VER version", "7.2.0",
     "The client library's name and version."),
    ("client|setname", 3, (NOSCRIPT,), NO_KEYS, "CLIENT SETNAME name", "2.6.9", "Name this connection.", PARTIAL,
     "up to 63 bytes"),
    ("echo", 2, (F,), NO_KEYS, "ECHO message", "1.0.0", "The message."),
    ("hello", -1, (NOSCRIPT, F), NO_KEYS, "HELLO [2 | 3 [AUTH username password] [SETNAME name]]", "6.0.0",
     "Choose the protocol's version."),
    ("ping", -1, (F,), NO_KEYS, "PING [message]", "1.0.0", "PONG, or the message."),
    ("quit", -1, (NOSCRIPT, F), NO_KEYS, "QUIT", "1.0.0", "Answer and close."),
    ("reset", 1, (NOSCRIPT, F), NO_KEYS, "RESET", "6.2.0", "This connection as it was when it opened."),
    ("select", 2, (F,), NO_KEYS, "SELECT 0", "1.0.0", "Choose a database.", PARTIAL, ONE_DB),
)  # fmt: skip
CONNECTION += [
    *_absent("connection", "no invalidation messages",
             "client|caching", "client|getredir", "client|tracking", "client|trackinginfo"),
    *_absent("connection", "no command stops the whole server, and none blocks",
             "client|pause", "client|unpause", "client|unblock"),
]  # fmt: skip

TRANSACTIONS = _group(
    "transactions",
    ("discard", 1, (NOSCRIPT, F), NO_KEYS, "DISCARD", "2.0.0", "Drop the commands since MULTI."),
    ("exec", 1, (NOSCRIPT,), NO_KEYS, "EXEC", "1.2.0", "Run the commands since MULTI, with nothing between them.",
     State.FULL,
     "atomic among this server's connections; the replies of one EXEC are bounded by the memory for replies"),
    ("multi", 1, (NOSCRIPT, F), NO_KEYS, "MULTI", "1.2.0", "Begin a transaction: commands are kept until EXEC.",
     State.FULL, "the commands kept are bounded by the memory for input"),
    ("unwatch", 1, (NOSCRIPT, F), NO_KEYS, "UNWATCH", "2.2.0", "Forget the watched keys."),
    ("watch", -2, (NOSCRIPT, F), ALL_KEYS, "WATCH key [key ...]", "2.2.0",
     "Let EXEC do nothing if one of the keys changes until then.", State.FULL,
     "also sees changes by memcache commands and by other processes"),
)  # fmt: skip

SCRIPTING = _group(
    "scripting",
    ("eval", -3, (NOSCRIPT,), NO_KEYS, "EVAL script numkeys [key ...] [arg ...]", "2.6.0",
     "Run one of the known scripts.", PARTIAL, NO_SCRIPTS),
    ("evalsha", -3, (NOSCRIPT,), NO_KEYS, "EVALSHA sha1 numkeys [key ...] [arg ...]", "2.6.0",
     "Run one of the known scripts, by its SHA1.", PARTIAL, NO_SCRIPTS),
    ("script", -2, (), NO_KEYS, "SCRIPT subcommand", "2.6.0", "The known scripts."),
    ("script|exists", -3, (NOSCRIPT,), NO_KEYS, "SCRIPT EXISTS sha1 [sha1 ...]", "2.6.0", "Which scripts are known."),
    ("script|flush", -2, (NOSCRIPT,), NO_KEYS, "SCRIPT FLUSH [ASYNC | SYNC]", "2.6.0",
     "Accepted; the known scripts stay known."),
    ("script|help", 2, (), NO_KEYS, "SCRIPT HELP", "5.0.0", "The subcommands."),
    ("script|load", 3, (NOSCRIPT,), NO_KEYS, "SCRIPT LOAD script", "2.6.0", "A known script's SHA1.", PARTIAL,
     NO_SCRIPTS),
)  # fmt: skip
SCRIPTING += [
    *_absent("scripting", NO_SCRIPTS,
             "eval_ro", "evalsha_ro", "fcall", "fcall_ro", "function", "script|debug", "script|kill"),
]  # fmt: skip

SERVER = _group(
    "server",
    ("command", -1, (), NO_KEYS, "COMMAND", "2.8.13", "Every command with its arity, flags and keys."),
    ("command|count", 2, (), NO_KEYS, "COMMAND COUNT", "2.8.13", "The number of commands."),
    ("command|docs", -2, (), NO_KEYS, "COMMAND DOCS [command ...]", "7.0.0", "What commands do."),
    ("command|getkeys", -4, (), NO_KEYS, "COMMAND GETKEYS command [arg ...]", "2.8.13",
     "The keys among a command's arguments."),
    ("command|help", 2, (), NO_KEYS, "COMMAND HELP", "5.0.0", "The subcommands."),
    ("command|info", -2, (), NO_KEYS, "COMMAND INFO [command ...]", "2.8.13",
     "Some commands' arity, flags and keys."),
    ("command|list", -2, (), NO_KEYS, "COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN pattern]",
     "7.0.0", "The commands' names.", PARTIAL, "ACLCAT knows the categories that follow from the flags"),
    ("config", -2, (), NO_KEYS, "CONFIG subcommand", "2.0.0", "The server's options."),
    ("config|get", -3, (ADMIN, NOSCRIPT), NO_KEYS, "CONFIG GET parameter [parameter ...]", "2.0.0",
     "Options whose names match.", PARTIAL, "the options that exist here, under Redis's names"),
    ("config|help", 2, (), NO_KEYS, "CONFIG HELP", "5.0.0", "The subcommands."),
    ("config|resetstat", 2, (ADMIN, NOSCRIPT), NO_KEYS, "CONFIG RESETSTAT", "2.0.0",
     "Let the counts of INFO begin again."),
    ("config|set", -4, (ADMIN, NOSCRIPT), NO_KEYS, "CONFIG SET parameter value [parameter value ...]", "2.0.0",
     "Change options while running.", PARTIAL, "the options that can change while the server runs"),
    ("dbsize", 1, (R, F), NO_KEYS, "DBSIZE", "1.0.0", "The number of items.", PARTIAL,
     "expired items count until their segment is reclaimed, within about a second"),
    ("flushall", -1, (W,), NO_KEYS, "FLUSHALL [ASYNC | SYNC]", "1.0.0",
     "Delete everything, at once and in constant time."),
    ("flushdb", -1, (W,), NO_KEYS, "FLUSHDB [ASYNC | SYNC]", "1.0.0", "FLUSHALL: there is one database."),
    ("info", -1, (), NO_KEYS, "INFO [section ...]", "1.0.0", "The server's state, in sections.", PARTIAL,
     "what exists here, under Redis's names"),
    ("memory", -2, (), NO_KEYS, "MEMORY subcommand", "4.0.0", "What items cost."),
    ("memory|help", 2, (), NO_KEYS, "MEMORY HELP", "4.0.0", "The subcommands."),
    ("memory|usage", -3, (R,), (2, 2, 1), "MEMORY USAGE key [SAMPLES count]", "4.0.0",
     "An item's bytes, with header and table slot."),
    ("time", 1, (F,), NO_KEYS, "TIME", "2.6.0", "The server's clock: seconds and microseconds."),
)  # fmt: skip
SERVER += [
    *_absent("server", NOT_STORED, "bgrewriteaof", "bgsave", "failover", "lastsave", "psync", "replconf", "replicaof",
             "restore-asking", "role", "save", "slaveof", "sync", "config|rewrite"),
    *_absent("server", ONE_DB,
             "swapdb"),
    *_absent("server", "no password can be set, so there are no users",
             "acl"),
    *_absent("server", "the admin port has histograms and counters",
             "latency", "slowlog", "memory|doctor", "memory|malloc-stats", "memory|purge", "memory|stats"),
    *_absent("server", "stop the process with SIGTERM",
             "shutdown"),
    *_absent("server", "would let one client slow down all the others",
             "monitor", "debug"),
    *_absent("server", "one program, one purpose",
             "module", "lolwut", "command|getkeysandflags"),
]  # fmt: skip

ROWS: tuple[Command, ...] = (*STRING, *GENERIC, *CONNECTION, *TRANSACTIONS, *SCRIPTING, *SERVER)

# What exists, in the order of the commands' indexes (counters and histograms), and the subcommands apart.
COMMANDS: tuple[Command, ...] = tuple(c for c in ROWS if c.state is not State.ABSENT and not c.parent)
SUBCOMMANDS: tuple[Command, ...] = tuple(c for c in ROWS if c.state is not State.ABSENT and c.parent)
CONTAINERS: frozenset[str] = frozenset(c.parent for c in SUBCOMMANDS)

ABSENT_GROUPS: dict[str, str] = {
    "bitmap": STRINGS_ONLY,
    "hash": STRINGS_ONLY,
    "list": STRINGS_ONLY,
    "set": STRINGS_ONLY,
    "sorted-set": STRINGS_ONLY,
    "stream": STRINGS_ONLY,
    "geo": STRINGS_ONLY,
    "hyperloglog": STRINGS_ONLY,
    "pubsub": "a cache keeps items, it carries no messages",
    "cluster": "one server; clients shard",
}
