"""Services, and who calls whom.

A service is the host that requests named; caches of a kind are one.  The map is made of addresses instead, for that is
what callers have: every address with a port that answered is a node, every address that only called another.

    client ~12ab… -> shop (:8000) -> redis (:6379)

Which program at an address made a call is not in a packet.  Where exactly one of those that answer there can have been
it (a cache calls nobody, and nobody is taken to call itself), it is its call, and what it calls is what the service
needs.  Otherwise the address is a node of its own, "host of ...".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from whimbrel.hub.answers.asked import Asked
from whimbrel.hub.answers.catalog import Catalog, Known, heard, seconds
from whimbrel.hub.answers.measures import CACHES, HTTP, quantiles, share, tally
from whimbrel.hub.answers.shapes import MapLink, MapNode, ServiceLine, Services
from whimbrel.hub.archive import Archive, EdgeRow, StatusRow
from whimbrel.hub.openapi import METHODS

LINKS_MOST = 200  # of a map: more cannot be told apart
NAMES_SHOWN = 3  # of what has several
CLIENTS_MOST = 12  # that only call, of one class of addresses: more are one node


def services(archive: Archive, asked: Asked) -> Services:
    catalog = Catalog.of_rows(archive.endpoints(asked.period))
    rows = archive.hosts(asked.period)
    answered = {row.endpoint for row in archive.statuses(asked.period, None, ()) if 100 <= row.status <= 599}
    length_s = seconds(heard(archive.agents(asked.period, counts=False), asked.period))
    edges = archive.edges(asked.period)
    nodes, links, truncated = service_map(edges, {known.service for known in catalog.of(HTTP)}, length_s)
    return Services(
        span=asked.span,
        services=_lines(catalog, rows, answered, length_s),
        nodes=nodes,
        links=links,
        truncated=truncated,
    )


def _lines(
    catalog: Catalog, rows: Mapping[tuple[str, str], Sequence[StatusRow]], answered: set[str], length_s: int
) -> list[ServiceLine]:
    several: dict[tuple[str, str], list[Known]] = {}
    for known in catalog:
        several.setdefault((known.protocol, known.service), []).append(known)
    lines = [
        _line(protocol, name, of, rows.get((protocol, of[0].words[2]), ()), answered, length_s)
        for (protocol, name), of in several.items()
    ]
    return sorted(lines, key=lambda one: (-one.calls, one.protocol, one.name))


def _line(
    protocol: str, name: str, of: Sequence[Known], rows: Sequence[StatusRow], answered: set[str], length_s: int
) -> ServiceLine:
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
        is_documented=protocol == HTTP and _is_documented(of, answered),
    )


def _is_documented(of: Sequence[Known], answered: set[str]) -> bool:
    """Whether OpenAPI has words for any of its endpoints."""
    return any(
        known.words[1].lower() in METHODS and known.words[3].startswith("/") and not answered.isdisjoint(known.ids)
        for known in of
    )


# ---- the map -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Node:
    id: str
    address: str  # its token; "" where it is several
    address_class: str
    port: int = 0  # 0: it is not known to answer
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
            services=sorted(self.names & services) if self.port else [],
        )

    def label(self) -> str:
        if self.clients:
            return f"{self.clients} {self.address_class} clients"
        if not self.port:
            return f"host of {listed(self.names)}" if self.names else f"client {short(self.id)}"
        return listed(self.names) or f"{' '.join(sorted(self.protocols))} :{self.port}"

    def kind(self) -> str:
        if not self.port:
            return "client"
        if self.protocols & {*CACHES}:
            return "cache"
        if HTTP in self.protocols:
            return "service"
        return "tls" if "tls" in self.protocols else "other"


def listed(names: Collection[str]) -> str:
    """The first few, in order."""
    shown = sorted(names)[:NAMES_SHOWN]
    return ", ".join(shown + ["…"] * (len(names) > len(shown)))


def clearest(names: set[str]) -> set[str]:
    """A host is a token until enough calls named it: no news beside names that are known."""
    return {name for name in names if not name.startswith("~")} or names


def short(token: str) -> str:
    """A token of 12 digits in five characters; an address as it is."""
    return f"{token[:5]}…" if token.startswith("~") and len(token) > 6 else token


def names_at(edges: Iterable[EdgeRow]) -> dict[str, str]:
    """What answers at each address and may call others, by the address."""
    found: dict[str, set[str]] = {}
    for node in _servers(edges).values():
        if node.kind() != "cache":
            found.setdefault(node.address, set()).add(node.label())
    return {address: listed(names) for address, names in found.items()}


def service_map(
    edges: Sequence[EdgeRow], services: set[str], length_s: int
) -> tuple[list[MapNode], list[MapLink], int]:
    """Nodes, links and how many links were left out."""
    nodes = _servers(edges)
    links: dict[tuple[str, str, str, str], list[EdgeRow]] = {}
    for source, edge in zip(_sources(edges, nodes), edges, strict=True):
        name = edge.name if edge.name in nodes[place_of(edge)].names else ""
        links.setdefault((source, place_of(edge), edge.protocol, name), []).append(edge)
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
        node = nodes.setdefault(place_of(edge), _Node(place_of(edge), edge.server, edge.server_class, edge.port))
        node.protocols.add(edge.protocol)
        node.calls += edge.calls
        if edge.name:
            node.names.add(edge.name)
    for node in nodes.values():
        node.names = clearest(node.names)
    return nodes


def _sources(edges: Iterable[EdgeRow], nodes: dict[str, _Node]) -> list[str]:
    """The node that made each edge's calls; those that are none yet are added."""
    servers: dict[str, list[_Node]] = {}
    for node in list(nodes.values()):
        servers.setdefault(node.address, []).append(node)
    clients = _clients(edges, servers, nodes)
    return [_caller(edge, servers) or clients[edge.client] for edge in edges]


def _caller(edge: EdgeRow, servers: Mapping[str, Sequence[_Node]]) -> str:
    """The one server at the client's address that can have called; "" where it is none or several."""
    able = [node.id for node in servers.get(edge.client, ()) if node.kind() != "cache" and node.id != place_of(edge)]
    return able[0] if len(able) == 1 else ""


def _clients(
    edges: Iterable[EdgeRow], servers: Mapping[str, Sequence[_Node]], nodes: dict[str, _Node]
) -> dict[str, str]:
    """Nodes for addresses as such: one each, or one for all that only call where these are many."""
    classes: dict[str, set[str]] = {}
    for edge in edges:
        if not _caller(edge, servers):
            classes.setdefault(edge.client_class, set()).add(edge.client)
    found: dict[str, str] = {}
    for address_class, clients in classes.items():
        pure = {client for client in clients if client not in servers}
        if len(pure) > CLIENTS_MOST:
            crowd = _Node(f"{address_class} clients", "", address_class, clients=len(pure))
            nodes[crowd.id] = crowd
            found |= dict.fromkeys(pure, crowd.id)
        for client in sorted(clients - found.keys()):
            hosted = {name for node in servers.get(client, ()) for name in (node.label(),)}
            nodes[client] = _Node(client, client, address_class, names=hosted)
            found[client] = client
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
