"""The shop and the stock service: each endpoint with what it answers, in both versions."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from tests.up.inprocess import client_of
from whimbrel.base.values import Address
from whimbrel.up import demo_shop, demo_stock
from whimbrel.up.demo_cache import Cache
from whimbrel.up.demo_changes import SEEDED
from whimbrel.up.demo_shop import PASSWORD, TOKEN, Shop
from whimbrel.up.demo_stock import EMPTY_EVERY, FULL, Stock
from whimbrel.up.demo_stock_client import StockClient
from whimbrel.up.demo_web import Refused, application

STAFF = {"Authorization": f"Bearer {TOKEN}"}
ADDRESS = {"street": "Rue du Port 3", "city": "Brest", "postcode": "29200", "country": "FR"}
BOOK = {"title": "New", "author": "ada-marsh-1890", "pages": 80, "cents": 900}
NOBODY = "00000000-0000-4000-8000-000000000000"


class Market:
    """Both services in this process; `ask` is a client of the shop."""

    def __init__(self) -> None:
        self.stock = Stock(work_scale=0.0)
        asking = StockClient(Address("127.0.0.1", 1), "stock", "127.0.0.1")
        asking.http = client_of(application(self.stock, demo_stock.ROWS))
        self.shop = Shop(Cache(None), asking, "http://shop", work_scale=0.0)
        self.http = client_of(application(self.shop, demo_shop.ROWS))

    def ask(self, method: str, path: str, send: object = None, headers: Mapping[str, str] | None = None) -> Any:
        return self.http.request(method, path, json=send, headers=headers)

    def cart(self, **line: int) -> str:
        number: str = self.ask("POST", "/carts").json()["id"]
        if line:
            assert self.ask("POST", f"/carts/{number}/items", line).status_code == 201
        return number

    def order(self, cart: str, **more: object) -> Any:
        return self.ask("POST", "/orders", {"cart": cart, "email": "a@b.example", "address": ADDRESS} | more)


@pytest.fixture
def market() -> Market:
    return Market()


CASES = [
    ("GET", "/", None, {}, 200),
    ("GET", "/books?genre=crime&limit=5", None, {}, 200),
    ("GET", "/books?genre=none", None, {}, 400),
    ("GET", "/books?page=first", None, {}, 400),
    ("GET", "/books/3", None, {}, 200),
    ("GET", "/books/99999", None, {}, 404),
    ("GET", "/books/3/cover", None, {}, 200),
    ("GET", "/books/3/reviews", None, {}, 404),
    ("GET", "/recommendations", None, {}, 200),
    ("GET", "/authors/ada-marsh-1890", None, {}, 200),
    ("GET", "/authors/nobody", None, {}, 404),
    ("GET", "/search?q=tides", None, {}, 200),
    ("GET", "/search?q=", None, {}, 400),
    ("POST", "/books", BOOK, STAFF, 201),
    ("POST", "/books", BOOK, {}, 401),
    ("POST", "/books", {**BOOK, "author": "nobody"}, STAFF, 422),
    ("POST", "/books", {"title": ""}, STAFF, 422),
    ("POST", "/books", {**BOOK, "pages": True}, STAFF, 422),
    ("PUT", "/books/3", {"cents": 900}, STAFF, 200),
    ("DELETE", "/books/3", None, STAFF, 204),
    ("DELETE", "/books/99999", None, STAFF, 404),
    ("GET", "/export", None, STAFF, 200),
    ("GET", "/reports/2024-05-17", None, STAFF, 200),
    ("GET", "/reports/yesterday", None, STAFF, 400),
    ("GET", f"/carts/{NOBODY}", None, {}, 404),
    ("GET", f"/orders/{NOBODY}", None, {}, 404),
    ("POST", "/orders", {"cart": NOBODY}, {}, 409),
    ("GET", "/health", None, {}, 200),
]


@pytest.mark.parametrize("method, path, send, headers, status", CASES)
def test_what_is_answered(
    market: Market, method: str, path: str, send: object, headers: dict[str, str], status: int
) -> None:
    answer = market.ask(method, path, send, headers)
    assert answer.status_code == status, answer.text
    if status >= 400:
        assert list(answer.json()) == ["error"]


def test_an_entity_tag_saves_the_body(market: Market) -> None:
    tag = market.ask("GET", "/books/3").headers["etag"]
    again = market.ask("GET", "/books/3", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


def test_a_book_that_is_added_is_there_once(market: Market) -> None:
    number = market.ask("POST", "/books", BOOK, STAFF).json()["id"]
    assert market.ask("GET", f"/books/{number}").json()["title"] == "New"
    assert market.ask("POST", "/books", BOOK, STAFF).status_code == 409


def test_signing_in(market: Market) -> None:
    good, bad = (market.http.post("/login", data={"password": word}) for word in (PASSWORD, "guess"))
    assert (good.status_code, bad.status_code) == (303, 401) and "HttpOnly" in good.headers["set-cookie"]


def test_an_order_from_cart_to_parcel(market: Market) -> None:
    cart = market.cart(book=3, quantity=2)
    assert market.ask("GET", f"/carts/{cart}").json()["items"] == [{"book": 3, "quantity": 2}]
    placed = market.order(cart)
    assert placed.status_code == 201 and market.stock.of(3) == FULL - 2
    assert market.ask("GET", f"/orders/{placed.json()['id']}").json()["tracking"].startswith("https://")
    assert market.order(cart).status_code == 409  # it is empty now
    assert market.order(market.cart(book=4, quantity=1), email="nobody").status_code == 422
    assert market.order(market.cart(book=4, quantity=1), address={"city": "Brest"}).status_code == 422


def test_what_the_stock_has_not_is_not_sold(market: Market) -> None:
    cart = market.cart()
    assert market.ask("POST", f"/carts/{cart}/items", {"book": EMPTY_EVERY, "quantity": 1}).status_code == 409
    cart = market.cart(book=3, quantity=5)
    market.stock.left[3] = 2
    assert market.order(cart).status_code == 409 and market.stock.of(3) == FULL  # the lorry came


def test_a_stock_service_that_is_away(market: Market) -> None:
    nobody = StockClient(Address("127.0.0.1", 1), "stock", "127.0.0.1")
    with pytest.raises(Refused, match="cannot be reached"):
        nobody.left(3)
    nobody.close()
    market.shop.stock.http = httpx.Client(
        transport=httpx.MockTransport(lambda _: httpx.Response(500)), base_url="http://x"
    )
    answer = market.ask("POST", f"/carts/{market.cart()}/items", {"book": 3, "quantity": 1})
    assert (answer.status_code, answer.json()) == (503, {"error": "the stock service could not answer"})


def test_the_next_version(market: Market) -> None:
    cart = market.cart(book=3, quantity=1)
    total = market.ask("GET", f"/carts/{cart}").json()["total"]
    order = market.order(cart).json()["id"]
    waiting = market.cart(book=3, quantity=1)
    market.shop.version = 2
    assert market.ask("GET", "/books/3/cover").status_code == 302
    assert market.ask("GET", "/recommendations").status_code == 404
    assert market.ask("GET", "/books/3/reviews").status_code == 200
    page = market.ask("GET", "/books/3").json()
    assert "pages" not in page and page["weight_g"] > 0
    assert market.ask("GET", f"/carts/{waiting}").json()["total"] == f"{total / 100:.2f}"
    assert None in {market.ask("GET", f"/orders/{order}").json()["shipped_at"] for _ in range(40)}
    assert market.order(waiting).json() == {"error": "phone must be a text of 1 to 30 characters"}
    assert "born" not in market.ask("GET", "/authors/ada-tern-1927").json()


def test_the_table_of_changes_is_of_this_api() -> None:
    known = {f"{row.method} {row.template}" for row in demo_shop.ROWS}
    assert {one.endpoint for one in SEEDED} <= known and len({row.template for row in demo_shop.ROWS}) >= 12
