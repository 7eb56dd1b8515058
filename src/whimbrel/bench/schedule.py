"""When load is asked for.

`closed`: a request follows a reply; what is measured is the most the server gives to so many connections.
`fixed` and `poisson`: requests are due at `rate` a second whatever the server does (open loop).
"""

from __future__ import annotations

from dataclasses import dataclass

from whimbrel.base.errors import UsageError

PACES = ("closed", "fixed", "poisson")
MAX_RATE = 20_000_000  # requests a second: beyond what one generator can compose


@dataclass(frozen=True)
class Schedule:
    """A pace and when it ends: after `duration_s` (0: no limit) or `requests` (0: no limit)."""

    pace: str = "closed"
    rate: float = 0.0  # requests a second; open loop only
    duration_s: float = 0.0
    requests: int = 0
    warmup_s: float = 0.0  # what is due in it is sent and not recorded

    def __post_init__(self) -> None:
        if self.pace not in PACES:
            raise UsageError(f"pace {self.pace!r} is not one of {', '.join(PACES)}")
        if (self.pace != "closed") != (self.rate > 0):
            raise UsageError(f"rate {self.rate:g}: an open loop needs one, a closed loop has none")
        if self.rate > MAX_RATE:
            raise UsageError(f"rate {self.rate:g} is above {MAX_RATE}, more than one generator can ask")
        if self.duration_s < 0 or self.requests < 0 or self.warmup_s < 0:
            raise UsageError("duration, requests and warmup are not negative")
        if not self.duration_s and not self.requests:
            raise UsageError("a run needs an end: a duration or a number of requests")
