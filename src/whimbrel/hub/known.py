"""What the archive knows of endpoints apart from their calls: few rows, seldom new, and needed by every question.

Names become known: an endpoint is told with a token for its host (`~3fa9c1d2e4b5`) until it was seen often enough, and
then with the host.  Its words are the clearest that were told, and hosts that were hidden are those they became.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

WORDS = ("protocol", "method", "host", "template")
IDENTITY = (*WORDS, "agent")

Words = dict[str, str]
Host = tuple[str, str]  # protocol and host


@dataclass(frozen=True, slots=True)
class Known:
    roots: Mapping[int, int]
    identities: Mapping[int, Words]  # by root
    kinds: Mapping[int, Collection[str]]  # of authentication, by root
    hosts: Mapping[Host, Host]  # what hidden ones are called now

    def alike(self, number: int) -> list[int]:
        """Roots with the same words."""
        words = self.identities.get(number)
        return [root for root, each in self.identities.items() if words and all(each[w] == words[w] for w in WORDS)]


def known(ask: Callable[[str], list[tuple[Any, ...]]]) -> Known:
    """`ask` answers SQL."""
    roots = dict(ask("SELECT endpoint, root FROM roots"))
    rows = ask(f"SELECT endpoint, {', '.join(IDENTITY)} FROM endpoints ORDER BY endpoint, started")  # noqa: S608
    told = [(number, roots.get(number, number), dict(zip(IDENTITY, words, strict=True))) for number, *words in rows]
    identities = {root: words for number, root, words in sorted(told, key=_clear)}
    hosts = {
        (words["protocol"], words["host"]): (words["protocol"], identities[root]["host"])
        for _, root, words in told
        if words["host"].startswith("~")
    }
    kinds: dict[int, set[str]] = {}
    for number, kind in ask("SELECT endpoint, kind FROM auths"):
        kinds.setdefault(roots.get(number, number), set()).add(kind)
    return Known(roots, identities, kinds, hosts)


def _clear(told: tuple[int, int, Words]) -> tuple[bool, int]:
    """How well words say what they are of: the root's own, then those with fewer names still hidden.

    They are hidden again for a while by an agent that was started anew.
    """
    number, root, words = told
    return number == root, -sum(words[name].count("~") for name in ("method", "host", "template"))
