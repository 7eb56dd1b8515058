"""The rows of `whimbrel up`'s options, and what they become.

Idea: `up` has few options, each about all of it; whoever wants more of a program starts that one by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from whimbrel.base.errors import UsageError
from whimbrel.base.options import Option, Values
from whimbrel.base.places import state_path
from whimbrel.net.listener import Address

MIB = 1 << 20
LISTEN_CACHE, LISTEN_HUB = "127.0.0.1:11211", "127.0.0.1:9800"
MEMORY_MIN, MEMORY_MAX = 1 * MIB, 1 << 44  # what is really needed is `serve`'s to say
TOKENS_NAME = "tokens"  # in the hub's directory: where it is, the hub asks for tokens

ROWS: tuple[Option, ...] = (
    Option("demo", "bool", False,
           "Also start a small HTTP API and clients of it and of the cache; a port that is taken gives way."),
    Option("data", "str", None, "Keep what the hub and the agent keep in this directory. "
           "Default: /var/lib/whimbrel-up for root, ~/.local/state/whimbrel-up for others; "
           "with --demo one that goes at the end.", metavar="DIR"),
    Option("listen-cache", "str", LISTEN_CACHE, "Serve memcache and RESP clients at this address.",
           metavar="HOST:PORT"),
    Option("listen-hub", "str", LISTEN_HUB, "Serve the page at this address; beyond this machine only with tokens.",
           metavar="HOST:PORT"),
    Option("interface", "str", (), "Watch this interface; without any, all that are up; with --demo, the demo's ports.",
           repeatable=True, metavar="IFACE", short="i"),
    Option("filter", "str", None, "Watch only packets that match, in tcpdump's words: tcp port 8080. Not with --demo.",
           short="f"),
    Option("memory", "size", "64MiB", "Bound of the cache server's memory.", minimum=MEMORY_MIN, maximum=MEMORY_MAX),
    Option("open", "bool", False, "Open the page in this desktop's browser when it is there."),
)  # fmt: skip


@dataclass(frozen=True)
class UpOptions:
    """The values of ROWS, checked one by one and together."""

    demo: bool
    data: Path | None  # None: a directory of this run only
    listen_cache: Address
    listen_hub: Address
    asked: frozenset[str]  # options that somebody gave: an address among them is not exchanged for another
    interfaces: tuple[str, ...]
    filter: str | None
    memory_bytes: int
    open: bool

    @classmethod
    def of(cls, values: Values) -> UpOptions:
        options = cls(
            demo=values["demo"],
            data=data_path(values),
            listen_cache=address_of(values, "listen-cache"),
            listen_hub=address_of(values, "listen-hub"),
            asked=frozenset(name for name in values if values.source(name) != "default"),
            interfaces=tuple(values["interface"]),
            filter=values["filter"] or None,
            memory_bytes=values["memory"],
            open=values["open"],
        )
        check_interfaces(options.interfaces)
        check_filter(options)
        check_reach(options)
        return options


def data_path(values: Values) -> Path | None:
    if values["data"]:
        return Path(values["data"])
    return None if values["demo"] else Path(state_path("whimbrel-up"))


def address_of(values: Values, name: str) -> Address:
    address = Address.parse(values[name], f"--{name}")
    if address.path:
        raise UsageError(f"--{name} {values[name]}: expected HOST:PORT: nobody can watch a unix socket")
    return address


def check_interfaces(names: tuple[str, ...]) -> None:
    """Here, before anything is started that would have to be ended again."""
    if not names:
        return
    from whimbrel.capture.interfaces import resolve

    try:
        resolve(names)
    except UsageError as error:
        raise UsageError(f"--interface: {error}") from None


def check_filter(options: UpOptions) -> None:
    if not options.filter:
        return
    if options.demo:
        raise UsageError("--filter: a demo watches its own ports")
    from whimbrel.capture.filter import compile_filter
    from whimbrel.capture.interfaces import LINK_ETHERNET

    compile_filter(options.filter, LINK_ETHERNET)


def check_reach(options: UpOptions) -> None:
    """What `whimbrel hub` would refuse, too, in the words of this program's options."""
    address = options.listen_hub
    if address.loopback or (options.data and (options.data / "hub" / TOKENS_NAME).exists()):
        return
    place = options.data / "hub" if options.data else "DIR/hub"
    raise UsageError(
        f"--listen-hub {address}: other machines could reach it, and there are no tokens: make one first "
        f"(whimbrel hub token NAME admin --data {place}), or listen on 127.0.0.1"
    )
