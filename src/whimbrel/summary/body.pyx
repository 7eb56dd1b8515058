"""Bodies: see body.pxd for the contract."""

from cpython.ref cimport PyObject, Py_INCREF, Py_DECREF
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memchr, memcmp, memset
from whimbrel.base.arena cimport Arena, arena_alloc, arena_free
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.summary.fields cimport (
    FormWalk, PartWalk, form_end, form_feed, kind_of_type, part_begin, part_end, part_feed)
from whimbrel.summary.shape cimport (
    SHAPE_NOT_JSON, SHAPE_TOO_DEEP, SHAPE_UNFINISHED, ShapeBuilder, shape_begin, shape_end, shape_feed,
    shape_free)

from whimbrel.summary.coding import CODINGS_MOST, CodingBombError, CodingError, CodingRoomError, open_chain

cdef enum:
    CODINGS = 3                     # coding.CODINGS_MOST
    CODING_BYTES = 8                # of a coding's name: longer ones are unknown

cdef union BodyWalk:                # of the kinds that are no JSON
    FormWalk form
    PartWalk part

cdef struct BodyTyper:              # about 3 KiB: a block of 4
    Arena* arena
    PyObject* chain                 # coding.Chain, owned; NULL: not opened
    uint64_t fed_bytes
    uint64_t decoded_bytes
    uint8_t kind
    uint8_t flags
    uint8_t codings
    bint sniff                      # the first byte that is no blank decides what it is
    bint stopped                    # nothing that comes now is looked at
    uint8_t coding[3][8]            # in the order in which they were applied
    ShapeBuilder builder
    BodyWalk walk


if CODINGS_MOST != CODINGS:
    raise ValueError("body.pyx has other limits than coding.py")


cdef uint8_t body_kind_of(Slice content_type) noexcept nogil:
    cdef uint8_t kind = kind_of_type(content_type)
    return kind if kind else BODY_BINARY


# What is to be done

cdef bint add_coding(BodyTyper* t, const uint8_t* p, size_t n) noexcept nogil:
    """One name of a list; False: it cannot be one of ours."""
    cdef size_t i
    while n and (p[0] == 32 or p[0] == 9):
        p += 1
        n -= 1
    while n and (p[n - 1] == 32 or p[n - 1] == 9):
        n -= 1
    if n == 0:
        return True
    if n > CODING_BYTES or t.codings == CODINGS:
        return False
    for i in range(n):
        t.coding[t.codings][i] = p[i] | 32 if 65 <= p[i] <= 90 else p[i]
    t.codings += 1
    if n == 8 and memcmp(t.coding[t.codings - 1], b"identity", 8) == 0:
        t.codings -= 1
        memset(t.coding[t.codings], 0, CODING_BYTES)
    return True


cdef bint read_codings(BodyTyper* t, Slice list) noexcept nogil:
    cdef const uint8_t* p = list.ptr
    cdef const uint8_t* end = list.ptr + list.len
    cdef const uint8_t* comma
    while p < end:
        comma = <const uint8_t*> memchr(p, 44, <size_t> (end - p))
        if comma == NULL:
            comma = end
        if not add_coding(t, p, <size_t> (comma - p)):
            return False
        p = comma + 1
    return True


cdef inline bint has_structure(uint8_t kind) noexcept nogil:
    return kind == BODY_JSON or kind == BODY_FORM or kind == BODY_MULTIPART


cdef inline void stop(BodyTyper* t, uint8_t flag) noexcept nogil:
    t.flags |= flag
    t.stopped = True


cdef BodyTyper* body_begin(
    Arena* arena, uint64_t seed, Slice content_type, Slice content_encoding, bint look_inside
) noexcept nogil:
    cdef BodyTyper* t = <BodyTyper*> arena_alloc(arena, sizeof(BodyTyper))
    if t == NULL:
        return NULL
    memset(t, 0, sizeof(BodyTyper))
    t.arena = arena
    t.kind = kind_of_type(content_type)
    shape_begin(&t.builder, arena, seed)
    t.sniff = t.kind == BODY_NONE or t.kind == BODY_FORM
    if t.kind == BODY_NONE:
        t.kind = BODY_BINARY
    elif not has_structure(t.kind):
        t.stopped = True
    if not look_inside and not t.stopped:
        stop(t, BODY_F_UNTYPED)
    if not t.stopped and not read_codings(t, content_encoding):
        stop(t, BODY_F_NO_DECODER)
    if not t.stopped and t.kind == BODY_MULTIPART and not part_begin(&t.walk.part, content_type):
        stop(t, BODY_F_BROKEN)
    return t


# Typing

cdef inline bint is_blank(uint8_t c) noexcept nogil:
    return c == 32 or c == 9 or c == 10 or c == 13


