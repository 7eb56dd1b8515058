"""The demo's API as a process: the shop and the stock service, each on its own address, until SIGTERM.

    python -m whimbrel.up.demo_api --listen 127.0.0.11:9810 --second 127.0.0.12:9811 [--cache HOST:PORT]
        [--version 1|2] [--deploy-after SECONDS] [--work SCALE] [--seed N] [--counts FILE]

Version 2 (demo_changes.py) comes with --version, after --deploy-after, or at SIGUSR1.  --counts writes at the end what
was answered, by both, for a test to compare.  Both listen on loopback only: a demo's passwords are in its source.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from whimbrel.base.errors import UsageError, WhimbrelError
from whimbrel.base.options import HelpRequested, Option, Values, load
from whimbrel.base.values import Address
from whimbrel.net.listener import Address as Place
from whimbrel.net.listener import Listener, open_listeners
from whimbrel.up import demo_shop, demo_stock
from whimbrel.up.demo_cache import Cache
from whimbrel.up.demo_stock_client import StockClient
from whimbrel.up.demo_tally import Tally, write
from whimbrel.up.demo_web import Service, application

LISTEN, SECOND = "127.0.0.11:9810", "127.0.0.12:9811"  # as if each had a machine: all of 127/8 is loopback
SHOP_NAME, STOCK_NAME = "shop.internal", "stock.internal"  # what requests call them
STOP_S = 3  # for calls that are being answered

ROWS: tuple[Option, ...] = (
    Option("listen", "str", LISTEN, "The shop's address, on loopback.", metavar="HOST:PORT"),
    Option("second", "str", SECOND, "The stock service's, on loopback.", metavar="HOST:PORT"),
    Option(
        "cache", "address", None, "A cache for both protocols, such as `whimbrel serve`; without it nothing is cached."
    ),
    Option("version", "int", 1, "Of the API.", minimum=1, maximum=2),
    Option("deploy-after", "seconds", 0, "Become version 2 after this long; 0 is never.", minimum=0, maximum=86400),
    Option("work", "str", "1", "How much of the time that calls take to take: 0 is none.", metavar="SCALE"),
    Option("seed", "int", 1, "What is drawn depends on it."),
    Option("counts", "str", None, "Write what was answered here at the end, as JSON.", metavar="FILE"),
)


class Server(uvicorn.Server):
    """One of several in a process, which has the signals to itself."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def say(line: str) -> None:
    print(f"demo: {line}", file=sys.stderr, flush=True)


def opened(text: str, option: str) -> Listener:
    if not Place.parse(text, option).loopback:
        raise UsageError(f"{option} {text}: the demo listens on loopback only, such as {LISTEN}")
    return open_listeners(text, option)[0]


def server_of(app: ASGIApp) -> Server:
    return Server(uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", ws="none", proxy_headers=False,
        timeout_graceful_shutdown=STOP_S,
    ))  # fmt: skip


def scale(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 100:
        raise UsageError(f"--work {text}: expected a number from 0 to 100")
    return found


def run(values: Values) -> None:
    shop_at, stock_at = opened(values["listen"], "--listen"), opened(values["second"], "--second")
    more = {"version": values["version"], "seed": values["seed"], "work_scale": scale(values["work"])}
    address = Address(stock_at.address.host, stock_at.address.port)
    cache = Cache(values["cache"], shop_at.address.host, say)
    client = StockClient(address, f"{STOCK_NAME}:{address.port}", shop_at.address.host)
    shop = demo_shop.Shop(cache, client, f"http://{SHOP_NAME}:{shop_at.address.port}", **more)
    stock = demo_stock.Stock(**more)
    for service in (shop, stock):
        service.tally = Tally(detailed=values["counts"] is not None)
    apps = application(shop, demo_shop.ROWS), application(stock, demo_stock.ROWS)
    try:
        asyncio.run(serve(apps, (shop_at, stock_at), (shop, stock), values["deploy-after"]))
    finally:
        cache.close()
        client.close()
        if values["counts"] is not None:
            write(Path(values["counts"]), shop.tally, stock.tally, cache.tally)


async def serve(
    apps: Sequence[ASGIApp], listeners: Sequence[Listener], services: Sequence[Service], deploy_after_s: float
) -> None:
    """Until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    servers = [server_of(app) for app in apps]

    def deploy() -> None:
        for service in services:
            service.version = 2
        say("version 2 is deployed")

    def end() -> None:
        for server in servers:
            server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    loop.add_signal_handler(signal.SIGUSR1, deploy)
    if deploy_after_s:
        loop.call_later(deploy_after_s, deploy)
    say("listening on " + ", ".join(f"http://{listener.address}" for listener in listeners))
    await asyncio.gather(*(server.serve([at.socket]) for server, at in zip(servers, listeners, strict=True)))


def main(argv: Sequence[str]) -> int:
    try:
        run(load("demo_api", ROWS, argv, {}))
    except HelpRequested as page:
        print(page)
    except WhimbrelError as error:
        print(f"demo: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
