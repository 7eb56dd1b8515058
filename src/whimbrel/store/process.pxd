from libc.stdint cimport uint64_t
from whimbrel.base.atomic cimport cas64, cpu_relax, fence_release, fetch_add_relaxed64, load_relaxed64, store_release64
from whimbrel.store.layout cimport Cell, Store

cdef extern from *:
    """
    #ifndef WHIMBREL_PROCESS
    #define WHIMBREL_PROCESS
    #include <stdint.h>
    /* A number of this thread, only to spread threads over cells. */
    static inline unsigned whimbrel_thread_number(void) {
        static __thread char here;
        return (unsigned) (((uintptr_t) &here >> 12) * 2654435761u >> 16);
    }
    #endif
    """
    unsigned whimbrel_thread_number() noexcept nogil

# Gives back what the owner of a lock word held, if that process is dead.
ctypedef void (*Undertaker)(Store* s, uint64_t* lock, uint64_t mask) noexcept nogil

cdef void process_set_undertaker(Undertaker undertaker) noexcept nogil
cdef bint process_alive(const Store* s, uint64_t number) noexcept nogil
cdef bint processes_alive(const Store* s) noexcept nogil
cdef bint process_take_slot(Store* s) noexcept nogil
cdef void process_leave(Store* s) noexcept nogil
cdef void process_wait(Store* s, uint64_t* lock, uint64_t mask, int turn) noexcept nogil
cdef void process_suspect(Store* s, uint64_t* lock) noexcept nogil


cdef inline void lock_word(Store* s, uint64_t* lock) noexcept nogil:
    """A lock of the whole region; its value is the owner's process slot."""
    cdef int turn = 0
    while not (load_relaxed64(lock) == 0 and cas64(lock, 0, s.process)):
        process_wait(s, lock, ~<uint64_t> 0, turn)
        turn += 1


cdef inline bint try_lock_word(Store* s, uint64_t* lock) noexcept nogil:
    if load_relaxed64(lock) == 0 and cas64(lock, 0, s.process):
        return True
    process_suspect(s, lock)
    return False


cdef inline void unlock_word(uint64_t* lock) noexcept nogil:
    store_release64(lock, 0)
