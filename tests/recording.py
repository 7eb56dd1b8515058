"""`tcpdump -i IFACE -w FILE FILTER` for machines that have none: the same words, the same first line, a pcap.

The tutorials' test puts it on the PATH under that name.  It wants CAP_NET_RAW, and ends at SIGINT.
"""

from __future__ import annotations

import argparse
import ctypes
import signal
import socket
import sys
import time
from pathlib import Path

from whimbrel.capture.filter import compile_filter
from whimbrel.capture.write import ETHERNET, Record, write_pcap

EVERY_PROTOCOL = 0x0003  # ETH_P_ALL
SO_ATTACH_FILTER = 26
INSTRUCTION_BYTES = 8
WAIT_S = 0.1  # without a packet, before it looks whether to end


class Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def listen(interface: str, text: str) -> socket.socket:
    """What passes the filter, from now on."""
    code = compile_filter(text, ETHERNET)
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    packets.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, bytes(Program(len(code) // INSTRUCTION_BYTES, code)))
    packets.bind((interface, EVERY_PROTOCOL))
    packets.settimeout(WAIT_S)
    return packets


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("-i", dest="interface", required=True)
    parser.add_argument("-w", dest="file", type=Path, required=True)
    parser.add_argument("filter")
    asked = parser.parse_args()
    seen: list[Record] = []
    ending: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: ending.append(number))
    with listen(asked.interface, asked.filter) as packets:
        print(f"tcpdump: listening on {asked.interface}, link-type EN10MB (Ethernet)", file=sys.stderr, flush=True)
        while True:
            try:
                frame, where = packets.recvfrom(1 << 18)
            except TimeoutError:
                if ending:  # and nothing is on its way any more
                    break
                continue
            if where[2] != socket.PACKET_OUTGOING:  # loopback shows each packet twice
                seen.append((time.time_ns(), frame, None))
    write_pcap(asked.file, seen)
    return 0


if __name__ == "__main__":
    sys.exit(main())
