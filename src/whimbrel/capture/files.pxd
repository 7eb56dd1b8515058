# Capture files -> packets, without the GIL as long as the buffer lasts.
#
#     while True:
#         answer = reader.next(&packet)             # nogil
#         if answer == READ_FILL: reader.fill()     # with the GIL: the next bytes of the file
#         elif answer != READ_PACKET: break         # READ_END, READ_CUT, READ_BAD: reader.error says what in one line
#
# One buffer of a fixed size: what a read brings and the largest record that is looked into (records.pxd).

from libc.stdint cimport uint8_t, uint64_t
from whimbrel.capture.packet cimport Packet
from whimbrel.capture.records cimport Read, Records

cdef enum:
    FILES_READ_BYTES = 1048576      # asked of the file at once: few system calls, and caches hold it still

cdef class PacketReader:
    cdef Records records
    cdef uint8_t* buffer
    cdef object source              # None once closed
    cdef readonly str name
    cdef readonly uint64_t bytes_read                   # of the file as it is, compressed or not
    cdef readonly uint64_t bytes_total                  # 0: unknown

    cdef Read next(self, Packet* p) noexcept nogil      # p is borrowed until the next call of next or fill
    cdef size_t read_into(self, uint8_t* at, size_t room) except? 0
    cpdef bint fill(self)                               # False: there is no more
    cpdef close(self)
