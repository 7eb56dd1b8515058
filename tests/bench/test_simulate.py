"""A trace against the store."""

from __future__ import annotations

from array import array

import pytest

from whimbrel.base.errors import UsageError
from whimbrel.bench.simulate import simulate
from whimbrel.store.store import StoreHandle


def test_what_fits_is_missed_once():
    handle = StoreHandle.create(1 << 20)
    keys = array("I", [*range(100)] * 5)
    assert simulate(handle, keys, array("I", [100] * 500)) == (400, 100, 0, 0)
    handle.close()


def test_what_does_not_fit_is_missed_again():
    handle = StoreHandle.create(1 << 18)
    keys = array("I", [*range(1_000)] * 3)
    hits, misses, refused, live = simulate(handle, keys, array("I", [1_000] * 3_000))
    assert hits + misses == 3_000
    assert misses > 1_500
    assert refused == 0
    assert (1 << 17) < live < (1 << 18)
    handle.close()


def test_as_many_sizes_as_keys():
    handle = StoreHandle.create(1 << 18)
    with pytest.raises(UsageError):
        simulate(handle, array("I", [1]), array("I", []))
    handle.close()
