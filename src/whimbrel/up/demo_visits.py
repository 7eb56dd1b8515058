"""What the demo's clients do in the shop: a table of visits, by who makes them and how often.

A visit is a call, or a few that belong together.  Some are made in one version of the API only: clients are released
too, and follow what `api-version` in the answers says.  Mistakes are visits like others: people mistype addresses, send
what is not accepted, and forget to sign in.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from whimbrel.up.demo_asking import Answer, Asking, Caller
from whimbrel.up.demo_books import BOOKS, FORMATS, GENRES, OPENINGS, SUBJECTS, everybody
from whimbrel.up.demo_shop import PASSWORD, TOKEN
from whimbrel.up.demo_tally import Tally

SLUGS = tuple(author.slug for author in everybody())
KEPT = 12  # carts and orders that a visitor comes back to
STAFF = {"Authorization": f"Bearer {TOKEN}"}
CITIES = (("Rue du Port 3", "Brest", "29200", "FR"), ("Hafenstraße 12", "Husum", "25813", "DE"))


class Visitor(Caller):
    """One client with what it remembers."""

    def __init__(self, asking: Asking, tally: Tally, seed: int) -> None:
        super().__init__(asking, tally)
        self.source = random.Random(seed)
        self.etags: dict[int, str] = {}
        self.carts: deque[str] = deque(maxlen=KEPT)
        self.orders: deque[str] = deque(maxlen=KEPT)
        self.added: deque[int] = deque(maxlen=KEPT)

    def book(self) -> int:
        """Some books are asked for much more than others."""
        return min(int(self.source.paretovariate(0.7)), BOOKS)

    def cart(self) -> str:
        if not self.carts:
            open_cart(self)
        return self.source.choice(self.carts)


def front_page(who: Visitor) -> None:
    who.call("GET", "/")


def favicon(who: Visitor) -> None:
    who.call("GET", "/favicon.ico")


def list_books(who: Visitor) -> None:
    page, limit = who.source.randint(1, 8), who.source.choice((10, 20, 50))
    who.call("GET", "/books", f"/books?page={page}&limit={limit}")


def list_genre(who: Visitor) -> None:
    who.call("GET", "/books", f"/books?genre={quote(who.source.choice(GENRES))}")


def list_wrongly(who: Visitor) -> None:
    who.call("GET", "/books", "/books?page=first")


def show_book(who: Visitor) -> None:
    number = who.book()
    answer = _book(who, number)
    if answer.status == 200:
        who.etags[number] = answer.headers["etag"]


def show_book_again(who: Visitor) -> None:
    """With the entity tag of the last time."""
    if not who.etags:
        show_book(who)
    number = who.source.choice(list(who.etags) or [1])
    headers = {"If-None-Match": who.etags.get(number, "")}
    who.call("GET", "/books/{integer}", f"/books/{number}", headers=headers)


def show_no_book(who: Visitor) -> None:
    _book(who, who.source.randint(90_000, 99_999))


def _book(who: Visitor, number: int) -> Answer:
    return who.call("GET", "/books/{integer}", f"/books/{number}")


def show_cover(who: Visitor) -> None:
    who.call("GET", "/books/{integer}/cover", f"/books/{who.book()}/cover")


def list_reviews(who: Visitor) -> None:
    who.call("GET", "/books/{integer}/reviews", f"/books/{who.book()}/reviews")


def recommend(who: Visitor) -> None:
    who.call("GET", "/recommendations")


def show_author(who: Visitor) -> None:
    who.call("GET", "/authors/{value}", f"/authors/{who.source.choice(SLUGS)}")


def search(who: Visitor) -> None:
    words = who.source.choice(SUBJECTS + OPENINGS)
    who.call("GET", "/search", f"/search?q={quote(words.lower())}")


def search_nothing(who: Visitor) -> None:
    who.call("GET", "/search", "/search?q=")


def sign_in(who: Visitor) -> None:
    who.call("POST", "/login", send=(("name", "ada"), ("password", PASSWORD)))


def sign_in_wrongly(who: Visitor) -> None:
    who.call("POST", "/login", send=(("name", "ada"), ("password", "guess")))


# ---- carts and orders ----------------------------------------------------------------------------------


def open_cart(who: Visitor) -> None:
    who.carts.append(who.call("POST", "/carts").json()["id"])


def show_cart(who: Visitor) -> None:
    cart = who.cart()
    if who.call("GET", "/carts/{uuid}", f"/carts/{cart}").status == 404:
        who.carts.remove(cart)


def add_to_cart(who: Visitor) -> None:
    _add(who, who.source.randint(1, 3))


def add_too_many(who: Visitor) -> None:
    _add(who, 900)


def _add(who: Visitor, quantity: int) -> str:
    """The cart that it was tried with."""
    cart, line = who.cart(), {"book": who.book(), "quantity": quantity}
    if who.call("POST", "/carts/{uuid}/items", f"/carts/{cart}/items", send=line).status == 404:
        who.carts.remove(cart)
    return cart


def place_order(who: Visitor) -> None:
    answer = who.call("POST", "/orders", send=_order(who, _add(who, 1), "reader@books.example"))
    if answer.status == 201:
        who.orders.append(answer.json()["id"])


def order_nothing(who: Visitor) -> None:
    open_cart(who)
    who.call("POST", "/orders", send=_order(who, who.carts[-1], "reader@books.example"))


def order_wrongly(who: Visitor) -> None:
    who.call("POST", "/orders", send=_order(who, _add(who, 1), "no address"))


def _order(who: Visitor, cart: str, email: str) -> dict[str, object]:
    street, city, postcode, country = who.source.choice(CITIES)
    address = {"street": street, "city": city, "postcode": postcode, "country": country}
    order = {"cart": cart, "email": email, "address": address, "gift": who.source.random() < 0.2}
    if who.source.random() < 0.3:
        order["note"] = "Please ring twice."
    return order | ({"phone": "+33 2 98 00 00 00"} if who.version > 1 else {})


def show_order(who: Visitor) -> None:
    if not who.orders:
        place_order(who)
    if who.orders:
        who.call("GET", "/orders/{uuid}", f"/orders/{who.source.choice(who.orders)}")


# ---- staff ---------------------------------------------------------------------------------------------


def add_book(who: Visitor) -> None:
    title = f"Proofs, volume {who.source.randrange(1 << 40)}"
    book = {"title": title, "author": who.source.choice(SLUGS), "pages": who.source.randint(80, 400), "cents": 1990}
    book |= {"formats": who.source.sample(FORMATS, 2)}
    answer = who.call("POST", "/books", send=book, headers=STAFF)
    if answer.status == 201:
        who.added.append(answer.json()["id"])


def add_book_twice(who: Visitor) -> None:
    title = f"{OPENINGS[0]} {SUBJECTS[0]}"
    book = {"title": title, "author": SLUGS[0], "pages": 90, "cents": 900, "formats": ["audio"]}
    who.call("POST", "/books", send=book, headers=STAFF)


def add_half_a_book(who: Visitor) -> None:
    who.call("POST", "/books", send={"title": "Half a book"}, headers=STAFF)


def add_garbage(who: Visitor) -> None:
    who.call("POST", "/books", send=b'{"title": ', headers=STAFF)


def add_as_nobody(who: Visitor) -> None:
    who.call("POST", "/books", send={"title": "A book of mine"})


def change_price(who: Visitor) -> None:
    change = {"cents": who.source.randint(500, 5000)}
    who.call("PUT", "/books/{integer}", f"/books/{who.book()}", send=change, headers=STAFF)


def remove_book(who: Visitor) -> None:
    if not who.added:
        add_book(who)
    if who.added:
        who.call("DELETE", "/books/{integer}", f"/books/{who.added.popleft()}", headers=STAFF)


def report(who: Visitor) -> None:
    day = datetime.now(UTC).date() - timedelta(days=who.source.randint(0, 60))
    who.call("GET", "/reports/{date}", f"/reports/{day.isoformat()}", headers=STAFF)


def export(who: Visitor) -> None:
    who.call("GET", "/export", headers=STAFF)


@dataclass(frozen=True, slots=True)
class Visit:
    make: Callable[[Visitor], None]
    weight: float
    since: int = 1  # version of the API
    until: int = 9

    def is_of(self, version: int) -> bool:
        return self.since <= version <= self.until


STOREFRONT = (
    Visit(front_page, 6), Visit(list_books, 12), Visit(list_genre, 6), Visit(list_wrongly, 0.4), Visit(show_book, 25),
    Visit(show_cover, 20), Visit(list_reviews, 6, since=2), Visit(recommend, 6, until=1), Visit(search, 10),
    Visit(search_nothing, 0.5), Visit(show_author, 6),
)  # fmt: skip
PHONES = (
    Visit(show_book, 12), Visit(show_book_again, 20), Visit(show_no_book, 1), Visit(search, 12), Visit(show_author, 4),
    Visit(favicon, 0.5), Visit(show_cart, 6), Visit(add_to_cart, 3), Visit(sign_in, 1.5), Visit(sign_in_wrongly, 0.3),
)  # fmt: skip
CHECKOUT = (
    Visit(open_cart, 6), Visit(show_cart, 12), Visit(add_to_cart, 14), Visit(add_too_many, 0.5), Visit(place_order, 9),
    Visit(order_wrongly, 0.5), Visit(order_nothing, 0.5), Visit(show_order, 10),
)  # fmt: skip
OFFICE = (
    Visit(add_book, 3), Visit(add_book_twice, 0.4), Visit(add_half_a_book, 0.4), Visit(add_garbage, 0.4),
    Visit(add_as_nobody, 0.4), Visit(change_price, 5), Visit(remove_book, 2), Visit(report, 3), Visit(export, 1),
)  # fmt: skip
