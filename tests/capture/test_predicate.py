"""Trees of tests become programs that answer as the tree does, however far they jump."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.capture.reference_vm import run
from whimbrel.capture.predicate import Always, Both, Either, Node, Not, Test, all_of, any_of, assemble
from whimbrel.capture.program import JUMP_AT_LEAST, JUMP_EQUAL, LD_BYTE, SNAPLEN, Instruction, unpack


def byte(at: int, value: int, jump: int = JUMP_EQUAL) -> Test:
    return Test((Instruction(LD_BYTE, k=at),), jump, value)


def holds(node: Node, packet: bytes) -> bool:
    match node:
        case Always(value):
            return value
        case Test(loads, jump, k):
            found = packet[loads[0].k]
            return found == k if jump == JUMP_EQUAL else found >= k
        case Not(inner):
            return not holds(inner, packet)
        case Both(left, right):
            return holds(left, packet) and holds(right, packet)
        case Either(left, right):
            return holds(left, packet) or holds(right, packet)


leaves = st.one_of(
    st.builds(Always, st.booleans()),
    st.builds(byte, st.integers(0, 3), st.integers(0, 3), st.sampled_from([JUMP_EQUAL, JUMP_AT_LEAST])),
)
trees: st.SearchStrategy[Node] = st.recursive(
    leaves,
    lambda inner: st.one_of(st.builds(Not, inner), st.builds(Both, inner, inner), st.builds(Either, inner, inner)),
)


@settings(max_examples=300, deadline=None)
@given(trees, st.lists(st.integers(0, 3), min_size=4, max_size=4))
def test_a_program_answers_as_its_tree(tree: Node, packet: list[int]) -> None:
    assert run(assemble(tree), bytes(packet)) == (SNAPLEN if holds(tree, bytes(packet)) else 0)


@pytest.mark.parametrize("length", [1, 126, 127, 128, 129, 200, 1000])
def test_chains_of_any_length(length: int) -> None:
    values = [number & 255 for number in range(length)]
    either = any_of(*(Both(byte(0, value), byte(1, number >> 8)) for number, value in enumerate(values)))
    both = all_of(*(Not(byte(0, value)) for value in values))
    last = length - 1
    assert run(assemble(either), bytes([last & 255, last >> 8]))
    assert not run(assemble(either), bytes([length & 255, length >> 8]))
    assert not run(assemble(both), bytes([last & 255]))
    assert bool(run(assemble(both), bytes([255]))) == (length < 256)


def test_jumps_stay_in_the_program() -> None:
    program = list(unpack(assemble(any_of(*(byte(0, value & 255) for value in range(1500))))))
    for place, one in enumerate(program):
        if one.code == JUMP_EQUAL:
            assert place + 1 + max(one.jt, one.jf) < len(program)
