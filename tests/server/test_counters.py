import re
from pathlib import Path

from whimbrel.server import counters

HEADER = Path(__file__).parents[2] / "src" / "whimbrel" / "server" / "counters.pxd"


def test_every_counter_has_one_row() -> None:
    assert [index for index, _, _ in sorted(counters.ROWS)] == list(range(counters.COUNT))
    assert len(set(counters.NAMES)) == counters.COUNT


def test_the_rows_are_in_the_order_of_the_header() -> None:
    enum = re.search(r"cdef enum Counter:\n(.*?)    COUNTERS\n", HEADER.read_text(), re.DOTALL)
    assert enum
    names = re.findall(r"^    ([A-Z]\w+)", enum[1], re.MULTILINE)
    assert len(names) == counters.COUNT == len(counters.ROWS)


def test_every_sentence_says_something() -> None:
    assert all(sentence[0].isupper() and len(sentence.split()) > 1 for _, _, sentence in counters.ROWS)
