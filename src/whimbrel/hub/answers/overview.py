"""What is going on: totals, two charts, and the few endpoints that deserve a look.

Merging the histograms of all endpoints is what this would cost, so it is done for those that can be shown: of the
slowest by p99 these are the CANDIDATES with the highest means and those with the highest maxima.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from whimbrel.hub.answers.agents import live_agents
from whimbrel.hub.answers.asked import Asked
from whimbrel.hub.answers.catalog import Before, Catalog, Counted, counted, heard, ids_of, known_before, line, seconds
from whimbrel.hub.answers.charts import points
from whimbrel.hub.answers.measures import CACHES, HTTP, Tally, quantiles, share, tally
from whimbrel.hub.answers.shapes import EndpointLine, Overview, Totals
from whimbrel.hub.archive import AgentRow, Archive

SHOWN = 5  # of each of the short lists
SLOW_CALLS_LEAST = 20  # below that a p99 is one call's
CANDIDATES = 40  # of either kind for the slowest; where there are no more endpoints than these, nothing is missed


def overview(archive: Archive, asked: Asked) -> Overview:
    catalog, earlier = Catalog.of_rows(archive.endpoints(asked.period)), known_before(archive, asked.period.start)
    agents = archive.agents(asked.period, counts=False)
    told = heard(agents, asked.period)
    length_s = seconds(told)
    calls, commands = catalog.of(HTTP), catalog.of(*CACHES)
    steps = archive.traffic(asked.period, asked.step_s, [HTTP], ("last",))
    cache_steps = archive.traffic(asked.period, asked.step_s, CACHES)
    reads = archive.statuses(asked.period, ids_of(known for known in commands if known.is_read), ("marks",))
    rough = counted(calls, catalog.grouped(archive.statuses(asked.period, None, ())))
    named = [one for one in rough if not one.known.is_other]
    busiest = _best(lambda one: one.tally.calls, named)
    failing = _best(lambda one: one.tally.errors, (one for one in named if one.tally.errors))
    new = _best(lambda one: one.known.first, (one for one in named if earlier.is_new(one.known)))
    slow = _candidates(_often(named))
    shown = {one.known.words: one.known for one in (*busiest, *failing, *new, *slow)}.values()
    rows = catalog.grouped(archive.statuses(asked.period, ids_of(shown), ("last",)))

    def lines(of: Iterable[Counted]) -> list[EndpointLine]:
        return [line(one, length_s, earlier) for one in counted((one.known for one in of), rows)]

    return Overview(
        span=asked.span,
        totals=_totals(
            catalog,
            earlier,
            tally(steps, HTTP),
            tally(cache_steps, CACHES[0]),
            tally(reads, CACHES[0]).hit_share,
            agents,
            length_s,
            live_agents(archive, asked.now),
        ),
        points=points(asked, steps, HTTP, told),
        cache_points=points(asked, cache_steps, CACHES[0], told),
        busiest=lines(busiest),
        slowest=lines(_best(_p99, counted((one.known for one in slow), rows))),
        failing=lines(failing),
        new=lines(new),
        has_data=bool(earlier.since),
        has_earlier=earlier.knows_new(asked.period.end),
    )


def _often(several: Sequence[Counted]) -> list[Counted]:
    """Those with enough latencies to speak of a p99; where none has, all that have one."""
    enough = [one for one in several if one.tally.last.count >= SLOW_CALLS_LEAST]
    return enough or [one for one in several if one.tally.last.count]


def _candidates(several: Sequence[Counted]) -> list[Counted]:
    """Those whose p99 is worth asking for."""
    found = _best(_mean, several, CANDIDATES) + _best(lambda one: one.tally.last.max_ns, several, CANDIDATES)
    return list({one.known.words: one for one in found}.values())


def _best(key: Callable[[Counted], float], of: Iterable[Counted], most: int = SHOWN) -> list[Counted]:
    return sorted(of, key=lambda one: (-key(one), one.known.words))[:most]


def _mean(one: Counted) -> float:
    return share(one.tally.last.sum_ns, one.tally.last.count)


def _p99(one: Counted) -> float:
    return one.tally.last.percentile_ns(99)


def _totals(
    catalog: Catalog,
    earlier: Before,
    calls: Tally,
    commands: Tally,
    hit_share: float | None,
    agents: Sequence[AgentRow],
    length_s: int,
    live: int,
) -> Totals:
    named = [known for known in catalog if not known.is_other]
    return Totals(
        calls=calls.calls,
        per_s=calls.calls / length_s,
        error_share=share(calls.errors, calls.calls),
        client_error_share=share(calls.client_errors, calls.calls),
        latency=quantiles(calls.last),
        services=len({known.service for known in catalog}),
        endpoints=len(named),
        new_endpoints=sum(earlier.is_new(known) for known in named),
        cache_commands=commands.calls,
        cache_hit_share=hit_share,
        agents=len(agents),
        agents_live=live,
        lost_calls=sum(agent.lost_calls for agent in agents),
        sample=max((agent.sample for agent in agents), default=1),
    )
