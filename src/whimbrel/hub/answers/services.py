"""Services, and who calls whom.

A service is the host that requests named; caches of a kind are one.  The map is made of addresses instead, for that is
what callers have: every address with a port that answered is a node, every address that only called another.  An
address that answers at one port and calls others is one node: what it calls there is what the service needs.

    client ~12ab… -> shop (:8000) -> redis (:6379)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from whimbrel.hub.answers.asked import Asked
from whimbrel.hub.answers.catalog import Catalog, Known, heard, seconds
from whimbrel.hub.answers.measures import CACHES, HTTP, quantiles, share, tally
from whimbrel.hub.answers.shapes import MapLink, MapNode, ServiceLine, Services
from whimbrel.hub.archive import Archive, EdgeRow, StatusRow

LINKS_MOST = 200  # of a map: more cannot be told apart
CLIENTS_MOST = 12  # that only call, of one class of addresses: more are one node
UNSEEN = ("tls", "http2", "opaque")  # where calls cannot be seen


def services(archive: Archive, asked: Asked) -> Services:
    catalog = Catalog.of_rows(archive.endpoints(asked.period))
    rows = catalog.grouped(archive.statuses(asked.period, None, ("last", "marks")))
    length_s = seconds(heard(archive.agents(asked.period), asked.period))
    edges = archive.edges(asked.period)
    nodes, links, truncated = service_map(edges, {known.service for known in catalog.of(HTTP)}, length_s)
    return Services(
        span=asked.span,
        services=_lines(catalog, rows, length_s),
        nodes=nodes,
        links=links,
        truncated=truncated,
    )


def _lines(
    catalog: Catalog, rows: Mapping[tuple[str, str, str, str], Sequence[StatusRow]], length_s: int
) -> list[ServiceLine]:
    several: dict[tuple[str, str], list[Known]] = {}
    for known in catalog:
        several.setdefault((known.protocol, known.service), []).append(known)
    lines = [
        _line(protocol, name, of, [row for known in of for row in rows.get(known.words, ())], length_s)
        for (protocol, name), of in several.items()
    ]
    return sorted(lines, key=lambda one: (-one.calls, one.protocol, one.name))


def _line(protocol: str, name: str, of: Sequence[Known], rows: Sequence[StatusRow], length_s: int) -> ServiceLine:
    numbers = tally(rows, protocol)
    return ServiceLine(
        name=name,
        protocol=protocol,
        endpoints=sum(not known.is_other for known in of),
        calls=numbers.calls,
        per_s=numbers.calls / length_s,
        error_share=share(numbers.errors, numbers.calls),
        client_error_share=share(numbers.client_errors, numbers.calls),
        latency=quantiles(numbers.last),
        is_documented=protocol == HTTP and any(known.words[3].startswith("/") for known in of),
    )


# ---- the map -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Node:
    id: str
    address_class: str
    port: int = 0
    protocols: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    calls: int = 0
    clients: int = 0  # addresses it stands for, where it is several

    def shown(self, services: set[str]) -> MapNode:
        return MapNode(
            id=self.id,
            label=self.label(),
            kind=self.kind(),
            address_class=self.address_class,
            calls=self.calls,
            services=sorted(self.names & services),
        )

    def label(self) -> str:
        if self.clients:
            return f"{self.clients} {self.address_class} clients"
        if not self.protocols:
            return f"client {short(self.id)}"
        return ", ".join(sorted(self.names)) or f"{' '.join(sorted(self.protocols))} :{self.port}"

    def kind(self) -> str:
        if not self.protocols:
            return "client"
        if self.protocols & {*CACHES}:
            return "cache"
        if HTTP in self.protocols:
            return "service"
        return "tls" if "tls" in self.protocols else "other"


def short(token: str) -> str:
    """A token of 12 digits in five characters; an address as it is."""
    return f"{token[:5]}…" if token.startswith("~") and len(token) > 6 else token


def service_map(
    edges: Sequence[EdgeRow], services: set[str], length_s: int
) -> tuple[list[MapNode], list[MapLink], int]:
    """Nodes, links and how many links were left out."""
    nodes = _servers(edges)
    sources = _sources(edges, nodes)
    links: dict[tuple[str, str, str, str], list[EdgeRow]] = {}
    for edge in edges:
        key = sources[edge.client], place_of(edge), edge.protocol, edge.name
        links.setdefault(key, []).append(edge)
    lines = sorted((_link(key, several, length_s) for key, several in links.items()), key=_by_weight)
    shown = lines[:LINKS_MOST]
    used = {node for one in shown for node in (one.source, one.target)}
    told = sorted((nodes[each].shown(services) for each in used), key=lambda node: (-node.calls, node.id))
    return told, shown, len(lines) - len(shown)


def place_of(edge: EdgeRow) -> str:
    return f"{edge.server}:{edge.port}"


def _servers(edges: Iterable[EdgeRow]) -> dict[str, _Node]:
    nodes: dict[str, _Node] = {}
    for edge in edges:
        node = nodes.setdefault(place_of(edge), _Node(place_of(edge), edge.server_class, edge.port))
        node.protocols.add(edge.protocol)
        node.calls += edge.calls
        if edge.name:
            node.names.add(edge.name)
    return nodes


def _sources(edges: Iterable[EdgeRow], nodes: dict[str, _Node]) -> dict[str, str]:
    """The node that each client is; those that are none yet are added."""
    ports: dict[str, set[str]] = {}
    for edge in edges:
        ports.setdefault(edge.server, set()).add(place_of(edge))
    found, others = dict[str, str](), dict[str, set[str]]()
    for edge in edges:
        if len(ports.get(edge.client, ())) == 1:
            [found[edge.client]] = ports[edge.client]
        else:
            others.setdefault(edge.client_class, set()).add(edge.client)
    for address_class, clients in others.items():
        if len(clients) > CLIENTS_MOST:
            node = _Node(f"{address_class} clients", address_class, clients=len(clients))
            nodes[node.id] = node
            found |= dict.fromkeys(clients, node.id)
        else:
            nodes |= {client: _Node(client, address_class) for client in clients}
            found |= {client: client for client in clients}
    return found


def _link(key: tuple[str, str, str, str], edges: Sequence[EdgeRow], length_s: int) -> MapLink:
    source, target, protocol, name = key
    calls = sum(edge.calls for edge in edges)
    return MapLink(
        source=source,
        target=target,
        protocol=protocol,
        name=name,
        calls=calls,
        per_s=calls / length_s,
        request_bytes=sum(edge.request_bytes for edge in edges),
        response_bytes=sum(edge.response_bytes for edge in edges),
        flows=sum(edge.flows for edge in edges),
        handshakes=sum(edge.handshakes for edge in edges),
    )


def _by_weight(link: MapLink) -> tuple[int, str, str, str, str]:
    return -(link.calls + link.flows + link.handshakes), link.source, link.target, link.protocol, link.name
