"""Once bytes of one side have shown their protocol, more bytes of it change nothing; at its limit detection decides.

The first byte says where the input is cut into what the client and what the server said.
"""

from whimbrel.protocol.testing_detect import DETECT_BYTES, client_side, detect

TOKENS = (
    b"GET / HTTP/1.1\r\n", b"GET /x\r\n", b"HTTP/1.1 200 OK\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"*1\r\n$4\r\n",
    b"PING\r\n", b"+OK\r\n", b"$-1\r\n", b"get a\r\n", b"set a 0 0 1\r\n", b"mg a v\r\n", b"VALUE a 0 1\r\n",
    b"END\r\n", b"STORED\r\n", b"\x16\x03\x01\x00\x50\x01", b"\x16\x03\x03\x00\x50\x02", b"HTTP/1.", b"\r\n",
    b"\x00\x00\x0c\x04",
)  # fmt: skip
LOOKED_AT = DETECT_BYTES + 40


def one_input(data: bytes) -> tuple[str, ...]:
    cut = data[0] if data else 0
    client, server = data[1 : cut + 1], data[cut + 1 : cut + 1 + LOOKED_AT]
    for side in (client, server):
        check_growth([detect(side[:n]) for n in range(1, len(side) + 1)])
        check_growth([detect(b"", side[:n]) for n in range(1, len(side) + 1)])
    said = detect(client, server)
    filled = detect(client + b"x" * DETECT_BYTES, server)
    first = client_side(client, server)
    if filled == "unsure":
        raise AssertionError("unsure at the limit")
    if first >= 0 and client_side(server, client) != 1 - first:
        raise AssertionError("the client depends on which side comes first")
    return said, filled, str(first)


def check_growth(said: list[str]) -> None:
    settled = [one for one in said if one != "unsure"]
    if len(set(settled)) > 1 or "unsure" in said[len(said) - len(settled) :]:
        raise AssertionError(f"said {said[0]}, then {settled[:1]}, at last {said[-1]}")
