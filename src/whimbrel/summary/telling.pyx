"""The schedule of schemas; see telling.pxd."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from whimbrel.summary.outline cimport outline_print
from whimbrel.summary.window cimport Endpoint, Kept, Row, WindowData

cdef enum:
    CHANGED_BYTES = 8388608         # of shapes that are told in one window; the rest follows in the next ones
    AGAIN_BYTES = 1048576           # of those that are told again as they are
    AGAIN_DOUBLED = 5               # windows until a schema is told again: 1, 1, 2, 4, 8 (so 1, 2, 4, 8, 16 later),
    AGAIN_EVERY = 30                # then so many: five minutes


cdef TellBudget tell_budget() noexcept nogil:
    return TellBudget(CHANGED_BYTES, AGAIN_BYTES)


cdef inline uint32_t again_after(const Kept* k) noexcept nogil:
    """Windows since it was told."""
    if k.again >= AGAIN_DOUBLED:
        return AGAIN_EVERY
    return <uint32_t> 1 << (k.again - 1) if k.again else 1


cdef inline bint is_due_again(const WindowData* w, const Kept* k) noexcept nogil:
    return k.shape.calls != k.told_calls and w.number - k.told_at >= again_after(k)


cdef bint tell_due(const WindowData* w, Kept* k, TellBudget* budget) noexcept nogil:
    cdef bint again
    cdef uint64_t print_
    if k.shape == NULL or budget.changed < k.bytes:
        return False
    again = is_due_again(w, k) and budget.again >= k.bytes
    if not k.fresh and not again:
        return False
    k.fresh = False
    print_ = outline_print(k.shape, w.templates.reveal_calls)
    if print_ != k.told:
        budget.changed -= k.bytes
        k.again = 0
    elif again:
        budget.again -= k.bytes
        k.again = min(k.again + 1, <uint8_t> AGAIN_DOUBLED)
    else:
        return False
    k.told = print_
    k.told_calls = k.shape.calls
    k.told_at = w.number
    return True


cdef inline void forget(Kept* k) noexcept nogil:
    k.told = 0
    k.fresh = True


cdef void tell_all(Endpoint* e) noexcept nogil:
    cdef Row* r = e.rows
    forget(&e.request)
    forget(&e.query)
    forget(&e.names)
    while r != NULL:
        forget(&r.answer)
        r = r.next
