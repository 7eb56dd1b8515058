"""@cached: keys, single flight among threads and tasks, exceptions, clearing."""

import asyncio
import contextvars
import os
import signal
import threading
import time
from typing import Any, cast

import pytest

from whimbrel import cached
from whimbrel.cache import Cache

LONG = 30.0  # seconds nothing here may take; reached only when something hangs


@pytest.fixture
def cache():
    with Cache("4MiB") as made:
        yield made


def run_threads(count, work):
    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert not any(thread.is_alive() for thread in threads)


def wait_until(condition):
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


# ---- living and dying ----------------------------------------------------------------------------------


def test_only_functions(cache):
    def generator():
        yield 1

    for wrong in (generator, cast(Any, 5)):
        with pytest.raises(TypeError, match="@cached is for"):
            cached(cache)(wrong)
    with pytest.raises(ValueError, match="patience"):
        cached(cache, patience=-1)


def test_it_looks_like_the_function(cache):
    def f(a: int) -> int:
        """Words."""
        return a

    wrapped = cached(cache)(f)
    assert wrapped.__wrapped__ is f
    assert (wrapped.__name__, wrapped.__doc__) == ("f", "Words.")


def test_ttl(cache):
    calls = []
    f = cached(cache, ttl=10)(lambda: calls.append(1))
    f()
    cache.handle.advance(9_000)
    f()
    assert len(calls) == 1
    cache.handle.advance(1_001)
    f()
    assert len(calls) == 2


def test_clear_forgets_this_function_only(cache):
    f, g = cached(cache)(lambda: object.__name__), cached(cache)(lambda: 2)
    cache["mine"] = 1
    f(), g()
    f.cache_clear()
    f(), g()
    assert (f.cache_info().misses, g.cache_info().misses) == (2, 1)
    assert cache["mine"] == 1


def test_a_lost_generation_brings_nothing_back(cache):
    answers = iter(range(10))
    f = cached(cache)(lambda: next(answers))
    assert f() == 0
    f.cache_clear()
    assert f() == 1
    for key in list(cache):
        if isinstance(key, bytes) and key.startswith(b"gen\0"):
            del cache[key]
    assert f() == 2


def test_an_answer_too_large_is_still_an_answer(cache):
    f = cached(cache)(lambda: b"x" * (3 << 20))
    assert len(f()) == 3 << 20
    assert len(f()) == 3 << 20
    assert f.cache_info()._asdict() == {"hits": 0, "misses": 2, "waits": 0, "timeouts": 0, "uncacheable": 2}


def test_an_answer_without_a_codec_is_an_error(cache):
    with pytest.raises(TypeError, match="cannot store"):
        cached(cache)(object)()


# ---- threads -------------------------------------------------------------------------------------------


def test_threads_compute_once(cache):
    calls, answers = [], []
    go = threading.Event()

    @cached(cache)
    def f(value):
        calls.append(value)
        assert go.wait(LONG)
        return [value]

    def work(_number):
        answers.append(f(7))

    threads = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(5)]
    for thread in threads:
        thread.start()
    wait_until(lambda: calls)
    time.sleep(0.05)
    go.set()
    for thread in threads:
        thread.join(LONG)
    assert answers == [[7]] * 5
    assert calls == [7]
    assert len({id(answer) for answer in answers}) == 5
    info = f.cache_info()
    assert info.misses == 1
    assert info.hits + info.waits == 4


def test_an_exception_reaches_all_who_wait_and_is_not_kept(cache):
    calls, raised = [], []
    go = threading.Event()

    @cached(cache)
    def f():
        calls.append(1)
        assert go.wait(LONG)
        raise LookupError("no answer")

    def work(_number):
        try:
            f()
        except LookupError as error:
            raised.append(error)

    threads = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: calls)
    time.sleep(0.05)
    go.set()
    for thread in threads:
        thread.join(LONG)
    assert len(raised) == 4
    assert len(calls) + f.cache_info().waits == 4
    with pytest.raises(LookupError):
        f()
    assert len(calls) + f.cache_info().waits == 5


