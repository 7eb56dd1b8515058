"""A reader gives every packet of a capture whatever its bytes come through, and its TCP is what others count."""

import gzip
import io
import os
import random
import shutil
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.capture import packets as p
from whimbrel.base.errors import UsageError
from whimbrel.capture import write
from whimbrel.capture.files import open_capture
from whimbrel.capture.testing_decode import packets_of, summary_of

CAPTURES = Path(__file__).resolve().parents[3] / "shared" / "data" / "captures"
CAPTURE_FILES = sorted(CAPTURES.glob("*.pcap*"))

MIXED = [p.ethernet(p.tcp("10.0.0.1", 4000, "10.0.0.2", 80, i, 1, p.ACK, bytes(i % 1400))) for i in range(3000)] + [
    p.ethernet(p.udp("10.0.0.1", 53, "10.0.0.2", 53, b"x"))
]
LARGE = [bytes([i]) * 262_144 for i in range(12)]  # as long as packets may be


def written(packets: list[bytes], *, pcapng: bool = False) -> bytes:
    records = write.records(packets)
    if pcapng:
        return write.pcapng_section() + write.pcapng_interface() + b"".join(map(write.pcapng_packet, records))
    return write.pcap_header() + b"".join(map(write.pcap_record, records))


class Pieces(io.RawIOBase):
    """A pipe that gives pieces of random sizes."""

    def __init__(self, data: bytes, most: int) -> None:
        self.data, self.at, self.most, self.rng = data, 0, most, random.Random(most)

    def readable(self) -> bool:
        return True

    def readinto(self, room) -> int:
        n = min(self.rng.randrange(1, self.most + 1), len(room), len(self.data) - self.at)
        room[:n] = self.data[self.at : self.at + n]
        self.at += n
        return n


@pytest.mark.parametrize("pcapng", [False, True])
@pytest.mark.parametrize("packets", [MIXED, LARGE])
@pytest.mark.parametrize("most", [50, 5000, 1 << 20, 1 << 24])
def test_packets_are_whole_in_pieces_of_any_size(pcapng: bool, packets: list[bytes], most: int) -> None:
    most = max(most, 5000) if packets is LARGE else most
    reader = open_capture(Pieces(written(packets, pcapng=pcapng), most))  # type: ignore[arg-type]
    found, end = packets_of(reader)
    assert end == "end"
    assert [data for _, data, _, _ in found] == packets


@pytest.mark.parametrize("pcapng", [False, True])
def test_a_gzipped_capture(pcapng: bool, tmp_path: Path) -> None:
    path = tmp_path / "any name"
    path.write_bytes(gzip.compress(written(MIXED, pcapng=pcapng)))
    with open_capture(path) as reader:
        assert summary_of(reader)[:2] == ("end", {"tcp": 3000, "other": 1, "waits": 0, "cut": 0, "bad": 0})
        assert reader.bytes_read == reader.bytes_total == path.stat().st_size
        assert reader.format == ("pcapng" if pcapng else "pcap")
    path.write_bytes(path.read_bytes()[:-2000])
    with open_capture(path) as reader:
        end, counts, _ = summary_of(reader)
        assert (end, 1000 < counts["tcp"] < 3000) == ("cut", True)
        assert reader.error.startswith("ends early: what came before byte ")


def test_a_gzipped_capture_cut_between_packets_is_cut_all_the_same() -> None:
    compressor = gzip.compress(written(MIXED))
    reader = open_capture(io.BytesIO(compressor[:-8]))
    assert packets_of(reader)[1] == "cut"
    assert reader.packets == len(MIXED)


def test_standard_input() -> None:
    code = (
        "from whimbrel.capture.files import open_capture; from whimbrel.capture.testing_decode import summary_of\n"
        "reader = open_capture('-'); print(reader.name, summary_of(reader)[1]['tcp'], reader.bytes_total)"
    )
    done = subprocess.run([sys.executable, "-c", code], input=written(MIXED), capture_output=True, timeout=60)
    assert (done.stdout, done.stderr) == (b"standard input 3000 0\n", b"")


def test_a_live_pipe_gives_each_packet_as_it_comes() -> None:
    """As from `tcpdump -w -`: nobody waits for a buffer to be full."""
    reading, writing = os.pipe()
    records = [(i, MIXED[i], None) for i in range(3)]
    with os.fdopen(reading, "rb", buffering=0) as file:
        os.write(writing, write.pcap_header())
        reader = open_capture(file)
        for record in records:
            os.write(writing, write.pcap_record(record))
            found, end = packets_of(reader, 1)
            assert ([data for _, data, _, _ in found], end) == ([record[1]], "more")
        os.close(writing)
        assert packets_of(reader) == ([], "end")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_filling_a_full_buffer_is_harmless(pack) -> None:
    reader = open_capture(io.BytesIO(pack(written(LARGE))))
    assert all(reader.fill() for _ in range(50))
    found, end = packets_of(reader)
    assert ([data for _, data, _, _ in found], end) == (LARGE, "end")


