from typing import Any, TypeAlias

FIN: int
SYN: int
RST: int
ACK: int
REASONS: tuple[str, ...]
SIZES: dict[str, int]

End: TypeAlias = tuple[int | bytes, int]
Event: TypeAlias = tuple[int, int, str, Any, int]

class FlowRecorder:
    events: list[Event]
    ends: dict[int, tuple[tuple[int, int], tuple[int, int], int, bool]]
    abandon_after: int
    def __init__(self, arena_bytes: int = ..., flows_max: int = ..., sample: int = ...) -> None: ...
    def segment(
        self,
        src: End,
        dst: End,
        seq: int,
        ack: int | None = None,
        flags: int = 0,
        data: bytes = b"",
        time_ns: int = 0,
        wire_len: int | None = None,
        network: int = 0,
    ) -> None: ...
    def tick(self, now_ns: int) -> None: ...
    def close(self) -> None: ...
    def abandon(self, flow_id: int) -> None: ...
    def set_sample(self, sample: int) -> None: ...
    @property
    def counts(self) -> dict[str, int]: ...
    @property
    def live(self) -> int: ...
    @property
    def used_bytes(self) -> int: ...
    @property
    def peak_bytes(self) -> int: ...

def flood(kind: str, n: int, flows: int = 1, arena_bytes: int = ..., flows_max: int = ...) -> dict[str, Any]: ...
