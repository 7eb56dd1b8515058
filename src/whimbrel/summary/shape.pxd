# A shape: what bodies are made of (types, formats, which keys, how often), never what is in them.
#
#     object                     seen 12
#       "id"      integer        seen 12                        node: 64-byte blocks of the arena, children in a list,
#       "email"   string(email)  seen 11, null 1                keys by hash of (seed, bytes), bytes kept in the node or
#       "items"   array                                         beside it until the reveal rule decides
#         (items) number         seen 40
#
# A body builds a shape of its own, in memory that depends on its depth and its distinct keys; an object with more
# than SHAPE_KEYS of them becomes a map (one child for all values).  At the call's end the shape is merged into its
# endpoint's, which is what windows send.  Merging is commutative and associative, whatever came first.

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from whimbrel.base.arena cimport Arena
from whimbrel.base.slice cimport Slice
from whimbrel.protocol.json.walk cimport JsonWalk

cdef enum:
    SHAPE_KEYS = 128                # distinct keys of one object: more is data used as keys
    SHAPE_KEY_BYTES = 64            # longer keys look like values: they count as map-like
    SHAPE_DEPTH = 64                # levels that get nodes; deeper is counted at the last level
    SHAPE_NODES = 4096              # of one body: beyond, unknown keys are counted in their object's map child

cdef enum ShapeType:                # bits
    SHAPE_OBJECT = 1
    SHAPE_ARRAY = 2
    SHAPE_STRING = 4
    SHAPE_INTEGER = 8
    SHAPE_NUMBER = 16
    SHAPE_BOOLEAN = 32
    SHAPE_NULL = 64

cdef struct Shape:                  # one node; implementers may add
    Shape* next                     # sibling
    Shape* child                    # first key, or the items of an array, or the values of a map
    uint64_t key_hash               # 0: array items, map values, or the root
    uint32_t seen                   # bodies' values here (of map values and array items: how many)
    uint32_t calls                  # distinct calls that had it: what optional and the reveal rule count by
    uint32_t nulls
    uint32_t formats                # bit by Format, of strings and of integers (FORMAT_UNIX_TIME)
    uint8_t types                   # ShapeType bits
    uint8_t key_len
    bint map_like
    uint8_t* key                    # in its own block, or NULL

cdef struct ShapeBuilder:           # one body in the making
    Arena* arena
    uint64_t seed
    Shape* root                     # NULL until the first event
    Shape* stack[64]
    uint32_t depth
    uint32_t nodes
    uint32_t refused                # nodes that found no memory: the shape is a lower bound then
    JsonWalk walk
    uint8_t outcome                 # ShapeOutcome

cdef enum ShapeOutcome:
    SHAPE_WHOLE = 0
    SHAPE_UNFINISHED                # the body ended before the document, or is still coming
    SHAPE_NOT_JSON
    SHAPE_TOO_DEEP

cdef void shape_begin(ShapeBuilder* b, Arena* arena, uint64_t seed) noexcept nogil
cdef void shape_feed(ShapeBuilder* b, const uint8_t* data, size_t n) noexcept nogil         # JSON, cut anywhere
cdef void shape_named(ShapeBuilder* b, Slice name, Slice value, bint value_whole) noexcept nogil
    # one member of a flat object: form fields, query parameters, multipart parts
cdef Shape* shape_end(ShapeBuilder* b) noexcept nogil           # the shape, the caller's to free; NULL: nothing was there
cdef void shape_free(Arena* arena, Shape* s) noexcept nogil
cdef bint shape_merge(Arena* arena, Shape** into, const Shape* other) noexcept nogil       # False: memory was short
