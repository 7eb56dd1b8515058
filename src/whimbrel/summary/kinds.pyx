"""Kinds of characters: see kinds.pxd."""


cdef load():
    for c in range(256):
        kinds[c] = C_OTHER if 32 < c < 127 else C_STRANGE
    for letter in range(26):
        kinds[97 + letter] = C_HEX_SMALL if letter < 6 else C_SMALL
        kinds[65 + letter] = C_HEX_LARGE if letter < 6 else C_LARGE
    for c in range(48, 58):
        kinds[c] = C_DIGIT
    for mark, kind in zip("-_.:@+/= ", (C_DASH, C_UNDERSCORE, C_DOT, C_COLON, C_AT, C_PLUS, C_SLASH, C_EQUAL, C_BLANK)):
        kinds[ord(mark)] = kind


load()
