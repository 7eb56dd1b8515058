"""What else the machine did while something was measured: other processes, and the hypervisor."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass
from pathlib import Path

AUTOGROUP = Path("/proc/self/autogroup")
PRIORITY = -15
NOISY = 0.05  # share of the machine that others may use before figures are called doubtful


@dataclass(frozen=True)
class Look:
    """Processor seconds since boot, of all cores."""

    all_s: float
    busy_s: float
    stolen_s: float
    own_s: float  # this process and its children that have ended


def look() -> Look:
    ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    user, nice, system, idle, waiting, hard, soft, stolen = (count / os.sysconf("SC_CLK_TCK") for count in ticks)
    busy = user + nice + system + hard + soft
    own = sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )
    return Look(busy + idle + waiting + stolen, busy, stolen, own)


def between(before: Look, after: Look) -> str:
    """In words, what others had of the machine between two looks."""
    whole = max(after.all_s - before.all_s, 1e-9)
    others = max(after.busy_s - before.busy_s - (after.own_s - before.own_s), 0.0) / whole
    stolen = (after.stolen_s - before.stolen_s) / whole
    text = f"Meanwhile other processes used {others:.0%} of the machine, the hypervisor withheld {stolen:.0%}"
    return text + (": times are doubtful, ratios less so." if others + stolen > NOISY else ".")


def raise_priority() -> str:
    """Of this session and so of the servers it starts, where that is allowed; what was done, in words."""
    try:
        os.nice(PRIORITY)
        if AUTOGROUP.exists():
            AUTOGROUP.write_text(str(PRIORITY))
    except OSError as error:
        return f"priority not raised: {error.strerror}"
    return f"priority of this session raised by {-PRIORITY}"
