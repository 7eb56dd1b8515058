"""From a call's target to its endpoint, and from an endpoint back to text; see template.pxd for the rules.

A known segment costs one look into the table; what it looks like is only asked where it is not there.  The trie itself
is trie.pyx, the cutting pieces.pyx, the way down from a host steps.pyx.
"""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy
from whimbrel.base.arena cimport Arena, arena_alloc_zero, arena_free
from whimbrel.base.buffer cimport Writer, put_byte, put_bytes, put_slice
from whimbrel.base.slice cimport Slice, slice_eq, slice_of
from whimbrel.summary.call cimport CALL_HTTP
from whimbrel.summary.format cimport FORMAT_HOSTNAME, FORMAT_IPV4, FORMAT_IPV6, format_of
from whimbrel.summary.looks cimport is_known, parameter_name, value_of
from whimbrel.summary.pieces cimport PIECE_AUTHORITY, PIECE_UNKNOWN, PIECES, Piece, split_key, split_path
from whimbrel.summary.token cimport TOKEN_HEX, TOKEN_NODE, token_hex, token_key_init, token_of
from whimbrel.summary.steps cimport step, whole_value
from whimbrel.summary.trie cimport (
    protocol_of, trie_add, trie_child, trie_free_gone, trie_free_orphans, trie_parameter, trie_prune)

REVEAL_CALLS = TEMPLATE_REVEAL_CALLS

cdef enum:
    METHOD_BYTES = 32


cdef inline Slice nothing() noexcept nogil:
    return slice_of(<const uint8_t*> "", 0)


cdef inline Slice part(Slice s, size_t start, size_t end) noexcept nogil:
    return slice_of(s.ptr + start, end - start)


# -- hosts and methods --

cdef Slice lower_host(Slice host, uint8_t* out) noexcept nogil:
    """In lower case and without the root's dot; at most TEMPLATE_HOST_BYTES + 1 of it."""
    cdef size_t i, n = host.len if host.len <= TEMPLATE_HOST_BYTES else TEMPLATE_HOST_BYTES + 1
    for i in range(n):
        out[i] = host.ptr[i] | 0x20 if c'A' <= host.ptr[i] <= c'Z' else host.ptr[i]
    if n > 1 and out[n - 1] == c'.':
        n -= 1
    return slice_of(out, n)


cdef Slice without_port(Slice host) noexcept nogil:
    cdef size_t at = host.len
    if host.len and host.ptr[0] == c'[':
        while at > 1 and host.ptr[at - 1] != c']':
            at -= 1
        return part(host, 1, at - 1) if at > 1 else host
    while at > 0 and c'0' <= host.ptr[at - 1] <= c'9':
        at -= 1
    if at > 1 and host.ptr[at - 1] == c':' and at < host.len and host.len - at <= 5:
        return part(host, 0, at - 1)
    return host


cdef bint is_name(Slice host) noexcept nogil:
    """Of letters, digits, - _ and dots: what a name in DNS or a container's can be."""
    cdef size_t i
    cdef uint8_t c
    for i in range(host.len):
        c = host.ptr[i]
        if not (c'a' <= c <= c'z' or c'0' <= c <= c'9' or c == c'-' or c == c'_' or c == c'.'):
            return False
    return True


cdef uint8_t host_flags(Slice name) noexcept nogil:
    """Hidden where a label looks like a value."""
    cdef size_t start = 0, end
    while start <= name.len:
        end = start
        while end < name.len and name.ptr[end] != c'.':
            end += 1
        if value_of(part(name, start, end)):
            return NODE_HIDDEN
        start = end + 1
    return 0


cdef Node* host_node(Templates* t, Node* root, Slice host) noexcept nogil:
    cdef uint8_t lowered[TEMPLATE_HOST_BYTES + 1]
    cdef Slice text = lower_host(host, lowered), name
    cdef Node* n = trie_child(t, root, NODE_HOST, 0, 0, text)
    cdef uint8_t parameter = 0
    cdef int found
    if n != NULL:
        return n
    name = without_port(text)
    found = format_of(name, True)
    if found == FORMAT_IPV4 or found == FORMAT_IPV6:
        parameter = <uint8_t> found
    elif text.len > TEMPLATE_HOST_BYTES or not is_name(name) or root.literals >= TEMPLATE_HOSTS:
        parameter = FORMAT_HOSTNAME
    if parameter == 0:
        return trie_add(t, root, NODE_HOST, 0, 0, text, host_flags(name) if text.len else NODE_KNOWN)
    n = trie_child(t, root, NODE_HOST, 0, parameter, nothing())
    return n if n != NULL else trie_add(t, root, NODE_HOST, 0, parameter, nothing(), 0)


