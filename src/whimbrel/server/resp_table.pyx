"""Rows of commands for the data plane, from protocol/resp/commands.py, and the handler of each.

A command there without a handler here, or the other way round, is an ImportError.
"""

from whimbrel.protocol.resp import commands as table

from libc.stdint cimport int16_t, uint8_t, uint32_t
from libc.string cimport memcmp, memcpy, memset, strlen
from whimbrel.server.resp_connection cimport (
    admin, client_getname, client_id, client_no_evict, client_no_touch, client_reply, client_setinfo, client_setname,
    connection_auth, connection_echo, connection_hello, connection_ping, connection_quit, connection_select,
    connection_time,
)
from whimbrel.server.resp_keys cimport (
    keys_copy, keys_del, keys_exists, keys_expire, keys_expireat, keys_expiretime, keys_persist, keys_pexpire,
    keys_pexpireat, keys_pexpiretime, keys_pttl, keys_rename, keys_renamenx, keys_touch, keys_ttl, keys_type,
)
from whimbrel.server.resp_numbers cimport (
    string_decr, string_decrby, string_incr, string_incrby, string_incrbyfloat,
)
from whimbrel.server.resp_run cimport ROW_NOW, Handler, Row
from whimbrel.server.resp_scan cimport (
    keys_dbsize, keys_flush, keys_keys, keys_memory_usage, keys_object_encoding, keys_object_freq,
    keys_object_idletime, keys_object_refcount, keys_randomkey, keys_scan,
)
from whimbrel.server.resp_scripts cimport script_eval, script_evalsha, script_exists, script_flush, script_load
from whimbrel.server.resp_strings cimport (
    string_append, string_get, string_getdel, string_getex, string_getrange, string_getset, string_mget, string_mset,
    string_msetnx, string_psetex, string_set, string_setex, string_setnx, string_setrange, string_strlen,
)
from whimbrel.server.session cimport COMMANDS_MAX, RESP_COMMANDS

cdef enum:
    ROWS_MAX = 160
    LOOKUP_SLOTS = 512          # a power of two, at least twice ROWS_MAX: one or two looks find a name


cdef Row rows[ROWS_MAX]
cdef int row_count = 0
cdef int16_t lookup[LOOKUP_SLOTS]


cdef inline uint32_t name_hash(const char* name, size_t n) noexcept nogil:
    cdef uint32_t h = 0x811c9dc5
    cdef size_t i
    for i in range(n):
        h = (h ^ <uint8_t> name[i]) * 0x01000193
    return h ^ h >> 15


cdef Row* row_named(const char* name, size_t n) noexcept nogil:
    cdef uint32_t at = name_hash(name, n) & (LOOKUP_SLOTS - 1)
    cdef Row* row
    while lookup[at] >= 0:
        row = &rows[lookup[at]]
        if row.name_len == n and memcmp(row.name, name, n) == 0:
            return row
        at = (at + 1) & (LOOKUP_SLOTS - 1)
    return NULL


cdef bint add_row(object command, int index) except False:
    global row_count
    cdef bytes name = command.full_name.encode()
    cdef Row* row = &rows[row_count]
    if row_count == ROWS_MAX or len(name) > ROW_NAME or index >= COMMANDS_MAX:
        raise ImportError(f"no room for the command {name}")
    memset(row, 0, sizeof(Row))
    memcpy(row.name, <const char*> name, len(name))
    row.name_len = <uint8_t> len(name)
    row.index = <uint8_t> index
    row.arity = command.arity
    row.container = not command.parent and command.name in table.CONTAINERS
    cdef uint32_t at = name_hash(row.name, row.name_len) & (LOOKUP_SLOTS - 1)
    while lookup[at] >= 0:
        at = (at + 1) & (LOOKUP_SLOTS - 1)
    lookup[at] = <int16_t> row_count
    row_count += 1
    return True


cdef bint make_rows() except False:
    cdef dict index = {}
    memset(lookup, -1, sizeof(lookup))
    for number, command in enumerate(table.COMMANDS):
        index[command.name] = RESP_COMMANDS + number
    for command in (*table.COMMANDS, *table.SUBCOMMANDS):
        add_row(command, index[command.parent or command.name])
    return True


