# cython: wraparound=True, boundscheck=True
# The codec seen from Python: messages as dicts, for tests, fuzzing and curious people.  Not for data planes.
#
# A request dict holds every field that is not empty, so that two messages are equal when their dicts are.

from libc.stdint cimport uint64_t, uint8_t
from whimbrel.base.buffer cimport Writer, writer_init, writer_len
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.protocol.memcache.codec cimport (
    MC_DONE, McRequest, McResponse, McStatus, mc_compose_request, mc_compose_response, mc_error_line,
    mc_parse_request, mc_parse_response,
)

from whimbrel.protocol.memcache import commands

LETTERS = commands.LETTERS
NAMES = [command.name for command in commands.COMMANDS]


cdef bytes text_of(Slice s):
    return s.ptr[:s.len] if s.len else b""


cdef dict dict_of_request(const McRequest* r):
    cdef dict found = {
        "command": NAMES[r.command] if r.command < len(NAMES) else "",
        "error": text_of(mc_error_line(r.error)),
        "noreply": bool(r.noreply), "close": bool(r.close), "more": bool(r.more), "started": bool(r.started),
        "key": text_of(r.key), "key_sent": text_of(r.key_sent),
        "keys": [key for key in text_of(r.keys).split(b" ") if key],
        "options": text_of(r.options), "value": text_of(r.value), "swallow": r.swallow, "state": r.state,
        "exptime": r.exptime, "vivify": r.vivify, "recache": r.recache, "cas": r.cas, "new_cas": r.new_cas,
        "delta": r.delta, "initial": r.initial, "client_flags": r.client_flags,
        "mode": chr(r.mode) if r.mode else "",
        "flags": "".join(letter for letter in LETTERS if (r.seen >> (ord(letter) & 63)) & 1),
    }
    return {name: value for name, value in found.items() if value}


def parse_request(bytes data, uint64_t max_value=1 << 20, uint64_t state=0):
    """(message or None if more is needed, consumed, need)."""
    cdef McRequest r
    cdef size_t consumed = 0
    cdef size_t need = 0
    cdef McStatus status = mc_parse_request(<const uint8_t*> data, len(data), max_value, state, &r, &consumed, &need)
    return (dict_of_request(&r) if status == MC_DONE else None), consumed, need


def parse_stream(chunks, uint64_t max_value=1 << 20):
    """All messages of a connection whose bytes arrive in these chunks, and what is left unconsumed.

    Data blocks of refused requests are dropped as a server drops them; pieces of one retrieval are joined.
    """
    cdef uint64_t state = 0
    cdef uint64_t swallow = 0
    cdef bytes left = b""
    found = []
    for chunk in chunks:
        left += chunk
        while True:
            dropped = min(swallow, len(left))
            left = left[dropped:]
            swallow -= dropped
            if swallow:
                break
            message, consumed, need = parse_request(left, max_value, state)
            if not (consumed <= len(left) and (need == 0 or need > len(left))):
                raise AssertionError(f"consumed {consumed}, need {need} of {len(left)} bytes")
            if message is None:
                break
            left = left[consumed:]
            state = message.pop("state", 0)
            message["more"] = bool(state)
            swallow = message.get("swallow", 0)
            _join(found, message)
            if message.get("close"):
                return found, b""
    return found, left


def _join(found: list, message: dict) -> None:
    if message.pop("started", False):
        found[-1].setdefault("keys", []).extend(message.get("keys", []))
        found[-1]["more"] = message["more"]
        if message.get("error"):
            found[-1]["error"] = message["error"]
    else:
        found.append(message)
    if not found[-1].get("more"):
        found[-1].pop("more", None)
    if not found[-1].get("keys"):
        found[-1].pop("keys", None)


def compose_request(dict message):
    """The bytes of a message as parse_request gives it (one without an error)."""
    cdef McRequest r
    cdef Writer w
    cdef bytes key = message.get("key", b"")
    cdef bytes key_sent = message.get("key_sent", key)
    cdef bytes keys = b" ".join(message.get("keys", []))
    cdef bytes options = message.get("options", b"")
    cdef bytes value = message.get("value", b"")
    cdef bytearray room = bytearray(len(keys) + len(key_sent) + len(options) + len(value) + 256)
    cdef uint8_t[::1] view = room
    writer_init(&w, &view[0], len(room))
    r.command = NAMES.index(message["command"])
    r.key = slice_of(<const uint8_t*> key, len(key))
    r.key_sent = slice_of(<const uint8_t*> key_sent, len(key_sent))
    r.keys = slice_of(<const uint8_t*> keys, len(keys))
    r.options = slice_of(<const uint8_t*> options, len(options))
    r.value = slice_of(<const uint8_t*> value, len(value))
    r.noreply = message.get("noreply", False)
    r.exptime = message.get("exptime", 0)
    r.cas = message.get("cas", 0)
    r.delta = message.get("delta", 0)
    r.client_flags = message.get("client_flags", 0)
    mc_compose_request(&r, &w)
    if w.overflow:
        raise AssertionError("a request did not fit the room computed for it")
    return bytes(room[:writer_len(&w)])


def parse_response(str command, bytes data):
    """(response to `command` or None if more is needed, consumed, need)."""
    cdef McRequest r
    cdef McResponse a
    cdef size_t consumed = 0
    cdef size_t need = 0
    r.command = NAMES.index(command)
    if mc_parse_response(&r, <const uint8_t*> data, len(data), &a, &consumed, &need) != MC_DONE:
        return None, consumed, need
    found = {
        "code": a.code, "last": bool(a.last), "key": text_of(a.key), "value": text_of(a.value),
        "text": text_of(a.text), "flags": a.flags, "with_cas": bool(a.with_cas), "cas": a.cas, "number": a.number,
    }
    return found, consumed, need


def compose_response(str command, dict response):
    cdef McRequest r
    cdef McResponse a
    cdef Writer w
    cdef bytes key = response.get("key", b"")
    cdef bytes value = response.get("value", b"")
    cdef bytes text = response.get("text", b"")
    cdef bytearray room = bytearray(len(key) + len(value) + len(text) + 256)
    cdef uint8_t[::1] view = room
    writer_init(&w, &view[0], len(room))
    r.command = NAMES.index(command)
    a.code = response["code"]
    a.key = slice_of(<const uint8_t*> key, len(key))
    a.value = slice_of(<const uint8_t*> value, len(value))
    a.text = slice_of(<const uint8_t*> text, len(text))
    a.flags = response.get("flags", 0)
    a.with_cas = response.get("with_cas", False)
    a.cas = response.get("cas", 0)
    a.number = response.get("number", 0)
    mc_compose_response(&r, &a, &w)
    if w.overflow:
        raise AssertionError("a response did not fit the room computed for it")
    return bytes(room[:writer_len(&w)])
