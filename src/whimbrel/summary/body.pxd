# A body, typed as it streams by: content type and coding -> shape, sizes, what went wrong.  Nothing of it is kept.
#
#     pieces -> [gunzip | inflate | brotli | zstd] -> JSON | form | multipart | size only
#
# Decompression goes through Python's own libraries (zlib in the standard library; brotli, zstd in the `watch` extra,
# absent: counted as `no_decoder`), in steps of bounded output: see coding.py.  Limits on what comes out: BODY_RATIO
# once it is more than BODY_FREE, so that a bomb costs what it sends.  Only what has structure is decompressed.
#
# Deliberately trusting the content type, but for three cases: without one, a first { or [ means JSON; so it does in a
# form, because a client that is given JSON and no type says form; and what calls itself JSON and is not is `broken`.

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from whimbrel.base.arena cimport Arena
from whimbrel.base.slice cimport Slice
from whimbrel.summary.shape cimport Shape, ShapeBuilder

cdef enum:
    BODY_RATIO = 200                # bytes out for a byte in: text reaches 10 to 50, a bomb 1000
    BODY_FREE = 4194304             # bytes out before the ratio counts

cdef enum BodyKind:                 # names in bodies.py; numbers are part of the batch
    BODY_NONE = 0                   # there was none
    BODY_JSON = 1
    BODY_FORM = 2
    BODY_MULTIPART = 3
    BODY_XML = 4
    BODY_TEXT = 5
    BODY_HTML = 6
    BODY_IMAGE = 7
    BODY_BINARY = 8

cdef enum BodyFlag:                 # names in bodies.py
    BODY_F_UNTYPED = 1              # not looked into: memory pressure
    BODY_F_CUT = 2                  # ended early, or bytes of it were lost
    BODY_F_BROKEN = 4               # not what its content type says
    BODY_F_BOMB = 8                 # expanded too much: the rest was not looked at
    BODY_F_NO_DECODER = 16          # an unknown content coding, or its library is absent
    BODY_F_DEEP = 32

cdef struct Body:                   # the result
    uint8_t kind                    # BodyKind
    uint8_t flags
    uint64_t decoded_bytes          # after decompression; 0 where that was not done
    Shape* shape                    # NULL: none
    uint32_t parts                  # multipart: all parts, and of these
    uint32_t files                  # files: only their names are in the shape,
    uint64_t file_bytes             # their sizes here, together
    uint16_t file_kinds             # and a bit by BodyKind for what their content types say

cdef struct BodyTyper               # one body in the making, in the arena

# NULL: no memory; the caller counts the body as untyped.  look_inside False (under pressure): kind only
cdef BodyTyper* body_begin(
    Arena* arena, uint64_t seed, Slice content_type, Slice content_encoding, bint look_inside) noexcept nogil

cdef void body_feed(BodyTyper* t, Slice piece) noexcept nogil   # takes the GIL only where it decompresses
cdef void body_lost(BodyTyper* t) noexcept nogil                # bytes are missing: typing stops, what is there stays
cdef void body_end(BodyTyper* t, bint whole, Body* out) noexcept nogil      # frees the typer; out.shape is the caller's
cdef void body_free(Arena* arena, Body* b) noexcept nogil
cdef uint8_t body_kind_of(Slice content_type) noexcept nogil    # BodyKind by the content type alone
