"""Filters in tcpdump's language -> BPF programs.

libpcap's own compiler does it where it is installed (found by dlopen when a filter is asked for, never needed to
install Whimbrel); elsewhere subset.py compiles the part of the language that most filters are written in.  Both
answer the same way about the same packets, which the tests hold them to.
"""

import ctypes
import functools

from whimbrel.base.errors import UsageError
from whimbrel.capture import program as bpf
from whimbrel.capture.subset import compile_subset

LIBRARIES = ("libpcap.so.1", "libpcap.so.0.8", "libpcap.so")  # upstream's name, Debian's, and without a version
ADVICE = "libpcap is not installed, which would understand the whole of pcap-filter(7) (on Debian: libpcap0.8)"

TEXT_BYTES_MAX = 65536  # of a filter
OPTIMIZE, NETMASK_UNKNOWN = 1, 0xFFFFFFFF
LINK_RAW, DLT_RAW = 101, 12  # the one type whose number in files differs from libpcap's on Linux


class Program(ctypes.Structure):
    """struct bpf_program."""

    _fields_ = (("length", ctypes.c_uint), ("instructions", ctypes.c_void_p))


@functools.cache
def libpcap() -> ctypes.CDLL | None:
    """The library with its functions declared, or None where it is not installed."""
    for name in LIBRARIES:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        declare(library)
        return library
    return None


def declare(library: ctypes.CDLL) -> None:
    handle, program = ctypes.c_void_p, ctypes.POINTER(Program)
    library.pcap_open_dead.argtypes, library.pcap_open_dead.restype = [ctypes.c_int, ctypes.c_int], handle
    library.pcap_compile.argtypes = [handle, program, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint32]
    library.pcap_geterr.argtypes, library.pcap_geterr.restype = [handle], ctypes.c_char_p
    library.pcap_freecode.argtypes, library.pcap_freecode.restype = [program], None
    library.pcap_close.argtypes, library.pcap_close.restype = [handle], None


def compile_with_libpcap(library: ctypes.CDLL, text: str, link: int) -> bytes:
    """What libpcap makes of it.  Its compiler may ask the resolver for the address of a host name."""
    handle = library.pcap_open_dead(DLT_RAW if link == LINK_RAW else link, bpf.SNAPLEN)
    if not handle:
        raise MemoryError
    program = Program()
    try:
        if library.pcap_compile(handle, ctypes.byref(program), text.encode(), OPTIMIZE, NETMASK_UNKNOWN):
            message = library.pcap_geterr(handle).decode(errors="replace")
            raise UsageError(f"filter {text!r}: libpcap says: {message}; pcap-filter(7) has the language")
        try:
            return ctypes.string_at(program.instructions, program.length * bpf.LAYOUT.size)
        finally:
            library.pcap_freecode(ctypes.byref(program))
    finally:
        library.pcap_close(handle)


def compile_filter(text: str, link: int) -> bytes:
    """The program (an array of sock_filter) that accepts packets of a link type that `text` describes.

    Empty text accepts all.  UsageError says what is wrong with it.
    """
    if "\0" in text or len(text) > TEXT_BYTES_MAX or not text.isprintable():
        raise UsageError(f"a filter is one line of printable text, of at most {TEXT_BYTES_MAX} characters")
    library = libpcap()
    if library is not None:
        program = compile_with_libpcap(library, text, link)
    else:
        try:
            program = compile_subset(text, link)
        except UsageError as error:
            raise UsageError(f"{error}; {ADVICE}") from None
    bpf.check(program)
    return program