def test_after_closing_only_what_was_read_is_left(tmp_path: Path) -> None:
    path = tmp_path / "made.pcap"
    write.write_pcap(path, MIXED)
    reader = open_capture(path)
    assert reader.fill()  # what was looked at to tell the format
    assert reader.fill()
    reader.close()
    assert not reader.fill()
    found, end = packets_of(reader)
    assert end == "cut" and 100 < len(found) < len(MIXED)
    reader.close()


def test_links_that_decode_does_not_know_are_told() -> None:
    reader = open_capture(io.BytesIO(write.pcap_header(105) + write.pcap_record((0, b"802.11", None))))
    assert reader.links == ()
    assert packets_of(reader)[1] == "end"
    assert [reader.links, reader.unknown_links] == [(105,), (105,)]
    two = write.pcapng_section() + write.pcapng_interface(276) + write.pcapng_interface(127) + write.pcapng_interface(1)
    reader = open_capture(io.BytesIO(two))
    assert packets_of(reader) == ([], "end")
    assert [reader.links, reader.unknown_links] == [(1, 127, 276), (127,)]


def test_errors_of_reading_are_one_line() -> None:
    class Broken(io.RawIOBase):
        name = "disk"

        def readable(self) -> bool:
            return True

        def readinto(self, room) -> int:
            if len(room) <= 8:
                room[:4] = b"\xd4\xc3\xb2\xa1"
                return 4
            raise OSError(5, "Input/output error")

    reader = open_capture(Broken())  # type: ignore[arg-type]
    assert reader.fill()
    with pytest.raises(UsageError, match=r"^disk: Input/output error$"):
        packets_of(reader)


def test_a_file_that_lies_about_what_it_read_is_refused() -> None:
    class Lying(io.BytesIO):
        def readinto1(self, room) -> int:
            return len(room) + 1

    reader = open_capture(Lying(b"12345678"))
    assert reader.fill()
    with pytest.raises(ValueError, match="its readinto gave 1048577 bytes"):
        reader.fill()


# ---- the captures of others -----------------------------------------------------------------------------


def counted_apart(data: bytes) -> Counter[str]:
    """TCP packets and payload bytes of a plain capture, found in another way: by searching the frames for IP."""
    counts: Counter[str] = Counter()
    for frame in frames_apart(data):
        at = next(i for i in (0, 4, 14) if frame[i] in (0x45, 0x60) and frame[i + (9 if frame[i] == 0x45 else 6)] == 6)
        if frame[at] == 0x45:
            header, length = 20, struct.unpack_from("!H", frame, at + 2)[0] - 20
        else:
            header, length = 40, struct.unpack_from("!H", frame, at + 4)[0]
        counts["tcp"] += 1
        counts["bytes"] += length - (frame[at + header + 12] >> 4) * 4
    return counts


def frames_apart(data: bytes) -> list[bytes]:
    found, at = [], 0
    if data[:4] == b"\x0a\x0d\x0d\x0a":  # little-endian pcapng
        while at < len(data):
            kind, length = struct.unpack_from("<II", data, at)
            if kind == 6:
                found.append(data[at + 28 : at + 28 + struct.unpack_from("<I", data, at + 20)[0]])
            at += length
        return found
    order = "<" if data[:1] in (b"\xd4", b"\x4d") else ">"
    at = 24
    while at < len(data):
        length = struct.unpack_from(order + "I", data, at + 8)[0]
        found.append(data[at + 16 : at + 16 + length])
        at += 16 + length
    return found


needs_captures = pytest.mark.skipif(not CAPTURE_FILES, reason="the captures are not beside this checkout")


@needs_captures
@pytest.mark.parametrize("path", CAPTURE_FILES, ids=[path.name for path in CAPTURE_FILES])
def test_tcp_packets_of_others_captures(path: Path) -> None:
    with open_capture(path) as reader:
        end, counts, payload_bytes = summary_of(reader)
    apart = counted_apart(path.read_bytes())
    assert (end, counts["tcp"], payload_bytes) == ("end", apart["tcp"], apart["bytes"])
    assert counts["tcp"] == sum(counts.values())
    if shutil.which("tshark"):
        command = ["tshark", "-r", str(path), "-Y", "tcp", "-T", "fields", "-e", "frame.number"]
        lines = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout.splitlines()
        assert counts["tcp"] == len(lines)


@needs_captures
@pytest.mark.parametrize("path", CAPTURE_FILES, ids=[path.name for path in CAPTURE_FILES])
def test_damaged_captures_of_others_are_survived(path: Path) -> None:
    whole = path.read_bytes()
    rng = random.Random(path.name)
    for _ in range(150):
        data = bytearray(whole[: rng.choice([len(whole), rng.randrange(len(whole))])])
        for _ in range(rng.randrange(20)):
            if data:
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        reader = open_capture(io.BytesIO(bytes(data)))
        end, counts, payload_bytes = summary_of(reader)
        assert sum(counts.values()) == reader.packets
        assert payload_bytes <= len(data)
