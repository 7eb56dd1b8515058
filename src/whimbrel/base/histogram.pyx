"""The Python face of the latency histogram, and what is not on the recording path.

Layout, error bound and the reason for 64-bit counters are in histogram.pxd.  Deliberately not here: the
exchange formats of HdrHistogram (base/hdr.py) and Prometheus text (base/metrics.py).
"""

import struct
import zlib

from libc.math cimport ceil
from libc.string cimport memset

MAGIC = b"WHG1"
PACK_HEADER = struct.Struct("<4sQQQQQ")
NS = 1_000_000_000


cdef uint64_t bucket_low(int index) noexcept nogil:
    cdef int octave = index >> HISTOGRAM_STEP_BITS
    cdef uint64_t step = index & ((1 << HISTOGRAM_STEP_BITS) - 1)
    if octave == 0:
        return step << (HISTOGRAM_FIRST_OCTAVE - HISTOGRAM_STEP_BITS)
    return ((<uint64_t> 1 << HISTOGRAM_STEP_BITS) + step) << (
        octave - 1 + HISTOGRAM_FIRST_OCTAVE - HISTOGRAM_STEP_BITS)


cdef uint64_t bucket_middle(int index) noexcept nogil:
    return (bucket_low(index) + bucket_low(index + 1)) // 2


cdef uint64_t clamp_to_seen(const HistogramData* h, uint64_t ns) noexcept nogil:
    """A bucket's middle may lie outside of what was recorded; the exact extremes are known."""
    if ns < ~h.min_ns_inverted:
        return ~h.min_ns_inverted
    return h.max_ns if ns > h.max_ns else ns


cdef void histogram_merge(HistogramData* into, const HistogramData* other) noexcept nogil:
    """Add `other`, which somebody may be recording into.

    The count is added up from the buckets that were read, so that `into` agrees with itself.
    """
    cdef int i
    cdef uint64_t n, total = load_relaxed64(&other.overflow)
    into.overflow += total
    for i in range(HISTOGRAM_BUCKETS):
        n = load_relaxed64(&other.buckets[i])
        into.buckets[i] += n
        total += n
    into.count += total
    into.sum_ns += load_relaxed64(&other.sum_ns)
    into.min_ns_inverted = max(into.min_ns_inverted, load_relaxed64(&other.min_ns_inverted))
    into.max_ns = max(into.max_ns, load_relaxed64(&other.max_ns))


cdef uint64_t histogram_percentile(const HistogramData* h, double percent) noexcept nogil:
    """The value that `percent` of the records do not exceed, within the error bound; 0 when empty."""
    cdef uint64_t seen = 0, rank
    cdef int i
    if h.count == 0:
        return 0
    rank = <uint64_t> ceil(percent / 100.0 * <double> h.count)
    rank = min(max(rank, <uint64_t> 1), h.count)
    for i in range(HISTOGRAM_BUCKETS):
        seen += h.buckets[i]
        if seen >= rank:
            return clamp_to_seen(h, bucket_middle(i))
    return h.max_ns


