"""pcap and pcapng in every variety give the packets that were written, and damage ends a file in one sentence."""

import io
import random
import struct

import pytest

from whimbrel.capture import write
from whimbrel.capture.files import open_capture
from whimbrel.capture.testing_decode import packets_of

Found = list[tuple[int, bytes, int, int]]

START_NS = 1_700_000_000_123_456_789
PACKETS: list[write.Record] = [
    (START_NS, b"first", None),
    (START_NS + 1, b"", 60),
    (START_NS + 999_999_999_999, bytes(range(256)), 1500),
    (START_NS - 5, b"earlier", None),
]
MAX_NS = 1 << 62


def read(data: bytes) -> tuple[Found, str, str]:
    reader = open_capture(io.BytesIO(data))
    found, end = packets_of(reader)
    assert reader.packets == len(found)
    return found, end, reader.error


def expected(link: int = 1, unit_ns: int = 1) -> Found:
    return [(time_ns // unit_ns * unit_ns, data, wire_len or len(data), link) for time_ns, data, wire_len in PACKETS]


def pcap(order: str = "<", *, nanoseconds: bool = True, link: int = 1) -> bytes:
    head = write.pcap_header(link, nanoseconds=nanoseconds, order=order)
    return head + b"".join(write.pcap_record(r, nanoseconds=nanoseconds, order=order) for r in PACKETS)


def section(order: str = "<", *, link: int = 1, tsresol: int = 9, options: bytes = b"") -> bytes:
    return write.pcapng_section(order=order) + write.pcapng_interface(
        link, tsresol=tsresol, options=options, order=order
    )


def pcapng(order: str = "<", *, link: int = 1) -> bytes:
    return section(order, link=link) + b"".join(write.pcapng_packet(r, order=order) for r in PACKETS)


# ---- pcap -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("nanoseconds", [True, False])
@pytest.mark.parametrize("link", [1, 113, 276])
def test_pcap(order: str, nanoseconds: bool, link: int) -> None:
    found, end, error = read(pcap(order, nanoseconds=nanoseconds, link=link))
    assert (found, end, error) == (expected(link, 1 if nanoseconds else 1000), "end", "")


@pytest.mark.parametrize("order", "<>")
def test_pcap_with_kuznetzovs_longer_records(order: str) -> None:
    data = struct.pack(order + "IHHiIII", 0xA1B2CD34, 2, 4, 0, 0, 65535, 1)
    for record in PACKETS:
        one = write.pcap_record(record, nanoseconds=False, order=order)
        data += one[:16] + struct.pack(order + "IHBB", 3, 0x800, 0, 0) + one[16:]
    assert read(data) == (expected(unit_ns=1000), "end", "")


def test_pcap_of_an_old_version_may_have_its_lengths_the_other_way_round() -> None:
    head = struct.pack("<IHHiIII", write.PCAP_MAGIC_MICRO, 2, 3, 0, 0, 65535, 1)
    assert read(head + struct.pack("<IIII", 1, 2, 1500, 4) + b"abcd")[0] == [(1_000_002_000, b"abcd", 1500, 1)]
    assert read(head + struct.pack("<IIII", 1, 2, 4, 1500) + b"abcd")[0] == [(1_000_002_000, b"abcd", 1500, 1)]


def test_pcap_whose_link_type_says_how_long_checksums_are() -> None:
    head = struct.pack("<IHHiIII", write.PCAP_MAGIC_MICRO, 2, 4, 0, 0, 65535, 0x54000001)
    assert read(head + struct.pack("<IIII", 1, 0, 1, 1) + b"x")[0] == [(10**9, b"x", 1, 1)]


def test_a_packet_is_never_longer_than_it_was() -> None:
    head = write.pcap_header()
    assert read(head + struct.pack("<IIII", 0, 0, 4, 2) + b"abcd")[0] == [(0, b"abcd", 4, 1)]


@pytest.mark.parametrize("make", [pcap, pcapng])
@pytest.mark.parametrize("order", "<>")
def test_a_file_cut_anywhere_gives_what_came_before(make, order: str) -> None:
    data = make(order)
    whole, last = expected(), 0
    for size in range(len(data)):
        found, end, error = read(data[:size])
        assert found == whole[: len(found)]
        assert last <= len(found)
        last = len(found)
        assert (end == "end") == (error == "")
        if size >= 24:
            assert end in ("end", "cut")
    assert read(data)[:2] == (whole, "end")


# ---- pcapng ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("link", [1, 101])
def test_pcapng(order: str, link: int) -> None:
    assert read(pcapng(order, link=link)) == (expected(link), "end", "")


def test_sections_of_either_order_with_interfaces_of_their_own() -> None:
    first = section("<", link=1) + write.pcapng_interface(113) + write.pcapng_packet(PACKETS[0], interface=1)
    second = section(">", link=101) + write.pcapng_packet(PACKETS[2], order=">")
    found, end, _ = read(first + second + section())
    assert end == "end"
    assert [(data, link) for _, data, _, link in found] == [(PACKETS[0][1], 113), (PACKETS[2][1], 101)]


UNKNOWN_BLOCKS = (
    write.block(4, bytes(40))  # name resolution
    + write.block(0x0BAD, b"custom" * 100_000)  # longer than the buffer
    + write.block(0x80000001, b"")
    + write.block(10, bytes(3_000_000))  # decryption secrets
)


def test_blocks_that_mean_nothing_to_us_are_passed_over() -> None:
    data = section() + UNKNOWN_BLOCKS + write.pcapng_packet(PACKETS[0]) + UNKNOWN_BLOCKS
    assert read(data) == (expected()[:1], "end", "")
    assert read(data[:-5])[1] == "cut"


@pytest.mark.parametrize("order", "<>")
def test_an_interface_says_in_what_units_it_counts(order: str) -> None:
    units = 7 << 40 | 1 << 39
    head = struct.pack(order + "IIIII", 0, units >> 32, units & 0xFFFFFFFF, 1, 1)
    data = section(order, tsresol=0x80 | 40) + write.block(write.BLOCK_PACKET, head + b"x", order=order)
    assert read(data)[0] == [(7_500_000_000, b"x", 1, 1)]


def test_times_are_in_microseconds_where_an_interface_says_nothing() -> None:
    interface = write.block(write.BLOCK_INTERFACE, struct.pack("<HHI", 1, 0, 0))
    packet = write.pcapng_packet((START_NS, b"x", None), units_a_second=10**6)
    assert read(write.pcapng_section() + interface + packet)[0] == [(START_NS // 1000 * 1000, b"x", 1, 1)]


@pytest.mark.parametrize("offset_s", [5, -5])
def test_an_interface_may_shift_its_times(offset_s: int) -> None:
    data = section(options=write.option(14, struct.pack("<q", offset_s))) + write.pcapng_packet(PACKETS[0])
    assert [found[0] for found in read(data)[0]] == [START_NS + offset_s * 10**9]


def test_simple_packets_have_the_time_of_the_one_before() -> None:
    interface = write.block(write.BLOCK_INTERFACE, struct.pack("<HHI", 1, 0, 6))  # at most 6 bytes a packet
    simple = write.block(3, struct.pack("<I", 3) + b"abc"), write.block(3, struct.pack("<I", 9) + b"abcdef")
    packet = write.pcapng_packet((2_000_000, b"x", None), units_a_second=10**6)
    data = write.pcapng_section() + interface + simple[0] + packet + simple[1]
    assert read(data)[0] == [(0, b"abc", 3, 1), (2_000_000, b"x", 1, 1), (2_000_000, b"abcdef", 9, 1)]


@pytest.mark.parametrize("order", "<>")
def test_obsolete_packet_blocks_and_their_drops(order: str) -> None:
    def old(drops: int) -> bytes:
        body = struct.pack(order + "HHIIII", 0, drops, START_NS >> 32, START_NS & 0xFFFFFFFF, 2, 7)
        return write.block(2, body + b"ab", order=order)

    reader = open_capture(io.BytesIO(section(order) + old(3) + old(0xFFFF) + old(4)))
    assert packets_of(reader) == ([(START_NS, b"ab", 7, 1)] * 3, "end")
    assert reader.drops == 7


@pytest.mark.parametrize("order", "<>")
def test_drops_are_the_latest_statistics_of_every_interface(order: str) -> None:
    statistics = [(0, 5), (1, 100), (0, 7)]
    one = section(order) + write.pcapng_interface(order=order)
    one += b"".join(write.pcapng_drops(dropped, interface=i, order=order) for i, dropped in statistics)
    body = struct.pack(order + "III", 0, 0, 0) + write.option(4, bytes(8), order=order)
    body += write.option(7, struct.pack(order + "Q", 20), order=order)  # by the system, and no end of the options
    reader = open_capture(io.BytesIO(one + section(order) + write.block(5, body, order=order)))
    assert packets_of(reader) == ([], "end")
    assert reader.drops == 7 + 100 + 20


def test_options_behind_a_packet_are_passed_over() -> None:
    head = struct.pack("<IIIII", 0, 0, 7, 3, 3)
    data = section() + write.block(write.BLOCK_PACKET, head + b"abc\0" + write.option(1, b"a comment"))
    assert read(data)[0] == [(7, b"abc", 3, 1)]


@pytest.mark.parametrize("broken", [b"\x09\0\xff\xff\0\0\0\0", b"\x09\0\1", b"\1\0\1\0x", b"\x09\0\5\0aaaaabbb"])
def test_broken_options_are_no_options(broken: bytes) -> None:
    interface = write.block(write.BLOCK_INTERFACE, struct.pack("<HHI", 1, 0, 0) + broken)
    packet = write.pcapng_packet((START_NS, b"x", None), units_a_second=10**6)
    assert read(write.pcapng_section() + interface + packet)[0] == [(START_NS // 1000 * 1000, b"x", 1, 1)]


# ---- nonsense -------------------------------------------------------------------------------------------


def packet_of(interface: int, there: int) -> bytes:
    return write.block(write.BLOCK_PACKET, struct.pack("<IIIII", interface, 0, 0, there, there) + b"abcd")


NONSENSE = {
    "empty": b"",
    "not a pcap or pcapng file": b"GET / HTTP/1.1\r\n\r\n",
    "of version 9, which is not known": struct.pack("<IHHiIII", write.PCAP_MAGIC_MICRO, 9, 4, 0, 0, 0, 1),
    "of version 2, which is not known": write.block(
        write.BLOCK_SECTION, struct.pack("<IHHq", write.BYTE_ORDER_MAGIC, 2, 0, -1)
    ),
    "damaged at byte 24: a packet of 262145 bytes": write.pcap_header() + struct.pack("<IIII", 0, 0, 262145, 0),
    "damaged at byte 28: a block of 11 bytes": write.pcapng_section() + struct.pack("<II", 6, 11),
    "damaged at byte 28: a block of 17 bytes": write.pcapng_section() + struct.pack("<II", 6, 17),
    "damaged at byte 28: a block of 600000 bytes": write.pcapng_section() + struct.pack("<II", 6, 600_000),
    "damaged at byte 28: a block of 4294967292 bytes": write.pcapng_section() + struct.pack("<II", 99, 2**32 - 4),
    "damaged at byte 28: a block whose two lengths differ": write.pcapng_section()
    + struct.pack("<IIHHII", 1, 20, 1, 0, 0, 24),
    "damaged at byte 28: a block with only 4 bytes in it": write.pcapng_section() + write.block(1, bytes(4)),
    "damaged at byte 60: a block with only 16 bytes in it": section() + write.block(6, bytes(16)),
    "damaged at byte 60: a block with only 8 bytes in it": section() + write.block(5, bytes(8)),
    "damaged at byte 60: a block with only 0 bytes in it": section() + write.block(3, b""),
    "damaged at byte 60: interface 1 was not described before": section() + packet_of(1, 4),
    "damaged at byte 60: interface 7 was not described before": section() + write.pcapng_drops(1, interface=7),
    "damaged at byte 28: interface 0 was not described before": write.pcapng_section() + packet_of(0, 4),
    "damaged at byte 60: a packet of 5 bytes": section() + packet_of(0, 5),
    "damaged at byte 60: a packet of 4294967295 bytes": section() + packet_of(0, 2**32 - 1),
    "damaged at byte 0: a section without a byte order": write.block(write.BLOCK_SECTION, bytes(16)),
    "more than 1024 interfaces in a section": section() + write.pcapng_interface() * 1024,
}


@pytest.mark.parametrize("sentence", NONSENSE)
def test_nonsense_is_told_in_one_line(sentence: str) -> None:
    assert read(NONSENSE[sentence]) == ([], "bad", sentence)


def test_what_came_before_nonsense_was_read_and_the_answer_stays() -> None:
    reader = open_capture(io.BytesIO(pcap() + struct.pack("<IIII", 0, 0, 1 << 30, 0) + pcap()))
    assert packets_of(reader) == (expected(), "bad")
    assert packets_of(reader) == ([], "bad")


@pytest.mark.parametrize("make", [pcap, pcapng])
def test_any_damage_is_survived(make) -> None:
    rng = random.Random(7)
    whole = make()
    ends = set()
    for _ in range(3000):
        data = bytearray(whole)
        for _ in range(rng.choice([1, 1, 2, 5])):
            data[rng.randrange(len(data))] = rng.choice([0, 1, 4, 6, 0x7F, 0xFF, rng.randrange(256)])
        found, end, error = read(bytes(data))
        assert (end == "end") == (error == "")
        assert all(0 <= time_ns <= MAX_NS and wire_len >= len(data) for time_ns, data, wire_len, _ in found)
        ends.add(end)
    assert ends == {"end", "cut", "bad"}
