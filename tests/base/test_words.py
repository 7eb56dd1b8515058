"""Numbers with nouns."""

import pytest

from whimbrel.base.words import counted


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [
        (0, "call", "0 calls"),
        (1, "connection", "1 connection"),
        (2000, "batch", "2,000 batches"),
        (2, "body", "2 bodies"),
        (2, "key", "2 keys"),
    ],
)
def test_one_is_one(number: int, noun: str, text: str) -> None:
    assert counted(number, noun) == text
