# Random numbers for load: a fast generator, uniform, exponential and Zipf draws.
#
# Zipf draws by rejection-inversion (Hoermann and Derflinger, 1996): constant time for any number of keys and
# any exponent > 0, no table.  Ranks are scattered over the key space by a multiplication, so that popular
# keys are not neighbours in the order in which keys are first stored.

from libc.math cimport exp, expm1, log, log1p
from libc.stdint cimport int64_t, uint64_t

cdef struct Draw:
    uint64_t state
    uint64_t keys           # draws are in [0, keys)
    uint64_t scatter        # coprime to keys
    bint zipf
    double alpha
    double h_first          # H(1.5) - 1
    double h_last           # H(keys + 0.5)
    double cut


cdef inline uint64_t draw_word(Draw* d) noexcept nogil:
    """splitmix64."""
    cdef uint64_t z
    d.state += <uint64_t> 0x9E3779B97F4A7C15
    z = d.state
    z = (z ^ (z >> 30)) * <uint64_t> 0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * <uint64_t> 0x94D049BB133111EB
    return z ^ (z >> 31)


cdef inline double draw_unit(Draw* d) noexcept nogil:
    """Uniform in (0, 1]."""
    return <double> ((draw_word(d) >> 11) + 1) * (1.0 / 9007199254740992.0)


cdef inline double draw_exponential(Draw* d, double mean) noexcept nogil:
    return -log(draw_unit(d)) * mean


cdef inline double zipf_ratio(double x) noexcept nogil:
    """(exp(x) - 1) / x, also at 0."""
    return expm1(x) / x if x > 1e-8 or x < -1e-8 else 1.0 + x / 2


cdef inline double zipf_h(double alpha, double x) noexcept nogil:
    """The integral of x ** -alpha."""
    cdef double l = log(x)
    return zipf_ratio((1.0 - alpha) * l) * l


cdef inline double zipf_h_inverse(double alpha, double y) noexcept nogil:
    cdef double t = y * (1.0 - alpha)
    if t < -1.0:
        t = -1.0
    return exp(log1p(t) / t * y) if t > 1e-8 or t < -1e-8 else exp(y * (1.0 - t / 2))


cdef inline void draw_init(Draw* d, uint64_t seed, uint64_t keys, uint64_t scatter, double alpha) noexcept nogil:
    """`alpha` 0 draws uniformly."""
    d.state = seed
    d.keys = keys
    d.scatter = scatter
    d.zipf = alpha > 0
    d.alpha = alpha
    d.h_first = zipf_h(alpha, 1.5) - 1.0
    d.h_last = zipf_h(alpha, <double> keys + 0.5)
    d.cut = 2.0 - zipf_h_inverse(alpha, zipf_h(alpha, 2.5) - exp(-alpha * log(2.0)))


cdef inline uint64_t draw_rank(Draw* d) noexcept nogil:
    """Zipf rank, 1 the most popular."""
    cdef double u, x
    cdef uint64_t k
    while True:
        u = d.h_last + draw_unit(d) * (d.h_first - d.h_last)
        x = zipf_h_inverse(d.alpha, u)
        k = <uint64_t> (x + 0.5)
        if k < 1:
            k = 1
        elif k > d.keys:
            k = d.keys
        if <double> k - x <= d.cut or u >= zipf_h(d.alpha, <double> k + 0.5) - exp(-d.alpha * log(<double> k)):
            return k


cdef inline uint64_t draw_key(Draw* d) noexcept nogil:
    if not d.zipf:
        return draw_word(d) % d.keys
    return (draw_rank(d) - 1) * d.scatter % d.keys
