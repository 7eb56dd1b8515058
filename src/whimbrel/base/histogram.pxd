# A latency histogram of fixed size: 64 equal steps in every octave of nanoseconds.
#
#   value (ns)      0 .. 511            512 .. 2^37 - 1 (137 s)              2^37 ..
#   bucket          0 .. 63             64 .. 1855                           overflow
#   width           8 ns                1/64 of the octave's start           max is kept exactly
#
# A bucket answers with its middle, so from 512 ns to 137 s an answer is off by at most 1/128 (0.8 %), and
# below by at most 4 ns.  Merging is adding counts: exact, in any order.
#
# Counters have 64 bits: 32 would wrap after 72 minutes of one bucket at a million requests a second, and a
# saturating or rescaled counter could not be added up.  The price is 15 KiB a histogram, of which only the
# pages that are hit become resident when an array of them comes from calloc or mmap.
#
# One thread records into a histogram; any thread may read it meanwhile (relaxed words: a reader may see a
# count whose sum is not there yet, never a torn word).

from libc.stdint cimport uint32_t, uint64_t
from whimbrel.base.atomic cimport load_relaxed64, store_relaxed64

cdef extern from *:
    """
    #include <stdint.h>
    #ifndef WHIMBREL_HISTOGRAM
    #define WHIMBREL_HISTOGRAM
    /* position of the highest set bit; v > 0 */
    static inline unsigned whimbrel_log2(uint64_t v) { return 63u - (unsigned) __builtin_clzll(v); }
    #endif
    """
    unsigned int whimbrel_log2(uint64_t v) noexcept nogil

cdef enum:
    HISTOGRAM_STEP_BITS = 6         # 64 steps an octave: 1/128 error, within the 1 % that is promised
    HISTOGRAM_FIRST_OCTAVE = 9      # 2^9 ns = 512 ns: below the promised microsecond
    HISTOGRAM_LAST_OCTAVE = 36      # up to 2^37 ns = 137 s: above the promised 100 s
    HISTOGRAM_BUCKETS = (HISTOGRAM_LAST_OCTAVE - HISTOGRAM_FIRST_OCTAVE + 2) << HISTOGRAM_STEP_BITS  # 1856


cdef struct HistogramData:          # zeroed memory is an empty histogram
    uint64_t count                  # everything recorded, overflow included
    uint64_t sum_ns                 # exact; 584 years of latency before it wraps
    uint64_t min_ns_inverted        # ~min, so that zeroed memory means "no minimum yet"
    uint64_t max_ns
    uint64_t overflow               # values of 2^37 ns and more
    uint64_t buckets[HISTOGRAM_BUCKETS]


cdef inline unsigned int histogram_bucket(uint64_t ns) noexcept nogil:
    """Index of the bucket of `ns`, which is below 2^37."""
    cdef unsigned int octave
    if ns < (<uint64_t> 1 << HISTOGRAM_FIRST_OCTAVE):
        return <unsigned int> (ns >> (HISTOGRAM_FIRST_OCTAVE - HISTOGRAM_STEP_BITS))
    octave = whimbrel_log2(ns)
    # the step's own bits start at 64, which is the "+ 1 octave" of the linear part
    return <unsigned int> (((octave - HISTOGRAM_FIRST_OCTAVE) << HISTOGRAM_STEP_BITS)
                           + (ns >> (octave - HISTOGRAM_STEP_BITS)))


cdef inline void histogram_record(HistogramData* h, uint64_t ns, uint32_t count) noexcept nogil:
    """Record `ns` `count` times; a count of 0 changes nothing."""
    cdef uint64_t* place = &h.overflow
    if count == 0:
        return
    if ns < (<uint64_t> 1 << (HISTOGRAM_LAST_OCTAVE + 1)):
        place = &h.buckets[histogram_bucket(ns)]
    store_relaxed64(place, load_relaxed64(place) + count)
    store_relaxed64(&h.sum_ns, load_relaxed64(&h.sum_ns) + ns * count)
    if ~ns > load_relaxed64(&h.min_ns_inverted):
        store_relaxed64(&h.min_ns_inverted, ~ns)
    if ns > load_relaxed64(&h.max_ns):
        store_relaxed64(&h.max_ns, ns)
    store_relaxed64(&h.count, load_relaxed64(&h.count) + count)


cdef void histogram_merge(HistogramData* into, const HistogramData* other) noexcept nogil
cdef uint64_t histogram_percentile(const HistogramData* h, double percent) noexcept nogil


cdef class Histogram:
    """A histogram owned by Python; `data` may be recorded into by compiled code."""
    cdef HistogramData data
