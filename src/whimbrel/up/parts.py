"""The parts, in the order in which they are started; they are ended in reverse.

    forward   --demo without the right to capture: the way into the demo's own network (network.py)
    serve     the cache
    hub       the page, and where the agent sends to
    watch     the agent
    api       --demo: a small HTTP API
    clients   --demo: what calls it, and the cache; started when the rest is ready

Idea: a part is told everything on its command line and nothing else, so each line of `whimbrel up --help`'s world can
be typed by hand.  What a part prints when it does its work is in the row, too: the log is how `up` knows.
"""

from __future__ import annotations

import re
import sys
from contextlib import ExitStack
from dataclasses import dataclass, replace

from whimbrel.base.options import size_text
from whimbrel.net.listener import Address
from whimbrel.up.child import Part
from whimbrel.up.data import Data
from whimbrel.up.network import Network
from whimbrel.up.options import UpOptions
from whimbrel.up.ports import hold, hold_or_other, reached

# addresses of their own, as on machines of their own: an observer tells services apart by them
API, SECOND = Address("127.0.0.11", 9810), Address("127.0.0.12", 9811)
DEMO_INTERFACE = "lo"
DEPLOY_AFTER_S = 60  # the demo's API changes then, so that there is a change to look at
CALLS_PER_S = 150

# Name -> what it prints when it does its work, and the colour of its name (SGR).
READY = {
    "forward": re.compile(r"^forwarding \S"),
    "serve": re.compile(r"listening on \S"),
    "hub": re.compile(r"open http"),
    "watch": re.compile(r"^watching \S"),
    "api": re.compile(r"listening on \S"),
    "clients": re.compile(r"\S"),
}
STYLES = {"forward": "90", "serve": "32", "hub": "36", "watch": "33", "api": "35", "clients": "34"}


@dataclass(frozen=True)
class Places:
    """Where everything listens; held (ports.py)."""

    cache: Address
    hub: Address
    api: Address | None = None
    second: Address | None = None

    @property
    def page(self) -> str:
        return f"http://{reached(self.hub)}/"

    @property
    def all(self) -> list[Address]:
        return [place for place in (self.cache, self.hub, self.api, self.second) if place]

    @classmethod
    def held(cls, options: UpOptions, opened: ExitStack) -> Places:
        """UsageError where a port is taken; with --demo another takes the place of one that nobody asked for."""
        cache = held(options, "listen-cache", options.listen_cache, opened)
        hub = held(options, "listen-hub", options.listen_hub, opened)
        if not options.demo:
            return cls(cache, hub)
        return cls(cache, hub, hold_or_other(API, "demo", opened), hold_or_other(SECOND, "demo", opened))

    def moved(self, options: UpOptions) -> list[str]:
        """A line for each address that is not the one that was meant."""
        pairs = ((options.listen_cache, self.cache), (options.listen_hub, self.hub), (API, self.api or API))
        return [
            f"{meant} is taken by another process: {got} takes its place"
            for meant, got in (*pairs, (SECOND, self.second or SECOND))
            if meant.port and got != meant
        ]


def held(options: UpOptions, name: str, address: Address, opened: ExitStack) -> Address:
    gives_way = options.demo and name not in options.asked
    return (hold_or_other if gives_way else hold)(address, f"--{name}", opened)


def module(name: str, *arguments: str) -> tuple[str, ...]:
    """A program of this package; -P: not what lies around in the working directory under the same name."""
    return (sys.executable, "-P", "-m", name, *arguments)


def parts(options: UpOptions, places: Places, data: Data, *, watches: bool, network: Network | None) -> list[Part]:
    """`network`: the one in which they run, where it is not this machine's."""
    found = [serve(options, places), hub(places, data)]
    if watches:
        found.append(watch(options, places, data))
    if places.api and places.second:
        found += [api(places.api, places.second, places), clients(places.api, places)]
    return found if network is None else [forward(network, places), *(inside(network, one) for one in found)]


def inside(network: Network, one: Part) -> Part:
    return replace(one, argv=network.entering(one.argv, captures=one.name == "watch"))


def forward(network: Network, places: Places) -> Part:
    pid = str(network.process.pid)
    return part("forward", module("whimbrel.up.forward", pid, *map(str, places.all)))


def part(name: str, argv: tuple[str, ...], *, needed: bool = True, last: bool = False, stop_s: float = 10.0) -> Part:
    return Part(name, argv, READY[name], STYLES[name], needed, last, stop_s)


def serve(options: UpOptions, places: Places) -> Part:
    memory = size_text(options.memory_bytes)
    return part("serve", module("whimbrel", "serve", "--listen", str(places.cache), "--memory", memory))


def hub(places: Places, data: Data) -> Part:
    argv = module("whimbrel", "hub", "--listen", str(places.hub), "--data", str(data.hub))
    return part("hub", argv, stop_s=20.0)  # it writes what it has taken into the archive


def watch(options: UpOptions, places: Places, data: Data) -> Part:
    """Not needed: where it does not start (a kernel without the ring), the rest is still worth looking at."""
    interfaces = options.interfaces or ((DEMO_INTERFACE,) if options.demo else ())
    named = [word for name in interfaces for word in ("--interface", name)]
    argv = module(
        "whimbrel", "watch", *named, "--filter", watched(options, places), "--hub", places.page.rstrip("/"),
        "--token-file", str(data.token), "--state", str(data.watch),
    )  # fmt: skip
    return part("watch", argv, needed=False, stop_s=15.0)  # it sends its last window


def watched(options: UpOptions, places: Places) -> str:
    """The demo's ports; else everything that was asked for but the hub's own: who watches does not watch itself."""
    if options.demo and not options.interfaces and places.api and places.second:
        ports = (places.cache.port, places.api.port, places.second.port)
        return " or ".join(f"tcp port {port}" for port in ports)
    others = f"not tcp port {places.hub.port}"
    return f"({options.filter}) and {others}" if options.filter else others


def api(listen: Address, second: Address, places: Places) -> Part:
    argv = module(
        "whimbrel.up.demo_api", "--listen", str(listen), "--second", str(second),
        "--cache", str(reached(places.cache)), "--deploy-after", str(DEPLOY_AFTER_S),
    )  # fmt: skip
    return part("api", argv)


def clients(listen: Address, places: Places) -> Part:
    argv = module(
        "whimbrel.up.demo_clients", "--api", str(listen), "--cache", str(reached(places.cache)),
        "--rate", str(CALLS_PER_S),
    )  # fmt: skip
    return part("clients", argv, needed=False, last=True)
