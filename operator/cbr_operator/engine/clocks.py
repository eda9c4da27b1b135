"""What is known of the clouds' clocks: the offset of each from ours, from the Date of its answers."""

from cbr_operator.ports import Clock, Facts
from cbr_operator.rules.access import comparable_endpoint

OFFSET_LASTS = 600.0
"""Seconds for which an offset is believed (protocol, section 2)."""


class CloudClocks:
    """Offsets by endpoint, in seconds to add to our clock as it is now.

    Each is kept against the clock that never jumps: were our wall clock set between an answer and the intent that
    follows, the intent's cloudTime would be wrong, and records begun after it might count as begun before.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[str, tuple[float | None, float]] = {}

    def offset(self, endpoint: str) -> float | None:
        """The offset, or None when none was seen in the last ten minutes."""
        known = self._known(endpoint)
        if known is None or known[0] is None:
            return None
        return round(known[0] - self._wall_minus_boottime(), 3)

    def has_none(self, endpoint: str) -> bool:
        """Whether a look in the last ten minutes found that this cloud sends no Date."""
        known = self._known(endpoint)
        return known is not None and known[0] is None

    def learn(self, endpoint: str, facts: Facts, *, or_none: bool = False) -> None:
        """Take the offset from an answer; ``or_none``: without a Date in it, believe that there is none to be had."""
        if facts.clock_offset is not None or or_none:
            told = facts.clock_offset
            cloud_minus_boottime = told + self._wall_minus_boottime() if told is not None else None
            self._seen[comparable_endpoint(endpoint)] = cloud_minus_boottime, self._clock.boottime()

    def _known(self, endpoint: str) -> tuple[float | None, float] | None:
        known = self._seen.get(comparable_endpoint(endpoint))
        return known if known is not None and self._clock.boottime() - known[1] < OFFSET_LASTS else None

    def _wall_minus_boottime(self) -> float:
        return self._clock.now().timestamp() - self._clock.boottime()
