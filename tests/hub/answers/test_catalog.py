"""Endpoints of the same words are one."""

from tests.hub.answers.sample import ASKED, BOOKS, BOOKS_OF_TWO, GET, OLD, ORDERS, SET, START
from tests.hub.batches import NOON
from whimbrel.hub.answers.catalog import Catalog, Counted, heard, known_before, line, seconds
from whimbrel.hub.answers.measures import tally
from whimbrel.hub.archive import AgentRow, EndpointRow, Period
from whimbrel.hub.duck import DuckArchive


def known(number: int, template: str = "/a", agent: str = "one", first: int = 5, **more: str) -> EndpointRow:
    return EndpointRow(
        f"{number:016x}", "http", "GET", more.get("host", "shop"), template, agent, ("bearer",), first, 9
    )


def agent(first: int, last: int) -> AgentRow:
    return AgentRow("one", 1, first, last, 1, 0, 0, 1, {})


def test_several_ids_of_the_same_words_are_one() -> None:
    made = Catalog.of_rows([known(7, agent="two", first=3), known(2), known(3, "/b"), known(4, host="other")])
    assert len(made) == 3
    one = made.by_id[f"{7:016x}"]
    assert one is made.by_id[f"{2:016x}"] and one.id == f"{2:016x}"
    assert (one.agents, one.auth, one.first, one.last) == (("one", "two"), ("bearer",), 3, 9)


def test_what_one_has_and_another_has_not() -> None:
    made = Catalog.of_rows([known(1), known(2, "/b")]).without(Catalog.of_rows([known(9, "/b", "two")]))
    assert [each.words[3] for each in made] == ["/a"]


def test_new_is_what_came_first_in_the_period(shop: DuckArchive) -> None:
    catalog, earlier = Catalog.of_rows(shop.endpoints(ASKED.period)), known_before(shop, ASKED.period.start)
    assert earlier.catalog.by_id.keys() == {BOOKS, OLD}
    assert next(each.id for each in catalog if earlier.is_new(each)) == ORDERS
    assert not earlier.is_new(catalog.by_id[BOOKS_OF_TWO])
    assert earlier.first_of(catalog.by_id[BOOKS]) == NOON - 1200
    assert earlier.first_of(catalog.by_id[ORDERS]) == START


def test_without_a_before_new_is_what_came_clearly_later_than_its_agent(shop: DuckArchive) -> None:
    earlier = known_before(shop, NOON - 5000)
    assert earlier.catalog.by_id == {} and earlier.knows_new(NOON) and not earlier.knows_new(NOON - 1180)
    everything = Catalog.of_rows(shop.endpoints(Period(NOON - 5000, NOON)))
    assert {each.id for each in everything if earlier.is_new(each)} == {ORDERS, GET, SET}


def test_rates_are_over_what_agents_told_of() -> None:
    asked = Period(1000, 2000)
    assert heard([], asked) == asked
    assert heard([agent(1504, 1800), agent(1700, 1893)], asked) == Period(1500, 1900)
    assert heard([agent(10, 5000)], asked) == asked
    assert heard([agent(2, 3)], asked) == asked
    assert seconds(Period(5, 5)) == 1


def test_a_line_adds_what_several_agents_saw(shop: DuckArchive) -> None:
    catalog = Catalog.of_rows(shop.endpoints(ASKED.period))
    found = catalog.by_id[BOOKS_OF_TWO]
    rows = catalog.grouped(shop.statuses(ASKED.period))[found.words]
    made = line(Counted(found, tally(rows, "http")), 300, known_before(shop, ASKED.period.start))
    assert (made.id, made.service, made.calls, made.seen, made.sample) == (BOOKS, "shop", 430, 380, 2)
    assert made.per_s == 430 / 300 and made.error_share == 30 / 430 and made.client_error_share == 0.0
    assert made.response_mean_bytes == (300 * 100 + 100 * 100 + 30 * 5) / 430
    assert (made.first, made.last, made.is_new) == (NOON - 1200, NOON - 10, False)


def test_rows_of_unknown_endpoints_are_left_out(shop: DuckArchive) -> None:
    assert Catalog([]).grouped(shop.statuses(ASKED.period)) == {}
