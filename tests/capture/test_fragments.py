"""Fragments become datagrams in any order, within the limits, and whatever is given up is counted."""

import random
from collections.abc import Callable

import pytest

from tests.capture import packets as p
from whimbrel.capture.testing_decode import Decoding

RAW = 101
DATA = bytes(random.Random(1).randrange(256) for _ in range(3000))
SECOND_NS = 10**9
ENDS = {4: ("10.0.0.1", "10.0.0.2"), 6: ("2001:db8::1", "2001:db8::2")}
SLOTS = 64  # FRAGMENTS_DATAGRAMS
BYTES = 1 << 20  # FRAGMENTS_BYTES


def segment_bytes(version: int, data: bytes = DATA) -> bytes:
    src, dst = ENDS[version]
    return p.tcp_segment(src, 40000, dst, 80, 5, 6, p.ACK, data)


def pieces(version: int = 4, size: int = 800, *, ident: int = 7, data: bytes = DATA) -> list[bytes]:
    make: Callable[..., list[bytes]] = p.fragments_v4 if version == 4 else p.fragments_v6
    return make(*ENDS[version], segment_bytes(version, data), size, ident=ident)


def kinds(decoding: Decoding, frames: list[bytes], time_ns: int = 0) -> list[str]:
    return [decoding.decode(frame, RAW, time_ns=time_ns)[0] for frame in frames]


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("size", [8, 24, 800, 1480, 2992])
@pytest.mark.parametrize("seed", range(4))
def test_fragments_join_in_any_order(version: int, size: int, seed: int) -> None:
    frames = pieces(version, size)
    random.Random(seed).shuffle(frames)
    decoding = Decoding()
    empty = decoding.used_bytes
    *before, (kind, segment) = (decoding.decode(frame, RAW) for frame in frames)
    assert {kind for kind, _ in before} == {"waits"}
    assert kind == "tcp" and segment
    assert (segment["data"], segment["src"][1], segment["seq"]) == (DATA, 40000, 5)
    assert (decoding.lost, decoding.differ) == (0, 0)
    decoding.decode(b"", RAW)  # the datagram was lent until now
    assert decoding.used_bytes == empty


@pytest.mark.parametrize("version", [4, 6])
def test_datagrams_do_not_mix(version: int) -> None:
    """They differ by their ident, their addresses or the network they are in."""
    decoding = Decoding()
    other = bytes(reversed(DATA))
    sets = [
        [p.ethernet(frame) for frame in pieces(version, ident=7)],
        [p.ethernet(frame) for frame in pieces(version, ident=8, data=other)],
        [p.ethernet(frame, tags=[9]) for frame in pieces(version, ident=7, data=other * 2)],
    ]
    found = []
    for i in range(max(map(len, sets))):
        for frames in sets:
            if i < len(frames):
                segment = decoding.decode(frames[i])[1]
                found += [segment["data"]] if segment else []
    assert sorted(found) == sorted([DATA, other, other * 2])
    assert decoding.differ == 0


def test_fragments_within_tunnels_within_fragments() -> None:
    inner = [p.gre(frame, key=4) for frame in pieces(4, 1200)]
    outer = [
        frame
        for ident, packet in enumerate(inner)
        for frame in p.fragments_v4(*p.OUTER, packet[20:], 400, p.GRE, ident=ident)
    ]
    random.Random(5).shuffle(outer)
    decoding = Decoding()
    *before, (kind, segment) = (decoding.decode(frame, RAW) for frame in outer)
    assert {kind for kind, _ in before} == {"waits"}
    assert kind == "tcp" and segment and segment["data"] == DATA
    assert segment["network"] != 0


def test_a_second_copy_of_each_fragment_is_nothing_new() -> None:
    """Loopback and mirrored ports show each packet twice."""
    decoding = Decoding()
    assert kinds(decoding, [frame for frame in pieces() for _ in range(2)]) == [*["waits"] * 6, "tcp", "waits"]
    decoding.close()
    assert (decoding.lost, decoding.differ) == (0, 0)


