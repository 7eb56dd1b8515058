"""The list of endpoints, as it is found and sorted."""

import pytest

from tests.hub.answers.sample import ASKED, BOOKS, GET, OLD, ORDERS, SET, START
from tests.hub.batches import NOON, batch, endpoint, latency, row
from whimbrel.hub.answers.asked import Asked, QuestionError
from whimbrel.hub.answers.endpoints import SORTS, Wanted, endpoints
from whimbrel.hub.duck import DuckArchive


def ids(shop: DuckArchive, **wanted: object) -> list[str]:
    return [line.id for line in endpoints(shop, ASKED, Wanted(**wanted)).rows]  # type: ignore[arg-type]


def test_the_busiest_come_first(shop: DuckArchive) -> None:
    found = endpoints(shop, ASKED, Wanted())
    assert [(line.id, line.calls) for line in found.rows] == [(BOOKS, 430), (GET, 240), (ORDERS, 90), (SET, 10)]
    assert (found.total, found.limit, found.offset, found.sort, found.descending) == (4, 100, 0, "calls", True)
    assert found.services == ["redis", "shop"] and found.methods == ["GET", "POST", "get", "set"]
    assert not found.unused


ORDERS_OF = {
    "calls": [BOOKS, GET, ORDERS, SET],
    "errors": [SET, BOOKS, ORDERS, GET],  # all, 30 of 430, none
    "client_errors": [ORDERS, BOOKS, GET, SET],
    "bytes": [BOOKS, GET, ORDERS, SET],  # 93.4, 75, 5, 0
    "service": [BOOKS, ORDERS, GET, SET],
    "method": [SET, GET, ORDERS, BOOKS],
    "template": [GET, SET, ORDERS, BOOKS],
    "first": [SET, ORDERS, GET, BOOKS],
}


@pytest.mark.parametrize("sort", ORDERS_OF)
def test_sorted_by_any_column(shop: DuckArchive, sort: str) -> None:
    assert ids(shop, sort=sort) == ORDERS_OF[sort]


@pytest.mark.parametrize("sort", ["calls", "method", "bytes"])
def test_backwards_is_the_other_way_round(shop: DuckArchive, sort: str) -> None:
    found = endpoints(shop, ASKED, Wanted(sort=sort, descending=False))
    assert [line.id for line in found.rows] == ORDERS_OF[sort][::-1] and not found.descending


@pytest.mark.parametrize("sort", SORTS)
def test_no_order_loses_any(shop: DuckArchive, sort: str) -> None:
    assert set(ids(shop, sort=sort)) == {BOOKS, GET, ORDERS, SET}


def test_by_percentiles(archive: DuckArchive) -> None:
    def times(number: int, *pairs: int) -> dict[str, object]:
        return endpoint(number, row(sum(pairs[1::2]), last=latency(*pairs)))

    archive.load([batch(times(1, 200, 99, 900, 1), times(2, 300, 80, 310, 20), times(3, 100, 50, 400, 50))])
    archive.load([batch(endpoint(4, row(1, last=latency() | {"count": 0})))])
    asked = Asked.between(NOON, NOON + 60, NOON + 60)

    def order(sort: str) -> list[int]:
        return [int(line.id) for line in endpoints(archive, asked, Wanted(sort=sort)).rows]

    assert order("p50") == [2, 1, 3, 4]
    assert order("p90") == [3, 2, 1, 4]
    assert order("p99") == [3, 2, 1, 4]
    last = endpoints(archive, asked, Wanted(sort="p99")).rows[-1]
    assert last.p99_ns is None


def test_filters(shop: DuckArchive) -> None:
    assert ids(shop, service="shop") == [BOOKS, ORDERS]
    assert ids(shop, protocol="redis", method="set") == [SET]
    assert ids(shop, text="post") == [ORDERS]
    assert ids(shop, text="SHOP book") == [BOOKS]
    assert ids(shop, text="user shop") == []
    assert endpoints(shop, ASKED, Wanted(text="nowhere")).total == 0


def test_a_page_of_many(shop: DuckArchive) -> None:
    found = endpoints(shop, ASKED, Wanted(limit=2, offset=1))
    assert [line.id for line in found.rows] == [GET, ORDERS] and found.total == 4
    assert endpoints(shop, ASKED, Wanted(offset=9)).rows == []


def test_unused_ones_have_the_numbers_of_then(shop: DuckArchive) -> None:
    found = endpoints(shop, ASKED, Wanted(unused=True))
    [line] = found.rows
    assert (line.id, line.calls, line.last, line.is_new) == (OLD, 1, NOON - 1200, False)
    assert found.unused and found.total == 1
    assert endpoints(shop, Asked.between(START - 900, NOON, NOON), Wanted(unused=True)).rows == []


def test_nobody_asked_of_an_empty_archive(archive: DuckArchive) -> None:
    for unused in (False, True):
        found = endpoints(archive, ASKED, Wanted(unused=unused))
        assert (found.total, found.rows, found.services) == (0, [], [])


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"sort": "size"}, "sort by 'size'; calls, errors"),
        ({"limit": 0}, "a limit of 0; 1 to 1000"),
        ({"limit": 1001}, "1 to 1000"),
        ({"offset": -1}, "an offset of -1"),
    ],
)
def test_what_cannot_be_is_said(wanted: dict[str, object], said: str) -> None:
    with pytest.raises(QuestionError, match=said):
        Wanted(**wanted)  # type: ignore[arg-type]
