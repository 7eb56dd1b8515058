"""The demo counts what it answers, and takes JSON apart in the plainest way."""

import json
from pathlib import Path

from whimbrel.up.demo_tally import Answered, Tally, places, write

BODY = {"items": [{"id": 1}, {"id": 2.5, "tag": None}], "ok": True}
PLACES = {
    " object", "items array", "items[] object", "items[].id integer", "items[].id number", "items[].tag null",
    "ok boolean",
}  # fmt: skip


def test_places_of_a_value() -> None:
    assert {f"{path} {kind}" for path, kind in places(BODY)} == PLACES
    assert list(places("text")) == [("", "string")]


def test_a_place_counts_once_a_call() -> None:
    tally = Tally(detailed=True)
    for request in (b'{"a": 1}', b"not JSON", None):
        tally.add(Answered("shop", "GET", "/books", 200, request, BODY, took_ns=7))
    detail = tally.details["shop GET /books 200"]
    assert (detail.calls, detail.request, detail.took_ns) == (3, {" object": 1, "a integer": 1}, [7, 7, 7])
    assert detail.response == dict.fromkeys(PLACES, 3)


def test_all_tallies_are_one_document(tmp_path: Path) -> None:
    one, other = Tally(detailed=True), Tally()
    one.add(Answered("shop", "GET", "/", 200))
    other.count("shop GET / 200")
    other.count("redis get hit")
    write(tmp_path / "counts", one, other)
    told = json.loads((tmp_path / "counts").read_text())
    assert told["counts"] == {"shop GET / 200": 2, "redis get hit": 1}
    assert told["details"]["shop GET / 200"]["calls"] == 1 and other.details == {}
