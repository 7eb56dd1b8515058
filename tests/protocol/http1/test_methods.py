"""The table of methods as C sees it."""

import pytest

from whimbrel.protocol.http1.testing import method_facts
from whimbrel.protocol.http1.verbs import METHODS

KINDS = {"HEAD": 1, "CONNECT": 2}


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_known(method: str) -> None:
    raw = method.encode()
    assert method_facts(raw) == (KINDS.get(method, 0), True, len(raw), True)
    assert method_facts(b"\x00" + raw)[1:3] == (False, len(raw))
    for n in range(len(raw)):
        assert method_facts(raw[:n])[3]


@pytest.mark.parametrize("text", [b"get", b"Head", b"GETX", b"HEADS", b"CONNECTED", b"X" * 100])
def test_no_other_word_is(text: bytes) -> None:
    assert method_facts(text) == (0, False, 0, False)


def test_the_longest_method_at_the_end_counts() -> None:
    assert method_facts(b"abcUNLOCK")[2] == len("UNLOCK")
    assert method_facts(b"abcCCM_POST")[2] == len("CCM_POST")
    assert method_facts(b"")[2] == 0
