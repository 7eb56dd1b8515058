"""The buddy allocator: against a model that knows nothing of buddies, only what blocks may never do."""

from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from whimbrel.base.testing_arena import ArenaForTests

MIB = 1 << 20
PAGE = 4096


def block_of(size: int) -> int:
    return max(64, 1 << (size - 1).bit_length()) if size else 64


class ArenaModel(RuleBasedStateMachine):
    """Blocks do not overlap, keep what is written to them, and are aligned to their size; bytes are counted exactly."""

    blocks = Bundle("blocks")

    def __init__(self) -> None:
        super().__init__()
        self.arena = ArenaForTests(4 * MIB)
        self.live: dict[int, tuple[int, int]] = {}  # offset: (size, the byte it is filled with)
        self.refused = 0
        self.next_byte = 0

    def keep(self, at: int | None, size: int) -> int | None:
        if at is None:
            self.refused += 1
            return None
        assert 0 <= at <= self.arena.size_bytes - block_of(size)
        assert at % block_of(size) == 0
        assert self.arena.block_bytes(at) == block_of(size)
        ends = [(other, other + block_of(have)) for other, (have, _) in self.live.items()]
        assert all(at + block_of(size) <= start or end <= at for start, end in ends)
        self.next_byte = (self.next_byte + 1) % 256
        self.arena.fill(at, self.next_byte, size)
        self.live[at] = (size, self.next_byte)
        return at

    @rule(target=blocks, size=st.one_of(st.integers(0, 300), st.integers(0, 2 * MIB)))
    def alloc(self, size):
        at = self.arena.alloc(size)
        return self.keep(at, size)

    @rule(target=blocks, size=st.integers(1, 70_000))
    def alloc_zero(self, size):
        at = self.arena.alloc(size, zero=True)
        if at is not None:
            assert self.arena.read(at, size) == bytes(size)
        return self.keep(at, size)

    @rule(at=consumes(blocks))
    def free(self, at):
        self.arena.free(at)
        self.live.pop(at, None)

    @rule(target=blocks, at=consumes(blocks), size=st.integers(1, 2 * MIB), share=st.floats(0, 1))
    def grow(self, at, size, share):
        had, byte = self.live.get(at, (0, 0))
        used = min(int(had * share), size)
        grown = self.arena.grow(at, used, size)
        if grown is None:
            self.refused += 1
            return at
        assert self.arena.read(grown, used) == bytes([byte]) * used
        self.live.pop(at, None)
        if grown == at:  # it had the room
            assert block_of(size) <= block_of(had)
            size = max(size, had)
        return self.keep(grown, size)

    @invariant()
    def counts(self):
        assert self.arena.used_bytes == sum(block_of(size) for size, _ in self.live.values())
        assert self.arena.used_bytes <= self.arena.peak_bytes <= self.arena.size_bytes
        assert self.arena.refused == self.refused

    def teardown(self) -> None:
        for at, (size, byte) in self.live.items():
            assert self.arena.read(at, size) == bytes([byte]) * size
            self.arena.free(at)
        assert self.arena.used_bytes == 0
        whole = {self.arena.alloc(MIB) for _ in range(4)}
        assert whole == {0, MIB, 2 * MIB, 3 * MIB}


ArenaModel.TestCase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
TestArenaModel = ArenaModel.TestCase


def test_the_size_is_whole_mebibytes_and_the_base_aligned() -> None:
    for asked, got in ((0, MIB), (1, MIB), (MIB, MIB), (3 * MIB - 1, 2 * MIB), (64 * MIB, 64 * MIB)):
        arena = ArenaForTests(asked)
        assert (arena.size_bytes, arena.base % MIB) == (got, 0)


def test_more_than_the_largest_block_is_refused_and_counted() -> None:
    arena = ArenaForTests(4 * MIB)
    assert arena.alloc(MIB + 1) is None
    assert arena.alloc(1 << 63) is None
    assert (arena.refused, arena.used_bytes) == (2, 0)


@pytest.mark.parametrize("size", [1, 64, 65, 4096, 100_000, MIB])
def test_every_byte_can_be_handed_out_and_comes_back(size: int) -> None:
    arena = ArenaForTests(2 * MIB)
    blocks = []
    while (at := arena.alloc(size)) is not None:
        blocks.append(at)
    assert len(blocks) == len(set(blocks)) == 2 * MIB // block_of(size)
    assert (arena.refused, arena.pressure) == (1, 1.0)
    for at in blocks[::2] + blocks[1::2]:
        arena.free(at)
    assert (arena.used_bytes, arena.peak_bytes) == (0, 2 * MIB)
    assert {arena.alloc(MIB), arena.alloc(MIB)} == {0, MIB}


def test_a_refused_growth_leaves_the_block_as_it_was() -> None:
    arena = ArenaForTests(MIB)
    at, other = arena.alloc(1000), arena.alloc(1000)
    assert at is not None
    arena.fill(at, 7, 1000)
    assert arena.grow(at, 1000, MIB) is None
    assert arena.read(at, 1000) == b"\x07" * 1000
    arena.free(other)
    arena.free(at)
    arena.free(None)
    assert arena.used_bytes == 0


def test_the_block_freed_last_is_the_next_and_joins_when_room_is_short() -> None:
    arena = ArenaForTests(MIB)
    first = arena.alloc(100)
    arena.free(first)
    assert arena.alloc(100) == first
    arena.free(first)
    arena.free(arena.alloc(5000))
    assert arena.used_bytes == 0
    assert arena.alloc(MIB) == 0
    assert arena.churn_ns(64, 4, 8) >= 0  # an arena without room: NULLs come and go
    assert arena.used_bytes == MIB


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


@pytest.mark.memory
def test_only_touched_pages_are_resident_and_freed_ones_go_back() -> None:
    before = resident_bytes()
    arena = ArenaForTests(256 * MIB)
    assert resident_bytes() - before < 6 * MIB  # the bytes beside the blocks are 4 MiB, touched where blocks are
    blocks = [arena.alloc(MIB) for _ in range(64)]
    for at in blocks:
        arena.fill(at, 1, MIB)
    assert resident_bytes() - before > 60 * MIB
    for at in blocks:
        arena.free(at)
    assert resident_bytes() - before < 12 * MIB
    small = [arena.alloc(64) for _ in range(500_000)]
    for at in small:
        arena.fill(at, 1, 64)
    for at in small:
        arena.free(at)
    assert resident_bytes() - before < 40 * MIB  # 500,000 offsets are Python's own
