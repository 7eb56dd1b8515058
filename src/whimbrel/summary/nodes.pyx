"""Nodes of shapes: see nodes.pxd.  Recursion is as deep as SHAPE_DEPTH."""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy, memset
from whimbrel.base.arena cimport Arena, arena_alloc, arena_free
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.summary.shape cimport (
    SHAPE_KEYS, SHAPE_NODES, SHAPE_ODD_KEYS, SHAPE_SPARE_NODES, SHAPE_VALUES)


cdef Shape* new_node(Tree* t, ShapeRole role, Slice key, uint32_t key_hash) noexcept nogil:
    cdef Shape* s = NULL
    if t.nodes[0] < SHAPE_NODES + SHAPE_SPARE_NODES:
        s = <Shape*> arena_alloc(t.arena, sizeof(Shape) + key.len)
    if s == NULL:
        add(t.refused, 1)
        return NULL
    memset(s, 0, sizeof(Shape))
    s.role = role
    if role == SHAPE_KEY:
        s.key = <uint8_t*> s + sizeof(Shape)
        s.key_len = <uint8_t> key.len
        s.key_hash = key_hash
        if key.len:
            memcpy(s.key, key.ptr, key.len)
    t.nodes[0] += 1
    return s


cdef Shape* special_child(Tree* t, Shape* parent, ShapeRole role) noexcept nogil:
    cdef Shape* s = parent.child
    while s != NULL and s.role != SHAPE_KEY:
        if s.role == role:
            return s
        s = s.next
    s = new_node(t, role, slice_of(NULL, 0), 0)
    if s != NULL:
        s.next = parent.child
        parent.child = s
    return s


cdef Shape* find_key(const Shape* parent, Slice key, uint32_t key_hash, Shape** last) noexcept nogil:
    cdef Shape* s = parent.child
    last[0] = NULL
    while s != NULL:
        if s.key_hash == key_hash and has_key(s, key):
            return s
        last[0] = s
        s = s.next
    return NULL


cdef Shape* add_key(Tree* t, Shape* parent, Shape* last, Slice key, uint32_t key_hash, bint odd) noexcept nogil:
    cdef Shape* s = new_node(t, SHAPE_KEY, key, key_hash)
    if s == NULL:
        return NULL
    if last == NULL:
        parent.child = s
    else:
        last.next = s
    s.odd = odd
    parent.keys += 1
    parent.odd_keys += odd
    return s


cdef uint32_t free_nodes(Arena* arena, Shape* s) noexcept nogil:
    cdef Shape* child = s.child
    cdef Shape* next
    cdef uint32_t count = 1
    while child != NULL:
        next = child.next
        count += free_nodes(arena, child)
        child = next
    arena_free(arena, s)
    return count


cdef void to_map(Tree* t, Shape* parent) noexcept nogil:
    """Needs no memory: where there are no values yet the first key's node becomes them."""
    cdef Shape* values = NULL
    cdef Shape* before = NULL
    cdef Shape* s = parent.child
    cdef Shape* next
    parent.map_like = True
    parent.keys = 0
    parent.odd_keys = 0
    while s != NULL and s.role != SHAPE_KEY:
        values = s if s.role == SHAPE_VALUES else values
        before = s
        s = s.next
    if s == NULL:
        return
    if before == NULL:
        parent.child = NULL
    else:
        before.next = NULL
    while s != NULL:
        next = s.next
        if values == NULL:
            s.next = parent.child
            parent.child = s
            s.role = SHAPE_VALUES
            s.key = NULL
            s.key_len = 0
            s.key_hash = 0
            s.odd = False
            values = s
        else:
            merge_nodes(t, values, s, True)
            t.nodes[0] -= free_nodes(t.arena, s)
        s = next


cdef Shape* twin(Tree* t, Shape* into, const Shape* child, Shape** cursor) noexcept nogil:
    """The node among into's children that `child` is merged into; NULL: no memory."""
    cdef Slice key = slice_of(child.key, child.key_len)
    cdef Shape* s = cursor[0].next if cursor[0] != NULL else into.child
    cdef Shape* last = NULL
    if child.role != SHAPE_KEY:
        return special_child(t, into, <ShapeRole> child.role)
    if into.map_like:
        return special_child(t, into, SHAPE_VALUES)
    if s == NULL or not has_key(s, key):
        s = find_key(into, key, child.key_hash, &last)
    if s == NULL:
        if into.keys >= SHAPE_KEYS or (child.odd and into.odd_keys >= SHAPE_ODD_KEYS):
            to_map(t, into)
            cursor[0] = NULL
            return special_child(t, into, SHAPE_VALUES)
        if t.nodes[0] >= SHAPE_NODES:
            return special_child(t, into, SHAPE_VALUES)
        s = add_key(t, into, last, key, child.key_hash, child.odd)
    cursor[0] = s
    return s


cdef void merge_nodes(Tree* t, Shape* into, const Shape* other, bint same_call) noexcept nogil:
    cdef const Shape* child = other.child
    cdef Shape* cursor = NULL
    cdef Shape* s
    add(&into.seen, other.seen)
    add(&into.nulls, other.nulls)
    if not same_call:
        add(&into.calls, other.calls)
    elif into.calls < other.calls:
        into.calls = other.calls
    into.formats |= other.formats
    into.types |= other.types
    if other.map_like and not into.map_like:
        to_map(t, into)
    while child != NULL:
        s = twin(t, into, child, &cursor)
        if s != NULL:
            # what many keys say about one child, they say about the same calls
            merge_nodes(t, s, child, same_call or (child.role == SHAPE_KEY and s.role == SHAPE_VALUES))
        child = child.next