cdef Slice sniff(BodyTyper* t, Slice piece) noexcept nogil:
    """The first byte that is no blank decides: { and [ are JSON, whatever a form's content type says.

    Returned is the piece without the blanks, which nobody misses.
    """
    cdef uint8_t c
    while piece.len and is_blank(piece.ptr[0]):
        piece = slice_of(piece.ptr + 1, piece.len - 1)
    if piece.len == 0:
        return piece
    c = piece.ptr[0]
    t.sniff = False
    if c == 123 or c == 91:
        if t.kind == BODY_FORM:
            t.flags |= BODY_F_BROKEN
        t.kind = BODY_JSON
    elif t.kind == BODY_BINARY:
        t.stopped = True
    return piece


cdef void type_bytes(BodyTyper* t, Slice piece) noexcept nogil:
    """Decoded bytes."""
    if t.sniff:
        piece = sniff(t, piece)
        if t.sniff or t.stopped:
            return
    if t.kind == BODY_JSON:
        shape_feed(&t.builder, piece.ptr, piece.len)
        if t.builder.outcome == SHAPE_NOT_JSON:
            stop(t, BODY_F_BROKEN)
        elif t.builder.outcome == SHAPE_TOO_DEEP:
            stop(t, BODY_F_DEEP)
    elif t.kind == BODY_FORM:
        form_feed(&t.walk.form, &t.builder, piece.ptr, piece.len)
    elif not part_feed(&t.walk.part, &t.builder, piece.ptr, piece.len):
        stop(t, BODY_F_BROKEN)


cdef open_decoders(BodyTyper* t):
    """False: one of the codings cannot be undone."""
    cdef list names = []
    cdef bytes name
    cdef int i
    for i in range(t.codings):
        name = t.coding[i][:CODING_BYTES]
        names.append(name.rstrip(b"\0").decode("latin-1"))
    chain = open_chain(names, BODY_RATIO, BODY_FREE)
    if chain is None:
        return False
    Py_INCREF(chain)
    t.chain = <PyObject*> chain
    return True


cdef void decode(BodyTyper* t, Slice piece) noexcept with gil:
    cdef bytes out
    cdef Slice decoded
    try:
        if t.chain == NULL and not open_decoders(t):
            stop(t, BODY_F_NO_DECODER)
            return
        for out in (<object> t.chain).feed(piece.ptr[:piece.len]):
            t.decoded_bytes += <size_t> len(out)
            decoded = slice_of(<const uint8_t*> out, <size_t> len(out))
            with nogil:
                type_bytes(t, decoded)
            if t.stopped:
                return
    except CodingBombError:
        stop(t, BODY_F_BOMB)
    except (CodingRoomError, MemoryError):
        stop(t, BODY_F_UNTYPED)
    except CodingError:
        stop(t, BODY_F_BROKEN)
    except BaseException:
        stop(t, BODY_F_BROKEN)              # nobody above can take it: Python prints it, and typing goes no further
        raise


cdef void body_feed(BodyTyper* t, Slice piece) noexcept nogil:
    t.fed_bytes += piece.len
    if t.stopped or piece.len == 0:
        return
    if t.codings:
        decode(t, piece)
    else:
        type_bytes(t, piece)


cdef void body_lost(BodyTyper* t) noexcept nogil:
    stop(t, BODY_F_CUT)


cdef void close_decoders(BodyTyper* t, bint whole) noexcept with gil:
    chain = <object> t.chain
    if whole and not t.stopped and not chain.ended:
        t.flags |= BODY_F_CUT
    chain.close()
    t.chain = NULL
    Py_DECREF(chain)


cdef void end_typing(BodyTyper* t, bint whole) noexcept nogil:
    """What the end itself says, where nothing went wrong before it."""
    if t.kind == BODY_FORM:
        form_end(&t.walk.form, &t.builder)
    elif t.kind == BODY_MULTIPART and not part_end(&t.walk.part, &t.builder) and whole:
        t.flags |= BODY_F_BROKEN


cdef void body_end(BodyTyper* t, bint whole, Body* out) noexcept nogil:
    cdef Arena* arena = t.arena
    memset(out, 0, sizeof(Body))
    if t.chain != NULL:
        close_decoders(t, whole)
    if not whole:
        t.flags |= BODY_F_CUT
    if not t.stopped:
        end_typing(t, whole and not t.flags & BODY_F_CUT)
    out.shape = shape_end(&t.builder)
    if t.builder.outcome == SHAPE_UNFINISHED and not t.flags:
        t.flags |= BODY_F_BROKEN            # all bytes are here, and the document is not
    if t.fed_bytes or not whole:
        out.kind = t.kind
        out.flags = t.flags
        out.decoded_bytes = t.decoded_bytes
    if t.kind == BODY_MULTIPART:
        out.parts = t.walk.part.parts
        out.files = t.walk.part.files
        out.file_bytes = t.walk.part.file_bytes
        out.file_kinds = t.walk.part.file_kinds
    arena_free(arena, t)


cdef void body_free(Arena* arena, Body* b) noexcept nogil:
    shape_free(arena, b.shape)
    b.shape = NULL
