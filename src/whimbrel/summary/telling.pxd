# When a schema is told: when it differs from what was told last, and then again while calls go on, ever more rarely.
#
#     changed at window w  ->  w  w+1  w+2  w+4  w+8  w+16  w+46  w+76 ...     each only if there were calls since
#
# A reader subtracts one telling from the next.  So what is told again as it is still says something: of so many calls
# more not one had this field.  The first repetitions are close, because whoever looks has just deployed something.

from libc.stdint cimport uint64_t
from whimbrel.summary.window cimport Endpoint, Kept, WindowData

cdef struct TellBudget:             # of a window, in bytes of shapes
    uint64_t changed
    uint64_t again

cdef TellBudget tell_budget() noexcept nogil
cdef bint tell_due(const WindowData* w, Kept* k, TellBudget* budget) noexcept nogil    # True: it counts as told now
cdef void tell_all(Endpoint* e) noexcept nogil                  # all its schemas, in the next window with calls
