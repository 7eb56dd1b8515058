"""What any archive's answers are made into."""

from tests.hub.batches import batch, endpoint, row
from whimbrel.hub.archive import EndpointRow, Sizes, StatusRow, distinct, services
from whimbrel.hub.model import Latencies
from whimbrel.summary import hll

FAST = Latencies(2, 20, 8, 12, {1: 2})


def status(name: str, code: int, calls: int, **more: int) -> StatusRow:
    marks = {"outcome:hit": 2, "outcome:miss": 1, "ttl:3": 3}
    return StatusRow(name, code, calls, calls, 1, FAST, FAST, Sizes(), Sizes(), 1, marks | more)


def identity(name: str, protocol: str = "http", host: str = "shop") -> EndpointRow:
    return EndpointRow(name, protocol, "GET", host, "/", "one", (), 0, 0)


def test_marks_are_read_by_kind() -> None:
    assert status("a", 200, 3).named("outcome") == {"hit": 2, "miss": 1}
    assert status("a", 200, 3).named("ttl") == {"3": 3}
    assert status("a", 200, 3).named("flag") == {}


def test_a_service_is_a_host_or_a_cache() -> None:
    known = [identity("a"), identity("b"), identity("c", "redis", "")]
    rows = [status("a", 200, 5), status("a", 503, 2), status("b", 0, 1), status("c", 0, 9), status("gone", 200, 1)]
    cache, shop = services(known, rows)
    assert (cache.protocol, cache.host, cache.endpoints, cache.calls, cache.no_response) == ("redis", "", 1, 9, 0)
    assert (shop.host, shop.endpoints, shop.calls, shop.errors, shop.no_response) == ("shop", 2, 8, 2, 1)
    assert shop.latency.count == 6 and shop.latency.buckets == {1: 6}


def test_distinct_counts_what_was_added() -> None:
    entries = [place << 5 | 1 for place in range(100)]
    assert distinct(entries) == round(hll.estimate(hll.registers(entries)))
    assert 95 <= distinct(entries) <= 110 and distinct([]) == 0


def test_the_batches_of_these_tests_are_batches() -> None:
    from whimbrel.summary.batch import decode, encode

    made = batch(endpoint(1, row(flags={"unpaired": 1})))
    assert decode(encode(made)) == made
