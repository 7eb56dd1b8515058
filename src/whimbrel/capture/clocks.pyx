"""Times in capture files -> nanoseconds: see clocks.pxd.  All of it in unsigned arithmetic: a file may say anything."""

from whimbrel.capture.packet cimport PACKET_TIME_MAX_NS

cdef enum:
    NS_A_SECOND = 1000000000
    DECIMAL_MAX = 28                # 2^64 units of 10^-28 s and more are a nanosecond; finer ones are none
    BINARY_END = 96                 # 2^64 units of 2^-96 s are less than a nanosecond


cdef inline uint64_t most_ns() noexcept nogil:
    return <uint64_t> PACKET_TIME_MAX_NS


cdef inline int64_t at_most(uint64_t ns) noexcept nogil:
    return <int64_t> ns if ns < most_ns() else <int64_t> most_ns()


cdef int64_t time_ns_at(uint64_t seconds, uint64_t rest_ns) noexcept nogil:
    if seconds > most_ns() // NS_A_SECOND:
        return <int64_t> most_ns()
    return at_most(seconds * NS_A_SECOND + rest_ns)


cdef void clock_set(Clock* c, uint8_t resolution) noexcept nogil:
    cdef int n = resolution & 0x7F
    c.by = 1
    if resolution & 0x80:
        c.ticks = TICKS_BINARY if n < BINARY_END else TICKS_NEVER
        c.by = <uint64_t> n
        return
    c.ticks = TICKS_TIMES if n <= 9 else TICKS_OVER
    if n > DECIMAL_MAX:
        c.ticks = TICKS_NEVER
        return
    n = 9 - n if n <= 9 else n - 9
    while n:
        c.by *= 10
        n -= 1


cdef int64_t binary_ns(uint64_t units, uint64_t bits) noexcept nogil:
    cdef uint64_t seconds = 0
    cdef uint64_t rest = units
    if bits < 64:
        seconds = units >> bits
        rest &= (<uint64_t> 1 << bits) - 1
    if bits > 32:                   # 32 bits of a second are finer than a nanosecond
        rest >>= bits - 32
        bits = 32
    return time_ns_at(seconds, rest * NS_A_SECOND >> bits)


cdef int64_t unshifted_ns(const Clock* c, uint64_t units) noexcept nogil:
    if c.ticks == TICKS_TIMES:
        return <int64_t> (units * c.by) if units <= most_ns() // c.by else <int64_t> most_ns()
    if c.ticks == TICKS_OVER:
        return at_most(units // c.by)
    return binary_ns(units, c.by) if c.ticks == TICKS_BINARY else 0


cdef int64_t clock_ns(const Clock* c, uint64_t units) noexcept nogil:
    cdef int64_t ns = unshifted_ns(c, units)
    cdef int64_t most_s = <int64_t> (most_ns() // NS_A_SECOND)
    if c.offset_s == 0:
        return ns
    if c.offset_s > most_s:
        return <int64_t> most_ns()
    if c.offset_s < -most_s:
        return 0
    ns += c.offset_s * NS_A_SECOND          # both at most 2^62
    return at_most(<uint64_t> ns) if ns > 0 else 0
