"""Packets -> pcap or pcapng: the other direction of files.pyx, for tests, benchmarks and people who cut captures.

Plain Python; one link type and one section a file.  The format is chosen by the name's suffix (.pcapng, else pcap).
"""

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

PCAP_MAGIC_MICRO = 0xA1B2C3D4
PCAP_MAGIC_NANO = 0xA1B23C4D
SNAP_LEN = 262144  # what tcpdump promises

BLOCK_SECTION = 0x0A0D0D0A
BLOCK_INTERFACE = 1
BLOCK_STATISTICS = 5
BLOCK_PACKET = 6
BYTE_ORDER_MAGIC = 0x1A2B3C4D
OPTION_END = 0
OPTION_TSRESOL = 9  # of an interface
OPTION_IFDROP = 5  # of its statistics

NS_A_SECOND = 10**9
ETHERNET = 1

# time in ns, the bytes present, and how many there were (None: all are present)
Record = tuple[int, bytes, int | None]


def records(
    packets: Iterable[bytes], *, start_ns: int = 1_700_000_000 * NS_A_SECOND, step_ns: int = 1000
) -> list[Record]:
    """Whole packets, evenly spaced in time."""
    return [(start_ns + i * step_ns, data, None) for i, data in enumerate(packets)]


def pcap_header(link: int = ETHERNET, *, nanoseconds: bool = True, order: str = "<") -> bytes:
    magic = PCAP_MAGIC_NANO if nanoseconds else PCAP_MAGIC_MICRO
    return struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, SNAP_LEN, link)


def pcap_record(record: Record, *, nanoseconds: bool = True, order: str = "<") -> bytes:
    time_ns, data, wire_len = record
    seconds, rest_ns = divmod(time_ns, NS_A_SECOND)
    fraction = rest_ns if nanoseconds else rest_ns // 1000
    head = struct.pack(order + "IIII", seconds, fraction, len(data), len(data) if wire_len is None else wire_len)
    return head + data


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def block(kind: int, body: bytes, *, order: str = "<") -> bytes:
    length = struct.pack(order + "I", 12 + len(padded(body)))
    return struct.pack(order + "I", kind) + length + padded(body) + length


def option(code: int, value: bytes, *, order: str = "<") -> bytes:
    return struct.pack(order + "HH", code, len(value)) + padded(value)


def pcapng_section(*, order: str = "<") -> bytes:
    return block(BLOCK_SECTION, struct.pack(order + "IHHq", BYTE_ORDER_MAGIC, 1, 0, -1), order=order)


def pcapng_interface(link: int = ETHERNET, *, tsresol: int = 9, options: bytes = b"", order: str = "<") -> bytes:
    """`tsresol` as in the file: 10^-n seconds, or 2^-n with bit 7 set."""
    options = option(OPTION_TSRESOL, bytes([tsresol]), order=order) + options + option(OPTION_END, b"", order=order)
    return block(BLOCK_INTERFACE, struct.pack(order + "HHI", link, 0, SNAP_LEN) + options, order=order)


def pcapng_packet(record: Record, *, interface: int = 0, units_a_second: int = NS_A_SECOND, order: str = "<") -> bytes:
    time_ns, data, wire_len = record
    units = time_ns * units_a_second // NS_A_SECOND
    there_were = len(data) if wire_len is None else wire_len
    head = struct.pack(order + "IIIII", interface, units >> 32 & 0xFFFFFFFF, units & 0xFFFFFFFF, len(data), there_were)
    return block(BLOCK_PACKET, head + padded(data), order=order)


def pcapng_drops(dropped: int, *, interface: int = 0, order: str = "<") -> bytes:
    """Interface statistics that say how many packets the interface dropped."""
    body = struct.pack(order + "III", interface, 0, 0)
    body += option(OPTION_IFDROP, struct.pack(order + "Q", dropped), order=order) + option(OPTION_END, b"", order=order)
    return block(BLOCK_STATISTICS, body, order=order)


def write_pcap(
    target: str | Path | BinaryIO, packets: Iterable[bytes | Record], link: int = ETHERNET, nanoseconds: bool = True
) -> int:
    """Write a capture; packets without a time follow each other by 1 us.  Returns how many there were."""
    if isinstance(target, (str, Path)):
        with Path(target).open("wb") as file:
            return write_to(file, packets, link, nanoseconds, pcapng=Path(target).suffix == ".pcapng")
    return write_to(target, packets, link, nanoseconds, pcapng=False)


def write_to(file: BinaryIO, packets: Iterable[bytes | Record], link: int, nanoseconds: bool, *, pcapng: bool) -> int:
    if pcapng:
        file.write(pcapng_section() + pcapng_interface(link, tsresol=9 if nanoseconds else 6))
    else:
        file.write(pcap_header(link, nanoseconds=nanoseconds))
    count = 0
    for packet in packets:
        record = (
            records([packet], start_ns=1_700_000_000 * NS_A_SECOND + count * 1000)[0]
            if isinstance(packet, bytes)
            else packet
        )
        if pcapng:
            file.write(pcapng_packet(record, units_a_second=NS_A_SECOND if nanoseconds else 10**6))
        else:
            file.write(pcap_record(record, nanoseconds=nanoseconds))
        count += 1
    return count
