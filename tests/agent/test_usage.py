"""What an agent says of itself: processor time once, memory as it is."""

import time

from whimbrel.agent.usage import Usage
from whimbrel.base.process import resident_bytes


def test_processor_time_is_told_once() -> None:
    usage = Usage()
    began_ns = time.process_time_ns()
    first = usage.since()
    second = usage.since()
    whole_ns = time.process_time_ns()
    assert first["cpu_ns"] >= began_ns
    assert first["cpu_ns"] + second["cpu_ns"] <= whole_ns


def test_memory_is_that_of_the_process() -> None:
    assert 0.5 < Usage().since()["resident_bytes"] / resident_bytes() < 2
