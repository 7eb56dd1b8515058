"""Documents: observed, and compared."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.hub.answers.sample import batches
from tests.hub.batches import NOON
from tests.hub.running import give_tokens
from tests.hub.site import Browser, Words, site_of
from whimbrel.hub.answers.documents import DOCUMENT_BYTES_MOST
from whimbrel.hub.duck import DuckArchive
from whimbrel.hub.pages_openapi import PATH

MINE = """
openapi: 3.1.0
info: {title: mine, version: "1"}
paths:
  /orders:
    post: {responses: {"201": {description: made}}}
  /never:
    get: {responses: {"200": {description: fine}}}
"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    place = tmp_path_factory.mktemp("documents")
    archive = DuckArchive(place / "a.duckdb", memory_mib=128, clock=lambda: NOON)
    archive.load(batches())
    with site_of(archive, place / "data") as client:
        yield client
    archive.close()


def findings(client: Browser, **given: object) -> str:
    reply = client.post(f"{PATH}?last=15m&service=shop", **given)
    assert reply.status_code == 200, Words(reply.text).text
    return Words(reply.text).text


def test_the_busiest_service_is_shown_and_its_document_is_a_link(pages: Browser) -> None:
    text = pages.get(f"{PATH}?last=15m").text
    assert "/books/" in text and "/orders" in text
    link = next(link for link in Words(text).links if "/api/services/document" in link)
    assert "service=shop" in urlsplit(link).query
    assert set(pages.get(link).json()["paths"]) == {"/books/{books_id}", "/orders"}


def test_a_file_or_its_text_is_compared(pages: Browser) -> None:
    by_file = findings(pages, files={"file": ("mine.yaml", MINE.encode())}, data={"text": ""})
    by_text = findings(pages, files={"file": ("", b"")}, data={"text": MINE})
    assert "against 2 documented operations" in by_file
    assert "GET /never" in by_file and "400" in by_file
    assert by_file.partition("findings")[2] == by_text.partition("findings")[2]


def test_its_own_document_agrees(pages: Browser) -> None:
    own = pages.get("/api/services/document?last=15m&service=shop").json()
    assert "agrees with the document" in findings(pages, files={"file": ("own.json", json.dumps(own).encode())})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no document was given"),
        (b"{", "not JSON"),
        (b"a: &x [*x]", "alias"),
        (b"just words", ""),
        (b"\xff\xfe", "UTF-8"),
    ],
)
def test_what_is_wrong_with_a_document_is_said_beside_the_form(content: bytes, said: str, pages: Browser) -> None:
    reply = pages.post(f"{PATH}?service=shop", files={"file": ("x", content)})
    assert reply.status_code == 400
    assert said in Words(reply.text).text and 'role="alert"' in reply.text and "<textarea" in reply.text


def test_bodies_are_bounded_and_forms(pages: Browser) -> None:
    assert pages.post(PATH, files={"file": ("x", b"x" * (DOCUMENT_BYTES_MOST + 100_000))}).status_code == 413
    assert pages.post(PATH, content=b"{}", headers={"Content-Type": "application/json"}).status_code == 415


def test_nobody_compares_without_a_token_or_from_another_site(tmp_path: Path, pages: Browser) -> None:
    upload = {"file": ("x", MINE.encode())}
    assert pages.post(PATH, files=upload, headers={"Origin": "http://evil.example"}).status_code == 403
    give_tokens(tmp_path / "data")
    archive = DuckArchive(tmp_path / "a.duckdb", memory_mib=128, clock=lambda: NOON)
    with site_of(archive, tmp_path / "data") as client:
        assert client.post(PATH, files=upload, follow_redirects=False).status_code == 303
    archive.close()
