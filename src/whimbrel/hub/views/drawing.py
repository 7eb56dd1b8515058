"""The service map as a drawing: boxes in columns, callers on the left, links that flow to the right.

    column 0          1              2
    clients   ->   services   ->   caches

Layers are longest paths from who is called by nobody; of a circle the link that was found last runs backwards.  In a
column boxes stand by the mean place of what they are linked to, a few sweeps of it, so that few links cross.  Nothing
is random and ties go by name: the same traffic is the same picture, and a refresh moves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from whimbrel.hub.answers.shapes import MapLink, MapNode

BOX_WIDTH, BOX_HEIGHT = 196, 46
GAP_ACROSS, GAP_DOWN = 132, 18
MARGIN = 12
HEAD = 6  # an arrow ends before the box it points at
SWEEPS = 6
THINNEST, THICKEST = 1.2, 7.0
LABEL_MOST = 24  # characters that fit in a box


@dataclass(frozen=True, slots=True)
class Box:
    node: MapNode
    x: float
    y: float

    @property
    def label(self) -> str:
        text = self.node.label
        return text if len(text) <= LABEL_MOST else text[: LABEL_MOST - 1] + "…"


@dataclass(frozen=True, slots=True)
class Arrow:
    links: tuple[MapLink, ...]  # all between the same two
    path: str
    width: float


@dataclass(frozen=True, slots=True)
class Drawing:
    width: float
    height: float
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def draw(nodes: Sequence[MapNode], links: Sequence[MapLink]) -> Drawing:
    known = {node.id: node for node in nodes}
    links = [link for link in links if link.source in known and link.target in known]
    columns = ordered(layers(known, links), known, links)
    height = max((len(column) for column in columns), default=0) * (BOX_HEIGHT + GAP_DOWN) - GAP_DOWN
    boxes = {box.node.id: box for box in placed(columns, known, height)}
    width = len(columns) * (BOX_WIDTH + GAP_ACROSS) - GAP_ACROSS
    between = pairs(links)
    most = max((sum(busy(link) for link in of) for of in between.values()), default=0.0)
    arrows = tuple(arrow(of, boxes, most) for of in between.values())
    return Drawing(width + 2 * MARGIN, height + 2 * MARGIN, tuple(boxes.values()), arrows)


def busy(link: MapLink) -> float:
    return float(link.calls or link.flows or link.handshakes)


# ---- columns


def layers(known: Mapping[str, MapNode], links: Sequence[MapLink]) -> dict[str, int]:
    """Which column each stands in: one behind the farthest of its callers."""
    callers: dict[str, list[str]] = {name: [] for name in known}
    for source, target in forward(known, links):
        callers[target].append(source)
    found: dict[str, int] = {}
    for name in by_callers(callers):
        found[name] = max((found[caller] + 1 for caller in callers[name]), default=0)
    return found


def by_callers(callers: Mapping[str, Sequence[str]]) -> list[str]:
    """Every name behind its callers; there are no circles any more."""
    missing = {name: len(of) for name, of in callers.items()}
    called: dict[str, list[str]] = {name: [] for name in callers}
    for name, of in callers.items():
        for caller in of:
            called[caller].append(name)
    ready = sorted(name for name, count in missing.items() if not count)
    for name in ready:  # grows while it is gone through
        for target in called[name]:
            missing[target] -= 1
            if not missing[target]:
                ready.append(target)
    return ready


def forward(known: Mapping[str, MapNode], links: Sequence[MapLink]) -> list[tuple[str, str]]:
    """Links without those that close a circle, the busiest kept first; nobody calls himself here."""
    kept: dict[str, set[str]] = {name: set() for name in known}
    for link in sorted(links, key=lambda link: (-busy(link), link.source, link.target)):
        if link.target not in kept[link.source] and not reaches(kept, link.target, link.source):
            kept[link.source].add(link.target)
    return [(source, target) for source in sorted(kept) for target in sorted(kept[source])]


def reaches(kept: Mapping[str, set[str]], start: str, end: str) -> bool:
    seen, left = {start}, [start]
    while left:
        name = left.pop()
        if name == end:
            return True
        fresh = kept[name] - seen
        seen |= fresh
        left.extend(fresh)
    return False


# ---- places


def ordered(columns: Mapping[str, int], known: Mapping[str, MapNode], links: Sequence[MapLink]) -> list[list[str]]:
    """Names by column, in each by the mean place of their neighbours."""
    made: list[list[str]] = [[] for _ in range(max(columns.values(), default=-1) + 1)]
    for name in sorted(known, key=lambda name: (-known[name].calls, known[name].label, name)):
        made[columns[name]].append(name)
    beside: dict[str, set[str]] = {name: set() for name in known}
    for link in links:
        beside[link.source].add(link.target)
        beside[link.target].add(link.source)
    for sweep in range(SWEEPS):
        at = {name: (place + 0.5) / len(column) for column in made for place, name in enumerate(column)}
        for column in made if sweep % 2 == 0 else reversed(made):
            means = {name: mean([at[other] for other in beside[name]], at[name]) for name in column}
            column.sort(key=lambda name: (means[name], known[name].label, name))
            at |= {name: (place + 0.5) / len(column) for place, name in enumerate(column)}
    return made


def mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def placed(columns: Sequence[Sequence[str]], known: Mapping[str, MapNode], height: float) -> list[Box]:
    boxes = []
    for number, column in enumerate(columns):
        free = height - len(column) * (BOX_HEIGHT + GAP_DOWN) + GAP_DOWN
        for place, name in enumerate(column):
            x = MARGIN + number * (BOX_WIDTH + GAP_ACROSS)
            boxes.append(Box(known[name], x, MARGIN + free / 2 + place * (BOX_HEIGHT + GAP_DOWN)))
    return boxes


# ---- links


def pairs(links: Sequence[MapLink]) -> dict[tuple[str, str], list[MapLink]]:
    """What goes from one box to another is one arrow, whatever it speaks; the busiest link first."""
    found: dict[tuple[str, str], list[MapLink]] = {}
    for link in sorted(links, key=lambda link: (-busy(link), link.protocol, link.name, link.source, link.target)):
        found.setdefault((link.source, link.target), []).append(link)
    return found


def arrow(links: Sequence[MapLink], boxes: Mapping[str, Box], most: float) -> Arrow:
    source, target = boxes[links[0].source], boxes[links[0].target]
    calls = sum(busy(link) for link in links)
    width = THINNEST + (THICKEST - THINNEST) * (math.log1p(calls) / math.log1p(most) if most else 0)
    if source.x < target.x:
        return Arrow(tuple(links), ahead(source, target), round(width, 1))
    return Arrow(tuple(links), back(source, target), round(width, 1))


def ahead(source: Box, target: Box) -> str:
    """Leaves on the right, arrives on the left."""
    x, y = source.x + BOX_WIDTH, source.y + BOX_HEIGHT / 2
    end_x, end_y = target.x - HEAD, target.y + BOX_HEIGHT / 2
    bend = min((end_x - x) / 2, GAP_ACROSS * 0.6)
    return f"M{x:.1f},{y:.1f} C{x + bend:.1f},{y:.1f} {end_x - bend:.1f},{end_y:.1f} {end_x:.1f},{end_y:.1f}"


def back(source: Box, target: Box) -> str:
    """To the same column or one before: around, above the boxes' lower edge."""
    x, y = source.x + BOX_WIDTH, source.y + BOX_HEIGHT * 0.75
    end_x, end_y = target.x + BOX_WIDTH + HEAD, target.y + BOX_HEIGHT * 0.3
    out = max(x, end_x) + GAP_ACROSS * 0.45
    return f"M{x:.1f},{y:.1f} C{out:.1f},{y:.1f} {out:.1f},{end_y:.1f} {end_x:.1f},{end_y:.1f}"
