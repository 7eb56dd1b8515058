"""A hello means the same whatever stands behind it, no prefix of it is one, and its slices lie within its bytes.

The reader under test checks the slices itself.  The first byte chooses records of what size the rest is cut into, so
that a hello also comes in many.
"""

from whimbrel.protocol.testing_detect import parse_hello

TOKENS = (b"\x16\x03\x01", b"\x16\x03\x03", b"\x01\x00", b"\x02\x00", b"\x03\x03", b"\x00\x2b", b"\x00\x10", b"\x02h2")
PREFIXES = 64  # looked at, evenly spread


def one_input(data: bytes) -> tuple[str, ...]:
    size = data[0] if data else 0
    sent = data[1:]
    status, hello = parse_hello(sent)
    if status != "more" and parse_hello(sent + b"\x16\x03\x01\x00\x05xxxxx")[0] != status:
        raise AssertionError("what follows changes it")
    for n in range(0, len(sent), len(sent) // PREFIXES + 1):
        shorter = parse_hello(sent[:n])
        if shorter[0] == "done" and shorter != (status, hello):
            raise AssertionError(f"{n} bytes are {shorter}, all of them {hello}")
        if shorter[0] == "bad" and status != "bad":
            raise AssertionError(f"bad at {n} bytes, {status} with more")
    if size and len(sent) < 8000:
        records = [sent[i : i + size] for i in range(0, len(sent), size)]
        parse_hello(b"".join(b"\x16\x03\x01" + len(part).to_bytes(2, "big") + part for part in records))
    return status, str(hello and (hello["client"], hello["version"], bool(hello["server_name"]), bool(hello["alpn"])))
