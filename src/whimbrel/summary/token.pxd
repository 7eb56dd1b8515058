# Tokens: what stands for a string that may not leave, so that two of them can be compared and none can be read.
#
#     token = first 8 bytes of HMAC-SHA256(install key, kind | parent | string)
#
# The key is drawn when the agent is installed and never leaves the host, so nobody who holds only tokens can try
# names against them.  `kind` keeps apart what a string was (a path segment, an address), `parent` where it stood: the
# same word under two parents has two tokens, and a token says nothing beyond its own place.
#
# HMAC and not the faster hash of base/hash: a token outlives the process, and whoever reads batches has for ever.

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from whimbrel.base.slice cimport Slice

cdef enum:
    TOKEN_KEY_BYTES = 32            # of a drawn key; any length is taken
    TOKEN_TEXT_BYTES = 512          # of a string that count: hosts and keys are shorter
    TOKEN_HEX = 12                  # digits shown: 48 bits; 32768 nodes collide once in 500,000 installs

cdef enum TokenKind:                # part of every token: never renumbered
    TOKEN_NODE = 1                  # host, path segment, part of a key, method: a node of the trie
    TOKEN_ADDRESS = 2
    TOKEN_CLIENTS = 3               # seeds the hash of client addresses in the distinct counts
    TOKEN_KEYS = 4                  # seeds the sampling of cache keys

cdef struct TokenKey:               # SHA-256's state behind the key's two padded blocks
    uint32_t inner[8]
    uint32_t outer[8]

cdef void token_key_init(TokenKey* k, const uint8_t* key, size_t n) noexcept nogil
cdef uint64_t token_of(const TokenKey* k, uint8_t kind, uint64_t parent, Slice text) noexcept nogil
cdef void token_hex(uint64_t token, uint8_t* out) noexcept nogil       # TOKEN_HEX digits, no zero behind them
