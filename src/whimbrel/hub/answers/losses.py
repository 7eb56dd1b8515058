"""What agents could not see or had to give up, by the counter that says so, and what that means for the numbers."""

from __future__ import annotations

from collections.abc import Mapping

from whimbrel.hub.answers.shapes import LossLine

# In the order of a packet's way.  A counter that is not here says what was seen, not what was lost.
LOSSES = {
    "kernel_drops": "packets the kernel had no room for: calls in them are missing or have gaps",
    "frames_cut": "packets longer than what is looked at of each: bodies have gaps",
    "frames_bad": "packets that are damaged",
    "fragments_lost": "pieces of packets whose rest never came",
    "packets_refused": "packets for which the agent had no memory",
    "half_open_dropped": "connection attempts that were forgotten to make room",
    "flows_evicted": "connections that were given up for newer ones: their open calls have no response",
    "flows_sampled_out": "connections that were not followed for want of memory: counts are scaled by the sample",
    "implausible_segments": "packets that fit no connection they claim to be of",
    "gaps": "places where bytes of a connection are missing",
    "gap_bytes": "bytes missing there",
    "lost_messages": "requests or responses lost to gaps",
    "resyncs": "times a connection was understood again after a gap",
    "untyped_bodies": "bodies that were not looked into, under memory pressure: their schemas learn less",
    "unpaired": "requests or responses that could not be told to belong together: their calls have no latency",
    "pending_dropped": "requests that found no room to wait for their response",
    "keys_dropped": "calls that are missing, of commands with more keys than there was room for",
    "malformed": "messages that are not what their protocol allows",
    "arena_refused": "times memory was refused",
    "pressure_bodies": "times bodies were no longer looked into",
    "pressure_pairs": "times requests and responses were no longer told apart",
    "pressure_flows": "times fewer connections were followed",
    "window_other_calls": "calls without a row of their own: they are in the endpoint {other}",
    "window_edges_lost": "calls and connections that are missing in the map",
    "window_edges_unnamed": "calls whose host the map does not tell: too many of one client at one server",
    "window_shapes_refused": "bodies from which no schema was learnt, for want of memory",
    "window_shapes_restarted": "schemas that grew too large and were begun anew",
    "window_caches_lost": "reads of cache servers beyond those that have a miss-ratio curve",
    "template_refused": "paths or keys that found no place among templates",
}


def losses(counts: Mapping[str, int]) -> list[LossLine]:
    """Those that happened."""
    return [
        LossLine(name=name, count=counts[name], meaning=meaning)
        for name, meaning in LOSSES.items()
        if counts.get(name, 0) > 0
    ]
