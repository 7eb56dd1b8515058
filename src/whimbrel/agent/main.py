"""`whimbrel watch`: what is opened, in order, and how it ends.

    options -> rights -> state -> where batches go -> memory plan -> engine -> files | interfaces -> windows -> the end

Files are read to their end.  Interfaces are watched until a signal or --duration: the ring is opened, then privileges
are dropped, then threads start.  At the end the last window is delivered, what is in the spool is offered to the hub
once more, and what was asked for is printed.
"""

from __future__ import annotations

import errno
import os
import signal
import stat
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, BinaryIO

from whimbrel import __version__
from whimbrel.agent import budget
from whimbrel.agent.calls import CallPrinter
from whimbrel.agent.engine import Engine
from whimbrel.agent.options import ROWS, WatchOptions, sends_in_the_clear
from whimbrel.agent.report import Report
from whimbrel.agent.spool import Spool
from whimbrel.agent.state import State, forgotten, open_state, read_token
from whimbrel.agent.usage import Usage
from whimbrel.base.errors import UsageError
from whimbrel.base.options import load
from whimbrel.base.process import prepare_process, resident_bytes
from whimbrel.capture.files import open_capture
from whimbrel.summary.explained import Explained

if TYPE_CHECKING:
    from whimbrel.agent.delivery import Behind, Delivery
    from whimbrel.agent.upload import Hub, Uploader
    from whimbrel.capture.ring import Ring

TURN_PACKETS = 65536  # of a file between two looks at the clock and at signals
TURN_NS = 100_000_000  # of capturing between the same
GOODBYE_S = 5.0  # to offer the hub what is left
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
INTERRUPTED = 130  # the exit code of a file that was not read to its end


def main(argv: Sequence[str], environ: Mapping[str, str] | None = None) -> int:
    """Watch; the exit code.  UsageError and HelpRequested are the caller's to print."""
    options = WatchOptions.of(load("watch", ROWS, argv, os.environ if environ is None else environ))
    prepare_process()
    check_rights(options)
    with ExitStack() as opened:
        watch = Watch(options, opened)
        if options.live:
            return watch.interfaces()
        return watch.files()


# In order


def check_rights(options: WatchOptions) -> None:
    if options.live:
        from whimbrel.capture.privilege import capture_rights

        if (missing := capture_rights()) is not None:
            raise UsageError(missing)


def check_files(names: Sequence[str]) -> None:
    """Before the first is read: what is there may take a while.  Opening is not tried, since a pipe would wait."""
    for name in names:
        if name == "-":
            continue
        try:
            mode = Path(name).stat().st_mode
        except OSError as error:
            raise UsageError(f"{name}: {error.strerror}") from None
        if stat.S_ISDIR(mode):
            raise UsageError(f"{name}: {os.strerror(errno.EISDIR)}")


def open_kept(options: WatchOptions, opened: ExitStack) -> State:
    """The install's key and directory, or a key for this run."""
    state = open_state(options.state) if options.keeps_state else forgotten()
    opened.callback(state.close)
    return state


def open_out(path: str | None, opened: ExitStack) -> BinaryIO | None:
    if path is None:
        return None
    if path == "-":
        raise UsageError("--out: '-' is not a file, and batches are not text; name a file")
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UsageError(f"--out: {path!r}: {error.strerror}") from None
    return opened.enter_context(os.fdopen(handle, "ab", buffering=0))


def open_delivery(state: State, out: BinaryIO | None, spool: Spool | None) -> Delivery | None:
    if out is None and spool is None:
        return None
    try:
        from whimbrel.agent.delivery import Delivery  # encoding is memory that only a sender needs
    except ModuleNotFoundError as error:
        raise UsageError(f"--hub and --out need the package {error.name}: pip install 'whimbrel[watch]'") from None
    return Delivery(state.agent, out, spool, say)


def open_hub(options: WatchOptions) -> Hub | None:
    if options.hub is None or options.token_file is None:
        return None
    from whimbrel.agent.upload import Hub  # http.client and ssl are memory that only a sender needs

    if sends_in_the_clear(options.hub):
        say(f"warning: --hub {options.hub}: token and summaries cross the network unencrypted; use https")
    return Hub(options.hub, read_token(options.token_file))


def open_spool(state: State, options: WatchOptions) -> Spool:
    try:
        return Spool(state.spool, options.spool_bytes)
    except OSError as error:
        raise UsageError(f"--state: {str(state.spool)!r}: {error.strerror}") from None


def memory_plan(options: WatchOptions, delivers: bool) -> budget.Budget:
    """After everything that costs memory by being imported, or cannot be read any more without privileges."""
    from whimbrel.summary.coding import decoder_of

    for coding in ("gzip", "br", "zstd"):
        decoder_of(coding)
    if options.live:
        import whimbrel.capture.filter
        import whimbrel.capture.privilege
        import whimbrel.capture.ring  # noqa: F401
    return budget.plan(options.memory_bytes, resident_bytes(), live=options.live, delivers=delivers)


def open_ring(options: WatchOptions, ring_bytes: int) -> Ring:
    from whimbrel.capture.interfaces import default_interfaces
    from whimbrel.capture.ring import Ring

    names = list(options.interfaces) or default_interfaces()
    return Ring(names, filter_of(options), ring_bytes, options.snaplen)


def filter_of(options: WatchOptions) -> Callable[[int], bytes] | None:
    """Link type -> program."""
    if options.filter is None:
        return None
    from whimbrel.capture.filter import compile_filter

    return partial(compile_filter, options.filter)


