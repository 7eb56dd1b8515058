"""What any archive's answers are made into."""

from tests.hub.batches import batch, endpoint, row
from whimbrel.hub.archive import Sizes, StatusRow, distinct
from whimbrel.hub.model import Latencies
from whimbrel.summary import hll

FAST = Latencies(2, 20, 8, 12, {1: 2})


def status(name: str, code: int, calls: int, **more: int) -> StatusRow:
    marks = {"outcome:hit": 2, "outcome:miss": 1, "ttl:3": 3}
    return StatusRow(name, code, calls, calls, 1, FAST, FAST, Sizes(), Sizes(), 1, marks | more)


def test_marks_are_read_by_kind() -> None:
    assert status("a", 200, 3).named("outcome") == {"hit": 2, "miss": 1}
    assert status("a", 200, 3).named("ttl") == {"3": 3}
    assert status("a", 200, 3).named("flag") == {}


def test_distinct_counts_what_was_added() -> None:
    entries = [place << 5 | 1 for place in range(100)]
    assert distinct(entries) == round(hll.estimate(hll.registers(entries)))
    assert 95 <= distinct(entries) <= 110 and distinct([]) == 0


def test_the_batches_of_these_tests_are_batches() -> None:
    from whimbrel.summary.batch import decode, encode

    made = batch(endpoint(1, row(flags={"unpaired": 1})))
    assert decode(encode(made)) == made
