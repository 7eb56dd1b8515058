import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.up.processes import wait_until
from whimbrel.up.guard import Guard, end_group, others

SLEEPS = "import time; time.sleep(60)"
ENDS_WELL = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("ready", flush=True)
time.sleep(60)
"""
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"


def started(code: str, group: int) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-I", "-S", "-c", code]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, process_group=group)
    if "ready" in code:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    return process


def test_leaving_ends_everything_in_the_group() -> None:
    with Guard() as guard:
        process = started(DEAF, guard.group)
        assert others(guard.group) == sorted([guard.group, process.pid])
    with process:
        assert process.wait(20) == -signal.SIGKILL
    assert guard.process.returncode == -signal.SIGKILL


def test_it_ends_the_group_when_nobody_holds_it_any_more() -> None:
    with Guard() as guard:
        process = started(ENDS_WELL, guard.group)
        assert guard.process.stdin is not None
        guard.process.stdin.close()
        with process:
            assert process.wait(20) == 0  # it was asked, not killed
        assert guard.process.wait(20) == -signal.SIGKILL


def test_it_is_deaf_to_signals() -> None:
    with Guard() as guard:
        assert wait_until(lambda: ignored(guard.group) >> (signal.SIGTERM - 1) & 1 == 1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(guard.group, number)
        time.sleep(0.1)
        assert guard.process.poll() is None


def ignored(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1], 16) for line in lines if line.startswith("SigIgn:"))


def test_who_does_not_end_is_killed() -> None:
    process = started(DEAF, 0)
    with process:
        begin_s = time.monotonic()
        end_group(process.pid, 0.1)
        assert process.wait(20) == -signal.SIGKILL
        assert time.monotonic() - begin_s >= 0.1


def test_who_has_ended_is_no_other() -> None:
    process = started("", 0)
    with process:
        assert wait_until(lambda: others(process.pid) == [])  # it is a zombie: nobody has waited for it
        assert process.wait(20) == 0


def test_it_is_small() -> None:
    code = "import sys, whimbrel.up.guard; print([name for name in sys.modules if name.startswith('whimbrel')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "['whimbrel', 'whimbrel.up', 'whimbrel.up.guard']\n", done.stderr
