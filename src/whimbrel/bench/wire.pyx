"""What the load client asks and hears, through the same codecs the server answers with."""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memset
from whimbrel.base.buffer cimport Writer, put_u64, writer_init, writer_len
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.protocol.memcache.codec cimport (
    MC_DONE, MC_GET, MC_SET, MR_END, MR_EXISTS, MR_FAILED, MR_NOT_FOUND, MR_NOT_STORED, MR_STORED, MR_VALUE, McRequest,
    McResponse, mc_compose_request, mc_parse_response)
from whimbrel.protocol.resp.codec cimport (
    RESP_BULK, RESP_ERR, RESP_MORE, RESP_OK, RESP_SIMPLE, RespElement, RespStatus, resp_compose_request,
    resp_parse_element)

cdef enum:
    DIGITS_MAX = 20             # of a 64-bit number


cdef void wire_get(Protocol protocol, Writer* w, Slice key) noexcept nogil:
    cdef McRequest r
    cdef Slice words[2]
    if protocol == WIRE_MEMCACHE:
        memset(&r, 0, sizeof(r))
        r.command = MC_GET
        r.keys = key
        mc_compose_request(&r, w)
        return
    words[0] = slice_of(b"GET", 3)
    words[1] = key
    resp_compose_request(w, words, 2)


cdef void wire_set(Protocol protocol, Writer* w, Slice key, Slice value, uint32_t ttl_s) noexcept nogil:
    cdef McRequest r
    if protocol == WIRE_MEMCACHE:
        memset(&r, 0, sizeof(r))
        r.command = MC_SET
        r.key = key
        r.value = value
        r.exptime = ttl_s
        mc_compose_request(&r, w)
        return
    resp_set(w, key, value, ttl_s)


cdef void resp_set(Writer* w, Slice key, Slice value, uint32_t ttl_s) noexcept nogil:
    cdef uint8_t room[DIGITS_MAX]
    cdef Writer digits
    cdef Slice words[5]
    words[0] = slice_of(b"SET", 3)
    words[1] = key
    words[2] = value
    if ttl_s == 0:
        resp_compose_request(w, words, 3)
        return
    writer_init(&digits, room, DIGITS_MAX)
    put_u64(&digits, ttl_s)
    words[3] = slice_of(b"EX", 2)
    words[4] = slice_of(room, writer_len(&digits))
    resp_compose_request(w, words, 5)


cdef Answer wire_answer(Protocol protocol, Verb verb, Slice data, size_t* consumed, Slice* value) noexcept nogil:
    """One whole answer at the start of `data`; `consumed` is its length unless the answer is MORE."""
    if protocol == WIRE_RESP:
        return resp_answer(verb, data, consumed, value)
    return memcache_answer(verb, data, consumed, value)


cdef Answer resp_answer(Verb verb, Slice data, size_t* consumed, Slice* value) noexcept nogil:
    cdef RespElement e
    cdef size_t need
    cdef RespStatus status = resp_parse_element(data.ptr, data.len, &e, consumed, &need)
    if status != RESP_OK:
        return ANSWER_MORE if status == RESP_MORE else ANSWER_BROKEN
    if e.kind == RESP_ERR:
        return ANSWER_REFUSED
    if verb == VERB_SET:
        return ANSWER_STORED if e.kind == RESP_SIMPLE else ANSWER_BROKEN
    if e.null:
        return ANSWER_MISS
    value[0] = e.text
    return ANSWER_HIT if e.kind == RESP_BULK else ANSWER_BROKEN


cdef Answer memcache_answer(Verb verb, Slice data, size_t* consumed, Slice* value) noexcept nogil:
    cdef McRequest r
    cdef McResponse a
    cdef size_t need, first
    r.command = MC_GET if verb == VERB_GET else MC_SET      # all of the request that its answer depends on
    if mc_parse_response(&r, data.ptr, data.len, &a, consumed, &need) != MC_DONE:
        return ANSWER_MORE
    if a.code == MR_FAILED:
        return ANSWER_REFUSED
    if verb == VERB_SET:
        return stored_or_not(a.code)
    if a.code == MR_END:
        return ANSWER_MISS
    if a.code != MR_VALUE:
        return ANSWER_BROKEN
    value[0] = a.value
    first = consumed[0]
    if mc_parse_response(&r, data.ptr + first, data.len - first, &a, consumed, &need) != MC_DONE:
        return ANSWER_MORE
    consumed[0] += first
    return ANSWER_HIT if a.code == MR_END else ANSWER_BROKEN


cdef Answer stored_or_not(int code) noexcept nogil:
    if code == MR_STORED:
        return ANSWER_STORED
    if code == MR_NOT_STORED or code == MR_EXISTS or code == MR_NOT_FOUND:
        return ANSWER_REFUSED
    return ANSWER_BROKEN
