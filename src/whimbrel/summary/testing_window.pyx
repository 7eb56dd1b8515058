"""The window and its parts, callable from Python, for their tests.  Nothing of the product imports this."""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memcpy, memset
from whimbrel.base.arena cimport Arena, arena_alloc, arena_close, arena_init
from whimbrel.base.clock cimport precise_ns
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.summary.call cimport Call
from whimbrel.summary.hll cimport Hll, hll_add, hll_clear, hll_estimate, hll_merge, hll_read
from whimbrel.summary.latency cimport Latency, latency_clear, latency_merge, latency_read, latency_record
from whimbrel.summary.pieces cimport PIECES, Piece, query_next, split_key, split_path, target_query
from whimbrel.summary.readout cimport window_close, window_forget_told
from whimbrel.summary.shape cimport ShapeBuilder, shape_begin, shape_end, shape_feed, shape_free
from whimbrel.summary.shards cimport Shards, shards_free, shards_new, shards_read, shards_touch
from whimbrel.summary.template cimport (
    NODE_LEAF, Node, Templates, template_current, template_find, template_id, template_key, templates_free,
    templates_new, templates_set_key)
from whimbrel.summary.window cimport (
    Row, WindowData, window_call, window_edge, window_free, window_new, window_tls)
from whimbrel.base.buffer cimport Writer, writer_init, writer_len
from whimbrel.summary.template cimport template_put

import ipaddress


cdef class Memory:
    """An arena."""
    cdef Arena arena

    def __cinit__(self, size=16 << 20):
        if not arena_init(&self.arena, size):
            raise MemoryError(size)

    def __dealloc__(self):
        arena_close(&self.arena)

    @property
    def used(self):
        return self.arena.used_bytes

    def fill(self):
        """Take all there is."""
        while arena_alloc(&self.arena, 1 << 20) != NULL or arena_alloc(&self.arena, 1) != NULL:
            pass


cdef Slice borrowed(bytes data):
    return slice_of(<const uint8_t*> data, len(data))


def pieces(bytes text, path):
    """(separator, piece, forced) of a path or key."""
    cdef Piece found[PIECES + 1]
    cdef int n = split_path(borrowed(text), found) if path else split_key(borrowed(text), found), i
    return [(chr(found[i].sep) if found[i].sep else "", found[i].text.ptr[:found[i].text.len], found[i].forced)
            for i in range(n)]


def query(bytes target):
    """[(name, value)]."""
    cdef Slice rest = target_query(borrowed(target)), name, value
    found = []
    while query_next(&rest, &name, &value):
        found.append((name.ptr[:name.len], value.ptr[:value.len] if value.len else b""))
    return found


def distinct(hashes, Memory memory=None, also=()):
    """(estimate, packed registers, refused) of a Hll that got `hashes`, merged with one that got `also`."""
    cdef Hll h, other
    memory = memory or Memory()
    memset(&h, 0, sizeof(h))
    memset(&other, 0, sizeof(other))
    for value in hashes:
        hll_add(&memory.arena, &h, value)
    for value in also:
        hll_add(&memory.arena, &other, value)
    hll_merge(&memory.arena, &h, &other)
    found = hll_estimate(&h), hll_read(&h), h.refused
    hll_clear(&memory.arena, &h)
    hll_clear(&memory.arena, &other)
    return found


def latencies(values, also=(), Memory memory=None):
    """(what a Latency of `values` merged with one of `also` reads as, arena bytes it took)."""
    cdef Latency h, other
    memory = memory or Memory()
    memset(&h, 0, sizeof(h))
    memset(&other, 0, sizeof(other))
    for value in values:
        latency_record(&memory.arena, &h, value)
    used = memory.used
    for value in also:
        latency_record(&memory.arena, &other, value)
    latency_merge(&memory.arena, &h, &other)
    found = latency_read(&h)
    latency_clear(&memory.arena, &h)
    latency_clear(&memory.arena, &other)
    return found, used


def latency_size():
    return sizeof(Latency)


def row_size():
    return sizeof(Row)


