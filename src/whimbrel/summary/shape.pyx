"""Shapes: see shape.pxd for the contract.

Building and merging go through the same few functions on nodes (nodes.pyx).  Two things make building fast: keys of
an object mostly come in the order of its predecessor's, so the sibling behind the last key is compared before
anything is hashed; and formats are looked at in samples.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memset
from whimbrel.base.arena cimport Arena
from whimbrel.base.atomic cimport load_relaxed64, store_relaxed64
from whimbrel.base.hash cimport hash_bytes
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.protocol.json.walk cimport (
    JSON_ARRAY, JSON_ARRAY_END, JSON_BAD, JSON_DEEP, JSON_INTEGER, JSON_KEY, JSON_MORE, JSON_NULL,
    JSON_NUMBER, JSON_OBJECT, JSON_OBJECT_END, JSON_STRING, JsonEvent, json_end, json_next)
from whimbrel.summary.format cimport (
    FORMAT_BINARY, FORMAT_NONE, FORMAT_UNIX_TIME, Format, format_of, looks_like_value)
from whimbrel.summary.nodes cimport (
    Tree, add, add_key, find_key, free_nodes, has_key, merge_nodes, new_node, special_child, to_map)


cdef bint shape_merge(Arena* arena, Shape** into, const Shape* other) noexcept nogil:
    cdef uint32_t nodes = into[0].nodes if into[0] != NULL else 0
    cdef uint32_t refused = 0
    cdef Tree t
    t.arena = arena
    t.nodes = &nodes
    t.refused = &refused
    if other == NULL:
        return True
    if into[0] == NULL:
        into[0] = new_node(&t, SHAPE_ROOT, slice_of(NULL, 0), 0)
        if into[0] == NULL:
            return False
    merge_nodes(&t, into[0], other, False)
    into[0].nodes = nodes
    return refused == 0


cdef void shape_free(Arena* arena, Shape* s) noexcept nogil:
    if s != NULL:
        free_nodes(arena, s)


# Building

cdef void shape_begin(ShapeBuilder* b, Arena* arena, uint64_t seed) noexcept nogil:
    memset(b, 0, sizeof(ShapeBuilder))
    b.arena = arena
    b.seed = seed
    b.outcome = SHAPE_WHOLE


cdef inline Tree tree_of(ShapeBuilder* b) noexcept nogil:
    cdef Tree t
    t.arena = b.arena
    t.nodes = &b.nodes
    t.refused = &b.refused
    return t


# Every body meets its keys anew, and whether one looks like a value takes longer to find out than anything else about
# it.  So the answers for keys met lately are kept: 63 bits of a keyed hash and the answer, in one word, so that threads
# may share them.  A key that is not there is looked at.
cdef enum:
    ANSWERS = 2048                  # 16 KiB: the keys of a few hundred endpoints

cdef uint64_t answers[ANSWERS]


cdef bint is_odd(Slice key, uint64_t hash) noexcept nogil:
    cdef uint64_t* answer = &answers[hash >> 53]
    cdef uint64_t kept = load_relaxed64(answer)
    if kept ^ hash > 1:
        kept = hash & ~<uint64_t> 1 | looks_like_value(key)
        store_relaxed64(answer, kept)
    return kept & 1


cdef Shape* unknown_key(ShapeBuilder* b, Shape* parent, Slice key) noexcept nogil:
    """Found by its hash, or made; the cursor is where it should have been."""
    cdef Tree t = tree_of(b)
    cdef uint64_t hash
    cdef uint32_t key_hash
    cdef Shape* last = NULL
    cdef Shape* s
    cdef bint odd
    if parent.map_like or key.len > SHAPE_KEY_BYTES:
        return special_child(&t, parent, SHAPE_VALUES)
    hash = hash_bytes(key.ptr, key.len, b.seed)
    key_hash = <uint32_t> hash | 1
    s = find_key(parent, key, key_hash, &last)
    if s != NULL:
        return s
    odd = is_odd(key, hash)
    if parent.keys >= SHAPE_KEYS or (odd and parent.odd_keys >= SHAPE_ODD_KEYS):
        to_map(&t, parent)
    if parent.map_like or b.nodes >= SHAPE_NODES:
        return special_child(&t, parent, SHAPE_VALUES)
    return add_key(&t, parent, last, key, key_hash, odd)


cdef inline void on_key(ShapeBuilder* b, Slice key, uint64_t key_len) noexcept nogil:
    cdef Shape* parent
    cdef Shape* s
    if b.muted:
        return
    parent = b.stack[b.depth - 1]
    s = b.cursor[b.depth - 1]
    s = s.next if s != NULL else parent.child
    if s == NULL or not has_key(s, key) or key_len != key.len:
        s = unknown_key(b, parent, key)
    b.slot = s
    b.nowhere = s == NULL
    b.cursor[b.depth - 1] = s if s != NULL and s.role == SHAPE_KEY else NULL


cdef inline Shape* value_node(ShapeBuilder* b) noexcept nogil:
    """Where the value that begins now is counted; NULL: nowhere."""
    cdef Tree t
    if b.nowhere:
        b.nowhere = False
        return NULL
    if b.slot != NULL:
        return b.slot
    t = tree_of(b)
    if b.depth:
        b.slot = special_child(&t, b.stack[b.depth - 1], SHAPE_ITEMS)
    else:
        b.root = new_node(&t, SHAPE_ROOT, slice_of(NULL, 0), 0)
        b.slot = b.root
    return b.slot


cdef inline void count(Shape* s, ShapeType type) noexcept nogil:
    s.types |= <uint8_t> type
    s.calls = 1
    add(&s.seen, 1)


cdef inline void on_open(ShapeBuilder* b, ShapeType type) noexcept nogil:
    cdef Shape* s
    if b.muted:
        b.muted += 1
        return
    s = value_node(b)
    if s != NULL:
        count(s, type)
    if s == NULL or b.depth == SHAPE_DEPTH:
        b.muted = 1
        return
    b.stack[b.depth] = s
    b.cursor[b.depth] = NULL
    b.depth += 1
    b.slot = NULL


cdef inline void settle(ShapeBuilder* b, Shape* s) noexcept nogil:
    """At an object's end: a map where half of its keys or more look like values."""
    cdef Tree t
    if s.odd_keys and s.odd_keys * 2 >= s.keys:
        t = tree_of(b)
        to_map(&t, s)


