"""Aliases: what old ids mean today, however the news arrives."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whimbrel.hub import aliases
from whimbrel.hub.aliases import Aliases

IDS = st.sampled_from("abcdefgh")
PAIRS = st.lists(st.tuples(IDS, IDS), max_size=12)


def test_what_nobody_spoke_of_is_itself() -> None:
    assert Aliases().now("a") == "a"
    assert Aliases().before("a") == {"a"}
    assert Aliases([("a", "a")]).moved() == {}


@pytest.mark.parametrize("pairs", [[("a", "b"), ("b", "c")], [("b", "c"), ("a", "b")]])
def test_a_chain_ends_at_its_end(pairs) -> None:
    told = Aliases(pairs)
    assert told.moved() == {"a": "c", "b": "c"}
    assert told.before("a") == told.before("c") == {"a", "b", "c"}


def test_a_chain_that_goes_on_is_followed() -> None:
    told = Aliases([("a", "b")])
    assert told.now("a") == "b"
    told.add("b", "c")
    assert [told.now(each) for each in "abc"] == ["c", "c", "c"]


def test_many_become_one() -> None:
    assert Aliases([(each, "z") for each in "abcd"]).moved() == dict.fromkeys("abcd", "z")


def test_a_circle_is_one_endpoint() -> None:
    assert Aliases([("b", "c"), ("c", "a"), ("a", "b")]).moved() == {"b": "a", "c": "a"}


def test_a_circle_with_a_way_out_leaves_by_it() -> None:
    assert {Aliases([("a", "b"), ("b", "a"), ("b", "z")]).now(each) for each in "abz"} == {"z"}


def test_a_long_chain_takes_neither_a_stack_nor_squares() -> None:
    names = [f"{number:06d}" for number in range(50_000)]
    told = Aliases(pairwise(names))
    assert told.now(names[0]) == names[-1]
    assert len(told.before(names[7])) == 50_000


def test_ids_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aliases, "IDS_MOST", 3)
    told = Aliases([("a", "b"), ("b", "c"), ("c", "d"), ("a", "c")])
    assert told.refused == 1
    assert told.moved() == {"a": "c", "b": "c"}


@given(PAIRS, st.randoms(use_true_random=False))
def test_order_and_repetition_change_nothing(pairs, random) -> None:
    again = pairs + pairs[:3]
    random.shuffle(again)
    assert Aliases(again).moved() == Aliases(pairs).moved()


@given(PAIRS)
def test_an_alias_unites_and_what_stands_for_all_is_one_of_them(pairs) -> None:
    told = Aliases(pairs)
    for old, new in pairs:
        assert told.now(old) == told.now(new)
    for known in "abcdefgh":
        today = told.now(known)
        assert told.now(today) == today
        assert today in told.before(known)
        leaving = {old for old, new in pairs if old != new}
        assert today not in leaving or told.before(known) <= leaving
