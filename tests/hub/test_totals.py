"""Calls added up by host and by protocol."""

from tests.hub.batches import NOON, batch, endpoint, latency, row
from whimbrel.hub.rows import rows_of
from whimbrel.hub.tables import ALL_HOSTS, TOTALS


def test_each_host_and_all_of_them() -> None:
    shop = endpoint(1, row(2, last=latency(200, 1, 250, 1)), row(1, 500)), endpoint(2, row(3))
    bank = endpoint(3, row(5), host="bank")
    found = rows_of(batch(*shop, bank), NOON)["totals_new"]
    calls = {(one["protocol"], one["host"], one["status"]): one["calls"] for one in found}
    assert calls == {
        ("http", "shop", 200): 5, ("http", "shop", 500): 1, ("http", "bank", 200): 5,
        ("http", ALL_HOSTS, 200): 10, ("http", ALL_HOSTS, 500): 1,
    }  # fmt: skip
    [everything] = [one for one in found if (one["host"], one["status"]) == (ALL_HOSTS, 200)]
    assert dict(zip(everything["last_places"], everything["last_counts"], strict=True)) == {200: 9, 250: 1}
    assert everything["response_sum"] == 15 and everything["started"] == NOON
    assert set(everything) == set(TOTALS.columns())


def test_caches_keep_outcomes_and_nothing_else_of_the_marks() -> None:
    key = endpoint(1, row(6, 0, outcomes={"hit": 4, "miss": 2}, ttls=[3, 1]), protocol="redis", host="")
    found = rows_of(batch(key, sample=2), NOON)["totals_new"]
    assert {one["host"] for one in found} == {"", ALL_HOSTS}
    for one in found:
        assert dict(zip(one["marks_places"], one["marks_counts"], strict=True)) == {"outcome:hit": 8, "outcome:miss": 4}


def test_what_was_not_measured_has_no_minimum() -> None:
    [one, _] = rows_of(batch(endpoint(1, row(1, last=None))), NOON)["totals_new"]
    assert one["last_min"] is None and one["last_places"] == []
