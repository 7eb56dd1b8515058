# Atomics on borrowed words, C11 memory model through the compiler's builtins.
#
# Names say the ordering where it is not sequentially consistent.  All words are naturally aligned.

from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef extern from *:
    """
    #include <stdint.h>
    #ifndef WHIMBREL_ATOMIC
    #define WHIMBREL_ATOMIC
    static inline uint64_t load_acquire64(const uint64_t* p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
    static inline uint64_t load_relaxed64(const uint64_t* p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }
    static inline void store_release64(uint64_t* p, uint64_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
    static inline void store_relaxed64(uint64_t* p, uint64_t v) { __atomic_store_n(p, v, __ATOMIC_RELAXED); }
    static inline void store_seq64(uint64_t* p, uint64_t v) { __atomic_store_n(p, v, __ATOMIC_SEQ_CST); }
    static inline uint64_t fetch_add64(uint64_t* p, uint64_t v) { return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST); }
    static inline uint64_t fetch_sub64(uint64_t* p, uint64_t v) { return __atomic_fetch_sub(p, v, __ATOMIC_SEQ_CST); }
    static inline uint64_t fetch_add_relaxed64(uint64_t* p, uint64_t v) {
        return __atomic_fetch_add(p, v, __ATOMIC_RELAXED);
    }
    static inline int cas64(uint64_t* p, uint64_t expected, uint64_t desired) {
        return __atomic_compare_exchange_n(p, &expected, desired, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    }
    static inline uint64_t load_seq64(const uint64_t* p) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); }
    static inline int cas_seq64(uint64_t* p, uint64_t expected, uint64_t desired) {
        return __atomic_compare_exchange_n(p, &expected, desired, 0, __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE);
    }
    static inline uint32_t load_acquire32(const uint32_t* p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
    static inline uint32_t load_relaxed32(const uint32_t* p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }
    static inline void store_release32(uint32_t* p, uint32_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
    static inline void store_relaxed32(uint32_t* p, uint32_t v) { __atomic_store_n(p, v, __ATOMIC_RELAXED); }
    static inline uint32_t fetch_add32(uint32_t* p, uint32_t v) { return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST); }
    static inline uint32_t fetch_sub32(uint32_t* p, uint32_t v) { return __atomic_fetch_sub(p, v, __ATOMIC_SEQ_CST); }
    static inline int cas32(uint32_t* p, uint32_t expected, uint32_t desired) {
        return __atomic_compare_exchange_n(p, &expected, desired, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    }
    static inline void fence_acquire(void) { __atomic_thread_fence(__ATOMIC_ACQUIRE); }
    static inline void fence_release(void) { __atomic_thread_fence(__ATOMIC_RELEASE); }
    static inline void fence_seq(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
    static inline void prefetch(const void* p) { __builtin_prefetch(p, 0, 3); }
    #if defined(__x86_64__) || defined(__i386__)
    static inline void cpu_relax(void) { __builtin_ia32_pause(); }
    #elif defined(__aarch64__)
    static inline void cpu_relax(void) { __asm__ volatile("yield"); }
    #else
    static inline void cpu_relax(void) { }
    #endif
    #endif
    """
    uint64_t load_acquire64(const uint64_t* p) noexcept nogil
    uint64_t load_relaxed64(const uint64_t* p) noexcept nogil
    void store_release64(uint64_t* p, uint64_t v) noexcept nogil
    void store_relaxed64(uint64_t* p, uint64_t v) noexcept nogil
    void store_seq64(uint64_t* p, uint64_t v) noexcept nogil
    uint64_t fetch_add64(uint64_t* p, uint64_t v) noexcept nogil
    uint64_t fetch_sub64(uint64_t* p, uint64_t v) noexcept nogil
    uint64_t fetch_add_relaxed64(uint64_t* p, uint64_t v) noexcept nogil
    bint cas64(uint64_t* p, uint64_t expected, uint64_t desired) noexcept nogil
    uint64_t load_seq64(const uint64_t* p) noexcept nogil
    bint cas_seq64(uint64_t* p, uint64_t expected, uint64_t desired) noexcept nogil
    uint32_t load_acquire32(const uint32_t* p) noexcept nogil
    uint32_t load_relaxed32(const uint32_t* p) noexcept nogil
    void store_release32(uint32_t* p, uint32_t v) noexcept nogil
    void store_relaxed32(uint32_t* p, uint32_t v) noexcept nogil
    uint32_t fetch_add32(uint32_t* p, uint32_t v) noexcept nogil
    uint32_t fetch_sub32(uint32_t* p, uint32_t v) noexcept nogil
    bint cas32(uint32_t* p, uint32_t expected, uint32_t desired) noexcept nogil
    void fence_acquire() noexcept nogil
    void fence_release() noexcept nogil
    void fence_seq() noexcept nogil
    void prefetch(const void* p) noexcept nogil
    void cpu_relax() noexcept nogil
