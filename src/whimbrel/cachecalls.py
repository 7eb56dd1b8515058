"""@cached: remember what a function returned, and compute each answer once at a time.

Idea: the first caller who misses is the leader and computes; whoever asks for the same key meanwhile waits for
the leader's answer (what the key is, see cachekeys):

    leader returns      the answer is stored and given to all who wait; None is an answer like any other
    leader raises       nothing is stored; all who wait raise the same exception, later callers try again
    leader cancelled    (async, or a thread that is interrupted) one of those who wait becomes the leader
    leader too slow     after `patience` seconds a waiter computes for itself
    leader asks itself  a recursive call with the same key computes, as it would without @cached

Deliberately not: refreshing ahead of expiry; waiting across processes (each process may compute once).
"""

import asyncio
import contextvars
import functools
import inspect
import os
import threading
import weakref
from collections.abc import Callable, Coroutine, Iterable
from types import EllipsisType, TracebackType
from typing import Any, NamedTuple, ParamSpec, Protocol, TypeVar, cast

from whimbrel.base.errors import ItemTooLargeError, StoreFullError
from whimbrel.cache import Cache
from whimbrel.cachecore import MISSING
from whimbrel.cachekeys import CallKeys, KeyFunction, stable_name

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)

PATIENCE = 10.0  # seconds a caller waits for another's computation before it computes itself


class CacheInfo(NamedTuple):
    """What happened to calls in this process."""

    hits: int
    misses: int  # calls that computed
    waits: int  # calls that got another call's answer
    timeouts: int  # calls that lost patience and computed
    uncacheable: int  # answers too large to store, or with no memory for them


class CachedFunction(Protocol[P, R_co]):
    """What @cached makes of a function: the function, and how to see and forget its answers."""

    __name__: str
    __wrapped__: Callable[..., Any]
    cache_info: Callable[[], CacheInfo]
    cache_clear: Callable[[], None]
    cache_key: Callable[..., bytes]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """The function's answer, remembered or computed."""

    def __get__(self, instance: Any, owner: Any = None) -> "CachedFunction[..., R_co]":
        """A function in a class is a method."""


class _Counts:
    """Counters that threads share."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.hits = self.misses = self.waits = self.timeouts = self.uncacheable = 0

    def add(self, name: str) -> None:
        with self.lock:
            setattr(self, name, getattr(self, name) + 1)

    def info(self) -> CacheInfo:
        with self.lock:
            return CacheInfo(self.hits, self.misses, self.waits, self.timeouts, self.uncacheable)


# ---- what this thread or task is computing --------------------------------------------------------------


class _Running:
    """One run of a function, for the time of a `with`."""

    __slots__ = ("active", "key", "token")

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.active = False

    def __enter__(self) -> None:
        others = {key: running for key, running in _computing.get({}).items() if running.active}
        self.active = True
        self.token = _computing.set({**others, self.key: self})

    def __exit__(self, *_error: object) -> None:
        self.active = False
        _computing.reset(self.token)


# What this context's thread or task is computing, by key.  A child task or thread that was given the context
# counts too, but only while the run lasts: it may outlive the call that started it, and has the run here forever.
_computing: contextvars.ContextVar[dict[bytes, _Running]] = contextvars.ContextVar("whimbrel_computing")


def _is_computing(key: bytes) -> bool:
    running = _computing.get({}).get(key)
    return running is not None and running.active


# ---- flights: computations others may wait for ----------------------------------------------------------


class _Flight:
    """One computation by a thread."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.value: Any = MISSING  # MISSING and no error: abandoned, somebody else is to compute
        self.error: Exception | None = None
        self.trace: TracebackType | None = None

    def outcome(self) -> Any:
        """The leader's answer, or its exception; with the leader's traceback, not the waiters' one after another."""
        if self.error is not None:
            raise self.error.with_traceback(self.trace)
        return self.value


class _Caller:
    """What the sync and the async wrapper share."""

    def __init__(self, cache: Cache, keys: CallKeys, ttl: float | EllipsisType | None, patience: float) -> None:
        self.cache = cache
        self.keys = keys
        self.ttl = ttl
        self.patience = patience
        self.counts = _Counts()
        _forkable.add(self)

    def after_fork(self) -> None:
        """In a forked child: a lock may have been held by a thread that does not exist here."""
        self.counts.lock = threading.Lock()

    def store(self, key: bytes, value: Any) -> None:
        """Keep an answer; one that does not fit is still an answer."""
        try:
            self.cache.set(key, value, self.ttl)
        except (ItemTooLargeError, StoreFullError):
            self.counts.add("uncacheable")

    def own_copy(self, key: bytes, value: Any) -> Any:
        """An answer that is nobody else's object, as every hit is; the leader's where it could not be stored."""
        return self.cache.get(key, value)


_forkable: "weakref.WeakSet[_Caller]" = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for caller in list(_forkable):
        caller.after_fork()


os.register_at_fork(after_in_child=_after_fork_in_child)


