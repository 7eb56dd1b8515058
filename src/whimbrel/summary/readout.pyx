"""Windows out; see readout.pxd, and docs/batch.md for every field.

Idea: a string can get into the result in five ways only, each a function here or in outline.pyx that knows its rule
(Explained): a node's text (reveal rule, token or {format}), a key of a shape, a word of a table of ours, an address (a
token, unless configured), an id.  Everything else is numbers, and each of the five is noted where somebody asked.

Addresses leave as tokens with their class (loopback, private, public): those of clients are personal data, those of
servers a map of somebody's network, and the hub needs neither to draw who calls whom, only whether two are the same.
Who runs both may say otherwise (WindowData.addresses).

A schema is told when it differs from what was told last, and then again ever more rarely while its calls go on: its
counts prove what a change alone does not, such as that a field is gone.  Ids that changed by a merge are told as
aliases.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from whimbrel.base.buffer cimport Writer, writer_init, writer_len
from whimbrel.base.slice cimport slice_of
from whimbrel.summary.hll cimport hll_read
from whimbrel.summary.latency cimport latency_read
from whimbrel.summary.outline cimport outline_read
from whimbrel.summary.shards cimport shards_read
from whimbrel.summary.telling cimport TellBudget, tell_all, tell_budget, tell_due
from whimbrel.summary.template cimport (
    NODE_KNOWN, NODE_ROOT, Node, template_host_of, template_id, template_put,
    template_put_node, template_shown, templates_sweep)
from whimbrel.summary.token cimport TOKEN_ADDRESS, TOKEN_HEX, token_hex, token_of
from whimbrel.summary.trie cimport protocol_of
from whimbrel.summary.window cimport (
    OTHER_ROWS, SIZE_STEPS, TTL_STEPS, WINDOW_CALLERS, WINDOW_TLS, Edge, Endpoint, Kept, Row, Sizes, WindowData,
    window_next, window_settle)

import ipaddress

from whimbrel.summary.bodies import FLAGS as BODY_FLAGS
from whimbrel.summary.call import FLAGS, OUTCOMES, PROTOCOLS
from whimbrel.summary.explained import Explained
from whimbrel.summary.known import ALPN

cdef enum:
    TEXT_BYTES = 8192               # of a template: 64 nodes of at most 66 bytes

AUTH_NAMES = {1: "basic", 2: "bearer", 4: "digest", 8: "negotiate", 16: "other", 32: "cookie", 64: "api_key",
              128: "signature"}
TLS_VERSIONS = {0x0300: "ssl3", 0x0301: "tls1.0", 0x0302: "tls1.1", 0x0303: "tls1.2", 0x0304: "tls1.3"}
COUNT_NAMES = ("calls", "other_calls", "edges_lost", "shapes_refused", "shapes_restarted", "caches_lost", "dropped",
               "edges_unnamed")
PRIVATE = [ipaddress.ip_network(text) for text in (
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10", "fc00::/7", "fe80::/10")]


cdef class Notes:
    """Explained rows, each once; nothing at all where nobody asked."""
    cdef dict rows

    def __init__(self, wanted):
        self.rows = {} if wanted else None

    cdef str note(self, str string, str kind, uint64_t calls, str rule):
        if self.rows is not None:
            self.rows[string, kind] = Explained(string, kind, max(calls, self.calls_of(string, kind)), rule)
        return string

    cdef uint64_t calls_of(self, str string, str kind) except? 0:
        row = self.rows.get((string, kind))
        return row.calls if row is not None else 0


# -- strings --

cdef str put_text(const Node* n, bint whole):
    cdef uint8_t room[TEXT_BYTES]
    cdef Writer w
    writer_init(&w, room, TEXT_BYTES)
    if whole:
        template_put(n, &w, False)
    else:
        template_put_node(n, &w, False)
    return PyBytes_FromStringAndSize(<char*> room, writer_len(&w)).decode("ascii")


cdef str node_rule(WindowData* w, const Node* n):
    if n.parameter:
        return "format"
    if n.flags & NODE_KNOWN or n.text_len == 0:
        return "registered"
    return "seen" if template_shown(w.templates, n) else "token"


cdef str one_node(WindowData* w, Notes notes, const Node* n, str kind):
    if n == NULL:
        return ""
    return notes.note(put_text(n, False), kind, n.calls, node_rule(w, n))


cdef str whole_template(WindowData* w, Notes notes, const Node* leaf):
    cdef const Node* n = leaf.parent
    cdef str text = put_text(leaf, True)
    if notes.rows is not None:
        notes.note(text, "template", leaf.calls, "parts")
        while n != NULL and n.kind != NODE_ROOT and n != template_host_of(leaf):
            notes.note(put_text(n, False), "segment", n.calls, node_rule(w, n))
            n = n.parent
    return text


cdef str id_text(Notes notes, uint64_t id):
    return notes.note(f"{id:016x}", "id", 0, "token")


cdef str ours(Notes notes, str word, str kind):
    """A word of our own tables."""
    return notes.note(word, kind, 0, "format")


cdef str address_class(address):
    if address.is_loopback:
        return "loopback"
    return "private" if any(address in net for net in PRIVATE if net.version == address.version) else "public"


cdef tuple address_of(WindowData* w, Notes notes, const uint8_t* raw, dict seen):
    """(what stands for it, its class)"""
    cdef uint8_t digits[TOKEN_HEX]
    cdef bytes key = raw[:16]
    found = seen.get(key)
    if found is None:
        address = ipaddress.IPv6Address(key)
        address = address.ipv4_mapped or address
        if w.addresses:
            text, rule = str(address), "configured"
        else:
            token_hex(token_of(&w.templates.key, TOKEN_ADDRESS, 0, slice_of(raw, 16)), digits)
            text, rule = "~" + digits[:TOKEN_HEX].decode("ascii"), "token"
        found = (notes.note(text, "address", 0, rule), ours(notes, address_class(address), "address class"))
        seen[key] = found
    return found


# -- numbers --

cdef list pairs(const uint32_t* counts, int n):
    """[place, count, ...] of those that are not 0."""
    cdef int i
    return [x for i in range(n) if counts[i] for x in (i, counts[i])]


cdef dict named(Notes notes, str kind, const uint32_t* counts, int n, names):
    cdef int i
    return {ours(notes, names(i), kind): counts[i] for i in range(n) if counts[i]}


cdef list bits(uint32_t word):
    return [i for i in range(32) if word >> <uint32_t> i & 1]


cdef dict sizes_of(const Sizes* s):
    return {"sum": s.sum, "min": s.min, "max": s.max, "steps": pairs(s.steps, SIZE_STEPS)}


cdef void put_callers(WindowData* w, Notes notes, dict to, const Row* r, dict seen) except *:
    """[(client, its class, calls), ...] where there was room for all."""
    cdef int i
    if r.more_callers:
        to["more_callers"] = True
        return
    to["callers"] = [
        (*address_of(w, notes, w.edges[r.callers[i] - 1].client, seen), r.caller_calls[i])
        for i in range(WINDOW_CALLERS) if r.callers[i]]


cdef dict row_of(WindowData* w, Notes notes, Row* r, bint http, TellBudget* budget, dict seen):
    found = {
        "calls": r.calls, "first": latency_read(&r.first), "last": latency_read(&r.last),
        "request": sizes_of(&r.request), "response": sizes_of(&r.response), "clients": hll_read(&r.clients),
        "flags": named(notes, "flag", r.flags, 16, lambda i: FLAGS[1 << i][0]),
    }
    put_callers(w, notes, found, r, seen)
    if http:
        found["status"] = r.status
        found["request_kinds"] = bits(r.request_kinds)
        found["response_kinds"] = bits(r.response_kinds)
        found["body_flags"] = named(notes, "flag", r.body_flags, 6, lambda i: BODY_FLAGS[i])
        tell(w, notes, found, "body", "key of a response", &r.answer, budget)
    else:
        found["outcomes"] = named(notes, "outcome", r.outcomes, 8, lambda i: OUTCOMES[i])
        found["ttls"] = pairs(r.ttls, TTL_STEPS)
    return {name: value for name, value in found.items() if value is not None and value != {} and value != []}


cdef void tell(WindowData* w, Notes notes, dict to, str name, str kind, Kept* k, TellBudget* budget) except *:
    """The shape, where there is something new in it or it is time to say so again."""
    if not tell_due(w, k, budget):
        return
    keys = []
    to[name] = outline_read(k.shape, w.templates.reveal_calls, keys)
    for key, calls in keys:
        notes.note(key, kind, calls, "seen")


# -- endpoints --

cdef dict endpoint_of(WindowData* w, Notes notes, Endpoint* e, TellBudget* budget, dict seen):
    cdef uint8_t protocol = protocol_of(e.node)
    cdef bint http = protocol == 1
    cdef Row* r = e.rows
    rows = []
    while r != NULL:
        if r.calls:
            rows.append(row_of(w, notes, r, http, budget, seen))
        r = r.next
    e.told_id = template_id(e.node)
    found = {
        "id": id_text(notes, e.told_id), "protocol": ours(notes, PROTOCOLS[protocol], "protocol"),
        "method": one_node(w, notes, e.node, "method" if http else "command"),
        "template": whole_template(w, notes, e.node), "rows": rows,
    }
    if http:
        found["host"] = one_node(w, notes, template_host_of(e.node), "host")
    if e.auth:
        found["auth"] = [ours(notes, AUTH_NAMES[1 << i], "authentication") for i in bits(e.auth)]
    tell(w, notes, found, "body", "key of a request", &e.request, budget)
    tell(w, notes, found, "query", "query parameter", &e.query, budget)
    tell(w, notes, found, "headers", "header name", &e.names, budget)
    return found


cdef list others(WindowData* w, Notes notes, dict seen):
    """Calls that found no row of their own: an endpoint a protocol, named {other}."""
    cdef Row* r
    cdef TellBudget none = TellBudget(0, 0)     # there is nothing to learn from them
    cdef int i
    cdef uint8_t protocol
    found = {}
    for i in range(OTHER_ROWS):
        r = &w.other[i]
        if r.calls == 0:
            continue
        protocol = 1 if i < 6 else <uint8_t> (i - 4)
        if protocol not in found:
            found[protocol] = {
                "id": id_text(notes, template_id(w.templates.other[protocol])),
                "protocol": ours(notes, PROTOCOLS[protocol], "protocol"),
                "method": notes.note("{method}", "method", 0, "format"),
                "host": notes.note("{other}", "host", 0, "format"),
                "template": notes.note("{other}", "template", 0, "format"), "rows": [],
            }
        found[protocol]["rows"].append(row_of(w, notes, r, protocol == 1, &none, seen))
    return list(found.values())


cdef list settle(WindowData* w, Notes notes):
    """Endpoints that were merged become one; [(id it had, id it has)] of those the hub knows by another one."""
    cdef Endpoint* e = w.endpoints
    cdef Endpoint* following
    cdef Endpoint* now
    cdef uint64_t told
    found = []
    while e != NULL:
        following = e.next
        told = e.told_id
        now = window_settle(w, e)
        if told and told != template_id(now.node):
            found.append([id_text(notes, told), id_text(notes, template_id(now.node))])
            tell_all(now)        # under its new id the hub gets everything, whether or not it saw the alias
            if now == e:
                e.told_id = template_id(e.node)
        e = following
    templates_sweep(w.templates)
    return found


# -- edges --

cdef dict edge_of(WindowData* w, Notes notes, const Edge* e, dict seen):
    client, client_class = address_of(w, notes, e.client, seen)
    server, server_class = address_of(w, notes, e.server, seen)
    found = {"client": client, "client_class": client_class, "server": server, "server_class": server_class,
             "port": e.port, "protocol": ours(notes, PROTOCOLS.get(e.protocol, "opaque"), "protocol")}
    name = one_node(w, notes, template_host_of(e.name), "server name" if e.protocol == WINDOW_TLS else "host")
    if e.protocol != WINDOW_TLS or e.flows:
        if name:
            found["name"] = name
        counted = {"calls": e.calls, "request_bytes": e.request_bytes, "response_bytes": e.response_bytes,
                   "flows": e.flows, "flow_bytes": e.flow_bytes}
        return found | {name: value for name, value in counted.items() if value}
    found["handshakes"] = e.calls
    found["version"] = ours(notes, TLS_VERSIONS.get(e.version, "unknown"), "TLS version")
    found["name"] = name
    if e.alpn:
        found["alpn"] = ours(notes, ALPN[e.alpn - 1] if e.alpn <= len(ALPN) else "unknown", "ALPN")
    return found


cdef list reuse(WindowData* w, Notes notes, dict seen):
    cdef uint32_t i
    found = []
    for i in range(w.caches_used):
        sample = shards_read(w.caches[i].shards)
        if sample is not None:
            server, _ = address_of(w, notes, w.caches[i].server, seen)
            found.append(sample | {
                "server": server, "port": w.caches[i].port,
                "protocol": ours(notes, PROTOCOLS[w.caches[i].protocol], "protocol")})
    return found


# -- the window --

cdef dict window_counts(const WindowData* w):
    cdef const uint64_t* words = <const uint64_t*> &w.counts
    found = {f"window_{name}": words[i] for i, name in enumerate(COUNT_NAMES)}
    found["template_nodes"] = w.templates.nodes
    found["template_collapsed"] = w.templates.collapsed
    found["template_refused"] = w.templates.refused
    return found


cdef dict window_close(WindowData* w, int64_t start_ns, int64_t end_ns, object explained):
    cdef Notes notes = Notes(explained is not None)
    cdef TellBudget budget = tell_budget()
    cdef Endpoint* e
    cdef uint32_t i
    cdef dict seen = {}
    aliases = settle(w, notes)
    endpoints = []
    e = w.endpoints
    while e != NULL:
        if e.calls and protocol_of(e.node) != WINDOW_TLS:
            endpoints.append(endpoint_of(w, notes, e, &budget, seen))
        e = e.next
    found = {
        "start_ns": start_ns, "end_ns": end_ns, "aliases": aliases, "endpoints": endpoints + others(w, notes, seen),
        "edges": [edge_of(w, notes, &w.edges[i], seen) for i in range(w.edges_used)],
        "reuse": reuse(w, notes, seen), "counts": window_counts(w),
    }
    window_next(w)
    if explained is not None:
        explained.extend(notes.rows.values())
    return found


cdef void window_forget_told(WindowData* w) noexcept:
    cdef Endpoint* e = w.endpoints
    while e != NULL:
        tell_all(e)
        e = e.next
