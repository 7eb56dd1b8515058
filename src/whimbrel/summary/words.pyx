"""Tables of facts, and what tells a word from noise: see words.pxd.

Two capitals are a bit in a word of 32, three are a bit in a table of 26 times that; longer words are at most eight
letters, packed into a number each, sorted.

Noise: the letters of English, and of the names that programs use, follow each other unevenly.  Every pair has a cost
from 0 to 3 (formats.LETTER_COSTS); what costs more than a word of that length is random.  Camel humps begin anew, and
two to four capitals are an abbreviation, which costs nothing.
"""

from libc.stdint cimport uint32_t, uint64_t, uint8_t

from whimbrel.summary import formats

cdef enum:
    WORDS = 192                     # the longest list of packed words, with room to grow
    WORD_BYTES = 8
    ACRONYM = 4                     # capitals in a row that are an abbreviation
    SHORT = 3                       # letters that say nothing
    COST_SHORT = 6                  # of four and five letters; 1 % of real words cost more
    COST = 5                        # of six to twelve
    COST_LETTERS = 4                # beyond twelve: one more for so many letters

cdef struct Words:
    uint32_t n
    uint64_t packed[192]            # sorted

cdef uint32_t country_bits[26]
cdef uint32_t language_bits[26]
cdef uint32_t currency_bits[676]
cdef uint8_t pair_cost[676]
cdef Words domains
cdef Words doubtful
cdef Words digit_words
cdef Words abbreviations


cdef inline uint64_t pack(const uint8_t* p, size_t n) noexcept nogil:
    """Small letters and digits, at most eight."""
    cdef uint64_t packed = 0
    cdef size_t i
    for i in range(n):
        packed = (packed << 8) | (p[i] | (32 if p[i] >= 65 else 0))
    return packed


cdef bint contains(const Words* words, const uint8_t* p, size_t n) noexcept nogil:
    cdef uint64_t wanted
    cdef uint32_t low = 0, high = words.n, middle
    if n == 0 or n > WORD_BYTES:
        return False
    wanted = pack(p, n)
    while low < high:
        middle = (low + high) >> 1
        if words.packed[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low < words.n and words.packed[low] == wanted


cdef bint is_country(const uint8_t* two) noexcept nogil:
    return (country_bits[two[0] - 65] >> (two[1] - 65)) & 1


cdef bint is_language(const uint8_t* two) noexcept nogil:
    return (language_bits[two[0] - 97] >> (two[1] - 97)) & 1


cdef bint is_currency(const uint8_t* three) noexcept nogil:
    return (currency_bits[(three[0] - 65) * 26 + (three[1] - 65)] >> (three[2] - 65)) & 1


cdef bint is_domain(const uint8_t* p, size_t n, bint alone) noexcept nogil:
    if n == 2 and (country_bits[p[0] - 97] >> (p[1] - 97)) & 1:
        return not (alone and contains(&doubtful, p, n))
    return contains(&domains, p, n) or (n > 4 and p[0] == 120 and p[1] == 110 and p[2] == 45 and p[3] == 45)    # xn--


cdef bint is_digit_word(const uint8_t* p, size_t n) noexcept nogil:
    return contains(&digit_words, p, n)


cdef inline uint32_t pair(const uint8_t* p) noexcept nogil:
    return pair_cost[((p[0] | 32) - 97) * 26 + ((p[1] | 32) - 97)]


cdef inline uint32_t pairs_cost(const uint8_t* p, size_t n) noexcept nogil:
    cdef size_t i
    cdef uint32_t cost = 0
    for i in range(1, n):
        cost += pair(p + i - 1)
    return cost


cdef inline bint is_capital(uint8_t c) noexcept nogil:
    return 65 <= c <= 90


cdef uint32_t letters_cost(const uint8_t* p, size_t n) noexcept nogil:
    """How unlikely n letters are as a name; in a name of several humps, short ones count as unlikely too."""
    cdef size_t i = 0, begin, capitals, humps = 0
    cdef uint32_t cost = 0, short_humps = 0
    if contains(&abbreviations, p, n) or (n > 1 and p[n - 1] == 115 and contains(&abbreviations, p, n - 1)):
        return 0                            # also with an s
    while i < n:
        begin = i
        humps += 1
        while i < n and is_capital(p[i]):
            i += 1
        capitals = i - begin
        if capitals > 1 and i < n:          # the last of them begins a word: XMLHttp
            i -= 1
            capitals -= 1
        if capitals > 1 or i == n:
            if capitals > ACRONYM:
                cost += pairs_cost(p + begin, capitals)
            short_humps += 2 if i - begin == 1 else 1
            continue
        while i < n and not is_capital(p[i]):
            i += 1
        cost += pairs_cost(p + begin, i - begin)
        if i - begin <= 2:
            short_humps += 3 - <uint32_t> (i - begin)
    return cost + (short_humps if humps > 1 else 0)


cdef uint32_t letters_most_cost(size_t n) noexcept nogil:
    if n <= SHORT:
        return SHORT * 3
    if n <= 5:
        return COST_SHORT
    return COST if n <= 12 else COST + <uint32_t> (n - 12) // COST_LETTERS


cdef fill(Words* words, str text):
    cdef list packed = sorted(int.from_bytes(word.encode(), "big") for word in text.split())
    if len(packed) > WORDS or max(packed).bit_length() > 64:
        raise ValueError("a list of words is longer than its table, or one of its words is")
    for i, word in enumerate(packed):
        words.packed[i] = word
    words.n = len(packed)


cdef load():
    for word in formats.COUNTRIES.split():
        country_bits[ord(word[0]) - 65] |= <uint32_t> 1 << (ord(word[1]) - 65)
    for word in formats.LANGUAGES.split():
        language_bits[ord(word[0]) - 97] |= <uint32_t> 1 << (ord(word[1]) - 97)
    for word in formats.CURRENCIES.split():
        currency_bits[(ord(word[0]) - 65) * 26 + ord(word[1]) - 65] |= <uint32_t> 1 << (ord(word[2]) - 65)
    for i, digit in enumerate("".join(formats.LETTER_COSTS)):
        pair_cost[i] = int(digit)
    fill(&domains, formats.DOMAINS)
    fill(&doubtful, formats.DOUBTFUL_DOMAINS)
    fill(&digit_words, formats.DIGIT_WORDS)
    fill(&abbreviations, formats.ABBREVIATIONS)


load()
