# Tables of facts for format.pyx, and what tells a word from noise.  Filled from formats.py when the module is loaded.

from libc.stdint cimport uint32_t, uint8_t

cdef bint is_country(const uint8_t* two) noexcept nogil                 # capitals
cdef bint is_language(const uint8_t* two) noexcept nogil                # small letters
cdef bint is_currency(const uint8_t* three) noexcept nogil              # capitals
# A top-level domain in small letters; `alone`: only one label stands before it.
cdef bint is_domain(const uint8_t* p, size_t n, bint alone) noexcept nogil
cdef bint is_digit_word(const uint8_t* p, size_t n) noexcept nogil      # letters and digits that are structure: sha256
cdef uint32_t letters_cost(const uint8_t* p, size_t n) noexcept nogil   # how unlikely n letters are as a name
cdef uint32_t letters_most_cost(size_t n) noexcept nogil                # what a name of n letters may cost
