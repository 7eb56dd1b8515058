# The nodes of the path templates: made, found, merged, forgotten.  What they mean is template.pyx's; see template.pxd.

from libc.stdint cimport uint8_t
from whimbrel.base.slice cimport Slice
from whimbrel.summary.template cimport Node, Templates

cdef Node* trie_child(
    const Templates* t, const Node* parent, uint8_t kind, uint8_t sep, uint8_t parameter, Slice text) noexcept nogil
cdef Node* trie_add(
    Templates* t, Node* parent, uint8_t kind, uint8_t sep, uint8_t parameter, Slice text, uint8_t flags,
) noexcept nogil                                                # NULL: TEMPLATE_NODES, or no memory

# found or made; NULL as above.  Parameter kinds beyond the limit become one
cdef Node* trie_parameter(Templates* t, Node* parent, uint8_t sep, uint8_t parameter) noexcept nogil

# NODE_LITERAL: its literals become {value}; NODE_PARAMETER: its parameters become one.  Needs no memory
cdef void trie_collapse(Templates* t, Node* parent, uint8_t kind) noexcept nogil

cdef void trie_prune(Templates* t, Node* n) noexcept nogil      # n and what is above it, as far as nothing hangs below
cdef void trie_free_gone(Templates* t) noexcept nogil
cdef void trie_free_orphans(Templates* t) noexcept nogil       # endpoints whose `user` is NULL
cdef uint8_t protocol_of(const Node* n) noexcept nogil
