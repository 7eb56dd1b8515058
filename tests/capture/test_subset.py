"""Our compiler for filters accepts the packets that libpcap's accepts."""

import itertools
import random

import pytest

from tests.capture import packets as p
from tests.capture.reference_vm import run
from whimbrel.base.errors import UsageError
from whimbrel.capture import filter as filters
from whimbrel.capture.program import RETURN, Instruction, pack
from whimbrel.capture.subset import LAYOUTS, NESTED_MAX, WORDS_MAX, compile_subset

A, B, C = "10.0.0.1", "10.0.0.2", "192.168.7.9"
A6, B6 = "2001:db8::1", "2001:db8:0:1::2"
SEED = 3
REFUSE_ALL = pack([Instruction(RETURN, k=0)])

SINGLE = [
    "tcp", "udp", "ip", "ip6", "arp",
    "port 80", "src port 80", "dst port 80", "src or dst port 80", "src and dst port 80",
    "tcp port 80", "udp port 53", "tcp src port 80", "udp dst portrange 50-60",
    "portrange 79-81", "portrange 81-79", "src portrange 0-65535", "port 0",
    f"host {A}", f"src host {A}", f"dst host {A}", f"src {A}", f"src or dst host {A}", f"src and dst host {A}",
    f"ip host {A}", f"ip src host {A}", f"host {A6}", f"dst host {B6}", f"ip6 host {A6}",
    "net 10.0.0.0/8", "src net 10.0.0.0/31", "net 0.0.0.0/0", "net 192.168.0.0/16", "net 10.0.0.1",
    "ip dst net 10.0.0.2/32",
    "net 2001:db8::/32", "net 2001:db8::/64", "src net ::/0", "dst net 2001:db8::/63", "net 2001:db8::/37",
]  # fmt: skip
TOGETHER = [
    "tcp and port 80", "tcp && (port 80 or port 443)", "not port 22", "! tcp", "not not tcp",
    "tcp or udp and port 53", "udp or tcp and not port 80", "not tcp or port 80", "not (tcp or port 53)",
    "port 80 or 443", "port 80 or 443 and not 22", "host 10.0.0.1 or 10.0.0.2", "tcp port 80 or 53",
    "tcp and host 10.0.0.1 and not net 192.168.0.0/16", "ip6 and tcp port 443", "((((tcp))))", "",
    "src host 10.0.0.1 and dst port 80 or src port 80 and dst host 10.0.0.1", "not ip and not ip6",
]  # fmt: skip
TAGGED = [
    "vlan", "vlan 5", "vlan 0", "vlan 4095", "vlan and tcp port 80", "vlan 5 and host 10.0.0.1", "not vlan",
    "port 80 or (vlan and port 80)", "vlan 5 and vlan 7 and tcp", "vlan 5 or vlan 7", "not vlan 5 and tcp",
    "vlan and not tcp", "tcp or vlan 5", "vlan and ip6",
]  # fmt: skip


def arp(sender: str, target: str) -> bytes:
    return bytes.fromhex("0001080006040001") + bytes(6) + p.packed(sender) + bytes(6) + p.packed(target)


def inner_packets() -> list[bytes]:
    ends = [(A, 80), (B, 443), (C, 22), (A, 53), (B, 80), (A6, 80), (B6, 443)]
    found = []
    for (src, sport), (dst, dport) in itertools.permutations(ends, 2):
        if (":" in src) == (":" in dst):
            found.append(p.tcp(src, sport, dst, dport, 1, 1, p.ACK, b"hello"))
            found.append(p.udp(src, sport, dst, dport, b"hello"))
    found += p.fragments_v4(A, B, p.udp_datagram(A, 80, B, 80, bytes(64)), 24, protocol=p.UDP)
    found += p.fragments_v6(A6, B6, p.udp_datagram(A6, 80, B6, 80, bytes(64)), 24, protocol=p.UDP)
    found += p.fragments_v6(A6, B6, p.tcp_segment(A6, 80, B6, 80, 1, 1, p.ACK, bytes(64)), 24)
    found.append(p.ipv4(A, B, bytes(20), 132))
    found.append(p.ipv4(A, B, b"\0\x50\0\x50" + bytes(20), 132))
    found.append(p.ipv4(A, B, bytes(8), 1))
    found.append(p.ipv6(A6, B6, bytes(8), 58))
    return found


