# The compact form of container values: see cachecodec.pyx.

from libc.stdint cimport uint8_t

cdef bytes pack_value(object value)
cdef object unpack_value(const uint8_t* data, size_t size)
