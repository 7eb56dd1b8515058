from whimbrel.store.store import StoreHandle

def hammer(
    handle: StoreHandle,
    seed: int,
    *,
    seconds: float,
    operations: int = ...,
    keys: int = 2000,
    value_max: int = 200,
    large_max: int = 20000,
) -> dict[str, int]: ...
def hold(handle: StoreHandle, what: str, key: bytes = b"key") -> None: ...
def slots(handle: StoreHandle) -> list[tuple[int, bool, int]]: ...
def clean(handle: StoreHandle) -> bool: ...
