# A kept shape as it leaves: keys by the reveal rule, the others counted as hidden.

from libc.stdint cimport uint64_t
from whimbrel.summary.shape cimport Shape

# of everything in it but the counts; changes exactly when there is something new to tell.  Never 0
cdef uint64_t outline_print(const Shape* s, uint64_t k) noexcept nogil

cdef object outline_read(const Shape* s, uint64_t k, object told)   # a dict, see docs/batch.md; told: a list or None
