"""Small drawings."""

import re

import pytest

from whimbrel.hub.views.sparks import HEIGHT, PAD, POINTS_MOST, WIDTH, bar, spark, thinned


def points(drawing: str) -> list[list[tuple[float, float]]]:
    runs = re.findall(r'points="([^"]+)"', drawing)
    return [[(float(x), float(y)) for x, y in (point.split(",") for point in run.split())] for run in runs]


def test_a_line_from_nothing_at_the_bottom_to_the_most_at_the_top() -> None:
    [run] = points(spark([0, 5, 10], "calls"))
    assert run == [(PAD, HEIGHT - PAD), (WIDTH / 2, HEIGHT / 2), (WIDTH - PAD, PAD)]


def test_what_is_not_known_is_a_gap_and_what_stands_alone_a_dot() -> None:
    drawing = spark([1, 2, None, 3, None, None, 4, 4], "p99")
    assert [len(run) for run in points(drawing)] == [2, 2]
    assert drawing.count("<circle") == 1


@pytest.mark.parametrize("values", [[], [1.0], [0.0, 0.0], [None, None]])
def test_nothing_to_draw_is_an_empty_drawing(values: list[float | None]) -> None:
    assert re.fullmatch(r"<svg[^>]*></svg>", spark(values, "x"))


def test_the_label_is_escaped() -> None:
    assert "<b>" not in spark([1, 2], "<b>")


def test_a_long_row_keeps_its_peaks() -> None:
    values: list[float | None] = [1.0] * 1000
    values[777] = 9.0
    thin = thinned(values)
    assert len(thin) <= POINTS_MOST and max(value or 0 for value in thin) == 9.0


@pytest.mark.parametrize(("part", "width"), [(None, "0.0"), (0, "0.0"), (0.0001, "1.5"), (0.5, "50.0"), (7, "100.0")])
def test_a_bar_is_seen_as_soon_as_there_is_something(part: float | None, width: str) -> None:
    assert f'class="bar-part" width="{width}"' in bar(part)
