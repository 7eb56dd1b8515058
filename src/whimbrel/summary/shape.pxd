# A shape: what bodies are made of (types, formats, which keys, how often), never what is in them.
#
#     object                     seen 12
#       "id"      integer        seen 12                        node: 64-byte blocks of the arena, children in a list,
#       "email"   string(email)  seen 11, null 1                keys by hash of (seed, bytes), bytes kept in the node
#       "items"   array                                         until the reveal rule decides
#         (items) number         seen 40
#
# A body builds a shape of its own, in memory that depends on its depth and its distinct keys; an object with more
# than SHAPE_KEYS of them, or with many that look like values, becomes a map (one child for all values).  At the call's
# end the shape is merged into its endpoint's, which is what windows send.  Merging is commutative and associative in
# keys, types, formats and `seen`, up to SHAPE_NODES; `calls` below a map is a lower bound, because the keys that were
# merged may have come from the same call.

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from whimbrel.base.arena cimport Arena
from whimbrel.base.slice cimport Slice
from whimbrel.protocol.json.walk cimport JsonWalk

cdef enum:
    SHAPE_KEYS = 128                # distinct keys of one object: more is data used as keys
    SHAPE_ODD_KEYS = 16             # the same for keys that look like values; fewer where they are half of all keys
    SHAPE_KEY_BYTES = 64            # longer keys look like values: theirs are counted without a key
    SHAPE_DEPTH = 64                # levels that get nodes; deeper is counted at the last level
    SHAPE_NODES = 4096              # of one body, or of bodies merged: beyond, unknown keys are counted together
    SHAPE_SPARE_NODES = 1024        # beyond SHAPE_NODES, for items and values below
    SHAPE_FORMATS_FIRST = 16        # values of a node in one body whose format is looked at; then
    SHAPE_FORMATS_EVERY = 16        # one in so many: looking costs more than walking, and the next call looks again

cdef enum ShapeType:                # bits
    SHAPE_OBJECT = 1
    SHAPE_ARRAY = 2
    SHAPE_STRING = 4
    SHAPE_INTEGER = 8
    SHAPE_NUMBER = 16
    SHAPE_BOOLEAN = 32
    SHAPE_NULL = 64

cdef enum ShapeRole:                # what a node is to its parent
    SHAPE_ROOT = 0
    SHAPE_KEY                       # a member of an object
    SHAPE_ITEMS                     # all items of an array
    SHAPE_VALUES                    # values of an object whose keys are not kept

cdef struct Shape:                  # one node, 56 bytes and its key: a block of 64 bytes up to 8 of them, else of 128
    Shape* next                     # sibling
    Shape* child                    # items and values first, then the keys as they came
    uint8_t* key                    # behind the node, in its block; NULL where there is none
    uint32_t key_hash               # 0: array items, map values, or the root
    uint32_t seen                   # bodies' values here (of map values and array items: how many)
    uint32_t calls                  # distinct calls that had it: what optional and the reveal rule count by
    uint32_t nulls
    uint32_t formats                # bit by Format, of strings; of integers FORMAT_UNIX_TIME, else FORMAT_NONE
    uint32_t nodes                  # in the root: of the whole shape
    uint8_t types                   # ShapeType bits
    uint8_t key_len
    uint8_t map_like                # its keys are data: there are none, only values
    uint8_t role                    # ShapeRole
    uint16_t keys                   # among the children
    uint8_t odd_keys                # of these, how many look like values
    uint8_t odd                     # its own key does

cdef struct ShapeBuilder:           # one body in the making
    Arena* arena
    uint64_t seed
    Shape* root                     # NULL until the first event
    Shape* slot                     # where the next value goes; NULL: to the items of the innermost container
    Shape* stack[64]                # open containers
    Shape* cursor[64]               # the key of each that came last: the next one is mostly its sibling
    uint32_t depth
    uint32_t muted                  # open containers that are not looked into
    uint32_t nodes
    uint32_t refused                # nodes that found no memory: the shape is a lower bound then
    bint nowhere                    # the last key found no memory
    JsonWalk walk
    uint8_t outcome                 # ShapeOutcome

cdef enum ShapeOutcome:
    SHAPE_WHOLE = 0
    SHAPE_UNFINISHED                # the body ended before the document, or is still coming
    SHAPE_NOT_JSON
    SHAPE_TOO_DEEP

cdef void shape_begin(ShapeBuilder* b, Arena* arena, uint64_t seed) noexcept nogil
cdef void shape_feed(ShapeBuilder* b, const uint8_t* data, size_t n) noexcept nogil         # JSON, cut anywhere

# One member of a flat object: form fields, query parameters, multipart parts; and a file's, which is FORMAT_BINARY.
cdef void shape_named(ShapeBuilder* b, Slice name, Slice value, bint value_whole) noexcept nogil
cdef void shape_file(ShapeBuilder* b, Slice name) noexcept nogil

cdef Shape* shape_end(ShapeBuilder* b) noexcept nogil           # the caller's to free; NULL: nothing was there
cdef void shape_free(Arena* arena, Shape* s) noexcept nogil
cdef bint shape_merge(Arena* arena, Shape** into, const Shape* other) noexcept nogil        # False: memory was short

# {types, formats, seen, calls, nulls, map} and, where there are some, {keys: {bytes: node}, items: node, values: node};
# keys are raw: the caller applies the reveal rule.  None for NULL.
cdef object shape_to_python(const Shape* s)
