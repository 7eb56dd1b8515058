# Paths -> templates: /users/17/orders -> /users/{integer}/orders, from a bounded trie.
#
# A trie a (method, host).  A segment that looks like a value is a parameter at once, of its format.  Others are
# literals until their parent has more than TEMPLATE_CHILDREN of them: then they become one parameter, and the
# endpoints below are merged.  The trie has a limit on nodes; beyond it unknown segments are the parameter `{other}`.
#
# A literal may be *shown* only by the reveal rule (seen in k distinct calls and not looking like a value); until then
# it leaves as a token, an HMAC under the install's key, so that the hub can follow it when it is revealed or merged.
# Matching, merging and counting never look at whether a segment is revealed.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from whimbrel.base.arena cimport Arena
from whimbrel.base.buffer cimport Writer
from whimbrel.base.slice cimport Slice

cdef enum:
    TEMPLATE_CHILDREN = 32          # literal siblings before they are called a parameter
    TEMPLATE_SEGMENTS = 24          # of a path; deeper is cut with {other}
    TEMPLATE_SEGMENT_BYTES = 64     # longer ones are values
    TEMPLATE_NODES = 32768          # of all tries together

cdef struct Node                    # a segment in the trie
cdef struct Templates               # all tries

cdef Templates* templates_new(Arena* arena, uint64_t seed, uint32_t reveal_calls) noexcept nogil   # NULL: no memory
cdef void templates_free(Templates* t) noexcept nogil
cdef Node* template_find(Templates* t, uint8_t protocol, Slice method, Slice host, Slice target) noexcept nogil
    # the endpoint of a call, counted as one call to it; query and fragment are cut off; NULL: no memory
cdef Node* template_key(Templates* t, uint8_t protocol, Slice command, Slice key) noexcept nogil
    # the same for cache keys, whose segments end at : / . | -
cdef Node* template_current(Node* n) noexcept nogil             # where a node's endpoint is now: merges move it
cdef uint64_t template_id(const Node* n) noexcept nogil         # of the endpoint, unique in this process
cdef void template_put(const Node* n, Writer* w, bint reveal_all) noexcept nogil
    # /users/{integer}/~3fa9c1: literals as far as the reveal rule lets them, tokens as ~ and 6 hex digits of a keyed hash
