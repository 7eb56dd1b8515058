"""The demo's second service: how many of a book are left.  The shop asks it; nobody else does."""

from __future__ import annotations

from typing import Any

from whimbrel.up.demo_web import Call, Refused, Reply, Row, Service, Work

FULL, EMPTY_EVERY = 500, 17  # how many there are of a book; of every 17th there is none


class Stock(Service):
    def __init__(self, **more: Any) -> None:
        super().__init__("stock", **more)
        self.left: dict[int, int] = {}

    def of(self, book: int) -> int:
        return 0 if book % EMPTY_EVERY == 0 else self.left.get(book, FULL)


def show(stock: Stock, call: Call) -> Reply:
    book = call.path["id"]
    shelf = f"{book % 40:02}-{'abcd'[book % 4]}"
    return Reply(
        body={"book": book, "left": stock.of(book), "shelf": shelf, "restock_on": None if book % 3 else "2030-01-01"}
    )


def reserve(stock: Stock, call: Call) -> Reply:
    lines = call.json().get("lines")
    if not isinstance(lines, list) or not lines:
        raise Refused(422, "lines must be a list of book and quantity")
    for line in lines:
        book, quantity = int(line["book"]), int(line["quantity"])
        if stock.of(book) < quantity:
            stock.left.pop(book, None)  # the lorry comes
            raise Refused(409, f"there are too few of {book}")
        stock.left[book] = stock.of(book) - quantity
    return Reply(201, {"reserved": len(lines), "until": "2030-01-01T00:00:00Z"})


ROWS: tuple[Row, ...] = (
    Row("GET", "/stock/{id:int}", "/stock/{integer}", show, Work(2, 0.3, 0.01, 10)),
    Row("POST", "/reservations", "/reservations", reserve, Work(8, 0.4)),
)
