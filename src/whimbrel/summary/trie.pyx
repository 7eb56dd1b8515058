"""One table of all nodes, by (parent, kind, separator, text), and lists of children for walking.

Idea: merging never allocates.  A node that has no twin at its new place is moved, one that has is counted into it; so
a collapse cannot stop half-way for want of memory.  A merged endpoint stays as a signpost until the next sweep, because
the window still holds it.  Depth of recursion is the depth of the trie.
"""

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset
from whimbrel.base.arena cimport arena_alloc, arena_alloc_zero, arena_free
from whimbrel.base.hash cimport hash_bytes
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.summary.template cimport (
    NODE_CLOSED, NODE_GONE, NODE_HOST, NODE_KNOWN, NODE_LEAF, NODE_LITERAL, NODE_ONE_VALUE, NODE_PARAMETER, NODE_ROOT,
    PARAMETER_METHOD, PARAMETER_OTHER, PARAMETER_VALUE, TEMPLATE_CHILDREN, TEMPLATE_FIRST_CHILDREN, TEMPLATE_LEAVES,
    TEMPLATE_NODES, TEMPLATE_PARAMETERS, TEMPLATE_SLACK, Node, Templates)

cdef enum:
    TABLE_SLOTS_MAX = 65536         # twice the nodes


cdef inline uint8_t* text_of(const Node* n) noexcept nogil:
    return <uint8_t*> (n + 1)


cdef inline uint64_t identity(
    const Templates* t, const Node* parent, uint8_t kind, uint8_t sep, uint8_t parameter, Slice text,
) noexcept nogil:
    cdef uint64_t place = (<uint64_t> parent >> 6) * 0x9E3779B97F4A7C15u + (
        <uint64_t> kind << 16 | <uint64_t> sep << 8 | parameter)
    return hash_bytes(text.ptr, text.len, t.seed ^ place)


# -- the table --

cdef void table_insert(Templates* t, Node* n) noexcept nogil:
    cdef Node** slot = t.table + (n.hash & (t.slots - 1))
    n.chain = slot[0]
    slot[0] = n


cdef void table_remove(Templates* t, Node* n) noexcept nogil:
    cdef Node** at = t.table + (n.hash & (t.slots - 1))
    while at[0] != n:
        at = &at[0].chain
    at[0] = n.chain


cdef void table_grow(Templates* t) noexcept nogil:
    """Twice the slots; without memory for them chains get longer, that is all."""
    cdef uint32_t slots = t.slots * 2, i
    cdef Node** fresh
    cdef Node* n
    cdef Node* following
    if slots > TABLE_SLOTS_MAX:
        return
    fresh = <Node**> arena_alloc_zero(t.arena, slots * sizeof(Node*))
    if fresh == NULL:
        return
    for i in range(t.slots):
        n = t.table[i]
        while n != NULL:
            following = n.chain
            n.chain = fresh[n.hash & (slots - 1)]
            fresh[n.hash & (slots - 1)] = n
            n = following
    arena_free(t.arena, t.table)
    t.table = fresh
    t.slots = slots


cdef Node* trie_child(
    const Templates* t, const Node* parent, uint8_t kind, uint8_t sep, uint8_t parameter, Slice text,
) noexcept nogil:
    cdef uint64_t hash = identity(t, parent, kind, sep, parameter, text)
    cdef Node* n = t.table[hash & (t.slots - 1)]
    while n != NULL:
        if (n.hash == hash and n.parent == parent and n.kind == kind and n.sep == sep and n.parameter == parameter
                and n.text_len == text.len and (text.len == 0 or memcmp(text_of(n), text.ptr, text.len) == 0)):
            return n
        n = n.chain
    return NULL


# -- children --

cdef void count_child(Node* parent, const Node* n, int by) noexcept nogil:
    if n.kind == NODE_LITERAL or (n.kind == NODE_HOST and n.parameter == 0):
        parent.literals = <uint16_t> (parent.literals + by)
    elif n.kind == NODE_PARAMETER and n.parameter != PARAMETER_OTHER:
        parent.parameters = <uint8_t> (parent.parameters + by)
    elif n.kind == NODE_LEAF and not n.flags & NODE_KNOWN and n.parameter == 0:
        parent.leaves = <uint16_t> (parent.leaves + by)


