"""The buddy allocator of arena.pxd.

One anonymous mapping that reserves nothing: a page costs memory from its first touch.  Behind the blocks stands one
byte for every 64 of them, which is all that is known of a block besides the list it is in:

    base                                        base + size_bytes
     | blocks: 1 MiB | 1 MiB | ... | 1 MiB       | orders: FREE_FLAG | order - ARENA_MIN_ORDER, one a 64 B |

Only the byte of a block's first 64 B means anything.  A block's buddy differs from it in one bit of the address; as
both came from one parent, the byte at the buddy's start is always that of a block of the same size or smaller.

The small block freed last of each size is kept as it is and is the next to be handed out: without that, a block that
comes and goes in an empty arena would be split from a mebibyte and joined to one each time.  Where no room is found
these few are joined first.

Resident memory falls again: when less than half of what may be resident is in use, the pages of large free blocks go
back to the kernel, all but the first, which holds the list's links.  That this waits for half, and for TRIM_BYTES,
is so that a block that comes and goes costs no page faults.

Deliberately not: a slab, a cache of sizes, growth.  A block costs up to twice its bytes.  In a sanitizer build free
blocks are poisoned, links included, and so is what a block holds beyond the bytes asked for until somebody asks
arena_block_bytes.
"""

from libc.stdint cimport uint8_t
from libc.string cimport memcpy, memset

cdef extern from *:
    """
    #include <sys/mman.h>
    #include <stddef.h>
    #include <stdint.h>
    #include <unistd.h>

    #if defined(__has_feature)
    #if __has_feature(address_sanitizer)
    #define ARENA_POISONS 1
    #endif
    #endif
    #if defined(__SANITIZE_ADDRESS__)
    #define ARENA_POISONS 1
    #endif

    #ifdef ARENA_POISONS
    #include <sanitizer/asan_interface.h>
    #define ARENA_LINKS __attribute__((no_sanitize_address, noinline))
    static void arena_poison(void* p, size_t n) { __asan_poison_memory_region(p, n); }
    static void arena_unpoison(const void* p, size_t n) { __asan_unpoison_memory_region(p, n); }
    static void arena_touch(const void* p) { (void) *(const volatile uint8_t*) p; }   /* reports a second free */
    #else
    #define ARENA_LINKS inline
    static inline void arena_poison(void* p, size_t n) { (void) p; (void) n; }
    static inline void arena_unpoison(const void* p, size_t n) { (void) p; (void) n; }
    static inline void arena_touch(const void* p) { (void) p; }
    #endif

    /* The links of free blocks: read and written while the rest of the block is poisoned. */
    struct arena_links { struct arena_links* next; struct arena_links* prev; };
    static ARENA_LINKS void arena_push(void* head, void* block) {
        struct arena_links** first = head;
        struct arena_links* node = block;
        node->next = *first;
        node->prev = NULL;
        if (*first) (*first)->prev = node;
        *first = node;
    }
    static ARENA_LINKS void arena_take(void* head, void* block) {
        struct arena_links** first = head;
        struct arena_links* node = block;
        if (node->next) node->next->prev = node->prev;
        if (node->prev) node->prev->next = node->next; else *first = node->next;
    }
    static ARENA_LINKS void* arena_next(void* block) { return ((struct arena_links*) block)->next; }

    static inline int arena_order_of(size_t size) {   /* the smallest order that holds `size`; size is not 0 */
        return size <= 64 ? 6 : 64 - __builtin_clzll((unsigned long long) size - 1);
    }
    static void* arena_map(size_t size, size_t align) {   /* aligned, what stands over on either side unmapped */
        int kind = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
        uint8_t* p = mmap(NULL, size + align, PROT_READ | PROT_WRITE, kind, -1, 0);
        if (p == MAP_FAILED) return NULL;
        size_t ahead = (align - ((uintptr_t) p & (align - 1))) & (align - 1);
        if (ahead) munmap(p, ahead);
        if (align - ahead) munmap(p + ahead + size, align - ahead);
    #ifdef MADV_NOHUGEPAGE
        madvise(p + ahead, size, MADV_NOHUGEPAGE);   /* a touched byte shall cost 4 KiB, not 2 MiB */
    #endif
        return p + ahead;
    }
    static void arena_unmap(void* p, size_t size) { munmap(p, size); }
    static void arena_give_back(uint8_t* p, size_t size) {   /* all but the first page, which holds the links */
        size_t page = (size_t) sysconf(_SC_PAGESIZE);
        if (size > page) madvise(p + page, size - page, MADV_DONTNEED);
    }
    """
    void arena_poison(void* p, size_t n) noexcept nogil
    void arena_unpoison(const void* p, size_t n) noexcept nogil
    void arena_touch(const void* p) noexcept nogil
    void arena_push(void* head, void* block) noexcept nogil
    void arena_take(void* head, void* block) noexcept nogil
    void* arena_next(void* block) noexcept nogil
    int arena_order_of(size_t size) noexcept nogil
    void* arena_map(size_t size, size_t align) noexcept nogil
    void arena_unmap(void* p, size_t size) noexcept nogil
    void arena_give_back(uint8_t* p, size_t size) noexcept nogil

