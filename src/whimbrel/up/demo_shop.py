"""The demo's bookshop: an API as people write them, with what makes watching one interesting.

Path parameters of several kinds, queries, JSON of some depth, a form, a page, an image, chunks, tokens, entity tags,
errors of every class; pages that come from the cache, and orders that ask another service.  Version 2 is the same shop
after a release that was not as careful as it should have been: demo_changes.py lists what is different in it.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

from whimbrel.up.demo_books import GENRES, Book, bounded, cover, isbn, new_id, shelves
from whimbrel.up.demo_cache import Cache
from whimbrel.up.demo_stock_client import StockClient
from whimbrel.up.demo_web import Call, Refused, Reply, Row, Service, Work

TOKEN = "demo-staff-token"  # noqa: S105 - everybody who starts the demo is staff
PASSWORD = "curlew"  # noqa: S105
EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,64}\.[a-z]{2,12}")
PAGE_MOST, QUANTITY_MOST = 50, 20
BOOK_TTL_S, SEARCH_TTL_S, CART_TTL_S = 30, 15, 1800
FAILING_SHARE = 0.02  # of payments; of a cart's additions in version 2, more
FAILING_SHARE_NEXT = 0.25


class Shop(Service):
    """`url` is how its own links begin."""

    def __init__(self, cache: Cache, stock: StockClient, url: str, **more: Any) -> None:
        super().__init__("shop", **more)
        self.cache, self.stock, self.url = cache, stock, url
        self.shelves = shelves()

    @property
    def is_next(self) -> bool:
        return self.version > 1

    def book(self, number: int) -> Book:
        found = self.shelves.books.get(number)
        if found is None:
            raise Refused(404, f"there is no book {number}")
        return found


def staff_only(call: Call) -> None:
    if call.headers.get("authorization") != f"Bearer {TOKEN}":
        raise Refused(401, "this needs a staff token")


def text(found: dict[str, Any], name: str, most: int = 200) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= most:
        raise Refused(422, f"{name} must be a text of 1 to {most} characters")
    return value


def whole(found: dict[str, Any], name: str, most: int) -> int:
    value = found.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise Refused(422, f"{name} must be a whole number from 1 to {most}")
    return value


# ---- books ---------------------------------------------------------------------------------------------


def front_page(shop: Shop, _: Call) -> Reply:
    items = "".join(f"<li>{book.title}</li>" for book in list(shop.shelves.books.values())[:40])
    page = f"<!doctype html><title>Bookshop</title><h1>Books by nobody</h1><ul>{items}</ul>"
    return Reply(body=page.encode(), kind="text/html; charset=utf-8")


def list_books(shop: Shop, call: Call) -> Reply:
    page, limit = call.number("page", 1, 1000), call.number("limit", 20, PAGE_MOST)
    genre = call.query.get("genre")
    if genre is not None and genre not in GENRES:
        raise Refused(400, f"genre must be one of {', '.join(GENRES)}")
    some = [book for book in shop.shelves.books.values() if genre in (None, book.genre)]
    shown = some[(page - 1) * limit : page * limit]
    more = f"{shop.url}/books?page={page + 1}&limit={limit}" if page * limit < len(some) else None
    return Reply(body={"total": len(some), "page": page, "next": more, "items": [book.line() for book in shown]})


def show_book(shop: Shop, call: Call) -> Reply:
    book = shop.book(call.path["id"])
    if call.headers.get("if-none-match") == book.etag:
        return Reply(304, headers={"etag": book.etag})
    found = shop.cache.read(f"book:{book.id}:v{shop.version}", BOOK_TTL_S, lambda: _book_page(shop, book))
    return Reply(body=found, headers={"etag": book.etag})


def _book_page(shop: Shop, book: Book) -> dict[str, Any]:
    author = shop.shelves.authors[book.author]
    page = book.line() | {
        "isbn": book.isbn,
        "subtitle": book.subtitle,
        "published": book.published,
        "formats": book.formats,
        "author": {"id": author.id, "name": author.name, "url": f"{shop.url}/authors/{author.slug}"},
        "cover": f"{shop.url}/books/{book.id}/cover",
    }
    return page | ({"weight_g": 60 + 2 * book.pages} if shop.is_next else {"pages": book.pages})


def add_book(shop: Shop, call: Call) -> Reply:
    staff_only(call)
    found = call.json()
    title, pages, cents = text(found, "title"), whole(found, "pages", 5000), whole(found, "cents", 100_000)
    author = shop.shelves.author_of(text(found, "author"))
    if author is None:
        raise Refused(422, "author must be one that the shop has")
    if any(book.title == title for book in shop.shelves.books.values()):
        raise Refused(409, "there is a book of this title")
    number = shop.shelves.next_id
    day = datetime.now(UTC).date().isoformat()
    book = Book(
        number, title, author.id, isbn(number), pages, cents, day, GENRES[number % len(GENRES)], None, ["audio"]
    )
    book.etag = f'"{number:x}-new"'
    shop.shelves.add_book(book)
    return Reply(201, {"id": number, "isbn": book.isbn}, headers={"location": f"/books/{number}"})


def change_book(shop: Shop, call: Call) -> Reply:
    staff_only(call)
    book = shop.book(call.path["id"])
    book.cents = whole(call.json(), "cents", 100_000)
    shop.cache.drop(f"book:{book.id}:v{shop.version}")
    return Reply(body={"id": book.id, "price": book.price(), "changed_at": _now()})


def remove_book(shop: Shop, call: Call) -> Reply:
    staff_only(call)
    shop.book(call.path["id"])
    del shop.shelves.books[call.path["id"]]
    return Reply(204)


def show_cover(shop: Shop, call: Call) -> Reply:
    book = shop.book(call.path["id"])
    if shop.is_next:
        return Reply(302, headers={"location": f"https://covers.example/{book.isbn}.png"})
    return Reply(body=cover(book), kind="image/png", headers={"cache-control": "max-age=3600"})


def list_reviews(shop: Shop, call: Call) -> Reply:
    book = shop.book(call.path["id"])
    reviews = [{"stars": 1 + (book.id * n) % 5, "text": f"I read it {n} times.", "at": _now()} for n in range(1, 4)]
    return Reply(body={"book": book.id, "reviews": reviews})


def recommend(shop: Shop, _: Call) -> Reply:
    if shop.is_next:
        raise Refused(404, "there are no recommendations any more")
    some = shop.source.sample(range(1, 200), 5)
    return Reply(body={"reason": "popular", "items": [shop.shelves.books[number].line() for number in some]})


def show_author(shop: Shop, call: Call) -> Reply:
    author = shop.shelves.author_of(call.path["slug"])
    if author is None:
        raise Refused(404, "there is no such author")
    books = [book.line() for book in shop.shelves.books.values() if book.author == author.id]
    page = {"id": author.id, "name": author.name, "books": books}
    return Reply(body=page if shop.is_next and author.id % 2 else page | {"born": author.born})


def search(shop: Shop, call: Call) -> Reply:
    words = call.query.get("q", "")
    if not 2 <= len(words) <= 100:
        raise Refused(400, "q must have 2 to 100 characters")
    key = "search:" + hashlib.sha256(words.encode()).hexdigest()[:16]
    found = shop.cache.compute(key, SEARCH_TTL_S, lambda: [book.line() for book in shop.shelves.find(words)[:20]])
    return Reply(body={"query": words, "hits": len(found), "items": found})


def export(shop: Shop, call: Call) -> Reply:
    staff_only(call)
    return Reply(body=_lines(list(shop.shelves.books.values())), kind="text/csv; charset=utf-8")


def _lines(books: list[Book]) -> Iterator[bytes]:
    yield b"id,isbn,title,cents\r\n"
    for book in books:
        yield f"{book.id},{book.isbn},{book.title},{book.cents}\r\n".encode()


# ---- carts and orders ----------------------------------------------------------------------------------


def open_cart(shop: Shop, _: Call) -> Reply:
    number = new_id(shop.source)
    bounded(shop.shelves.carts, number, {})
    shop.cache.keep(f"cart:{number}", CART_TTL_S, {})
    return Reply(201, {"id": number, "opened_at": _now()}, headers={"location": f"/carts/{number}"})


def _cart(shop: Shop, call: Call) -> dict[int, int]:
    found = shop.shelves.carts.get(str(call.path["id"]))
    if found is None:
        raise Refused(404, "there is no such cart")
    return found


def show_cart(shop: Shop, call: Call) -> Reply:
    lines = _cart(shop, call)
    shop.cache.read(f"cart:{call.path['id']}", CART_TTL_S, lambda: {str(book): n for book, n in lines.items()})
    total = sum(shop.book(book).cents * n for book, n in lines.items())
    items = [{"book": book, "quantity": n} for book, n in lines.items()]
    return Reply(
        body={"id": str(call.path["id"]), "total": f"{total / 100:.2f}" if shop.is_next else total, "items": items}
    )


def add_to_cart(shop: Shop, call: Call) -> Reply:
    lines, found = _cart(shop, call), call.json()
    book, quantity = shop.book(whole(found, "book", 1 << 31)), whole(found, "quantity", QUANTITY_MOST)
    left = shop.cache.compute(f"stock:{book.id}", 5, lambda: shop.stock.left(book.id))
    if left < quantity:
        raise Refused(409, f"there are {left} left of {book.id}")
    if shop.is_next and shop.source.random() < FAILING_SHARE_NEXT:
        raise Refused(500, "the cart could not be kept")
    lines[book.id] = min(lines.get(book.id, 0) + quantity, QUANTITY_MOST)
    shop.cache.keep(f"cart:{call.path['id']}", CART_TTL_S, {str(key): n for key, n in lines.items()})
    return Reply(201, {"book": book.id, "quantity": lines[book.id]})


def place_order(shop: Shop, call: Call) -> Reply:
    found = call.json()
    lines = shop.shelves.carts.get(text(found, "cart"))
    if not lines:
        raise Refused(409, "the cart is empty, or gone")
    _address(found)
    if shop.is_next:
        text(found, "phone", 30)
    if shop.source.random() < FAILING_SHARE:
        raise Refused(500, "the payment service did not answer")
    shop.stock.reserve(dict(lines))
    number = new_id(shop.source)
    bounded(shop.shelves.orders, number, {"cents": sum(shop.book(b).cents * n for b, n in lines.items()), "at": _now()})
    lines.clear()
    return Reply(201, {"id": number, "status": "paid", "placed_at": _now()}, headers={"location": f"/orders/{number}"})


def _address(found: dict[str, Any]) -> None:
    if not EMAIL.fullmatch(text(found, "email")):
        raise Refused(422, "email must be an address")
    address = found.get("address")
    if not isinstance(address, dict):
        raise Refused(422, "address must be an object")
    for name in ("street", "city", "postcode", "country"):
        text(address, name)


def show_order(shop: Shop, call: Call) -> Reply:
    order = shop.shelves.orders.get(str(call.path["id"]))
    if order is None:
        raise Refused(404, "there is no such order")
    waits = shop.is_next and shop.source.random() < 0.5
    return Reply(body={
        "id": str(call.path["id"]),
        "placed_at": order["at"],
        "shipped_at": None if waits else _now(),
        "total": {"amount": order["cents"] / 100, "currency": "EUR"},
        "tracking": f"https://parcels.example/{call.path['id']}",
    })  # fmt: skip


def sign_in(shop: Shop, call: Call) -> Reply:
    form = call.form()
    if form.get("password") != PASSWORD:
        raise Refused(401, "the name or the password is wrong")
    cookie = f"session={new_id(shop.source)}; HttpOnly; SameSite=Lax; Path=/"
    return Reply(303, headers={"location": "/account", "set-cookie": cookie})


def report(shop: Shop, call: Call) -> Reply:
    staff_only(call)
    try:
        day = date.fromisoformat(call.path["day"])
    except ValueError:
        raise Refused(400, "a day is written as 2024-05-17") from None
    orders = len(shop.shelves.orders)
    genres = {genre: sum(book.genre == genre for book in shop.shelves.books.values()) for genre in GENRES}
    return Reply(body={"day": day.isoformat(), "orders": orders, "share_online": 0.87, "books_by_genre": genres})


def health(shop: Shop, _: Call) -> Reply:
    return Reply(body={"status": "ok", "version": shop.version, "books": len(shop.shelves.books)})


def _now() -> str:
    return datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


ROWS: tuple[Row, ...] = (
    Row("GET", "/", "/", front_page, Work(3)),
    Row("GET", "/books", "/books", list_books, Work(6, 0.35)),
    Row("POST", "/books", "/books", add_book, Work(15)),
    Row("GET", "/books/{id:int}", "/books/{integer}", show_book, Work(4, 0.3)),
    Row("PUT", "/books/{id:int}", "/books/{integer}", change_book, Work(12)),
    Row("DELETE", "/books/{id:int}", "/books/{integer}", remove_book, Work(10)),
    Row("GET", "/books/{id:int}/cover", "/books/{integer}/cover", show_cover, Work(2)),
    Row("GET", "/books/{id:int}/reviews", "/books/{integer}/reviews", list_reviews, Work(7), since=2),
    Row("GET", "/recommendations", "/recommendations", recommend, Work(9, 0.4)),
    Row("GET", "/authors/{slug}", "/authors/{value}", show_author, Work(5)),
    Row("GET", "/search", "/search", search, Work(18, 0.4, 0.02, 12), Work(18, 0.4, 0.15, 30)),
    Row("GET", "/export", "/export", export, Work(70, 0.3)),
    Row("POST", "/carts", "/carts", open_cart, Work(5)),
    Row("GET", "/carts/{id:uuid}", "/carts/{uuid}", show_cart, Work(4)),
    Row("POST", "/carts/{id:uuid}/items", "/carts/{uuid}/items", add_to_cart, Work(6)),
    Row("POST", "/orders", "/orders", place_order, Work(45, 0.5, 0.03, 6)),
    Row("GET", "/orders/{id:uuid}", "/orders/{uuid}", show_order, Work(6)),
    Row("POST", "/login", "/login", sign_in, Work(40, 0.1)),
    Row("GET", "/reports/{day}", "/reports/{date}", report, Work(90, 0.3, 0.05, 7)),
    Row("GET", "/health", "/health", health, Work(0.5)),
)
