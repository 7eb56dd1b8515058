"""Visits are calls of the API's endpoints, whatever is answered; staff shows a token, clients follow the version."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from whimbrel.base.values import Address
from whimbrel.up.demo_asking import Answer, Caller, curl
from whimbrel.up.demo_books import BOOKS
from whimbrel.up.demo_shop import ROWS, TOKEN
from whimbrel.up.demo_tally import Tally
from whimbrel.up.demo_visits import CHECKOUT, OFFICE, PHONES, STOREFRONT, Visit, Visitor

TABLES = STOREFRONT + PHONES + CHECKOUT + OFFICE
KNOWN = {(row.method, row.template) for row in ROWS} | {("GET", "/favicon.ico")}


class Canned:
    """Answers everything with one status."""

    def __init__(self, status: int, version: str = "1") -> None:
        self.status, self.version = status, version
        self.asked: list[tuple[str, str, bytes, Mapping[str, str]]] = []

    def ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        self.asked.append((method, path, body, headers))
        return Answer(self.status, {"etag": '"1"', "api-version": self.version}, b'{"id": "x"}')

    def close(self) -> None:
        return


@pytest.mark.parametrize("status", [200, 201, 404, 409, 500])
def test_each_visit_is_of_endpoints_that_there_are(status: int) -> None:
    tally = Tally()
    for visit in TABLES:
        asking = Canned(status)
        for _ in range(3):
            visit.make(Visitor(asking, tally, 1))
        assert asking.asked
    told = {tuple(name.split(" ")[1:3]) for name in tally.counts}
    assert told <= KNOWN and len(told) > 12


def test_every_endpoint_is_visited_by_somebody() -> None:
    tally = Tally()
    for visit in TABLES:
        visit.make(Visitor(Canned(201), tally, 1))
    assert {tuple(name.split(" ")[1:3]) for name in tally.counts} == KNOWN - {("GET", "/health")}  # curl's


def test_staff_shows_its_token() -> None:
    asking = Canned(201)
    for visit in OFFICE:
        visit.make(Visitor(asking, Tally(), 1))
    shown = [headers.get("Authorization") for *_, headers in asking.asked]
    assert shown.count(None) == 1 and set(shown) == {None, f"Bearer {TOKEN}"}


def test_clients_follow_the_version_of_the_api() -> None:
    who = Visitor(Canned(201, version="2"), Tally(), 1)
    assert who.version == 1
    who.call("GET", "/health")
    assert who.version == 2
    checkout = next(visit for visit in CHECKOUT if visit.make.__name__ == "place_order")
    checkout.make(who)
    asking = who.asking
    assert isinstance(asking, Canned) and "phone" in json.loads(asking.asked[-1][2])
    assert not Visit(checkout.make, 1, until=1).is_of(2) and Visit(checkout.make, 1, since=2).is_of(2)


def test_some_books_are_asked_for_more_than_others() -> None:
    who = Visitor(Canned(200), Tally(), 1)
    drawn = [who.book() for _ in range(2000)]
    assert min(drawn) == 1 and max(drawn) == BOOKS and drawn.count(1) > 10 * drawn.count(20) > 0


@pytest.mark.parametrize(
    "send, body, kind",
    [
        (None, b"", None),
        ({"a": 1}, b'{"a": 1}', "application/json"),
        (b"{", b"{", "application/json"),
        ((("name", "a b"), ("x", "1")), b"name=a+b&x=1", "application/x-www-form-urlencoded"),
    ],
)
def test_what_is_sent(send: object, body: bytes, kind: str | None) -> None:
    asking = Canned(200)
    Caller(asking, Tally()).call("POST", "/things/{integer}", "/things/1", send=send)
    method, path, sent, headers = asking.asked[0]
    assert (method, path, sent, headers.get("Content-Type")) == ("POST", "/things/1", body, kind)


def test_curl_that_finds_nobody_says_so() -> None:
    with pytest.raises(OSError, match="curl"):
        curl(Address("127.0.0.1", 1), "shop.internal:1", "127.0.0.1", ["/health"])
