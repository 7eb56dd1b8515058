"""Methods that are in use: those of RFC 9110 and 5789, the registry's that servers offer, and a few of the street.

Any token is a method; what is known here is only believed with less evidence: where a request without version stands,
where a message begins after a gap, and which protocol a flow speaks.  That a method is missing costs certainty, never
a request that is complete.
"""

METHODS: tuple[str, ...] = (
    *("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "CONNECT", "TRACE", "QUERY"),
    # WebDAV and its relatives
    *("PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "SEARCH", "REPORT", "ACL", "BIND", "UNBIND"),
    *("REBIND", "MKACTIVITY", "MKCALENDAR", "MKWORKSPACE", "CHECKIN", "CHECKOUT", "UNCHECKOUT", "VERSION-CONTROL"),
    *("BASELINE-CONTROL", "MERGE", "LABEL", "UPDATE", "ORDERPATCH", "UPDATEREDIRECTREF", "MKREDIRECTREF"),
    # caches, UPnP, links, and two of Windows'
    *("PURGE", "BAN", "REFRESH", "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "M-SEARCH", "LINK", "UNLINK"),
    *("CCM_POST", "RPC_IN_DATA", "RPC_OUT_DATA"),
)
