"""Words are found, their beginnings too, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whimbrel.protocol import redis_words
from whimbrel.protocol.memcache import commands
from whimbrel.protocol.testing_detect import word_facts

REDIS = {word.encode() for word in redis_words.WORDS}
MEMCACHE = {command.name.encode() for command in commands.COMMANDS}
REPLIES = {word for word in commands.REPLIES if word} | {b"ERROR", b"CLIENT_ERROR", b"SERVER_ERROR"}


def expected(text: bytes) -> tuple[bool, ...]:
    lower = bytes(byte | 32 if 65 <= byte <= 90 else byte for byte in text)
    return (
        lower in REDIS,
        any(word.startswith(lower) for word in REDIS),
        any(word.startswith(text) for word in MEMCACHE),
        text in REPLIES,
        any(word.startswith(text) for word in REPLIES),
    )


@pytest.mark.parametrize("word", sorted(REDIS | MEMCACHE | REPLIES))
def test_every_word_its_beginnings_and_its_neighbours(word: bytes) -> None:
    for text in (
        word,
        word.upper(),
        word + b"a",
        word + b"\x00",
        word[:-1] + b"~",
        *(word[:n] for n in range(len(word))),
    ):
        assert word_facts(text) == expected(text)


@given(st.one_of(st.binary(max_size=30), st.text("abcdefgsetrz_", max_size=8).map(str.encode)))
def test_any_text(text: bytes) -> None:
    assert word_facts(text) == expected(text)
