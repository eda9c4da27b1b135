"""What is known of the clouds' clocks: the offset of each from ours, from the Date of its answers."""

from cbr_operator.ports import Clock, Facts
from cbr_operator.rules.claims import MOST_CLOCK_OFFSET

OFFSET_LASTS = 600.0
"""Seconds for which an offset is believed (protocol, section 2)."""
MOST_SEEN = 1000
"""Clouds that are remembered: a tenant may name any number of them."""


class CloudClocks:
    """Offsets by who answers (``rules/access.py: authority_of``), in seconds to add to our clock as it is now.

    Each is kept against the clock that never jumps: were our wall clock set between an answer and the intent that
    follows, the intent's cloudTime would be wrong, and records begun after it might count as begun before.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[str, tuple[float | None, float]] = {}  # the oldest first

    def __len__(self) -> int:
        return len(self._seen)

    def offset(self, authority: str) -> float | None:
        """The offset, or None when none was seen in the last ten minutes."""
        known = self._known(authority)
        if known is None or known[0] is None:
            return None
        return round(known[0] - self._wall_minus_boottime(), 3)

    def has_none(self, authority: str) -> bool:
        """Whether a look in the last ten minutes found that this cloud sends no Date."""
        known = self._known(authority)
        return known is not None and known[0] is None

    def learn(self, authority: str, facts: Facts, *, or_none: bool = False) -> None:
        """Take the offset from an answer; ``or_none``: without a Date in it, believe that there is none to be had.

        A Date more than a day from our own clock tells no time; it is none.
        """
        told = facts.clock_offset
        if told is not None and abs(told) > MOST_CLOCK_OFFSET:
            told = None
        if told is None and not or_none:
            return
        self._seen.pop(authority, None)
        self._forget_old()
        cloud_minus_boottime = told + self._wall_minus_boottime() if told is not None else None
        self._seen[authority] = cloud_minus_boottime, self._clock.boottime()

    def _forget_old(self) -> None:
        """Make room for one more."""
        while self._seen:
            oldest = next(iter(self._seen))
            if len(self._seen) < MOST_SEEN and self._known(oldest) is not None:
                return
            del self._seen[oldest]

    def _known(self, authority: str) -> tuple[float | None, float] | None:
        known = self._seen.get(authority)
        return known if known is not None and self._clock.boottime() - known[1] < OFFSET_LASTS else None

    def _wall_minus_boottime(self) -> float:
        return self._clock.now().timestamp() - self._clock.boottime()
