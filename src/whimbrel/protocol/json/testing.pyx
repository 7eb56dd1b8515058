"""The walk over JSON, callable from Python, for its tests, its fuzz target and measurements."""

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memset
from whimbrel.base.clock cimport precise_ns
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.protocol.json.scan cimport json_find_special, json_skip_blanks, json_skip_digits
from whimbrel.protocol.json.walk cimport (
    JSON_ARRAY, JSON_ARRAY_END, JSON_BAD, JSON_DEEP, JSON_DEPTH, JSON_FALSE, JSON_INTEGER, JSON_KEY, JSON_MORE,
    JSON_NULL, JSON_NUMBER, JSON_OBJECT, JSON_OBJECT_END, JSON_STRING, JSON_TEXT, JSON_TRUE, JsonEvent, JsonWalk,
    json_end, json_next)

NAMES = {
    JSON_OBJECT: "{", JSON_OBJECT_END: "}", JSON_ARRAY: "[", JSON_ARRAY_END: "]", JSON_KEY: "key",
    JSON_STRING: "string", JSON_INTEGER: "integer", JSON_NUMBER: "number", JSON_TRUE: "true", JSON_FALSE: "false",
    JSON_NULL: "null", JSON_BAD: "bad", JSON_DEEP: "deep", JSON_MORE: "more",
}
TEXT_BYTES = JSON_TEXT
DEPTH = JSON_DEPTH


cdef bytes bytes_of(Slice s):
    return s.ptr[:s.len] if s.len else b""


cdef object told(JsonWalk* w, JsonEvent event, Slice text, uint64_t text_len):
    if event == JSON_STRING:
        return NAMES[event], bytes_of(text), text_len, bool(w.escaped)
    if event == JSON_KEY or event == JSON_INTEGER or event == JSON_NUMBER:
        return NAMES[event], bytes_of(text), text_len
    return (NAMES[event],)


def walk(pieces):
    """Every event of a document that comes in `pieces`; the last is what its end says: more (whole), bad or deep."""
    cdef JsonWalk w
    cdef Slice text = slice_of(NULL, 0)
    cdef uint64_t text_len = 0
    cdef const uint8_t* at
    cdef const uint8_t* end
    cdef bytearray piece
    cdef JsonEvent event
    cdef list events = []
    memset(&w, 0, sizeof(w))
    for given in pieces:
        piece = bytearray(given)  # a block of its own: the sanitizers see a read beyond it
        at = piece
        end = at + len(piece)
        while True:
            event = json_next(&w, &at, end, &text, &text_len)
            if event == JSON_BAD or event == JSON_DEEP:
                assert json_next(&w, &at, end, &text, &text_len) == event
                assert json_end(&w, &text, &text_len) == event
                return [*events, (NAMES[event],)]
            if event == JSON_MORE:
                assert at == end
                break
            events.append(told(&w, event, text, text_len))
    event = json_end(&w, &text, &text_len)
    if event == JSON_INTEGER or event == JSON_NUMBER:
        events.append(told(&w, event, text, text_len))
        event = json_end(&w, &text, &text_len)
    return [*events, (NAMES[event],)]


def scan(bytes data):
    """How far each of the three loops runs over `data`: (special, blanks, digits)."""
    cdef bytearray own = bytearray(data)
    cdef const uint8_t* p = own
    cdef const uint8_t* end = p + len(own)
    return json_find_special(p, end) - p, json_skip_blanks(p, end) - p, json_skip_digits(p, end) - p


def measure(bytes data, size_t piece, int rounds):
    """(events of one walk, nanoseconds of the fastest of `rounds` walks) over `data` in pieces."""
    cdef JsonWalk w
    cdef Slice text
    cdef uint64_t text_len, events = 0
    cdef const uint8_t* base = data
    cdef const uint8_t* last = base + len(data)
    cdef const uint8_t* at
    cdef const uint8_t* end
    cdef JsonEvent event
    cdef long long started, took, best = 0
    with nogil:
        while rounds > 0:
            memset(&w, 0, sizeof(w))
            events = 0
            started = precise_ns()
            at = base
            while at < last:
                end = at + piece if <size_t> (last - at) > piece else last
                event = json_next(&w, &at, end, &text, &text_len)
                while event != JSON_MORE and event != JSON_BAD and event != JSON_DEEP:
                    events += 1
                    event = json_next(&w, &at, end, &text, &text_len)
                at = end
            took = precise_ns() - started
            if best == 0 or took < best:
                best = took
            rounds -= 1
    return events, best
