"""The spool: order, bound, what is told of what was dropped, and being killed anywhere."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from whimbrel.agent import spool as module
from whimbrel.agent.spool import BLOCK_BYTES, Losses, Spool

ROOM = 4 * BLOCK_BYTES


def counting() -> Callable[[], int]:
    """A clock that stands still: order must not depend on it."""
    return lambda: 1_700_000_000_000_000_000


def fill(spool: Spool, *names: str, calls: int = 10) -> None:
    for name in names:
        assert spool.put(name.encode() * 3, name, calls)


def drain(spool: Spool) -> list[str]:
    sent = []
    while found := spool.oldest():
        entry, batch = found
        assert batch == entry.id.encode() * 3
        spool.remove(entry)
        sent.append(entry.id)
    return sent


def test_the_oldest_comes_first_and_goes_when_it_is_sent(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", ROOM, counting())
    fill(spool, "a", "b", "c")
    first, second = spool.oldest(), spool.oldest()
    assert first == second and first is not None and first[0].id == "a"
    assert spool.arrived.is_set()
    assert drain(spool) == ["a", "b", "c"]
    assert not spool.arrived.is_set()
    assert [p.name for p in (tmp_path / "s").iterdir()] == ["refused"]


def test_another_run_resumes_in_order(tmp_path: Path) -> None:
    fill(Spool(tmp_path / "s", ROOM, counting()), "b", "a")
    later = Spool(tmp_path / "s", ROOM, counting())
    fill(later, "c")
    assert drain(later) == ["b", "a", "c"]


@pytest.mark.parametrize("batch_id", ["0", "a-b_C-9", "x" * 64])
def test_any_id_is_found_again(tmp_path: Path, batch_id: str) -> None:
    fill(Spool(tmp_path / "s", ROOM), batch_id)
    assert drain(Spool(tmp_path / "s", ROOM)) == [batch_id]


@pytest.mark.parametrize("batch_id", ["", "a/b", "..", "a.b", "x" * 65, "\n"])
def test_an_id_that_cannot_be_a_name_is_refused(tmp_path: Path, batch_id: str) -> None:
    with pytest.raises(ValueError, match="file's name"):
        Spool(tmp_path / "s", ROOM).put(b"x", batch_id, 1)


def test_only_its_user_can_read_a_batch(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        spool = Spool(tmp_path / "s", ROOM)
        fill(spool, "a")
    finally:
        os.umask(mask)
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "s").glob("*.batch")] == [0o600]


def test_order_holds_when_the_clock_goes_back(tmp_path: Path) -> None:
    times = iter([1_700_000_000_000_000_500, 1_700_000_000_000_000_100, 1_700_000_000_000_000_600])
    spool = Spool(tmp_path / "s", ROOM, lambda: next(times))
    fill(spool, "a", "b", "c")
    assert drain(Spool(tmp_path / "s", ROOM)) == ["a", "b", "c"]


def test_a_full_spool_drops_the_oldest_and_tells_of_it_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", ROOM, counting())
    fill(spool, "a", "b", "c", "d")
    assert spool.losses() == Losses()
    fill(spool, "e", "f", calls=3)
    lost = spool.losses()
    assert (lost.batches, lost.calls, [entry.id for entry in lost.entries]) == (2, 20, ["a", "b"])
    assert spool.put(b"g" * 3, "g", 1, lost)  # drops c, carries a and b
    assert (spool.losses().batches, spool.losses().calls) == (1, 10)
    assert drain(spool) == ["d", "e", "f", "g"]
    assert spool.size == 0


def test_what_was_dropped_is_told_by_a_later_run(tmp_path: Path) -> None:
    fill(Spool(tmp_path / "s", ROOM, counting()), "a", "b", "c", "d", "e")
    later = Spool(tmp_path / "s", ROOM, counting())
    assert (later.losses().batches, later.losses().calls) == (1, 10)


def test_the_bound_holds_on_disk(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", 10 * BLOCK_BYTES, counting())
    for n in range(50):
        spool.put(os.urandom(1 + n * 397 % 9000), f"b{n}", 1, spool.losses())
        taken = sum(path.stat().st_blocks * 512 for path in (tmp_path / "s").glob("*.batch"))
        assert taken <= spool.size <= 10 * BLOCK_BYTES
    assert len(list((tmp_path / "s").glob("*.dropped"))) <= 4


def test_the_number_of_names_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ENTRIES_MAX", 3)
    spool = Spool(tmp_path / "s", 1 << 30, counting())
    fill(spool, "a", "b", "c", "d")
    assert drain(spool) == ["b", "c", "d"]


def test_a_batch_larger_than_the_spool_is_a_loss(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", ROOM, counting())
    fill(spool, "a")
    assert not spool.put(bytes(ROOM + 1), "huge", 99)
    assert (spool.losses().batches, spool.losses().calls) == (1, 99)
    assert drain(spool) == ["a"]


def test_what_is_sent_while_it_is_dropped_is_no_trouble(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", ROOM, counting())
    fill(spool, "a")
    found = spool.oldest()
    assert found is not None
    fill(spool, "b", "c", "d", "e")  # drops a
    spool.remove(found[0])
    spool.set_aside(found[0])
    assert drain(spool) == ["b", "c", "d", "e"]
    assert spool.size == 0


def test_the_refused_are_kept_for_a_person_but_only_a_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REFUSED_KEPT", 2)
    spool = Spool(tmp_path / "s", 1 << 20, counting())
    for name in ("a", "b", "c"):
        fill(spool, name)
        found = spool.oldest()
        assert found is not None
        spool.set_aside(found[0])
    assert [path.read_bytes() for path in sorted((tmp_path / "s" / "refused").iterdir())] == [b"bbb", b"ccc"]
    assert spool.oldest() is None
    assert Spool(tmp_path / "s", 1 << 20).oldest() is None  # and not sent by the next run


def test_a_file_removed_by_hand_is_passed_over(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", ROOM, counting())
    fill(spool, "a", "b")
    min((tmp_path / "s").glob("*.batch")).unlink()
    assert drain(spool) == ["b"]


def test_a_full_disk_stores_nothing_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path / "s", ROOM, counting())

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr("os.fsync", full)
        spool.put(b"x", "x", 1)
    assert [path.name for path in (tmp_path / "s").iterdir()] == ["refused"]
    fill(spool, "a")
    assert drain(spool) == ["a"]


# ---- killed at any call to the system ------------------------------------------------------------------

KILLED = """
import os, signal, sys
from pathlib import Path
from whimbrel.agent.spool import BLOCK_BYTES, Spool
EVENTS = {"open", "os.rename", "os.remove", "os.mkdir"}
left = int(sys.argv[2])
def hook(event, args):
    global left
    if event in EVENTS and args and sys.argv[1] in str(args[0]):
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
sys.addaudithook(hook)
spool = Spool(Path(sys.argv[1]) / "s", 3 * BLOCK_BYTES, lambda: 1_700_000_000_000_000_000)
for name in "abcde":
    lost = spool.losses()
    spool.put(name.encode() * 3 + lost.batches.to_bytes(1, "big"), name, 10, lost)
    os.write(1, name.encode())
    if name == "b":
        entry, batch = spool.oldest()
        spool.remove(entry)
        os.write(1, b"-")