cdef class Sample:
    """A Shards."""
    cdef Memory memory
    cdef Shards* shards

    def __cinit__(self):
        self.memory = Memory(1 << 20)
        self.shards = shards_new(&self.memory.arena)

    def __dealloc__(self):
        shards_free(&self.memory.arena, self.shards)

    def touch(self, hashes, read=True):
        for value in hashes:
            shards_touch(self.shards, value, read)

    def read(self):
        return shards_read(self.shards)

    @property
    def used(self):
        return self.shards.used

    @property
    def memory_used(self):
        return self.memory.used


cdef class Trie:
    """Templates by themselves."""
    cdef Memory memory
    cdef Templates* templates
    cdef dict ids

    def __cinit__(self, *, size=16 << 20, k=10, bytes key=b"k" * 32, seed=1):
        self.memory = Memory(size)
        self.templates = templates_new(&self.memory.arena, seed, k)
        if self.templates == NULL:
            raise MemoryError(size)
        templates_set_key(self.templates, <const uint8_t*> key, len(key))

    def __dealloc__(self):
        templates_free(self.templates)

    def find(self, bytes method, bytes host, bytes target, protocol=1):
        """The template the call got."""
        return text_of(template_find(self.templates, protocol, borrowed(method), borrowed(host), borrowed(target)))

    def find_key(self, bytes command, bytes key, protocol=3, many=0):
        return text_of(template_key(self.templates, protocol, borrowed(command), borrowed(key), many))

    def endpoints(self):
        """{(template, id): calls} of all leaves."""
        cdef uint32_t i
        cdef Node* n
        found = {}
        for i in range(self.templates.slots):
            n = self.templates.table[i]
            while n != NULL:
                if n.kind == NODE_LEAF:
                    key = text_of(n), template_id(n)
                    found[key] = found.get(key, 0) + n.calls
                n = n.chain
        return found

    @property
    def nodes(self):
        return self.templates.nodes

    @property
    def refused(self):
        return self.templates.refused

    @property
    def memory_used(self):
        return self.memory.used

    def measure(self, bytes method, bytes host, list targets, times):
        """ns a template_find."""
        cdef Slice found[64]
        cdef Slice m = borrowed(method), h = borrowed(host)
        cdef int n = len(targets), i
        cdef int64_t rounds = times, started
        for i in range(n):
            found[i] = borrowed(targets[i])
        started = precise_ns()
        with nogil:
            for _ in range(rounds):
                for i in range(n):
                    template_find(self.templates, 1, m, h, found[i])
        return (precise_ns() - started) / (rounds * n)


cdef str text_of(const Node* n):
    cdef uint8_t room[8192]
    cdef Writer w
    writer_init(&w, room, 8192)
    template_put(n, &w, False)
    return (<char*> room)[:writer_len(&w)].decode("latin-1")


cdef bytes address(text):
    found = ipaddress.ip_address(text)
    return found.packed if found.version == 6 else b"\0" * 10 + b"\xff\xff" + found.packed


