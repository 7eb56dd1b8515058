"""Bodies of named fields: see fields.pxd.  Here also what content types mean, because parts of a multipart have one."""

from libc.stdint cimport uint8_t, uint16_t
from libc.string cimport memchr, memcpy, memset
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.summary.shape cimport ShapeBuilder, shape_file, shape_named

from whimbrel.summary import bodies


# Content types

cdef enum:
    TYPES = 48                      # rows, with room to grow
    TYPE_BYTES = 40                 # of a row's pattern
    KIND_BINARY = 8                 # BODY_BINARY

cdef struct TypeRow:
    uint8_t text[40]
    uint8_t text_len
    uint8_t kind
    bint from_start                 # else the text is the end of the media type
    bint to_end

cdef TypeRow types[48]
cdef int types_count = 0


cdef load():
    global types_count
    cdef bytes text
    for pattern, kind in bodies.CONTENT_TYPES:
        text = pattern.strip("*").encode()
        if types_count == TYPES or len(text) > TYPE_BYTES:
            raise ValueError("the table of content types is too small")
        types[types_count].text_len = len(text)
        memcpy(types[types_count].text, <const uint8_t*> text, len(text))
        types[types_count].kind = bodies.KINDS.index(kind)
        types[types_count].from_start = not pattern.startswith("*")
        types[types_count].to_end = not pattern.endswith("*")
        types_count += 1
    if bodies.KINDS.index("binary") != KIND_BINARY:
        raise ValueError("kinds of bodies are out of order")


load()


cdef inline uint8_t small(uint8_t c) noexcept nogil:
    return c | 32 if 65 <= c <= 90 else c


cdef bint same_letters(const uint8_t* p, const uint8_t* small_text, size_t n) noexcept nogil:
    cdef size_t i
    for i in range(n):
        if small(p[i]) != small_text[i]:
            return False
    return True


cdef inline bint is_blank(uint8_t c) noexcept nogil:
    return c == 32 or c == 9


cdef Slice trimmed(Slice s) noexcept nogil:
    while s.len and is_blank(s.ptr[0]):
        s.ptr += 1
        s.len -= 1
    while s.len and is_blank(s.ptr[s.len - 1]):
        s.len -= 1
    return s


cdef uint8_t kind_of_type(Slice content_type) noexcept nogil:
    cdef const uint8_t* semicolon
    cdef TypeRow* row
    cdef int i
    if content_type.len:
        semicolon = <const uint8_t*> memchr(content_type.ptr, 59, content_type.len)
        if semicolon != NULL:
            content_type.len = <size_t> (semicolon - content_type.ptr)
    content_type = trimmed(content_type)
    if content_type.len == 0:
        return 0
    for i in range(types_count):
        row = &types[i]
        if content_type.len < row.text_len or (row.from_start and row.to_end and content_type.len != row.text_len):
            continue
        if same_letters(content_type.ptr + (0 if row.from_start else content_type.len - row.text_len),
                        row.text, row.text_len):
            return row.kind
    return KIND_BINARY


cdef const uint8_t* parameter_end(const uint8_t* p, const uint8_t* end) noexcept nogil:
    """The semicolon that is not inside quotes, or the end."""
    cdef bint quoted = False
    while p < end:
        if p[0] == 34:
            quoted = not quoted
        elif p[0] == 92 and quoted and p + 1 < end:
            p += 1
        elif p[0] == 59 and not quoted:
            return p
        p += 1
    return end


cdef Slice parameter(Slice line, const char* name, size_t name_len) noexcept nogil:
    cdef const uint8_t* end = line.ptr + line.len
    cdef const uint8_t* p = line.ptr
    cdef const uint8_t* next
    cdef Slice one
    if line.len == 0:
        return slice_of(NULL, 0)
    p = parameter_end(p, end)
    while p < end:
        next = parameter_end(p + 1, end)
        one = trimmed(slice_of(p + 1, <size_t> (next - p - 1)))
        p = next
        if one.len <= name_len or one.ptr[name_len] != 61 or not same_letters(one.ptr, <const uint8_t*> name, name_len):
            continue
        one = slice_of(one.ptr + name_len + 1, one.len - name_len - 1)
        if one.len >= 2 and one.ptr[0] == 34 and one.ptr[one.len - 1] == 34:
            one = slice_of(one.ptr + 1, one.len - 2)
        return one
    return slice_of(NULL, 0)


# Forms

