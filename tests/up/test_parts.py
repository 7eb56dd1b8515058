"""What each part is told; the filters are compiled, and the commands are those of the programs' own options."""

from __future__ import annotations

import importlib
import socket
import types
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from whimbrel.agent.options import ROWS as WATCH_ROWS
from whimbrel.base.options import load
from whimbrel.capture.filter import compile_filter
from whimbrel.hub.options import ROWS as HUB_ROWS
from whimbrel.net.listener import Address
from whimbrel.server.options import ROWS as SERVE_ROWS
from whimbrel.up.child import Part
from whimbrel.up.data import Data
from whimbrel.up.network import Network
from whimbrel.up.options import ROWS, UpOptions
from whimbrel.up.parts import API, READY, SECOND, STYLES, Places, parts

PLACES = Places(Address("127.0.0.1", 1), Address("0.0.0.0", 2), Address("127.0.0.1", 3), Address("127.0.0.1", 4))
ETHERNET = 1


def made(*argv: str, watches: bool = True, network: Any = None) -> dict[str, Part]:
    options = UpOptions.of(load("up", ROWS, argv, {}))
    places = PLACES if options.demo else Places(PLACES.cache, PLACES.hub)
    rows = parts(options, places, Data(Path("/data"), False), watches=watches, network=network)
    return {part.name: part for part in rows}


def arguments(part: Part) -> list[str]:
    """What follows the program's name."""
    return list(part.argv[part.argv.index("-m") + 1 :])


def test_it_is_serve_hub_and_watch() -> None:
    found = made("--memory", "128m", "-i", "lo")
    assert list(found) == ["serve", "hub", "watch"]
    assert arguments(found["serve"]) == ["whimbrel", "serve", "--listen", "127.0.0.1:1", "--memory", "128MiB"]
    assert arguments(found["hub"]) == ["whimbrel", "hub", "--listen", "0.0.0.0:2", "--data", "/data/hub"]
    assert arguments(found["watch"]) == [
        "whimbrel", "watch", "--interface", "lo", "--filter", "not tcp port 2", "--hub", "http://127.0.0.1:2",
        "--token-file", "/data/watch.token", "--state", "/data/watch",
    ]  # fmt: skip


def test_a_filter_is_the_agents_without_the_hubs_port() -> None:
    watch = arguments(made("-f", "port 80 or port 81")["watch"])
    assert watch[2:4] == ["--filter", "(port 80 or port 81) and not tcp port 2"]


def test_and_the_demo() -> None:
    found = made("--demo")
    assert list(found) == ["serve", "hub", "watch", "api", "clients"]
    assert [name for name, part in found.items() if part.last] == ["clients"]
    watch = arguments(found["watch"])
    assert watch[2:6] == ["--interface", "lo", "--filter", "tcp port 1 or tcp port 3 or tcp port 4"]
    api = arguments(found["api"])
    assert api[:7] == [
        "whimbrel.up.demo_api", "--listen", "127.0.0.1:3", "--second", "127.0.0.1:4", "--cache", "127.0.0.1:1",
    ]  # fmt: skip


def test_without_the_right_to_capture_it_is_the_rest() -> None:
    assert list(made("--demo", watches=False)) == ["serve", "hub", "api", "clients"]


class Elsewhere:
    """A network that is not there."""

    process = types.SimpleNamespace(pid=7)
    entering = Network.entering


def test_in_a_network_of_its_own_all_are_in_it_and_one_leads_there() -> None:
    found = made("--demo", network=Elsewhere())
    assert list(found) == ["forward", "serve", "hub", "watch", "api", "clients"]
    led = ["127.0.0.1:1", "0.0.0.0:2", "127.0.0.1:3", "127.0.0.1:4"]
    assert arguments(found.pop("forward")) == ["whimbrel.up.forward", "7", *led]
    usual = made("--demo")
    for name, part in found.items():
        verb = "capture" if name == "watch" else "enter"
        assert arguments(part) == ["whimbrel.up.network", verb, "7", *usual[name].argv]
        assert (part.ready, part.last) == (usual[name].ready, usual[name].last)


@pytest.mark.parametrize("argv", [(), ("--demo",), ("--demo", "-i", "lo"), ("-f", "udp or tcp port 80")])
def test_programs_understand_what_they_are_told(argv: tuple[str, ...]) -> None:
    found = made(*argv)
    for name, rows in (("serve", SERVE_ROWS), ("hub", HUB_ROWS), ("watch", WATCH_ROWS)):
        values = load(name, rows, arguments(found[name])[2:], {})
        if name == "watch":
            assert len(compile_filter(values["filter"], ETHERNET)) > 0


@pytest.mark.parametrize("name", ["demo_api", "demo_clients"])
def test_so_does_the_demo(name: str) -> None:
    module = importlib.import_module(f"whimbrel.up.{name}")
    part = made("--demo")[name.removeprefix("demo_")]
    load(name, module.ROWS, arguments(part)[1:], {})


def test_every_part_has_a_line_and_a_colour() -> None:
    assert READY.keys() == STYLES.keys() == made("--demo", network=Elsewhere()).keys()
    assert len(set(STYLES.values())) == len(STYLES)


def test_in_a_demo_a_port_gives_way_unless_it_was_asked_for() -> None:
    with ExitStack() as opened, socket.create_server(("127.0.0.1", 0)) as taken:
        meant = Address("127.0.0.1", taken.getsockname()[1])
        options = UpOptions.of(load("up", ROWS, ["--demo"], {}))
        options = UpOptions(**{**vars(options), "listen_hub": meant, "listen_cache": Address("127.0.0.1", 0)})
        places = Places.held(options, opened)
        assert places.hub.port != meant.port and places.api is not None
        lines = places.moved(options)
        assert f"{meant} is taken by another process: {places.hub} takes its place" in lines
        assert len(lines) == 1 + (places.api != API) + (places.second != SECOND)
        asked = UpOptions(**{**vars(options), "asked": frozenset({"listen-hub"})})
        with ExitStack() as second, pytest.raises(Exception, match=f"--listen-hub {meant}: .* listens there"):
            Places.held(asked, second)