cdef bint bind(const char* name, Handler handler, int flags=0) except False:
    cdef Row* row = row_named(name, strlen(name))
    if row == NULL or row.handler != NULL:
        raise ImportError(f"{name!r} is not in the table of commands, or bound twice")
    row.handler = handler
    row.flags |= <uint8_t> flags
    return True


cdef bint bind_strings() except False:
    bind(b"get", string_get)
    bind(b"mget", string_mget)
    bind(b"set", string_set)
    bind(b"setnx", string_setnx)
    bind(b"setex", string_setex)
    bind(b"psetex", string_psetex)
    bind(b"getset", string_getset)
    bind(b"getdel", string_getdel)
    bind(b"getex", string_getex)
    bind(b"mset", string_mset)
    bind(b"msetnx", string_msetnx)
    bind(b"append", string_append)
    bind(b"strlen", string_strlen)
    bind(b"getrange", string_getrange)
    bind(b"substr", string_getrange)
    bind(b"setrange", string_setrange)
    bind(b"incr", string_incr)
    bind(b"decr", string_decr)
    bind(b"incrby", string_incrby)
    bind(b"decrby", string_decrby)
    bind(b"incrbyfloat", string_incrbyfloat)
    return True


cdef bint bind_keys() except False:
    bind(b"del", keys_del)
    bind(b"unlink", keys_del)
    bind(b"exists", keys_exists)
    bind(b"touch", keys_touch)
    bind(b"type", keys_type)
    bind(b"expire", keys_expire)
    bind(b"pexpire", keys_pexpire)
    bind(b"expireat", keys_expireat)
    bind(b"pexpireat", keys_pexpireat)
    bind(b"ttl", keys_ttl)
    bind(b"pttl", keys_pttl)
    bind(b"expiretime", keys_expiretime)
    bind(b"pexpiretime", keys_pexpiretime)
    bind(b"persist", keys_persist)
    bind(b"rename", keys_rename)
    bind(b"renamenx", keys_renamenx)
    bind(b"copy", keys_copy)
    bind(b"randomkey", keys_randomkey)
    bind(b"dbsize", keys_dbsize)
    bind(b"flushall", keys_flush)
    bind(b"flushdb", keys_flush)
    bind(b"scan", keys_scan)
    bind(b"keys", keys_keys)
    bind(b"object|encoding", keys_object_encoding)
    bind(b"object|freq", keys_object_freq)
    bind(b"object|idletime", keys_object_idletime)
    bind(b"object|refcount", keys_object_refcount)
    bind(b"memory|usage", keys_memory_usage)
    return True


cdef bint bind_connection() except False:
    bind(b"ping", connection_ping)
    bind(b"echo", connection_echo)
    bind(b"select", connection_select)
    bind(b"auth", connection_auth)
    bind(b"hello", connection_hello)
    bind(b"time", connection_time)
    bind(b"client|id", client_id)
    bind(b"client|getname", client_getname)
    bind(b"client|setname", client_setname)
    bind(b"client|setinfo", client_setinfo)
    bind(b"client|reply", client_reply)
    bind(b"client|no-evict", client_no_evict)
    bind(b"client|no-touch", client_no_touch)
    bind(b"eval", script_eval)
    bind(b"evalsha", script_evalsha)
    bind(b"script|load", script_load)
    bind(b"script|exists", script_exists)
    bind(b"script|flush", script_flush)
    bind(b"quit", connection_quit, ROW_NOW)
    return True


cdef bint bind_admin() except False:
    for name in ("info", "command", "client|list", "client|info", "client|kill", "config|get", "config|set",
                 "config|resetstat"):
        bind(name.encode(), admin)
    for command in (*table.COMMANDS, *table.SUBCOMMANDS):
        if command.name == "help" or command.parent == "command":
            bind(command.full_name.encode(), admin)
    return True


cdef bint every_row_is_bound() except False:
    cdef int i
    for i in range(row_count):
        if rows[i].handler == NULL and not rows[i].container:
            raise ImportError(f"the command {rows[i].name!r} has no handler")
    return True


make_rows()
bind_strings()
bind_keys()
bind_connection()
bind_admin()
