# Bodies of named fields, as a stream: application/x-www-form-urlencoded and multipart/form-data (RFC 7578).
#
# Bytes come cut anywhere; kept of them is a name, and of a value its first FIELD_VALUE bytes, which is what formats
# look at.  Everything else is only counted.

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from whimbrel.base.slice cimport Slice
from whimbrel.summary.shape cimport ShapeBuilder

cdef enum:
    FIELD_NAME = 65                 # one more than SHAPE_KEY_BYTES: a shape sees that it was too long
    FIELD_VALUE = 128
    PART_LINE = 512                 # bytes of a part's header line that are looked at
    PART_HEADERS = 32               # lines of headers a part may have
    BOUNDARY_BYTES = 70             # RFC 2046 section 5.1.1

cdef struct FormWalk:               # zeroed: at the beginning
    uint8_t name[65]
    uint8_t value[128]
    uint8_t step                    # after a %: digits seen + 1
    uint8_t high                    # the first of them
    bint in_value
    uint64_t name_len               # whole, also beyond what is kept
    uint64_t value_len

cdef struct PartWalk:
    uint8_t delimiter[74]           # CR LF - - boundary
    uint8_t delimiter_len
    uint8_t matched                 # bytes of it that were just seen
    uint8_t unreal                  # of these, how many were never there: a part may begin with its end
    uint8_t state
    uint8_t tail                    # bytes behind a delimiter
    uint8_t headers                 # lines of this part
    bint last                       # behind the delimiter is --
    bint is_file
    uint8_t kind                    # BodyKind of a file
    uint16_t line_len
    uint64_t name_len
    uint64_t value_len
    uint8_t name[65]
    uint8_t value[128]
    uint8_t line[512]
    uint32_t parts
    uint32_t files
    uint64_t file_bytes
    uint16_t file_kinds

cdef void form_feed(FormWalk* f, ShapeBuilder* b, const uint8_t* p, size_t n) noexcept nogil
cdef void form_end(FormWalk* f, ShapeBuilder* b) noexcept nogil

cdef bint part_begin(PartWalk* w, Slice content_type) noexcept nogil    # False: no boundary, or none that is allowed
cdef bint part_feed(PartWalk* w, ShapeBuilder* b, const uint8_t* p, size_t n) noexcept nogil     # False: not multipart
cdef bint part_end(PartWalk* w, ShapeBuilder* b) noexcept nogil         # False: it was cut off

# The value of `; name=value` in a header value, without its quotes; ptr NULL: there is none.
cdef Slice parameter(Slice line, const char* name, size_t name_len) noexcept nogil
cdef uint8_t kind_of_type(Slice content_type) noexcept nogil            # BodyKind, by the rows of bodies.py; 0: empty
