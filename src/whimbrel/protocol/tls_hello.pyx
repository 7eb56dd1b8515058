"""See tls_hello.pxd.  A cursor walks the bytes of one handshake message through the records that carry it:

    |16|version|length| message bytes ... |16|version|length| message bytes ... |      record: RFC 8446 5.1
    |01 or 02|length: 3|version: 2|random: 32|session id|...|extensions|               message: 4.1.2, 4.1.3

Reading over a record's border continues behind the next header; a slice that would cross one is empty, its bytes are
walked all the same.  Lengths within the message are held against each other: what does not add up is TLS_BAD.
"""

from libc.string cimport memset

from whimbrel.base.slice cimport slice_of

cdef enum:
    RECORD_HANDSHAKE = 22
    RECORD_HEAD = 5                 # bytes: type, version (2), length (2)
    RECORD_MAX = 16640              # bytes a record may announce: 2^14 and the 256 that encryption may add
    CLIENT_HELLO = 1
    SERVER_HELLO = 2
    RANDOM_BYTES = 32
    SESSION_ID_MAX = 32
    EXTENSION_SERVER_NAME = 0       # RFC 6066 3
    EXTENSION_ALPN = 16             # RFC 7301 3.1
    EXTENSION_VERSIONS = 43         # RFC 8446 4.2.1
    NAME_HOST = 0
    TLS_1_0 = 0x0301
    TLS_1_3 = 0x0304

cdef struct Cursor:
    const uint8_t* at
    const uint8_t* end              # of all bytes that are there
    size_t record_left              # bytes of the current record from `at` on, there or not
    size_t left                     # bytes of the message, or of the part of it that is read
    TlsStatus status                # DONE while nothing went wrong


cdef bint fail(Cursor* c, TlsStatus status) noexcept nogil:
    if c.status == TLS_DONE:
        c.status = status
    return False


cdef bint next_record(Cursor* c) noexcept nogil:
    """Enter the next record.  An empty one is not allowed to carry handshakes (RFC 8446 5.1)."""
    cdef size_t n = <size_t> (c.end - c.at)
    if (n > 0 and c.at[0] != RECORD_HANDSHAKE) or (n > 1 and c.at[1] != 3) or (n > 2 and c.at[2] > 4):
        return fail(c, TLS_BAD)
    if n < RECORD_HEAD:
        return fail(c, TLS_MORE)
    c.record_left = <size_t> c.at[3] << 8 | c.at[4]
    if c.record_left == 0 or c.record_left > RECORD_MAX:
        return fail(c, TLS_BAD)
    c.at += RECORD_HEAD
    return True


cdef bint take(Cursor* c, size_t n, Slice* out) noexcept nogil:
    """n bytes of the message; `out` is empty if they cross a border.  False: wrong, or not there yet."""
    cdef size_t part
    out[0] = slice_of(NULL, 0)
    if c.status != TLS_DONE:
        return False
    if n > c.left:
        return fail(c, TLS_BAD)
    c.left -= n
    if n and c.record_left == 0 and not next_record(c):
        return False
    if n and n <= c.record_left and n <= <size_t> (c.end - c.at):
        out[0] = slice_of(c.at, n)
    while n:
        if c.record_left == 0 and not next_record(c):
            return False
        part = n if n < c.record_left else c.record_left
        if part > <size_t> (c.end - c.at):
            return fail(c, TLS_MORE)
        c.at += part
        c.record_left -= part
        n -= part
    return True


cdef bint number(Cursor* c, int n, size_t* out) noexcept nogil:
    """A big-endian number of n bytes, wherever the borders are."""
    cdef Slice byte
    out[0] = 0
    while n:
        if not take(c, 1, &byte):
            return False
        out[0] = out[0] << 8 | byte.ptr[0]
        n -= 1
    return True


cdef bint skip(Cursor* c, size_t n) noexcept nogil:
    cdef Slice over
    return take(c, n, &over)


cdef bint skip_vector(Cursor* c, int length_bytes, size_t least, size_t most) noexcept nogil:
    cdef size_t n = 0
    if not number(c, length_bytes, &n):
        return False
    return skip(c, n) if least <= n <= most else fail(c, TLS_BAD)