def drop(options: WatchOptions, state: State) -> None:
    """Before the first thread, and before the first byte of traffic is looked at."""
    from whimbrel.capture.privilege import drop_privileges

    drop_privileges(options.user or "nobody", state.places)


def say(text: str) -> None:
    print(f"whimbrel: {text}", file=sys.stderr, flush=True)


class Watch:
    """One run."""

    def __init__(self, options: WatchOptions, opened: ExitStack) -> None:
        self.options, self.opened = options, opened
        self.stopping = False
        self.state = open_kept(options, opened)
        out = open_out(options.out, opened)
        self.hub = open_hub(options)
        self.spool = open_spool(self.state, options) if self.hub else None
        delivery = open_delivery(self.state, out, self.spool)
        self.delivery: Delivery | Behind | None = delivery
        self.plan = memory_plan(options, self.delivery is not None)
        self.printer = CallPrinter() if options.calls else None
        self.report = Report(options, self.plan.report)
        self.uploader: Uploader | None = None
        self.usage = Usage()

    def open_engine(self) -> Engine:
        engine = Engine(
            arena_bytes=self.plan.arena,
            key=self.state.key,
            reveal_calls=self.options.reveal_calls,
            reveal=self.options.reveal,
            on_call=self.printer,
        )
        self.opened.callback(engine.close)
        return engine

    def start_delivery(self) -> None:
        """From here on in a thread of its own."""
        if self.delivery is not None:
            from whimbrel.agent.delivery import Behind, Delivery

            assert isinstance(self.delivery, Delivery)
            self.delivery = Behind(self.delivery)

    def start_uploads(self) -> None:
        if self.hub is not None and self.spool is not None:
            from whimbrel.agent.upload import Uploader

            self.uploader = Uploader(self.spool, self.hub, say)
            self.uploader.start()

    def catch_signals(self) -> None:
        def stop(_number: int, _frame: FrameType | None) -> None:
            self.stopping = True

        for number in STOP_SIGNALS:
            self.opened.callback(signal.signal, number, signal.signal(number, stop))

    # ---- files

    def files(self) -> int:
        check_files(self.options.files)
        engine = self.open_engine()
        self.start_uploads()
        self.catch_signals()
        for name in self.options.files:
            if not self.stopping:
                self.read(engine, name)
        if self.stopping:
            say("interrupted: this is what was read until then")
        engine.finish()
        self.close_window(engine)
        self.end(engine)
        return INTERRUPTED if self.stopping else self.code()

    def read(self, engine: Engine, name: str) -> None:
        with open_capture(name) as reader:
            make_filter = filter_of(self.options)
            while engine.read(reader, make_filter, TURN_PACKETS) and not self.stopping:
                if engine.window_due():
                    self.close_window(engine)
                self.flush()
                self.report.progress(reader, engine)
            self.report.progress_ends()
            if reader.error and not reader.format:
                raise UsageError(f"{name}: {reader.error}")
            if reader.error:
                say(f"warning: {name}: {reader.error}")
            if reader.unknown_links:
                links = ", ".join(map(str, reader.unknown_links))
                say(f"warning: {name}: packets of link type {links} are not read")

    # ---- interfaces

    def interfaces(self) -> int:
        ring = open_ring(self.options, self.plan.ring)
        self.opened.callback(ring.close)
        drop(self.options, self.state)
        say(f"watching {', '.join(ring.drops())}")
        engine = self.open_engine()
        self.start_delivery()
        self.start_uploads()
        self.catch_signals()
        self.capture(engine, ring)
        engine.drain(ring)
        engine.finish()
        self.close_window(engine)
        self.end(engine)
        return self.code()

    def capture(self, engine: Engine, ring: Ring) -> None:
        now_ns = time.monotonic_ns()
        end_ns = now_ns + round(self.options.duration_s * 1e9) if self.options.duration_s else None
        while not self.stopping and (end_ns is None or now_ns < end_ns):
            turn_ns = now_ns + TURN_NS
            engine.capture(ring, turn_ns if end_ns is None else min(turn_ns, end_ns))
            if engine.window_due() or self.report.wants_window(self.delivery is not None):
                self.close_window(engine)
            self.flush()
            now_ns = time.monotonic_ns()

    # ---- both

    def close_window(self, engine: Engine) -> None:
        window = engine.close_window(explain=self.options.explain)
        if window.get("explained"):
            window["explained"].append(Explained(self.state.agent, "agent", 0, "token"))
            window["explained"].append(Explained(__version__, "program", 0, "own"))
        self.report.window(window, engine)
        if self.delivery is not None:
            window |= self.usage.since()
            self.tell_refused(self.delivery)
            self.delivery.window(window)
            if self.delivery.lost_any():
                engine.forget_told()

    def tell_refused(self, delivery: Delivery | Behind) -> None:
        """Batches that the hub would not have are a loss like any other."""
        if self.uploader is not None and (refused := self.uploader.take_refused()) != (0, 0):
            delivery.lose(*refused)

    def flush(self) -> None:
        if self.printer is not None:
            self.printer.flush_if_due()

    def code(self) -> int:
        """1 where something was lost on the way out that no batch tells."""
        return int(self.delivery is not None and self.delivery.failed)

    def end(self, engine: Engine) -> None:
        """Deliver, offer, print."""
        if self.printer is not None:
            self.printer.flush()
        if self.delivery is not None:
            self.delivery.finish()
        if self.uploader is not None and self.spool is not None:
            self.uploader.finish(GOODBYE_S)
            if self.spool.count:
                waiting = "1 batch waits" if self.spool.count == 1 else f"{self.spool.count:,} batches wait"
                say(f"{waiting} in {str(self.spool.path)!r} for the next run")
        self.report.end(engine)
