"""A hub with some minutes of a bookshop's traffic, and a real browser in front of it."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.hub.answers.sample import batches
from tests.hub.batches import NOON, NS
from tests.hub.running import Hub, give_tokens, running
from whimbrel.summary.batch import encode

playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright drives the browser")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip
SCREEN = {"width": 1280, "height": 900}
WAIT_MS = 30_000  # on a machine that does much else besides
LOADED_S = 30.0


@dataclass
class Browsing:
    """A tab, and what it complained about."""

    page: Any
    hub: Hub
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Any:
        self.page.goto(f"http://{self.hub.host}:{self.hub.port}{path}")
        self.drawn()
        return self.page

    def drawn(self) -> None:
        """Every chart of the page stands."""
        if self.page.locator("[data-chart]").count():
            self.page.wait_for_selector("html[data-charts=drawn]", state="attached")

    def until(self, expression: str) -> None:
        """Asked from here: waiting inside a page takes eval, which its policy forbids."""
        deadline = time.monotonic() + WAIT_MS / 1000
        while not self.page.evaluate(expression):
            assert time.monotonic() < deadline, expression
            time.sleep(0.05)

    def path(self) -> str:
        return str(self.page.evaluate("location.pathname + location.search"))


def moved(batch: dict[str, Any], by_s: int) -> dict[str, Any]:
    return batch | {name: batch[name] + by_s * NS for name in ("start_ns", "end_ns")}


def fill(hub: Hub, **headers: str) -> None:
    """The sample's ten minutes as the last ten, all of them in the archive."""
    now = int(time.time()) // 10 * 10
    sent = [moved(batch, now - NOON) for batch in batches()]
    for batch in sent:
        assert hub.send(encode(batch), **headers).status == 200
    deadline = time.monotonic() + LOADED_S
    while len(json.loads(hub.get("/api/endpoints?last=6h", **headers).body)["rows"]) < 5:
        assert time.monotonic() < deadline, "batches were not loaded"
        time.sleep(0.1)


@pytest.fixture(scope="module")  # and no longer: while it runs, asyncio.run() is refused in this process
def chromium() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no chromium on PATH: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def shop_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with running(tmp_path_factory.mktemp("browsed") / "data") as hub:
        fill(hub)
        yield hub


@pytest.fixture(scope="session")
def locked_shop_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    data: Path = tmp_path_factory.mktemp("locked") / "data"
    tokens = give_tokens(data)
    with running(data) as hub:
        hub.tokens = tokens
        yield hub


def browse(profile: Any, hub: Hub) -> Iterator[Browsing]:
    """One tab; a test that passed has left no complaint in the console."""
    profile.set_default_timeout(WAIT_MS)
    tab = Browsing(profile.new_page(), hub)
    tab.page.on("console", lambda said: tab.complaints.append(said.text) if said.type in ("error", "warning") else None)
    tab.page.on("pageerror", lambda error: tab.complaints.append(str(error)))
    yield tab
    tab.page.close()
    assert tab.complaints == []


@pytest.fixture(scope="module")
def profile(chromium: Any) -> Any:
    """What many tests share: Plotly is loaded and compiled once."""
    return chromium.new_context(viewport=SCREEN)


@pytest.fixture
def tab(profile: Any, shop_hub: Hub) -> Iterator[Browsing]:
    yield from browse(profile, shop_hub)


@pytest.fixture
def newcomer(chromium: Any, shop_hub: Hub) -> Iterator[Browsing]:
    yield from browse(chromium.new_context(viewport=SCREEN), shop_hub)


@pytest.fixture
def scriptless(chromium: Any, shop_hub: Hub) -> Iterator[Browsing]:
    yield from browse(chromium.new_context(viewport=SCREEN, java_script_enabled=False), shop_hub)


@pytest.fixture
def stranger(chromium: Any, locked_shop_hub: Hub) -> Iterator[Browsing]:
    yield from browse(chromium.new_context(viewport=SCREEN), locked_shop_hub)
