"""--explain: every string that would be sent, and the rule that let it through.

Idea: the window that would be sent says of each string what it is and why it may leave (summary/explained.py); here
they are gathered, each once with its latest rule, and printed by rule.  Nothing that is not in a batch is here.
"""

from __future__ import annotations

from collections.abc import Iterable

from whimbrel.agent.table import Column, count_text, lines
from whimbrel.summary.explained import RULES, Explained

STRINGS_MAX = 20_000  # more are counted, not printed: 5 MiB
COLUMNS = (Column("string", gives_way=True), Column("what it is"), Column("calls", right=True))
ORDER = ("seen", "configured", "registered", "format", "parts", "token", "own")


class Explanation:
    def __init__(self, strings_max: int = STRINGS_MAX) -> None:
        self.rows: dict[tuple[str, str], Explained] = {}
        self.strings_max = strings_max
        self.left_out = 0

    def add(self, explained: Iterable[Explained]) -> None:
        for row in explained:
            key = (row.string, row.kind)
            if key in self.rows or len(self.rows) < self.strings_max:
                self.rows[key] = row
            else:
                self.left_out += 1

    def lines(self) -> list[str]:
        """A section a rule, the strings that were seen most first."""
        shown: list[str] = []
        for rule in (*ORDER, *(RULES.keys() - set(ORDER))):
            rows = [row for row in self.rows.values() if row.rule == rule]
            if not rows:
                continue
            rows.sort(key=lambda row: (row.kind, -row.calls, row.string))
            cells = [[row.string, row.kind, count_text(row.calls) if row.calls else ""] for row in rows]
            shown += [f"{rule}: {RULES[rule]}", *(f"  {line}" for line in lines(COLUMNS, cells)), ""]
        if self.left_out:
            shown.append(f"and {count_text(self.left_out)} more")
        return shown or ["nothing would be sent: no call was seen"]