cdef size_t enter(Cursor* c, size_t n) noexcept nogil:
    """Let only the next n bytes be read; leave() goes on behind them, with what this returned."""
    cdef size_t outside
    if n > c.left:
        fail(c, TLS_BAD)
        n = 0
    outside = c.left - n
    c.left = n
    return outside


cdef bint leave(Cursor* c, size_t outside) noexcept nogil:
    cdef bint right = skip(c, c.left)
    c.left = outside
    return right


# Extensions

cdef bint read_server_name(Cursor* c, TlsHello* out) noexcept nogil:
    """A list of (type, name); the first host name counts."""
    cdef size_t length = 0, kind = 0
    cdef Slice name
    if not number(c, 2, &length):
        return False
    while c.left and c.status == TLS_DONE:
        if number(c, 1, &kind) and number(c, 2, &length) and take(c, length, &name):
            if kind == NAME_HOST and out.server_name.ptr == NULL:
                out.server_name = name
    return c.status == TLS_DONE


cdef bint read_alpn(Cursor* c, TlsHello* out) noexcept nogil:
    """A list of names, of which the client's first, or the server's only one, counts."""
    cdef size_t length = 0
    if not number(c, 2, &length) or not number(c, 1, &length):
        return False
    return take(c, length, &out.alpn)


cdef bint read_versions(Cursor* c, TlsHello* out) noexcept nogil:
    """The client's list, or the server's choice.  Values that are no version are passed over (RFC 8701)."""
    cdef size_t length = 0, version = 0, best = 0
    if out.client and not number(c, 1, &length):
        return False
    while c.left and number(c, 2, &version):
        if TLS_1_0 <= version <= TLS_1_3 and version > best:
            best = version
    if best:
        out.version = <uint16_t> best
    return c.status == TLS_DONE


cdef bint read_extension(Cursor* c, TlsHello* out) noexcept nogil:
    cdef size_t kind = 0, length = 0, outside
    if not number(c, 2, &kind) or not number(c, 2, &length):
        return False
    outside = enter(c, length)
    if length:
        if kind == EXTENSION_SERVER_NAME and out.client:
            read_server_name(c, out)
        elif kind == EXTENSION_ALPN and out.alpn.ptr == NULL:
            read_alpn(c, out)
        elif kind == EXTENSION_VERSIONS:
            read_versions(c, out)
    return leave(c, outside)


# Messages

cdef bint read_client(Cursor* c) noexcept nogil:
    """Cipher suites and compression methods: nothing of them is told."""
    return skip_vector(c, 2, 2, 65534) and skip_vector(c, 1, 1, 255)


cdef bint read_server(Cursor* c, TlsHello* out) noexcept nogil:
    cdef size_t value = 0
    if not number(c, 2, &value):
        return False
    out.cipher = <uint16_t> value
    return skip(c, 1)


cdef bint read_message(Cursor* c, TlsHello* out) noexcept nogil:
    cdef size_t value = 0, length = 0
    if not number(c, 1, &value):
        return False
    if value != CLIENT_HELLO and value != SERVER_HELLO:
        return fail(c, TLS_BAD)
    out.client = value == CLIENT_HELLO
    if not number(c, 3, &length):
        return False
    if length > TLS_HELLO_MAX:
        return fail(c, TLS_BAD)
    c.left = length
    if not number(c, 2, &value) or not skip(c, RANDOM_BYTES) or not skip_vector(c, 1, 0, SESSION_ID_MAX):
        return False
    if value >> 8 != 3:
        return fail(c, TLS_BAD)
    out.version = <uint16_t> value
    if not (read_client(c) if out.client else read_server(c, out)):
        return False
    if c.left == 0:                                     # TLS 1.2 and before may come without extensions
        return True
    if not number(c, 2, &length):
        return False
    if length != c.left:
        return fail(c, TLS_BAD)
    while c.left:
        if not read_extension(c, out):
            return False
    return True


cdef TlsStatus tls_parse_hello(const uint8_t* data, size_t n, TlsHello* out) noexcept nogil:
    cdef Cursor c
    memset(out, 0, sizeof(TlsHello))
    c.at = data
    c.end = data + (n if n < TLS_HELLO_MAX else TLS_HELLO_MAX)
    c.record_left = 0
    c.left = 4                                          # a message's type and length
    c.status = TLS_DONE
    read_message(&c, out)
    if c.status == TLS_MORE and n >= TLS_HELLO_MAX:
        return TLS_BAD
    return c.status
