"""Every counter of an agent is explained, once: as what was seen or as what was lost."""

from whimbrel.agent.engine import Engine
from whimbrel.hub.answers.losses import LOSSES
from whimbrel.summary.counters import SEEN


def test_every_counter_is_explained_once() -> None:
    engine = Engine(key=bytes(32), arena_bytes=32 << 20, reveal_calls=1)
    counted = engine.close_window()["counts"]
    assert sorted([*SEEN, *LOSSES]) == sorted(counted)