class _ThreadCaller(_Caller):
    """Single flight among threads."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.lock = threading.Lock()
        self.flights: dict[bytes, _Flight] = {}

    def after_fork(self) -> None:
        """Nor do the threads that were computing."""
        super().after_fork()
        self.lock = threading.Lock()
        self.flights = {}

    def call(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        key = self.keys.of(args, kwargs)
        while True:
            value = self.cache.get(key, MISSING)
            if value is not MISSING:
                with self.counts.lock:
                    self.counts.hits += 1
                return value
            if _is_computing(key):
                self.counts.add("misses")
                return function(*args, **kwargs)
            with self.lock:
                flight = self.flights.get(key)
                if flight is None:
                    mine = self.flights[key] = _Flight()
            if flight is None:
                return self.lead(key, mine, function, args, kwargs)
            if not flight.done.wait(self.patience):
                self.counts.add("timeouts")
                return self.compute(key, function, args, kwargs)
            if flight.value is not MISSING or flight.error is not None:
                self.counts.add("waits")
                return self.own_copy(key, flight.outcome())

    def compute(self, key: bytes, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self.counts.add("misses")
        with _Running(key):
            value = function(*args, **kwargs)
        self.store(key, value)
        return value

    def lead(
        self, key: bytes, flight: _Flight, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        try:
            # between our miss and our flight another leader may have landed
            value = self.cache.get(key, MISSING)
            if value is MISSING:
                value = self.compute(key, function, args, kwargs)
            flight.value = value
            return value
        except Exception as error:
            flight.error, flight.trace = error, error.__traceback__
            raise
        finally:
            with self.lock:
                if self.flights.get(key) is flight:
                    del self.flights[key]
            flight.done.set()


class _TaskCaller(_Caller):
    """Single flight among the tasks of each event loop."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.flights: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[bytes, asyncio.Future[Any]]] = (
            weakref.WeakKeyDictionary()
        )

    async def call(
        self, function: Callable[..., Coroutine[Any, Any, Any]], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        key = self.keys.of(args, kwargs)
        loop = asyncio.get_running_loop()
        flights = self.flights.setdefault(loop, {})
        while True:
            value = self.cache.get(key, MISSING)
            if value is not MISSING:
                with self.counts.lock:
                    self.counts.hits += 1
                return value
            if _is_computing(key):
                self.counts.add("misses")
                return await function(*args, **kwargs)
            flight = flights.get(key)
            if flight is None:
                flights[key] = loop.create_future()
                return await self.lead(key, flights, function, args, kwargs)
            done, _pending = await asyncio.wait([flight], timeout=self.patience)
            if not done:
                self.counts.add("timeouts")
                return await self.compute(key, function, args, kwargs)
            if not flight.cancelled():
                self.counts.add("waits")
                return self.own_copy(key, flight.result())

    async def compute(
        self,
        key: bytes,
        function: Callable[..., Coroutine[Any, Any, Any]],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        self.counts.add("misses")
        with _Running(key):
            value = await function(*args, **kwargs)
        self.store(key, value)
        return value

    async def lead(
        self,
        key: bytes,
        flights: dict[bytes, asyncio.Future[Any]],
        function: Callable[..., Coroutine[Any, Any, Any]],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        flight = flights[key]
        try:
            value = await self.compute(key, function, args, kwargs)
            flight.set_result(value)
            return value
        except Exception as error:
            flight.set_exception(error)
            flight.exception()  # seen: that nobody waited is no error of its own
            raise
        finally:
            del flights[key]
            if not flight.done():  # we were cancelled: one of those who wait is the next leader
                flight.cancel()


# ---- the decorator -------------------------------------------------------------------------------------


def cached(
    cache: Cache,
    *,
    ttl: float | EllipsisType | None = ...,
    key: KeyFunction | None = None,
    name: str | None = None,
    ignore: Iterable[str] = (),
    patience: float = PATIENCE,
) -> Callable[[Callable[P, R_co]], CachedFunction[P, R_co]]:
    """Decorate a function or coroutine function: its answers live in `cache`.

    ttl       seconds an answer lives; None: until evicted; left out: the cache's default
    key       from the call's arguments to what tells calls apart (str or bytes), instead of the arguments
    name      what the answers are stored under; by default the function's module and qualified name, and
              for a closure or lambda, or where that is taken, a random token: processes forked from one
              share those decorated before.  The same name on purpose makes two functions share answers.
    ignore    names of parameters that are no part of the key, such as "self"
    patience  seconds to wait for another caller's computation of the same key before computing as well

    Adds cache_info(), cache_clear(), cache_key(*args, **kwargs) and __wrapped__.
    """
    if not patience >= 0:
        raise ValueError(f"patience={patience!r} is not allowed: expected 0 or more seconds")

    def decorate(function: Callable[P, R_co]) -> CachedFunction[P, R_co]:
        if not callable(function) or inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError("@cached is for functions and coroutine functions: a generator cannot be stored")
        stored_as = name if name is not None else stable_name(function, cache)
        keys = CallKeys(function, cache, stored_as, key, frozenset(ignore))
        return cast(CachedFunction[P, R_co], _wrapped(function, cache, keys, ttl, patience))

    return decorate


def _wrapped(
    function: Callable[..., Any], cache: Cache, keys: CallKeys, ttl: float | EllipsisType | None, patience: float
) -> Any:
    caller: _ThreadCaller | _TaskCaller
    wrapper: Any
    if inspect.iscoroutinefunction(function):
        tasks = caller = _TaskCaller(cache, keys, ttl, patience)

        @functools.wraps(function)
        async def call_async(*args: Any, **kwargs: Any) -> Any:
            return await tasks.call(function, args, kwargs)

        wrapper = call_async
    else:
        threads = caller = _ThreadCaller(cache, keys, ttl, patience)

        @functools.wraps(function)
        def call_sync(*args: Any, **kwargs: Any) -> Any:
            return threads.call(function, args, kwargs)

        wrapper = call_sync
    wrapper.cache_info = caller.counts.info
    wrapper.cache_clear = keys.clear
    wrapper.cache_key = lambda *args, **kwargs: keys.of(args, kwargs)
    return wrapper
