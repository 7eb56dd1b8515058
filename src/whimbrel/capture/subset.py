"""The part of tcpdump's filter language that we compile ourselves, where libpcap is not installed.

    expression   = term {("and" | "or") term}                 one precedence, from left to right, as libpcap has it
    term         = "not" term | "(" expression ")" | primitive
    primitive    = "vlan" [number] | protocol | [protocol] [direction] [kind] identifier
    protocol     = "ip" | "ip6" | "arp" | "tcp" | "udp"
    direction    = "src" | "dst" | "src or dst" | "src and dst"
    kind         = "host" | "net" | "port" | "portrange"

An identifier alone keeps the words before the last one: `port 80 or 443`.  `vlan` moves everything written after it 4
bytes on, as in libpcap: `vlan 5 and port 80` is port 80 in VLAN 5.  Also as there: `port` means TCP, UDP and SCTP, and
`host` and `net` mean ARP, too.  Deliberately not: names of hosts and services, link addresses, arithmetic.
"""

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from whimbrel.base.errors import UsageError
from whimbrel.capture.predicate import Always, Both, Either, Node, Not, Test, all_of, any_of, assemble
from whimbrel.capture.program import (
    AND,
    JUMP_ANY_BIT,
    JUMP_AT_LEAST,
    JUMP_EQUAL,
    JUMP_GREATER,
    LD_BYTE,
    LD_HALF,
    LD_HALF_X,
    LD_WORD,
    LDX_HEADER,
    TAG_TYPES,
    Instruction,
)

WORDS_MAX = 1024  # of a filter: who writes more than a screen of it has libpcap
NESTED_MAX = 50  # parentheses within each other

WORD = re.compile(r"[()]|&&|\|\||!|[^\s()!&|]+|[&|]")
SPELLED = {"&&": "and", "||": "or", "!": "not"}

ETHERTYPE_IP, ETHERTYPE_ARP, ETHERTYPE_RARP, ETHERTYPE_IP6 = 0x0800, 0x0806, 0x8035, 0x86DD
PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}
IP6_FRAGMENT = 44
FRAGMENT_OFFSET = 0x1FFF

ALLOWED = (
    "tcp, udp, ip, ip6, arp, [src|dst] host ADDRESS, net ADDRESS/BITS, port N, portrange A-B, vlan [N], "
    "and, or, not, parentheses"
)


@dataclass(frozen=True)
class Layout:
    """Where the network layer begins, and what says which it is: a field of that type, or the IP version."""

    network: int
    type_at: int | None = None
    only: int | None = None  # the one IP version there is


LAYOUTS = {
    0: Layout(4),
    1: Layout(14, 12),
    12: Layout(0),
    101: Layout(0),
    108: Layout(4),
    113: Layout(16, 14),
    228: Layout(0, only=4),
    229: Layout(0, only=6),
    276: Layout(20, 0),
}
LINK_ETHERNET = 1


# ---- tests of a packet ------------------------------------------------------------------------------------


def equals(load: int, at: int, value: int) -> Test:
    return Test((Instruction(load, k=at),), JUMP_EQUAL, value)


def ethertype(layout: Layout, value: int) -> Node:
    if layout.type_at is not None:
        return equals(LD_HALF, layout.type_at, value)
    version = {ETHERTYPE_IP: 4, ETHERTYPE_IP6: 6}.get(value)
    if version is None or layout.only is not None:
        return Always(version is not None and version == layout.only)
    return Test((Instruction(LD_BYTE, k=layout.network), Instruction(AND, k=0xF0)), JUMP_EQUAL, version << 4)


def ip4(layout: Layout) -> Node:
    return ethertype(layout, ETHERTYPE_IP)


def ip6(layout: Layout) -> Node:
    return ethertype(layout, ETHERTYPE_IP6)


def protocol(layout: Layout, number: int) -> Node:
    """In IPv6 the first header, or the one behind a fragment header."""
    at = layout.network
    fragment = Both(equals(LD_BYTE, at + 6, IP6_FRAGMENT), equals(LD_BYTE, at + 40, number))
    return Either(
        Both(ip6(layout), Either(equals(LD_BYTE, at + 6, number), fragment)),
        Both(ip4(layout), equals(LD_BYTE, at + 9, number)),
    )


def directed(direction: str, source: Node, destination: Node) -> Node:
    match direction:
        case "src":
            return source
        case "dst":
            return destination
        case "both":
            return Both(source, destination)
        case _:
            return Either(source, destination)


