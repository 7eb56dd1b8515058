"""What is written is what libpcap reads (and, in test_records.py, what we read)."""

import ctypes
from pathlib import Path

import pytest

from whimbrel.capture import write
from whimbrel.capture.filter import libpcap

PACKETS: list[bytes | write.Record] = [
    (1_700_000_000_123_456_789, b"first", None),
    (1_700_000_001_000_000_000, bytes(range(200)), 1500),
    b"without a time",
]


class Head(ctypes.Structure):
    _fields_ = (
        ("s", ctypes.c_long),
        ("fraction", ctypes.c_long),
        ("there", ctypes.c_uint32),
        ("were", ctypes.c_uint32),
    )


def read_by_libpcap(path: Path) -> tuple[int, list[tuple[int, bytes, int]]]:
    library = libpcap()
    if library is None:
        pytest.skip("libpcap, which reads what we wrote, is not installed")
    error = ctypes.create_string_buffer(256)
    open_file = library.pcap_open_offline_with_tstamp_precision
    open_file.argtypes, open_file.restype = [ctypes.c_char_p, ctypes.c_uint, ctypes.c_char_p], ctypes.c_void_p
    library.pcap_datalink.argtypes = library.pcap_close.argtypes = [ctypes.c_void_p]
    head, data = ctypes.POINTER(Head)(), ctypes.POINTER(ctypes.c_uint8)()
    library.pcap_next_ex.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    handle = open_file(str(path).encode(), 1, error)
    assert handle, error.value
    found = []
    while library.pcap_next_ex(handle, ctypes.byref(head), ctypes.byref(data)) == 1:
        one = head.contents
        found.append((one.s * 10**9 + one.fraction, bytes(data[: one.there]), one.were))
    link = library.pcap_datalink(handle)
    library.pcap_close(handle)
    return link, found


@pytest.mark.parametrize("name", ["made.pcap", "made.pcapng"])
@pytest.mark.parametrize("nanoseconds", [True, False])
def test_libpcap_reads_what_is_written(name: str, nanoseconds: bool, tmp_path: Path) -> None:
    assert write.write_pcap(tmp_path / name, PACKETS, 113, nanoseconds) == 3
    unit = 1 if nanoseconds else 1000
    assert read_by_libpcap(tmp_path / name) == (
        113,
        [
            (1_700_000_000_123_456_789 // unit * unit, b"first", 5),
            (1_700_000_001_000_000_000, bytes(range(200)), 1500),
            (1_700_000_000_000_002_000, b"without a time", 14),
        ],
    )


def test_packets_without_times_are_evenly_spaced() -> None:
    assert write.records([b"a", b"b"], start_ns=5, step_ns=10) == [(5, b"a", None), (15, b"b", None)]
