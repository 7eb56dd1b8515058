"""Shapes: see shape.pxd for the contract.

Building and merging go through the same few functions on nodes.  Two things make building fast: keys of an object
mostly come in the order of its predecessor's, so the sibling behind the last key is compared before anything is
hashed; and formats are looked at in samples.  Recursion (freeing, merging) is as deep as SHAPE_DEPTH.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset
from whimbrel.base.arena cimport Arena, arena_alloc, arena_free
from whimbrel.base.hash cimport hash_bytes
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.protocol.json.walk cimport (
    JSON_ARRAY, JSON_ARRAY_END, JSON_BAD, JSON_DEEP, JSON_INTEGER, JSON_KEY, JSON_MORE, JSON_NULL,
    JSON_NUMBER, JSON_OBJECT, JSON_OBJECT_END, JSON_STRING, JsonEvent, json_end, json_next)
from whimbrel.summary.format cimport (
    FORMAT_BINARY, FORMAT_NONE, FORMAT_UNIX_TIME, Format, format_of, looks_like_value)


# Nodes

cdef struct Tree:                   # whom a node belongs to
    Arena* arena
    uint32_t* nodes                 # how many it has
    uint32_t* refused               # how many found no memory


cdef inline void add(uint32_t* counter, uint32_t n) noexcept nogil:
    """Counters stay at their end."""
    counter[0] = counter[0] + n if counter[0] <= <uint32_t> 0xffffffff - n else <uint32_t> 0xffffffff


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
    """The items or the values of a node, made where there are none: they stand in front of the keys."""
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


cdef inline uint64_t word_at(const uint8_t* p) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, p, 8)
    return word


cdef inline bint has_key(const Shape* s, Slice key) noexcept nogil:
    """Compared in words, the last one overlapping: for so few bytes a call of memcmp is most of the work."""
    cdef size_t n = key.len, i
    if s.role != SHAPE_KEY or s.key_len != n:
        return False
    if n < 8:
        for i in range(n):
            if s.key[i] != key.ptr[i]:
                return False
        return True
    i = 8
    while i < n:
        if word_at(s.key + i - 8) != word_at(key.ptr + i - 8):
            return False
        i += 8
    return word_at(s.key + n - 8) == word_at(key.ptr + n - 8)


cdef Shape* find_key(const Shape* parent, Slice key, uint32_t key_hash, Shape** last) noexcept nogil:
    """`last` is the last child, behind which a new one goes; NULL: there is no child at all."""
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
    """s and what is below it; how many they were."""
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
    """All keys become one child.  Needs no memory: where there are no values yet the first key's node becomes them."""
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


# Merging

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


cdef Shape* unknown_key(ShapeBuilder* b, Shape* parent, Slice key) noexcept nogil:
    """Found by its hash, or made; the cursor is where it should have been."""
    cdef Tree t = tree_of(b)
    cdef uint32_t key_hash
    cdef Shape* last = NULL
    cdef Shape* s
    cdef bint odd
    if parent.map_like or key.len > SHAPE_KEY_BYTES:
        return special_child(&t, parent, SHAPE_VALUES)
    key_hash = <uint32_t> hash_bytes(key.ptr, key.len, b.seed) | 1
    s = find_key(parent, key, key_hash, &last)
    if s != NULL:
        return s
    odd = looks_like_value(key)
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