def ports(layout: Layout, numbers: Sequence[int], direction: str, low: int, high: int) -> Node:
    """The ports of a first fragment; behind IPv6 extension headers nobody looks."""
    at = layout.network

    def within(*loads: Instruction) -> Node:
        if low == high:
            return Test(loads, JUMP_EQUAL, low)
        return Both(Test(loads, JUMP_AT_LEAST, low), Not(Test(loads, JUMP_GREATER, high)))

    def v4(offset: int) -> Node:
        return within(Instruction(LDX_HEADER, k=at), Instruction(LD_HALF_X, k=at + offset))

    def v6(offset: int) -> Node:
        return within(Instruction(LD_HALF, k=at + 40 + offset))

    later = Test((Instruction(LD_HALF, k=at + 6),), JUMP_ANY_BIT, FRAGMENT_OFFSET)
    kinds4 = any_of(*(equals(LD_BYTE, at + 9, number) for number in numbers))
    kinds6 = any_of(*(equals(LD_BYTE, at + 6, number) for number in numbers))
    return Either(
        all_of(ip6(layout), kinds6, directed(direction, v6(0), v6(2))),
        all_of(ip4(layout), kinds4, Not(later), directed(direction, v4(0), v4(2))),
    )


def masked(at: int, address: int, mask: int, words: int) -> Node:
    """`words` words at `at` equal those of `address` where `mask` has bits."""
    found: list[Node] = []
    for word in range(words):
        shift = 32 * (words - 1 - word)
        want, bits = address >> shift & 0xFFFFFFFF, mask >> shift & 0xFFFFFFFF
        if bits:
            cut = (Instruction(AND, k=bits),) if bits != 0xFFFFFFFF else ()
            found.append(Test((Instruction(LD_WORD, k=at + 4 * word), *cut), JUMP_EQUAL, want))
    return all_of(*found) if found else Always(True)


def network(layout: Layout, name: str, direction: str, net: ipaddress.IPv4Network | ipaddress.IPv6Network) -> Node:
    """An address of `net` as source or destination; of IPv4 also in ARP and RARP, unless `ip` was said."""
    address, mask, at = int(net.network_address), int(net.netmask), layout.network

    def pair(source: int, destination: int, words: int) -> Node:
        sides = (masked(at + side, address, mask, words) for side in (source, destination))
        return directed(direction, *sides)

    if net.version == 6:
        return Both(ip6(layout), pair(8, 24, 4))
    found = Both(ip4(layout), pair(12, 16, 1))
    if name == "ip":
        return found
    arp = (Both(ethertype(layout, kind), pair(14, 24, 1)) for kind in (ETHERTYPE_ARP, ETHERTYPE_RARP))
    return any_of(found, *arp)


NAMED: dict[str, Callable[[Layout], Node]] = {
    "ip": ip4,
    "ip6": ip6,
    "arp": lambda layout: ethertype(layout, ETHERTYPE_ARP),
    "tcp": lambda layout: protocol(layout, PROTOCOLS["tcp"]),
    "udp": lambda layout: protocol(layout, PROTOCOLS["udp"]),
}


# ---- the language -----------------------------------------------------------------------------------------

KINDS = ("host", "net", "port", "portrange")
RESERVED = {"and", "or", "not", "(", ")", "src", "dst", "vlan", *KINDS, *NAMED}


@dataclass(frozen=True)
class Words:
    """What qualifies an identifier."""

    protocol: str = ""
    direction: str = ""
    kind: str = ""


