"""call.py and call.pxd number the same things."""

import re
from pathlib import Path

import whimbrel.summary
from whimbrel.summary.call import FLAGS, OUTCOMES, PROTOCOLS, flag_names

HEADER = (Path(whimbrel.summary.__file__ or "").parent / "call.pxd").read_text()


def members(enum: str) -> dict[str, int]:
    block = re.search(rf"cdef enum {enum}:.*?\n\n", HEADER, re.DOTALL)
    assert block
    return {name.lower(): int(number) for name, number in re.findall(r"^    (\w+) = (\d+)", block[0], re.MULTILINE)}


def test_protocols() -> None:
    assert {f"call_{name}": number for number, name in PROTOCOLS.items() if number <= 3} == members("CallProtocol")


def test_outcomes() -> None:
    assert {f"outcome_{name}": number for number, name in OUTCOMES.items()} == members("CallOutcome")


def test_flags() -> None:
    assert {f"call_{name}": bit for bit, (name, _) in FLAGS.items()} == members("CallFlag")


def test_names_of_bits() -> None:
    assert flag_names(0) == []
    assert flag_names(1 | 64 | 32768) == ["no_response", "malformed", "push"]