def test_an_interrupted_leader_hands_over(cache):
    calls, answers = [], []
    go = threading.Event()

    @cached(cache)
    def f():
        calls.append(1)
        if len(calls) == 1:
            assert go.wait(LONG)
            raise KeyboardInterrupt
        return 5

    def leader():
        with pytest.raises(KeyboardInterrupt):
            f()

    first = threading.Thread(target=leader, daemon=True)
    first.start()
    wait_until(lambda: calls)
    second = threading.Thread(target=lambda: answers.append(f()), daemon=True)
    second.start()
    time.sleep(0.05)
    go.set()
    first.join(LONG)
    second.join(LONG)
    assert answers == [5]
    assert len(calls) == 2


def test_a_waiter_loses_patience(cache):
    go = threading.Event()
    slow = threading.Event()

    @cached(cache, patience=0.01)
    def f():
        if not slow.is_set():
            slow.set()
            assert go.wait(LONG)
        return 3

    thread = threading.Thread(target=f, daemon=True)
    thread.start()
    assert slow.wait(LONG)
    assert f() == 3
    assert f.cache_info().timeouts == 1
    go.set()
    thread.join(LONG)


def test_recursion_with_the_same_key_does_not_wait_for_itself(cache):
    depth = [0]

    @cached(cache)
    def f(value):
        depth[0] += 1
        return f(value) + 1 if depth[0] < 3 else 0

    assert f(1) == 2

    @cached(cache)
    def fib(n):
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    assert fib(60) == 1548008755920


def test_two_threads_that_wait_for_each_other_come_apart(cache):
    meet = threading.Barrier(2)
    first = threading.local()

    @cached(cache, patience=0.05)
    def f(value):
        if not getattr(first, "met", False):
            first.met = True
            meet.wait(LONG)
            return f(1 - value) + 1
        return 0

    answers = []
    run_threads(2, lambda number: answers.append(f(number)))
    assert len(answers) == 2


def test_a_fork_during_a_computation_leaves_the_child_free(cache):
    go, started = threading.Event(), threading.Event()

    @cached(cache)
    def f():
        if not started.is_set():
            started.set()
            assert go.wait(LONG)
        return os.getpid()

    thread = threading.Thread(target=f, daemon=True)
    thread.start()
    assert started.wait(LONG)
    pid = os.fork()
    if pid == 0:
        os._exit(0 if f() == os.getpid() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    go.set()
    thread.join(LONG)


@pytest.mark.parametrize("kind", ["threads", "tasks"])
def test_a_fork_while_another_thread_counts_leaves_the_child_free(cache, kind):
    def answer():
        return 5

    async def answer_later():
        return 5

    f: Any = cached(cache)(answer if kind == "threads" else answer_later)

    def call():
        return f() if kind == "threads" else asyncio.run(f())

    counts = f.cache_info.__self__
    held, go = threading.Event(), threading.Event()

    def hold():
        with counts.lock:
            held.set()
            assert go.wait(LONG)

    thread = threading.Thread(target=hold, daemon=True)
    thread.start()
    assert held.wait(LONG)
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(int(LONG))
        try:
            os._exit(0 if call() == 5 and f.cache_info().misses == 1 else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    go.set()
    thread.join(LONG)


def test_a_thread_that_outlives_the_call_it_came_from_calls_like_any_other(cache):
    go, calls, answers = threading.Event(), [], []

    def work():
        assert go.wait(LONG)
        answers.extend([f(), f()])

    @cached(cache)
    def f():
        calls.append(1)
        if len(calls) == 1:
            context = contextvars.copy_context()
            threads.append(threading.Thread(target=lambda: context.run(work), daemon=True))
            threads[0].start()
        return len(calls)

    threads: list[threading.Thread] = []
    assert f() == 1
    del cache[f.cache_key()]  # as if it were evicted
    go.set()
    threads[0].join(LONG)
    assert answers == [2, 2]
    assert f.cache_info()._asdict() == {"hits": 1, "misses": 2, "waits": 0, "timeouts": 0, "uncacheable": 0}


# ---- tasks ---------------------------------------------------------------------------------------------


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, LONG))


