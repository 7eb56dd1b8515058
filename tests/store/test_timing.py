"""The timing loops do what they say they time."""

import pytest

from whimbrel.store import timing
from whimbrel.store.store import StoreHandle


def test_puts_are_found_by_reads() -> None:
    store = StoreHandle.create(1 << 22)
    assert timing.puts(store, 0, 1000, 100)[1] == 1000
    assert store.stats()["items"] == 1000
    assert timing.reads(store, 5000, 1000)[1] == 5000
    assert timing.reads(store, 5000, 1000, hit=True)[1] == 5000
    assert timing.reads(store, 5000, 2000)[1] < 5000
    store.close()


def test_evicting_puts_are_all_stored() -> None:
    store = StoreHandle.create(1 << 20)
    for maintain in (True, False):
        assert timing.puts(store, 0, 30_000, 100, maintain=maintain)[1] == 30_000
    assert store.stats()["evicted_items"] > 30_000
    assert store.verify() == []
    store.close()


def test_values_have_a_limit() -> None:
    store = StoreHandle.create(1 << 20)
    with pytest.raises(ValueError, match="4097"):
        timing.puts(store, 0, 1, 4097)
    store.close()
