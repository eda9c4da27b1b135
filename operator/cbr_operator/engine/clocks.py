"""What is known of the clouds' clocks: the offset of each from ours, from the Date of its answers."""

from cbr_operator.ports import Clock, Facts
from cbr_operator.rules.access import comparable_endpoint

OFFSET_LASTS = 600.0
"""Seconds for which an offset is believed (protocol, section 2)."""


class CloudClocks:
    """Offsets by endpoint, in seconds to add to our clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offsets: dict[str, tuple[float, float]] = {}

    def offset(self, endpoint: str) -> float | None:
        """The offset, or None when none was seen in the last ten minutes."""
        known = self._offsets.get(comparable_endpoint(endpoint))
        return known[0] if known is not None and self._clock.boottime() - known[1] < OFFSET_LASTS else None

    def learn(self, endpoint: str, facts: Facts, *, without_date: float | None = None) -> None:
        """Take the offset from an answer; ``without_date`` is what to believe of a cloud that sends no Date."""
        offset = facts.clock_offset if facts.clock_offset is not None else without_date
        if offset is not None:
            self._offsets[comparable_endpoint(endpoint)] = offset, self._clock.boottime()
