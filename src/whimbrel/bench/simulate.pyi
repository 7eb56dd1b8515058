from array import array
from typing import Any

OVERHEAD: int

def simulate(handle: Any, keys: array[int], sizes: array[int]) -> tuple[int, int, int, int]: ...
