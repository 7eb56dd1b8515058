"""A cache that is closed, also while others read from it."""

import threading

import pytest

from whimbrel.base.errors import ClosedError
from whimbrel.cache import Cache
from whimbrel.cacheread import CacheReader


def test_everything_but_close_is_refused_after_close():
    cache = Cache("1MiB")
    cache["k"] = 1
    cache.close()
    cache.close()
    assert cache.closed
    for operation in (
        lambda: cache.get("k"), lambda: cache.set("k", 1), lambda: cache.add("k", 1), lambda: cache.replace("k", 1),
        lambda: cache.touch("k"), lambda: cache.incr("k"), lambda: cache.delete("k"), lambda: cache.pop("k"),
        lambda: "k" in cache, lambda: len(cache), lambda: list(cache), cache.stats, cache.clear, cache.maintain,
        lambda: cache.ttl_of("k"), lambda: cache.setdefault("k"),
    ):  # fmt: skip
        with pytest.raises(ClosedError, match="closed"):
            operation()


def test_closing_while_others_copy_large_values_is_safe():
    for _round in range(5):
        cache = Cache("16MiB")
        cache["k"] = b"x" * 900_000
        started = threading.Barrier(4)
        outcomes: list[str] = []

        def work(cache=cache, started=started, outcomes=outcomes):
            started.wait()
            try:
                while True:
                    assert cache["k"] == b"x" * 900_000
                    cache["k"] = b"x" * 900_000
            except ClosedError:
                outcomes.append("closed")
            except KeyError:
                outcomes.append("evicted")

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        started.wait()
        threading.Event().wait(0.02)
        cache.close()
        for thread in threads:
            thread.join()
        assert len(outcomes) == 3


def test_a_reader_needs_a_handle():
    with pytest.raises(TypeError):
        CacheReader(None)  # type: ignore[arg-type]