cdef class Watch:
    """A window, its templates and their arena; calls come as keyword arguments."""
    cdef Memory memory
    cdef Templates* templates
    cdef WindowData* window
    cdef list kept

    def __cinit__(self, *, size=64 << 20, k=10, bytes key=b"k" * 32, seed=1, addresses=False):
        self.memory = Memory(size)
        self.templates = templates_new(&self.memory.arena, seed, k)
        if self.templates == NULL:
            raise MemoryError(size)
        templates_set_key(self.templates, <const uint8_t*> key, len(key))
        self.window = window_new(&self.memory.arena, self.templates, seed)
        if self.window == NULL:
            raise MemoryError(size)
        self.window.addresses = addresses

    def __dealloc__(self):
        window_free(self.window)
        templates_free(self.templates)

    cdef fill(self, Call* c, dict row):
        """Strings of the call stay alive in self.kept until the next."""
        cdef bytes raw
        self.kept = []
        memset(c, 0, sizeof(Call))
        c.protocol = row.pop("protocol", 1)
        c.outcome = row.pop("outcome", 0)
        c.flags = row.pop("flags", 0)
        c.status = row.pop("status", 200 if c.protocol == 1 else 0)
        raw = address(row.pop("client", "10.0.0.1"))
        memcpy(c.client, <const uint8_t*> raw, 16)
        raw = address(row.pop("server", "10.0.0.2"))
        memcpy(c.server, <const uint8_t*> raw, 16)
        c.server_port = row.pop("port", 80)
        c.method = self.hold(row.pop("method", b"GET"))
        c.host = self.hold(row.pop("host", b""))
        c.target = self.hold(row.pop("target", b"/"))
        c.key = self.hold(row.pop("key", b""))
        c.headers = self.hold(row.pop("headers", b""))
        c.request_bytes = row.pop("request_bytes", 0)
        c.response_bytes = row.pop("response_bytes", 0)
        c.ttl_ms = row.pop("ttl_ms", -1)
        c.request_last_ns = row.pop("asked_ns", 1_000_000_000)
        c.response_first_ns = row.pop("first_ns", 1_000_000_000 + 1000)
        c.response_last_ns = row.pop("last_ns", 1_000_000_000 + 2000)

    cdef Slice hold(self, bytes data):
        self.kept.append(data)
        return borrowed(data)

    def call(self, **row):
        """One call; `request` and `response` are JSON bodies.  Returns its template."""
        cdef Call c
        cdef Node* node
        request, response = row.pop("request", None), row.pop("response", None)
        self.fill(&c, row)
        if row:
            raise TypeError(f"no such field of a call: {row}")
        self.body(request, &c, True)
        self.body(response, &c, False)
        node = window_call(self.window, &c)
        found = text_of(template_current(node))
        shape_free(&self.memory.arena, c.request_body.shape)
        shape_free(&self.memory.arena, c.response_body.shape)
        return found

    cdef body(self, bytes json, Call* c, bint request):
        cdef ShapeBuilder b
        if json is None:
            return
        shape_begin(&b, &self.memory.arena, self.window.seed)
        shape_feed(&b, <const uint8_t*> json, len(json))
        if request:
            c.request_body.kind = 1
            c.request_body.shape = shape_end(&b)
        else:
            c.response_body.kind = 1
            c.response_body.shape = shape_end(&b)

    def edge(self, client, server, port, protocol, size):
        cdef bytes c = address(client), s = address(server)
        window_edge(self.window, <const uint8_t*> c, <const uint8_t*> s, port, protocol, size)

    def tls(self, client, server, port, version, bytes name, bytes alpn):
        cdef bytes c = address(client), s = address(server)
        window_tls(self.window, <const uint8_t*> c, <const uint8_t*> s, port, version,
                   <const uint8_t*> name, len(name), <const uint8_t*> alpn, len(alpn))

    def close(self, start_ns=0, end_ns=10_000_000_000, explained=None):
        return window_close(self.window, start_ns, end_ns, explained)

    def forget_told(self):
        window_forget_told(self.window)

    @property
    def memory_used(self):
        return self.memory.used

    @property
    def nodes(self):
        return self.templates.nodes

    def measure(self, times, list targets, **row):
        """ns a window_call; `response` is the JSON body of every one."""
        cdef Call c
        cdef Slice found[64]
        cdef int n = len(targets), i
        cdef int64_t rounds = times, started, r
        request, response = row.pop("request", None), row.pop("response", None)
        self.fill(&c, row)
        self.body(request, &c, True)
        self.body(response, &c, False)
        for i in range(n):
            found[i] = borrowed(targets[i])
        started = precise_ns()
        with nogil:
            for r in range(rounds):
                for i in range(n):
                    if c.protocol == 1:
                        c.target = found[i]
                    else:
                        c.key = found[i]
                    c.client[15] = <uint8_t> r
                    window_call(self.window, &c)
        took = precise_ns() - started
        shape_free(&self.memory.arena, c.request_body.shape)
        shape_free(&self.memory.arena, c.response_body.shape)
        return took / (rounds * n)
