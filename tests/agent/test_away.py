"""The hub is away for ten minutes and the agent is killed in between: no batch is lost, none is counted twice.

Time is compressed a thousandfold: a window is 10 ms, the longest wait 60 ms, ten minutes 0.6 s.  The agent is a process
of its own (spool and uploader, as `whimbrel watch` puts them together), so that SIGKILL is SIGKILL.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.agent import hubs

AGENT = """
import sys, time
from pathlib import Path
from whimbrel.agent.spool import Spool
from whimbrel.agent.upload import Hub, Uploader, Waits
url, token, place, first, count = sys.argv[1:]
spool = Spool(Path(place), 1 << 24)
uploader = Uploader(spool, Hub(url, token, 2.0), lambda text: None, Waits(first_s=0.001, most_s=0.06), look_s=0.005)
uploader.start()
for n in range(int(first), int(first) + int(count)):
    spool.put(f"batch {n}".encode() * 50, f"id-{n}", 7, spool.losses())
    print(n, flush=True)  # stored: from here on it must not be lost
    time.sleep(0.01)
print("done", flush=True)
sys.stdin.readline()
uploader.finish(10)
print(spool.count, flush=True)
"""
MINUTE_S = 0.06  # 60 s, compressed


def agent(url: str, place: Path, first: int, count: int) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", AGENT, url, hubs.TOKEN, str(place), str(first), str(count)]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def read_until(process: subprocess.Popen[str], stored: list[int], last: int) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        stored.append(int(line))
        if stored[-1] >= last:
            return
    raise AssertionError(f"the agent ended at {stored[-1:]}")


@pytest.mark.slow
def test_hub_away_for_ten_minutes_and_the_agent_killed_once(tmp_path: Path) -> None:
    stored: list[int] = []
    with hubs.running() as hub:
        first = agent(hub.url, tmp_path / "spool", 0, 10_000)
        read_until(first, stored, 30)
        hub.wait(lambda h: len(h.stored) > 5)
        port = int(hub.url.rpartition(":")[2])
    before = dict(hub.stored)  # the hub is gone
    gone_s = time.monotonic()
    read_until(first, stored, stored[-1] + 25)
    first.send_signal(signal.SIGKILL)
    stored += [int(line) for line in first.communicate(timeout=30)[0].splitlines()]
    assert first.returncode == -signal.SIGKILL
    second = agent(f"http://127.0.0.1:{port}", tmp_path / "spool", 20_000, 40)
    read_until(second, stored, 20_020)
    time.sleep(max(0.0, 10 * MINUTE_S - (time.monotonic() - gone_s)))
    with hubs.running(port=port) as again:
        rest = second.communicate("end\n", timeout=30)[0].splitlines()
        stored += [int(line) for line in rest[: rest.index("done")]]
        assert rest[-1] == "0"  # nothing waits
    counted = {**before, **again.stored}
    for n in stored:
        assert counted[f"id-{n}"] == f"batch {n}".encode() * 50
    assert len(counted) - len(stored) in (0, 1)  # one may have been stored, and its agent killed before it said so
    twice = set(before) & set(again.stored)
    assert len(twice) <= 1  # its answer was lost when the hub went; it is the same batch under the same id
    assert all(before[batch_id] == again.stored[batch_id] for batch_id in twice)


def test_a_hub_that_stores_and_never_says_so_counts_each_once(tmp_path: Path) -> None:
    with hubs.running(lambda n: "cut after storing" if n % 3 else 202) as hub:
        process = agent(hub.url, tmp_path / "spool", 0, 20)
        deadline = time.monotonic() + 30
        while len(hub.stored) < 20 or list((tmp_path / "spool").glob("*.batch")):  # its end allows no failure
            assert time.monotonic() < deadline
            time.sleep(0.01)
        out, _ = process.communicate("end\n", timeout=60)
        assert out.splitlines()[-1] == "0"
    assert sorted(hub.stored) == sorted(f"id-{n}" for n in range(20))
    assert len(hub.requests) > 20 and hub.duplicates == len(hub.requests) - 20


@pytest.mark.slow
def test_killed_again_and_again_while_the_hub_is_slow(tmp_path: Path) -> None:
    stored: list[int] = []

    calm: list[bool] = []  # at its end an agent gives up at the first failure

    def slow(n: int) -> hubs.Behaviour:
        time.sleep(0.004)
        return 503 if n % 5 == 4 and not calm else 202

    with hubs.running(slow) as hub:
        for turn in range(6):
            process = agent(hub.url, tmp_path / "spool", turn * 1000, 900)
            read_until(process, stored, turn * 1000 + 5 + turn * 3)
            process.kill()
            stored += [int(line) for line in process.communicate(timeout=30)[0].splitlines()]
        calm.append(True)
        last = agent(hub.url, tmp_path / "spool", 90_000, 1)
        out, _ = last.communicate("end\n", timeout=60)
        assert out.splitlines() == ["90000", "done", "0"]
    assert {f"id-{n}" for n in stored} <= set(hub.stored)
    assert len(hub.stored) - len(stored) in range(1, 8)


def test_the_port_of_a_hub_that_went_is_free_again() -> None:
    """What the tests above rely on: the test hub can come back at its address."""
    with hubs.running() as hub:
        port = int(hub.url.rpartition(":")[2])
    with hubs.running(port=port) as again:
        assert again.url == hub.url
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
