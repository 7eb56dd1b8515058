"""The same books in every run, within bounds."""

import random
import zlib
from collections import OrderedDict
from dataclasses import replace

import pytest

from whimbrel.up.demo_books import ADDED_MOST, BOOKS, bounded, cover, everybody, isbn, new_id, shelves


def test_two_runs_have_the_same_books() -> None:
    assert shelves().books == shelves().books and len(shelves().books) == BOOKS
    assert shelves(2).books != shelves().books


@pytest.mark.parametrize("number", [1, 17, 240, 99_999])
def test_isbns_have_their_check_digit(number: int) -> None:
    weighted = sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(isbn(number)))
    assert len(isbn(number)) == 13 and weighted % 10 == 0


def test_authors_are_found_by_their_slug() -> None:
    slugs = [author.slug for author in everybody()]
    assert len(set(slugs)) == len(slugs) == 80
    assert [shelves().author_of(slug) for slug in slugs[:3]] == list(everybody()[:3])
    assert shelves().author_of("nobody") is None


def test_what_calls_add_is_bounded() -> None:
    held = shelves()
    for number in range(BOOKS + 1, BOOKS + ADDED_MOST + 11):
        held.add_book(replace(held.books[1], id=number))
    assert len(held.books) == BOOKS + ADDED_MOST and held.next_id == BOOKS + ADDED_MOST + 11
    assert BOOKS in held.books and BOOKS + 10 not in held.books and BOOKS + 11 in held.books
    kept: OrderedDict[str, int] = OrderedDict()
    for n in range(ADDED_MOST + 3):
        bounded(kept, str(n), n)
    assert len(kept) == ADDED_MOST and next(iter(kept)) == "3"


def test_a_cover_is_an_image() -> None:
    image = cover(shelves().books[1], side=48)
    width, height = (int.from_bytes(image[at : at + 4], "big") for at in (16, 20))
    assert image.startswith(b"\x89PNG\r\n\x1a\n") and (width, height) == (48, 48)
    size = int.from_bytes(image[33:37], "big")
    assert len(zlib.decompress(image[41 : 41 + size])) == 48 * (1 + 3 * 48)
    assert image != cover(shelves().books[2])


def test_ids_are_drawn() -> None:
    assert new_id(random.Random(1)) == new_id(random.Random(1)) != new_id(random.Random(2))
