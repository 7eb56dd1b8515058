"""Bodies, callable from Python, for their tests, fuzz target and measurements.  The product does not import this."""

from libc.stdint cimport uint8_t
from whimbrel.base.arena cimport Arena, arena_close, arena_init
from whimbrel.base.clock cimport precise_ns
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.summary.body cimport (
    BODY_FREE, BODY_RATIO, Body, BodyTyper, body_begin, body_end, body_feed, body_free, body_kind_of, body_lost)
from whimbrel.summary.shape cimport shape_to_python

from whimbrel.summary.bodies import FLAGS, KINDS

RATIO, FREE = BODY_RATIO, BODY_FREE


cdef Slice slice_of_bytes(bytes text):
    return slice_of(<const uint8_t*> text, len(text))


def kind_of(bytes content_type):
    return KINDS[body_kind_of(slice_of_bytes(content_type))]


cdef class Typer:
    """One body in the making; `end` is due exactly once."""

    cdef BodyTyper* t
    cdef Bodies bodies

    def feed(self, data):
        cdef bytearray own = bytearray(data)  # a block of its own: the sanitizers see a read beyond it
        cdef Slice piece = slice_of(<const uint8_t*> own, len(own))
        with nogil:
            body_feed(self.t, piece)

    def lost(self):
        body_lost(self.t)

    def end(self, bint whole=True):
        cdef Body body
        cdef dict told
        with nogil:
            body_end(self.t, whole, &body)
        self.t = NULL
        told = {
            "kind": KINDS[body.kind], "flags": [name for i, name in enumerate(FLAGS) if body.flags >> i & 1],
            "decoded": body.decoded_bytes, "parts": body.parts, "files": body.files, "file_bytes": body.file_bytes,
            "file_kinds": [name for i, name in enumerate(KINDS) if body.file_kinds >> i & 1],
            "shape": shape_to_python(body.shape)}
        body_free(&self.bodies.arena, &body)
        return told


cdef class Bodies:
    cdef Arena arena

    def __cinit__(self, size_t size_bytes=1 << 20):
        if not arena_init(&self.arena, size_bytes):
            raise MemoryError

    def __dealloc__(self):
        arena_close(&self.arena)

    @property
    def used(self):
        return self.arena.used_bytes

    @property
    def peak(self):
        return self.arena.peak_bytes

    def begin(self, bytes content_type, bytes coding=b"", bint look=True):
        """None: no memory."""
        cdef Typer typer = Typer()
        typer.t = body_begin(&self.arena, 7, slice_of_bytes(content_type), slice_of_bytes(coding), look)
        typer.bodies = self
        return typer if typer.t != NULL else None

    def measure(self, bytes content_type, bytes data, size_t piece, int rounds):
        """Nanoseconds of the fastest of `rounds` bodies of `data`, from beginning to end."""
        cdef const uint8_t* base = data
        cdef size_t n = len(data), i
        cdef long long started, took, best = 0
        cdef BodyTyper* t
        cdef Body body
        cdef Slice named = slice_of_bytes(content_type)
        with nogil:
            while rounds > 0:
                started = precise_ns()
                t = body_begin(&self.arena, 7, named, slice_of(NULL, 0), True)
                i = 0
                while i < n:
                    body_feed(t, slice_of(base + i, piece if n - i > piece else n - i))
                    i += piece
                body_end(t, True, &body)
                body_free(&self.arena, &body)
                took = precise_ns() - started
                if best == 0 or took < best:
                    best = took
                rounds -= 1
        return best
