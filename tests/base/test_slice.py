"""Slices compare by content."""

from hypothesis import given
from hypothesis import strategies as st

from whimbrel.base import testing


@given(st.binary(max_size=4), st.binary(max_size=4))
def test_equal_means_equal_bytes(a, b):
    assert testing.slices_equal(a, b) == (a == b)
    assert testing.slices_equal(a, bytes(bytearray(a)))


def test_null_is_empty():
    assert testing.null_slices_equal()
