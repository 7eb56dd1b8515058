"""The rare RESP commands, in plain Python: COMMAND, CONFIG, INFO, CLIENT LIST, INFO and KILL, and the HELP texts.

answer() is called by resp_connection.admin with the GIL and returns the reply's bytes.  Replies are built from
plain values: None, bool, int, float, bytes (a bulk string), str (a bulk string, too), list, dict (a map), and the
three classes below.  Those that never change are encoded once per protocol version.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from whimbrel import __version__
from whimbrel.protocol.resp.codec import glob_match
from whimbrel.protocol.resp.commands import COMMANDS, SUBCOMMANDS, Command

REDIS_VERSION = "7.0.15"  # whose behaviour ours is tested against; clients choose what to send by it


class Simple(str):
    """A status line."""

    __slots__ = ()


class Failure(str):
    """An error line, code first."""

    __slots__ = ()


class Members(list[Any]):
    """A set."""

    __slots__ = ()


class ServerView(Protocol):
    """What of server.Server is used here."""

    options: Any
    addresses: list[str]

    def clients(self) -> list[dict[str, Any]]: ...
    def kill(self, client_id: int) -> bool: ...
    def setting(self, name: str) -> int: ...
    def set_setting(self, name: str, value: int) -> None: ...
    def stats(self) -> dict[str, Any]: ...
    def reset_stats(self) -> None: ...


OK = Simple("OK")
SYNTAX = Failure("ERR syntax error")
Reply = Any
Args = list[bytes]
Me = Mapping[str, Any]  # the asking connection: id, resp, name, lib-name, lib-ver, multi
Answer = Callable[["ServerView | None", Args, Me], Reply]


# Encoding


def _count(kind: bytes, n: int) -> bytes:
    return kind + str(n).encode() + b"\r\n"


def _line(kind: bytes, text: str) -> bytes:
    return kind + text.replace("\r", " ").replace("\n", " ").encode() + b"\r\n"


def _bulk(value: bytes) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(value), value)


def _scalar(value: Reply, resp: int) -> bytes:
    if value is None:
        return b"_\r\n" if resp >= 3 else b"$-1\r\n"
    if isinstance(value, bool) and resp >= 3:
        return b"#t\r\n" if value else b"#f\r\n"
    if isinstance(value, int):
        return b":%d\r\n" % value
    if isinstance(value, Failure):
        return _line(b"-", value)
    if isinstance(value, Simple):
        return _line(b"+", value)
    return _bulk(value.encode() if isinstance(value, str) else value)


def encode(value: Reply, resp: int) -> bytes:
    """A value as RESP of a version; RESP2 sees a map as the list of its keys and values."""
    if isinstance(value, dict):
        head = _count(b"%", len(value)) if resp >= 3 else _count(b"*", 2 * len(value))
        return head + b"".join(encode(k, resp) + encode(v, resp) for k, v in value.items())
    if isinstance(value, list):
        head = _count(b"~" if isinstance(value, Members) and resp >= 3 else b"*", len(value))
        return head + b"".join(encode(item, resp) for item in value)
    return _scalar(value, resp)


# COMMAND

CATEGORIES = {"write": "write", "readonly": "read", "admin": "admin", "fast": "fast"}
GROUP_CATEGORIES = {
    "string": "string", "generic": "keyspace", "connection": "connection", "transactions": "transaction",
    "scripting": "scripting",
}  # fmt: skip


def _categories(command: Command) -> list[str]:
    """ACL categories as they follow from flags and group."""
    found = [category for flag, category in CATEGORIES.items() if flag in command.flags]
    if "fast" not in command.flags:
        found.append("slow")
    if command.group in GROUP_CATEGORIES:
        found.append(GROUP_CATEGORIES[command.group])
    if "admin" in command.flags:
        found.append("dangerous")
    return found


def _subcommands(command: Command) -> list[Command]:
    return [c for c in SUBCOMMANDS if c.parent == command.name and not command.parent]


def _key_specs(command: Command) -> list[Reply]:
    first, last, step = command.keys
    if not first:
        return []
    access = Members([Simple("RW" if "write" in command.flags else "RO")])
    begin = {"type": "index", "spec": {"index": first}}
    find = {"type": "range", "spec": {"lastkey": last if last < 0 else last - first, "keystep": step, "limit": 0}}
    return [{"flags": access, "begin_search": begin, "find_keys": find}]


def _info_entry(command: Command) -> list[Reply]:
    return [
        command.full_name,
        command.arity,
        Members(Simple(flag) for flag in command.flags),
        *command.keys,
        Members(Simple(f"@{category}") for category in _categories(command)),
        [],
        _key_specs(command),
        [_info_entry(sub) for sub in _subcommands(command)],
    ]


def _doc_entry(command: Command) -> dict[str, Reply]:
    entry: dict[str, Reply] = {
        "summary": command.summary,
        "since": command.since,
        "group": command.group,
        "complexity": "O(N) in the number of arguments" if command.keys[1] < 0 else "O(1)",
    }
    subs = _subcommands(command)
    if subs:
        entry["subcommands"] = {sub.full_name: _doc_entry(sub) for sub in subs}
    return entry


def _named(name: bytes) -> Command | None:
    wanted = name.decode("latin-1").lower()
    return next((c for c in (*COMMANDS, *SUBCOMMANDS) if c.full_name == wanted), None)


@cache
def _all_info(resp: int) -> bytes:
    return encode([_info_entry(command) for command in COMMANDS], resp)


@cache
def _all_docs(resp: int) -> bytes:
    return encode({command.name: _doc_entry(command) for command in COMMANDS}, resp)


def _command_info(_server: ServerView | None, args: Args, me: Me) -> Reply:
    if len(args) <= 2:
        return _all_info(me["resp"])
    rows = [_named(name) for name in args[2:]]
    return [_info_entry(row) if row else None for row in rows]


def _command_docs(_server: ServerView | None, args: Args, me: Me) -> Reply:
    if len(args) == 2:
        return _all_docs(me["resp"])
    rows = [row for row in map(_named, args[2:]) if row]
    return {row.full_name: _doc_entry(row) for row in rows}


def _command_count(_server: ServerView | None, _args: Args, _me: Me) -> Reply:
    return len(COMMANDS)


def _command_list(_server: ServerView | None, args: Args, _me: Me) -> Reply:
    if len(args) == 2:
        return [command.name for command in COMMANDS]
    if len(args) != 5 or args[2].upper() != b"FILTERBY":
        return SYNTAX
    kind, pattern = args[3].upper(), args[4]
    everything = (*COMMANDS, *SUBCOMMANDS)
    if kind == b"MODULE":
        return []
    if kind == b"ACLCAT":
        return [c.full_name for c in everything if pattern.decode("latin-1").lower() in _categories(c)]
    if kind == b"PATTERN":
        return [c.full_name for c in everything if glob_match(pattern, c.full_name.encode(), True)]
    return SYNTAX


def _command_getkeys(_server: ServerView | None, args: Args, _me: Me) -> Reply:
    rest = args[2:]
    row = _named(rest[0])
    sub = _named(rest[0] + b"|" + rest[1]) if len(rest) > 1 else None
    row = sub or row
    if row is None:
        return Failure("ERR Invalid command specified")
    if (row.arity > 0 and len(rest) != row.arity) or len(rest) < -row.arity:
        return Failure("ERR Invalid number of arguments specified for command")
    keys = _script_keys(rest) if row.name in ("eval", "evalsha") else _keys_of(row, rest)
    return keys or Failure("ERR The command has no key arguments")


def _script_keys(rest: Args) -> Args:
    count = int(rest[2]) if rest[2].isdigit() else 0
    return rest[3 : 3 + count]


def _keys_of(row: Command, rest: Args) -> Args:
    first, last, step = row.keys
    if not first:
        return []
    end = len(rest) + last if last < 0 else last
    return rest[first : end + 1 : step]


# CONFIG


def _bytes_setting(name: str) -> Callable[[ServerView], str]:
    return lambda server: str(server.setting(name))


def _listen_port(server: ServerView) -> str:
    tcp = [a for a in server.addresses if not a.startswith("unix:")]
    return tcp[0].rpartition(":")[2] if tcp else "0"


def _bind(server: ServerView) -> str:
    return " ".join(a.rpartition(":")[0].strip("[]") for a in server.addresses if not a.startswith("unix:"))


def _unix(server: ServerView) -> str:
    return next((a.removeprefix("unix:") for a in server.addresses if a.startswith("unix:")), "")


# Redis's name -> how ours reads
CONFIG: dict[str, Callable[[ServerView], str]] = {
    "maxmemory": lambda server: str(server.options.memory_bytes),
    "maxmemory-policy": lambda _server: "allkeys-lfu",
    "maxclients": _bytes_setting("max_connections"),
    "timeout": lambda server: str(server.setting("idle_timeout_ms") // 1000),
    "proto-max-bulk-len": _bytes_setting("max_item"),
    "databases": lambda _server: "1",
    "port": _listen_port,
    "bind": _bind,
    "unixsocket": _unix,
    "io-threads": lambda server: str(server.options.threads),
    "appendonly": lambda _server: "no",
    "save": lambda _server: "",
}

# what CONFIG SET may change -> (our setting, factor)
CONFIG_SETTABLE = {
    "maxclients": ("max_connections", 1),
    "timeout": ("idle_timeout_ms", 1000),
    "proto-max-bulk-len": ("max_item", 1),
}
SIZE_UNITS = {
    b"kb": 1 << 10, b"mb": 1 << 20, b"gb": 1 << 30, b"k": 1000, b"m": 1000**2, b"g": 1000**3, b"b": 1, b"": 1,
}  # fmt: skip


def _config_get(server: ServerView | None, args: Args, _me: Me) -> Reply:
    if server is None:
        return {}
    return {
        name: read(server)
        for name, read in CONFIG.items()
        if any(glob_match(pattern, name.encode(), True) for pattern in args[2:])
    }


SIZE = re.compile(rb"(\d+)([kmg]?b?)", re.IGNORECASE)


def _size(text: bytes) -> int:
    """`512`, `1mb`: what SIZE matches."""
    matched = SIZE.fullmatch(text)
    assert matched is not None
    return int(matched[1]) * SIZE_UNITS[matched[2].lower()]


def _config_refusal(name: str, value: bytes) -> Failure | None:
    failed = f"ERR CONFIG SET failed (possibly related to argument '{name}') - "
    if name in CONFIG_SETTABLE:
        return None if SIZE.fullmatch(value) else Failure(failed + "argument couldn't be parsed into an integer")
    if name in CONFIG:
        return Failure(failed + "can't set immutable config")
    return Failure(f"ERR Unknown option or number of arguments for CONFIG SET - '{name}'")


def _config_set(server: ServerView | None, args: Args, _me: Me) -> Reply:
    """All of them, or none: what was set before a refusal is set back."""
    if len(args) % 2:
        return Failure("ERR wrong number of arguments for 'config|set' command")
    pairs = [(args[i].decode("latin-1").lower(), args[i + 1]) for i in range(2, len(args), 2)]
    for name, value in pairs:
        refusal = _config_refusal(name, value)
        if refusal:
            return refusal
    return OK if server is None else _apply(server, pairs)


def _apply(server: ServerView, pairs: Iterable[tuple[str, bytes]]) -> Reply:
    before: list[tuple[str, int]] = []
    for name, value in pairs:
        setting, factor = CONFIG_SETTABLE[name]
        before.append((setting, server.setting(setting)))
        try:
            server.set_setting(setting, _size(value) * factor)
        except (ValueError, OverflowError) as refused:
            for setting, old in reversed(before):
                server.set_setting(setting, old)
            return Failure(f"ERR CONFIG SET failed (possibly related to argument '{name}') - {refused}")
    return OK


def _config_resetstat(server: ServerView | None, _args: Args, _me: Me) -> Reply:
    if server is not None:
        server.reset_stats()
    return OK


# CLIENT

CLIENT_FIELDS = (
    "id", "addr", "laddr", "fd", "name", "age", "idle", "flags", "db", "sub", "psub", "ssub", "multi", "qbuf",
    "qbuf-free", "argv-mem", "multi-mem", "rbs", "rbp", "obl", "oll", "omem", "tot-mem", "events", "cmd", "user",
    "redir", "resp", "lib-name", "lib-ver",
)  # fmt: skip
CLIENT_DEFAULTS: dict[str, Any] = {
    "addr": "", "laddr": "", "name": "", "flags": "N", "multi": -1, "events": "r", "cmd": "NULL", "user": "default",
    "redir": -1, "resp": 2, "lib-name": "", "lib-ver": "",
}  # fmt: skip
CLIENT_TYPES = ("normal", "master", "replica", "slave", "pubsub")


def _client_line(client: Mapping[str, Any]) -> str:
    return " ".join(f"{field}={client.get(field, CLIENT_DEFAULTS.get(field, 0))}" for field in CLIENT_FIELDS)


def _everybody(server: ServerView | None, me: Me) -> list[dict[str, Any]]:
    """Every connection; what its executor knows about the asking one is exact."""
    if server is None:
        return [dict(me)]
    return [{**client, **me} if client["id"] == me["id"] else client for client in server.clients()]


def _client_list(server: ServerView | None, args: Args, me: Me) -> Reply:
    clients = _everybody(server, me)
    if len(args) > 3 and args[2].upper() == b"TYPE" and len(args) == 4:
        kind = args[3].decode("latin-1").lower()
        if kind not in CLIENT_TYPES:
            return Failure(f"ERR Unknown client type '{args[3].decode('latin-1')}'")
        clients = clients if kind == "normal" else []
    elif len(args) > 3 and args[2].upper() == b"ID":
        if not all(arg.isdigit() for arg in args[3:]):
            return Failure("ERR Invalid client ID")
        wanted = {int(arg) for arg in args[3:]}
        clients = [client for client in clients if client["id"] in wanted]
    elif len(args) != 2:
        return SYNTAX
    return "".join(_client_line(client) + "\n" for client in clients)


def _client_info(server: ServerView | None, _args: Args, me: Me) -> Reply:
    mine = next((client for client in _everybody(server, me) if client["id"] == me["id"]), me)
    return _client_line(mine) + "\n"


def _kill_filters(args: Args) -> dict[str, str] | Failure:
    filters: dict[str, str] = {}
    if len(args) % 2:
        return SYNTAX
    for i in range(2, len(args), 2):
        name, value = args[i].decode("latin-1").lower(), args[i + 1].decode("latin-1")
        if name == "id" and not (value.isdigit() and int(value) > 0):
            return Failure("ERR client-id should be greater than 0")
        if name == "type" and value.lower() not in CLIENT_TYPES:
            return Failure(f"ERR Unknown client type '{value}'")
        if name == "user" and value != "default":
            return Failure(f"ERR No such user '{value}'")
        if name == "skipme" and value.lower() not in ("yes", "no"):
            return SYNTAX
        if name not in ("id", "addr", "laddr", "type", "user", "skipme"):
            return SYNTAX
        filters[name] = value
    return filters


def _chosen(client: Mapping[str, Any], filters: Mapping[str, str], my_id: int) -> bool:
    if client["id"] == my_id and filters.get("skipme", "yes").lower() == "yes":
        return False
    if filters.get("type", "normal").lower() != "normal":
        return False
    return all(str(client.get(field)) == filters[field] for field in ("id", "addr", "laddr") if field in filters)


def _client_kill(server: ServerView | None, args: Args, me: Me) -> Reply:
    if len(args) == 3:
        found = [c for c in _everybody(server, me) if c.get("addr") == args[2].decode("latin-1")]
        killed = [c for c in found if server is not None and server.kill(c["id"])]
        return OK if killed else Failure("ERR No such client")
    filters = _kill_filters(args)
    if isinstance(filters, Failure):
        return filters
    found = [c for c in _everybody(server, me) if _chosen(c, filters, me["id"])]
    return sum(1 for c in found if server is not None and server.kill(c["id"]))


# INFO


def _info_server(server: ServerView | None, stats: Mapping[str, Any]) -> dict[str, Any]:
    uptime = int(stats.get("uptime_s", 0))
    return {
        "redis_version": REDIS_VERSION,
        "whimbrel_version": __version__,
        "redis_mode": "standalone",
        "os": f"{platform.system()} {platform.release()} {platform.machine()}",
        "arch_bits": 64 if sys.maxsize > 2**32 else 32,
        "process_id": os.getpid(),
        "tcp_port": _listen_port(server) if server else 0,
        "uptime_in_seconds": uptime,
        "uptime_in_days": uptime // 86400,
        "io_threads_active": int(server is not None and server.options.threads > 1),
    }


def _info_clients(server: ServerView | None, stats: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "connected_clients": stats.get("connections", 1),
        "maxclients": server.setting("max_connections") if server else 0,
        "blocked_clients": 0,
    }


def _resident_bytes() -> int:
    """Resident memory of this process, as the kernel says it."""
    return int(Path("/proc/self/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _info_memory(server: ServerView | None, stats: Mapping[str, Any]) -> dict[str, Any]:
    store = stats.get("store", {})
    segments = (store.get("segments", 0) - store.get("segments_free", 0)) * store.get("segment_bytes", 0)
    return {
        "used_memory": segments + store.get("table_bytes", 0),
        "used_memory_rss": _resident_bytes(),
        "used_memory_dataset": store.get("item_bytes", 0),
        "used_memory_overhead": store.get("table_bytes", 0),
        "maxmemory": server.options.memory_bytes if server else 0,
        "maxmemory_policy": "allkeys-lfu",
        "whimbrel_eviction": server.options.eviction if server else "",
    }


def _info_stats(server: ServerView | None, stats: Mapping[str, Any]) -> dict[str, Any]:
    store = stats.get("store", {})
    counts: Mapping[Any, int] = stats.get("commands", {})
    del server
    return {
        "total_connections_received": stats.get("accepted", 0),
        "total_commands_processed": sum(counts.values()),
        "total_net_input_bytes": stats.get("bytes_in", 0),
        "total_net_output_bytes": stats.get("bytes_out", 0),
        "rejected_connections": stats.get("refused_limit", 0),
        "expired_keys": store.get("expired_items", 0),
        "evicted_keys": store.get("evicted_items", 0),
        "keyspace_hits": stats.get("resp_keyspace_hits", 0),
        "keyspace_misses": stats.get("resp_keyspace_misses", 0),
        "total_error_replies": stats.get("resp_errors", 0),
    }


def _info_persistence(_server: ServerView | None, _stats: Mapping[str, Any]) -> dict[str, Any]:
    return {"loading": 0, "aof_enabled": 0, "rdb_bgsave_in_progress": 0}


def _info_replication(_server: ServerView | None, _stats: Mapping[str, Any]) -> dict[str, Any]:
    return {"role": "master", "connected_slaves": 0}


def _info_cpu(_server: ServerView | None, _stats: Mapping[str, Any]) -> dict[str, Any]:
    times = os.times()
    return {"used_cpu_sys": f"{times.system:.6f}", "used_cpu_user": f"{times.user:.6f}"}


def _info_cluster(_server: ServerView | None, _stats: Mapping[str, Any]) -> dict[str, Any]:
    return {"cluster_enabled": 0}


def _info_keyspace(_server: ServerView | None, stats: Mapping[str, Any]) -> dict[str, Any]:
    items = stats.get("store", {}).get("items", 0)
    return {"db0": f"keys={items},expires=0,avg_ttl=0"} if items else {}


def _info_commandstats(_server: ServerView | None, stats: Mapping[str, Any]) -> dict[str, Any]:
    counts: Mapping[Any, int] = stats.get("commands", {})
    return {f"cmdstat_{name}": f"calls={n}" for (protocol, name), n in counts.items() if protocol == "resp" and n}


Section = Callable[["ServerView | None", Mapping[str, Any]], dict[str, Any]]
SECTIONS: dict[str, Section] = {
    "Server": _info_server,
    "Clients": _info_clients,
    "Memory": _info_memory,
    "Persistence": _info_persistence,
    "Stats": _info_stats,
    "Replication": _info_replication,
    "CPU": _info_cpu,
    "Cluster": _info_cluster,
    "Keyspace": _info_keyspace,
}
EXTRA_SECTIONS: dict[str, Section] = {"Commandstats": _info_commandstats}


def _info(server: ServerView | None, args: Args, _me: Me) -> Reply:
    wanted = {arg.decode("latin-1").lower() for arg in args[1:]} or {"default"}
    stats = server.stats() if server is not None else {}
    sections = dict(SECTIONS)
    if wanted & {"all", "everything", "commandstats"}:
        sections |= EXTRA_SECTIONS
    if not wanted & {"default", "all", "everything"}:
        sections = {name: rows for name, rows in sections.items() if name.lower() in wanted}
    texts = []
    for name, rows in sections.items():
        lines = [f"{key}:{value}\r\n" for key, value in rows(server, stats).items()]
        texts.append(f"# {name}\r\n" + "".join(lines))
    return "\r\n".join(texts)


# HELP, from the table


def _help(container: str) -> list[Reply]:
    lines = [Simple(f"{container.upper()} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")]
    for sub in (c for c in SUBCOMMANDS if c.parent == container):
        lines += [Simple(sub.syntax.removeprefix(f"{container.upper()} ")), Simple(f"    {sub.summary}")]
    return list(lines)


ANSWERS: dict[str, Answer] = {
    "info": _info,
    "command": _command_info,
    "command|info": _command_info,
    "command|docs": _command_docs,
    "command|count": _command_count,
    "command|list": _command_list,
    "command|getkeys": _command_getkeys,
    "config|get": _config_get,
    "config|set": _config_set,
    "config|resetstat": _config_resetstat,
    "client|list": _client_list,
    "client|info": _client_info,
    "client|kill": _client_kill,
}
VERBATIM = frozenset({"info", "client|list", "client|info"})  # RESP3 marks these as text for people


def answer(server: ServerView | None, name: str, args: Args, me: Me) -> bytes:
    """The reply to a request whose command (or `container|subcommand`) is `name`."""
    container, _, sub = name.partition("|")
    value = _help(container) if sub == "help" else ANSWERS[name](server, args, me)
    resp = me["resp"]
    if name in VERBATIM and isinstance(value, str) and not isinstance(value, Failure) and resp >= 3:
        text = b"txt:" + value.encode()
        return b"=%d\r\n%s\r\n" % (len(text), text)
    if isinstance(value, bytes) and name.startswith("command"):
        return value  # encoded already
    return encode(value, resp)
