"""Ids that became others: which endpoint an old id means today.

Idea: every alias says that two ids are one endpoint.  An agent only ever unites (`/a` and `/b` become `/{word}`), so
what aliases say together is a partition, and that does not depend on the order in which they arrive, on how often,
or on whether somebody sends a circle: union-find.  Which of the ids stands for the rest follows the arrows: the one
that became nothing else; should there be several, or in a circle none, the least of them.

An `Aliases` is of one agent: ids of others are not its to rename.
"""

from __future__ import annotations

from collections.abc import Iterable

IDS_MOST = 1_000_000  # about 250 MiB; an agent has 4096 endpoints at a time, a stranger's imagination has no bound


class Aliases:
    """The partition of one agent's ids."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self.above: dict[str, str] = {}  # towards the root of its set; a root is above itself
        self.members: dict[str, list[str]] = {}  # by root
        self.became: set[str] = set()  # ids that were said to have become another
        self.today: dict[str, str] = {}  # by root: which member stands for the set, where that was asked
        self.refused = 0  # aliases for which there was no room
        self.update(pairs)

    def update(self, pairs: Iterable[tuple[str, str]]) -> None:
        for old, new in pairs:
            self.add(old, new)

    def add(self, old: str, new: str) -> None:
        """The history of `old` belongs to `new`."""
        if old == new:
            return
        if len(self.above) + (old not in self.above) + (new not in self.above) > IDS_MOST:
            self.refused += 1
            return
        self.became.add(old)
        one, other = self._root(old), self._root(new)
        self.today.pop(one, None)
        self.today.pop(other, None)
        if one != other:
            self._hang(*sorted((one, other), key=lambda root: len(self.members[root])))

    def now(self, known: str) -> str:
        """The id that stands for `known`: itself where nothing was said about it."""
        if known not in self.above:
            return known
        root = self._root(known)
        if root not in self.today:
            self.today[root] = min(self.members[root], key=lambda member: (member in self.became, member))
        return self.today[root]

    def before(self, known: str) -> frozenset[str]:
        """Every id that is the same endpoint, itself among them."""
        return frozenset(self.members[self._root(known)]) if known in self.above else frozenset((known,))

    def moved(self) -> dict[str, str]:
        """What it has and what it means today, for every id that is not its own today."""
        found = {known: self.now(known) for known in self.above}
        return {known: today for known, today in found.items() if known != today}

    def _root(self, known: str) -> str:
        if known not in self.above:
            self.above[known] = known
            self.members[known] = [known]
        while self.above[known] != known:
            self.above[known] = self.above[self.above[known]]
            known = self.above[known]
        return known

    def _hang(self, small: str, large: str) -> None:
        """The smaller set goes below the larger: a member moves at most log2 of all times."""
        self.above[small] = large
        self.members[large] += self.members.pop(small)
