"""The agents: which there are, whether they are still there, and what they lost.

Those that were heard of earlier and are silent in the period are listed too, without numbers: an agent that is gone is
what one looks for here.
"""

from __future__ import annotations

from whimbrel.hub.answers.asked import GRID_S, TIME_MOST, Asked
from whimbrel.hub.answers.losses import losses
from whimbrel.hub.answers.shapes import AgentLine, Agents
from whimbrel.hub.archive import AgentRow, Archive, Period
from whimbrel.hub.periods import NS

LIVE_S = 60  # six windows: one may be late or lost


def is_live(agent: AgentRow, now: int) -> bool:
    return now - agent.last <= LIVE_S


def live_agents(archive: Archive, now: int) -> int:
    """How many were heard of just now, whatever period is looked at."""
    return sum(is_live(row, now) for row in archive.agents(Period(max(now - 2 * LIVE_S, 0), TIME_MOST), counts=False))


def agents(archive: Archive, asked: Asked) -> Agents:
    ever = archive.agents(Period(0, asked.period.end))
    heard = {row.agent: row for row in archive.agents(asked.period)}
    return Agents(span=asked.span, agents=[_line(row, heard.get(row.agent), asked.now) for row in ever])


def _line(ever: AgentRow, row: AgentRow | None, now: int) -> AgentLine:
    """`ever` is of all time, `row` of the period."""
    counts = dict(row.counts) if row else {}
    return AgentLine(
        agent=ever.agent,
        format_version=ever.version,
        version=ever.program or None,
        first=ever.first,
        last=ever.last,
        is_live=is_live(ever, now),
        batches=row.batches if row else 0,
        calls=counts.get("calls", 0),
        lost_batches=row.lost_batches if row else 0,
        lost_calls=row.lost_calls if row else 0,
        sample=row.sample if row else 1,
        cpu_share=_cpu_share(row) if row else None,
        resident_bytes=(row.resident_bytes if row else 0) or None,
        packets=counts.get("packets", 0),
        dropped_packets=counts.get("kernel_drops", 0),
        losses=losses(counts),
        counts=dict(sorted(counts.items())),
    )


def _cpu_share(row: AgentRow) -> float | None:
    """Of one core, from the first to the last time it was heard in the period; older agents do not tell."""
    length_s = max(row.last - row.first, GRID_S)
    return row.cpu_ns / (length_s * NS) if row.cpu_ns else None
