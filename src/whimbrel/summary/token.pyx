"""HMAC-SHA256 of short strings, without the GIL and without memory (FIPS 180-4, RFC 2104).

Idea: the two padded key blocks are compressed once; a token costs two more compressions, about half a microsecond.
Deliberately not a general hash: messages are bounded, and nothing here needs SHA-256 by itself.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset
from whimbrel.base.slice cimport Slice, slice_of

cdef uint32_t ROUND[64]
cdef uint32_t START[8]


def _roots():
    """The constants of FIPS 180-4: fractions of the square and cube roots of the first primes, 32 bits each."""
    primes = [n for n in range(2, 312) if all(n % d for d in range(2, n))]
    for i in range(64):
        ROUND[i] = _root(primes[i], 3)
    for i in range(8):
        START[i] = _root(primes[i], 2)


def _root(prime, degree):
    """floor(prime^(1/degree) * 2^32) mod 2^32, exactly."""
    wanted = prime << 32 * degree
    low, high = 0, 1 << 40
    while low < high:
        middle = (low + high + 1) // 2
        if middle ** degree <= wanted:
            low = middle
        else:
            high = middle - 1
    return low & 0xFFFFFFFF


_roots()


cdef inline uint32_t rotate(uint32_t v, int n) noexcept nogil:
    return (v >> n) | (v << (32 - n))


cdef inline uint32_t read_big(const uint8_t* p) noexcept nogil:
    return <uint32_t> p[0] << 24 | <uint32_t> p[1] << 16 | <uint32_t> p[2] << 8 | p[3]


cdef inline void write_big(uint8_t* p, uint32_t v) noexcept nogil:
    p[0] = <uint8_t> (v >> 24)
    p[1] = <uint8_t> (v >> 16)
    p[2] = <uint8_t> (v >> 8)
    p[3] = <uint8_t> v


cdef void compress(uint32_t* state, const uint8_t* block) noexcept nogil:
    cdef uint32_t w[64]
    cdef uint32_t a = state[0], b = state[1], c = state[2], d = state[3]
    cdef uint32_t e = state[4], f = state[5], g = state[6], h = state[7], first, second
    cdef int i
    for i in range(16):
        w[i] = read_big(block + 4 * i)
    for i in range(16, 64):
        first = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ (w[i - 15] >> 3)
        second = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ (w[i - 2] >> 10)
        w[i] = w[i - 16] + first + w[i - 7] + second
    for i in range(64):
        first = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + ROUND[i] + w[i]
        second = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))
        h, g, f, e = g, f, e, d + first
        d, c, b, a = c, b, a, first + second
    state[0] += a
    state[1] += b
    state[2] += c
    state[3] += d
    state[4] += e
    state[5] += f
    state[6] += g
    state[7] += h


cdef void digest_tail(uint32_t* state, const uint8_t* message, size_t n, size_t before) noexcept nogil:
    """Compress the rest of a message of which `before` bytes (whole blocks) are in `state`, and its padding."""
    cdef uint8_t block[128]
    cdef uint64_t bits = (before + n) * 8
    cdef size_t left
    while n >= 64:
        compress(state, message)
        message += 64
        n -= 64
    memset(block, 0, 128)
    if n:
        memcpy(block, message, n)
    block[n] = 0x80
    left = 64 if n < 56 else 128
    write_big(block + left - 8, <uint32_t> (bits >> 32))
    write_big(block + left - 4, <uint32_t> bits)
    compress(state, block)
    if left == 128:
        compress(state, block + 64)


cdef void token_key_init(TokenKey* k, const uint8_t* key, size_t n) noexcept nogil:
    cdef uint8_t block[64]
    cdef uint32_t state[8]
    cdef int i
    memset(block, 0, 64)
    if n > 64:                      # RFC 2104: longer keys are hashed first
        memcpy(state, START, 32)
        digest_tail(state, key, n, 0)
        for i in range(8):
            write_big(block + 4 * i, state[i])
    elif n:
        memcpy(block, key, n)
    for i in range(64):
        block[i] ^= 0x36
    memcpy(k.inner, START, 32)
    compress(k.inner, block)
    for i in range(64):
        block[i] ^= 0x36 ^ 0x5C
    memcpy(k.outer, START, 32)
    compress(k.outer, block)


cdef uint64_t token_of(const TokenKey* k, uint8_t kind, uint64_t parent, Slice text) noexcept nogil:
    cdef uint8_t message[9 + TOKEN_TEXT_BYTES]
    cdef uint8_t inner[32]
    cdef uint32_t state[8]
    cdef size_t n = text.len if text.len < TOKEN_TEXT_BYTES else TOKEN_TEXT_BYTES
    cdef int i
    message[0] = kind
    write_big(message + 1, <uint32_t> (parent >> 32))
    write_big(message + 5, <uint32_t> parent)
    if n:
        memcpy(message + 9, text.ptr, n)
    memcpy(state, k.inner, 32)
    digest_tail(state, message, 9 + n, 64)
    for i in range(8):
        write_big(inner + 4 * i, state[i])
    memcpy(state, k.outer, 32)
    digest_tail(state, inner, 32, 64)
    return <uint64_t> state[0] << 32 | state[1]


cdef void token_hex(uint64_t token, uint8_t* out) noexcept nogil:
    cdef const char* digits = "0123456789abcdef"
    cdef int i
    for i in range(TOKEN_HEX):
        out[i] = <uint8_t> digits[token >> (60 - 4 * i) & 15]


def token(bytes key, kind, parent, bytes text):
    """The token of `text` at a place, as compiled code makes it."""
    cdef TokenKey k
    token_key_init(&k, <const uint8_t*> key, len(key))
    return token_of(&k, kind, parent, slice_of(<const uint8_t*> text, len(text)))


def token_text(uint64_t token):
    """As it is written after the tilde."""
    cdef uint8_t digits[TOKEN_HEX]
    token_hex(token, digits)
    return digits[:TOKEN_HEX].decode("ascii")
