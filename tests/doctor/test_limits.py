"""Descriptors, queues, clocks, memory and disks, of machines made for the purpose."""

import ctypes
import os
import resource
from pathlib import Path

import pytest

from tests.doctor.made import machine
from whimbrel.doctor import limits

CURRENT, AVAILABLE = f"{limits.CLOCKS}/current_clocksource", f"{limits.CLOCKS}/available_clocksource"
MIB = 1 << 20


@pytest.mark.parametrize(("hard", "state"), [(1024, "advice"), (1 << 20, "ok"), (resource.RLIM_INFINITY, "ok")])
def test_files(hard: int, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (1, hard))
    found = limits.files(machine(tmp_path))
    assert found.state == state
    assert found.fix == ("" if state == "ok" else "sudo prlimit --pid $$ --nofile=10072:10072")


@pytest.mark.parametrize(("most", "state"), [("128", "advice"), ("4096", "ok"), (None, "unknown")])
def test_accept_queue(most: str | None, state: str, tmp_path: Path) -> None:
    found = limits.accepting(machine(tmp_path, {} if most is None else {"/proc/sys/net/core/somaxconn": most}))
    assert found.state == state
    assert (found.fix == "sudo sysctl -w net.core.somaxconn=4096") == (state == "advice")


CLOCK_SOURCES = [
    ("tsc", "tsc hpet", "ok", ""),
    ("kvm-clock", "kvm-clock", "ok", ""),
    ("hpet", "tsc hpet acpi_pm", "advice", f"echo tsc | sudo tee {CURRENT}"),
    ("acpi_pm", "acpi_pm", "advice", ""),  # the machine has no other
]


@pytest.mark.parametrize(("current", "available", "state", "fix"), CLOCK_SOURCES)
def test_clock_sources(current: str, available: str, state: str, fix: str, tmp_path: Path) -> None:
    found = limits.clock_source(machine(tmp_path, {CURRENT: current, AVAILABLE: available}))
    assert (found.state, found.fix) == (state, fix)


def test_a_hidden_clock_source(tmp_path: Path) -> None:
    assert limits.clock_source(machine(tmp_path)).state == "unknown"


@pytest.mark.parametrize(("answer", "state"), [(0, "ok"), (1, "ok"), (5, "advice"), (-1, "unknown")])
def test_who_keeps_the_clock(answer: int, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Libc:
        def adjtimex(self, question: bytes) -> int:
            assert not any(bytes(question))  # asks, and sets nothing
            return answer

    monkeypatch.setattr(ctypes, "CDLL", lambda *_arguments, **_named: Libc())
    assert limits.clock_set(machine(tmp_path)).state == state


def test_this_kernel_answers_about_its_clock(tmp_path: Path) -> None:
    assert limits.clock_set(machine(tmp_path)).state in ("ok", "advice")


# ---- memory


def meminfo(free: int) -> dict[str, str]:
    return {"/proc/meminfo": f"MemTotal: 99 kB\nMemAvailable:   {free // 1024} kB\n"}


def test_memory_of_the_machine(tmp_path: Path) -> None:
    assert limits.available_bytes(machine(tmp_path)) is None
    assert limits.memory(machine(tmp_path)).state == "unknown"
    assert limits.memory(machine(tmp_path, meminfo(4096 * MIB))).state == "ok"
    assert limits.memory(machine(tmp_path, meminfo(600 * MIB))).fix == "export WHIMBREL_MEMORY=200MiB"


def test_memory_of_the_groups_around_us(tmp_path: Path) -> None:
    """The least of all, unlimited ones aside: /a has 300 MiB left, /a/b has no limit."""
    groups = {
        "/proc/self/cgroup": "0::/a/b\n",
        "/sys/fs/cgroup/a/b/memory.max": "max",
        "/sys/fs/cgroup/a/b/memory.current": str(MIB),
        "/sys/fs/cgroup/a/memory.max": str(400 * MIB),
        "/sys/fs/cgroup/a/memory.current": str(100 * MIB),
    }
    assert limits.available_bytes(machine(tmp_path, {**meminfo(900 * MIB), **groups})) == 300 * MIB


def test_memory_of_a_group_of_the_first_version(tmp_path: Path) -> None:
    base = "/sys/fs/cgroup/memory/box"
    groups = {
        "/proc/self/cgroup": "4:cpuset,memory:/box\n2:cpu:/box\n",
        f"{base}/memory.limit_in_bytes": str(100 * MIB),
        f"{base}/memory.usage_in_bytes": str(130 * MIB),
        "/sys/fs/cgroup/memory/memory.limit_in_bytes": str((1 << 63) - 4096),
        "/sys/fs/cgroup/memory/memory.usage_in_bytes": "0",
    }
    assert limits.available_bytes(machine(tmp_path, {**meminfo(900 * MIB), **groups})) == 0


HUGE = [("always [madvise] never", "ok"), ("[always] madvise never", "ok"), ("always madvise [never]", "advice")]


@pytest.mark.parametrize(("modes", "state"), [*HUGE, (None, "advice")])
def test_huge_pages(modes: str | None, state: str, tmp_path: Path) -> None:
    assert limits.huge_pages(machine(tmp_path, {} if modes is None else {limits.HUGE_PAGES: modes})).state == state


def test_shared_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> int:
        raise PermissionError(1, "Operation not permitted")

    assert limits.shared_memory(machine(tmp_path)).state == "ok"
    monkeypatch.setattr(os, "memfd_create", refuse)
    assert limits.shared_memory(machine(tmp_path)).state == "missing"


# ---- disks


def test_a_directory_that_is_to_be_made(tmp_path: Path) -> None:
    found = limits.state_disk(machine(tmp_path))
    assert found.state == "ok" and str(tmp_path / "state") in found.found
    assert not (tmp_path / "state").exists()  # it only looks


def test_directories_that_an_agent_would_refuse(tmp_path: Path) -> None:
    made, state = machine(tmp_path), tmp_path / "state"
    state.mkdir(mode=0o700)
    (state / "key").write_bytes(b"k")
    (state / "key").chmod(0o644)
    assert limits.state_disk(made).fix == f"chmod 600 {state / 'key'}"
    (state / "key").chmod(0o600)
    assert limits.state_disk(made).state == "ok"
    state.chmod(0o770)
    assert limits.state_disk(made).fix == f"chmod 700 {state}"
    (tmp_path / "data").write_text("")
    assert "not a directory" in limits.data_disk(made).found


def test_a_directory_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_arguments: False)
    found = limits.data_disk(machine(tmp_path))
    assert found.state == "missing"
    assert found.fix == f"sudo install -d -m 700 -o {os.geteuid()} {tmp_path / 'data'}"


def test_a_disk_that_is_nearly_full(tmp_path: Path) -> None:
    found = limits.room(tmp_path, 1 << 62, "whimbrel hub --data")
    assert found.state == "advice" and found.fix.startswith("whimbrel hub --data DIR")
