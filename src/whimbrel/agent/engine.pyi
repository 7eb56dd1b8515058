from collections.abc import Callable, Mapping
from typing import Any

from whimbrel.capture.files import PacketReader
from whimbrel.capture.ring import Ring

class Engine:
    """Packets in; calls and windows out.  One thread at a time."""

    def __init__(
        self,
        *,
        arena_bytes: int,
        key: bytes,
        reveal_calls: int,
        reveal: bool = False,
        on_call: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        """`key`: the install's, 32 bytes.  `reveal`: calls come with what was sent; for this host's eyes only.

        Raises MemoryError when the arena cannot be mapped.
        """

    def read(self, reader: PacketReader, make_filter: Callable[[int], bytes] | None, packets: int) -> bool:
        """Up to so many packets of a file, or to the end of a window; False at the file's end.

        `make_filter`: link type -> BPF program (capture/filter.py).  Raises what on_call raised.
        """

    def capture(self, ring: Ring, until_ns: int) -> int:
        """Live packets until this monotonic time (ns), a signal, or a window's end; how many."""

    def drain(self, ring: Ring) -> None:
        """What the rings still hold when capturing ends; half a second of it at most."""

    def finish(self) -> None:
        """End of input: flows end, what is under way is handed over as far as it goes."""

    @property
    def now_ns(self) -> int: ...
    def window_due(self) -> bool:
        """A window's 10 s of capture time are over, and something is to be read out."""

    def close_window(self, explain: bool = False) -> dict[str, Any]:
        """The window's content; see summary/batch.py.  The next one begins.

        `explain`: it also has `explained`, for each of its strings why it may leave.
        """

    def forget_told(self) -> None:
        """A batch was lost: the next window tells every schema anew, not only those that changed."""

    def counts(self) -> Mapping[str, int]:
        """Everything counted and everything lost since the start, by name."""

    @property
    def pressure(self) -> int:
        """0 nothing is given up, 1 bodies, 2 and calls are not told apart, 3 and flows are sampled."""

    @property
    def sample(self) -> int:
        """One flow in this many is followed."""

    @property
    def arena_used(self) -> int: ...
    @property
    def arena_peak(self) -> int: ...
    def close(self) -> None: ...
