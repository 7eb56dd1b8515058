from collections.abc import Callable

from whimbrel.base.errors import WhimbrelError

BLOCKS_WANTED: int

def ring_layout(ring_bytes: int, rings: int) -> tuple[int, int]: ...
def trouble(interface: str, step: str, code: int) -> WhimbrelError: ...

class Ring:
    memory_bytes: int
    def __init__(
        self,
        interfaces: list[str],
        filter: bytes | Callable[[int], bytes] | None = None,  # noqa: A002
        ring_bytes: int = ...,
        snaplen: int = ...,
        *,
        promiscuous: bool = False,
    ) -> None: ...
    def drops(self) -> dict[str, tuple[int, int, int]]: ...
    def downs(self) -> dict[str, int]: ...
    def close(self) -> None: ...
