"""The shim hides nothing: it decodes what it is given, keeps its books and gives up what waits."""

import pytest

from tests.capture import packets as p
from whimbrel.capture import testing_decode

FRAME = p.ethernet(p.tcp("10.0.0.1", 1, "10.0.0.2", 2, 3, 4, p.ACK, b"x"))
OTHER = p.ethernet(b"", ethertype=p.ETHER_ARP)


def test_timing_decodes_every_frame_in_every_round() -> None:
    found, seconds = testing_decode.seconds_for([FRAME, OTHER, FRAME], 1, 7)
    assert found == 14
    assert seconds > 0
    assert testing_decode.seconds_for([], 1, 7)[0] == 0


def test_closing_gives_all_memory_back_and_more_than_once_is_harmless() -> None:
    decoding = testing_decode.Decoding()
    decoding.decode(p.fragments_v4("10.0.0.1", "10.0.0.2", bytes(64), 32)[0], 101)
    decoding.close()
    decoding.close()
    assert (decoding.used_bytes, decoding.lost) == (0, 1)
    with pytest.raises(ValueError, match="closed"):
        decoding.decode(FRAME)


def test_numbers_are_of_eight_bytes() -> None:
    with pytest.raises(ValueError, match="eight bytes"):
        testing_decode.numbers(b"1234567")
