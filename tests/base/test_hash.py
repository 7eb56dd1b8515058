"""The keyed hash: every byte and the seed matter, and it spreads."""

from hypothesis import given
from hypothesis import strategies as st

from whimbrel.base.testing import hash64


@given(st.binary(max_size=70), st.integers(0, 2**64 - 1))
def test_it_is_a_function_of_key_and_seed(key, seed):
    assert hash64(key, seed) == hash64(bytes(bytearray(key)), seed)


@given(st.binary(min_size=1, max_size=70), st.data())
def test_flipping_a_bit_changes_it(key, data):
    bit = data.draw(st.integers(0, len(key) * 8 - 1))
    other = bytearray(key)
    other[bit // 8] ^= 1 << bit % 8
    assert hash64(bytes(other), 1) != hash64(key, 1)


def test_seeds_and_lengths_of_zero_bytes_differ():
    assert len({hash64(b"key", seed) for seed in range(1000)}) == 1000
    assert len({hash64(b"\0" * length, 5) for length in range(200)}) == 200


def test_high_and_low_bits_spread_over_buckets():
    for shift in (0, 20, 54):
        counts = [0] * 1024
        for number in range(102_400):
            counts[hash64(b"key:%d" % number, 42) >> shift & 1023] += 1
        # 100 expected a bucket with a deviation of 10; six deviations are never reached by a fair hash here
        assert min(counts) > 40
        assert max(counts) < 160