cdef inline void on_close(ShapeBuilder* b) noexcept nogil:
    if b.muted:
        b.muted -= 1
        return
    b.depth -= 1
    b.slot = b.stack[b.depth]
    settle(b, b.slot)


cdef inline bint is_sampled(const Shape* s) noexcept nogil:
    return s.seen <= SHAPE_FORMATS_FIRST or s.seen % SHAPE_FORMATS_EVERY == 0


cdef inline int hex_value(uint8_t c) noexcept nogil:
    if 48 <= c <= 57:
        return c - 48
    c |= 32
    return c - 87 if 97 <= c <= 102 else 0


cdef Format escaped_format(Slice raw, bint whole) noexcept nogil:
    """Of a string with escapes: https:\\/\\/ of PHP, \\u0026 of Go.  What is not ASCII has no format anyway."""
    cdef uint8_t text[128]
    cdef size_t i = 0, n = 0
    cdef uint8_t c
    while i < raw.len:
        c = raw.ptr[i]
        i += 1
        if c == 92:
            if i == raw.len:
                break
            c = raw.ptr[i]
            i += 1
            if c == 117:                    # u
                if raw.len - i < 4:
                    break
                c = <uint8_t> (hex_value(raw.ptr[i + 2]) * 16 + hex_value(raw.ptr[i + 3]))
                if raw.ptr[i] != 48 or raw.ptr[i + 1] != 48 or c > 126:
                    return FORMAT_NONE
                i += 4
            elif c >= 97:                   # b f n r t
                c = 10
        text[n] = c
        n += 1
    return format_of(slice_of(text, n), whole)


cdef void on_string(ShapeBuilder* b, Slice text, uint64_t text_len, bint escaped) noexcept nogil:
    cdef Shape* s = NULL if b.muted else value_node(b)
    cdef Format format
    if s == NULL:
        return
    count(s, SHAPE_STRING)
    if is_sampled(s):
        format = escaped_format(text, text.len == text_len) if escaped else format_of(text, text.len == text_len)
        s.formats |= <uint32_t> 1 << <int> format


cdef void on_scalar(ShapeBuilder* b, ShapeType type, Slice text, uint64_t text_len) noexcept nogil:
    cdef Shape* s = NULL if b.muted else value_node(b)
    cdef Format format = FORMAT_NONE
    if s == NULL:
        return
    count(s, type)
    if type == SHAPE_NULL:
        add(&s.nulls, 1)
    elif type == SHAPE_INTEGER and is_sampled(s):
        if text_len == 10 or text_len == 13:
            format = format_of(text, True)
        s.formats |= <uint32_t> 1 << <int> (format if format == FORMAT_UNIX_TIME else FORMAT_NONE)


