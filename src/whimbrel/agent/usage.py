"""What the agent itself costs, as its batches say it: processor time of the window, and memory."""

from __future__ import annotations

import time

from whimbrel.base.process import resident_bytes


class Usage:
    """Of the whole process, threads and start-up included."""

    def __init__(self) -> None:
        self.told_ns = 0

    def since(self) -> dict[str, int]:
        """Fields of a batch; the next ones begin here."""
        before, self.told_ns = self.told_ns, time.process_time_ns()
        return {"cpu_ns": self.told_ns - before, "resident_bytes": resident_bytes()}
