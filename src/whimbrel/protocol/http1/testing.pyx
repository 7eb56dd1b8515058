# cython: wraparound=True, boundscheck=True
"""The codec seen from Python: heads as dicts, bodies as pieces, for tests and fuzzing.  Nothing of the product imports
this.

A dict holds every field that is not empty.  Bytes are parsed from a copy of exactly their size, so that a sanitizer
sees a step beyond them, and every slice that comes back is checked to lie within.
"""

from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from whimbrel.base.buffer cimport Writer, writer_init, writer_len
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.protocol.http1.codec cimport (
    H1_EMPTY, H1Body, H1Framing, H1Head, H1Method, H1Status,
    h1_body_begin, h1_body_close, h1_body_next, h1_body_skip, h1_compose_request, h1_compose_response,
    h1_head_may_be_whole, h1_method_kind, h1_next_header, h1_parse_request, h1_parse_response, h1_resync,
)
from whimbrel.protocol.http1.methods cimport method_at_end, method_known, method_may_begin

import time

STATUS = ("done", "more", "piece", "bad")
FRAMING = ("empty", "length", "chunked", "until close", "tunnel")
FLAGS = ("folded", "bare lf", "bad header", "duplicate", "length conflict", "length and chunked", "bad transfer",
         "0.9", "bad version", "long", "bad target")
SLICES = ("method", "target", "reason", "host", "content_type", "content_encoding", "location", "authorization",
          "headers")


cdef class Copy:
    """Bytes in a block of exactly their size."""
    cdef uint8_t* ptr
    cdef size_t n

    def __cinit__(self, bytes data):
        self.n = len(data)
        self.ptr = <uint8_t*> malloc(self.n if self.n else 1)
        if self.ptr == NULL:
            raise MemoryError
        memcpy(self.ptr, <const char*> data, self.n)

    def __dealloc__(self):
        free(self.ptr)

    cdef bytes text(self, Slice s):
        if s.len == 0:
            return b""
        if s.ptr < self.ptr or s.ptr + s.len > self.ptr + self.n:
            raise AssertionError("a slice lies outside of the bytes parsed")
        return s.ptr[:s.len]


cdef dict head_of(Copy data, const H1Head* h):
    cdef list slices = [data.text(h.method), data.text(h.target), data.text(h.reason), data.text(h.host),
                        data.text(h.content_type), data.text(h.content_encoding), data.text(h.location),
                        data.text(h.authorization), data.text(h.headers)]
    found = dict(zip(SLICES, slices))
    found["status"] = h.status
    found["minor"] = h.minor
    found["flags"] = [name for i, name in enumerate(FLAGS) if h.flags >> i & 1]
    found["framing"] = FRAMING[h.framing] if h.framing != H1_EMPTY else ""
    found["content_length"] = h.content_length if h.has_length else None
    found["keep_alive"] = bool(h.keep_alive)
    found["upgrade"] = bool(h.upgrade)
    return {name: value for name, value in found.items() if value or (value == 0 and name == "content_length")}


cdef tuple parsed(Copy data, H1Status status, H1Head* h, size_t consumed):
    if consumed > data.n or (consumed and status != 0):
        raise AssertionError(f"{STATUS[status]}: consumed {consumed} of {data.n} bytes")
    return STATUS[status], (head_of(data, h) if status == 0 else None), consumed


def parse_request(bytes sent):
    """(status, head or None, consumed)."""
    cdef H1Head h
    cdef size_t consumed = 0
    cdef Copy data = Copy(sent)
    cdef H1Status status = h1_parse_request(data.ptr, data.n, &h, &consumed)
    return parsed(data, status, &h, consumed)


def parse_response(bytes sent, bytes method=b"GET"):
    cdef H1Head h
    cdef size_t consumed = 0
    cdef Copy data = Copy(sent)
    cdef H1Method kind = h1_method_kind(slice_of(<const char*> method, len(method)))
    cdef H1Status status = h1_parse_response(kind, data.ptr, data.n, &h, &consumed)
    return parsed(data, status, &h, consumed)


def head_may_be_whole(bytes sent, size_t seen):
    cdef Copy data = Copy(sent)
    return bool(h1_head_may_be_whole(data.ptr, data.n, seen))


def compose(dict head, room=None):
    """The bytes of a head as a parse gives it; None if they do not fit the room."""
    cdef H1Head h
    cdef Writer w
    cdef bytes method = head.get("method", b"")
    cdef bytes target = head.get("target", b"")
    cdef bytes reason = head.get("reason", b"")
    cdef bytes headers = head.get("headers", b"")
    cdef size_t size = len(method) + len(target) + len(reason) + len(headers) + 64 if room is None else room
    cdef uint8_t* out = <uint8_t*> malloc(size + 1)
    if out == NULL:
        raise MemoryError
    memset(&h, 0, sizeof(H1Head))
    writer_init(&w, out, size)
    h.method = slice_of(<const char*> method, len(method))
    h.target = slice_of(<const char*> target, len(target))
    h.reason = slice_of(<const char*> reason, len(reason))
    h.headers = slice_of(<const char*> headers, len(headers))
    h.status = head.get("status", 0)
    h.minor = head.get("minor", 0)
    h.flags = sum(1 << FLAGS.index(name) for name in head.get("flags", []))
    if h.status:
        h1_compose_response(&h, &w)
    else:
        h1_compose_request(&h, &w)
    made = None if w.overflow else (<uint8_t*> out)[:writer_len(&w)]
    free(out)
    return made


