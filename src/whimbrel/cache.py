"""whimbrel.Cache: the store inside a Python process, as a mapping that forgets.

Idea: a MutableMapping over cachecore's compiled operations, in one mapped region whose size is the limit.
This file adds what a mapping needs beside the operations: construction, iteration, many keys at a time, and
the choice of a codec.

    cache = Cache("64MiB", ttl=300)
    cache["user:1"] = {"name": "Ada"}
    cache.set("token", b"...", ttl=1.5)

Keys are str or bytes, and "a" and b"a" are two keys.  A value comes back equal and of exactly the same type.
Threads share a cache freely.  So do the children of a fork: the region is shared memory, and what one process
writes the others read; `close` unmaps it for the calling process only.
Deliberately not: a promise that an item stays (memory is bounded), order, references to live objects.
"""

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from types import EllipsisType, TracebackType
from typing import Any, Protocol, Self

from whimbrel.base.values import parse_size
from whimbrel.cachecore import CODEC_FLAGS, MISSING, CacheCore
from whimbrel.store.store import StoreHandle

Key = str | bytes

MEMORY_MIN = 1 << 20  # bytes: less than a few segments and a table is no cache
MAX_ITEM_DEFAULT = 1 << 20  # bytes: what memcached takes


class Codec(Protocol):
    """What turns objects into bytes and back; `flags` (1 to 0xFFFF) tells its items from another codec's."""

    flags: int

    def encode(self, value: Any) -> bytes:
        """`value` as bytes."""

    def decode(self, data: bytes) -> Any:
        """The value `encode` made the bytes from."""


class PickleCodec:
    """Any object.  Whoever can write to the cache can run code in whoever reads: ask for it by name only."""

    flags = 1

    def encode(self, value: Any) -> bytes:
        """`value` pickled."""
        import pickle

        return pickle.dumps(value, protocol=5)

    def decode(self, data: bytes) -> Any:
        """The object unpickled."""
        import pickle

        return pickle.loads(data)  # noqa: S301 - the caller asked for codec="pickle"


class MsgspecCodec:
    """msgspec's MessagePack: also dataclasses and Structs, which come back as plain dicts and lists."""

    flags = 2

    def __init__(self) -> None:
        try:
            import msgspec
        except ImportError:
            raise ImportError("codec='msgspec' needs msgspec: pip install whimbrel[library]") from None
        self.encode = msgspec.msgpack.Encoder().encode
        self.decode = msgspec.msgpack.Decoder().decode


CODECS: dict[str, type[PickleCodec] | type[MsgspecCodec] | None] = {
    "safe": None,
    "pickle": PickleCodec,
    "msgspec": MsgspecCodec,
}


def _codec_of(codec: str | Codec) -> Codec | None:
    if not isinstance(codec, str):
        if not 1 <= codec.flags <= 0xFFFF:
            raise ValueError(f"codec.flags={codec.flags!r} is not within 1 to 65535")
        return codec
    if codec not in CODECS:
        raise ValueError(f"codec={codec!r} is not one of {', '.join(CODECS)}")
    kind = CODECS[codec]
    return None if kind is None else kind()


def _size_of(name: str, size: int | str, minimum: int) -> int:
    try:
        parsed = parse_size(size)
    except ValueError as error:
        raise ValueError(f"{name}={size!r} is not allowed: expected {error}") from None
    if parsed < minimum:
        raise ValueError(f"{name}={size!r} is not allowed: expected at least {minimum} bytes")
    return parsed


class Cache(CacheCore, MutableMapping[Key, Any]):
    """A cache of at most `memory` bytes, table and items together.

    memory    bytes, or text such as "64MiB"; it is reserved, and becomes resident as items come
    ttl       seconds an item lives when set() does not say; None: until it is evicted
    codec     "safe" (plain types only), "pickle", "msgspec", or an object with flags, encode and decode
    eviction  the policy's name, see docs/architecture.md
    max_item  bytes of the largest value with its key
    """

    def __new__(
        cls,
        memory: int | str = "64MiB",
        *,
        ttl: float | None = None,
        codec: str | Codec = "safe",
        eviction: str = "s3fifo",
        max_item: int | str = MAX_ITEM_DEFAULT,
    ) -> Self:
        """Map the region; ValueError names an argument that cannot be."""
        if ttl is not None and not ttl > 0:
            raise ValueError(f"ttl={ttl!r} is not allowed: expected seconds above 0, or None")
        chosen = _codec_of(codec)
        handle = StoreHandle.create(
            _size_of("memory", memory, MEMORY_MIN),
            max_item_bytes=_size_of("max_item", max_item, 1),
            eviction=eviction,
        )
        cache: Self = super().__new__(cls, handle, chosen, CODEC_FLAGS + (chosen.flags if chosen else 0), ttl)
        cache._names = {}
        return cache

    _names: dict[str, str]  # names of functions memoized here, see cachekeys

    # ---- many keys -------------------------------------------------------------------------------------

    def get_many(self, keys: Iterable[Key]) -> dict[Key, Any]:
        """The values of those keys that are there."""
        get = self.get
        found = ((key, get(key, MISSING)) for key in keys)
        return {key: value for key, value in found if value is not MISSING}

    def set_many(
        self, items: Mapping[Key, Any] | Iterable[tuple[Key, Any]], ttl: float | EllipsisType | None = ...
    ) -> None:
        """`set` each; what was set before an error stays set."""
        for key, value in items.items() if isinstance(items, Mapping) else items:
            self.set(key, value, ttl)

    def delete_many(self, keys: Iterable[Key]) -> int:
        """`delete` each; returns how many were there."""
        return sum(self.delete(key) for key in keys)

    # ---- iteration -------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Key]:
        """Keys in no order.  What is there all the time comes exactly once; what comes or goes meanwhile, perhaps.

        (While the table grows under the iteration, a key may come twice if more than one batch lies between.)
        """
        cursor, before = 0, frozenset[Key]()
        while True:
            cursor, keys = self.scan(cursor)
            yield from (key for key in dict.fromkeys(keys) if key not in before)
            if cursor == 0:
                return
            before = frozenset(keys)

    def popitem(self) -> tuple[Key, Any]:
        """Remove and return some item; KeyError when there is none."""
        for key in self:
            value = self.pop(key, MISSING)
            if value is not MISSING:
                return key, value
        raise KeyError("popitem(): the cache is empty")

    # ---- life ------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __bool__(self) -> bool:
        """A cache is true, also when empty: `if cache:` asks whether there is one."""
        return True

    def __repr__(self) -> str:
        if self.closed:
            return "<whimbrel.Cache, closed>"
        stats = self.stats()
        return f"<whimbrel.Cache of {stats['items']} items, {stats['item_bytes']} of {stats['heap_bytes']} bytes>"
