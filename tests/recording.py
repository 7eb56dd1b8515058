"""`tcpdump -i IFACE -w FILE 'tcp port N'` for machines that have none: the same words, the same first line, a pcap.

The tutorials' test puts it on the PATH under that name.  It wants CAP_NET_RAW, and ends at SIGINT.
"""

from __future__ import annotations

import argparse
import signal
import socket
import sys
import time
from pathlib import Path

from whimbrel.capture.write import Record, write_pcap

EVERY_PROTOCOL = 0x0003  # ETH_P_ALL
WAIT_S = 0.1  # between looks at whether to end


def has_port(frame: bytes, port: int) -> bool:
    """Of TCP over IPv4, which is what loopback carries here."""
    if frame[12:14] != b"\x08\x00" or frame[23] != socket.IPPROTO_TCP:
        return False
    tcp = 14 + (frame[14] & 15) * 4
    return port in (int.from_bytes(frame[tcp : tcp + 2]), int.from_bytes(frame[tcp + 2 : tcp + 4]))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("-i", dest="interface", required=True)
    parser.add_argument("-w", dest="file", type=Path, required=True)
    parser.add_argument("filter")
    asked = parser.parse_args()
    port = int(asked.filter.removeprefix("tcp port "))
    seen: list[Record] = []
    ending: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: ending.append(number))
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERY_PROTOCOL)) as packets:
        packets.bind((asked.interface, 0))
        packets.settimeout(WAIT_S)
        print(f"tcpdump: listening on {asked.interface}, link-type EN10MB (Ethernet)", file=sys.stderr, flush=True)
        while not ending:
            try:
                frame, where = packets.recvfrom(1 << 18)
            except TimeoutError:
                continue
            if where[2] != socket.PACKET_OUTGOING and has_port(frame, port):  # loopback shows each packet twice
                seen.append((time.time_ns(), frame, None))
    write_pcap(asked.file, seen)
    return 0


if __name__ == "__main__":
    sys.exit(main())
