"""The window: totals are exact, nothing that is not structure leaves, and memory stays."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whimbrel.summary.batch import Batch, decode, encode
from whimbrel.summary.testing_window import Watch, row_size

Window = dict[str, Any]


def rows_of(window: Window) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [(endpoint, row) for endpoint in window["endpoints"] for row in endpoint["rows"]]


def only(window: Window) -> dict[str, Any]:
    """The one row there is."""
    ((_, row),) = rows_of(window)
    return row


# ---- totals

CALL = st.fixed_dictionaries(
    {
        "method": st.sampled_from([b"GET", b"POST"]),
        "host": st.sampled_from([b"a", b"b"]),
        "target": st.sampled_from([b"/x", b"/y/1", b"/y/2", b"/z?q=1"]),
        "status": st.sampled_from([0, 200, 201, 404, 500]),
        "request_bytes": st.integers(0, 2**40),
        "response_bytes": st.integers(0, 2**40),
        "last_ns": st.integers(10**9, 10**9 + 10**12),
        "flags": st.sampled_from([0, 1, 65]),
        "client": st.sampled_from(["10.0.0.1", "10.0.0.2", "2001:db8::1"]),
    }
)


@settings(max_examples=50, deadline=None)
@given(st.lists(CALL, max_size=30))
def test_totals_are_exact(calls: list[dict[str, Any]]) -> None:
    watch = Watch(k=1)
    for call in calls:
        watch.call(**call)
    window = watch.close()
    found = rows_of(window)
    assert sum(row["calls"] for _, row in found) == len(calls)
    expected: dict[Any, list[dict[str, Any]]] = {}
    for call in calls:
        path = call["target"].decode().split("?")[0].replace("/y/1", "/y/{integer}").replace("/y/2", "/y/{integer}")
        expected.setdefault((call["method"].decode(), call["host"].decode(), path, call["status"]), []).append(call)
    got = {(e["method"], e["host"], e["template"], row["status"]): row for e, row in found}
    assert got.keys() == expected.keys()
    for key, members in expected.items():
        row = got[key]
        assert row["calls"] == len(members)
        for side in ("request", "response"):
            sizes = [member[f"{side}_bytes"] for member in members]
            assert (row[side]["sum"], row[side]["min"], row[side]["max"]) == (sum(sizes), min(sizes), max(sizes))
            assert sum(row[side]["steps"][1::2]) == len(members)
        times = [member["last_ns"] - 10**9 for member in members]
        assert (row["last"]["count"], row["last"]["sum"]) == (len(times), sum(times))
        assert row["flags"].get("no_response", 0) if any(m["flags"] for m in members) else "flags" not in row
        assert len(row["clients"]) == 2 * len({member["client"] for member in members})
    assert sum(edge["calls"] for edge in window["edges"]) == len(calls)


def test_a_window_starts_anew() -> None:
    watch = Watch()
    watch.call()
    first, second = watch.close(), watch.close()
    assert len(first["endpoints"]) == 1 and len(first["edges"]) == 1
    assert second["endpoints"] == [] and second["edges"] == [] and second["reuse"] == []
    watch.call()
    assert only(watch.close())["calls"] == 1


def test_times_that_were_not_seen_are_not_counted() -> None:
    watch = Watch()
    watch.call(asked_ns=0)
    watch.call(first_ns=0, last_ns=0)
    watch.call(flags=4096)  # unpaired
    row = only(watch.close())
    assert row["calls"] == 3 and "first" not in row and "last" not in row


def test_cache_calls() -> None:
    watch = Watch(k=1)
    for outcome, ttl in ((1, -1), (1, -1), (2, -1), (3, 60_000), (3, 0), (3, 500)):
        watch.call(protocol=2, method=b"get" if outcome < 3 else b"set", key=b"user:17", outcome=outcome, ttl_ms=ttl)
    window = watch.close()
    found = {e["method"]: row for e, row in rows_of(window)}
    assert {e["template"] for e in window["endpoints"]} == {"user:{integer}"}
    assert found["get"]["outcomes"] == {"hit": 2, "miss": 1}
    assert found["set"]["outcomes"] == {"stored": 3}
    assert found["set"]["ttls"] == [0, 1, 6, 1, 30, 1]  # below a second, 32-63 s, never
    assert window["reuse"][0]["reads"] == 3
    assert "host" not in window["endpoints"][0]


def test_more_endpoints_than_rows() -> None:
    """40 x 100 templates and two statuses: some find no row, all calls are counted."""
    watch = Watch(k=1)
    words = [a + b + c for a in "bdfgl" for b in "aeiou" for c in ("nel", "tor", "mar", "pin")]
    fed = 0
    for host in range(20):
        for word in words:
            for status in (200, 404, 500):
                watch.call(host=b"h%c" % (97 + host), target=b"/" + word.encode(), status=status)
                fed += 1
    window = watch.close()
    assert fed == 6000 > 4096
    assert sum(row["calls"] for _, row in rows_of(window)) == fed
    other = [row for e, row in rows_of(window) if e["template"] == "{other}"]
    assert sum(row["calls"] for row in other) == window["counts"]["window_other_calls"] == fed - 4096
    assert {row["status"] for row in other} <= {200, 400, 500}
    watch.call(host=b"ha", target=b"/new")  # idle rows make room
    assert only(watch.close())["status"] == 200


def test_without_memory_calls_are_still_counted() -> None:
    watch = Watch(size=1 << 20, k=1)
    for n in range(3000):
        watch.call(
            host=b"h%c" % (97 + n % 20), target=b"/%c%cel" % (97 + n % 26, 97 + n % 23), response=b'{"a":%d}' % n
        )
    window = watch.close()
    assert sum(row["calls"] for _, row in rows_of(window)) == 3000
    assert window["counts"]["window_other_calls"] > 0


def test_memory_stays_over_windows() -> None:
    watch = Watch(k=2)
    sizes = []
    for _ in range(30):
        for n in range(200):
            body = json.dumps({"id": n, "items": [{"name": "x"}] * 3, f"k{n % 7}": 1}).encode()
            watch.call(host=b"h", target=b"/a%c/%d" % (97 + n % 20, n), response=body, client=f"10.0.{n}.1")
            watch.call(protocol=3, method=b"get", key=b"k:%d" % n, outcome=1)
        watch.close()
        sizes.append(watch.memory_used)
    assert sizes[-1] == sizes[2]


def test_idle_endpoints_are_forgotten() -> None:
    watch = Watch(k=2)
    empty = watch.nodes
    watch.call(target=b"/once")
    for _ in range(363):
        window = watch.close()
    assert watch.nodes == empty
    assert window["counts"]["window_dropped"] == 1


# ---- what was merged

WORDS = [a + b + "el" for a in "bdfglmnprt" for b in "aeiou"]


def test_endpoints_that_merge_keep_their_history() -> None:
    watch = Watch(k=1)
    for word in WORDS[:30]:
        watch.call(target=f"/users/{word}".encode(), response=b'{"id":1}')
    before = {e["id"] for e in watch.close()["endpoints"]}
    for word in WORDS[30:36]:
        watch.call(target=f"/users/{word}".encode(), response=b'{"id":1}')
    window = watch.close()
    (endpoint,) = window["endpoints"]
    assert endpoint["template"] == "/users/{value}"
    assert endpoint["rows"][0]["calls"] == 6
    assert {old for old, _ in window["aliases"]} == before and len(before) == 30
    assert {new for _, new in window["aliases"]} == {endpoint["id"]}
    assert endpoint["rows"][0]["body"]["calls"] == 36
    assert watch.close()["aliases"] == []


def test_ids_are_the_same_after_a_restart_and_when_revealed() -> None:
    ids = set()
    for seed in (1, 2):
        watch = Watch(k=3, seed=seed)
        for _ in range(4):
            watch.call(host=b"h", target=b"/items")
            ids.add(watch.close()["endpoints"][0]["id"])
    assert len(ids) == 1


def test_a_row_fits_its_block() -> None:
    """Of the arena: one byte more would cost another KiB a row."""
    assert row_size() <= 1024


# ---- schemas


def test_a_schema_is_told_when_it_changed() -> None:
    watch = Watch(k=2)

    def told(body: bytes) -> dict[str, Any] | None:
        watch.call(response=body)
        found: dict[str, Any] | None = only(watch.close()).get("body")
        return found

    def changed(body: bytes) -> bool:
        """Not only told again, which test_telling.py is about."""
        first, second = told(body), told(body)
        for _ in range(2):
            told(body)
        return first is not None and second is not None and told(body) is not None and told(body) is None

    assert told(b'{"id": 1}') == {
        "types": 1,
        "seen": 1,
        "calls": 1,
        "hidden": {"keys": 1, "types": 8, "formats": 1, "seen": 1},
    }
    second = told(b'{"id": 1}')
    assert second is not None and list(second["keys"]) == ["id"] and "hidden" not in second
    assert changed(b'{"id": null}') and not changed(b'{"id": null}')
    assert changed(b"{}") and not changed(b"{}")  # optional now


def test_requests_are_learnt_from_success_only() -> None:
    watch = Watch(k=1)
    watch.call(status=400, request=b'{"wrong": 1}', target=b"/?bad=1", headers=b"X-Bad: 1\r\n")
    watch.call(
        status=200,
        request=b'{"right": 1}',
        target=b"/?good=1",
        headers=b"X-Good: 1\r\nAuthorization: Basic c2VjcmV0\r\n",
    )
    (endpoint,) = watch.close()["endpoints"]
    assert list(endpoint["body"]["keys"]) == ["right"]
    assert list(endpoint["query"]["keys"]) == ["good"]
    assert set(endpoint["headers"]["keys"]) == {"x-good", "authorization"}
    assert endpoint["auth"] == ["basic"]


@pytest.mark.parametrize("k", [2, 10])
def test_names_of_all_kinds_wait_for_k_calls(k: int) -> None:
    watch = Watch(k=k)
    for n in range(1, k + 1):
        watch.call(
            host=b"inner", target=b"/inward?param=1", headers=b"X-Custom: 1\r\n",
            request=b'{"asked": 1}', response=b'{"answered": {"deeper": 1}}',
        )  # fmt: skip
        text = json.dumps(watch.close(), default=repr)
        for word in ("inner", "inward", "param", "x-custom", "asked", "answered", "deeper"):
            assert (word in text) == (n >= k), (word, n)


# ---- nothing else leaves

CANARY = "Zq7xTr9LmW2pKd8v"  # looks like a value wherever it is


def canaries(secret: bytes) -> list[dict[str, Any]]:
    """Calls with it in every place."""
    quoted = json.dumps(secret.decode("latin-1")).encode()
    return [
        {"method": secret}, {"host": secret}, {"host": secret + b".example.com"},
        {"target": b"/" + secret}, {"target": b"/a/" + secret + b"/b"}, {"target": b"/a;s=" + secret},
        {"target": b"/a?s=" + secret}, {"target": b"/a?" + secret + b"=1"}, {"target": b"http://" + secret + b"/"},
        {"target": b"/" + secret + b".png"}, {"target": b"/#" + secret},
        {"headers": secret + b": 1\r\n"}, {"headers": b"Authorization: " + secret + b"\r\n"},
        {"headers": b"Authorization: Bearer " + secret + b"\r\n"}, {"headers": b"Cookie: s=" + secret + b"\r\n"},
        {"request": b'{"k": ' + quoted + b"}"}, {"response": b"{" + quoted + b": 1}"},
        {"response": b"[" + quoted + b"]"}, {"response": b'{"a": [{"b": {' + quoted + b": [" + quoted + b"]}}]}"},
        {"protocol": 2, "method": b"get", "key": secret}, {"protocol": 3, "method": b"get", "key": b"user:" + secret},
        {"protocol": 3, "method": b"get", "key": b"user_" + secret}, {"protocol": 3, "method": secret, "key": b"k"},
    ]  # fmt: skip


def assert_absent(record: bytes, window: Window, secret: bytes) -> None:
    shown = json.dumps(window, default=repr)
    for form in (secret, base64.b64encode(secret).rstrip(b"="), secret.hex().encode(), secret.lower()):
        assert form not in encode(window) and form.decode("latin-1") not in shown, form
    assert len(record) > 0


@pytest.mark.parametrize("secret", [CANARY.encode(), b"alice@example.com", b"4111111111111111", b"s\xc3\xa9cret word"])
def test_values_never_leave_however_often_they_are_seen(secret: bytes) -> None:
    watch = Watch(k=2)
    explained: list[Any] = []
    for _ in range(15):
        for call in canaries(secret):
            watch.call(**call)
        watch.tls("10.0.0.1", "10.0.0.2", 443, 0x304, secret, secret)
    window = watch.close(explained=explained)
    assert_absent(Batch.of("agent", window).encode(), window, secret)
    assert not any(secret.decode("latin-1") in row.string for row in explained)


@settings(max_examples=40, deadline=None)
@given(st.text("abcdefghijklmnopqrstuvwxyz", min_size=12, max_size=30))
def test_words_below_k_calls_never_leave(word: str) -> None:
    watch = Watch(k=3)
    secret = word.encode()
    for call in canaries(secret):
        watch.call(**call, port=81)
    window = watch.close()
    text = json.dumps(decode(Batch.of("agent", window).encode()), default=repr)
    # where the same word stands at one place in several of these calls it may have been seen often enough
    places = [e for e in window["endpoints"] if word in json.dumps(e, default=repr)]
    assert places == [] and word not in text


def test_addresses_are_tokens() -> None:
    watch, plain = Watch(), Watch(addresses=True)
    for one in (watch, plain):
        one.call(client="192.168.3.4", server="8.8.4.4", port=8080)
        one.edge("127.0.0.1", "::1", 9000, 6, 1234)
    edges = watch.close()["edges"]
    assert [edge["client_class"] for edge in edges] == ["private", "loopback"]
    assert [edge["server_class"] for edge in edges] == ["public", "loopback"]
    assert all(edge[side].startswith("~") for edge in edges for side in ("client", "server"))
    assert edges[1]["flows"] == 1 and edges[1]["flow_bytes"] == 1234 and edges[1]["protocol"] == "opaque"
    shown = plain.close()["edges"]
    assert (shown[0]["client"], shown[0]["server"], shown[1]["server"]) == ("192.168.3.4", "8.8.4.4", "::1")


def test_handshakes() -> None:
    watch = Watch(k=2)
    for version, alpn in ((0x303, b"h2"), (0x304, b"h2"), (0x304, b"h2"), (0x304, b"private/1")):
        watch.tls("10.0.0.1", "10.0.0.2", 443, version, b"www.example.com", alpn)
    window = watch.close()
    assert window["endpoints"] == []
    found = {(edge["version"], edge["alpn"]): (edge["handshakes"], edge["name"]) for edge in window["edges"]}
    assert found == {
        ("tls1.2", "h2"): (1, "www.example.com"),
        ("tls1.3", "h2"): (2, "www.example.com"),
        ("tls1.3", "unknown"): (1, "www.example.com"),
    }
