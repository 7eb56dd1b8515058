"""Columns of text for a terminal, and numbers as a person reads them.

Idea: a column is a title and a side; cells are text that is already formatted.  When lines would be wider than the
terminal, the one column that may be cut gives way.  What came from the network is cleaned here: a path may hold
escape sequences, and a terminal obeys them.
Deliberately not: colours, borders, curses.  A live table is the same text after ANSI's "home" and "clear below".
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

GAP = "  "
CUT = "…"
CUT_LEAST = 12  # characters that stay of a cell that is cut
CUT_TO = 24  # that are wanted of it: rather than less, other columns go
HOME, CLEAR_LINE, CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
CLEAR_SCREEN = "\x1b[2J"

# Categories that move a cursor, hide, or turn text around: controls, formats, surrogates, private use, unassigned.
UNSHOWN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@dataclass(frozen=True)
class Column:
    title: str
    right: bool = False
    gives_way: bool = False  # its cells may be cut
    goes: bool = False  # where there is no room it is left out, the last one first


def clean(text: str) -> str:
    """`text` with everything a terminal might obey written as an escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(shown(character) for character in text)


def shown(character: str) -> str:
    if unicodedata.category(character) not in UNSHOWN:
        return character
    return character.encode("unicode_escape", "surrogatepass").decode()


def width_of(text: str) -> int:
    """Terminal cells: wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text
    )


def cut(text: str, width: int) -> str:
    """At most `width` cells of it; the middle goes, since ends tell paths apart."""
    if width_of(text) <= width:
        return text
    head, tail = width // 2, (width - 1) // 2
    kept = text[:head] + CUT + (text[-tail:] if tail else "")
    while width_of(kept) > width:  # wide characters
        head, tail = head - (head >= tail), tail - (head < tail)
        kept = text[:head] + CUT + (text[-tail:] if tail else "")
    return kept


def padded(text: str, width: int, right: bool) -> str:
    blanks = " " * (width - width_of(text))
    return blanks + text if right else text + blanks


def lines(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None = None) -> list[str]:
    """A line for the titles and one a row; none is wider than `width` where a column can give way."""
    cells = [[clean(cell) for cell in row] for row in rows]
    widths = [
        max([len(column.title), *(width_of(row[place]) for row in cells)]) for place, column in enumerate(columns)
    ]
    places = kept_places(columns, widths, width) if width else range(len(columns))
    if width:
        narrow(columns, widths, places, width)
    every = [[column.title for column in columns], *cells]
    return [
        GAP.join(padded(cut(row[at], widths[at]), widths[at], columns[at].right) for at in places).rstrip()
        for row in every
    ]


def kept_places(columns: Sequence[Column], widths: Sequence[int], width: int) -> list[int]:
    """Which columns stay so that those that may be cut keep something to read."""
    places = list(range(len(columns)))
    while True:
        needed = [min(widths[at], CUT_TO) if columns[at].gives_way else widths[at] for at in places]
        going = [at for at in places if columns[at].goes]
        if not going or sum(needed) + len(GAP) * (len(places) - 1) <= width:
            return places
        places.remove(going[-1])


def narrow(columns: Sequence[Column], widths: list[int], places: Sequence[int], width: int) -> None:
    """The widest of those that may be cut gives way, until the line fits or none is left."""
    over = sum(widths[at] for at in places) + len(GAP) * (len(places) - 1) - width
    for _ in range(over):
        wide = [at for at in places if columns[at].gives_way and widths[at] > max(CUT_LEAST, len(columns[at].title))]
        if not wide:
            return
        widths[max(wide, key=widths.__getitem__)] -= 1


def screen(shown_lines: Sequence[str], height: int, width: int) -> str:
    """What replaces the terminal's content, without flicker: each line is written over the last one."""
    visible = [cut(line, width) for line in shown_lines[: max(1, height - 1)]]
    return HOME + "".join(f"{line}{CLEAR_LINE}\n" for line in visible) + CLEAR_BELOW


# ---- numbers -------------------------------------------------------------------------------------------


def count_text(number: float) -> str:
    return f"{round(number):,}"


def bytes_text(size: float) -> str:
    """Three digits and a unit of 1024."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.3g} {unit}"
        size /= 1024
    return f"{size:.3g} TiB" if size < 1000 else f"{size:.0f} TiB"


def time_text(ns: float) -> str:
    """Three digits and a unit."""
    for limit, unit, divisor in ((1e3, "ns", 1), (1e6, "µs", 1e3), (1e9, "ms", 1e6)):
        if ns < limit * 0.9995:
            return f"{ns / divisor:.3g} {unit}"
    return f"{ns / 1e9:.3g} s" if ns < 1000e9 else f"{ns / 1e9:.0f} s"


def share_text(part: float, whole: float) -> str:
    """Per cent; a share that is not nothing never shows as 0, one that is not all never as 100."""
    if not whole or not part:
        return "0%"
    percent = 100 * part / whole
    if part < whole:
        percent = min(max(percent, 0.1), 99.9)
    return f"{percent:.0f}%" if percent == round(percent) or 1 <= percent <= 99 else f"{percent:.1f}%"
