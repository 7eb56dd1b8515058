# From a node to the one below it that a piece leads to, made where it is not there; see template.pxd for the rules.

from libc.stdint cimport uint8_t
from whimbrel.base.slice cimport Slice
from whimbrel.summary.pieces cimport Piece
from whimbrel.summary.template cimport Node, Templates

# `rest`: of a key, from this piece to its end; path False: a key.  NULL: no room
cdef Node* step(Templates* t, Node* at, const Piece* p, Slice rest, bint path) noexcept nogil

cdef uint8_t whole_value(Slice rest) noexcept nogil # a value with separators in it: a time, an address, a URI; or 0
