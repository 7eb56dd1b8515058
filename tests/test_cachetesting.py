"""What a reader makes of a view that a writer made false between the look and the copy."""

import tracemalloc

import pytest

from whimbrel.cache import Cache
from whimbrel.cachetesting import takes_false_view


@pytest.mark.parametrize("text", [False, True])
def test_a_false_view_gets_no_memory_for_the_length_it_claims(text):
    with Cache("1MiB") as cache:
        tracemalloc.start()
        try:
            assert not takes_false_view(cache, (1 << 28) - 1, text)
            assert not takes_false_view(cache, 100, text)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 1 << 20
