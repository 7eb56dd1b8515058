"""Times mean what exact arithmetic says, and stay within what a time may be."""

import random
from fractions import Fraction
from math import floor

import pytest

from whimbrel.capture import testing_decode

NS = 10**9
MAX_NS = 1 << 62
START_NS = 1_700_000_000_123_456_789

# resolution: (units, ns)
RESOLUTIONS = [
    (0, 5, 5 * NS),
    (3, 5, 5 * 10**6),
    (6, 1_700_000_000_123_456, 1_700_000_000_123_456_000),
    (9, START_NS, START_NS),
    (12, 5_000_999, 5_000),
    (28, 2**63, 0),
    (28, 2**64 - 1, 1),
    (29, 2**64 - 1, 0),
    (127, 2**64 - 1, 0),
    (0x80, 7, 7 * NS),
    (0x80 | 10, 1024 * 7 + 512, 7_500_000_000),
    (0x80 | 32, (7 << 32) + (1 << 31), 7_500_000_000),
    (0x80 | 40, (7 << 40) + (1 << 39), 7_500_000_000),
    (0x80 | 63, 1 << 62, 500_000_000),
    (0x80 | 64, 2**63, 500_000_000),
    (0x80 | 66, 2**63, 125_000_000),
    (0x80 | 95, 2**64 - 1, 0),
    (0x80 | 96, 2**64 - 1, 0),
    (0x80 | 127, 2**64 - 1, 0),
    # beyond what a time may be
    (0, 2**64 - 1, MAX_NS),
    (1, 2**64 - 1, MAX_NS),
    (9, MAX_NS + 1, MAX_NS),
    (0x80 | 1, 2**64 - 1, MAX_NS),
]


@pytest.mark.parametrize("resolution, units, time_ns", RESOLUTIONS)
def test_resolutions(resolution: int, units: int, time_ns: int) -> None:
    assert testing_decode.interface_time_ns(resolution, 0, units) == time_ns


@pytest.mark.parametrize(
    "offset_s, time_ns",
    [
        (0, START_NS),
        (5, START_NS + 5 * NS),
        (-5, START_NS - 5 * NS),
        (-(2**40), 0),
        (2**62 // NS, MAX_NS),
        (-(2**62 // NS), 0),
        (2**63 - 1, MAX_NS),
        (-(2**63), 0),
    ],
)
def test_offsets(offset_s: int, time_ns: int) -> None:
    assert testing_decode.interface_time_ns(9, offset_s, START_NS) == time_ns


def test_the_seconds_of_pcap() -> None:
    assert testing_decode.pcap_time_ns(1_700_000_000, 123_456_789) == START_NS
    assert testing_decode.pcap_time_ns(2**32 - 1, (2**32 - 1) * 1000) == (2**32 - 1) * (NS + 1000)
    assert testing_decode.pcap_time_ns(2**64 - 1, 0) == MAX_NS
    assert testing_decode.pcap_time_ns(2**62 // NS, NS) == MAX_NS


def test_random_times_are_those_of_exact_arithmetic() -> None:
    rng = random.Random(3)
    for _ in range(20_000):
        resolution, units = rng.randrange(256), rng.getrandbits(rng.randrange(65))
        offset_s = rng.choice([0, rng.randrange(-(2**32), 2**32), rng.randrange(-(2**63), 2**63)])
        base = 2 if resolution & 0x80 else 10
        unshifted = min(floor(Fraction(units * NS, base ** (resolution & 0x7F))), MAX_NS)
        exact = min(max(unshifted + offset_s * NS, 0), MAX_NS)
        # of units finer than 2^-32 s the rest is cut off before it becomes nanoseconds
        slack = int(resolution > 0x80 | 32)
        assert 0 <= exact - testing_decode.interface_time_ns(resolution, offset_s, units) <= slack
