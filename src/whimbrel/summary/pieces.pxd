# Where a path or a cache key is cut, before anybody asks what its pieces mean.
#
#     /users/17;v=2/report.pdf      / users   / 17   ; v   = 2   / report.pdf
#     user:17:cart.items            user   : 17   : cart.items
#
# A piece carries the separator before it, so a template prints as what it came from: double slashes, a slash at the
# end and dot segments stay what they are (a server may tell them apart; nothing is resolved here).
#
# Paths are cut at `/`, `;` (matrix parameters) and the `=` behind one; query and fragment are dropped; of an absolute
# target only the path is left.  Keys are cut at `:`, `/` and `|`, which no common value contains except times.  What
# uuids, dates, addresses and plain words contain (`.`, `-`, `_`) is a weak separator: template.pyx cuts there only once
# a piece as a whole has turned out to be a value and no known format: `user_17` -> `user_{integer}`.

from libc.stdint cimport uint8_t
from whimbrel.base.slice cimport Slice

cdef enum:
    PIECES = 24                     # of a path or key; the rest becomes one piece, {other}
    PIECE_BYTES = 64                # longer ones are values

cdef enum PieceForced:
    PIECE_FREE = 0                  # to be judged
    PIECE_VALUE = 1                 # a parameter whatever it looks like: behind `=`
    PIECE_OTHER = 2                 # what was too deep
    PIECE_AUTHORITY = 3             # CONNECT's target: a host and a port
    PIECE_UNKNOWN = 4               # no target was seen

cdef struct Piece:
    Slice text
    uint8_t sep                     # the byte before it; 0: none
    uint8_t forced                  # PieceForced

cdef int split_path(Slice target, Piece* out) noexcept nogil           # at most PIECES + 1 of them
cdef int split_key(Slice key, Piece* out) noexcept nogil
cdef Slice target_query(Slice target) noexcept nogil                   # behind the first `?`, before `#`; empty: none
cdef bint query_next(Slice* rest, Slice* name, Slice* value) noexcept nogil    # False at the end

# Bytes a literal may consist of.  What is escaped (%), non-ASCII, quoted or could be taken for our own notation
# ({ } ~) is a value.
cdef bint plain_bytes(Slice text) noexcept nogil
