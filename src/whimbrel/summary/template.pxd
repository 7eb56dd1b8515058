# Paths -> templates: /users/17/orders -> /users/{integer}/orders, from a bounded trie.
#
#     protocol -- host -- /users -- /{integer} -- /orders -- GET        a leaf is an endpoint: its method or command
#                                                         \- POST       last, so that methods share what was learnt
#
# A segment that looks like a value is a parameter at once, of its format.  Others are literals until their parent has
# too many of them: then they become one parameter, and what is below them is merged.  The trie has a limit on nodes;
# beyond it unknown segments are the parameter `{other}`, and when there is no memory at all a call counts at the
# endpoint `{other}` of its protocol.  So every call is counted at exactly one endpoint, and merging adds counts.
#
# The reveal rule
#   A literal is *shown* once k distinct calls had it at this place, and only if it does not look like a value.  Until
#   then it leaves as a token: `~` and 12 digits of an HMAC under the install's key, which follows it until then.
#   k = 10 (TEMPLATE_REVEAL_CALLS): API structure is hit by every client and passes within seconds; a value has to be
#   put at one place of one path ten times, in a word of letters that no rule takes for a value, beside fewer than 32
#   siblings.  That is a user name in a path whose owner alone calls it (`/people/alice`, 10 times, under 32 users), or
#   somebody who sends a secret of ours ten times himself, and he knows it already.  A smaller k (2, 3) is passed by
#   one client's retries; a larger one (100) hides rare endpoints for days and stops only what the limit on siblings
#   stops anyway.  k is counted at a *place* and not over all traffic: a word that is structure in one place (`admin`
#   as a resource) may be a value in another (`/users/admin`), and one that is said once at each of ten places is not
#   structure anywhere.  Retries count as calls: nobody can tell them from calls.  A command with many keys is one call
#   wherever several of its keys pass, else one MGET of ten keys would show a word that is in all of them.
#   Shown once is shown for the life of its node; a node idle for an hour is forgotten and has to earn it again.
# Matching, merging and counting never look at whether a segment is revealed.
#
# Hosts follow the same rule, label by label for what looks like a value; an address is {ipv4} or {ipv6}.  Methods that
# are registered and commands that the cache's own tables know are structure; others follow the rule.
#
#     Node (128 B with a text of up to 40)     | parent child next merged chain user | id calls hash | ... | text |
#
# Ids are made of the texts above a node (by HMAC, so they are the same after a restart) and change only when a merge
# moves the node; who sent the old id tells the new one as an alias.

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from whimbrel.base.arena cimport Arena
from whimbrel.base.buffer cimport Writer
from whimbrel.base.slice cimport Slice
from whimbrel.summary.token cimport TokenKey

cdef enum:
    TEMPLATE_REVEAL_CALLS = 10      # k, see above
    TEMPLATE_CHILDREN = 32          # literal siblings before they are called a parameter
    TEMPLATE_FIRST_CHILDREN = 128   # right below a host, where an API has its resources
    TEMPLATE_HOSTS = 256            # of a protocol; further ones are {hostname}
    TEMPLATE_PARAMETERS = 4         # kinds of parameter below one node: more are one {value}
    TEMPLATE_LEAVES = 16            # unknown methods of one path; further ones are {method}
    TEMPLATE_SEGMENTS = 24          # of a path; deeper is cut with {other}
    TEMPLATE_SEGMENT_BYTES = 64     # longer ones are values
    TEMPLATE_HOST_BYTES = 128
    TEMPLATE_NODES = 32768          # of all tries together
    TEMPLATE_SLACK = 1024           # further ones for {other}
    TEMPLATE_DEPTH = 64             # nodes from leaf to root at most; weak cuts of the last piece counted
    TEMPLATE_PROTOCOLS = 8

cdef enum NodeKind:
    NODE_ROOT = 0                   # a protocol
    NODE_HOST
    NODE_LITERAL
    NODE_PARAMETER
    NODE_LEAF                       # method or command: the endpoint

