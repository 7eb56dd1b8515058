"""What only a writer at the worst moment could show a reader.  For tests; nothing of the product imports this."""

from libc.stdint cimport uint64_t
from libc.string cimport memset
from whimbrel.cacheitem cimport FLAGS_BYTES, FLAGS_STR
from whimbrel.cacheread cimport CacheReader, missing, take
from whimbrel.store.store cimport View


def takes_false_view(CacheReader cache, size_t value_len, bint text):
    """Whether a view that has become false, and claims a value of so many bytes, is taken for an item."""
    cdef uint64_t group = 1
    cdef View v
    memset(&v, 0, sizeof(View))
    v.value_len = value_len
    v.flags = FLAGS_STR if text else FLAGS_BYTES
    v.group = &group
    v.group_header = 0
    return take(cache, &v, True) is not missing
