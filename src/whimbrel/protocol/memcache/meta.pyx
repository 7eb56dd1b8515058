# See meta.pxd.  Any known flag is accepted by any meta command, as in the original; what is wrong with a flag is
# remembered and the rest is still read, because an unknown or repeated one outranks it.

from libc.stdint cimport uint32_t, uint64_t, uint8_t
from libc.string cimport memchr
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.protocol.memcache.messages cimport (
    MC_META_ARITHMETIC, MC_META_GET, MC_META_SET, MC_OPAQUE_MAX, ME_ARITHMETIC_MODE, ME_BAD_TOKEN, ME_DELTA,
    ME_DUPLICATE_FLAG, ME_FORMAT, ME_INITIAL, ME_INVALID_FLAG, ME_INVALID_OR_DUPLICATE, ME_KEY_DECODING,
    ME_MODE_LENGTH, ME_NONE, ME_OPAQUE, ME_SET_MODE, McRequest, mc_has,
)
from whimbrel.protocol.memcache.tables cimport is_meta_letter
from whimbrel.protocol.memcache.words cimport Words, base64_decode, read_i64, read_u64, word_is


cdef int read_flag(Slice word, McRequest* r) noexcept nogil:
    """Takes one flag into the message; what is wrong with it, or ME_NONE."""
    cdef Slice token = slice_of(word.ptr + 1, word.len - 1)
    cdef uint8_t letter = word.ptr[0]
    cdef uint64_t number = 0
    if letter == c"T":
        return ME_NONE if read_i64(token, &r.exptime) else ME_BAD_TOKEN
    if letter == c"N":
        return ME_NONE if read_i64(token, &r.vivify) else ME_BAD_TOKEN
    if letter == c"R":
        return ME_NONE if read_i64(token, &r.recache) else ME_BAD_TOKEN
    if letter == c"C":
        return ME_NONE if read_u64(token, &r.cas) else ME_BAD_TOKEN
    if letter == c"E":
        return ME_NONE if read_u64(token, &r.new_cas) else ME_BAD_TOKEN
    if letter == c"J":
        return ME_NONE if read_u64(token, &r.initial) else ME_INITIAL
    if letter == c"D":
        return ME_NONE if read_u64(token, &r.delta) else ME_DELTA
    if letter == c"F":
        if not read_u64(token, &number):
            return ME_FORMAT
        r.client_flags = <uint32_t> number
    elif letter == c"M":
        if token.len != 1:
            return ME_MODE_LENGTH
        r.mode = token.ptr[0]
    elif letter == c"b":
        r.key = slice_of(r.key_room, base64_decode(r.key_sent, r.key_room))
        if r.key.len == 0:
            return ME_KEY_DECODING
    return ME_NONE


cdef void read_flags(const Words* words, int first, McRequest* r) noexcept nogil:
    cdef int i, wrong
    cdef uint8_t letter
    cdef bint opaque_too_long = False
    for i in range(first, words.count):
        letter = words.at[i].ptr[0]
        if letter >= 127 or mc_has(r, letter) and is_meta_letter(letter):
            r.error = ME_DUPLICATE_FLAG
            return
        if not is_meta_letter(letter):
            r.error = ME_INVALID_FLAG
            return
        r.seen |= <uint64_t> 1 << (letter & 63)
        wrong = read_flag(words.at[i], r)
        if wrong:
            r.error = <uint8_t> wrong
        opaque_too_long = opaque_too_long or (letter == c"O" and words.at[i].len > MC_OPAQUE_MAX)
    if not r.error and opaque_too_long:
        r.error = ME_OPAQUE


cdef inline bint mode_is_one_of(const McRequest* r, const char* modes, size_t n) noexcept nogil:
    return r.mode == 0 or memchr(modes, r.mode, n) != NULL


cdef void check_flags(McRequest* r) noexcept nogil:
    if r.command == MC_META_SET:
        if not r.error and not mode_is_one_of(r, b"EAPRSeaprs", 10):
            r.error = ME_SET_MODE
        return
    if r.error and r.command != MC_META_GET and r.error != ME_OPAQUE:
        r.error = ME_INVALID_OR_DUPLICATE
    if r.command == MC_META_ARITHMETIC and not r.error and not mode_is_one_of(r, b"IiDd+-", 6):
        r.error = ME_ARITHMETIC_MODE


cdef void read_debug_flag(const Words* words, McRequest* r) noexcept nogil:
    """`me`: the original looks at nothing but a first flag that is `b`."""
    if words.count > 2 and word_is(words.at[2], b"b", 1):
        r.seen = <uint64_t> 1 << (c"b" & 63)
        if read_flag(words.at[2], r):
            r.error = ME_FORMAT