cdef void attach(Templates* t, Node* n, Node* parent) noexcept nogil:
    n.parent = parent
    n.next = parent.child
    parent.child = n
    n.hash = identity(t, parent, n.kind, n.sep, n.parameter, slice_of(text_of(n), n.text_len))
    table_insert(t, n)
    count_child(parent, n, 1)


cdef void detach(Templates* t, Node* n) noexcept nogil:
    cdef Node** at = &n.parent.child
    while at[0] != n:
        at = &at[0].next
    at[0] = n.next
    table_remove(t, n)
    count_child(n.parent, n, -1)


cdef Node* trie_add(
    Templates* t, Node* parent, uint8_t kind, uint8_t sep, uint8_t parameter, Slice text, uint8_t flags,
) noexcept nogil:
    cdef bint last_resort = parameter == PARAMETER_OTHER or parent.parameter == PARAMETER_OTHER
    cdef Node* n
    if t.nodes >= (TEMPLATE_NODES + TEMPLATE_SLACK if last_resort else TEMPLATE_NODES) or text.len > 255:
        return NULL
    n = <Node*> arena_alloc(t.arena, sizeof(Node) + text.len)
    if n == NULL:
        return NULL
    memset(n, 0, sizeof(Node))
    n.kind = kind
    n.sep = sep
    n.parameter = parameter
    n.flags = flags
    n.text_len = <uint8_t> text.len
    if text.len:
        memcpy(text_of(n), text.ptr, text.len)
    t.nodes += 1
    if t.nodes > t.slots:
        table_grow(t)
    attach(t, n, parent)
    return n


cdef Node* trie_parameter(Templates* t, Node* parent, uint8_t sep, uint8_t parameter) noexcept nogil:
    cdef Slice nothing = slice_of(<const uint8_t*> "", 0)
    cdef Node* n
    if parent.flags & NODE_ONE_VALUE and parameter != PARAMETER_OTHER:
        parameter = PARAMETER_VALUE
    n = trie_child(t, parent, NODE_PARAMETER, sep, parameter, nothing)
    if n != NULL:
        return n
    if parent.parameters >= TEMPLATE_PARAMETERS and parameter != PARAMETER_OTHER and not parent.flags & NODE_ONE_VALUE:
        trie_collapse(t, parent, NODE_PARAMETER)
        return trie_parameter(t, parent, sep, PARAMETER_VALUE)
    return trie_add(t, parent, NODE_PARAMETER, sep, parameter, nothing, 0)


# -- merging --

cdef void forget_ids(Node* n) noexcept nogil:
    cdef Node* child = n.child
    n.id = 0
    while child != NULL:
        forget_ids(child)
        child = child.next


cdef void retire(Templates* t, Node* n, Node* into) noexcept nogil:
    """Its counts are in `into`, its children gone: an endpoint becomes a signpost, anything else is freed."""
    if n.kind == NODE_LEAF:
        n.flags |= NODE_GONE
        n.merged = into
        n.chain = t.gone
        t.gone = n
    else:
        arena_free(t.arena, n)
        t.nodes -= 1


cdef void generalise(Node* n, const Node* parent) noexcept nogil:
    """What a node has to become below this parent."""
    if n.kind == NODE_LITERAL and parent.flags & NODE_CLOSED:
        n.kind = NODE_PARAMETER
        n.parameter = PARAMETER_VALUE
        n.text_len = 0
    if n.kind == NODE_PARAMETER and parent.flags & NODE_ONE_VALUE and n.parameter != PARAMETER_OTHER:
        n.parameter = PARAMETER_VALUE
    if n.kind == NODE_LEAF and not n.flags & NODE_KNOWN and parent.leaves >= TEMPLATE_LEAVES:
        n.parameter = PARAMETER_METHOD
        n.text_len = 0


cdef void rehome(Templates* t, Node* n, Node* parent) noexcept nogil:
    """Put a detached node below `parent`: moved, or merged into the twin it has there."""
    cdef Node* twin
    generalise(n, parent)
    twin = trie_child(t, parent, n.kind, n.sep, n.parameter, slice_of(text_of(n), n.text_len))
    if twin == NULL:
        attach(t, n, parent)
        forget_ids(n)
    else:
        merge(t, n, twin)


