"""What changed between two periods: endpoints that are new or gone, and contracts and latencies that are not the same.

Only what two sets of calls prove is reported: each claim has its chance (evidence.py), and what may as well be an
accident of which calls were seen goes into `undecided`, where a person can look for it.  A claim that breaks somebody
is marked.  Calls are matched by id, so an endpoint whose name became known, or that was united with others (their
aliases are resolved before), is still the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus

from whimbrel.hub.differences import REQUEST, RESPONSE, Difference, differences
from whimbrel.hub.evidence import (
    CHANCE_MOST,
    PARTS_CHANCE_MOST,
    PARTS_LEAST,
    chance_of_absence,
    chance_of_ranks,
    chance_of_so_few,
    chance_of_so_many,
    chance_of_so_slow,
)
from whimbrel.hub.model import OTHER, Endpoint, Latencies, Period, StatusStats, added, both
from whimbrel.hub.views.formats import latency
from whimbrel.summary.bodies import KINDS

UNDECIDED_MOST = 0.5  # what is likelier an accident than not is nothing to look at
SLOWER_LEAST = 1.10  # a p99 that grew by less is no regression worth a line, however sure
FAILING_LEAST = 0.05  # so much of all calls must have begun to fail
NOT_THERE = {0, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}


@dataclass(frozen=True, slots=True)
class Change:
    """One claim."""

    kind: str  # "field removed"
    service: str
    endpoint: str  # "GET /users/{integer}"
    ids: frozenset[str]
    place: str  # "response 200: items[].price"
    before: str
    after: str
    breaking: bool
    chance: float  # that it is an accident

    @property
    def sentence(self) -> str:
        where = f" in {self.place.replace(': ', ', ', 1)}" if self.place else ""
        became = f": {self.before} → {self.after}" if self.before or self.after else ""
        return f"{self.endpoint}: {self.kind}{where}{became}"


@dataclass(frozen=True, slots=True)
class Report:
    """Claims, those that break somebody first."""

    changes: tuple[Change, ...]
    undecided: tuple[Change, ...]

    @property
    def breaking(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.breaking)


def compare(before: Period, after: Period) -> Report:
    """What is different in the second of two periods."""
    claims = (one for one in _claims(before, after) if one.chance <= UNDECIDED_MOST)
    found = sorted(claims, key=lambda one: (not one.breaking, one.service, one.endpoint, one.place))
    sure = tuple(change for change in found if change.chance <= CHANCE_MOST)
    return Report(sure, tuple(change for change in found if change.chance > CHANCE_MOST))


def _claims(before: Period, after: Period) -> Iterator[Change]:
    pairs, gone, new = matched(before.endpoints, after.endpoints)
    for endpoint in gone:
        chance = chance_of_absence(endpoint.calls, before.length_ns, after.length_ns)
        yield _change(endpoint, "endpoint gone", "", f"{endpoint.calls} calls", "none", chance=chance)
    known_until_ns = min(before.end_ns, after.start_ns)  # what came between the two is new in the second
    for endpoint in new:
        if not endpoint.first_seen_ns or endpoint.first_seen_ns >= known_until_ns:
            chance = chance_of_absence(endpoint.calls, after.length_ns, before.length_ns)
            yield _change(endpoint, "new endpoint", "", "none", f"{endpoint.calls} calls", chance=chance)
    for was, now in pairs:
        yield from _of_pair(was, now)


def matched(
    before: Iterable[Endpoint], after: Iterable[Endpoint]
) -> tuple[list[tuple[Endpoint, Endpoint]], list[Endpoint], list[Endpoint]]:
    """Pairs that are the same endpoint; those only before; those only after."""
    following = [endpoint for endpoint in after if endpoint.template != OTHER]
    by_id = {known: endpoint for endpoint in following for known in endpoint.ids}
    by_text = {endpoint.text: endpoint for endpoint in following}
    pairs: dict[tuple[str, str, str, str], tuple[Endpoint, Endpoint]] = {}
    gone = []
    for was in before:
        now = next((by_id[known] for known in sorted(was.ids) if known in by_id), None) or by_text.get(was.text)
        if was.template == OTHER or (now is None and not served(was)):
            continue
        if now is None:
            gone.append(was)
        else:  # several that became one are compared as one
            pairs[now.text] = (both(pairs[now.text][0], was) if now.text in pairs else was, now)
    return list(pairs.values()), gone, [now for now in following if now.text not in pairs and served(now)]


def served(endpoint: Endpoint) -> bool:
    """Whether somebody answers there: paths that are only ever not found are a scanner's, not a service's."""
    return endpoint.protocol != "http" or any(row.calls and row.status not in NOT_THERE for row in _rows(endpoint))


def _change(
    endpoint: Endpoint, kind: str, place: str, before: str, after: str, *, breaking: bool = False, chance: float
) -> Change:
    return Change(kind, endpoint.service, endpoint.name, endpoint.ids, place, before, after, breaking, chance)


def _rows(endpoint: Endpoint) -> Iterator[StatusStats]:
    return iter(endpoint.statuses.values())


def _of_pair(was: Endpoint, now: Endpoint) -> Iterator[Change]:
    yield from _of_statuses(was, now)
    yield from _of_latency(was, now)
    yield from _of_schemas(now, "request", differences(was.request, now.request, REQUEST))
    yield from _of_schemas(now, "query", differences(was.query, now.query, REQUEST))
    for status in sorted(was.statuses.keys() & now.statuses.keys()):
        one, other = was.statuses[status], now.statuses[status]
        place = f"response {status}" if status else "response"
        yield from _of_schemas(now, place, differences(one.response, other.response, RESPONSE))
        yield from _of_kinds(now, place, one, other)


def _of_schemas(endpoint: Endpoint, place: str, found: Iterable[Difference]) -> Iterator[Change]:
    for one in found:
        where = f"{place}: {one.path}" if one.path else place
        yield _change(endpoint, one.kind, where, one.before, one.after, breaking=one.breaking, chance=one.chance)


def _of_kinds(endpoint: Endpoint, place: str, one: StatusStats, other: StatusStats) -> Iterator[Change]:
    """Bodies of another kind altogether: JSON that became HTML."""
    if one.response_kinds and other.response_kinds and not one.response_kinds & other.response_kinds:
        chance = chance_of_so_few(one.calls, one.calls, 0, other.calls)
        words = _kinds(one.response_kinds), _kinds(other.response_kinds)
        yield _change(endpoint, "body kind changed", place, *words, breaking=True, chance=chance)


def _kinds(numbers: frozenset[int]) -> str:
    return " or ".join(KINDS[number] for number in sorted(numbers) if number < len(KINDS)) or "unknown"


# ---- statuses ------------------------------------------------------------------------------------------


def _of_statuses(was: Endpoint, now: Endpoint) -> Iterator[Change]:
    one, other = _classes(was), _classes(now)
    n1, n2 = sum(one.values()), sum(other.values())
    if not n1 or not n2:
        return
    usual, usual_now = max(one, key=one.__getitem__), max(other, key=other.__getitem__)
    words = _mix(one), _mix(other)
    if usual != usual_now:
        chance = max(
            chance_of_so_few(one[usual], n1, other.get(usual, 0), n2),
            chance_of_so_many(one.get(usual_now, 0), n1, other[usual_now], n2),
        )
        yield _change(now, "status class changed", "", *words, breaking=True, chance=chance)
        return
    fine, fine_now = _fine(one), _fine(other)
    if fine / n1 - fine_now / n2 >= FAILING_LEAST:
        chance = chance_of_so_few(fine, n1, fine_now, n2)
        yield _change(now, "more calls fail", "", *words, breaking=True, chance=chance)
    yield from _of_usual_status(was, now, usual)


def _of_usual_status(was: Endpoint, now: Endpoint, usual_class: str) -> Iterator[Change]:
    """201 where 200 was usual: within the class, so nobody who keeps to classes is broken."""
    one = {row.status: row.calls for row in _rows(was) if row.status_class == usual_class}
    other = {row.status: row.calls for row in _rows(now) if row.status_class == usual_class}
    usual, usual_now = max(one, key=one.__getitem__), max(other, key=other.__getitem__)
    if usual != usual_now:
        chance = chance_of_so_few(one[usual], sum(one.values()), other.get(usual, 0), sum(other.values()))
        yield _change(now, "usual status changed", "", str(usual), str(usual_now), chance=chance)


def _classes(endpoint: Endpoint) -> dict[str, int]:
    """Calls by class; without those whose response was not seen, which says more about the capture."""
    found: dict[str, int] = {}
    for row in _rows(endpoint):
        if row.status and row.calls:
            found[row.status_class] = found.get(row.status_class, 0) + row.calls
    return found


def _fine(classes: dict[str, int]) -> int:
    return sum(calls for name, calls in classes.items() if name in ("1xx", "2xx", "3xx"))


def _mix(classes: dict[str, int]) -> str:
    whole = sum(classes.values())
    return ", ".join(f"{100 * calls / whole:.3g} % {name}" for name, calls in sorted(classes.items()))


# ---- latency -------------------------------------------------------------------------------------------


def _of_latency(was: Endpoint, now: Endpoint) -> Iterator[Change]:
    """A p99 that grew by more than its noise: that of which calls were seen, and that between parts of a period."""
    grown = _slower(was, now)
    if grown is None:
        return
    p99, p99_now, chance = grown
    ranks = chance_of_ranks(_p99_of_parts(was), _p99_of_parts(now))
    if ranks is not None and ranks > PARTS_CHANCE_MOST:
        chance = max(chance, ranks)
    words = latency(p99), latency(p99_now)
    yield _change(now, "p99 regression", "", *words, breaking=True, chance=chance)


def _slower(was: Endpoint, now: Endpoint) -> tuple[float, float, float] | None:
    """Both percentiles, and the chance of such a difference; None where it is none."""
    one, other = _answered(was), _answered(now)
    p99, p99_now = one.percentile_ns(99), other.percentile_ns(99)
    if not p99 or p99_now < p99 * SLOWER_LEAST:
        return None
    return p99, p99_now, chance_of_so_slow(one, other, 99)


def slower(before: Period, after: Period) -> frozenset[str]:
    """Ids of endpoints that may be slower as a whole: of these, and only of these, parts of the periods matter."""
    found: set[str] = set()
    for was, now in matched(before.endpoints, after.endpoints)[0]:
        grown = _slower(was, now)
        if grown is not None and grown[2] <= UNDECIDED_MOST:
            found |= was.ids | now.ids
    return frozenset(found)


def _answered(endpoint: Endpoint) -> Latencies:
    """Of calls that succeeded: an error is often fast, and how many there are is another claim."""
    rows = endpoint.succeeded() if endpoint.protocol == "http" else _rows(endpoint)
    return added(row.latency for row in rows)


def _p99_of_parts(endpoint: Endpoint) -> list[float]:
    rows = list(endpoint.succeeded() if endpoint.protocol == "http" else _rows(endpoint))
    parts = sorted({part for row in rows for part in row.slices})
    if len(parts) < PARTS_LEAST:
        return []
    return [added(row.slices[part] for row in rows if part in row.slices).percentile_ns(99) for part in parts]
