"""What @cached stores an answer under.

Idea: the key is a generation, the function's name, and the arguments as the safe codec writes them: 1, 1.0 and
True are three arguments; f(1, b=2) and f(1, 2) are one call.

    | generation, 8 bytes | name | 0 | arguments, or "#" and their digest where they are long |

The generation is an item of its own, drawn at random: `clear` draws another, so that what was stored is found
no more and is evicted in time, in every process that shares the cache; and if the generation itself is evicted,
a new one is drawn and nothing old can come back.
Deliberately not: identity of objects (an id is used again by another object); say what tells them apart.
"""

import hashlib
import inspect
import secrets
import types
from collections.abc import Callable, Iterable
from typing import Any, cast

from whimbrel.cache import Cache
from whimbrel.cachecodec import pack

PLAIN_KEY_MAX = 200  # bytes of arguments kept as they are in a key; longer ones are hashed
DIGEST_BYTES = 20  # 160 bits: two calls that share a key do not happen
GENERATION_BYTES = 8
TOKEN_BYTES = 16  # what is drawn for a function that its name does not tell from others; none is drawn twice

KeyFunction = Callable[..., str | bytes]


def _named_like_others(function: Callable[..., Any]) -> bool:
    """Whether another function may have the same module and qualified name: a closure, a lambda, a bound method."""
    if "<" in function.__qualname__ or getattr(function, "__closure__", None):
        return True
    bound_to = getattr(function, "__self__", None)
    return bound_to is not None and not isinstance(bound_to, types.ModuleType)


def stable_name(function: Callable[..., Any], cache: Cache) -> str:
    """A name that only this function has: two closures of one factory do not share answers.

    The region outlives a fork, and processes decorate on their own then: nothing counted in one of them can tell
    its closures from another's, so a random token does.  A function of a module is the same in each of them.
    """
    name = f"{function.__module__}.{function.__qualname__}"
    token = secrets.token_hex(TOKEN_BYTES)
    # (setdefault is one step, also among threads, and leaves no lock that a fork could catch)
    if _named_like_others(function) or cache._names.setdefault(name, token) != token:
        return f"{name}#{token}"
    return name


def _plain(value: object) -> object:
    """An argument as it enters the key: objects may say what they are by __cache_key__()."""
    describe = getattr(type(value), "__cache_key__", None)
    if describe is None:
        return value
    kind = type(value)
    return (b"__cache_key__", kind.__module__, kind.__qualname__, describe(value))


class CallKeys:
    """From a call's arguments to its key."""

    def __init__(
        self, function: Callable[..., Any], cache: Cache, name: str, key: KeyFunction | None, ignore: frozenset[str]
    ) -> None:
        self.cache = cache
        self.function = function
        self.key = key
        self.ignore = ignore
        self.name = name.encode()
        self.generation_key = b"gen\0" + self.name
        self.signature = inspect.signature(function)
        unknown = ignore - set(self.signature.parameters)
        if unknown:
            raise ValueError(f"ignore names {sorted(unknown)}, which {function.__qualname__}() does not take")
        kinds = {parameter.kind for parameter in self.signature.parameters.values()}
        simple = kinds <= {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
        # this many positional arguments and no others need no binding: they are in order and complete
        self.simple_count = len(self.signature.parameters) if simple and not ignore else -1

    def generation(self) -> bytes:
        """The current generation; drawn when there is none."""
        found = self.cache.get(self.generation_key)
        if found is None:
            found = self.cache.setdefault(self.generation_key, secrets.token_bytes(GENERATION_BYTES), None)
        return cast(bytes, found)

    def clear(self) -> None:
        """Draw another generation."""
        self.cache.set(self.generation_key, secrets.token_bytes(GENERATION_BYTES), None)

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        """The arguments as bytes, equal for equal calls."""
        if self.key is not None:
            given = self.key(*args, **kwargs)
            if not isinstance(given, (str, bytes)):
                raise TypeError(f"key= returned {type(given).__name__}, not str or bytes")
            return pack(given)
        if len(args) == self.simple_count and not kwargs:
            return self._pack(args)
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return self._pack(tuple(self._bound_values(bound.arguments)))

    def _bound_values(self, arguments: dict[str, Any]) -> Iterable[Any]:
        for name, value in arguments.items():
            if name in self.ignore:
                continue
            if self.signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
                yield {key: _plain(value[key]) for key in sorted(value)}
            elif self.signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL:
                yield tuple(map(_plain, value))
            else:
                yield value

    def _pack(self, values: tuple[Any, ...]) -> bytes:
        try:
            return pack(values)  # most arguments are plain; only if not, each is asked what it is
        except TypeError:
            pass
        try:
            return pack(tuple(map(_plain, values)))
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"an argument of {self.function.__qualname__}() cannot be part of a cache key ({error}); "
                "give @cached key= or ignore=, or the argument's class a __cache_key__()"
            ) from None

    def of(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        """The key of a call."""
        arguments = self.arguments(args, kwargs)
        if len(arguments) > PLAIN_KEY_MAX:
            arguments = b"#" + hashlib.blake2b(arguments, digest_size=DIGEST_BYTES).digest()
        return self.generation() + self.name + b"\0" + arguments
