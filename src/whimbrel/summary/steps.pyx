"""One step down the trie for one piece of a path or key; see template.pxd for the rules.

A literal that is there costs one look into the table.  Only what is not there is asked what it looks like.
"""

from libc.stdint cimport uint8_t
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.summary.format cimport FORMAT_DATE_TIME, FORMAT_IPV6, FORMAT_URI
from whimbrel.summary.looks cimport extension_at, has_digit, is_specific, is_version, value_of, weak_end
from whimbrel.summary.pieces cimport PIECE_AUTHORITY, PIECE_FREE, PIECE_UNKNOWN, PIECE_VALUE, PIECES, Piece
from whimbrel.summary.template cimport (
    NODE_CLOSED, NODE_HOST, NODE_LITERAL, NODE_ROOT, PARAMETER_AUTHORITY, PARAMETER_OTHER, PARAMETER_UNKNOWN,
    PARAMETER_VALUE, TEMPLATE_CHILDREN, TEMPLATE_FIRST_CHILDREN, TEMPLATE_SEGMENT_BYTES, Node, Templates)
from whimbrel.summary.trie cimport trie_add, trie_child, trie_collapse, trie_parameter


cdef inline Slice part(Slice s, size_t start, size_t end) noexcept nogil:
    return slice_of(s.ptr + start, end - start)


cdef Node* literal(Templates* t, Node* parent, Slice text, uint8_t sep) noexcept nogil:
    """Found or made, or the parameter its siblings have become.  NULL: no room."""
    cdef Node* n = NULL
    cdef bint first = parent.kind == NODE_HOST or parent.kind == NODE_ROOT
    if text.len <= TEMPLATE_SEGMENT_BYTES:
        n = trie_child(t, parent, NODE_LITERAL, sep, 0, text)
    if n != NULL:
        return n
    if not parent.flags & NODE_CLOSED and parent.literals >= (TEMPLATE_FIRST_CHILDREN if first else TEMPLATE_CHILDREN):
        trie_collapse(t, parent, NODE_LITERAL)
    if parent.flags & NODE_CLOSED:
        return trie_parameter(t, parent, sep, PARAMETER_VALUE)
    return trie_add(t, parent, NODE_LITERAL, sep, 0, text, 0)


cdef Node* plain_step(Templates* t, Node* at, Slice text, uint8_t sep) noexcept nogil:
    cdef uint8_t parameter = value_of(text)
    return trie_parameter(t, at, sep, parameter) if parameter else literal(t, at, text, sep)


cdef Node* path_step(Templates* t, Node* at, Slice text, uint8_t sep) noexcept nogil:
    """17.png -> {integer}.png"""
    cdef uint8_t parameter = value_of(text)
    cdef size_t dot = extension_at(text) if parameter and not is_specific(parameter) else 0
    if parameter == 0:
        return literal(t, at, text, sep)
    if dot == 0:
        return trie_parameter(t, at, sep, parameter)
    at = plain_step(t, at, part(text, 0, dot), sep)
    return at if at == NULL else literal(t, at, part(text, dot + 1, text.len), c'.')


cdef Node* weak_step(Templates* t, Node* at, Slice text, uint8_t sep) noexcept nogil:
    """user_17 -> user_{integer}: a key's piece, cut at weak separators until the rest has a format."""
    cdef size_t start = 0, end
    cdef uint8_t parameter
    cdef Slice word
    cdef int steps = 0
    while at != NULL:
        parameter = value_of(part(text, start, text.len))
        end = weak_end(text, start)
        if steps == PIECES or (parameter and end == text.len) or is_specific(parameter):
            return trie_parameter(t, at, sep, PARAMETER_OTHER if steps == PIECES else parameter)
        word = part(text, start, end)
        parameter = value_of(word)
        if parameter == 0 and has_digit(word) and not is_version(word):
            parameter = PARAMETER_VALUE
        at = trie_parameter(t, at, sep, parameter) if parameter else literal(t, at, word, sep)
        if end == text.len:
            return at
        sep = text.ptr[end]
        start = end + 1
        steps += 1
    return NULL


cdef Node* key_step(Templates* t, Node* at, Slice text, uint8_t sep) noexcept nogil:
    cdef uint8_t parameter = value_of(text)
    if is_specific(parameter) or text.len > 4 * TEMPLATE_SEGMENT_BYTES:
        return trie_parameter(t, at, sep, parameter)
    if (parameter or has_digit(text)) and weak_end(text, 0) < text.len:
        return weak_step(t, at, text, sep)
    return trie_parameter(t, at, sep, parameter) if parameter else literal(t, at, text, sep)


cdef Node* forced(Templates* t, Node* at, const Piece* p) noexcept nogil:
    cdef uint8_t parameter = PARAMETER_OTHER
    if p.forced == PIECE_VALUE:
        parameter = value_of(p.text)
        if parameter == 0:
            parameter = PARAMETER_VALUE
    elif p.forced == PIECE_AUTHORITY:
        parameter = PARAMETER_AUTHORITY
    elif p.forced == PIECE_UNKNOWN:
        parameter = PARAMETER_UNKNOWN
    return trie_parameter(t, at, p.sep, parameter)


cdef Node* step(Templates* t, Node* at, const Piece* p, Slice rest, bint path) noexcept nogil:
    """`rest`: of a key, from this piece to its end."""
    cdef Node* n
    if p.forced != PIECE_FREE:
        return forced(t, at, p)
    if p.text.len <= TEMPLATE_SEGMENT_BYTES:
        n = trie_child(t, at, NODE_LITERAL, p.sep, 0, p.text)
        if n != NULL:
            return n
    if path:
        return path_step(t, at, p.text, p.sep)
    return key_step(t, at, p.text, p.sep)


cdef uint8_t whole_value(Slice rest) noexcept nogil:
    """A value that contains separators: a time, an address, a URI; else 0."""
    cdef uint8_t parameter = value_of(rest)
    if parameter == FORMAT_DATE_TIME or parameter == FORMAT_IPV6 or parameter == FORMAT_URI:
        return parameter
    return 0
