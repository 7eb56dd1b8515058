from array import array
from typing import TypedDict

from whimbrel.base.histogram import Histogram
from whimbrel.bench.schedule import Schedule
from whimbrel.bench.workload import Workload

class Result(TypedDict):
    requests: int
    hits: int
    misses: int
    stored: int
    refused: int
    wrong: int
    unanswered: int
    unsent: int
    lost: int
    bytes_out: int
    bytes_in: int
    elapsed_ns: int
    wall_ns: int
    asked: int
    client_cpu_ns: int
    get_ns: Histogram
    set_ns: Histogram
    late_ns: Histogram

class Client:
    def __init__(
        self,
        target: tuple[str, int] | str,
        workload: Workload,
        *,
        protocol: str,
        connections: int,
        pipeline: int = 1,
        seed: int = 1,
    ) -> None: ...
    def prefill(self) -> Result: ...
    def run(self, schedule: Schedule, drain_ns: int = ...) -> Result: ...
    def replay(self, keys: array[int], sizes: array[int]) -> Result: ...