def header_lines(bytes block):
    """(name, value) of each line of a head's block."""
    cdef Slice name, value
    cdef Copy data = Copy(block)
    cdef Slice rest = slice_of(data.ptr, data.n)
    found = []
    while h1_next_header(&rest, &name, &value):
        found.append((data.text(name), data.text(value)))
    return found


def resync(bytes sent, bint responses):
    cdef Copy data = Copy(sent)
    return h1_resync(data.ptr, data.n, responses)


cdef class Body:
    """A body's walk."""
    cdef H1Body b

    def __cinit__(self, str framing, uint64_t content_length=0):
        cdef H1Head h
        memset(&h, 0, sizeof(H1Head))
        h.framing = <H1Framing> <int> FRAMING.index(framing or "empty")
        h.content_length = content_length
        h1_body_begin(&self.b, &h)

    def next(self, bytes sent):
        """(status, piece, consumed)."""
        cdef Slice piece
        cdef size_t consumed = 0
        cdef Copy data = Copy(sent)
        cdef H1Status status = h1_body_next(&self.b, data.ptr, data.n, &piece, &consumed)
        if consumed > data.n:
            raise AssertionError(f"consumed {consumed} of {data.n} bytes")
        if (status == 1 and consumed != data.n) or (piece.len != 0) != (status == 2):
            raise AssertionError(f"{STATUS[status]} with {consumed} of {data.n} consumed, {piece.len} in the piece")
        return STATUS[status], data.text(piece), consumed

    def skip(self, uint64_t missing):
        return bool(h1_body_skip(&self.b, missing))

    def close(self):
        return bool(h1_body_close(&self.b))

    @property
    def length(self):
        return self.b.length

    @property
    def bare_lf(self):
        return bool(self.b.bare_lf)


def read_stream(chunks, methods=None, closed=True):
    """What one side of a connection says in these chunks: ([(head, body, outcome)], left, how it ended).

    Requests, or the responses to `methods` (to GET beyond the last).  A message's outcome is "whole", "cut" or "bad";
    the side ends "open", "bad", with a "tunnel", or with "0.9".
    """
    cdef Body body = None
    cdef list messages = []
    cdef list pieces = []
    waiting = list(methods or [])
    kept, seen, how = b"", 0, "open"
    for chunk in [*chunks, None]:
        kept += chunk or b""
        while how == "open":
            if body is None:
                if chunk is not None and seen and not head_may_be_whole(kept, seen):
                    seen = len(kept)
                    break
                if methods is None:
                    status, head, consumed = parse_request(kept)
                else:
                    status, head, consumed = parse_response(kept, waiting[0] if waiting else b"GET")
                if status == "more":
                    seen = len(kept)
                    break
                if status == "bad":
                    how = "bad"
                    break
                if waiting and (head["status"] == 101 or head["status"] >= 200):
                    waiting.pop(0)
                kept, seen, pieces = kept[consumed:], 0, []
                body = Body(head.get("framing", ""), head.get("content_length") or 0)
            status, piece, consumed = body.next(kept)
            kept = kept[consumed:] if status != "bad" else b""
            pieces.append(piece)
            if status == "more":
                break
            if status != "piece":
                if body.length != sum(map(len, pieces)):
                    raise AssertionError(f"{body.length} bytes counted, {sum(map(len, pieces))} given")
                messages.append((head, b"".join(pieces), "bad" if status == "bad" else "whole"))
                how = ("bad" if status == "bad" else "tunnel" if head.get("framing") == "tunnel"
                       else "0.9" if "0.9" in head.get("flags", []) else "open")
                body = None
    if body is not None:
        messages.append((head, b"".join(pieces), "whole" if closed and body.close() else "cut"))
    return messages, kept if how != "bad" else b"", how


def method_facts(bytes text):
    """(kind, known, bytes of a known method at the end, may begin one)."""
    cdef Slice s = slice_of(<const char*> text, len(text))
    return h1_method_kind(s), bool(method_known(s)), method_at_end(s), bool(method_may_begin(s))


def head_ns(bytes sent, bint response, size_t times):
    """Nanoseconds of processor time a parse of one head takes, the mean of `times`, and bytes parsed in all."""
    cdef H1Head h
    cdef size_t consumed = 0
    cdef size_t sum_ = 0
    cdef Copy data = Copy(sent)
    begin = time.thread_time_ns()
    for _ in range(times):
        if response:
            h1_parse_response(<H1Method> 0, data.ptr, data.n, &h, &consumed)
        else:
            h1_parse_request(data.ptr, data.n, &h, &consumed)
        sum_ += consumed
    return (time.thread_time_ns() - begin) / times, sum_