cdef inline void form_byte(FormWalk* f, uint8_t c) noexcept nogil:
    if f.in_value:
        if f.value_len < FIELD_VALUE:
            f.value[f.value_len] = c
        f.value_len += 1
    else:
        if f.name_len < FIELD_NAME:
            f.name[f.name_len] = c
        f.name_len += 1


cdef void form_loose(FormWalk* f) noexcept nogil:
    """A % that began no escape stands for itself."""
    cdef uint8_t step = f.step
    f.step = 0
    if step:
        form_byte(f, 37)
    if step == 2:
        form_byte(f, f.high)


cdef void form_member(FormWalk* f, ShapeBuilder* b) noexcept nogil:
    cdef size_t name, value
    form_loose(f)
    name = f.name_len if f.name_len < FIELD_NAME else FIELD_NAME
    value = f.value_len if f.value_len < FIELD_VALUE else FIELD_VALUE
    if f.name_len or f.value_len:
        shape_named(b, slice_of(f.name, name), slice_of(f.value, value), f.value_len <= FIELD_VALUE)
    f.in_value = False
    f.name_len = 0
    f.value_len = 0


cdef inline int hex_value(uint8_t c) noexcept nogil:
    if 48 <= c <= 57:
        return c - 48
    c |= 32
    return c - 87 if 97 <= c <= 102 else -1


cdef inline void form_plain(FormWalk* f, uint8_t c) noexcept nogil:
    if c == 37:                             # %
        f.step = 1
    else:
        form_byte(f, 32 if c == 43 else c)  # + is a blank


cdef void form_escaped(FormWalk* f, uint8_t c) noexcept nogil:
    """A byte behind %."""
    cdef int digit = hex_value(c)
    if digit >= 0 and f.step == 1:
        f.high = c
        f.step = 2
        return
    if digit >= 0:
        form_byte(f, <uint8_t> (hex_value(f.high) * 16 + digit))
        f.step = 0
        return
    form_loose(f)
    form_plain(f, c)


cdef void form_feed(FormWalk* f, ShapeBuilder* b, const uint8_t* p, size_t n) noexcept nogil:
    cdef const uint8_t* end = p + n
    cdef const uint8_t* ampersand
    while p < end:
        if f.value_len > FIELD_VALUE and f.step == 0:       # the rest of a long value does not matter
            ampersand = <const uint8_t*> memchr(p, 38, <size_t> (end - p))
            if ampersand == NULL:
                return
            p = ampersand
        if p[0] == 38:                      # &
            form_member(f, b)
        elif p[0] == 61 and not f.in_value:
            form_loose(f)
            f.in_value = True
        elif f.step:
            form_escaped(f, p[0])
        else:
            form_plain(f, p[0])
        p += 1


cdef void form_end(FormWalk* f, ShapeBuilder* b) noexcept nogil:
    form_member(f, b)


# Multipart

cdef enum:                          # PartWalk.state
    PART_BEFORE = 0                 # the preamble
    PART_TAIL                       # the rest of a delimiter's line
    PART_HEAD
    PART_BODY
    PART_OVER                       # the epilogue


cdef bint part_begin(PartWalk* w, Slice content_type) noexcept nogil:
    cdef Slice boundary = parameter(content_type, b"boundary", 8)
    cdef size_t i
    memset(w, 0, sizeof(PartWalk))
    if boundary.len == 0 or boundary.len > BOUNDARY_BYTES:
        return False
    for i in range(boundary.len):
        if boundary.ptr[i] < 32 or boundary.ptr[i] > 126:
            return False                    # above all no CR: the search relies on it
    memcpy(w.delimiter, b"\r\n--", 4)
    memcpy(w.delimiter + 4, boundary.ptr, boundary.len)
    w.delimiter_len = <uint8_t> (boundary.len + 4)
    w.state = PART_BEFORE
    w.matched = 2                           # the first delimiter needs no line end before it
    w.unreal = 2
    return True


cdef void part_name(PartWalk* w, Slice name) noexcept nogil:
    """Unquoted into w.name."""
    cdef size_t i = 0
    w.name_len = 0
    while i < name.len:
        if name.ptr[i] == 92 and i + 1 < name.len and (name.ptr[i + 1] == 34 or name.ptr[i + 1] == 92):
            i += 1
        if w.name_len < FIELD_NAME:
            w.name[w.name_len] = name.ptr[i]
            w.name_len += 1
        i += 1


