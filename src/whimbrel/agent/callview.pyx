"""A call as Python sees it; see callview.pxd."""

from libc.stdint cimport uint8_t
from whimbrel.base.slice cimport Slice
from whimbrel.summary.call cimport CALL_HTTP, Call
from whimbrel.summary.readout cimport put_text
from whimbrel.summary.template cimport Node, template_host_of

import ipaddress

from whimbrel.summary.call import OUTCOMES, PROTOCOLS, flag_names

cdef enum:
    NS_PER_MS = 1000000


cdef str address_text(const uint8_t* address, int port):
    """10.0.0.1:80 or [2001:db8::1]:80."""
    cdef bytes raw = address[:16]
    if raw.startswith(b"\0\0\0\0\0\0\0\0\0\0\xff\xff"):
        return f"{raw[12]}.{raw[13]}.{raw[14]}.{raw[15]}:{port}"
    return f"[{ipaddress.ip_address(raw)}]:{port}"


cdef str text_of(Slice s):
    """Bytes one to one: what was sent can be seen in it."""
    return (<const char*> s.ptr)[:s.len].decode("latin-1") if s.len else ""


cdef object latency_ms(const Call* call):
    """Last request byte -> last response byte; None where one of them was not seen."""
    if call.request_last_ns == 0 or call.response_last_ns == 0:
        return None
    return (call.response_last_ns - call.request_last_ns) / <double> NS_PER_MS


cdef str host_text(const Call* call, const Node* endpoint, bint reveal):
    cdef const Node* host = template_host_of(endpoint)
    return text_of(call.host) if reveal else put_text(host, False) if host != NULL else ""


cdef dict call_as_dict(const Call* call, const Node* endpoint, bint reveal):
    cdef bint http = call.protocol == CALL_HTTP
    cdef str template = put_text(endpoint, True)
    cdef dict made = {
        "ts": (call.request_first_ns or call.response_first_ns) / 1e9,
        "protocol": PROTOCOLS[call.protocol],
        "client": address_text(call.client, call.client_port),
        "server": address_text(call.server, call.server_port),
        "method": text_of(call.method) if reveal else put_text(endpoint, False),
        "host": host_text(call, endpoint, reveal) if http else "",
        "path": (text_of(call.target) if reveal else template) if http else "",
        "status": call.status,
        "request_bytes": call.request_bytes,
        "response_bytes": call.response_bytes,
        "latency_ms": latency_ms(call),
        "flags": flag_names(call.flags),
    }
    if not http:
        made["key"] = text_of(call.key) if reveal else template
        made["outcome"] = OUTCOMES[call.outcome]
    return made