def test_an_ident_may_be_used_again_soon() -> None:
    decoding = Decoding()
    assert kinds(decoding, pieces())[-1] == "tcp"
    assert kinds(decoding, pieces(data=DATA * 2), time_ns=SECOND_NS // 5)[-1] == "tcp"
    assert (decoding.lost, decoding.differ) == (0, 0)


def test_the_first_copy_wins_and_a_copy_that_differs_is_counted() -> None:
    whole = segment_bytes(4)
    frames = pieces()
    decoding = Decoding()
    overlap = p.ipv4(*ENDS[4], bytes(640), ident=7, fragment=p.MORE_FRAGMENTS | 1600 // 8)
    found = [decoding.decode(frame, RAW)[1] for frame in [*frames[:2], overlap, frames[2], frames[3]]]
    assert found[4] and found[4]["data"] == (whole[:1600] + bytes(640) + whole[2240:])[20:]
    assert (decoding.differ, decoding.lost) == (1, 0)


@pytest.mark.parametrize(
    "order", [(0, 1, 3, "longer"), (0, 3, "shorter"), ("longer", 0, 3), (3, "beyond"), ("beyond", 3)]
)
def test_fragments_that_disagree_about_the_end_give_the_datagram_up(order: tuple[int | str, ...]) -> None:
    frames: dict[int | str, bytes] = dict(enumerate(pieces()))
    frames["longer"] = p.ipv4(*ENDS[4], bytes(801), ident=7, fragment=2400 // 8)
    frames["shorter"] = p.ipv4(*ENDS[4], bytes(5), ident=7, fragment=2400 // 8)
    frames["beyond"] = p.ipv4(*ENDS[4], bytes(8), ident=7, fragment=p.MORE_FRAGMENTS | 4000 // 8)
    decoding = Decoding()
    assert set(kinds(decoding, [frames[name] for name in order])) == {"waits"}
    assert decoding.lost == 1


IMPOSSIBLE = {
    "no whole units": p.ipv4(*ENDS[4], bytes(15), fragment=p.MORE_FRAGMENTS),
    "nothing in it": p.ipv4(*ENDS[4], b"", fragment=p.MORE_FRAGMENTS),
    "nothing in the last": p.ipv4(*ENDS[4], b"", fragment=8),
    "beyond any datagram": p.ipv4(*ENDS[4], bytes(16), fragment=0x1FFF),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_impossible_fragments_are_bad(name: str) -> None:
    decoding = Decoding()
    assert kinds(decoding, [IMPOSSIBLE[name]]) == ["bad"]
    assert decoding.lost == 0


def test_the_largest_datagram() -> None:
    data = random.Random(2).randbytes(65535 - 20)
    decoding = Decoding()
    found = [decoding.decode(frame, RAW)[1] for frame in pieces(4, 16384, data=data)]
    assert found[-1] and found[-1]["data"] == data


def test_a_cut_fragment_leaves_a_hole_from_there_on() -> None:
    frames = pieces()
    decoding = Decoding()
    for i in (3, 1, 0):
        assert decoding.decode(frames[i], RAW)[0] == "waits"
    kind, segment = decoding.decode(frames[2][:300], RAW, len(frames[2]))
    assert kind == "tcp" and segment
    assert (segment["data"], segment["wire_len"]) == (DATA[: 1600 + 280 - 20], len(DATA))


def test_waiting_ends_after_30_seconds() -> None:
    first, *others = pieces()
    decoding = Decoding()
    assert kinds(decoding, [first]) == ["waits"]
    assert kinds(decoding, others, time_ns=30 * SECOND_NS)[-1] == "tcp"
    assert kinds(decoding, [first], time_ns=40 * SECOND_NS) == ["waits"]
    assert set(kinds(decoding, others, time_ns=70 * SECOND_NS + 1)) == {"waits"}
    assert decoding.lost == 1


def test_time_that_steps_back_ages_nothing() -> None:
    first, *others = pieces()
    decoding = Decoding()
    assert kinds(decoding, [first], time_ns=1000 * SECOND_NS) == ["waits"]
    assert kinds(decoding, others, time_ns=0)[-1] == "tcp"


def test_the_oldest_datagram_makes_room_for_a_new_one() -> None:
    decoding = Decoding()
    for ident in range(SLOTS + 10):
        assert kinds(decoding, pieces(ident=ident)[:-1], time_ns=ident) == ["waits"] * 3
    assert decoding.lost == 10
    assert [kinds(decoding, pieces(ident=ident)[-1:], time_ns=99)[0] for ident in range(10, SLOTS + 10)] == [
        "tcp"
    ] * SLOTS
    assert kinds(decoding, pieces(ident=3)[-1:], time_ns=99) == ["waits"]


def test_datagrams_that_are_whole_no_longer_count_as_waiting() -> None:
    decoding = Decoding()
    frames = pieces()
    for i in range(2000):  # twice FRAGMENTS_BYTES and more
        again = [frame[:4] + i.to_bytes(2, "big") + frame[6:] for frame in frames]
        assert kinds(decoding, again, time_ns=i)[-1] == "tcp"
    assert decoding.lost == 0


def test_memory_of_what_waits_is_bounded() -> None:
    decoding = Decoding(8 << 20)
    empty, most = decoding.used_bytes, 0
    last = p.ipv4(*ENDS[4], bytes(7), fragment=0x1FFE)  # a datagram's end, and nothing else of it
    for ident in range(200):
        frame = last[:4] + ident.to_bytes(2) + last[6:]
        assert decoding.decode(frame, RAW, time_ns=ident)[0] == "waits"
        most = max(most, decoding.used_bytes - empty)
    assert 4 * 66560 < most <= BYTES
    decoding.close()
    assert (decoding.lost, decoding.used_bytes) == (200, 0)


def test_without_memory_datagrams_are_lost_and_counted() -> None:
    decoding = Decoding(1 << 20)
    decoding.hoard()
    assert set(kinds(decoding, pieces())) == {"waits"}
    assert decoding.lost == 4
    assert decoding.decode(p.tcp(*ENDS[4][:1], 1, ENDS[4][1], 2, 3, 4, p.ACK, b"x"), RAW)[0] == "tcp"


class Model:
    """One datagram, byte by byte, in plain Python."""

    def __init__(self) -> None:
        self.bytes: dict[int, int] = {}
        self.there: set[int] = set()
        self.end = self.cut_from = 0

    def add(self, offset: int, data: bytes, length: int, *, more: bool) -> bytes | None:
        """The datagram once it is whole."""
        for at in range(length):
            if offset + at not in self.there and at < len(data):
                self.bytes[offset + at] = data[at]
        self.there.update(range(offset, offset + length))
        if len(data) < length:
            cut = offset + len(data)
            self.cut_from = min(self.cut_from, cut) if self.cut_from else cut
        if not more:
            self.end = offset + length
        if not self.end or len(self.there) != self.end:
            return None
        return bytes(self.bytes[at] for at in range(self.cut_from or self.end))


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("cut_share", [0.0, 0.1])
def test_random_overlaps_give_what_a_plain_model_gives(version: int, cut_share: float) -> None:
    rng = random.Random(9)
    done = 0
    for ident in range(400):
        decoding, model = Decoding(), Model()
        data = segment_bytes(version, rng.randbytes(rng.randrange(40, 300)))
        while True:
            start = rng.randrange(0, len(data), 8)
            end = min(len(data), start + 8 * rng.randrange(1, 8))
            more = end < len(data)
            piece = bytes(byte ^ (rng.random() < 0.02 and start >= 24) for byte in data[start:end])
            flags = start | more if version == 6 else start // 8 | (p.MORE_FRAGMENTS if more else 0)
            if version == 4:
                frame = p.ipv4(*ENDS[4], piece, ident=ident, fragment=flags)
            else:
                head = bytes([p.TCP, 0]) + flags.to_bytes(2, "big") + ident.to_bytes(4, "big")
                frame = p.ipv6(*ENDS[6], head + piece, p.FRAGMENT)
            cut = min(rng.randrange(1, 30), len(piece)) if start >= 24 and rng.random() < cut_share else 0
            whole = model.add(start, piece[: len(piece) - cut], len(piece), more=more)
            kind, segment = decoding.decode(frame[: len(frame) - cut], RAW, len(frame))
            assert (kind == "tcp") == (whole is not None)
            if whole is not None:
                assert segment and (segment["data"], segment["wire_len"]) == (whole[20:], len(data) - 20)
                done += 1
                break
        assert decoding.lost == 0
    assert done == 400


def test_random_floods_keep_the_books() -> None:
    rng = random.Random(3)
    decoding = Decoding(8 << 20)
    empty = decoding.used_bytes
    for i in range(20_000):
        more = p.MORE_FRAGMENTS if rng.random() < 0.7 else 0
        size = rng.choice([8, 16, 64, 1480]) + (0 if more else rng.randrange(8))
        offset = rng.choice([0, 1, 2, 8, 185, 370, rng.randrange(8192)])
        frame = p.ipv4(*ENDS[4], bytes([rng.randrange(3)]) * size, ident=rng.randrange(100), fragment=more | offset)
        decoding.decode(frame, RAW, time_ns=i * rng.randrange(10**7))
        assert decoding.used_bytes - empty <= BYTES + 5 * (1 << 17)
    decoding.close()
    assert decoding.used_bytes == 0
    assert decoding.lost > 100 and decoding.differ > 100