cdef Node* leaf_node(Templates* t, Node* at, uint8_t protocol, Slice method) noexcept nogil:
    cdef Node* n = NULL
    cdef bint known
    if method.len <= METHOD_BYTES:
        n = trie_child(t, at, NODE_LEAF, 0, 0, method)
    if n != NULL:
        return n
    known = is_known(protocol, method)
    if known or (0 < method.len <= METHOD_BYTES and at.leaves < TEMPLATE_LEAVES and value_of(method) == 0):
        return trie_add(t, at, NODE_LEAF, 0, 0, method, NODE_KNOWN if known else 0)
    n = trie_child(t, at, NODE_LEAF, 0, PARAMETER_METHOD, nothing())
    return n if n != NULL else trie_add(t, at, NODE_LEAF, 0, PARAMETER_METHOD, nothing(), 0)


# -- endpoints --

cdef Node* counted(Node* leaf, uint32_t many) noexcept nogil:
    cdef Node* n = leaf
    while n != NULL:
        if many == 0:
            n.calls += 1
        elif n.many == 0 or <int32_t> (many - n.many) > 0:
            n.calls += 1
            n.many = many
        n = n.parent
    return leaf


cdef Node* overflow(
    Templates* t, Node* at, Node* failed, uint8_t protocol, Slice method, uint32_t many,
) noexcept nogil:
    """The call's endpoint where its own found no room: {other} below the last node that did."""
    cdef Node* leaf = NULL
    t.refused += 1
    if at != NULL and at.kind != NODE_ROOT and failed == NULL:
        failed = trie_parameter(t, at, c'/' if protocol == CALL_HTTP else c':', PARAMETER_OTHER)
        if failed != NULL:
            leaf = leaf_node(t, failed, protocol, method)
        if leaf == NULL:
            trie_prune(t, failed if failed != NULL else at)
    return counted(leaf if leaf != NULL else t.other[protocol], many)


cdef Node* endpoint(
    Templates* t, Node* at, uint8_t protocol, Slice method, const Piece* pieces, int n, bint path, uint32_t many,
) noexcept nogil:
    cdef Node* leaf = NULL
    cdef Node* below = at
    cdef Slice rest
    cdef uint8_t whole
    cdef int i
    for i in range(n):
        rest = pieces[i].text
        rest.len = <size_t> (pieces[n - 1].text.ptr + pieces[n - 1].text.len - rest.ptr)
        whole = whole_value(rest) if not path and i < n - 1 and rest.len <= TEMPLATE_SEGMENT_BYTES else 0
        below = trie_parameter(t, at, pieces[i].sep, whole) if whole else step(t, at, &pieces[i], rest, path)
        if below == NULL:
            return overflow(t, at, NULL, protocol, method, many)
        at = below
        if whole:
            break
    leaf = leaf_node(t, at, protocol, method)
    return counted(leaf, many) if leaf != NULL else overflow(t, at, NULL, protocol, method, many)


cdef Node* template_find(Templates* t, uint8_t protocol, Slice method, Slice host, Slice target) noexcept nogil:
    cdef Piece pieces[PIECES + 1]
    cdef Node* at = host_node(t, t.roots[protocol % TEMPLATE_PROTOCOLS], host)
    cdef int n = 1
    protocol %= TEMPLATE_PROTOCOLS
    if at == NULL:
        return overflow(t, NULL, NULL, protocol, method, 0)
    pieces[0].text = nothing()
    pieces[0].sep = 0
    if slice_eq(method, slice_of(<const uint8_t*> "CONNECT", 7)):
        pieces[0].forced = PIECE_AUTHORITY
    elif method.len == 0 and target.len == 0:
        pieces[0].forced = PIECE_UNKNOWN
    else:
        n = split_path(target, pieces)
    return endpoint(t, at, protocol, method, pieces, n, True, 0)


cdef Node* template_key(Templates* t, uint8_t protocol, Slice command, Slice key, uint32_t many) noexcept nogil:
    cdef Piece pieces[PIECES + 1]
    cdef int n = split_key(key, pieces)
    protocol %= TEMPLATE_PROTOCOLS
    return endpoint(t, t.roots[protocol], protocol, command, pieces, n, False, many)


cdef Node* template_host(Templates* t, uint8_t protocol, Slice host) noexcept nogil:
    cdef Node* leaf = NULL
    cdef Node* at = host_node(t, t.roots[protocol % TEMPLATE_PROTOCOLS], host)
    protocol %= TEMPLATE_PROTOCOLS
    if at != NULL:
        leaf = trie_child(t, at, NODE_LEAF, 0, 0, nothing())
        if leaf == NULL:
            leaf = trie_add(t, at, NODE_LEAF, 0, 0, nothing(), NODE_KNOWN)
        if leaf == NULL:
            trie_prune(t, at)
    return counted(leaf, 0) if leaf != NULL else overflow(t, NULL, NULL, protocol, nothing(), 0)


cdef Node* template_current(Node* n) noexcept nogil:
    while n.flags & NODE_GONE:
        n = n.merged
    return n


cdef void template_drop(Templates* t, Node* leaf) noexcept nogil:
    if leaf != t.other[protocol_of(leaf)]:
        trie_prune(t, leaf)


