"""The chains and the list of flow_index.pxd."""

from libc.stdint cimport uint32_t
from libc.string cimport memcmp
from whimbrel.capture.decode cimport Endpoint, Segment
from whimbrel.capture.flow cimport FlowTable
from whimbrel.capture.flow_state cimport Own, Record, own_of, record_at, reference


cdef int make_key(const Endpoint* src, const Endpoint* dst, uint32_t network, Key* key) noexcept nogil:
    cdef int end_of_src = 1 if memcmp(src, dst, sizeof(Endpoint)) > 0 else 0
    key.low = dst[0] if end_of_src else src[0]
    key.high = src[0] if end_of_src else dst[0]
    key.network = network
    return end_of_src


cdef Record* index_find(FlowTable* t, const Segment* s, uint32_t hash, int* side) noexcept nogil:
    cdef Own* own = own_of(t)
    cdef Record* r = record_at(t.arena, own.heads[hash & own.mask])
    while r != NULL:
        if r.hash == hash and r.flow.network == s.network:
            if same_end(&r.flow.ends[0], &s.src) and same_end(&r.flow.ends[1], &s.dst):
                side[0] = 0
                return r
            if same_end(&r.flow.ends[1], &s.src) and same_end(&r.flow.ends[0], &s.dst):
                side[0] = 1
                return r
        r = record_at(t.arena, r.chain)
    return NULL


cdef void index_add(FlowTable* t, Record* r) noexcept nogil:
    cdef uint32_t* head = &own_of(t).heads[r.hash & own_of(t).mask]
    r.chain = head[0]
    head[0] = reference(t.arena, r)
    list_newest(t, r)


cdef void index_remove(FlowTable* t, Record* r) noexcept nogil:
    unchain(t, r)
    unlist(t, r)


cdef void index_renew(FlowTable* t, Record* r) noexcept nogil:
    unlist(t, r)
    list_newest(t, r)


cdef void unchain(FlowTable* t, Record* r) noexcept nogil:
    cdef Own* own = own_of(t)
    cdef uint32_t ref = reference(t.arena, r)
    cdef uint32_t* link = &own.heads[r.hash & own.mask]
    while link[0] != ref:
        link = &record_at(t.arena, link[0]).chain
    link[0] = r.chain


cdef void list_newest(FlowTable* t, Record* r) noexcept nogil:
    cdef Own* own = own_of(t)
    cdef uint32_t ref = reference(t.arena, r)
    r.older = own.newest
    r.newer = 0
    if own.newest:
        record_at(t.arena, own.newest).newer = ref
    else:
        own.oldest = ref
    own.newest = ref


cdef void unlist(FlowTable* t, Record* r) noexcept nogil:
    cdef Own* own = own_of(t)
    if r.older:
        record_at(t.arena, r.older).newer = r.newer
    else:
        own.oldest = r.newer
    if r.newer:
        record_at(t.arena, r.newer).older = r.older
    else:
        own.newest = r.older
