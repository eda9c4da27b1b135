"""The work queue: each key once, never with two workers at a time, now or after a while."""

import asyncio
import heapq
from collections import deque

from cbr_operator.engine.store import Key


class WorkQueue:
    """Keys to look at.

    A key that is added while a worker has it is handed out again once that worker is done, as in client-go's
    workqueue: no event is lost, and no object is decided about twice at once.
    """

    def __init__(self) -> None:
        self._ready: deque[Key] = deque()
        self._urgent: dict[Key, None] = {}
        self._queued: set[Key] = set()
        self._working: set[Key] = set()
        self._again: set[Key] = set()
        self._due: dict[Key, float] = {}
        self._timers: list[tuple[float, Key]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._arrived = asyncio.Event()

    def __len__(self) -> int:
        return len(self._urgent) + len(self._ready)

    def add(self, key: Key) -> None:
        """Look at this key as soon as a worker is free."""
        if key in self._working:
            self._again.add(key)
        elif key not in self._queued:
            self._queued.add(key)
            self._ready.append(key)
            self._arrived.set()

    def hurry(self, key: Key) -> None:
        """Look at this key before those that were only added: its lane, or its turn at calling, is free now."""
        if key in self._working:
            self._again.add(key)
        elif key not in self._urgent:
            if key in self._queued:
                self._ready.remove(key)
            self._queued.add(key)
            self._urgent[key] = None
            self._arrived.set()

    def add_after(self, key: Key, seconds: float | None) -> None:
        """Look at this key after so many seconds, instead of what was planned before; None: nothing is planned."""
        if seconds is None:
            self._due.pop(key, None)
            return
        due = asyncio.get_running_loop().time() + seconds
        self._due[key] = due
        if len(self._timers) > 2 * len(self._due) + 64:  # plans of hours that were made anew would pile up till then
            self._timers = [(each, of) for of, each in self._due.items()]
            heapq.heapify(self._timers)
            self._set_timer()
            return
        heapq.heappush(self._timers, (due, key))
        if self._timers[0] == (due, key):
            self._set_timer()

    async def get(self) -> Key:
        """The next key; ``done`` must follow."""
        while not len(self):
            self._arrived.clear()
            await self._arrived.wait()
        if self._urgent:
            key = next(iter(self._urgent))
            del self._urgent[key]
        else:
            key = self._ready.popleft()
        self._queued.discard(key)
        self._working.add(key)
        return key

    def done(self, key: Key) -> None:
        """The worker has finished with this key."""
        self._working.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(self._timers[0][0], self._fire) if self._timers else None

    def _fire(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._timers and self._timers[0][0] <= now:
            due, key = heapq.heappop(self._timers)
            if self._due.get(key) == due:  # else it was planned anew
                del self._due[key]
                self.add(key)
        self._set_timer()