cdef void part_header(PartWalk* w) noexcept nogil:
    """A header line, as much of it as was kept."""
    cdef Slice line = slice_of(w.line, w.line_len)
    cdef Slice name
    if line.len > 20 and same_letters(line.ptr, b"content-disposition:", 20):
        name = parameter(line, b"name", 4)
        if name.ptr != NULL:
            part_name(w, name)
        if parameter(line, b"filename", 8).ptr != NULL or parameter(line, b"filename*", 9).ptr != NULL:
            w.is_file = True
    elif line.len > 13 and same_letters(line.ptr, b"content-type:", 13):
        w.kind = kind_of_type(slice_of(line.ptr + 13, line.len - 13))


cdef void part_done(PartWalk* w, ShapeBuilder* b) noexcept nogil:
    cdef Slice name = slice_of(w.name, w.name_len)
    cdef size_t kept = w.value_len if w.value_len < FIELD_VALUE else FIELD_VALUE
    w.parts += 1
    if w.is_file:
        w.files += 1
        w.file_bytes += w.value_len
        w.file_kinds |= <uint16_t> (1 << (w.kind if w.kind else KIND_BINARY))
        shape_file(b, name)
    elif name.len:
        shape_named(b, name, slice_of(w.value, kept), w.value_len <= FIELD_VALUE)


cdef inline void part_value(PartWalk* w, const uint8_t* p, size_t n) noexcept nogil:
    cdef size_t room = FIELD_VALUE - w.value_len if w.value_len < FIELD_VALUE else 0
    if n < room:
        room = n
    if room:
        memcpy(w.value + w.value_len, p, room)
    w.value_len += n


cdef const uint8_t* part_search(PartWalk* w, const uint8_t* p, const uint8_t* end) noexcept nogil:
    """Behind the delimiter, or `end` with w.matched < w.delimiter_len.

    A CR is only at the delimiter's beginning, so where it fails nothing earlier than this byte can be another.
    """
    cdef const uint8_t* cr
    while p < end:
        if w.matched == 0:
            cr = <const uint8_t*> memchr(p, 13, <size_t> (end - p))
            if cr == NULL:
                cr = end
            part_value(w, p, <size_t> (cr - p))
            p = cr
            if p == end:
                break
        if p[0] == w.delimiter[w.matched]:
            w.matched += 1
            p += 1
            if w.matched == w.delimiter_len:
                break
            continue
        part_value(w, w.delimiter + w.unreal, w.matched - w.unreal)
        w.matched = 0
        w.unreal = 0
    return p


cdef void part_open(PartWalk* w) noexcept nogil:
    w.state = PART_HEAD
    w.line_len = 0
    w.headers = 0
    w.name_len = 0
    w.value_len = 0
    w.is_file = False
    w.kind = 0


cdef bint part_line(PartWalk* w) noexcept nogil:
    """A header line's end; False: too many of them."""
    if w.line_len and w.line[w.line_len - 1] == 13:
        w.line_len -= 1
    if w.line_len == 0:
        w.state = PART_BODY
        w.matched = 2                       # an empty part may end at once
        w.unreal = 2
        return True
    part_header(w)
    w.line_len = 0
    w.headers += 1
    return w.headers <= PART_HEADERS


cdef bint part_feed(PartWalk* w, ShapeBuilder* b, const uint8_t* p, size_t n) noexcept nogil:
    cdef const uint8_t* end = p + n
    while p < end and w.state != PART_OVER:
        if w.state == PART_BEFORE or w.state == PART_BODY:
            p = part_search(w, p, end)
            if w.matched == w.delimiter_len:
                if w.state == PART_BODY:
                    part_done(w, b)
                w.state = PART_TAIL
                w.tail = 0
                w.last = True
            continue
        if w.state == PART_HEAD:
            if p[0] == 10:
                if not part_line(w):
                    return False
            elif w.line_len < PART_LINE:
                w.line[w.line_len] = p[0]
                w.line_len += 1
        elif w.tail < 2 and p[0] == 45:     # -- behind the last delimiter
            w.tail += 1
            if w.tail == 2 and w.last:
                w.state = PART_OVER
        elif p[0] == 10:
            part_open(w)
        elif is_blank(p[0]) or p[0] == 13:
            w.last = False
        else:
            return False
        p += 1
    return True


cdef bint part_end(PartWalk* w, ShapeBuilder* b) noexcept nogil:
    if w.state == PART_BODY:
        part_done(w, b)
    return w.state == PART_OVER
