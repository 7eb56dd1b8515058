"""What is around an answer."""

from tests.hub.batches import NOON
from whimbrel.hub.answers.shapes import Span
from whimbrel.hub.views.frame import PLACES, Frame, field_time
from whimbrel.hub.views.rendering import BY_NAME

SPAN = Span(start=NOON - 3600, end=NOON, step_s=30)


def frame(path: str = "/endpoints", **query: str) -> Frame:
    return Frame(BY_NAME["endpoints"], path, query, NOON)


def test_links_to_other_pages_take_the_period_along_and_nothing_else() -> None:
    assert frame(last="6h", sort="p99").to("/cache") == "/cache?last=6h"
    assert frame(start="1", end="2").to("/cache", service="a b") == "/cache?start=1&end=2&service=a+b"
    assert frame(sort="p99").to("/cache") == "/cache"


def test_links_on_the_page_take_everything_along() -> None:
    assert frame(last="6h", sort="p99").here(sort="p50") == "/endpoints?last=6h&sort=p50"
    assert frame(last="6h", offset="100").here(offset=None) == "/endpoints?last=6h"


def test_another_period_replaces_the_one_there_is() -> None:
    assert (
        frame(start="1", end="2", text="x", offset="5", before_start="3").during(last="7d")
        == "/endpoints?text=x&last=7d"
    )


def test_the_twin_is_the_same_question() -> None:
    assert frame(sort="p99").twin == "/api/endpoints?sort=p99&last=1h"
    assert {place.twin for place in PLACES} >= {"/api/overview", "/api/cache"}


def test_only_what_ends_now_is_looked_at_again() -> None:
    assert frame().refresh_s(SPAN) == 30
    assert frame(last="30d").refresh_s(Span(start=0, end=1, step_s=21_600)) == 60
    assert frame(last="5m").refresh_s(Span(start=0, end=1, step_s=10)) == 10
    assert frame(start="1", end="2").refresh_s(SPAN) == 0


def test_what_a_form_carries_along() -> None:
    assert frame(last="6h", sort="p99", text="").kept("last") == [("sort", "p99")]


def test_ids_are_quoted() -> None:
    assert frame().endpoint("a/b?c") == "/endpoints/a%2Fb%3Fc"


def test_a_time_as_browsers_edit_it() -> None:
    assert field_time(NOON) == "2025-10-09T12:00:00"