cdef uint32_t most_literals(const Node* parent) noexcept nogil:
    if parent.kind == NODE_HOST or parent.kind == NODE_ROOT:
        return TEMPLATE_FIRST_CHILDREN
    return TEMPLATE_CHILDREN


cdef inline uint32_t later(uint32_t a, uint32_t b) noexcept nogil:
    if a == 0 or b == 0:
        return a | b
    return a if <int32_t> (a - b) > 0 else b


cdef void merge(Templates* t, Node* n, Node* into) noexcept nogil:
    """All of a detached node and what is below it, into another."""
    cdef Node* child
    if n.many or into.many:         # perhaps the same commands: see template_key
        into.calls = max(into.calls, n.calls)
        into.many = later(into.many, n.many)
    else:
        into.calls += n.calls
    if n.flags & NODE_CLOSED and not into.flags & NODE_CLOSED:
        trie_collapse(t, into, NODE_LITERAL)
    if n.flags & NODE_ONE_VALUE and not into.flags & NODE_ONE_VALUE:
        trie_collapse(t, into, NODE_PARAMETER)
    while n.child != NULL:
        child = n.child
        n.child = child.next
        table_remove(t, child)
        rehome(t, child, into)
    if into.literals > most_literals(into):
        trie_collapse(t, into, NODE_LITERAL)
    if into.parameters > TEMPLATE_PARAMETERS and not into.flags & NODE_ONE_VALUE:
        trie_collapse(t, into, NODE_PARAMETER)
    retire(t, n, into)


cdef Node* take_children(Templates* t, Node* parent, uint8_t kind) noexcept nogil:
    """Those of a kind, detached, as a list by `next`."""
    cdef Node* taken = NULL
    cdef Node** at = &parent.child
    cdef Node* n
    while at[0] != NULL:
        n = at[0]
        if n.kind != kind:
            at = &n.next
            continue
        at[0] = n.next
        table_remove(t, n)
        count_child(parent, n, -1)
        n.next = taken
        taken = n
    return taken


cdef void trie_collapse(Templates* t, Node* parent, uint8_t kind) noexcept nogil:
    cdef Node* n = take_children(t, parent, kind)
    cdef Node* following
    parent.flags |= NODE_CLOSED if kind == NODE_LITERAL else NODE_ONE_VALUE
    t.collapsed += 1
    while n != NULL:
        following = n.next
        rehome(t, n, parent)
        n = following
    if kind == NODE_LITERAL and parent.parameters > TEMPLATE_PARAMETERS and not parent.flags & NODE_ONE_VALUE:
        trie_collapse(t, parent, NODE_PARAMETER)


# -- forgetting --

cdef void trie_prune(Templates* t, Node* n) noexcept nogil:
    cdef Node* parent
    while n != NULL and n.child == NULL and n.kind != NODE_ROOT:
        parent = n.parent
        detach(t, n)
        arena_free(t.arena, n)
        t.nodes -= 1
        n = parent


cdef void trie_free_gone(Templates* t) noexcept nogil:
    cdef Node* n
    while t.gone != NULL:
        n = t.gone
        t.gone = n.chain
        arena_free(t.arena, n)
        t.nodes -= 1


cdef uint8_t protocol_of(const Node* n) noexcept nogil:
    while n.parent != NULL:
        n = n.parent
    return n.parameter


cdef bint is_orphan(const Templates* t, const Node* n) noexcept nogil:
    return n.kind == NODE_LEAF and n.user == NULL and n != t.other[protocol_of(n)]


cdef void trie_free_orphans(Templates* t) noexcept nogil:
    """Endpoints nobody keeps state of, and what only they needed."""
    cdef uint32_t slot = 0
    cdef Node* n
    while slot < t.slots:
        n = t.table[slot]
        while n != NULL and not is_orphan(t, n):
            n = n.chain
        if n == NULL:
            slot += 1
        else:
            trie_prune(t, n)        # may take nodes out of any chain: this one is looked at again
