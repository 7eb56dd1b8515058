"""RESP commands about the connection itself, and the bridge to resp_admin.py.

The bridge takes the GIL, so only rare introspection crosses it: CLIENT LIST and KILL, COMMAND, CONFIG, INFO and
the HELP texts.  What it answers is bytes, ready for the wire.
"""

import sys

from whimbrel import __version__
from whimbrel.server import resp_admin

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcpy, strlen
from whimbrel.base.buffer cimport Writer, put_bytes, writer_init, writer_len, writer_room
from whimbrel.base.buffer cimport put_i64
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.protocol.resp.codec cimport (
    RESP_ARRAY, resp_next_arg, resp_parse_i64, resp_put_bulk, resp_put_header, resp_put_int, resp_put_map,
    resp_put_null,
)
from whimbrel.server.resp_run cimport (
    LIB_NAME_MAX, LIB_VERSION_MAX, NAME_MAX, REPLY_OFF, REPLY_ON, REPLY_SKIP, STEP_BLOCKED, STEP_CLOSE, STEP_DONE,
    RespState, Run, Step, arg_int, arg_is, held_begin, reply_int, reply_ok, room, run_error, run_error_about, run_state,
)
from whimbrel.server.session cimport context_server

cdef bytes version_text = __version__.encode()
cdef const char* version_ptr = version_text


cdef Step no_memory(Run* r) noexcept nogil:
    return run_error(r, b"ERR there is no memory left for what a connection may keep")


cdef Step wrong_arity(Run* r) noexcept nogil:
    return run_error_about(r, b"ERR wrong number of arguments for '", slice_of(r.row.name, r.row.name_len), 32,
                           b"' command")


cdef Step connection_ping(Run* r) noexcept nogil:
    if r.argc > 2:
        return wrong_arity(r)
    if r.argc == 2:
        return connection_echo(r)
    put_bytes(r.w, b"+PONG\r\n", 7)
    return STEP_DONE


cdef Step connection_echo(Run* r) noexcept nogil:
    if not room(r, r.argv[1].len + 32):
        return STEP_BLOCKED
    resp_put_bulk(r.w, r.argv[1].ptr, r.argv[1].len)
    return STEP_DONE


cdef Step connection_select(Run* r) noexcept nogil:
    cdef int64_t db = 0
    if not arg_int(r, r.argv[1], &db):
        return STEP_DONE
    if db > 0x7fffffff or db < -0x80000000:
        return run_error(r, b"ERR value is out of range, value must between -2147483648 and 2147483647")
    return reply_ok(r) if db == 0 else run_error(r, b"ERR DB index is out of range")


