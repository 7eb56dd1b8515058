# Commands by name, reply words and error lines: what commands.py says, where C can read it.

from libc.stdint cimport uint8_t
from whimbrel.base.slice cimport Slice

cdef enum:
    NAME_ROOM = 15              # the longest name is cache_memlimit

cdef enum Family:
    RETRIEVE = 0
    STORE
    ARITHMETIC
    TOUCH
    DELETE
    FLUSH
    VERBOSITY
    META
    BARE                        # nothing of the line matters but the command
    REFUSED

cdef struct CommandRow:
    uint8_t name[NAME_ROOM + 1]
    uint8_t length
    uint8_t index               # McCommand
    uint8_t family
    uint8_t min_words
    uint8_t max_words

cdef CommandRow* find_command(Slice word) noexcept nogil        # NULL: there is none
cdef bint is_meta_letter(uint8_t letter) noexcept nogil         # letter < 128
cdef Slice command_name(int command) noexcept nogil
cdef Slice mc_error_line(int error) noexcept nogil              # without line end
cdef Slice mc_reply_word(int code) noexcept nogil
