"""The shop's stock in trade: books that nobody wrote, by people who are not; and what the shop keeps in memory.

Everything is drawn from a seed, so that two runs have the same books.  What calls add (books, carts, orders) is
bounded: the oldest goes.
"""

from __future__ import annotations

import random
import struct
import uuid
import zlib
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

BOOKS = 240
ADDED_MOST = 500  # books, carts and orders that calls made, each
GENRES = ("poetry", "travel", "nature", "crime", "cookery", "science", "letters")
FORMATS = ("hardback", "paperback", "audio")
GIVEN = ("Ada", "Bruno", "Cleo", "Doris", "Emil", "Fenna", "Gustav", "Hanna", "Ivo", "Juno")
FAMILY = ("Marsh", "Tern", "Heron", "Reed", "Plover", "Stone", "Dunlin", "Sedge")
OPENINGS = ("The Last", "A Short History of", "Notes on", "The Quiet", "Beyond the", "Letters from the", "Twelve",
            "In Praise of", "The Cartography of", "Under the", "An Atlas of", "The Second")  # fmt: skip
SUBJECTS = ("Tides", "Migration", "Salt Marsh", "Lighthouses", "Estuaries", "North Wind", "Waders", "Ferries",
            "Small Islands", "Moorland", "Winter Light", "Curlews", "Harbour", "Long Flights", "Fog", "Shingle",
            "Silence", "Bird Names", "Low Water", "Peat")  # fmt: skip


@dataclass(slots=True)
class Book:
    id: int
    title: str
    author: int
    isbn: str
    pages: int
    cents: int
    published: str  # 2014-03-01
    genre: str
    subtitle: str | None
    formats: list[str]
    etag: str = ""

    def line(self) -> dict[str, Any]:
        """As lists show it."""
        return {"id": self.id, "title": self.title, "genre": self.genre, "price": self.price()}

    def price(self) -> dict[str, Any]:
        return {"amount": self.cents / 100, "currency": "EUR"}


@dataclass(frozen=True, slots=True)
class Author:
    id: int
    name: str
    born: int

    @property
    def slug(self) -> str:
        return f"{self.name.lower().replace(' ', '-')}-{self.born}"


@dataclass(slots=True)
class Shelves:
    """What there is."""

    books: dict[int, Book]
    authors: tuple[Author, ...]
    carts: OrderedDict[str, dict[int, int]] = field(default_factory=OrderedDict)
    orders: OrderedDict[str, dict[str, Any]] = field(default_factory=OrderedDict)
    next_id: int = BOOKS + 1

    def author_of(self, slug: str) -> Author | None:
        return next((author for author in self.authors if author.slug == slug), None)

    def add_book(self, book: Book) -> None:
        self.books[book.id] = book
        self.next_id = book.id + 1
        if len(self.books) > BOOKS + ADDED_MOST:
            del self.books[next(key for key in self.books if key > BOOKS)]

    def find(self, words: str) -> list[Book]:
        return [book for book in self.books.values() if words.lower() in book.title.lower()]


def bounded(kept: OrderedDict[str, Any], key: str, value: Any) -> None:
    """Into `kept`, from which the oldest goes."""
    kept[key] = value
    if len(kept) > ADDED_MOST:
        kept.popitem(last=False)


def everybody() -> tuple[Author, ...]:
    names = (f"{given} {family}" for given in GIVEN for family in FAMILY)
    return tuple(Author(number, name, 1890 + number * 37 % 100) for number, name in enumerate(names))


def shelves(seed: int = 1) -> Shelves:
    source = random.Random(seed)
    authors = everybody()
    titles = [f"{opening} {subject}" for opening in OPENINGS for subject in SUBJECTS]
    source.shuffle(titles)
    books = {number: _book(number, titles[number - 1], len(authors), source) for number in range(1, BOOKS + 1)}
    return Shelves(books, authors)


def _book(number: int, title: str, authors: int, source: random.Random) -> Book:
    return Book(
        id=number,
        title=title,
        author=source.randrange(authors),
        isbn=isbn(number),
        pages=source.randint(60, 900),
        cents=source.randint(600, 4800),
        published=f"{source.randint(1960, 2024)}-{source.randint(1, 12):02}-{source.randint(1, 28):02}",
        genre=source.choice(GENRES),
        subtitle=f"{source.choice(SUBJECTS)} revisited" if source.random() < 0.5 else None,
        formats=source.sample(FORMATS, source.randint(1, 3)),
        etag=f'"{number:x}-{source.getrandbits(32):08x}"',
    )


def isbn(number: int) -> str:
    """Thirteen digits with the right check digit."""
    digits = f"9781{number:08}"
    check = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return digits + str(-check % 10)


def new_id(source: random.Random) -> str:
    return str(uuid.UUID(int=source.getrandbits(128), version=4))


def cover(book: Book, side: int = 48) -> bytes:
    """A PNG: two colours that follow from the book, in stripes."""
    ink = zlib.crc32(book.isbn.encode())
    colours = [((ink >> shift) & 255, (ink >> shift + 4) & 255, (ink >> shift + 8) & 255) for shift in (0, 12)]
    rows = b"".join(b"\0" + bytes(colours[(y // 6) % 2]) * side for y in range(side))
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