cdef Step connection_time(Run* r) noexcept nogil:
    cdef uint8_t text[20]
    cdef Writer digits
    cdef int part
    resp_put_header(r.w, RESP_ARRAY, 2)
    for part in range(2):
        writer_init(&digits, text, sizeof(text))
        put_i64(&digits, r.x.now_ms // 1000 if part == 0 else r.x.now_ms % 1000 * 1000)
        resp_put_bulk(r.w, text, writer_len(&digits))
    return STEP_DONE


cdef Step connection_quit(Run* r) noexcept nogil:
    reply_ok(r)
    return STEP_CLOSE


# Who it is.  There is one user, `default`, and any password is right for it, as in a Redis without one.

cdef bint is_default_user(Slice user) noexcept nogil:
    return user.len == 7 and user.ptr[0] == 100 and arg_is(user, b"DEFAULT")


cdef Step wrong_user(Run* r) noexcept nogil:
    return run_error(r, b"WRONGPASS invalid username-password pair or user is disabled.")


cdef Step connection_auth(Run* r) noexcept nogil:
    if r.argc > 3:
        return run_error(r, b"ERR syntax error")
    if r.argc == 2:
        return run_error(r, b"ERR AUTH <password> called without any password configured for the default user. "
                            b"Are you sure your configuration is correct?")
    return reply_ok(r) if is_default_user(r.argv[1]) else wrong_user(r)


cdef bint is_plain(Slice text) noexcept nogil:
    """Printable and without blanks: CLIENT LIST puts it into a line."""
    cdef size_t i
    for i in range(text.len):
        if text.ptr[i] < 33 or text.ptr[i] > 126:
            return False
    return True


cdef bint set_text(Run* r, char* to, size_t most, Slice text, const char* what) noexcept nogil:
    if not is_plain(text):
        put_bytes(r.w, b"-ERR ", 5)
        put_bytes(r.w, what, strlen(what))
        put_bytes(r.w, b" cannot contain spaces, newlines or special characters.\r\n", 57)
        return False
    if text.len > most:
        put_bytes(r.w, b"-ERR ", 5)
        put_bytes(r.w, what, strlen(what))
        put_bytes(r.w, b" too long\r\n", 11)
        return False
    if text.len:
        memcpy(to, text.ptr, text.len)
    to[text.len] = 0
    return True


cdef bint set_name(Run* r, Slice name) noexcept nogil:
    if run_state(r) == NULL:
        no_memory(r)
        return False
    return set_text(r, r.state.name, NAME_MAX, name, b"Client names")


cdef bint hello_options(Run* r) noexcept nogil:
    """Everything is checked before anything is done."""
    cdef size_t i = 2
    cdef size_t name_at = 0
    while i < r.argc:
        if i < 16 and arg_is(r.argv[i], b"AUTH") and i + 2 < r.argc:
            if not is_default_user(r.argv[i + 1]):
                wrong_user(r)
                return False
            i += 3
        elif i < 16 and arg_is(r.argv[i], b"SETNAME") and i + 1 < r.argc:
            name_at = i + 1
            i += 2
        else:
            run_error_about(r, b"ERR Syntax error in HELLO option '", r.argv[i if i < 16 else 16], 128, b"'")
            return False
    return name_at == 0 or set_name(r, r.argv[name_at])


cdef void put_text(Writer* w, const char* text) noexcept nogil:
    resp_put_bulk(w, text, strlen(text))


cdef Step connection_hello(Run* r) noexcept nogil:
    cdef int64_t version = r.version
    if r.argc > 1 and not resp_parse_i64(r.argv[1].ptr, r.argv[1].len, &version):
        return run_error(r, b"ERR Protocol version is not an integer or out of range")
    if version != 2 and version != 3:
        return run_error(r, b"NOPROTO unsupported protocol version")
    if not hello_options(r):
        return STEP_DONE
    r.version = <int> version
    r.c.resp_version = <uint8_t> version
    resp_put_map(r.w, r.version, 7)
    put_text(r.w, b"server")
    put_text(r.w, b"whimbrel")
    put_text(r.w, b"version")
    put_text(r.w, version_ptr)
    put_text(r.w, b"proto")
    resp_put_int(r.w, version)
    put_text(r.w, b"id")
    resp_put_int(r.w, <int64_t> r.c.id)
    put_text(r.w, b"mode")
    put_text(r.w, b"standalone")
    put_text(r.w, b"role")
    put_text(r.w, b"master")
    put_text(r.w, b"modules")
    resp_put_header(r.w, RESP_ARRAY, 0)
    return STEP_DONE


cdef Step client_id(Run* r) noexcept nogil:
    return reply_int(r, <int64_t> r.c.id)


cdef Step client_getname(Run* r) noexcept nogil:
    if r.state != NULL and r.state.name[0]:
        put_text(r.w, r.state.name)
    else:
        resp_put_null(r.w, r.version)
    return STEP_DONE


cdef Step client_setname(Run* r) noexcept nogil:
    return reply_ok(r) if set_name(r, r.argv[2]) else STEP_DONE


cdef Step client_setinfo(Run* r) noexcept nogil:
    cdef bint right
    if run_state(r) == NULL:
        return no_memory(r)
    if arg_is(r.argv[2], b"LIB-NAME"):
        right = set_text(r, r.state.lib_name, LIB_NAME_MAX, r.argv[3], b"lib-name")
    elif arg_is(r.argv[2], b"LIB-VER"):
        right = set_text(r, r.state.lib_version, LIB_VERSION_MAX, r.argv[3], b"lib-ver")
    else:
        return run_error_about(r, b"ERR Unrecognized option '", r.argv[2], 128, b"'")
    return reply_ok(r) if right else STEP_DONE


cdef Step client_reply(Run* r) noexcept nogil:
    """What happens to this command's own reply, and to those after it, is the dispatcher's to do."""
    if arg_is(r.argv[2], b"ON"):
        if r.state != NULL:
            r.state.reply_mode = REPLY_ON
        return reply_ok(r)
    if not arg_is(r.argv[2], b"OFF") and not arg_is(r.argv[2], b"SKIP"):
        return run_error(r, b"ERR syntax error")
    if run_state(r) == NULL:
        return no_memory(r)
    if arg_is(r.argv[2], b"OFF"):
        r.state.reply_mode = REPLY_OFF
    elif r.state.reply_mode != REPLY_OFF:
        r.state.reply_mode = REPLY_SKIP
    return STEP_DONE


cdef Step client_no_evict(Run* r) noexcept nogil:
    if arg_is(r.argv[2], b"ON") or arg_is(r.argv[2], b"OFF"):
        return reply_ok(r)
    return run_error(r, b"ERR syntax error")


cdef Step client_no_touch(Run* r) noexcept nogil:
    cdef bint on = arg_is(r.argv[2], b"ON")
    if not on and not arg_is(r.argv[2], b"OFF"):
        return run_error(r, b"ERR syntax error")
    if run_state(r) == NULL:
        return no_memory(r)
    r.state.no_touch = on
    return reply_ok(r)


# The bridge

cdef dict own_names(Run* r):
    """What only the executor knows about this connection."""
    cdef RespState* state = r.state
    names = {"id": r.c.id, "resp": r.version, "name": "", "lib-name": "", "lib-ver": "", "multi": -1}
    if state != NULL:
        names["name"] = (<bytes> state.name).decode("ascii")
        names["lib-name"] = (<bytes> state.lib_name).decode("ascii")
        names["lib-ver"] = (<bytes> state.lib_version).decode("ascii")
        names["multi"] = state.queue.entries if state.in_multi else -1
    return names


cdef bytes ask_admin(Run* r):
    cdef const uint8_t* at = r.first
    cdef Slice arg
    cdef size_t _i
    args = []
    for _i in range(r.argc):
        arg = resp_next_arg(&at)
        args.append(PyBytes_FromStringAndSize(<const char*> arg.ptr, <Py_ssize_t> arg.len))
    name = (<bytes> r.row.name).decode("ascii")
    return resp_admin.answer(context_server(r.x), name, args, own_names(r))


cdef Step admin(Run* r) noexcept nogil:
    """A command that resp_admin answers.  An exception there is a fault of ours: it is reported, and answered."""
    cdef size_t n = 0
    cdef Step step = STEP_DONE
    r.x.clock_in = 0            # another thread may have had the GIL for long
    with gil:
        try:
            reply = ask_admin(r)
            n = <size_t> PyBytes_GET_SIZE(reply)
            if writer_room(r.w) < n + r.reserve and ((not r.holding and not held_begin(r)) or not room(r, n)):
                r.short_of_memory = True
                step = STEP_BLOCKED
            else:
                put_bytes(r.w, PyBytes_AS_STRING(reply), n)
        except Exception as fault:
            sys.excepthook(type(fault), fault, fault.__traceback__)
            put_bytes(r.w, b"-ERR internal error\r\n", 21)
    return step
