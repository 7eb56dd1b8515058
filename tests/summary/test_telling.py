"""When schemas are told: at a change at once, then ever more rarely, and only what has grown."""

from typing import Any

import pytest

from whimbrel.summary.testing_window import Watch

AGAIN = [0, 1, 2, 4, 8, 16, 46, 76]


def bodies(window: dict[str, Any]) -> list[dict[str, Any]]:
    return [row["body"] for endpoint in window["endpoints"] for row in endpoint["rows"] if "body" in row]


def told(watch: Watch, body: bytes = b'{"id": 1}', **more: Any) -> dict[str, Any] | None:
    watch.call(response=body, **more)
    return next(iter(bodies(watch.close())), None)


def settled(watch: Watch, body: bytes) -> None:
    """Until it is told every 30 windows only, and was just told."""
    for _ in range(AGAIN[-1] + 1):
        told(watch, body)


def test_again_after_a_change() -> None:
    watch = Watch(k=1)
    assert [number for number in range(80) if told(watch)] == AGAIN


def test_a_change_begins_anew() -> None:
    watch = Watch(k=1)
    settled(watch, b'{"id": 1}')
    assert [number for number in range(80) if told(watch, b'{"id": null}')] == AGAIN


def test_what_did_not_grow_waits_for_calls() -> None:
    watch = Watch(k=1)
    assert told(watch)
    for _ in range(5):
        watch.call(target=b"/other")
        assert bodies(watch.close()) == []
    assert told(watch)


def test_counts_prove_that_a_field_is_gone() -> None:
    watch = Watch(k=1)
    settled(watch, b'{"id": 1, "old": 2}')
    first = told(watch, b'{"id": 1}')  # optional now: a change
    last = [body for _ in range(16) if (body := told(watch, b'{"id": 1}'))][-1]
    assert first is not None and first["keys"]["old"] == last["keys"]["old"]
    assert last["calls"] - first["calls"] == 16


def test_requests_queries_and_headers_too() -> None:
    watch = Watch(k=1)

    def parts() -> set[str]:
        watch.call(method=b"POST", target=b"/?page=1", headers=b"X-Own: 1\r\n", request=b'{"a": 1}')
        (endpoint,) = watch.close()["endpoints"]
        return {"body", "query", "headers"} & set(endpoint)

    assert [parts() for _ in range(4)] == [{"body", "query", "headers"}] * 3 + [set()]


def test_after_a_lost_batch_everything_is_told() -> None:
    watch = Watch(k=1)
    settled(watch, b"{}")
    assert told(watch, b"{}") is None
    watch.forget_told()
    assert [number for number in range(5) if told(watch, b"{}")] == [0, 1, 2, 4]


@pytest.mark.slow
def test_what_is_told_again_is_bounded() -> None:
    """Shapes of 60 KiB each: of 40 that changed all are told at once, again as many as 1 MiB holds, and none is
    forgotten."""
    watch = Watch(k=1, size=256 << 20)
    large = b"{" + b",".join(b'"key%s":{"a":1,"b":2,"c":[1,"x"]}' % name for name in names(100)) + b"}"

    def number_told() -> int:
        for n in range(40):
            watch.call(target=b"/" + names(40)[n], response=large)
        return len(bodies(watch.close()))

    counts = [number_told() for _ in range(12)]
    assert counts[0] == 40
    assert all(0 < count < 40 for count in counts[1:6])
    assert sum(counts[1:]) >= 80


def names(count: int) -> list[bytes]:
    return [bytes([97 + n // 26, 97 + n % 26]) for n in range(count)]
