"""The running server as Python sees it: its threads, its settings, its clients and its numbers.

Everything a data path touches is plain memory that is allocated here once, before the first thread, and freed
after the last.  Questions are answered from that memory without locks: a number may be a moment old, a client
that is closing may be missing, nothing is ever torn or dangling (slabs are unmapped last).
Deliberately not: parsing options, opening sockets, deciding budgets (main.py).
"""

import threading
import time

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy
from whimbrel.base.atomic cimport load_relaxed64, store_relaxed64, store_seq64
from whimbrel.base.clock cimport precise_ns
from whimbrel.base.histogram cimport Histogram, histogram_merge
from whimbrel.net.peer import own_address, peer_address
from whimbrel.server import counters
from whimbrel.server.acceptor cimport (
    Acceptor, acceptor_free, acceptor_listen, acceptor_new, acceptor_run, acceptor_stop,
)
from whimbrel.server.contract cimport COMMANDS_MAX, RESP_COMMANDS, Conn, Settings
from whimbrel.server.counters cimport COUNTERS
from whimbrel.server.execute_resp cimport ClientWords, resp_client_words
from whimbrel.server.protocols cimport protocols_install
from whimbrel.server.session import set_server
from whimbrel.server.state cimport (
    BUSY_STRIDE, Gate, MESSAGE_KILL, MESSAGE_WAKE, STOP_DRAIN, STOP_NOW, Worker,
)
from whimbrel.server.worker cimport worker_free, worker_new, worker_run, worker_tell
from whimbrel.store.store cimport StoreHandle, StoreStats, store_stats

PROTOCOL_NAMES = ("", "memcache", "resp")
# What CONFIG SET and the like may change while the server runs, with its bounds in the words of options.py.
LIVE_SETTINGS = ("max_item", "max_connections", "idle_timeout_ms", "verbosity")


def _command_names():
    from whimbrel.protocol.memcache.commands import COMMANDS as memcache
    from whimbrel.protocol.resp.commands import COMMANDS as resp
    names = {i: ("memcache", row.name) for i, row in enumerate(memcache)}
    names.update({RESP_COMMANDS + i: ("resp", row.name.lower()) for i, row in enumerate(resp)})
    return names


