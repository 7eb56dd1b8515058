"""Who called whom: by name where there are few, and every row's callers where there are few."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from whimbrel.summary.batch import Batch, decode
from whimbrel.summary.testing_window import Watch

NAMES_MOST = 16  # WINDOW_EDGE_NAMES
CALLERS_MOST = 8  # WINDOW_CALLERS


def words(count: int) -> list[str]:
    """Names that no rule takes for values."""
    starts, ends = ("ba", "do", "fe", "gi", "ku", "la", "mo", "ne"), ("kery", "lling", "ntal", "rden", "shop", "tter")
    return [start + end for start in starts for end in ends][:count]


def names_of(window: dict[str, Any]) -> dict[str, int]:
    return {edge.get("name", ""): edge["calls"] for edge in window["edges"]}


# ---- names


def test_edges_have_the_words_of_endpoints() -> None:
    watch = Watch(k=2)
    for host in (b"shop.example:8080", b"shop.example:8080", b"once.example", b"10.0.0.2", b""):
        watch.call(host=host)
    window = watch.close()
    hosts = {endpoint["host"]: sum(row["calls"] for row in endpoint["rows"]) for endpoint in window["endpoints"]}
    assert names_of(window) == hosts
    assert hosts.keys() > {"shop.example:8080", "{ipv4}", ""} and any(host.startswith("~") for host in hosts)
    assert [edge for edge in window["edges"] if edge.get("name") == ""] == []  # not given where there is none


def test_caches_have_no_names() -> None:
    watch = Watch(k=1)
    watch.call(protocol=3, method=b"get", key=b"cart:1", outcome=1)
    (edge,) = watch.close()["edges"]
    assert "name" not in edge and edge["protocol"] == "redis"


def test_names_of_one_client_at_one_server_are_bounded() -> None:
    watch = Watch(k=1)
    hosts = words(NAMES_MOST + 5)
    for _ in range(2):
        for host in hosts:
            watch.call(host=host.encode(), request_bytes=3)
    watch.call(host=hosts[-1].encode(), client="10.0.0.9")
    window = watch.close()
    ours = [edge for edge in window["edges"] if edge["calls"] != 1]
    assert {edge.get("name", ""): edge["calls"] for edge in ours} == dict.fromkeys(hosts[:NAMES_MOST], 2) | {"": 10}
    assert sum(edge["request_bytes"] for edge in ours) == 6 * len(hosts)
    assert window["counts"]["window_edges_unnamed"] == 10
    assert [edge["name"] for edge in window["edges"] if edge["calls"] == 1] == [hosts[-1]]


def test_names_begin_anew_with_each_window() -> None:
    watch = Watch(k=1)
    for host in words(2 * NAMES_MOST):
        watch.call(host=host.encode())
    watch.close()
    watch.call(host=words(2 * NAMES_MOST)[-1].encode())
    assert list(names_of(watch.close())) == [words(2 * NAMES_MOST)[-1]]


def test_a_host_that_found_no_memory_is_no_name() -> None:
    """Nothing that an edge names may be freed before the window is read out."""
    watch = Watch(k=1, size=1 << 20)
    for number in range(3000):
        name = f"{words(48)[number % 48]}-{words(48)[number // 48 % 48]}.example"
        watch.call(host=name.encode(), target=f"/{words(48)[number % 48]}".encode(), client=f"10.0.{number % 7}.1")
    window = watch.close()
    assert sum(edge["calls"] for edge in window["edges"]) + window["counts"]["window_edges_lost"] == 3000
    decode(Batch.of("agent", window).encode())


# ---- callers


def callers_of(row: dict[str, Any]) -> dict[str, int]:
    return {client: calls for client, _, calls in row.get("callers", ())}


def test_a_row_tells_its_callers() -> None:
    watch = Watch(k=1, addresses=True)
    for client, server in (("10.0.0.1", "10.1.0.1"), ("10.0.0.1", "10.1.0.2"), ("127.0.0.1", "127.0.0.1")):
        watch.call(client=client, server=server, host=b"shop")
        watch.call(client=client, server=server, host=b"www", status=404)
    rows = [row for endpoint in watch.close()["endpoints"] for row in endpoint["rows"]]
    expected = [("10.0.0.1", "private", 2), ("127.0.0.1", "loopback", 1)]
    assert [row["callers"] for row in rows] == [expected] * 2
    assert not any("more_callers" in row for row in rows)


def test_callers_are_tokens_as_in_edges() -> None:
    watch = Watch(k=1)
    watch.call(client="192.0.2.7")
    window = watch.close()
    ((client, kind, calls),) = window["endpoints"][0]["rows"][0]["callers"]
    assert (client, kind, calls) == (window["edges"][0]["client"], "public", 1)
    assert client.startswith("~")


def test_more_callers_than_there_is_room_for() -> None:
    watch = Watch(k=1)
    for number in range(CALLERS_MOST + 1):
        watch.call(client=f"10.0.0.{number}")
        if number < CALLERS_MOST:
            watch.call(client=f"10.0.0.{number}", target=b"/few")
    many, few = (endpoint["rows"][0] for endpoint in sorted(watch.close()["endpoints"], key=lambda e: e["template"]))
    assert many["more_callers"] is True and "callers" not in many
    assert len(few["callers"]) == CALLERS_MOST and "more_callers" not in few


def test_callers_begin_anew_with_each_window() -> None:
    watch = Watch(k=1, addresses=True)
    for number in range(CALLERS_MOST + 1):
        watch.call(client=f"10.0.0.{number}")
    watch.close()
    watch.call(client="10.0.0.3")
    assert callers_of(watch.close()["endpoints"][0]["rows"][0]) == {"10.0.0.3": 1}


def test_clients_beyond_all_edges_are_more_callers() -> None:
    watch = Watch(k=1)
    for number in range(4097):
        watch.call(client=f"10.0.{number >> 8}.{number & 255}", target=b"/others")
    watch.call(client="10.9.9.9", target=b"/late")
    window = watch.close()
    late = next(endpoint for endpoint in window["endpoints"] if endpoint["template"] == "/late")
    assert late["rows"][0]["more_callers"] is True and window["counts"]["window_edges_lost"] == 2


CALL = st.tuples(st.integers(0, 11), st.sampled_from(["one", "two"]), st.integers(0, 60))


@settings(max_examples=40, deadline=None)
@given(st.lists(CALL, max_size=120))
def test_callers_add_up_also_where_paths_become_one(calls: list[tuple[int, str, int]]) -> None:
    """More than 32 siblings become a parameter, and their rows one."""
    watch = Watch(k=1, addresses=True)
    expected: dict[str, int] = {}
    for client, host, path in calls:
        address = f"10.0.0.{client}"
        watch.call(client=address, host=host.encode(), target=f"/in/{(words(48) * 2)[path]}{path // 48}".encode())
        expected[address] = expected.get(address, 0) + 1
    window = watch.close()
    rows = [row for endpoint in window["endpoints"] for row in endpoint["rows"]]
    for row in rows:
        assert ("callers" in row) != row.get("more_callers", False)
        assert "more_callers" in row or sum(callers_of(row).values()) == row["calls"]
    if not any("more_callers" in row for row in rows):
        found: dict[str, int] = {}
        for row in rows:
            for caller, n in callers_of(row).items():
                found[caller] = found.get(caller, 0) + n
        assert found == expected
