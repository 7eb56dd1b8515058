"""A filter's text is a program that can be run and answers its own negation with the opposite, or a UsageError.

The first byte chooses the link type, the rest up to a 0 byte is the filter, and what follows the packet it looks at.
It is run by the machine that runs filters of files; a packet that is too short for it is refused either way.
"""

from whimbrel.base.errors import UsageError
from whimbrel.capture.bpf import Filter
from whimbrel.capture.subset import LAYOUTS, compile_subset

LINKS = sorted(LAYOUTS)
ROOM = bytes(256)  # behind the packet, so that no load ends a program
TOKENS = (
    b"tcp ", b"udp ", b"ip6 ", b"arp ", b"port ", b"portrange ", b"src ", b"dst ", b"src or dst ", b"host ", b"net ",
    b" and ", b" or ", b"not ", b"(", b")", b"&&", b"||", b"!", b"vlan ", b"vlan 7 and ", b"10.0.0.1 ", b"10.0.0.0/8 ",
    b"2001:db8::/32 ", b"::1 ", b"80 ", b"1-65535 ", b"\0", b"\x08\0\x45\0", b"\x81\0\0\7\x08\0\x45\0", b"\x86\xdd\x60",
)  # fmt: skip


def accepts(text: str, link: int, packet: bytes) -> bool:
    return Filter(compile_subset(text, link)).run(packet) != 0


def one_input(data: bytes) -> str:
    link = LINKS[data[0] % len(LINKS)] if data else LINKS[0]
    words, _, packet = data[1:].partition(b"\0")
    text = words.decode("latin-1")
    try:
        accepted = accepts(text, link, packet + ROOM)
    except UsageError as error:
        return str(error).rpartition(":")[2][:20]
    accepts(text, link, packet)
    # a VLAN tag moves what follows it, so the order of words matters there; and nothing has no negation
    if "vlan" not in text and text.strip():
        try:
            refused = accepts(f"not ({text})", link, packet + ROOM)
        except UsageError as error:  # a word or a parenthesis too many
            return str(error).rpartition(":")[2][:20]
        if accepted == refused:
            raise AssertionError(f"{text!r} and its negation both say {accepted}")
    return f"{link} {accepted}"
