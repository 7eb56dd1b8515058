"""The bounded writer against a list of byte strings."""

from hypothesis import given
from hypothesis import strategies as st

from whimbrel.base import testing

PUTS = st.one_of(
    st.tuples(st.just("byte"), st.integers(0, 255)),
    st.tuples(st.sampled_from(["bytes", "slice"]), st.binary(max_size=12)),
    st.tuples(st.just("u64"), st.integers(0, 2**64 - 1)),
    st.tuples(st.just("i64"), st.integers(-(2**63), 2**63 - 1)),
)


def as_bytes(put):
    kind, value = put
    if kind == "byte":
        return bytes([value])
    return value if isinstance(value, bytes) else str(value).encode()


@given(st.lists(PUTS, max_size=8), st.integers(0, 120))
def test_what_fits_is_written_and_the_first_that_does_not_ends_it(puts, room):
    expected = b""
    overflow = False
    for piece in map(as_bytes, puts):
        # i64 writes its sign apart: a minus may be the last byte before an overflow
        overflow = overflow or len(expected) + len(piece) > room
        if not overflow:
            expected += piece
    written, did_overflow, left, untouched = testing.write(room, puts)
    assert untouched
    assert did_overflow == overflow
    assert written == expected or (overflow and written == expected + b"-")
    assert left == room - len(written)


def test_digits():
    assert testing.write(64, [("u64", 0), ("byte", 32), ("u64", 2**64 - 1), ("i64", -(2**63))])[0] == (
        b"0 18446744073709551615-9223372036854775808"
    )
