# Times in capture files -> nanoseconds since 1970.
#
# pcap counts seconds and a fraction; an interface of pcapng says in what units it counts, 10^-n or 2^-n of a second,
# and what is to be added.  Whatever a file says, a time is 0 to PACKET_TIME_MAX_NS.

from libc.stdint cimport int64_t, uint8_t, uint64_t

cdef enum Ticks:
    TICKS_TIMES = 0                 # ns = units * by
    TICKS_OVER                      # ns = units / by
    TICKS_BINARY                    # s = units / 2^by
    TICKS_NEVER                     # so fine that 64 bits of them make no nanosecond

cdef struct Clock:
    Ticks ticks
    uint64_t by
    int64_t offset_s

cdef void clock_set(Clock* c, uint8_t resolution) noexcept nogil       # as in the file: n, or n with bit 7 set
cdef int64_t clock_ns(const Clock* c, uint64_t units) noexcept nogil
cdef int64_t time_ns_at(uint64_t seconds, uint64_t rest_ns) noexcept nogil
