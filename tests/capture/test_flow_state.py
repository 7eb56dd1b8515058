"""The sizes that 100,000 flows are counted on."""

from whimbrel.capture.testing_flow import SIZES


def test_a_flow_is_two_cache_lines() -> None:
    assert SIZES["flow"] == 64
    assert SIZES["record"] == 128


def test_what_waits_fits_the_arenas_blocks() -> None:
    assert SIZES["wait"] <= 128
    assert SIZES["item"] + 1448 <= 2048  # a full Ethernet segment
