"""The rows of `whimbrel watch`'s options, what they become, and which of them do not go together.

Idea: the rows say what each option may be; `check` says in one line which two contradict each other.  There are
two ways to watch: FILEs are read to their end, interfaces are watched until a signal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from whimbrel.base.errors import UsageError
from whimbrel.base.options import Option, Values

MIB = 1 << 20
MEMORY_MIN, MEMORY_MAX = 32 * MIB, 1 << 40  # what is really needed is agent/budget's to say
SPOOL_MIN, SPOOL_MAX = 1 * MIB, 1 << 44
SNAPLEN_MIN, SNAPLEN_MAX = 128, 262144  # headers through two tunnels; what tcpdump calls everything
DURATION_MAX_S = 365 * 86400

# A string of a payload is called structure once this many distinct calls had it.  A client that fails tries again
# three to eight times, so what was sent once (a reset link, a mistyped password in a path) stays below ten; an
# endpoint that is called once an hour shows its name within a working day.
REVEAL_CALLS = 10
# Where nothing is sent or kept, who reads is who captured: names show at once.  What looks like a value never does.
REVEAL_CALLS_HERE = 1

ROWS: tuple[Option, ...] = (
    Option("file", "str", (), "Read this pcap or pcapng file (gzip too; - is standard input) instead of an interface.",
           repeatable=True, metavar="FILE", positional=True),
    Option("interface", "str", (), "Watch this interface; without any, and without FILE, all that are up.",
           repeatable=True, metavar="IFACE", short="i"),
    Option("filter", "str", None, "Look only at packets that match, in tcpdump's words: tcp port 8080.",
           metavar="FILTER", short="f"),
    Option("memory", "size", "64MiB", "Bound of the whole process's memory: ring, flows, windows, queue, interpreter.",
           minimum=MEMORY_MIN, maximum=MEMORY_MAX),
    Option("hub", "str", None, "Send summaries to the hub at this address; needs --token-file.", metavar="URL"),
    Option("token-file", "str", None, "The first line of this file is this agent's token at the hub.", metavar="FILE"),
    Option("out", "str", None, "Append the same batches to this file.", metavar="FILE"),
    Option("calls", "bool", False, "Print each call as a line of JSON."),
    Option("json", "bool", False, "Print the summary as JSON."),
    Option("explain", "bool", False, "Print what would be sent, and the rule that let each string through."),
    Option("reveal", "bool", False, "Print calls as they were sent (implies --calls); not with --hub or --out."),
    Option("reveal-calls", "int", REVEAL_CALLS,
           "Names count as structure once this many distinct calls had them, if they do not look like a value. "
           "Without --hub, --out and --explain nothing leaves, and the default is 1.",
           minimum=1, maximum=1_000_000),
    Option("state", "str", None, "Keep the install's key and unsent batches here. "
           "Default: /var/lib/whimbrel for root, ~/.local/state/whimbrel for others.", metavar="DIR"),
    Option("spool", "size", "64MiB", "Keep at most this much on disk while the hub is away; the oldest goes first.",
           minimum=SPOOL_MIN, maximum=SPOOL_MAX),
    Option("snaplen", "int", SNAPLEN_MAX, "Bytes of each packet to look at.",
           minimum=SNAPLEN_MIN, maximum=SNAPLEN_MAX),
    Option("duration", "seconds", 0, "Watch interfaces for this long; 0 is until a signal.",
           minimum=0, maximum=DURATION_MAX_S),
    Option("user", "str", None, "Become this user once the interfaces are open. Default, when started as root: nobody.",
           metavar="NAME"),
)  # fmt: skip

PLAIN = re.compile(r"[!-~]+")  # of a URL: printable ASCII, no blanks
LABEL_MAX = 63  # of a host's name, RFC 1035
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class WatchOptions:
    """The values of ROWS, checked one by one and together."""

    files: tuple[str, ...]
    interfaces: tuple[str, ...]
    filter: str | None
    memory_bytes: int
    hub: str | None
    token_file: str | None
    out: str | None
    calls: bool
    json: bool
    explain: bool
    reveal: bool
    reveal_calls: int
    state: str | None
    spool_bytes: int
    snaplen: int
    duration_s: float
    user: str | None

    @classmethod
    def of(cls, values: Values) -> WatchOptions:
        check(values)
        return cls(
            files=tuple(values["file"]),
            interfaces=tuple(values["interface"]),
            filter=values["filter"] or None,
            memory_bytes=values["memory"],
            hub=values["hub"] or None,
            token_file=values["token-file"] or None,
            out=values["out"] or None,
            calls=values["calls"] or values["reveal"],
            json=values["json"],
            explain=values["explain"],
            reveal=values["reveal"],
            reveal_calls=reveal_calls_of(values),
            state=values["state"] or None,
            spool_bytes=values["spool"],
            snaplen=values["snaplen"],
            duration_s=values["duration"],
            user=values["user"] or None,
        )

    @property
    def live(self) -> bool:
        return not self.files

    @property
    def shows_table(self) -> bool:
        """Nothing else was asked of standard output."""
        return not (self.calls or self.json or self.explain)

    @property
    def keeps_state(self) -> bool:
        """Reading a file for oneself leaves nothing behind: its key is made up and forgotten."""
        return bool(self.hub or self.out or self.state)


# What contradicts what: (option, other option, why).
APART = (
    ("reveal", "hub", "revealed calls never leave this machine"),
    ("reveal", "out", "revealed calls are printed, not kept"),
    ("reveal", "explain", "explained is what would be sent, and revealed calls never are"),
    ("reveal", "json", "the summary is what would be sent, and revealed calls never are"),
    ("json", "calls", "both would go to standard output"),
    ("json", "explain", "both would go to standard output"),
    ("calls", "explain", "both would go to standard output"),
    ("file", "interface", "a file is read, or interfaces are watched"),
)
LIVE_ONLY = ("duration", "snaplen", "user")  # refused beside a FILE where the command line says them


def check(values: Values) -> None:
    """UsageError for options that do not go together."""
    for one, other, why in APART:
        if values[one] and values[other]:
            raise UsageError(f"{_label(values, one)} and {_label(values, other)} do not go together: {why}")
    for name in LIVE_ONLY:
        if values["file"] and values.source(name) == "command line":
            raise UsageError(f"--{name} is for interfaces, and FILE was given")
    if values["file"].count("-") > 1:
        raise UsageError("FILE: standard input can be read once only")
    check_hub(values)


def reveal_calls_of(values: Values) -> int:
    leaves = values["hub"] or values["out"] or values["explain"]
    if values.source("reveal-calls") == "default" and not leaves:
        return REVEAL_CALLS_HERE
    calls: int = values["reveal-calls"]
    return calls


def check_hub(values: Values) -> None:
    url = values["hub"]
    if bool(url) != bool(values["token-file"]):
        given, lacks = ("hub", "token-file") if url else ("token-file", "hub")
        raise UsageError(f"--{given} needs --{lacks}")
    if not url:
        return
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and is_host(parts.hostname or "") and parts.port != 0
    except ValueError:
        usable = False
    if "@" in url:  # and not quoted: it may be a password
        raise UsageError("--hub: no user or password belongs in it; the token is in --token-file")
    if not usable or parts.query or parts.fragment or not PLAIN.fullmatch(url):
        raise UsageError(f"--hub: {url!r} is not allowed: expected https://HOST[:PORT][/PATH], or http://")


def is_host(name: str) -> bool:
    """What a resolver can be asked for."""
    return all(0 < len(label) <= LABEL_MAX for label in name.removesuffix(".").split("."))


def sends_in_the_clear(url: str) -> bool:
    """Token and summaries would cross a network unencrypted."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in LOCAL_HOSTS


def _label(values: Values, name: str) -> str:
    return next(row.label for row in values.rows if row.name == name)
