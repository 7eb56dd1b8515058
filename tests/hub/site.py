"""The whole site over a made archive, in this process: requests in, pages out."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
from starlette.types import ASGIApp

from tests.hub.batches import NOON
from whimbrel.hub import site
from whimbrel.hub.access import Access
from whimbrel.hub.archive import Archive
from whimbrel.hub.ingest import Ingest
from whimbrel.hub.service import Service
from whimbrel.hub.sessions import Sessions

KEY = b"k" * 32
HERE = "http://127.0.0.1:9800"
BROWSER = {"Accept": "text/html", "Host": "127.0.0.1:9800"}


class Browser:
    """Follows where it is sent, and keeps cookies."""

    def __init__(self, app: ASGIApp, runner: asyncio.Runner) -> None:
        self.runner = runner
        transport = httpx.ASGITransport(app)
        self.client = httpx.AsyncClient(
            transport=transport, base_url=HERE, headers=BROWSER, follow_redirects=True, timeout=60
        )

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.runner.run(self.client.get(path, **more))

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self.runner.run(self.client.post(path, **more))


@contextmanager
def site_of(archive: Archive, data: Path, now: int = NOON) -> Iterator[Browser]:
    """Open where there is no file `tokens` in `data`."""
    data.mkdir(exist_ok=True)
    locked = (data / "tokens").exists()
    access = Access(data / "tokens", locked, Sessions(KEY), lambda _: None, clock=lambda: now)
    with asyncio.Runner() as runner:
        service = Service(archive, Ingest(archive, data / "journal"), access, data, lambda _: None, clock=lambda: now)
        yield Browser(site.build(service), runner)
        service.close()


class Words(HTMLParser):
    """A page as its reader has it: words, links, and what is open where it should be closed."""

    VOID = frozenset(["meta", "link", "input", "br", "wbr", "hr", "img", "path", "circle", "rect", "polyline"])

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []
        self.crossed: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name == "href"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if tag in self.VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.crossed.append(tag)

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("script", "style"):
            self.words += data.split()

    @property
    def text(self) -> str:
        return " ".join(self.words)
