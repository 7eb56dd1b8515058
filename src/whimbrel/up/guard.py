"""The process that ends the parts when `whimbrel up` cannot: it was killed, or crashed.

    python -I -S guard.py < PIPE        leads the process group that all parts are in

Idea: the other end of its standard input is held by `up` alone.  When it closes and nobody has ended this process,
`up` is gone: whatever is in the group is asked to end, and killed if it does not.  (The kernel's own
PR_SET_PDEATHSIG would not do: it is forgotten by a process that changes its user or has a capability, as `watch`.)

The group is what makes it certain: a part is in it before it runs, and so is what parts start.  For `up`, to kill the
group is to end everything at once.  This file imports nothing of ours, so that it stays small.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

GRACE_S = 10.0  # to send what is left, close files
LOOK_S = 0.05
DEAF = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)  # what is for the group is not for it


class Guard:
    """The guard's process, seen from `up`."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            process_group=0,
        )

    @property
    def group(self) -> int:
        """What a part is to be started in."""
        return self.process.pid

    def kill(self) -> None:
        """End everything in the group, the guard too."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.group, signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()


def others(group: int) -> list[int]:
    """Processes of the group that have not ended, but this one."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            state, _, its_group = entry.joinpath("stat").read_bytes().rpartition(b")")[2].split()[:3]
        except OSError:  # it ended meanwhile
            continue
        if int(its_group) == group and state != b"Z":
            found.append(int(entry.name))
    return found


def end_group(group: int, grace_s: float) -> None:
    """Ask, wait, kill."""
    os.killpg(group, signal.SIGTERM)
    end_s = time.monotonic() + grace_s
    while others(group) and time.monotonic() < end_s:
        time.sleep(LOOK_S)
    os.killpg(group, signal.SIGKILL)


def main() -> None:
    for number in DEAF:
        signal.signal(number, signal.SIG_IGN)
    while sys.stdin.buffer.read(4096):
        pass
    end_group(os.getpgrp(), GRACE_S)


if __name__ == "__main__":
    main()
