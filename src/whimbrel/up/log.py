"""One log of all parts: each line with the name of who said it, in a colour of its own on a terminal.

    serve: listening on 127.0.0.1:11211            in a pipe or a file
    serve   listening on 127.0.0.1:11211           on a terminal, in columns

Idea: who reads the log may be slow or stopped (Ctrl-S, a full pipe), and the parts must not wait for that.  Lines go to
a bounded buffer and are written when there is room; what the buffer does not hold is dropped, counted and said.
What parts print is shown, not obeyed: control characters are written out.
"""

from __future__ import annotations

import errno
import os
import select
from collections import deque
from collections.abc import Mapping

PENDING_MOST = 4096  # lines that wait for who reads; some 400 KiB of them
WRITE_BYTES = 4096  # PIPE_BUF: as much as never waits once poll has said that there is room
RESET = "\x1b[0m"
CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if code != ord("\t")}
GONE = (errno.EPIPE, errno.EIO, errno.EBADF)  # who reads, or the terminal; a full disk may have room again
OWN = "up"
OWN_STYLE = "1"  # bold


class Log:
    """Lines on a file descriptor."""

    def __init__(self, output: int, styles: Mapping[str, str], environ: Mapping[str, str]) -> None:
        """`styles` has each name's SGR parameters, as in "36"."""
        self.output = output
        self.terminal = os.isatty(output)
        self.styles = {OWN: OWN_STYLE, **styles} if self.terminal and not environ.get("NO_COLOR") else {}
        self.width = max(len(name) for name in (OWN, *styles))
        self.pending: deque[bytes] = deque()
        self.dropped = 0
        self.closed = False  # nobody reads any more

    def say(self, text: str) -> None:
        """A line of our own."""
        self.line(OWN, text)

    def line(self, name: str, text: str) -> None:
        if self.closed:
            return
        if len(self.pending) >= PENDING_MOST:
            self.dropped += 1
            return
        self._tell_dropped()
        self._append(name, text)

    def _tell_dropped(self) -> None:
        if self.dropped:
            self._append(OWN, f"{self.dropped} lines are not shown: they came faster than they were read")
            self.dropped = 0

    def _append(self, name: str, text: str) -> None:
        head = f"{name:<{self.width}} " if self.terminal else f"{name}:"
        if style := self.styles.get(name):
            head = f"\x1b[{style}m{head}{RESET}"
        self.pending.append(f"{head} {text.translate(CONTROL)}\n".encode(errors="replace"))

    def room(self, wait_s: float = 0.0) -> bool:
        """Whether a write would not wait, after at most `wait_s`."""
        poll = select.poll()
        poll.register(self.output, select.POLLOUT)
        return bool(poll.poll(wait_s * 1000))

    def flush(self, wait_s: float = 0.0) -> None:
        """Write what there is room for; with `wait_s`, wait that long for room at each turn."""
        while self.pending and not self.closed and self.room(wait_s):
            try:
                self._written(os.write(self.output, self.pending[0][:WRITE_BYTES]))
            except OSError as error:
                self.closed = error.errno in GONE
                self.dropped += len(self.pending)
                self.pending.clear()

    def _written(self, size: int) -> None:
        rest = self.pending[0][size:]
        if rest:
            self.pending[0] = rest
        else:
            self.pending.popleft()

    def finish(self, wait_s: float) -> None:
        """The last lines."""
        self._tell_dropped()
        self.flush(wait_s)
