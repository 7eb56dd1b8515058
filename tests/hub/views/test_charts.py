"""What charts are drawn from."""

from typing import Any

from tests.hub.answers.sample import ASKED, BOOKS, GET
from tests.hub.batches import NOON
from whimbrel.hub.answers.caches import caches
from whimbrel.hub.answers.endpoint import endpoint
from whimbrel.hub.answers.overview import overview
from whimbrel.hub.answers.shapes import CurvePoint, Heat, MissCurve, Point, Span
from whimbrel.hub.duck import DuckArchive
from whimbrel.hub.views import charts

SPAN = Span(start=NOON - 30, end=NOON, step_s=10)


def sums(chart: Any) -> dict[str, float]:
    return {series["name"]: sum(value or 0 for value in series["values"]) for series in chart["series"]}


def test_calls_by_outcome_are_all_calls(shop: DuckArchive) -> None:
    answer = overview(shop, ASKED)
    made = charts.outcomes(answer.span, answer.points)
    step = answer.span.step_s
    assert {name: round(total * step) for name, total in sums(made).items()} == {
        "succeeded": answer.totals.calls - 60, "4xx": 30, "5xx": 30,
    }  # fmt: skip
    assert made["range"] == [answer.span.start * 1000, answer.span.end * 1000]
    assert len(made["x"]) == len(made["series"][0]["values"]) == len(answer.points)


def point(calls: int, per_s: float, errors: int = 0, no_response: int = 0) -> Point:
    latencies = dict.fromkeys(("p50_ns", "p90_ns", "p99_ns", "p999_ns"))
    return Point(
        start=0, calls=calls, per_s=per_s, errors=errors, client_errors=0, no_response=no_response, **latencies
    )


def test_a_step_that_is_not_over_has_the_rate_of_its_part() -> None:
    """Ten calls in the five seconds of ten that agents told of are two a second, in every chart."""
    points = [point(0, 0.0), point(10, 2.0, errors=5)]
    made = charts.outcomes(SPAN, points)
    assert sums(made) == {"succeeded": 1.0, "4xx": 0.0, "5xx": 1.0}
    assert sums(charts.rates(SPAN, points)) == {"commands": 2.0}
    assert charts.a_second(points, [0, 10]) == [0.0, 2.0]


def test_a_call_without_a_response_did_not_succeed() -> None:
    assert sums(charts.outcomes(SPAN, [point(4, 4.0, errors=1, no_response=2)])) == {
        "succeeded": 1.0, "4xx": 0.0, "5xx": 1.0, "no response": 2.0,
    }  # fmt: skip


def test_a_step_without_calls_has_no_latency(shop: DuckArchive) -> None:
    answer = overview(shop, ASKED)
    p50, p99 = charts.latencies(answer.span, answer.points, ("p50", "p99"))["series"]
    assert (p50["name"], p99["name"]) == ("p50", "p99")
    assert p50["values"][0] is None and p50["values"][-1] > 0


def test_statuses_stand_in_order_of_how_bad_they_are(shop: DuckArchive) -> None:
    view = endpoint(shop, ASKED, BOOKS)
    assert [series["name"] for series in charts.statuses(view)["series"]] == ["2xx", "5xx"]
    cached = charts.statuses(endpoint(shop, ASKED, GET))
    assert [(series["name"], series["colour"]) for series in cached["series"]] == [("hit", "2xx"), ("miss", "3xx")]


def test_heat_is_the_rows_that_have_calls() -> None:
    made = charts.heat(SPAN, Heat(starts=[1, 2, 3], bounds_ns=[1, 10, 100, 1000, 10_000], cells=[[0, 1, 5], [2, 2, 7]]))
    assert made is not None
    assert made["grid"] == [[5, None, None], [None, None, 7]]
    assert made["rows"] == ["10 ns to 100 ns", "100 ns to 1.00 µs"]
    assert made["labels"] == ["10 ns", "100 ns", "1.00 µs"]
    assert charts.heat(SPAN, Heat(starts=[1], bounds_ns=[1, 10], cells=[])) is None


def test_hits_over_time(shop: DuckArchive) -> None:
    made = charts.hits(caches(shop, ASKED))
    assert made["unit"] == "share" and made["series"][0]["values"][-1] == 0.75


def curve(*sizes: float | None) -> MissCurve:
    points = [CurvePoint(items=10.0 * at, bytes=size, miss_share=0.5) for at, size in enumerate(sizes, 1)]
    return MissCurve(agent="a", server="~s", port=1, protocol="redis", reads=1, share=1.0, miss_share_now=None,
                     points=points, advice="")  # fmt: skip


def test_a_curve_is_over_bytes_where_all_sizes_are_known() -> None:
    assert (charts.curve(curve(100.0, 200.0))["across"], charts.curve(curve(100.0, 200.0))["x"]) == (
        "bytes",
        [100.0, 200.0],
    )
    assert (charts.curve(curve(100.0, None))["across"], charts.curve(curve(100.0, None))["x"]) == (
        "items",
        [10.0, 20.0],
    )