class Parser:
    """Recursive descent over the words of one filter."""

    def __init__(self, text: str, link: int) -> None:
        self.text = text
        self.words = [SPELLED.get(word, word) for word in WORD.findall(text)]
        self.at = 0
        self.nested = 0
        self.last = Words()
        self.link = link
        if link not in LAYOUTS:
            raise UsageError(f"filter {text!r}: no filters on link type {link}")
        self.layout = LAYOUTS[link]

    def wrong(self, word: str | None, why: str) -> UsageError:
        where = f"at {word!r}" if word is not None else "at its end"
        return UsageError(f"filter {self.text!r}: {where}: {why}")

    def peek(self) -> str | None:
        return self.words[self.at] if self.at < len(self.words) else None

    def take(self, *wanted: str) -> str | None:
        """The next word, if it is one of `wanted`."""
        word = self.peek()
        if word is None or word not in wanted:
            return None
        self.at += 1
        return word

    def whole(self) -> Node:
        if len(self.words) > WORDS_MAX:
            raise UsageError(f"a filter of {len(self.words)} words is too long, {WORDS_MAX} are allowed")
        if not self.words:
            return Always(True)
        found = self.expression()
        if self.peek() is not None:
            raise self.wrong(self.peek(), "'and' or 'or' is missing before it")
        return found

    def expression(self) -> Node:
        found = self.term()
        while word := self.take("and", "or"):
            right = self.term()
            found = Both(found, right) if word == "and" else Either(found, right)
        return found

    def term(self) -> Node:
        negated = False
        while self.take("not"):
            negated = not negated
        found = self.group() if self.take("(") else self.primitive()
        return Not(found) if negated else found

    def group(self) -> Node:
        self.nested += 1
        if self.nested > NESTED_MAX:
            raise self.wrong("(", f"more than {NESTED_MAX} parentheses within each other")
        found = self.expression()
        if not self.take(")"):
            raise self.wrong(self.peek(), "')' is missing")
        self.nested -= 1
        return found

    def primitive(self) -> Node:
        if self.take("vlan"):
            return self.vlan()
        words = self.qualifiers()
        word = self.peek()
        if words == Words(words.protocol) and words.protocol and (word is None or word in ("and", "or", ")")):
            self.last = words
            return NAMED[words.protocol](self.layout)
        if words != Words():
            self.last = words
        if self.last.kind and self.take("("):
            return self.group()
        if word is None or word in RESERVED:
            raise self.wrong(word, f"an address or a number is missing; allowed are {ALLOWED}")
        if not self.last.kind:
            raise self.wrong(word, f"not understood; allowed are {ALLOWED}")
        self.at += 1
        return self.identifier(word)

    def qualifiers(self) -> Words:
        name = self.take(*NAMED) or ""
        direction = self.take("src", "dst") or ""
        if direction and self.words[self.at + 1 : self.at + 2] in (["src"], ["dst"]):
            direction = {"and": "both", "or": "either"}.get(self.take("and", "or") or "", direction)
            self.take("src", "dst")
        return Words(name, direction, self.take(*KINDS) or ("host" if direction else ""))

    def vlan(self) -> Node:
        """A tag where the type is expected; what is written after this looks behind it."""
        if self.link != LINK_ETHERNET or self.layout.type_at is None:
            raise self.wrong("vlan", "only Ethernet packets have VLAN tags")
        at = self.layout.type_at
        found = any_of(*(equals(LD_HALF, at, kind) for kind in TAG_TYPES))
        word = self.peek()
        if word is not None and word.isdecimal():
            self.at += 1
            number = self.number(word, 4095)
            found = Both(found, Test((Instruction(LD_HALF, k=at + 2), Instruction(AND, k=0xFFF)), JUMP_EQUAL, number))
        self.layout = Layout(self.layout.network + 4, at + 4)
        return found

    def identifier(self, word: str) -> Node:
        words = self.last
        match words.kind:
            case "port":
                low = high = self.number(word, 65535)
            case "portrange":
                low, high = self.range(word)
            case "host" | "net" if words.protocol in ("", "ip", "ip6"):
                return network(self.layout, words.protocol, words.direction, self.address(word))
            case _:
                raise self.wrong(word, f"{words.protocol} {words.kind} makes no sense; allowed are {ALLOWED}".strip())
        if words.protocol not in ("", *PROTOCOLS):
            raise self.wrong(word, f"{words.protocol} has no ports; allowed are {ALLOWED}")
        numbers = [PROTOCOLS[words.protocol]] if words.protocol else list(PROTOCOLS.values())
        return ports(self.layout, numbers, words.direction, low, high)

    def number(self, word: str, most: int) -> int:
        if not (word.isascii() and word.isdecimal()) or len(word) > len(str(most)) or int(word) > most:
            raise self.wrong(word, f"a number from 0 to {most} is expected")
        return int(word)

    def range(self, word: str) -> tuple[int, int]:
        first, dash, second = word.partition("-")
        if not dash:
            raise self.wrong(word, "a range of ports is written A-B")
        low, high = self.number(first, 65535), self.number(second, 65535)
        return min(low, high), max(low, high)

    def address(self, word: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
        words = self.last
        if "/" in word and words.kind == "host":
            raise self.wrong(word, "a host has no '/'; write net for a network")
        try:
            found = ipaddress.ip_network(word)
        except ValueError:
            raise self.wrong(word, "no IP address, or one with bits behind its mask") from None
        if words.protocol and (words.protocol == "ip6") != (found.version == 6):
            raise self.wrong(word, f"no address of {words.protocol}")
        return found


def compile_subset(text: str, link: int) -> bytes:
    """The program of a filter in our subset for packets of a link type; UsageError where it is not one."""
    return assemble(Parser(text, link).whole())