cdef enum:
    FREE_FLAG = 0x80
    ARENA_MAX = 1 << ARENA_MAX_ORDER
    TRIM_ORDER = 16                 # 64 KiB: below that a system call gives too little back
    TRIM_BYTES = 4 << 20            # and nothing is given back before this much would be


cdef inline size_t index_of(const Arena* a, const void* p) noexcept nogil:
    return <size_t> (<const uint8_t*> p - a.base) >> ARENA_MIN_ORDER


cdef inline int order_at(const Arena* a, const void* p) noexcept nogil:
    return (a.orders[index_of(a, p)] & ~FREE_FLAG) + ARENA_MIN_ORDER


cdef inline void list_block(Arena* a, uint8_t* p, int order) noexcept nogil:
    a.orders[index_of(a, p)] = <uint8_t> (FREE_FLAG | (order - ARENA_MIN_ORDER))
    arena_push(&a.free[order - ARENA_MIN_ORDER], p)


cdef inline size_t mapping_bytes(size_t size_bytes) noexcept nogil:
    return size_bytes + (size_bytes >> ARENA_MIN_ORDER)


cdef bint arena_init(Arena* a, size_t size_bytes) noexcept nogil:
    cdef size_t at
    memset(a, 0, sizeof(Arena))
    a.size_bytes = max(size_bytes & ~(<size_t> ARENA_MAX - 1), <size_t> ARENA_MAX)
    a.base = <uint8_t*> arena_map(mapping_bytes(a.size_bytes), ARENA_MAX)
    if a.base == NULL:
        a.size_bytes = 0
        return False
    a.orders = a.base + a.size_bytes
    at = a.size_bytes
    while at:                       # from the end, so that the lowest address is the first to be used
        at -= ARENA_MAX
        list_block(a, a.base + at, ARENA_MAX_ORDER)
    arena_poison(a.base, a.size_bytes)
    return True


cdef void arena_close(Arena* a) noexcept nogil:
    if a.base != NULL:
        arena_unpoison(a.base, a.size_bytes)
        arena_unmap(a.base, mapping_bytes(a.size_bytes))
    memset(a, 0, sizeof(Arena))


cdef void* arena_alloc(Arena* a, size_t size) noexcept nogil:
    cdef int order
    cdef uint8_t* p = NULL
    if size <= ARENA_MAX:
        order = arena_order_of(size)
        p = <uint8_t*> a.hot[order - ARENA_MIN_ORDER]
        a.hot[order - ARENA_MIN_ORDER] = NULL
        if p == NULL:
            p = split_off(a, order)
        if p == NULL:
            join_hot(a)
            p = split_off(a, order)
    if p == NULL:
        a.refused += 1
        return NULL
    a.used_bytes += <size_t> 1 << order
    a.peak_bytes = max(a.peak_bytes, a.used_bytes)
    a.touched_bytes = max(a.touched_bytes, a.used_bytes)
    arena_unpoison(p, size)
    return p


