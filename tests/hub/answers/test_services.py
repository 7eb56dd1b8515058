"""Services, and the map of who calls whom."""

from tests.hub.answers.sample import ASKED
from tests.hub.batches import NOON, batch, endpoint, row
from whimbrel.hub.answers.asked import Asked
from whimbrel.hub.answers.services import CLIENTS_MOST, LINKS_MOST, listed, names_at, service_map, services, short
from whimbrel.hub.archive import EdgeRow
from whimbrel.hub.duck import DuckArchive


def calls(client: str, server: str, port: int = 80, protocol: str = "http", name: str = "", n: int = 1) -> EdgeRow:
    return EdgeRow(client, "private", server, "private", port, protocol, "", name, "", n, 10.0, 20.0, 0, 0.0, 0)


def drawn(*edges: EdgeRow) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Labels of nodes, and links."""
    nodes, links, _ = service_map(edges, {"shop"}, 10)
    return {node.id: node.label for node in nodes}, [(link.source, link.target) for link in links]


def test_services_are_hosts_and_caches(shop: DuckArchive) -> None:
    web, cache = services(shop, ASKED).services
    assert (web.name, web.protocol, web.endpoints, web.calls, web.is_documented) == ("shop", "http", 2, 520, True)
    assert (web.error_share, web.client_error_share, web.latency.count) == (30 / 520, 30 / 520, 520)
    assert (cache.name, cache.endpoints, cache.calls, cache.error_share) == ("redis", 2, 250, 10 / 250)
    assert not cache.is_documented


def test_what_openapi_has_no_words_for_is_not_documented(archive: DuckArchive) -> None:
    odd = endpoint(1, method="PROPFIND"), endpoint(2, template="{other}"), endpoint(3, row(1, 0))
    archive.load([batch(*odd)])
    [line] = services(archive, Asked.between(NOON, NOON + 60, NOON)).services
    assert not line.is_documented and line.endpoints == 2


def test_the_map_of_the_shop(shop: DuckArchive) -> None:
    found = services(shop, ASKED)
    nodes = {node.id: node for node in found.nodes}
    assert {name: node.kind for name, node in nodes.items()} == {
        "~ada": "client", "~shop:8000": "service", "~redis:6379": "cache", "~bank:443": "tls",
    }  # fmt: skip
    assert nodes["~shop:8000"].services == ["shop"] and nodes["~shop:8000"].calls == 420
    assert (nodes["~redis:6379"].label, nodes["~bank:443"].label) == ("redis :6379", "b")
    assert [(link.source, link.target, link.calls, link.handshakes) for link in found.links] == [
        ("~ada", "~shop:8000", 420, 0), ("~shop:8000", "~redis:6379", 270, 0), ("~ada", "~bank:443", 0, 30),
    ]  # fmt: skip
    assert found.links[0].per_s == 420 / 300 and found.links[0].response_bytes == 30_000
    assert found.truncated == 0


def test_the_only_program_that_can_have_called_did() -> None:
    labels, links = drawn(
        calls("~c", "~a", name="shop"), calls("~a", "~b", 81, name="stock"), calls("~a", "~a", 6379, "redis")
    )
    assert ("~a:80", "~b:81") in links and ("~a:80", "~a:6379") in links
    assert "~a" not in labels


def test_of_several_programs_none_is_picked() -> None:
    labels, links = drawn(calls("~c", "~a", 80, name="shop"), calls("~c", "~a", 81, name="stock"), calls("~a", "~b"))
    assert ("~a", "~b:80") in links and labels["~a"] == "host of shop, stock"


def test_nobody_is_taken_to_call_itself() -> None:
    labels, links = drawn(calls("~a", "~a", name="shop"))
    assert links == [("~a", "~a:80")] and labels["~a"] == "host of shop"


def test_many_clients_are_one_node() -> None:
    few = [calls(f"~{number}", "~a", name="shop") for number in range(CLIENTS_MOST)]
    assert len(drawn(*few)[0]) == CLIENTS_MOST + 1
    labels, links = drawn(*few, calls("~more", "~a", name="shop"))
    assert labels == {"~a:80": "shop", "private clients": f"{CLIENTS_MOST + 1} private clients"}
    assert links == [("private clients", "~a:80")]


def test_a_node_is_every_name_it_is_called_by() -> None:
    nodes, links, _ = service_map(
        [calls("~c", "~a", name="shop", n=2), calls("~c", "~a", name="www.shop")], {"shop"}, 10
    )
    assert nodes[0].label == "shop, www.shop" and nodes[0].services == ["shop"] and nodes[0].calls == 3
    assert [(link.name, link.calls) for link in links] == [("shop", 2), ("www.shop", 1)]
    assert listed({"d", "c", "b", "a"}) == "a, b, c, …"


def test_a_token_is_a_name_only_as_long_as_there_is_no_other() -> None:
    before, now = calls("~c", "~a", name="~3fa9c1d2e4b5"), calls("~c", "~a", name="shop", n=5)
    assert drawn(before)[0]["~a:80"] == "~3fa9c1d2e4b5"
    nodes, links, _ = service_map([before, now], {"shop"}, 10)
    assert (nodes[0].label, nodes[0].calls) == ("shop", 6)
    assert [(link.name, link.calls) for link in links] == [("shop", 5), ("", 1)]


def test_the_least_busy_links_are_left_out() -> None:
    edges = [calls("~c", f"~{number}", n=1 + number) for number in range(LINKS_MOST + 3)]
    nodes, links, truncated = service_map(edges, set(), 10)
    assert (len(links), truncated) == (LINKS_MOST, 3)
    assert len(nodes) == LINKS_MOST + 1 and min(link.calls for link in links) == 4


def test_names_of_those_that_may_call() -> None:
    edges = [calls("~c", "~a", name="shop"), calls("~c", "~a", 6379, "redis"), calls("~c", "~b", 1, "opaque")]
    assert names_at(edges) == {"~a": "shop", "~b": "opaque :1"}


def test_tokens_are_shortened() -> None:
    assert (short("~3fa9c1d2e4b5"), short("10.0.0.1"), short("~ada")) == ("~3fa9…", "10.0.0.1", "~ada")