def frames(link: int) -> list[bytes]:
    """Packets of a link type, and some noise.  None is cut: of a packet that ends within what a filter looks at, the
    order of its tests decides, which a compiler chooses."""
    arps = [arp(A, B), arp(B, C), arp(C, A)]
    match link:
        case 1:
            whole = [p.ethernet(one) for one in inner_packets()]
            whole += [p.ethernet(one, ethertype=kind) for one in arps for kind in (0x0806, 0x8035)]
            tags = [[5], [7], [5, 7], [0x6005], [4095], [0]]
            whole += [p.ethernet(one, tags=t) for one in inner_packets()[::5] for t in tags]
            whole += [p.ethernet(one, tags=t, tag_type=0x88A8) for one in inner_packets()[::9] for t in tags]
            whole += [p.ethernet(one, tags=[5, 7], tag_type=0x9100) for one in inner_packets()[::9]]
            whole.append(p.ethernet_802_3(bytes(40)))
        case 113:
            whole = [p.sll(one) for one in inner_packets()] + [p.sll(one, ethertype=0x0806) for one in arps]
        case 276:
            whole = [p.sll2(one) for one in inner_packets()] + [p.sll2(one, ethertype=0x0806) for one in arps]
        case 0:
            whole = [p.null(one, family=10 if one[0] >> 4 == 6 else 2) for one in inner_packets()]
        case 108:
            whole = [p.null(one, family=10 if one[0] >> 4 == 6 else 2, order=">") for one in inner_packets()]
        case 228 | 229:
            whole = [one for one in inner_packets() if one[0] >> 4 == (4 if link == 228 else 6)]
        case _:
            whole = inner_packets()
    draw = random.Random(SEED)
    noise = [draw.randbytes(100) for _ in range(30)] if link == 1 else []
    return [one + bytes(16) for one in whole] + noise


def their_program(text: str, link: int) -> bytes:
    library = filters.libpcap()
    if library is None:
        pytest.skip("libpcap is not installed: nothing to compare with")
    try:
        return filters.compile_with_libpcap(library, text, link)
    except UsageError as error:  # it looks ahead; to us that is a program like another
        if "rejects all packets" not in str(error):
            raise
        return REFUSE_ALL


def agree(text: str, link: int) -> None:
    ours, theirs = compile_subset(text, link), their_program(text, link)
    accepted = 0
    for frame in frames(link):
        want, got = run(theirs, frame), run(ours, frame)
        assert bool(got) == bool(want), f"{text!r} on {frame.hex()}"
        accepted += bool(want)
    if text not in ("port 0", "net 192.168.0.0/16"):
        assert accepted or link != 1, "the packets of this test never pass the filter: it shows nothing"


@pytest.mark.parametrize("text", SINGLE + TOGETHER + TAGGED)
def test_ethernet_as_libpcap(text: str) -> None:
    agree(text, 1)


@pytest.mark.parametrize("link", sorted(set(LAYOUTS) - {1}))
def test_other_links_as_libpcap(link: int) -> None:
    for text in SINGLE + TOGETHER:
        agree(text, link)


def expression(draw: random.Random, depth: int) -> str:
    if depth == 0 or draw.random() < 0.3:
        return draw.choice(SINGLE)
    match draw.randrange(4):
        case 0:
            return f"not ({expression(draw, depth - 1)})"
        case 1:
            return f"({expression(draw, depth - 1)})"
        case _:
            word = draw.choice(["and", "or", "&&", "||"])
            return f"{expression(draw, depth - 1)} {word} {expression(draw, depth - 1)}"


