"""What is known of the clouds' clocks: the offset of each from ours, from the Date of its answers."""

from cbr_operator.ports import Clock, Facts
from cbr_operator.rules.access import comparable_endpoint

OFFSET_LASTS = 600.0
"""Seconds for which an offset is believed (protocol, section 2)."""


class CloudClocks:
    """Offsets by endpoint, in seconds to add to our clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offsets: dict[str, tuple[float | None, float]] = {}

    def offset(self, endpoint: str) -> float | None:
        """The offset, or None when none was seen in the last ten minutes."""
        known = self._known(endpoint)
        return known[0] if known is not None else None

    def has_none(self, endpoint: str) -> bool:
        """Whether a look in the last ten minutes found that this cloud sends no Date."""
        known = self._known(endpoint)
        return known is not None and known[0] is None

    def learn(self, endpoint: str, facts: Facts, *, or_none: bool = False) -> None:
        """Take the offset from an answer; ``or_none``: without a Date in it, believe that there is none to be had."""
        if facts.clock_offset is not None or or_none:
            self._offsets[comparable_endpoint(endpoint)] = facts.clock_offset, self._clock.boottime()

    def _known(self, endpoint: str) -> tuple[float | None, float] | None:
        known = self._offsets.get(comparable_endpoint(endpoint))
        return known if known is not None and self._clock.boottime() - known[1] < OFFSET_LASTS else None
