# A call as Python sees it: what --calls prints a line of.  Only for this host's eyes: addresses are in it, and what
# was sent with `reveal`.

from whimbrel.summary.call cimport Call
from whimbrel.summary.template cimport Node

cdef dict call_as_dict(const Call* call, const Node* endpoint, bint reveal)     # keys: see calls.py's FIELDS
