"""Names of what call.pxd numbers: protocols, outcomes, flags.

The numbers are part of the batch, so a row is never renumbered or reused; a test holds the two files together.
"""

PROTOCOLS = {1: "http", 2: "memcache", 3: "redis", 4: "tls", 5: "http2", 6: "opaque"}
PROTOCOL_NUMBERS = {name: number for number, name in PROTOCOLS.items()}

OUTCOMES = {
    0: "none",
    1: "hit",
    2: "miss",
    3: "stored",
    4: "not_stored",
    5: "ok",
    6: "error",
    7: "unknown",
}

# bit: (name, what it says)
FLAGS = {
    1: ("no_response", "the flow ended, or the response was lost"),
    2: ("no_request", "joined late, or the request was lost"),
    4: ("request_gap", "body bytes of the request are missing; its length counts them"),
    8: ("response_gap", "body bytes of the response are missing; its length counts them"),
    16: ("request_cut", "the flow ended inside the request"),
    32: ("response_cut", "the flow ended inside the response"),
    64: ("malformed", "the protocol's specification says otherwise"),
    128: ("smuggling", "lengths that contradict each other"),
    256: ("upgraded", "the connection speaks something else from here on"),
    512: ("http09", "a request without version"),
    1024: ("continued", "there were 1xx responses"),
    2048: ("target_cut", "the target was longer than what is kept of it"),
    4096: ("unpaired", "after a gap it is not certain that request and response belong together"),
    8192: ("no_reply", "none was due"),
    16384: ("in_transaction", "inside MULTI and EXEC"),
    32768: ("push", "a message nobody asked for"),
}


def flag_names(flags: int) -> list[str]:
    """Names of the bits that are set, lowest first."""
    return [name for bit, (name, _) in FLAGS.items() if flags & bit]
