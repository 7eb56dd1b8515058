"""Shapes, callable from Python, for their tests, fuzz target and measurements.  The product does not import this."""

from libc.stdint cimport uint8_t, uint64_t
from whimbrel.base.arena cimport Arena, arena_close, arena_init
from whimbrel.base.clock cimport precise_ns
from whimbrel.base.slice cimport slice_of
from whimbrel.summary.shape cimport (
    SHAPE_DEPTH, SHAPE_FORMATS_EVERY, SHAPE_FORMATS_FIRST, SHAPE_KEY_BYTES, SHAPE_KEYS, SHAPE_NODES, SHAPE_ODD_KEYS,
    SHAPE_SPARE_NODES, Shape, ShapeBuilder,
    shape_begin, shape_end, shape_feed, shape_file, shape_free, shape_merge, shape_named, shape_to_python)

OUTCOMES = ("whole", "unfinished", "not json", "too deep")
KEYS, ODD_KEYS, KEY_BYTES, DEPTH = SHAPE_KEYS, SHAPE_ODD_KEYS, SHAPE_KEY_BYTES, SHAPE_DEPTH
NODES, SPARE_NODES = SHAPE_NODES, SHAPE_SPARE_NODES
FORMATS_FIRST, FORMATS_EVERY = SHAPE_FORMATS_FIRST, SHAPE_FORMATS_EVERY


cdef class Shapes:
    """An arena and the shapes in it, by number."""

    cdef Arena arena
    cdef ShapeBuilder builder
    cdef list made
    cdef uint64_t seed

    def __cinit__(self, size_t size_bytes=8 << 20, uint64_t seed=7):
        if not arena_init(&self.arena, size_bytes):
            raise MemoryError
        self.made = []
        self.seed = seed

    def __dealloc__(self):
        arena_close(&self.arena)

    @property
    def used(self):
        return self.arena.used_bytes

    @property
    def peak(self):
        return self.arena.peak_bytes

    @property
    def refused(self):
        return self.builder.refused

    cdef int keep(self, Shape* s):
        self.made.append(<size_t> s)
        return len(self.made) - 1

    def from_json(self, pieces):
        """(number of the shape, outcome)."""
        cdef bytearray own
        shape_begin(&self.builder, &self.arena, self.seed)
        for piece in pieces:
            own = bytearray(piece)
            shape_feed(&self.builder, own, len(own))
        number = self.keep(shape_end(&self.builder))
        return number, OUTCOMES[self.builder.outcome]

    def from_names(self, members):
        """From (name, value or None for a file, whole)."""
        cdef bytes name, value
        shape_begin(&self.builder, &self.arena, self.seed)
        for name, value, whole in members:
            if value is None:
                shape_file(&self.builder, slice_of(<const uint8_t*> name, len(name)))
            else:
                shape_named(&self.builder, slice_of(<const uint8_t*> name, len(name)),
                            slice_of(<const uint8_t*> value, len(value)), whole)
        return self.keep(shape_end(&self.builder))

    def merge(self, numbers):
        """(a new shape made of the others, in their order; whether memory sufficed)."""
        cdef Shape* into = NULL
        cdef bint enough = True
        for number in numbers:
            enough &= shape_merge(&self.arena, &into, <Shape*> <size_t> self.made[number])
        return self.keep(into), bool(enough)

    def free(self, int number):
        shape_free(&self.arena, <Shape*> <size_t> self.made[number])
        self.made[number] = 0

    def read(self, int number):
        return shape_to_python(<Shape*> <size_t> self.made[number])

    def measure(self, bytes data, size_t piece, int rounds):
        """Nanoseconds of the fastest of `rounds` shapes of `data`, made and freed."""
        cdef const uint8_t* base = data
        cdef size_t n = len(data), i
        cdef long long started, took, best = 0
        with nogil:
            while rounds > 0:
                started = precise_ns()
                shape_begin(&self.builder, &self.arena, self.seed)
                i = 0
                while i < n:
                    shape_feed(&self.builder, base + i, piece if n - i > piece else n - i)
                    i += piece
                shape_free(&self.arena, shape_end(&self.builder))
                took = precise_ns() - started
                if best == 0 or took < best:
                    best = took
                rounds -= 1
        return best