cdef enum NodeFlag:
    NODE_HIDDEN = 1                 # looks like a value: never shown (hosts, methods)
    NODE_CLOSED = 2                 # its literals became a parameter: no new ones
    NODE_ONE_VALUE = 4              # its kinds of parameter became one
    NODE_KNOWN = 8                  # structure by itself
    NODE_GONE = 16                  # merged into `merged`; lives until templates_sweep

cdef struct Node:
    Node* parent
    Node* child                     # first
    Node* next                      # sibling
    Node* merged
    Node* chain                     # in the table
    void* user                      # of an endpoint: the window's own
    uint64_t id                     # 0: not made yet
    uint64_t calls                  # distinct calls that passed here
    uint64_t hash
    uint16_t literals               # children of that kind; of a host's parent: hosts
    uint16_t leaves                 # that are not known by themselves
    uint8_t parameters
    uint8_t kind
    uint8_t flags
    uint8_t sep                     # before it
    uint8_t parameter               # which: Format, or a PARAMETER_ below
    uint8_t text_len                # the text is behind the struct
    uint32_t many                   # the last command with many keys that was counted here; see template_key

cdef enum:                          # parameters beyond Format's numbers; names in template.pyx
    PARAMETER_VALUE = 64
    PARAMETER_OTHER = 65
    PARAMETER_AUTHORITY = 66
    PARAMETER_UNKNOWN = 67
    PARAMETER_METHOD = 68

cdef struct Templates:              # all tries
    Arena* arena
    uint64_t seed
    uint64_t reveal_calls           # k; 0 or 1: whatever does not look like a value
    TokenKey key
    Node* roots[TEMPLATE_PROTOCOLS]
    Node* other[TEMPLATE_PROTOCOLS]     # leaves for what found no memory, made at the start
    Node* gone                      # merged endpoints until the next sweep, chained by `chain`
    Node** table                    # by hash, chained
    uint32_t slots                  # a power of two
    uint32_t nodes
    uint64_t collapsed              # times that siblings became a parameter
    uint64_t refused                # calls counted at an {other} for want of nodes or memory

cdef Templates* templates_new(Arena* arena, uint64_t seed, uint32_t reveal_calls) noexcept nogil   # NULL: no memory

# the install's key, before the first call; without it tokens are those of the seed, for this process only
cdef void templates_set_key(Templates* t, const uint8_t* key, size_t n) noexcept nogil

cdef void templates_free(Templates* t) noexcept nogil

# the endpoint of a call, counted as one call to it; query and fragment are cut off; never NULL
cdef Node* template_find(Templates* t, uint8_t protocol, Slice method, Slice host, Slice target) noexcept nogil

# The same for cache keys, cut as pieces.pxd says.  `many` is 0 for a command with one key, else a number that the keys
# of a command have in common and that later commands exceed (it may wrap): none is counted twice at one place.
cdef Node* template_key(Templates* t, uint8_t protocol, Slice command, Slice key, uint32_t many) noexcept nogil

# a host alone (the server name of a TLS handshake), counted; a leaf too, without method
cdef Node* template_host(Templates* t, uint8_t protocol, Slice host) noexcept nogil

cdef Node* template_current(Node* n) noexcept nogil             # where a node's endpoint is now: merges move it
cdef uint64_t template_id(Node* n) noexcept nogil # of the endpoint: the same in every process of an install
cdef bint template_shown(const Templates* t, const Node* n) noexcept nogil # may its own text leave

# /users/{integer}/~3fa9c1d2e4b5: of an endpoint or any node; without host and method
cdef void template_put(const Node* n, Writer* w, bint reveal_all) noexcept nogil

cdef void template_put_node(const Node* n, Writer* w, bint reveal_all) noexcept nogil # its own text, token, or {name}
cdef const Node* template_host_of(const Node* n) noexcept nogil # NULL: none
cdef Slice node_text(const Node* n) noexcept nogil

# For the window, who alone keeps nodes longer than a call:
cdef void template_drop(Templates* t, Node* leaf) noexcept nogil # an idle endpoint, and what only it needed

# frees merged endpoints, whom nobody asks for any more, and those whose `user` is NULL: nobody ever did
cdef void templates_sweep(Templates* t) noexcept nogil
