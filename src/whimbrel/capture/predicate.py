"""Tests on a packet, combined with and, or and not, and turned into a BPF program.

BPF only jumps forward, and by 255 instructions at most where it decides.  So the program is made backwards: the two
answers first, then each test in front of the ones it may lead to, whose places are known by then.  Where one of them
is too far away a jump that reaches further is put in between.
"""

from dataclasses import dataclass
from typing import TypeAlias

from whimbrel.capture.program import JUMP, RETURN, SNAPLEN, Instruction, pack

DECIDES_OVER = 255  # instructions a conditional jump can skip


@dataclass(frozen=True)
class Always:
    """True or false of every packet."""

    value: bool


@dataclass(frozen=True)
class Test:
    """Load something, then compare it: a load beyond the packet's end refuses the packet."""

    loads: tuple[Instruction, ...]
    jump: int  # one of the conditional jump codes
    k: int

    __test__ = False  # not pytest's


@dataclass(frozen=True)
class Not:
    inner: "Node"


@dataclass(frozen=True)
class Both:
    left: "Node"
    right: "Node"


@dataclass(frozen=True)
class Either:
    left: "Node"
    right: "Node"


Node: TypeAlias = Always | Test | Not | Both | Either


def all_of(*nodes: Node) -> Node:
    first, *rest = nodes
    for node in rest:
        first = Both(first, node)
    return first


def any_of(*nodes: Node) -> Node:
    first, *rest = nodes
    for node in rest:
        first = Either(first, node)
    return first


class Backwards:
    """A program from its end to its start; a place is counted from the end."""

    def __init__(self) -> None:
        self.code: list[Instruction] = []

    def put(self, instruction: Instruction) -> int:
        self.code.append(instruction)
        return len(self.code) - 1

    def skip(self, place: int) -> int:
        """How many instructions lie between the next one put and `place`."""
        return len(self.code) - 1 - place

    def near(self, place: int, reserve: int) -> int:
        """`place`, or a jump to it: near enough for a test after `reserve` more instructions."""
        if self.skip(place) + reserve <= DECIDES_OVER:
            return place
        return self.put(Instruction(JUMP, k=self.skip(place)))

    def test(self, node: Test, yes: int, no: int) -> int:
        yes = self.near(yes, 1)
        no = self.near(no, 0)
        self.put(Instruction(node.jump, self.skip(yes), self.skip(no), node.k))
        for load in reversed(node.loads):
            self.put(load)
        return len(self.code) - 1

    def node(self, node: Node, yes: int, no: int) -> int:
        """The place where `node` begins that goes on at `yes` or `no`.  A long chain is a loop, not a recursion."""
        while True:
            match node:
                case Always(value):
                    return yes if value else no
                case Test():
                    return self.test(node, yes, no)
                case Not(inner):
                    node, yes, no = inner, no, yes
                case Both(left, right):
                    yes = self.node(right, yes, no)
                    node = left
                case Either(left, right):
                    no = self.node(right, yes, no)
                    node = left


def assemble(node: Node) -> bytes:
    """The program that accepts the packets of which `node` is true."""
    program = Backwards()
    refuse = program.put(Instruction(RETURN, k=0))
    accept = program.put(Instruction(RETURN, k=SNAPLEN))
    start = program.node(node, accept, refuse)
    if program.skip(start) > 0:
        program.put(Instruction(JUMP, k=program.skip(start)))
    return pack(program.code[::-1])
