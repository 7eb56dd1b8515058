"""Small drawings in the text, as SVG: a row of numbers as a line, a share as a bar.

Colours and strokes are the style sheet's; there are no style attributes, which the page's policy would not let in.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

WIDTH, HEIGHT = 120, 28
PAD = 2  # so that the stroke is not cut at the edges
POINTS_MOST = 120  # what can be told apart at this width


def spark(values: Sequence[float | None], label: str) -> Markup:
    """A line; a gap where nothing is known.  The scale starts at 0."""
    values = thinned(values)
    top = max((value for value in values if value is not None), default=0.0)
    if len(values) < 2 or top <= 0:
        return Markup('<svg class="spark" viewBox="0 0 {} {}" aria-hidden="true"></svg>').format(WIDTH, HEIGHT)
    step = (WIDTH - 2 * PAD) / (len(values) - 1)
    runs: list[list[str]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            y = HEIGHT - PAD - (HEIGHT - 2 * PAD) * value / top
            runs[-1].append(f"{PAD + place * step:.1f},{y:.1f}")
    drawn = Markup("").join(run(points) for points in runs if points)
    return Markup(
        '<svg class="spark" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    ).format(WIDTH, HEIGHT, label, drawn)


def run(points: Sequence[str]) -> Markup:
    if len(points) == 1:
        x, _, y = points[0].partition(",")
        return Markup('<circle cx="{}" cy="{}" r="1.5"/>').format(x, y)
    return Markup('<polyline points="{}"/>').format(" ".join(points))


def thinned(values: Sequence[float | None]) -> list[float | None]:
    """At most POINTS_MOST of them, each the largest of those it stands for."""
    if len(values) <= POINTS_MOST:
        return list(values)
    of = -(-len(values) // POINTS_MOST)
    parts = [values[start : start + of] for start in range(0, len(values), of)]
    return [max((value for value in part if value is not None), default=None) for part in parts]


def bar(part: float | None, kind: str = "") -> Markup:
    """A share between 0 and 1; what is more than nothing is seen as more than nothing."""
    width = 0.0 if not part else max(min(part, 1.0) * 100, 1.5)
    return Markup(
        '<svg class="bar {}" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="bar-all" width="100" height="6" rx="1"/><rect class="bar-part" width="{:.1f}" height="6" rx="1"/>'
        "</svg>"
    ).format(kind, width)
