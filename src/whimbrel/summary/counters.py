"""What the counters of a batch say that tell what was seen; those of losses are explained where they are shown, in
hub/answers/losses.py.  Of a window, but for the two that say what is now."""

SEEN = {
    "packets": "packets that were looked at",
    "wire_bytes": "their bytes, as they were on the wire",
    "filtered_packets": "packets of a file that --filter left out; those of interfaces the kernel leaves out uncounted",
    "frames_tcp": "packets with TCP in them",
    "frames_other": "packets with anything else",
    "fragments_differ": "pieces of packets that came twice, with other bytes; the first counts",
    "segments": "pieces of TCP connections",
    "flows": "connections",
    "half_open": "connection attempts",
    "duplicates": "segments with nothing new: retransmissions, or packets that were captured twice",
    "overlaps_differ": "segments that came twice, with other bytes; the first counts",
    "out_of_order": "segments before which others were still missing",
    "calls": "calls, of all protocols",
    "flows_http": "connections by what they speak: HTTP/1",
    "flows_memcache": "memcache",
    "flows_redis": "Redis",
    "flows_tls": "TLS",
    "flows_http2": "HTTP/2, which is not looked into",
    "flows_opaque": "anything else, upgrades and tunnels included",
    "arena_peak_bytes": "the most memory in use so far, of what --memory leaves for traffic",
    "window_calls": "calls that were put into a window",
    "window_dropped": "endpoints that were forgotten, because nobody had called them for an hour",
    "template_nodes": "pieces of paths, keys and hosts that are known now",
    "template_collapsed": "times that different words in one place were found to be values of a parameter",
}
