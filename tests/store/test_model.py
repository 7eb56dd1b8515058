"""The store against a dictionary with clocks: everything it returns must be what the dictionary holds."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from whimbrel.store.store import StoreHandle

KEYS = st.integers(0, 40).map(lambda n: b"key%d" % n) | st.binary(min_size=1, max_size=60)
VALUES = st.binary(max_size=200)
TTLS = st.none() | st.integers(1, 5000)


class Model(RuleBasedStateMachine):
    """A heap much larger than what is written: nothing may be lost, so every miss must be explained."""

    @initialize(policy=st.sampled_from(["s3fifo", "merge", "fifo"]))
    def make(self, policy: str) -> None:
        self.store = StoreHandle.create(1 << 22, segment_bytes=4096, eviction=policy)
        self.items: dict[bytes, tuple[bytes, int, int]] = {}
        self.tokens: dict[bytes, int] = {}
        self.now = 0

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()

    def live(self, key: bytes, now: int) -> tuple[bytes, int, int] | None:
        item = self.items.get(key)
        return item if item and (item[1] == 0 or now < item[1]) else None

    @rule(key=KEYS, value=VALUES, ttl=TTLS, flags=st.integers(0, 2**32 - 1))
    def put(self, key: bytes, value: bytes, ttl: int | None, flags: int) -> None:
        status, token = self.store.put(key, value, ttl_ms=ttl, flags=flags, want_cas=True)
        assert status == "ok"
        assert token > self.tokens.get(key, 0)
        self.note(key, value, flags, token)

    def note(self, key: bytes, value: bytes, flags: int, token: int) -> None:
        found = self.store.lookup(key, hit=False)
        if found is None:  # a short TTL on a slow machine: as if it had never been
            self.items.pop(key, None)
            return
        self.items[key] = (value, found["expire_ms"], flags)
        if token:
            assert found["cas"] == token
            self.tokens[key] = token

    @rule(key=KEYS)
    def get(self, key: bytes) -> None:
        before = self.store.now_ms()
        found = self.store.lookup(key, token=True)
        after = self.store.now_ms()
        if found is None:
            assert self.live(key, after) is None, "lost early"
            return
        item = self.live(key, before)
        assert item is not None, "served late"
        assert (found["value"], found["expire_ms"], found["flags"]) == item
        assert found["cas"] == self.tokens.get(key, found["cas"])
        self.tokens[key] = found["cas"]

    @rule(key=KEYS, value=VALUES)
    def add(self, key: bytes, value: bytes) -> None:
        before = self.store.now_ms()
        added = self.store.add(key, value)
        assert added or self.live(key, before) is not None
        if added:
            assert self.live(key, self.store.now_ms()) is None
            self.items[key] = (value, 0, 0)
            self.tokens.pop(key, None)

    @rule(key=KEYS, value=VALUES, stale=st.booleans())
    def compare_and_set(self, key: bytes, value: bytes, stale: bool) -> None:
        found = self.store.lookup(key, hit=False)
        if found is None:
            return
        status, token = self.store.put(key, value, expect=found["version"] + stale, want_cas=True)
        assert status == "changed" or not stale
        if status == "ok":
            assert token > self.tokens.get(key, 0)
            self.note(key, value, 0, token)

    @rule(key=KEYS)
    def delete(self, key: bytes) -> None:
        before = self.store.now_ms()
        deleted = self.store.delete(key)
        item = self.items.pop(key, None)
        self.tokens.pop(key, None)
        assert not deleted or (item and (item[1] == 0 or before < item[1]))

    @rule(ms=st.integers(1, 4000))
    def pass_time(self, ms: int) -> None:
        self.store.advance(ms)

    @rule(steps=st.integers(1, 500))
    def maintain(self, steps: int) -> None:
        self.store.maintain(steps)

    @rule()
    def flush(self) -> None:
        self.store.flush()
        self.items.clear()
        self.tokens.clear()

    @rule(start=st.integers(0, 1000), count=st.integers(1, 400))
    def fill(self, start: int, count: int) -> None:
        """Enough for the table to grow."""
        for n in range(start, start + count):
            key = b"fill%d" % n
            assert self.store.set(key, b"%d" % n)
            self.items[key] = (b"%d" % n, 0, 0)
            self.tokens.pop(key, None)

    @rule(room=st.integers(100, 3000))
    def scan(self, room: int) -> None:
        seen: set[bytes] = set()
        before, cursor = self.store.now_ms(), 0
        while True:
            cursor, keys = self.store.scan(cursor, room)
            seen.update(keys)
            if cursor == 0:
                break
        after = self.store.now_ms()
        assert {key for key in self.items if self.live(key, after)} <= seen
        assert seen <= {key for key in self.items if self.live(key, before)}

    @invariant()
    def whole(self) -> None:
        if hasattr(self, "store"):
            assert self.store.verify() == []


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("policy", ["s3fifo", "merge", "fifo"])
def test_eviction_keeps_accounts_and_values(policy: str) -> None:
    import random

    draw = random.Random(7)
    store = StoreHandle.create(1 << 19, segment_bytes=4096, eviction=policy)
    items: dict[bytes, Any] = {}
    for n in range(20000):
        key = b"k%d" % int(draw.paretovariate(0.4) % 50000)
        if draw.random() < 0.5:
            value = store.get(key)
            assert value is None or value == items[key]
        else:
            items[key] = b"%d:" % n * draw.randint(1, 80 if n % 500 else 8000)
            assert store.set(key, items[key], ttl_ms=draw.choice([None, None, 50_000]))
        if n % 1000 == 0:
            assert store.verify() == []
            store.advance(1000)
    stats = store.stats()
    assert stats["evicted_items"] > 0
    assert stats["table_bytes"] + stats["segments"] * stats["segment_bytes"] <= stats["heap_bytes"]
    store.close()


@pytest.mark.parametrize("flags", [0, 7])
def test_the_longest_keys_in_the_smallest_segments(flags: int) -> None:
    """A key must lie whole in its first segment: what cannot is refused, everything else is found."""
    store = StoreHandle.create(1 << 17, segment_bytes=4096)
    for length in range(4060, 4096):
        key = b"k" * length
        status, _ = store.put(key, b"value", flags=flags, ttl_ms=60_000)
        assert status == ("ok" if length + 24 <= 4096 else "too_large")
        assert store.get(key) == (b"value" if status == "ok" else None)
    assert store.verify() == []
    store.close()