cdef uint8_t* split_off(Arena* a, int order) noexcept nogil:
    """A block of this order, in no list any more; NULL: there is no room."""
    cdef int have = order
    cdef uint8_t* p
    while a.free[have - ARENA_MIN_ORDER] == NULL:
        have += 1
        if have > ARENA_MAX_ORDER:
            return NULL
    p = <uint8_t*> a.free[have - ARENA_MIN_ORDER]
    arena_take(&a.free[have - ARENA_MIN_ORDER], p)
    while have > order:             # the upper half goes back, the lower one is split on
        have -= 1
        list_block(a, p + (<size_t> 1 << have), have)
    a.orders[index_of(a, p)] = <uint8_t> (order - ARENA_MIN_ORDER)
    return p


cdef void* arena_alloc_zero(Arena* a, size_t size) noexcept nogil:
    cdef void* p = arena_alloc(a, size)
    if p != NULL:
        memset(p, 0, size)
    return p


cdef void arena_free(Arena* a, void* p) noexcept nogil:
    cdef int order
    cdef void* colder
    if p == NULL:
        return
    arena_touch(p)
    order = order_at(a, p)
    a.used_bytes -= <size_t> 1 << order
    arena_poison(p, <size_t> 1 << order)
    if order >= TRIM_ORDER:
        join(a, <uint8_t*> p, order)
        return
    colder = a.hot[order - ARENA_MIN_ORDER]
    a.hot[order - ARENA_MIN_ORDER] = p
    if colder != NULL:
        join(a, <uint8_t*> colder, order)


cdef void join(Arena* a, uint8_t* block, int order) noexcept nogil:
    """Lists a block, together with its buddy where that is free, and so on."""
    cdef uint8_t* buddy
    while order < ARENA_MAX_ORDER:
        buddy = a.base + (<size_t> (block - a.base) ^ (<size_t> 1 << order))
        if a.orders[index_of(a, buddy)] != (FREE_FLAG | (order - ARENA_MIN_ORDER)):
            break
        arena_take(&a.free[order - ARENA_MIN_ORDER], buddy)
        block = min(block, buddy)
        order += 1
    list_block(a, block, order)
    if order >= TRIM_ORDER and a.touched_bytes >= 2 * a.used_bytes + TRIM_BYTES:
        trim(a)


cdef void join_hot(Arena* a) noexcept nogil:
    cdef int i
    cdef uint8_t* block
    for i in range(TRIM_ORDER - ARENA_MIN_ORDER):
        block = <uint8_t*> a.hot[i]
        a.hot[i] = NULL
        if block != NULL:
            join(a, block, i + ARENA_MIN_ORDER)


cdef void trim(Arena* a) noexcept nogil:
    """The pages of large free blocks go back.  At most a call a 64 KiB, and 4 MiB or more were freed since the last."""
    cdef int order
    cdef uint8_t* block
    for order in range(TRIM_ORDER, ARENA_MAX_ORDER + 1):
        block = <uint8_t*> a.free[order - ARENA_MIN_ORDER]
        while block != NULL:
            arena_give_back(block, <size_t> 1 << order)
            block = <uint8_t*> arena_next(block)
    a.touched_bytes = a.used_bytes


cdef size_t arena_block_bytes(const Arena* a, const void* p) noexcept nogil:
    cdef size_t size = <size_t> 1 << order_at(a, p)
    arena_unpoison(p, size)
    return size


cdef void* arena_grow(Arena* a, void* p, size_t used, size_t size) noexcept nogil:
    cdef void* larger
    if p != NULL and size <= <size_t> 1 << order_at(a, p):
        arena_unpoison(p, size)
        return p
    larger = arena_alloc(a, size)
    if larger == NULL or p == NULL:
        return larger
    memcpy(larger, p, used)
    arena_free(a, p)
    return larger
