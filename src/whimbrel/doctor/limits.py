"""What the kernel and this session allow: descriptors, queues, clocks, memory, disks.

Each bound that is looked for is one that a program of ours has; its reason stands beside it.
"""

from __future__ import annotations

import ctypes
import os
import resource
import shlex
from pathlib import Path

from whimbrel.base.options import size_text
from whimbrel.doctor.finding import Finding, advice, fine, missing, unknown
from whimbrel.doctor.machine import Machine
from whimbrel.net.listener import BACKLOG

FILES_WANTED = 10_000 + 64 + 8  # serve's --max-connections, and what it opens besides
MEMORY_WANTED = {"serve": 64 << 20, "watch": 64 << 20, "hub": 512 << 20}  # defaults of their --memory
STATE_BYTES = 80 << 20  # watch's --spool, and 16 batches that were refused
DATA_BYTES = 1 << 30  # a start for the hub's archive; what more it needs depends on what is seen

CLOCKS = "/sys/devices/system/clocksource/clocksource0"
CLOCKS_FAST = (
    "tsc",
    "kvm-clock",
    "hyperv_clocksource_tsc_page",
    "arch_sys_counter",
    "riscv_clocksource",
    "timebase",
    "tod",
)
HUGE_PAGES = "/sys/kernel/mm/transparent_hugepage/enabled"
TIMEX_BYTES = 512  # more than struct timex of any architecture; zeros ask and change nothing
CLOCK_UNSYNCHRONISED = 5  # TIME_ERROR
UNLIMITED = 1 << 60  # a control group's way to say that there is no limit is a number of pages beyond this
OTHERS, OTHERS_WRITE = 0o077, 0o022


def files(machine: Machine) -> Finding:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or hard >= FILES_WANTED:
        return fine("no limit" if hard == resource.RLIM_INFINITY else f"{hard} files a process")
    return advice(
        f"{hard} files a process", machine.as_root(f"prlimit --pid $$ --nofile={FILES_WANTED}:{FILES_WANTED}")
    )


def accepting(machine: Machine) -> Finding:
    most = machine.number("/proc/sys/net/core/somaxconn")
    if most is None:
        return unknown("this kernel does not show net.core.somaxconn")
    if most < BACKLOG:
        return advice(f"{most} connections may wait", machine.sysctl("net.core.somaxconn", BACKLOG))
    return fine(f"{most} connections may wait")


# ---- clocks


def clock_source(machine: Machine) -> Finding:
    source = machine.text(f"{CLOCKS}/current_clocksource")
    if source is None:
        return unknown("this kernel does not show its clock source")
    if source in CLOCKS_FAST:
        return fine(f"{source}, read without a system call")
    found = f"{source}: each look at the clock is a system call"
    others = (machine.text(f"{CLOCKS}/available_clocksource") or "").split()
    better = next((name for name in CLOCKS_FAST if name in others), None)
    return advice(found, machine.put(better, f"{CLOCKS}/current_clocksource") if better else "")


def clock_set(machine: Machine) -> Finding:
    answer = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))
    if answer < 0:
        return unknown("the kernel does not say whether the clock is kept")
    if answer == CLOCK_UNSYNCHRONISED:
        return advice("nothing keeps this clock in step with others", machine.as_root("timedatectl set-ntp true"))
    return fine("kept in step with others")


# ---- memory


def memory(machine: Machine) -> Finding:
    free = available_bytes(machine)
    if free is None:
        return unknown("this kernel does not say what is free")
    wanted = sum(MEMORY_WANTED.values())
    found = f"{free >> 20} MiB are free"
    if free >= wanted:
        return fine(found)
    less = f"export WHIMBREL_MEMORY={free // len(MEMORY_WANTED) >> 20}MiB"
    return advice(f"{found}; the defaults of all programs add up to {size_text(wanted)}", less)


def available_bytes(machine: Machine) -> int | None:
    """What can still be had without swapping: of the machine, and of the control groups we are in."""
    lines = (machine.text("/proc/meminfo") or "").splitlines()
    known = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    for line in (machine.text("/proc/self/cgroup") or "").splitlines():
        _, controllers, group = line.split(":", 2)
        if controllers == "":
            known += left_in(machine, "/sys/fs/cgroup", group, "memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            base = "/sys/fs/cgroup/memory"
            known += left_in(machine, base, group, "memory.limit_in_bytes", "memory.usage_in_bytes")
    return min(known, default=None)


def left_in(machine: Machine, base: str, group: str, most_name: str, used_name: str) -> list[int]:
    """The room in a control group and in those around it; in a container its own group is shown as the base."""
    place, left = Path(base) / group.lstrip("/"), []
    for one in (place, *place.parents):
        if not one.is_relative_to(base):
            break
        most, used = machine.number(str(one / most_name)), machine.number(str(one / used_name))
        if most is not None and used is not None and most < UNLIMITED:
            left.append(max(most - used, 0))
    return left


def huge_pages(machine: Machine) -> Finding:
    """The file has every mode, and brackets around the one in force."""
    modes = machine.text(HUGE_PAGES)
    if modes is None:
        return advice("this kernel has no huge pages", "use a kernel with CONFIG_TRANSPARENT_HUGEPAGE")
    mode = modes.partition("[")[2].partition("]")[0]
    if mode == "never":
        return advice("never", machine.put("madvise", HUGE_PAGES))
    return fine("for who asks" if mode == "madvise" else mode)


def shared_memory(_machine: Machine) -> Finding:
    try:
        os.close(os.memfd_create("whimbrel-doctor", os.MFD_CLOEXEC))
    except OSError as error:
        return missing(
            f"memfd_create: {error.strerror}", "use Linux 3.17 or later, and a sandbox that lets it be called"
        )
    return fine("memfd_create works")


# ---- disks


def state_disk(machine: Machine) -> Finding:
    path = Path(machine.state)
    if found := refused(machine, path):
        return found
    key = path / "key"
    if key.exists() and key.stat().st_mode & OTHERS:
        return missing(f"{key} can be read by others", f"chmod 600 {shlex.quote(str(key))}")
    return room(path, STATE_BYTES, "whimbrel watch --state")


def data_disk(machine: Machine) -> Finding:
    path = Path(machine.data)
    return refused(machine, path) or room(path, DATA_BYTES, "whimbrel hub --data")


def refused(machine: Machine, path: Path) -> Finding | None:
    """Why a program would not take this directory, or could not make it."""
    quoted, there = shlex.quote(str(path)), existing(path)
    if path.exists() and not path.is_dir():
        return missing(f"{path} is not a directory", f"mv {quoted} {quoted}.old")
    if not os.access(there, os.W_OK | os.X_OK):
        line = f"install -d -m 700 -o {os.geteuid()} {quoted}"
        return missing(f"{there} cannot be written", machine.as_root(line))
    if path.is_dir() and path.stat().st_mode & OTHERS_WRITE:
        return missing(f"{path} can be written by others", f"chmod 700 {quoted}")
    return None


def existing(path: Path) -> Path:
    """The directory itself, or the nearest above it that is there."""
    return next(one for one in (path.absolute(), *path.absolute().parents) if one.exists())


def room(path: Path, wanted: int, option: str) -> Finding:
    seen = os.statvfs(existing(path))
    free = seen.f_bavail * seen.f_frsize
    found = f"{path}: {free >> 20} MiB are free"
    if free < wanted:
        return advice(f"{found}, of {size_text(wanted)}", f"{option} DIR, on a disk with more room")
    return fine(found)
