"""Whimbrel: a cache and an API observer built for short tails and a fixed memory budget.

Importing this costs nothing: what it names is loaded when it is first used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whimbrel.cache import Cache
    from whimbrel.cachecalls import cached

__all__ = ["Cache", "__version__", "cached"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "Cache":
        from whimbrel.cache import Cache

        return Cache
    if name == "cached":
        from whimbrel.cachecalls import cached

        return cached
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