def test_random_expressions_as_libpcap() -> None:
    draw = random.Random(SEED)
    some = draw.sample(frames(1), 60)
    for _ in range(150):
        text = expression(draw, 4)
        ours, theirs = compile_subset(text, 1), their_program(text, 1)
        for frame in some:
            assert bool(run(ours, frame)) == bool(run(theirs, frame)), f"{text!r} on {frame.hex()}"


def test_a_long_chain_needs_far_jumps() -> None:
    text = " or ".join(f"port {n}" for n in range(1000, 1240))
    program = compile_subset(text, 1)
    assert len(program) // 8 > 1000
    assert run(program, p.ethernet(p.tcp(A, 1000, B, 1, 1, 1, p.ACK, b"")))
    assert run(program, p.ethernet(p.tcp(A, 1, B, 1239, 1, 1, p.ACK, b"")))
    assert not run(program, p.ethernet(p.tcp(A, 1, B, 1240, 1, 1, p.ACK, b"")))
    assert not run(compile_subset(f"not ({text})", 1), p.ethernet(p.tcp(A, 1, B, 1111, 1, 1, p.ACK, b"")))


@pytest.mark.parametrize(
    ("text", "word", "says"),
    [
        ("prot 80", "prot", "allowed are tcp"),
        ("10.0.0.1", "10.0.0.1", "allowed are tcp"),
        ("tcp port http", "http", "a number from 0 to 65535"),
        ("port 65536", "65536", "a number from 0 to 65535"),
        ("port 99999999999999999999999999999", "9999", "a number from 0"),
        ("port ²", "²", "a number from 0"),
        ("portrange 80", "80", "A-B"),
        ("host example.com", "example.com", "no IP address"),
        ("host 10.0.0.0/8", "10.0.0.0/8", "write net"),
        ("net 10.0.0.1/8", "10.0.0.1/8", "behind its mask"),
        ("ip6 host 10.0.0.1", "10.0.0.1", "no address of ip6"),
        ("tcp host 10.0.0.1", "10.0.0.1", "tcp host makes no sense"),
        ("ip port 80", "80", "ip has no ports"),
        ("tcp port 80 port 443", "port", "'and' or 'or' is missing"),
        ("(tcp", "its end", "')' is missing"),
        ("tcp)", ")", "'and' or 'or' is missing"),
        ("tcp and", "its end", "is missing"),
        ("port", "its end", "is missing"),
        ("and tcp", "and", "is missing"),
        ("src tcp", "tcp", "is missing"),
        ("tcp & udp", "&", "not understood"),
        ("vlan 4096", "4096", "from 0 to 4095"),
        ("(" * (NESTED_MAX + 1) + "tcp" + ")" * (NESTED_MAX + 1), "(", "parentheses within each other"),
    ],
)
def test_what_is_wrong_is_said(text: str, word: str, says: str) -> None:
    with pytest.raises(UsageError) as wrong:
        compile_subset(text, 1)
    assert repr(text) in str(wrong.value)
    assert word in str(wrong.value)
    assert says in str(wrong.value)


def test_limits() -> None:
    with pytest.raises(UsageError, match="too long"):
        compile_subset("not " * WORDS_MAX + "tcp", 1)
    assert compile_subset("not " * (WORDS_MAX - 1) + "tcp", 1)
    with pytest.raises(UsageError, match="link type 7"):
        compile_subset("tcp", 7)
    with pytest.raises(UsageError, match="only Ethernet"):
        compile_subset("vlan 5", 101)


def test_any_words_are_a_program_or_an_error() -> None:
    draw = random.Random(SEED)
    words = [
        "tcp",
        "ip6",
        "port",
        "80",
        "src",
        "dst",
        "or",
        "and",
        "not",
        "(",
        ")",
        "vlan",
        "net",
        "10.0.0.0/8",
        "host",
        A,
    ]
    understood = 0
    for _ in range(3000):
        text = " ".join(draw.choices(words, k=draw.randrange(1, 9)))
        try:
            program = compile_subset(text, 1)
        except UsageError:
            continue
        understood += 1
        run(program, frames_once[draw.randrange(len(frames_once))])
    assert understood > 50


frames_once = frames(1)
