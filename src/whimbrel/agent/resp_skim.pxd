# RESP skimmed: requests and replies walked as they come, in memory that does not depend on their size.
#
# The codec's parsers want a message whole, which for a watcher would mean keeping other people's values.  The ask
# keeps of every argument its length and, unless it is a value, its first ASK_TEXT bytes:
#
#     arguments:   | length 8 | kept 2 | text, at most ASK_TEXT | ...    at most ASK_BYTES, then only counted
#
# The skim goes over a reply and says, element by element down to SKIM_DEPTH, what it was; what is deeper is only
# counted off.  A request that is whole is read by the codec and looked at through the same ArgWalk, so both ways find
# the same keys.

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from whimbrel.agent.resp_rules cimport Command
from whimbrel.base.arena cimport Arena
from whimbrel.base.slice cimport Slice

cdef enum:
    ASK_TEXT = 256                  # bytes of an argument that are kept: a key's most
    ASK_BYTES = 1048576             # of all arguments' records: the largest block there is; tens of thousands
    ASK_RECORD = 10                 # length and kept
    ASK_LINE = 24                   # `$` and an int64 and the line end
    SKIM_DEPTH = 3                  # levels told apart: EXEC's array, a command's array in it, its elements
    SKIM_TEXT = 32                  # bytes of an element's text that are kept; a number's line fits

cdef struct Ask:
    uint8_t line[24]
    uint8_t line_len
    bint counted                    # argc is known
    const Command* row              # as soon as its name is whole; NULL: not known
    uint32_t argc
    uint32_t done
    uint64_t length                 # of the argument that passes
    uint64_t left                   # of it, its line end included
    uint8_t* args                   # arena
    uint32_t args_len
    uint32_t record                 # where the passing argument's record begins
    bint full                       # no room for more records

cdef enum AskStatus:
    ASK_DONE = 0
    ASK_MORE
    ASK_BAD

cdef AskStatus ask_next(Ask* a, Arena* arena, const uint8_t* data, size_t n, size_t* consumed) noexcept nogil
cdef bint ask_gap(Ask* a, uint64_t n) noexcept nogil            # n bytes are lost: True if all were of one argument
cdef void ask_clear(Ask* a, Arena* arena) noexcept nogil

cdef struct ArgWalk:                # over the arguments of either
    const uint8_t* at
    const uint8_t* end              # NULL: at points into a request as sent
    uint32_t left                   # arguments

cdef void walk_request(ArgWalk* w, const uint8_t* first, uint32_t argc) noexcept nogil
cdef void walk_ask(ArgWalk* w, const Ask* a) noexcept nogil
cdef bint walk_next(ArgWalk* w, Slice* text, uint64_t* length) noexcept nogil     # text: at most ASK_TEXT bytes

cdef struct Skim:
    uint8_t line[32]                # a line that crosses pieces, then an element's text
    uint32_t line_len               # so far, of a line that crosses pieces
    uint32_t text_len               # of the element's text: a line with its kind, or a bulk's first bytes
    uint8_t depth                   # of the element that comes
    bint bulk                       # inside a bulk's bytes
    uint64_t left                   # of them, with the line end
    uint64_t owed[3]                # elements still to come at each depth
    uint64_t deep                   # below SKIM_DEPTH
    uint64_t attribute              # elements of an attribute still to be passed over
    uint64_t elements               # of the reply so far
    uint64_t passed                 # bytes of its bulks so far
    # the element that was found
    uint8_t kind                    # RespKind
    bint null
    int64_t integer                 # of an integer or boolean; entries of an aggregate
    uint64_t length                 # of a bulk
    uint8_t at_depth

cdef enum SkimStatus:
    SKIM_MORE = 0                   # everything is consumed
    SKIM_ELEMENT                    # kind, null, integer, length, skim_text
    SKIM_LAST                       # the same, and the reply ends with it
    SKIM_END                        # the reply ends with something deeper than SKIM_DEPTH
    SKIM_BAD

cdef SkimStatus skim_next(Skim* s, const uint8_t* data, size_t n, size_t* consumed) noexcept nogil
cdef bint skim_gap(Skim* s, uint64_t n) noexcept nogil
cdef inline Slice skim_text(const Skim* s) noexcept nogil:
    cdef Slice text
    text.ptr = <const uint8_t*> s.line
    text.len = s.text_len if s.text_len < SKIM_TEXT else SKIM_TEXT
    return text