cdef class Histogram:
    """Latencies in integer nanoseconds, within 1 % from 1 µs to 100 s, in 15 KiB.

    Recording is for one thread at a time; `merge` adds another histogram's records to this one.
    """

    def __cinit__(self):
        memset(&self.data, 0, sizeof(self.data))

    def record(self, ns, count=1):
        """Record `ns` (0 or more) `count` times (below 2^32)."""
        histogram_record(&self.data, <uint64_t> ns, <uint32_t> count)

    def merge(self, Histogram other not None):
        """Add everything `other` has recorded."""
        cdef HistogramData copy = other.data  # a histogram may be merged into itself
        histogram_merge(&self.data, &copy)

    def clear(self):
        """Forget everything."""
        memset(&self.data, 0, sizeof(self.data))

    def percentile(self, percent):
        """Nanoseconds that `percent` (0-100) of the records do not exceed; 0 when nothing was recorded."""
        if not 0.0 <= percent <= 100.0:
            raise ValueError(f"percentile {percent!r} is not within 0 to 100")
        return histogram_percentile(&self.data, percent)

    def percentiles(self, percents):
        """`percentile` of each."""
        return [self.percentile(percent) for percent in percents]

    @property
    def count(self):
        """How many records."""
        return self.data.count

    @property
    def overflow(self):
        """Records of 2^37 ns (137 s) and more: counted in everything, but only their maximum is known."""
        return self.data.overflow

    @property
    def underflow(self):
        """Records below 512 ns, where the resolution is 8 ns and no longer relative."""
        cdef int i
        cdef uint64_t total = 0
        for i in range(1 << HISTOGRAM_STEP_BITS):
            total += self.data.buckets[i]
        return total

    @property
    def sum_ns(self):
        """Exact sum of all records."""
        return self.data.sum_ns

    @property
    def mean_ns(self):
        """Exact mean; 0.0 when nothing was recorded."""
        return self.data.sum_ns / self.data.count if self.data.count else 0.0

    @property
    def min_ns(self):
        """Exact minimum; 0 when nothing was recorded."""
        return ~self.data.min_ns_inverted if self.data.count else 0

    @property
    def max_ns(self):
        """Exact maximum; 0 when nothing was recorded."""
        return self.data.max_ns

    def buckets(self):
        """(low_ns, high_ns, count) of every bucket that is not empty: low <= value < high."""
        cdef int i
        return [(bucket_low(i), bucket_low(i + 1), self.data.buckets[i])
                for i in range(HISTOGRAM_BUCKETS) if self.data.buckets[i]]

    def count_below(self, bounds_ns):
        """For each ascending bound: records not above it, as far as buckets can tell (`le` of Prometheus).

        A bucket counts as below a bound when its middle is, so a bound is off by at most 1/128.
        """
        cdef int i = 0
        cdef uint64_t seen = 0
        counts = []
        for bound in bounds_ns:
            while i < HISTOGRAM_BUCKETS and bucket_middle(i) <= <uint64_t> bound:
                seen += self.data.buckets[i]
                i += 1
            counts.append(seen)
        return counts

    def to_bytes(self):
        """A compact, portable form; `Histogram.from_bytes` reads it."""
        cdef int i
        cdef HistogramData* d = &self.data
        pairs = [struct.pack("<HQ", i, d.buckets[i]) for i in range(HISTOGRAM_BUCKETS) if d.buckets[i]]
        return PACK_HEADER.pack(
            MAGIC, d.sum_ns, d.min_ns_inverted, d.max_ns, d.overflow, len(pairs)) + zlib.compress(b"".join(pairs), 1)

    @staticmethod
    def from_bytes(data):
        """The histogram `to_bytes` wrote; ValueError for anything else."""
        cdef Histogram h = Histogram()
        if len(data) < PACK_HEADER.size or data[:4] != MAGIC:
            raise ValueError("not a histogram: the first four bytes are not 'WHG1'")
        _magic, h.data.sum_ns, h.data.min_ns_inverted, h.data.max_ns, h.data.overflow, pairs = (
            PACK_HEADER.unpack_from(data))
        body = _inflate_exactly(data[PACK_HEADER.size:], 10 * pairs if pairs <= HISTOGRAM_BUCKETS else -1)
        h.data.count = h.data.overflow
        for index, count in struct.iter_unpack("<HQ", body):
            if index >= HISTOGRAM_BUCKETS:
                raise ValueError(f"not a histogram: bucket {index} does not exist")
            h.data.buckets[<unsigned int> index] = count
            h.data.count += count
        return h

    def __eq__(self, other):
        if not isinstance(other, Histogram):
            return NotImplemented
        return self.to_bytes() == (<Histogram> other).to_bytes()

    __hash__ = None

    def __reduce__(self):
        return Histogram.from_bytes, (self.to_bytes(),)

    def __repr__(self):
        return (f"<Histogram of {self.count}: p50 {self.percentile(50)} ns, "
                f"p99 {self.percentile(99)} ns, max {self.max_ns} ns>")


def _inflate_exactly(data, size):
    """Inflate to `size` bytes and not one more: bytes from elsewhere must not decide our memory."""
    inflater = zlib.decompressobj()
    try:
        body = inflater.decompress(data, size + 1) if size >= 0 else None
    except zlib.error as error:
        raise ValueError(f"not a histogram: {error}") from None
    if body is None or len(body) != size:
        raise ValueError("not a histogram: the number of buckets is wrong")
    return body
