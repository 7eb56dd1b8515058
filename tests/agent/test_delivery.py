"""Windows become batches: stored in order, losses told, the capture never held up."""

from __future__ import annotations

import errno
import io
import threading
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec")

from tests.agent.windows import endpoint, row, window
from whimbrel.agent.delivery import QUEUE_WINDOWS, QUIET_WINDOWS, Behind, Delivery
from whimbrel.agent.spool import BLOCK_BYTES, Spool
from whimbrel.summary.batch import decode, read_batches


def told(calls: int = 1, **more: Any) -> dict[str, Any]:
    sizes = {"sum": 0, "min": 0, "max": 0, "steps": []}
    return window(endpoint("1", {**row(calls), "request": sizes, "response": sizes}), **more)


def spooled(spool: Spool) -> list[dict[str, Any]]:
    found = []
    while item := spool.oldest():
        found.append(decode(item[1]))
        assert item[0].id == found[-1]["id"]
        spool.remove(item[0])
    return found


def test_the_same_batches_go_to_the_file_and_to_the_spool(tmp_path: Path) -> None:
    out, spool = io.BytesIO(), Spool(tmp_path / "s", 1 << 20)
    delivery = Delivery("me", out, spool, print)
    for n in (1, 2):
        delivery.window(told(n, start_s=n * 10))
    out.seek(0)
    batches = list(read_batches(out))
    assert batches == spooled(spool)
    assert [batch["start_ns"] for batch in batches] == [10 * 10**9, 20 * 10**9]
    assert batches[0]["agent"] == "me" and batches[0]["id"] != batches[1]["id"]
    assert not delivery.lost_any()


class Narrow(io.BytesIO):
    """A disk with room for so many bytes, which takes a few at a time."""

    room = 0

    def write(self, data: Any) -> int:
        taken = min(len(data), 100, self.room - self.tell())
        if taken <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(bytes(data[:taken]))


def test_a_record_is_in_the_file_whole_or_not_at_all() -> None:
    out, said = Narrow(), list[str]()
    delivery = Delivery("me", out, None, said.append)
    for room in (1000, 400, 5000):
        out.room = room
        delivery.window(told(room))
    out.seek(0)
    batches = list(read_batches(out))
    assert [batch["endpoints"][0]["rows"][0]["calls"] for batch in batches] == [1000, 5000]
    assert [batch["lost_calls"] for batch in batches] == [0, 400]
    assert said == ["a batch cannot be stored: No space left on device"]


def test_a_window_in_which_nothing_happened_is_no_batch(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", 1 << 20)
    Delivery("me", None, spool, print).window(window())
    assert spool.count == 0


def test_what_the_spool_dropped_is_told_by_the_next_batch_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", 2 * BLOCK_BYTES)
    delivery = Delivery("me", None, spool, print)
    for calls in (5, 6, 7):  # the third drops the first
        delivery.window(told(calls))
    assert not delivery.lost_any()
    delivery.window(told(8))  # drops the second, tells of the first
    assert delivery.lost_any() and not delivery.lost_any()
    batches = spooled(spool)
    assert [(batch["lost_batches"], batch["lost_calls"]) for batch in batches] == [(0, 0), (1, 5)]
    delivery.window(window())  # nothing happened, but there is something to tell
    assert [(batch["lost_batches"], batch["lost_calls"]) for batch in spooled(spool)] == [(1, 6)]
    delivery.window(told(1))
    assert [batch["lost_batches"] for batch in spooled(spool)] == [0]


def test_a_batch_that_cannot_be_stored_is_told_later_and_said_once(tmp_path: Path) -> None:
    class Full(io.BytesIO):
        full = True

        def write(self, data: Any) -> int:
            if self.full:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data)

    said: list[str] = []
    out = Full()
    delivery = Delivery("me", out, None, said.append)
    delivery.window(told(3))
    delivery.window(told(4))
    assert said == ["a batch cannot be stored: No space left on device"]
    assert delivery.lost_any()
    out.full = False
    delivery.window(told(1))
    out.seek(0)
    (batch,) = read_batches(out)
    assert (batch["lost_batches"], batch["lost_calls"]) == (2, 7)


class Slow(Delivery):
    """A disk that hangs until it is released."""

    def __init__(self, out: io.BytesIO) -> None:
        super().__init__("me", out, None, print)
        self.release = threading.Event()
        self.entered = threading.Event()

    def window(self, window: dict[str, Any]) -> None:
        self.entered.set()
        self.release.wait(20)
        super().window(window)


def test_the_capture_is_not_held_up_and_what_is_lost_is_told() -> None:
    out = io.BytesIO()
    slow = Slow(out)
    behind = Behind(slow)
    behind.window(told(1))
    assert slow.entered.wait(10)
    began_s = time.monotonic()
    for n in range(QUEUE_WINDOWS + 3):
        behind.window(told(10 + n))
    assert time.monotonic() - began_s < 5
    assert behind.lost_any()
    slow.release.set()
    while not behind.queue.empty():
        time.sleep(0.01)
    behind.window(told(2))
    behind.finish()
    out.seek(0)
    batches = list(read_batches(out))
    assert [batch["endpoints"][0]["rows"][0]["calls"] for batch in batches] == [1, 10, 11, 2]
    assert (batches[-1]["lost_batches"], batches[-1]["lost_calls"]) == (3, 12 + 13 + 14)
    assert not behind.thread.is_alive()


def test_an_agent_without_traffic_gives_a_sign() -> None:
    out = io.BytesIO()
    behind = Behind(Delivery("me", out, None, print))
    for n in range(2 * QUIET_WINDOWS + 1):
        behind.window(window(start_s=1000 + 10 * n))
    behind.finish()
    out.seek(0)
    told_of = [one["start_ns"] // 10**10 - 100 for one in read_batches(out)]
    assert told_of == [QUIET_WINDOWS - 1, 2 * QUIET_WINDOWS - 1]


def test_a_file_without_traffic_is_not_told() -> None:
    out = io.BytesIO()
    delivery = Delivery("me", out, None, print)
    for _ in range(2 * QUIET_WINDOWS):
        delivery.window(window())
    assert out.getvalue() == b""


def test_what_the_hub_refused_is_told() -> None:
    for deliver in (Delivery, lambda *arguments: Behind(Delivery(*arguments))):
        out = io.BytesIO()
        delivery = deliver("me", out, None, print)
        delivery.lose(2, 30)
        assert delivery.lost_any()
        delivery.window(told(1))
        delivery.window(told(1))
        delivery.finish()
        out.seek(0)
        assert [(one["lost_batches"], one["lost_calls"]) for one in read_batches(out)] == [(2, 30), (0, 0)]


def test_everything_queued_is_stored_at_the_end() -> None:
    out = io.BytesIO()
    behind = Behind(Delivery("me", out, None, print))
    for n in range(QUEUE_WINDOWS):
        behind.window(told(n + 1))
    behind.finish()
    out.seek(0)
    assert len(list(read_batches(out))) == QUEUE_WINDOWS
