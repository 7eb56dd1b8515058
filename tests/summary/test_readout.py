"""Every string of a window has its rule, and nothing is explained that is not there."""

from collections.abc import Iterator
from typing import Any

from whimbrel.summary import batch
from whimbrel.summary.explained import RULES, Explained
from whimbrel.summary.testing_window import Watch

FIELDS = {name for document in batch.DOCUMENTS for name in document.__annotations__}
NAMED = {"counts"}  # whose keys are fields: those of docs/watch.md, all of them in every batch


def strings_of(found: Any, inside: str = "") -> Iterator[str]:
    if isinstance(found, dict):
        for key, value in found.items():
            if inside not in NAMED:
                yield key
            yield from strings_of(value, key)
    elif isinstance(found, list | tuple):
        for value in found:
            yield from strings_of(value, inside)
    elif isinstance(found, str):
        yield found


def watched() -> Watch:
    watch = Watch(k=3)
    for n in range(4):
        watch.call(
            host=b"api.example.com", target=b"/users/%d/orders?page=1&rare%d=1" % (n, n), method=b"BREW",
            headers=b"Authorization: Bearer x\r\nX-Api-Key: y\r\nCookie: a=b\r\nX-Rare-%d: 1\r\n" % n,
            request=b'{"name": "x"}', response=b'{"id": 1, "tags": {"deep": [1]}}', flags=2,
        )  # fmt: skip
        watch.call(host=b"rare%d" % n, target=b"/once%d" % n)
        watch.call(protocol=3, method=b"get", key=b"cart:%d" % n, outcome=1)
    watch.tls("127.0.0.1", "8.8.8.8", 443, 0x304, b"www.example.com", b"h2")
    return watch


def test_every_string_is_explained() -> None:
    explained: list[Explained] = []
    window = watched().close(explained=explained)
    known = {row.string for row in explained}
    assert {text for text in strings_of(window) if text not in known | FIELDS} == set()


def test_every_explanation_is_of_a_string_that_leaves() -> None:
    explained: list[Explained] = []
    window = watched().close(explained=explained)
    texts = set(strings_of(window))
    whole = " ".join(texts)
    assert len(explained) == len({(row.string, row.kind) for row in explained})
    for row in explained:
        assert row.rule in RULES
        assert row.string in texts or (row.kind == "segment" and row.string in whole), row


def test_what_was_seen_often_enough_says_how_often() -> None:
    explained: list[Explained] = []
    watched().close(explained=explained)
    found = {(row.kind, row.string): (row.calls, row.rule) for row in explained}
    assert found["host", "api.example.com"] == (4, "seen")
    assert found["segment", "orders"] == (4, "seen")
    assert found["method", "BREW"] == (4, "seen")
    assert found["method", "GET"] == (1, "registered")
    assert found["command", "get"] == (4, "registered")
    assert found["query parameter", "page"] == (4, "seen")
    assert found["header name", "x-api-key"] == (4, "seen")
    assert found["key of a request", "name"] == (4, "seen")
    assert found["key of a response", "deep"] == (4, "seen")
    assert all(calls >= 3 for calls, rule in found.values() if rule == "seen")
    assert not any("rare" in text or "once" in text for _, text in found)


def test_a_batch_carries_no_other_field() -> None:
    window = watched().close() | {"explained": ["secret"], "more": "secret"}
    document = batch.decode(batch.Batch.of("agent", window).encode())
    assert "explained" not in document and "secret" not in str(document)
    assert {text for text in strings_of(document, "counts") if text.startswith(("explained", "more"))} == set()
