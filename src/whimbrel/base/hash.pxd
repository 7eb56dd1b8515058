# A keyed 64-bit hash of short byte strings, for tables that strangers fill.
#
# Idea: fold 16 bytes a step through a 64x64 -> 128 bit multiplication and xor its halves; the seed enters
# every multiplication, so without it nobody can choose colliding keys cheaply.  Not a cryptographic hash.
# Deliberately not: stable between regions (each draws its own seed and keeps it in its header).

from libc.stdint cimport uint8_t, uint64_t

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    #ifndef WHIMBREL_HASH
    #define WHIMBREL_HASH
    static inline uint64_t whimbrel_fold(uint64_t a, uint64_t b) {
        unsigned __int128 product = (unsigned __int128) a * b;
        return (uint64_t) product ^ (uint64_t) (product >> 64);
    }
    static inline uint64_t whimbrel_read64(const uint8_t* p) { uint64_t v; memcpy(&v, p, 8); return v; }
    static inline uint64_t whimbrel_read32(const uint8_t* p) { uint32_t v; memcpy(&v, p, 4); return v; }
    static inline uint64_t hash_bytes(const uint8_t* p, size_t n, uint64_t seed) {
        /* odd constants with about half their bits set: digits of sqrt(2), sqrt(3), sqrt(5) */
        const uint64_t k1 = 0x6a09e667f3bcc909u, k2 = 0xbb67ae8584caa73bu, k3 = 0x3c6ef372fe94f82bu;
        uint64_t h = seed ^ whimbrel_fold(seed ^ k1, (uint64_t) n ^ k2);
        uint64_t a, b;
        while (n > 16) {
            h = whimbrel_fold(whimbrel_read64(p) ^ k2 ^ seed, whimbrel_read64(p + 8) ^ h);
            p += 16;
            n -= 16;
        }
        if (n >= 8)      { a = whimbrel_read64(p); b = whimbrel_read64(p + n - 8); }
        else if (n >= 4) { a = whimbrel_read32(p); b = whimbrel_read32(p + n - 4); }
        else if (n > 0)  { a = ((uint64_t) p[0] << 16) | ((uint64_t) p[n >> 1] << 8) | p[n - 1]; b = 0; }
        else             { a = 0; b = 0; }
        h = whimbrel_fold(a ^ k3 ^ seed, b ^ h);
        return whimbrel_fold(h ^ k1, seed ^ k3);
    }
    #endif
    """
    uint64_t hash_bytes(const uint8_t* p, size_t n, uint64_t seed) noexcept nogil
