"""Words of endpoints, as they become known."""

from typing import Any

from whimbrel.hub.known import known

ROWS: list[tuple[Any, ...]] = [
    (1, "http", "GET", "~0123456789ab", "/1", "one"),
    (1, "http", "GET", "shop", "/1", "one"),
    (2, "redis", "GET", "", "k", "one"),
    (3, "http", "GET", "shop", "/3", "one"),
]


def test_the_clearest_words_count() -> None:
    answers: dict[str, list[tuple[Any, ...]]] = {
        "roots": [(3, 2), (5, 4)],
        "endpoints": ROWS,
        "auths": [(1, "bearer"), (3, "cookie"), (1, "basic")],
    }
    found = known(lambda sql: next(rows for name, rows in answers.items() if f"FROM {name}" in sql))
    assert found.identities[1]["host"] == "shop" and found.hosts == {("http", "~0123456789ab"): ("http", "shop")}
    assert found.identities[2]["template"] == "k"  # the root's own
    assert found.kinds == {1: {"bearer", "basic"}, 2: {"cookie"}} and found.roots == {3: 2, 5: 4}