cdef inline void on_event(ShapeBuilder* b, JsonEvent event, Slice text, uint64_t text_len) noexcept nogil:
    if event == JSON_KEY:
        on_key(b, text, text_len)
    elif event == JSON_STRING:
        on_string(b, text, text_len, b.walk.escaped)
    elif event == JSON_OBJECT or event == JSON_ARRAY:
        on_open(b, SHAPE_OBJECT if event == JSON_OBJECT else SHAPE_ARRAY)
    elif event == JSON_OBJECT_END or event == JSON_ARRAY_END:
        on_close(b)
    elif event == JSON_INTEGER:
        on_scalar(b, SHAPE_INTEGER, text, text_len)
    elif event == JSON_NUMBER:
        on_scalar(b, SHAPE_NUMBER, text, text_len)
    elif event == JSON_NULL:
        on_scalar(b, SHAPE_NULL, text, text_len)
    else:
        on_scalar(b, SHAPE_BOOLEAN, text, text_len)


cdef void shape_feed(ShapeBuilder* b, const uint8_t* data, size_t n) noexcept nogil:
    cdef const uint8_t* at = data
    cdef const uint8_t* end = data + n
    cdef Slice text = slice_of(NULL, 0)
    cdef uint64_t text_len = 0
    cdef JsonEvent event
    while b.outcome == SHAPE_WHOLE:
        event = json_next(&b.walk, &at, end, &text, &text_len)
        if event == JSON_MORE:
            return
        if event == JSON_BAD:
            b.outcome = SHAPE_NOT_JSON
        elif event == JSON_DEEP:
            b.outcome = SHAPE_TOO_DEEP
        else:
            on_event(b, event, text, text_len)


cdef Shape* named(ShapeBuilder* b, Slice name) noexcept nogil:
    """The member of that name, counted as a string; NULL: no memory."""
    cdef Shape* s
    if b.depth == 0:
        on_open(b, SHAPE_OBJECT)
    on_key(b, name, name.len)
    s = NULL if b.muted else value_node(b)
    if s != NULL:
        count(s, SHAPE_STRING)
    return s


cdef void shape_named(ShapeBuilder* b, Slice name, Slice value, bint value_whole) noexcept nogil:
    cdef Shape* s = named(b, name)
    if s != NULL and is_sampled(s):
        s.formats |= <uint32_t> 1 << <int> format_of(value, value_whole)


cdef void shape_file(ShapeBuilder* b, Slice name) noexcept nogil:
    cdef Shape* s = named(b, name)
    if s != NULL:
        s.formats |= <uint32_t> 1 << <int> FORMAT_BINARY


cdef void end_walk(ShapeBuilder* b) noexcept nogil:
    cdef Slice text = slice_of(NULL, 0)
    cdef uint64_t text_len = 0
    cdef JsonEvent event = json_end(&b.walk, &text, &text_len)
    if event == JSON_INTEGER or event == JSON_NUMBER:
        on_event(b, event, text, text_len)
        event = json_end(&b.walk, &text, &text_len)
    if event != JSON_MORE:
        b.outcome = SHAPE_UNFINISHED


cdef Shape* shape_end(ShapeBuilder* b) noexcept nogil:
    cdef Shape* root = b.root
    if b.outcome == SHAPE_WHOLE and (b.walk.state or b.walk.token):
        end_walk(b)
    b.muted = 0
    while b.depth:
        on_close(b)
    root = b.root
    if root != NULL:
        root.nodes = b.nodes
    b.root = NULL
    b.slot = NULL
    return root


# For Python

cdef object shape_to_python(const Shape* s):
    cdef const Shape* child
    cdef dict node, keys = {}
    if s == NULL:
        return None
    node = {
        "types": s.types, "formats": s.formats, "seen": s.seen, "calls": s.calls, "nulls": s.nulls,
        "map": s.map_like != 0}
    child = s.child
    while child != NULL:
        if child.role == SHAPE_KEY:
            keys[child.key[:child.key_len]] = shape_to_python(child)
        else:
            node["items" if child.role == SHAPE_ITEMS else "values"] = shape_to_python(child)
        child = child.next
    if keys:
        node["keys"] = keys
    return node
