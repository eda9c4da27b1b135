"""Waking at moments of the wall clock, which may jump: a moment that was jumped over rings at once."""

import asyncio
import heapq
from collections.abc import Callable
from datetime import datetime

from cbr_operator.engine.store import Key
from cbr_operator.ports import Clock

LONGEST_SLEEP = 1.0
"""Seconds within which a jump of the clock is noticed."""


class Alarms:
    """One moment a key; a new one replaces the old."""

    def __init__(self, clock: Clock, ring: Callable[[Key], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._moments: dict[Key, datetime] = {}
        self._order: list[tuple[datetime, Key]] = []
        self._set = asyncio.Event()

    def set(self, key: Key, moment: datetime | None) -> None:
        """Ring for this key then, and not at what was set before; None: not at all."""
        if moment is None:
            self._moments.pop(key, None)
        elif self._moments.get(key) != moment:
            self._moments[key] = moment
            if len(self._order) > 2 * len(self._moments) + 64:  # moments far off that were replaced would pile up
                self._order = [(each, of) for of, each in self._moments.items()]
                heapq.heapify(self._order)
            else:
                heapq.heappush(self._order, (moment, key))
            self._set.set()

    def __len__(self) -> int:
        """How many moments are kept, with those that were replaced."""
        return len(self._order)

    async def run(self) -> None:
        """Ring until cancelled."""
        while True:
            self._ring_due()
            if not self._order:
                self._set.clear()
                await self._set.wait()
            left = (self._order[0][0] - self._clock.now()).total_seconds()
            await self._clock.sleep(min(LONGEST_SLEEP, max(0.0, left)))

    def _ring_due(self) -> None:
        now = self._clock.now()
        while self._order and self._order[0][0] <= now:
            moment, key = heapq.heappop(self._order)
            if self._moments.get(key) == moment:  # else it was set anew
                del self._moments[key]
                self._ring(key)
