"""The agent's data path in one object: packets go in, calls and windows come out.

    file | ring -> Packet -> decode -> Segment -> flow table -> conversations -> Call -> window -> close_window()
                                                                                   `-> on_call (with the GIL)

Everything that traffic can make it keep lives in one arena.  When that fills up, something is given up, in this
order, and counted: bodies are no longer typed; calls are counted but not told apart; flows are sampled.  It is
taken up again when there is room.  Whatever was lost is in counts(), by name, since the start.

Time is the capture's: of a file its packets', live the wall clock's, which they carry.  It only goes forward; a time
that jumps is believed when the next packets say so, too (another file, a clock that was set), not for one packet that
is damaged.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from whimbrel.agent.callview cimport call_as_dict
from whimbrel.agent.conversation cimport TalkCounts, TlsSeen, talk_data, talk_gap, talk_half, talk_over
from whimbrel.base.arena cimport arena_close, arena_init
from whimbrel.base.clock cimport precise_ns, wall_ms
from whimbrel.capture.bpf cimport Filter, filter_accepts
from whimbrel.capture.decode cimport (
    DECODED_BAD, DECODED_CUT, DECODED_OTHER, DECODED_TCP, Segment, decode, decoder_close, decoder_init)
from whimbrel.capture.files cimport PacketReader
from whimbrel.capture.flow cimport (
    Flow, FlowCounts, FlowSink, flow_segment, flow_table_close, flow_table_init, flow_tick)
from whimbrel.capture.packet cimport Packet
from whimbrel.capture.records cimport READ_FILL, READ_PACKET, Read
from whimbrel.capture.ring cimport RING_HOLD_MS, Ring
from whimbrel.summary.call cimport Call
from whimbrel.summary.readout cimport window_close, window_counts, window_forget_told
from whimbrel.summary.template cimport Node, templates_free, templates_new, templates_set_key
from whimbrel.summary.window cimport (
    WINDOW_HTTP2, WINDOW_NS, WINDOW_OPAQUE, window_call, window_edge, window_free, window_new, window_tls)

import os

COUNT_NAMES = (
    "packets", "wire_bytes", "filtered_packets", "kernel_drops",
    "pressure_bodies", "pressure_pairs", "pressure_flows",
)

LEVELS = ("arena_peak_bytes", "template_nodes")     # not counters: what is now

cdef enum:
    FLOWS_MAX = 1 << 20             # the arena is the bound that is met first
    WAIT_MS = 20                    # for packets, where a ring has none
    NS_PER_MS = 1000000
    DRAIN_NS = 500000000            # of what the rings still hold at the end
    ASTRAY_PACKETS = 16             # in a row that say the same
    SAMPLE_STEP_NS = 1000000000     # between two changes of the sampling rate: what it frees takes time

cdef extern from *:                 # wider than int, so in no enum: docs/development.md
    """
    #define BACK_NS INT64_C(10000000000)
    #define AHEAD_NS INT64_C(3600000000000)
    """
    const int64_t BACK_NS           # what packets may be late: merged files, several interfaces
    const int64_t AHEAD_NS          # what time may pass between two packets before it is called a jump: an hour


# What the layers below call

cdef void heard_call(void* context, const Call* call) noexcept nogil:
    cdef Ear* ear = <Ear*> context
    cdef Node* endpoint = window_call(ear.window, call)
    if ear.calls_wanted:
        with gil:
            (<Engine> ear.engine).report(call, endpoint)


cdef void heard_tls(void* context, const Flow* f, const TlsSeen* seen) noexcept nogil:
    window_tls((<Ear*> context).window, f.ends[0].address, f.ends[1].address, f.ends[1].port, seen.version,
               seen.server_name, seen.server_name_len, seen.alpn, seen.alpn_len)


cdef void heard_unread(void* context, const Flow* f, int client, bint http2) noexcept nogil:
    window_edge((<Ear*> context).window, f.ends[client].address, f.ends[1 - client].address, f.ends[1 - client].port,
                WINDOW_HTTP2 if http2 else WINDOW_OPAQUE, 0)


cdef class Engine:
    """Packets in; calls and windows out.  One thread at a time.

    `key`: the install's, 32 bytes.  `reveal`: calls come with what was sent; for this host's eyes only.
    Raises MemoryError when the arena cannot be mapped.
    """

    def __cinit__(self, *, size_t arena_bytes, bytes key, uint32_t reveal_calls, bint reveal=False, on_call=None):
        cdef FlowSink sink
        self.filters = {}
        self.filter_link = -1
        self.on_call = on_call
        self.reveal = reveal
        self.told = {}
        if not arena_init(&self.arena, arena_bytes):
            raise MemoryError(f"no address space for an arena of {arena_bytes} bytes")
        self.talk.arena = &self.arena
        self.talk.seed = int.from_bytes(os.urandom(8), "little")     # what must be the same again comes of the key
        self.talk.sink = heard_call
        self.talk.tls = heard_tls
        self.talk.unread = heard_unread
        self.talk.context = &self.ear
        sink.context = &self.talk
        sink.data = talk_data
        sink.gap = talk_gap
        sink.half = talk_half
        sink.over = talk_over
        self.open_parts(key, reveal_calls, &sink)
        self.ear.engine = <void*> self
        self.ear.calls_wanted = on_call is not None

    cdef open_parts(self, bytes key, uint32_t reveal_calls, const FlowSink* sink):
        self.templates = templates_new(&self.arena, self.talk.seed, reveal_calls)
        if self.templates != NULL:
            templates_set_key(self.templates, key, len(key))
            self.ear.window = window_new(&self.arena, self.templates, self.talk.seed)
        self.decoding = self.ear.window != NULL and decoder_init(&self.decoder, &self.arena)
        self.opened = self.decoding and flow_table_init(&self.flows, &self.arena, sink, FLOWS_MAX)
        if not self.opened:
            raise MemoryError(f"an arena of {self.arena.size_bytes} bytes is too small")

    def close(self):
        """What is under way is dropped; finish() first hands it over."""
        if self.opened and not self.finished:
            self.ear.calls_wanted = False
            flow_table_close(&self.flows)
        self.opened = False
        if self.decoding:
            decoder_close(&self.decoder)
        self.decoding = False
        if self.ear.window != NULL:
            window_free(self.ear.window)
        self.ear.window = NULL
        if self.templates != NULL:
            templates_free(self.templates)
        self.templates = NULL
        arena_close(&self.arena)

    def __dealloc__(self):
        self.close()

    # Packets

    cdef void take(self, const Packet* p) noexcept nogil:
        cdef Segment segment
        self.counted[ENGINE_PACKETS] += 1
        self.counted[ENGINE_WIRE_BYTES] += p.wire_len
        self.see(p.time_ns)
        if decode(&self.decoder, p, &segment) == DECODED_TCP:
            flow_segment(&self.flows, &segment)

    cdef void see(self, int64_t time_ns) noexcept nogil:
        if self.seen_ns - BACK_NS <= time_ns <= self.seen_ns + AHEAD_NS:
            self.seen_ns = max(self.seen_ns, time_ns)
            self.astray = 0
            return
        self.astray += 1
        if self.seen_ns == 0 or self.astray == ASTRAY_PACKETS:
            self.seen_ns = time_ns
            self.astray = 0

    cdef bint due(self) noexcept nogil:
        """The first packet opens a window, at a whole ten seconds; time that jumped back ends one, too."""
        if self.window_end_ns == 0 and self.seen_ns:
            self.window_end_ns = self.seen_ns - self.seen_ns % WINDOW_NS + WINDOW_NS
        return self.window_end_ns != 0 and (
            self.seen_ns >= self.window_end_ns or self.seen_ns < self.window_end_ns - WINDOW_NS - BACK_NS)

    cdef bint passes(self, const Packet* p) noexcept nogil:
        """A file's filter; the kernel has applied a ring's."""
        if self.filter_link != p.link:
            with gil:
                self.filter_for(p.link)
        if self.filter is None or filter_accepts(self.filter, p.data, p.wire_len, p.len):
            return True
        self.counted[ENGINE_FILTERED] += 1
        return False

    cdef void filter_for(self, int link) noexcept:
        """The program for this link type, made when its first packet comes."""
        self.filter_link = link
        if self.make_filter is None:
            self.filter = None
            return
        try:
            if link not in self.filters:
                self.filters[link] = Filter(self.make_filter(link))
            self.filter = self.filters[link]
        except Exception as error:  # raised by read(), which called us without the GIL
            self.failure = self.failure or error
            self.filter = None

    def read(self, PacketReader reader, make_filter, uint64_t packets):
        """Up to so many packets of a file, or to the end of a window; False at the file's end.

        `make_filter`: link type -> BPF program (capture/filter.py).  Raises what on_call raised.
        """
        cdef Packet p
        cdef Read answer = READ_PACKET
        cdef uint64_t taken = 0
        self.check()
        if make_filter is not self.make_filter:
            self.make_filter = make_filter
            self.filters.clear()
            self.filter_link = -1
        with nogil:
            while taken < packets and not self.due() and self.failure is None:
                answer = reader.next(&p)
                if answer == READ_FILL:
                    with gil:
                        reader.fill()
                    continue
                if answer != READ_PACKET:
                    break
                taken += 1
                if self.passes(&p):
                    self.take(&p)
                if taken % SLICE_PACKETS == 0:
                    self.relieve()
            self.relieve()
        self.raise_failure()
        return answer == READ_PACKET or answer == READ_FILL

    def capture(self, Ring ring, int64_t until_ns):
        """Live packets until this monotonic time (ns), a signal, or a window's end; how many."""
        cdef uint64_t taken = 0
        cdef uint64_t now
        self.check()
        with nogil:
            while self.failure is None and precise_ns() < until_ns:
                now = self.take_slice(ring)
                taken += now
                self.see((wall_ms() - RING_HOLD_MS) * NS_PER_MS)        # time passes without packets, too
                self.relieve()
                if self.due() or (now == 0 and ring.wait(WAIT_MS) < 0):
                    break
            self.count_drops(ring)
        self.raise_failure()
        return taken

    def drain(self, Ring ring):
        """What the rings still hold when capturing ends; half a second of it at most."""
        cdef int64_t until_ns = precise_ns() + DRAIN_NS
        with nogil:
            while self.failure is None and precise_ns() < until_ns:
                if self.take_slice(ring) == 0 and ring.wait(2 * RING_HOLD_MS) <= 0:
                    break
            self.count_drops(ring)
        self.raise_failure()

    cdef void count_drops(self, Ring ring) noexcept nogil:
        cdef uint64_t packets, drops
        ring.totals(&packets, &drops)
        self.counted[ENGINE_KERNEL_DROPS] = drops

    cdef uint64_t take_slice(self, Ring ring) noexcept nogil:
        cdef Packet p
        cdef uint64_t taken = 0
        while taken < SLICE_PACKETS and ring.next(&p):
            self.take(&p)
            taken += 1
        return taken

    cdef void relieve(self) noexcept nogil:
        """Time passes for flows; what is given up follows the arena."""
        cdef int share = <int> (self.arena.used_bytes * 100 // self.arena.size_bytes)
        flow_tick(&self.flows, self.seen_ns)
        self.level(1, share, PRESSURE_BODIES, ENGINE_PRESSURE_BODIES)
        self.level(2, share, PRESSURE_PAIRS, ENGINE_PRESSURE_PAIRS)
        if share >= PRESSURE_FLOWS and self.flows.sample < SAMPLE_MAX:
            if self.seen_ns - self.sampled_ns >= SAMPLE_STEP_NS:
                self.flows.sample = self.flows.sample * 2 if self.flows.sample else 2
                self.sampled_ns = self.seen_ns
                self.counted[ENGINE_PRESSURE_FLOWS] += 1
        elif share < PRESSURE_FLOWS - PRESSURE_BACK and self.flows.sample > 1:
            if self.seen_ns - self.sampled_ns >= SAMPLE_STEP_NS:
                self.flows.sample //= 2
                self.sampled_ns = self.seen_ns

    cdef void level(self, int step, int share, int up, int counter) noexcept nogil:
        if share >= up and self.talk.pressure < step:
            self.talk.pressure = step
            self.counted[counter] += 1
        elif share < up - PRESSURE_BACK and self.talk.pressure >= step:
            self.talk.pressure = step - 1

    def finish(self):
        """End of input: flows end, what is under way is handed over as far as it goes."""
        self.check()
        self.finished = True
        with nogil:
            flow_table_close(&self.flows)
        self.raise_failure()

    cdef check(self):
        if not self.opened or self.finished:
            raise ValueError("this Engine is closed")

    cdef raise_failure(self):
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure

    # What comes out

    cdef void report(self, const Call* call, const Node* endpoint) noexcept:
        if self.failure is not None:
            return
        try:
            self.on_call(call_as_dict(call, endpoint, self.reveal))
        except Exception as error:  # raised by read, capture or finish, whose loop ends for it
            self.failure = error

    @property
    def now_ns(self):
        return self.seen_ns

    def window_due(self):
        """A window's 10 s of capture time are over, and something is to be read out."""
        return self.due()

    def close_window(self, bint explain=False):
        """The window's content; see summary/batch.py.  The next one begins.

        `explain`: it also has `explained`, for each of its strings why it may leave.
        """
        cdef list explained = [] if explain else None
        cdef int64_t end_ns
        self.due()
        end_ns = self.window_end_ns or WINDOW_NS
        content = window_close(self.ear.window, end_ns - WINDOW_NS, end_ns, explained)
        content["sample"] = self.sample
        content["counts"] = self.counted_since()
        if explain:
            content["explained"] = explained
        self.window_end_ns = 0          # the next packet's time, or the clock, opens the next one
        return content

    cdef dict counted_since(self):
        """What was counted since the last window: windows add up, whichever of them is lost."""
        cdef dict now = self.counts()
        since = {name: count - self.told.get(name, 0) for name, count in now.items() if name not in LEVELS}
        self.told = now
        return since | {name: now[name] for name in LEVELS}

    def forget_told(self):
        """A batch was lost: the next window tells every schema anew, not only those that changed."""
        window_forget_told(self.ear.window)

    def counts(self):
        """Everything counted and everything lost since the start, by name."""
        cdef const FlowCounts* f = &self.flows.counts
        cdef const TalkCounts* t = &self.talk.counts
        cdef dict counted = {name: self.counted[i] for i, name in enumerate(COUNT_NAMES)}
        counted.update(
            frames_tcp=self.decoder.counts[DECODED_TCP], frames_other=self.decoder.counts[DECODED_OTHER],
            frames_cut=self.decoder.counts[DECODED_CUT], frames_bad=self.decoder.counts[DECODED_BAD],
            fragments_lost=self.decoder.fragments_lost, fragments_differ=self.decoder.fragments_differ,
            segments=f.segments, flows=f.flows, half_open=f.half_open, half_open_dropped=f.half_open_dropped,
            flows_evicted=f.evicted, packets_refused=f.refused, flows_sampled_out=f.sampled_out, gaps=f.gaps,
            gap_bytes=f.gap_bytes, duplicates=f.duplicates, overlaps_differ=f.overlaps_differ,
            out_of_order=f.out_of_order, calls=t.calls, flows_http=t.flows_http, flows_memcache=t.flows_memcache,
            flows_redis=t.flows_redis, flows_tls=t.flows_tls, flows_http2=t.flows_http2,
            flows_opaque=t.flows_opaque, untyped_bodies=t.untyped_bodies, unpaired=t.unpaired, resyncs=t.resyncs,
            lost_messages=t.lost_messages, pending_dropped=t.pending_dropped, keys_dropped=t.keys_dropped,
            malformed=t.malformed, implausible_segments=f.implausible, arena_refused=self.arena.refused,
            arena_peak_bytes=self.arena.peak_bytes,
        )
        counted.update(window_counts(self.ear.window))
        return counted

    @property
    def pressure(self):
        """0 nothing is given up, 1 bodies, 2 and calls are not told apart, 3 and flows are sampled."""
        return 3 if self.flows.sample > 1 else self.talk.pressure

    @property
    def sample(self):
        """One flow in this many is followed."""
        return max(self.flows.sample, 1)

    @property
    def arena_used(self):
        return self.arena.used_bytes

    @property
    def arena_peak(self):
        return self.arena.peak_bytes
