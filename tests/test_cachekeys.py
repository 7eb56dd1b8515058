"""Which calls of a @cached function are one, and which are not."""

import os

import pytest

from whimbrel import cached
from whimbrel.cache import Cache


@pytest.fixture
def cache():
    with Cache("4MiB") as made:
        yield made


def test_equal_calls_compute_once(cache):
    calls = []

    @cached(cache)
    def f(a, b=2, *args, c=3, **kwargs):
        calls.append((a, b, args, c, kwargs))
        return sum([a, b, c, *args, *kwargs.values()])

    for call in (lambda: f(1), lambda: f(1, 2), lambda: f(a=1, b=2), lambda: f(b=2, a=1, c=3)):
        assert call() == 6
    assert len(calls) == 1
    assert f(1, 2, 3) == 9
    assert f(1, x=1, y=2) == f(1, y=2, x=1) == 9
    assert len(calls) == 3
    assert f.cache_info()._asdict() == {"hits": 4, "misses": 3, "waits": 0, "timeouts": 0, "uncacheable": 0}


def test_types_are_told_apart(cache):
    f = cached(cache)(repr)
    for value in (1, 1.0, True, "1", b"1", (1,), [1], None, {"a": 1}, {1, 2}):
        assert f(value) == repr(value)
        assert f(value) == repr(value)
    assert f.cache_info().hits == f.cache_info().misses == 10


def test_none_is_an_answer(cache):
    calls = []

    @cached(cache)
    def f():
        calls.append(1)

    assert f() is None
    assert f() is None
    assert calls == [1]


def test_long_arguments_are_told_apart(cache):
    f = cached(cache)(len)
    assert [f("x" * 10_000), f("x" * 10_001), f("x" * 10_000)] == [10_000, 10_001, 10_000]
    assert len(f.cache_key("x" * 10_000)) < 250


def test_functions_do_not_share_answers(cache):
    made = [cached(cache)(lambda value, n=n: value + n) for n in range(3)]
    assert [f(10) for f in made] == [10, 11, 12]

    def f(value):
        return value

    assert f.__qualname__ != "other"
    assert cached(cache, name="same")(f)(1) == 1
    assert cached(cache, name="same")(lambda value: -value)(1) == 1


def in_child(work):
    """The exit status of a forked child: 0 when `work` returns true there."""
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if work() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def for_tenant(tenant):
    return lambda value: f"{tenant}:{value}"


class Tenant:
    def __init__(self, name):
        self.name = name

    def secret(self, value):
        return f"{self.name}:{value}"


@pytest.mark.parametrize("made", [for_tenant, lambda name: Tenant(name).secret])
def test_closures_decorated_in_different_processes_do_not_share_answers(cache, made):
    assert in_child(lambda: cached(cache)(made("a"))(1) == "a:1") == 0
    assert cached(cache)(made("b"))(1) == "b:1"
    assert in_child(lambda: cached(cache)(made("c"))(1) == "c:1") == 0


def of_the_module(pid):
    return os.getpid()


def test_a_function_of_a_module_is_the_same_one_in_every_process(cache):
    assert in_child(lambda: cached(cache)(of_the_module)(1) == os.getpid()) == 0
    shared = cached(cache)(of_the_module)
    assert shared(1) != os.getpid()
    assert cached(cache)(of_the_module)(1) == os.getpid()  # the name is taken here: this may be another function


def test_a_closure_decorated_before_the_fork_shares_answers(cache):
    f = cached(cache)(lambda number: (number, os.getpid()))
    assert in_child(lambda: f(1) == (1, os.getpid())) == 0
    assert f(1) != (1, os.getpid())


def test_a_key_function(cache):
    f = cached(cache, key=lambda user, **_: user["id"])(lambda user, **_: user["name"])
    assert f({"id": "7", "name": "Ada"}) == "Ada"
    assert f({"id": "7", "name": "Eve"}, verbose=True) == "Ada"
    assert f({"id": b"7", "name": "Eve"}) == "Eve"
    with pytest.raises(TypeError, match="key= returned int"):
        f({"id": 7, "name": "Eve"})


def test_methods(cache):
    class Repository:
        def __init__(self, table):
            self.table = table

        def __cache_key__(self):
            return self.table

        @cached(cache)
        def row(self, number):
            return f"{self.table}:{number}"

        @cached(cache, ignore=["self"])
        def version(self, part):
            return f"{part} of {self.table}"

    assert Repository("a").row(1) == "a:1"
    assert Repository("a").row(number=1) == "a:1"
    assert Repository("b").row(1) == "b:1"
    assert Repository.row.cache_info().hits == 1
    assert Repository("a").version("x") == Repository("b").version("x") == "x of a"
    assert Repository("a").row.cache_info().misses == 2


def test_arguments_without_a_key_are_named(cache):
    f = cached(cache)(lambda value: value)
    with pytest.raises(TypeError, match=r"builtins\.object.*key="):
        f(object())
    with pytest.raises(TypeError, match="missing"):
        f()  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="ignore names"):
        cached(cache, ignore=["nothing"])(lambda value: value)
