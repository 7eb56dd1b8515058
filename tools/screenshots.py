"""Pictures of every page, from a real run: `make screenshots` writes them into build/screenshots.

Starts `whimbrel up --demo` on free ports, waits until its API has been called for a while, opens each page in the
distribution's Chromium in light, in dark and as wide as a phone, and ends it all.  A page that writes an error into
the browser's console, or that is wider than a phone, makes the exit code 1.

    tools/screenshots.py [--hub URL] [--seconds N] [--look LOOK] [--out DIR] [PAGE...]
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDTHS: dict[str, tuple[int, int, str]] = {  # width, height, colour scheme
    "light": (1360, 900, "light"),
    "dark": (1360, 900, "dark"),
    "phone": (390, 844, "light"),
}
PAGES = {
    "overview": "/",
    "endpoints": "/endpoints",
    "services": "/services",
    "changes": "/changes",
    "openapi": "/openapi",
    "cache": "/cache",
    "agents": "/agents",
    "login": "/login",
    "empty": "/?start=1000000000&end=1000003600",
}
START_S, STOP_S = 60, 20
DRAWN_MS = 20_000


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@contextmanager
def demo(seconds: float) -> Iterator[str]:
    """A running demo that has been called for so long; the hub's address."""
    hub = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "whimbrel", "up", "--demo"]
    command += ["--listen-hub", hub, "--listen-cache", f"127.0.0.1:{free_port()}"]
    process = subprocess.Popen(command)
    try:
        wait_for_calls(f"http://{hub}", process)
        time.sleep(seconds)
        yield f"http://{hub}"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(STOP_S)


def wait_for_calls(hub: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if answer(hub, "/api/overview")["totals"]["calls"]:
                return
        except OSError:
            pass  # it does not listen yet
        time.sleep(1)
    raise SystemExit(f"no calls at {hub} within {START_S} s")


def answer(hub: str, path: str) -> Any:
    with urllib.request.urlopen(hub + path, timeout=10) as reply:  # noqa: S310 - ours, on loopback
        return json.load(reply)


def pages_of(hub: str) -> dict[str, str]:
    """PAGES, and one endpoint of each protocol, the busiest with a body worth looking at."""
    rows = answer(hub, "/api/endpoints?limit=1000")["rows"]
    found = dict(PAGES)
    for protocol, name in (("http", "endpoint"), ("redis", "command")):
        of = [row for row in rows if row["protocol"] == protocol]
        if of:
            best = max(of, key=lambda row: (row["template"].count("/"), row["calls"]))
            found[name] = f"/endpoints/{best['id']}"
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    path = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if path is None:
        raise SystemExit("no Chromium on PATH: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


def shoot(browser: Browser, address: str, look: str, target: Path) -> list[str]:
    """One picture; what is wrong with the page."""
    width, height, scheme = WIDTHS[look]
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    try:
        page.goto(address)
        wait_for_charts(page)
        if (wide := page.evaluate("document.documentElement.scrollWidth")) > width:
            wrong.append(f"{wide} pixels wide at {width}")
        page.screenshot(path=target, full_page=True)
    finally:
        page.close()
    return [f"{target.name}: {one}" for one in wrong]


def wait_for_charts(page: Page) -> None:
    if page.locator("[data-chart]").count():
        page.wait_for_selector("html[data-charts=drawn]", state="attached", timeout=DRAWN_MS)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("pages", nargs="*", metavar="PAGE")
    parser.add_argument("--hub", help="a hub that runs already, instead of the demo's")
    parser.add_argument("--seconds", type=float, default=90, help="for how long the demo is called first")
    parser.add_argument("--look", choices=list(WIDTHS), help="only this one")
    parser.add_argument("--out", type=Path, default=Path("build/screenshots"))
    given = parser.parse_args()
    if given.hub:
        return shoot_all(given.hub.rstrip("/"), given)
    with demo(given.seconds) as hub:
        return shoot_all(hub, given)


def shoot_all(hub: str, given: argparse.Namespace) -> int:
    given.out.mkdir(parents=True, exist_ok=True)
    looks = [given.look] if given.look else list(WIDTHS)
    wrong: list[str] = []
    with chromium() as browser:
        for name, path in pages_of(hub).items():
            for look in looks if not given.pages or name in given.pages else ():
                wrong += shoot(browser, hub + path, look, given.out / f"{name}-{look}.png")
    print("\n".join(wrong) if wrong else f"pictures are in {given.out}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
