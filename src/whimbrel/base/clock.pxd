# Two clocks, named apart, because their costs and their errors differ.
#
#   precise_ns()   CLOCK_MONOTONIC, about 25 ns a call here; latencies and exact TTLs
#   coarse_ns()    CLOCK_MONOTONIC_COARSE, about 6 ns; up to one kernel tick (1-10 ms) late; idle times
#   wall_ms()      CLOCK_REALTIME in milliseconds since 1970; only to place monotonic time on a calendar
#
# Expiry uses "steady wall" milliseconds: precise_ns() / 10^6 + an offset taken once, when a region is
# created, so that stepping the wall clock neither expires an item early nor serves it late.

from libc.stdint cimport int64_t

cdef extern from *:
    """
    #include <stdint.h>
    #include <time.h>
    #ifndef WHIMBREL_CLOCK
    #define WHIMBREL_CLOCK
    static inline int64_t whimbrel_clock_ns(clockid_t id) {
        struct timespec t;
        clock_gettime(id, &t);
        return (int64_t) t.tv_sec * 1000000000 + t.tv_nsec;
    }
    static inline int64_t precise_ns(void) { return whimbrel_clock_ns(CLOCK_MONOTONIC); }
    static inline int64_t coarse_ns(void) { return whimbrel_clock_ns(CLOCK_MONOTONIC_COARSE); }
    static inline int64_t wall_ms(void) { return whimbrel_clock_ns(CLOCK_REALTIME) / 1000000; }
    #endif
    """
    int64_t precise_ns() noexcept nogil
    int64_t coarse_ns() noexcept nogil
    int64_t wall_ms() noexcept nogil