print("!")
"""


def test_killed_anywhere_no_stored_batch_is_missing_and_none_is_half(tmp_path: Path) -> None:
    ended = False
    for step in range(100):
        place = tmp_path / str(step)
        place.mkdir()
        done = subprocess.run([sys.executable, "-c", KILLED, str(place), str(step)], capture_output=True, check=False)
        said = done.stdout.decode()
        check_after_kill(place / "s", said)
        if "!" in said:
            assert done.returncode == 0, done.stderr
            ended = True
            break
        assert done.returncode == -9, done.stderr
    assert ended and step > 15


def check_after_kill(place: Path, said: str) -> None:
    """What was said to be stored and not sent is there, or was dropped for room and that is told."""
    place.parent.mkdir(exist_ok=True)
    spool = Spool(place, 1 << 20)
    told = 0
    kept = []
    while found := spool.oldest():
        entry, batch = found
        assert batch[:3] == entry.id.encode() * 3 and len(batch) == 4
        told += batch[3]
        kept.append(entry.id)
        spool.remove(entry)
    stored = [name for name in "abcde" if name in said]
    missing = [name for name in stored if name not in kept and not (name == "a" and "b" in said)]
    assert len(missing) <= told + spool.losses().batches, (said, kept)
    assert kept == sorted(kept)
    assert not list(place.glob("*.new"))
