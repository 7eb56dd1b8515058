"""What a process knows about its own memory, checked in a process of its own: the settings are for its whole life."""

import subprocess
import sys

import pytest

from whimbrel.base.process import STACK_BYTES, resident_bytes

pytestmark = pytest.mark.memory

PROGRAM = """
import threading
from whimbrel.base.process import prepare_process, resident_bytes
prepare_process()
print(threading.stack_size())
before = resident_bytes()
kept = [b"x" * 1_000_000 for _ in range(20)]
with_them = resident_bytes()
del kept
print(before, with_them, resident_bytes())
"""


def test_memory_shows_and_comes_back() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    stack, figures = done.stdout.splitlines()
    before, with_them, after = map(int, figures.split())
    assert int(stack) == STACK_BYTES
    assert with_them - before > 18_000_000
    assert after - before < 4_000_000


def test_this_process_is_resident() -> None:
    assert 1 << 20 < resident_bytes() < 1 << 34


def test_the_peak_remembers_what_is_gone() -> None:
    program = PROGRAM.replace("resident_bytes", "resident_peak_bytes")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    before, with_them, after = map(int, done.stdout.splitlines()[1].split())
    assert with_them - before > 18_000_000
    assert after - before > 18_000_000  # the kernel counts in batches a core, so not to the byte