cdef class Server:
    """The threads of one process: an acceptor and its workers."""
    cdef readonly StoreHandle store
    cdef readonly object options                # ServeOptions
    cdef readonly object budget                 # Budget
    cdef readonly object command_names          # index -> (protocol, name)
    cdef readonly list addresses                # of the listeners, as text
    cdef readonly double started_s              # time.monotonic()
    cdef readonly bint ready
    cdef Settings settings
    cdef Gate gate
    cdef Worker** workers
    cdef uint32_t worker_count
    cdef Acceptor* acceptor
    cdef list threads
    cdef uint64_t limit_connections             # what the slabs were made for
    cdef uint64_t limit_item
    cdef dict baseline                          # what reset_stats() subtracts

    def __cinit__(self, StoreHandle store, options, size_t side_bytes, budget=None):
        cdef uint32_t i, share
        self.store = store
        self.options = options
        self.budget = budget
        self.command_names = _command_names()
        self.threads = []
        self.addresses = []
        self.baseline = {}
        self.started_s = time.monotonic()
        self.worker_count = options.threads
        self.settings.max_item = self.limit_item = options.max_item
        self.settings.max_connections = self.limit_connections = options.max_connections
        self.settings.idle_timeout_ms = options.idle_timeout_ms
        self.settings.max_request = side_bytes // 2 - 8192   # whole pages are charged
        self.gate.workers = self.worker_count
        self.gate.busy = <uint64_t*> calloc(self.worker_count * BUSY_STRIDE, sizeof(uint64_t))
        self.workers = <Worker**> calloc(self.worker_count, sizeof(Worker*))
        if self.gate.busy == NULL or self.workers == NULL:
            raise MemoryError
        share = <uint32_t> (options.max_connections // self.worker_count + 2)  # see acceptor.pyx: differ by at most one
        for i in range(self.worker_count):
            self.workers[i] = worker_new(store.ptr, &self.settings, &self.gate, i, share, side_bytes, side_bytes)
            if self.workers[i] == NULL:
                raise OSError("no memory or descriptors for a worker")
            protocols_install(self.workers[i])
        self.acceptor = acceptor_new(&self.settings, self.workers, self.worker_count)
        if self.acceptor == NULL:
            raise OSError("no memory or descriptors for the acceptor")

    def __dealloc__(self):
        cdef uint32_t i
        acceptor_free(self.acceptor)
        if self.workers != NULL:
            for i in range(self.worker_count):
                worker_free(self.workers[i])
            free(self.workers)
        free(self.gate.busy)

    # ---- life ----

    def start(self, listeners):
        """Serve the open listeners, which stay the caller's to close after stop()."""
        set_server(self)
        for i in range(self.worker_count):
            self._spawn(f"whimbrel-worker-{i}", self._run_worker, i)
        for listener in listeners:
            if not acceptor_listen(self.acceptor, listener.socket.fileno(), not listener.address.path):
                raise OSError(f"{listener.address}: cannot be watched")
            self.addresses.append(str(listener.address))
        self._spawn("whimbrel-acceptor", self._run_acceptor)
        self.ready = True

    def _spawn(self, name, target, *arguments):
        thread = threading.Thread(target=target, args=arguments, name=name, daemon=True)
        thread.start()
        self.threads.append(thread)

    def _run_worker(self, uint32_t index):
        cdef Worker* w = self.workers[index]
        with nogil:
            worker_run(w)

    def _run_acceptor(self):
        with nogil:
            acceptor_run(self.acceptor)

    def stop(self, bint now=False):
        """Accept no more; answer what is in flight (or not); the threads end."""
        cdef uint32_t i
        self.ready = False
        acceptor_stop(self.acceptor)
        for i in range(self.worker_count):
            store_seq64(&self.workers[i].stop, STOP_NOW if now else STOP_DRAIN)
            worker_tell(self.workers[i], MESSAGE_WAKE, 0, 0)

    def join(self, timeout_s=None):
        """Whether every thread has ended within the time."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        for thread in self.threads:
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        if any(thread.is_alive() for thread in self.threads):
            return False
        set_server(None)
        return True

    # ---- settings ----

    def setting(self, str name):
        """One of LIVE_SETTINGS as a number; KeyError for another."""
        cdef uint64_t* word = self._setting(name)
        return load_relaxed64(word)

    def set_setting(self, str name, uint64_t value):
        """Change one of LIVE_SETTINGS; ValueError when it is out of what the start made room for."""
        cdef uint64_t* word = self._setting(name)
        most = {"max_item": self.limit_item, "max_connections": self.limit_connections}.get(name, 1 << 48)
        least = {"max_item": 1024, "max_connections": 1}.get(name, 0)
        if not least <= value <= most:
            raise ValueError(f"{name} must be from {least} to {most}")
        store_relaxed64(word, value)

    cdef uint64_t* _setting(self, str name) except NULL:
        if name == "max_item":
            return &self.settings.max_item
        if name == "max_connections":
            return &self.settings.max_connections
        if name == "idle_timeout_ms":
            return &self.settings.idle_timeout_ms
        if name == "verbosity":
            return &self.settings.verbosity
        raise KeyError(name)

    # ---- clients ----

    def clients(self):
        """Everybody connected, as dicts with the fields of Redis's CLIENT LIST (numbers where they are numbers)."""
        cdef uint32_t i, entry
        cdef Worker* w
        cdef Conn c
        found = []
        for i in range(self.worker_count):
            w = self.workers[i]
            for entry in range(w.slab_used):
                memcpy(&c, &w.slab[entry], sizeof(Conn))
                if c.fd < 0 or c.generation == 0:
                    continue
                addr, laddr = peer_address(c.fd), own_address(c.fd)
                if w.slab[entry].generation == c.generation:
                    found.append(self._client(i, &c, addr, laddr))
        return found

    cdef dict _client(self, uint32_t worker, Conn* c, addr, laddr):
        cdef uint64_t now_ms = <uint64_t> (precise_ns() // 1000000)
        cdef ClientWords words
        resp_client_words(c, &words)
        where = next((a for a in self.addresses if a.startswith("unix:")), "unix:") if c.unix_socket else None
        return {
            "id": c.id, "addr": f"{where}:0" if where else addr, "laddr": f"{where}:0" if where else laddr, "fd": c.fd,
            "age": max(0, <int64_t> (now_ms - c.opened_ms)) // 1000,
            "idle": max(0, <int64_t> (now_ms - c.active_ms)) // 1000,
            "flags": "U" if c.unix_socket else "N", "db": 0, "qbuf": c.kept_len, "qbuf-free": c.kept_cap - c.kept_len,
            "omem": c.tail_cap, "tot-mem": c.kept_cap + c.tail_cap + sizeof(Conn), "resp": c.resp_version,
            "protocol": PROTOCOL_NAMES[c.protocol], "tot-net-in": c.bytes_in, "tot-net-out": c.bytes_out,
            "worker": worker, "name": words.name.decode("utf-8", "replace"),
            "lib-name": words.lib_name.decode("utf-8", "replace"),
            "lib-ver": words.lib_version.decode("utf-8", "replace"),
            "multi": words.multi, "watch": words.watching,
        }

    def kill(self, uint64_t client_id):
        """Close a connection by its id; False when there is none.  It is gone within its worker's turn."""
        cdef uint32_t i, entry, generation
        cdef Worker* w
        for i in range(self.worker_count):
            w = self.workers[i]
            for entry in range(w.slab_used):
                generation = w.slab[entry].generation
                if w.slab[entry].fd >= 0 and w.slab[entry].id == client_id:
                    return worker_tell(w, MESSAGE_KILL, entry, generation)
        return False

    # ---- numbers ----

    def counter_totals(self):
        """One number per Counter, in its order, summed over the workers."""
        cdef uint32_t i
        cdef int k
        cdef uint64_t total
        totals = []
        for k in range(COUNTERS):
            total = 0
            for i in range(self.worker_count):
                total += load_relaxed64(&self.workers[i].counters[k])
            totals.append(total)
        return totals

    def store_numbers(self):
        """StoreStats as a dict."""
        cdef StoreStats s
        store_stats(self.store.ptr, &s)
        return s

    def connections(self):
        """Connections open now, per worker."""
        return [load_relaxed64(&self.workers[i].connections) for i in range(self.worker_count)]

    def buffers(self):
        """Bytes that connections hold for input, for output and as their protocol's state, per worker."""
        return [
            {"input": self.workers[i].small.used + self.workers[i].input.used,
             "output": self.workers[i].output.used, "state": self.workers[i].state.used}
            for i in range(self.worker_count)
        ]

    def acceptor_numbers(self):
        cdef Acceptor* a = self.acceptor
        return {
            "accepted": load_relaxed64(&a.accepted), "refused_limit": load_relaxed64(&a.refused_limit),
            "refused_files": load_relaxed64(&a.refused_files), "refused_behind": load_relaxed64(&a.refused_behind),
        }

    def latencies(self):
        """(protocol, command) -> Histogram of the commands that were executed at least once."""
        cdef int k
        cdef uint32_t i
        cdef Histogram merged
        found = {}
        for k, name in self.command_names.items():
            if k >= COMMANDS_MAX:
                continue
            merged = Histogram()
            for i in range(self.worker_count):
                if load_relaxed64(&self.workers[i].latency[k].count):
                    histogram_merge(&merged.data, &self.workers[i].latency[k])
            if merged.data.count:
                found[name] = merged
        return found

    def command_counts(self):
        """(protocol, command) -> requests, of the commands that were executed at least once."""
        cdef int k
        cdef uint32_t i
        cdef uint64_t total
        found = {}
        for k, name in self.command_names.items():
            total = 0
            for i in range(self.worker_count):
                total += load_relaxed64(&self.workers[i].latency[k].count)
            if total:
                found[name] = total
        return found

    def waits(self):
        """Histogram of the time from loop_wait's return to the start of a connection's read."""
        cdef uint32_t i
        cdef Histogram merged = Histogram()
        for i in range(self.worker_count):
            histogram_merge(&merged.data, self.workers[i].waited)
        return merged

    def totals(self):
        """Counter name -> number since the start (never reset: these are what /metrics shows)."""
        numbers = dict(zip(counters.NAMES, self.counter_totals()))
        numbers.update(self.acceptor_numbers())
        return numbers

    def stats(self):
        """Counter name -> number since the start or the last reset_stats(), and gauges."""
        numbers = {name: n - self.baseline.get(name, 0) for name, n in self.totals().items()}
        numbers["connections"] = sum(self.connections())
        numbers["uptime_s"] = time.monotonic() - self.started_s
        numbers["commands"] = {
            name: n - self.baseline.get(name, 0) for name, n in self.command_counts().items()
        }
        numbers["store"] = self.store_numbers()
        return numbers

    def reset_stats(self):
        """Let stats() begin again at 0."""
        self.baseline = {**self.totals(), **self.command_counts()}

    def memcache_facts(self):
        """What memcached's `stats settings` shows of the process."""
        tcp = [a for a in self.addresses if not a.startswith("unix:")]
        unix = [a.removeprefix("unix:") for a in self.addresses if a.startswith("unix:")]
        return {
            "memory_bytes": self.options.memory_bytes, "threads": self.worker_count,
            "tcp_port": int(tcp[0].rpartition(":")[2]) if tcp else 0,
            "address": tcp[0].rpartition(":")[0] if tcp else "NULL",
            "unix_path": unix[0] if unix else "NULL", "eviction": self.options.eviction,
        }