cdef void templates_sweep(Templates* t) noexcept nogil:
    trie_free_gone(t)
    trie_free_orphans(t)


cdef const Node* root_of(const Node* n) noexcept nogil:
    while n.parent != NULL:
        n = n.parent
    return n


# -- what leaves --

cdef Slice node_text(const Node* n) noexcept nogil:
    return slice_of(<const uint8_t*> (n + 1), n.text_len)


cdef uint64_t template_id(Node* n) noexcept nogil:
    cdef Templates* t
    cdef uint8_t text[3 + 256]
    cdef uint64_t above
    if n.id == 0:
        t = <Templates*> root_of(n).user
        above = template_id(n.parent) if n.parent != NULL else 0
        text[0] = n.kind
        text[1] = n.sep
        text[2] = n.parameter
        memcpy(text + 3, n + 1, n.text_len)
        n.id = token_of(&t.key, TOKEN_NODE, above, slice_of(text, 3 + n.text_len)) | 1
    return n.id


cdef bint template_shown(const Templates* t, const Node* n) noexcept nogil:
    return n.flags & NODE_KNOWN or (n.calls >= t.reveal_calls and not n.flags & NODE_HIDDEN)


cdef void template_put_node(const Node* n, Writer* w, bint reveal_all) noexcept nogil:
    cdef uint8_t digits[TOKEN_HEX]
    if n.parameter:
        put_byte(w, c'{')
        put_slice(w, parameter_name(n.parameter))
        put_byte(w, c'}')
    elif reveal_all or n.text_len == 0 or template_shown(<const Templates*> root_of(n).user, n):
        put_slice(w, node_text(n))
    else:
        token_hex(template_id(<Node*> n), digits)
        put_byte(w, c'~')
        put_bytes(w, digits, TOKEN_HEX)


cdef void template_put(const Node* n, Writer* w, bint reveal_all) noexcept nogil:
    cdef const Node* above[TEMPLATE_DEPTH]
    cdef int depth = 0
    if n.kind == NODE_LEAF:
        n = n.parent
    while n != NULL and n.kind != NODE_HOST and n.kind != NODE_ROOT and depth < TEMPLATE_DEPTH:
        above[depth] = n
        depth += 1
        n = n.parent
    while depth:
        depth -= 1
        if above[depth].sep:
            put_byte(w, above[depth].sep)
        template_put_node(above[depth], w, reveal_all)


cdef const Node* template_host_of(const Node* n) noexcept nogil:
    while n != NULL and n.kind != NODE_HOST:
        n = n.parent
    return n


# -- beginning and end --

cdef Node* add_root(Templates* t, uint8_t protocol) noexcept nogil:
    cdef Node* root = <Node*> arena_alloc_zero(t.arena, sizeof(Node))
    if root != NULL:
        root.user = t
        root.parameter = protocol
    return root


cdef bint add_protocol(Templates* t, uint8_t protocol) noexcept nogil:
    """Its root, and the leaf where calls are counted that find no room."""
    cdef Node* at = add_root(t, protocol)
    t.roots[protocol] = at
    if at != NULL:
        at = trie_add(t, at, NODE_HOST, 0, PARAMETER_OTHER, nothing(), 0)
    if at != NULL:
        at = trie_add(t, at, NODE_PARAMETER, c'/', PARAMETER_OTHER, nothing(), 0)
    if at != NULL:
        at = trie_add(t, at, NODE_LEAF, 0, PARAMETER_METHOD, nothing(), 0)
    t.other[protocol] = at
    return at != NULL


cdef Templates* templates_new(Arena* arena, uint64_t seed, uint32_t reveal_calls) noexcept nogil:
    cdef Templates* t = <Templates*> arena_alloc_zero(arena, sizeof(Templates))
    cdef uint8_t protocol
    if t == NULL:
        return NULL
    t.arena = arena
    t.seed = seed
    t.reveal_calls = reveal_calls
    t.slots = 256
    t.table = <Node**> arena_alloc_zero(arena, t.slots * sizeof(Node*))
    token_key_init(&t.key, <const uint8_t*> &seed, sizeof(seed))
    for protocol in range(TEMPLATE_PROTOCOLS):
        if t.table == NULL or not add_protocol(t, protocol):
            templates_free(t)
            return NULL
    return t


cdef void templates_set_key(Templates* t, const uint8_t* key, size_t n) noexcept nogil:
    token_key_init(&t.key, key, n)


cdef void templates_free(Templates* t) noexcept nogil:
    cdef uint32_t i
    cdef Node* n
    cdef Node* following
    if t == NULL:
        return
    trie_free_gone(t)
    for i in range(t.slots if t.table != NULL else 0):
        n = t.table[i]
        while n != NULL:
            following = n.chain
            arena_free(t.arena, n)
            n = following
    for i in range(TEMPLATE_PROTOCOLS):
        arena_free(t.arena, t.roots[i])
    arena_free(t.arena, t.table)
    arena_free(t.arena, t)
