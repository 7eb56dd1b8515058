"""Capture files -> packets: see files.pxd for how a reader is used, records.pxd for the formats, sources.py for where
bytes come from.

Deliberately not mapped into memory: a file that somebody truncates meanwhile must end, not fault.
"""

from cpython.buffer cimport PyBUF_WRITE
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc.stdlib cimport free, malloc
from libc.string cimport memmove

from whimbrel.capture.packet cimport link_known
from whimbrel.capture.records cimport (
    FORMAT_PCAP, FORMAT_PCAPNG, READ_CUT, RECORD_HELD_MAX, RECORDS_BLOCK_ENDS, RECORDS_BLOCK_LENGTH,
    RECORDS_BLOCK_SHORT, RECORDS_BYTE_ORDER, RECORDS_EMPTY, RECORDS_INTERFACE, RECORDS_INTERFACES,
    RECORDS_NOT_A_CAPTURE, RECORDS_PACKET_LENGTH, RECORDS_VERSION, records_dropped, records_init, records_next)

from whimbrel.base.errors import UsageError
from whimbrel.capture.sources import open_source

cdef enum:
    BUFFER_BYTES = FILES_READ_BYTES + RECORD_HELD_MAX
    ROOM_MIN = 262144               # less room behind the unread bytes, and they move to the front first

# What is wrong with a file, by RecordsError.
ERRORS = {
    RECORDS_EMPTY: "empty",
    RECORDS_NOT_A_CAPTURE: "not a pcap or pcapng file",
    RECORDS_VERSION: "of version {number}, which is not known",
    RECORDS_PACKET_LENGTH: "damaged at byte {at}: a packet of {number} bytes",
    RECORDS_BLOCK_LENGTH: "damaged at byte {at}: a block of {number} bytes",
    RECORDS_BLOCK_ENDS: "damaged at byte {at}: a block whose two lengths differ",
    RECORDS_BLOCK_SHORT: "damaged at byte {at}: a block with only {number} bytes in it",
    RECORDS_INTERFACE: "damaged at byte {at}: interface {number} was not described before",
    RECORDS_INTERFACES: "more than {number} interfaces in a section",
    RECORDS_BYTE_ORDER: "damaged at byte {at}: a section without a byte order",
}


cdef class PacketReader:
    """The packets of one capture file.  `open_capture` makes it."""

    def __cinit__(self, source, str name):
        self.buffer = <uint8_t*> malloc(BUFFER_BYTES)
        if self.buffer == NULL:
            raise MemoryError
        self.source = source
        self.name = name
        self.bytes_total = source.total
        records_init(&self.records, self.buffer)

    def __dealloc__(self):
        free(self.buffer)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()

    cdef Read next(self, Packet* p) noexcept nogil:
        return records_next(&self.records, p)

    cdef size_t read_into(self, uint8_t* at, size_t room) except? 0:
        """Bytes read; 0 at the file's end.  Nobody keeps a view of the buffer."""
        view = PyMemoryView_FromMemory(<char*> at, <Py_ssize_t> room, PyBUF_WRITE)
        try:
            got = self.source.readinto(view)
        except OSError as error:
            raise UsageError(f"{self.name}: {error.strerror or error}") from error
        finally:
            view.release()
        if not 0 <= got <= room:
            raise ValueError(f"{self.name}: its readinto gave {got} bytes of {room}")
        return got

    cpdef bint fill(self):
        """Read on, at most FILES_READ_BYTES; False at the file's end."""
        cdef Records* r = &self.records
        cdef size_t unread = <size_t> (r.end - r.at)
        cdef size_t room, got
        if self.source is None:
            r.ended = True
        if r.ended:
            return False
        if unread == 0 or self.buffer + BUFFER_BYTES - r.end < ROOM_MIN:
            memmove(self.buffer, r.at, unread)
            r.at = self.buffer
            r.end = self.buffer + unread
        room = <size_t> (self.buffer + BUFFER_BYTES - r.end)
        if room == 0:                       # nobody took packets since the last calls
            return True
        if room > FILES_READ_BYTES:
            room = FILES_READ_BYTES
        got = self.read_into(r.end, room)
        r.end += got
        r.ended = got == 0
        self.bytes_read = self.source.position
        r.source_cut = r.ended and self.source.cut
        return not r.ended

    cpdef close(self):
        """Close the file, where it was opened here.  What is in the buffer can still be read."""
        if self.source is not None:
            self.source.close()
            self.source = None

    @property
    def packets(self):
        return self.records.packets

    @property
    def drops(self):
        """Packets that whoever captured lost, as far as the file says."""
        return records_dropped(&self.records)

    @property
    def links(self):
        """Link types of the file, or of the section it is in."""
        if self.records.format == FORMAT_PCAP:
            return (self.records.link,)
        return tuple(sorted({self.records.interfaces[i].link for i in range(self.records.interface_count)}))

    @property
    def unknown_links(self):
        """Those of them whose frames decode cannot look into."""
        return tuple(link for link in self.links if not link_known(link))

    @property
    def format(self):
        """"pcap", "pcapng" or "" as long as nobody knows."""
        return {FORMAT_PCAP: "pcap", FORMAT_PCAPNG: "pcapng"}.get(self.records.format, "")

    @property
    def error(self):
        """One line about what is wrong with the file, to stand behind its name and a colon; "" if nothing is."""
        if self.records.error:
            return ERRORS[self.records.error].format(number=self.records.number, at=self.records.passed)
        if self.records.over == READ_CUT:
            return f"ends early: what came before byte {self.records.passed} was read"
        return ""


def open_capture(what):
    """A reader for a path, "-" (standard input) or a binary file; UsageError if it cannot be opened."""
    source, name = open_source(what)
    return PacketReader(source, name)
