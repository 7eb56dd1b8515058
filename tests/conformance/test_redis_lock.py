"""redis-py's Lock: its three scripts, in every situation they distinguish."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from .servers import Server

redis = pytest.importorskip("redis")
LockError, LockNotOwnedError = redis.exceptions.LockError, redis.exceptions.LockNotOwnedError

pytestmark = pytest.mark.clients


@pytest.fixture(params=[2, 3], ids=["resp2", "resp3"])
def client(redis_server: Server, request: pytest.FixtureRequest) -> Iterator[redis.Redis]:
    made = redis.Redis(redis_server.host, redis_server.port, protocol=request.param, socket_timeout=15)
    yield made
    made.close()


def test_acquire_and_release(client: redis.Redis) -> None:
    lock = client.lock("lock")
    assert lock.acquire(blocking=False)
    assert lock.locked() and lock.owned()
    assert client.get("lock") == lock.local.token
    assert client.ttl("lock") == -1
    assert not client.lock("lock").acquire(blocking=False)
    lock.release()
    assert client.get("lock") is None
    assert client.lock("lock").acquire(blocking=False)


def test_context_manager_and_timeout(client: redis.Redis) -> None:
    with client.lock("lock", timeout=10):
        assert 8_000 < client.pttl("lock") <= 10_000
    assert client.exists("lock") == 0


def test_timeout_expires_the_lock(client: redis.Redis) -> None:
    first = client.lock("lock", timeout=0.3)
    assert first.acquire(blocking=False)
    second = client.lock("lock", sleep=0.02)
    assert second.acquire(blocking_timeout=10)
    with pytest.raises(LockNotOwnedError):
        first.release()
    second.release()


def test_blocking_timeout(client: redis.Redis) -> None:
    with client.lock("lock"):
        began = time.monotonic()
        assert not client.lock("lock", sleep=0.02, blocking_timeout=0.2).acquire()
        assert time.monotonic() - began >= 0.15


def test_release_of_a_foreign_lock(client: redis.Redis) -> None:
    lock = client.lock("lock")
    with pytest.raises(LockError, match="unlocked"):
        lock.release()
    lock.acquire(blocking=False)
    client.set("lock", "somebody else")
    with pytest.raises(LockNotOwnedError):
        lock.release()
    assert client.get("lock") == b"somebody else"
    assert lock.local.token is None


def test_extend_adds_time(client: redis.Redis) -> None:
    lock = client.lock("lock", timeout=10)
    lock.acquire(blocking=False)
    assert lock.extend(10) is True
    assert 16_000 < client.pttl("lock") <= 20_000
    lock.release()


def test_extend_replaces_time(client: redis.Redis) -> None:
    lock = client.lock("lock", timeout=10)
    lock.acquire(blocking=False)
    assert lock.extend(30, replace_ttl=True) is True
    assert 26_000 < client.pttl("lock") <= 30_000
    lock.release()


def test_extend_with_a_float(client: redis.Redis) -> None:
    lock = client.lock("lock", timeout=1.5)
    lock.acquire(blocking=False)
    assert lock.extend(10.5) is True
    assert 8_000 < client.pttl("lock") <= 12_000
    lock.release()


def test_extend_when_lost(client: redis.Redis) -> None:
    lock = client.lock("lock", timeout=10)
    lock.acquire(blocking=False)
    client.set("lock", "somebody else", ex=5)
    with pytest.raises(LockNotOwnedError):
        lock.extend(100)
    assert client.ttl("lock") <= 5
    client.delete("lock")
    with pytest.raises(LockNotOwnedError):
        lock.extend(100)
    with pytest.raises(LockError, match="no timeout"):
        unbounded = client.lock("other")
        unbounded.acquire(blocking=False)
        unbounded.extend(10)


def test_reacquire(client: redis.Redis) -> None:
    lock = client.lock("lock", timeout=10)
    lock.acquire(blocking=False)
    assert client.pexpire("lock", 5000)
    assert lock.reacquire() is True
    assert 6_000 < client.pttl("lock") <= 10_000
    client.set("lock", "somebody else")
    with pytest.raises(LockNotOwnedError):
        lock.reacquire()


def test_scripts_are_loaded_again_after_script_flush(client: redis.Redis) -> None:
    """The client answers NOSCRIPT by SCRIPT LOAD; a server that always knows the scripts never says it."""
    client.script_flush()
    lock = client.lock("lock", timeout=10)
    lock.acquire(blocking=False)
    assert lock.extend(5) is True
    lock.release()
    assert client.exists("lock") == 0


def test_scripts_are_known_by_their_digest(client: redis.Redis) -> None:
    lock = client.lock("lock", timeout=10)
    digests = [lock.lua_release.sha, lock.lua_extend.sha, lock.lua_reacquire.sha]
    for script in (lock.lua_release, lock.lua_extend, lock.lua_reacquire):
        assert client.script_load(script.script) in (script.sha, script.sha.encode())
    assert client.script_exists(*digests, "0" * 40) == [True, True, True, False]


def test_mutual_exclusion(client: redis.Redis) -> None:
    """A counter that only the lock protects."""
    count = 0

    def work() -> None:
        nonlocal count
        for _ in range(15):
            with client.lock("lock", timeout=20, sleep=0.001, blocking_timeout=30):
                seen = count
                time.sleep(0.0005)
                count = seen + 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert count == 60