def test_tasks_compute_once(cache):
    calls = []

    @cached(cache)
    async def f(value):
        calls.append(value)
        await asyncio.sleep(0.01)
        return [value]

    async def main():
        answers = await asyncio.gather(*(f(7) for _ in range(5)), f(8))
        assert answers == [[7]] * 5 + [[8]]
        assert len({id(answer) for answer in answers}) == 6
        assert await f(7) == [7]

    run(main())
    run(main())
    assert sorted(calls) == [7, 8]
    assert f.cache_info()._asdict() == {"hits": 8, "misses": 2, "waits": 4, "timeouts": 0, "uncacheable": 0}


def test_a_cancelled_leader_hands_over(cache):
    calls = []

    @cached(cache)
    async def f():
        calls.append(1)
        await asyncio.sleep(LONG if len(calls) == 1 else 0)
        return 5

    async def main():
        leader, *others = [asyncio.ensure_future(f()) for _ in range(3)]
        await asyncio.sleep(0.01)
        leader.cancel()
        assert await asyncio.gather(*others) == [5, 5]
        assert leader.cancelled()

    run(main())
    assert len(calls) == 2


def test_a_cancelled_waiter_disturbs_nobody(cache):
    go = asyncio.Event()

    @cached(cache)
    async def f():
        await go.wait()
        return 5

    async def main():
        leader, waiter, other = [asyncio.ensure_future(f()) for _ in range(3)]
        await asyncio.sleep(0.01)
        waiter.cancel()
        await asyncio.sleep(0)
        go.set()
        assert list(await asyncio.gather(leader, other)) == [5, 5]
        assert waiter.cancelled()

    run(main())
    assert f.cache_info().misses == 1


def test_an_exception_reaches_all_tasks_and_is_not_kept(cache):
    calls = []

    @cached(cache)
    async def f():
        calls.append(1)
        await asyncio.sleep(0.01)
        raise LookupError("no answer")

    async def main():
        outcomes = await asyncio.gather(*(f() for _ in range(3)), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [LookupError] * 3
        assert len(calls) == 1
        with pytest.raises(LookupError):
            await f()
        assert len(calls) == 2

    run(main())


def test_a_waiting_task_loses_patience(cache):
    calls = []

    @cached(cache, patience=0.01)
    async def f():
        calls.append(1)
        await asyncio.sleep(LONG if len(calls) == 1 else 0)
        return 3

    async def main():
        slow = asyncio.ensure_future(f())
        await asyncio.sleep(0)
        assert await f() == 3
        slow.cancel()

    run(main())
    assert f.cache_info().timeouts == 1


def test_async_recursion_also_through_child_tasks(cache):
    depth = [0]

    @cached(cache)
    async def f(value):
        depth[0] += 1
        if depth[0] > 2:
            return 0
        return sum(await asyncio.gather(f(value), f(value))) + 1

    async def main():
        assert await f(1) >= 1

    run(main())


def test_a_task_that_outlives_the_call_it_came_from_calls_like_any_other(cache):
    calls = []

    async def main():
        go, tasks = asyncio.Event(), []

        async def work():
            await go.wait()
            return [*await asyncio.gather(f(), f()), await f()]

        @cached(cache)
        async def f():
            calls.append(1)
            if len(calls) == 1:
                tasks.append(asyncio.ensure_future(work()))
            await asyncio.sleep(0)
            return len(calls)

        assert await f() == 1
        del cache[f.cache_key()]  # as if it were evicted
        go.set()
        assert await tasks[0] == [2, 2, 2]
        assert f.cache_info()._asdict() == {"hits": 1, "misses": 2, "waits": 1, "timeouts": 0, "uncacheable": 0}

    run(main())


def test_async_methods(cache):
    class Client:
        @cached(cache, ignore=["self"])
        async def fetch(self, path):
            return path.upper()

    async def main():
        assert await Client().fetch("a") == await Client().fetch(path="a") == "A"

    run(main())
    assert Client.fetch.cache_info().hits == 1
