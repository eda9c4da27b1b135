"""How fast a connection's requests are made: within requestsPerSecond, and the vaults take turns."""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime

from cbr_operator.engine.store import Key
from cbr_operator.kinds.replication_status import Target
from cbr_operator.ports import Clock, Cloud, Credential, Facts, LoginFacts, LoginRequest, ReplicateRequest, Route

TURN_LASTS = 60.0
"""Seconds for which an object has its turn: it may have to wait for room among the calls."""

Waiter = asyncio.Future[None] | Key
"""A look that waits, or an object whose call does."""


class _Line:
    """Those who wait for one connection: a row for each lane, served one after the other."""

    def __init__(self) -> None:
        self.rate = 1
        self.next_turn = 0.0
        self.last = -1.0
        """When a request left last."""
        self.leaving = asyncio.Lock()
        self.rows: dict[str, deque[Waiter]] = {}
        self.timer: asyncio.TimerHandle | None = None

    def pop(self) -> Waiter | None:
        """The next waiter; its lane goes to the end of the line."""
        while self.rows:
            lane = next(iter(self.rows))
            row = self.rows.pop(lane)
            waiter = row.popleft()
            if row:
                self.rows[lane] = row
            if not (isinstance(waiter, asyncio.Future) and waiter.done()):
                return waiter
        return None


class Pace:
    """Turns at calling. ``wake`` is called with an object whose turn has come."""

    def __init__(self, *, clock: Clock, wake: Callable[[Key], None]) -> None:
        self._clock = clock
        self._wake = wake
        self._lines: dict[str, _Line] = {}
        self._turns: dict[Key, float] = {}

    async def turn(self, route: Route, lane: str) -> None:
        """Return when a request of this lane may be made."""
        if not route.requests_per_second or self._take(route):
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._stand(route, lane, waiter)
        await waiter

    def may_call(self, key: Key, route: Route) -> bool:
        """Whether this object's call may be made now: its turn has come, or nobody waits and it is time."""
        if not route.requests_per_second:
            return True
        return self._turns.get(key, 0.0) > self._clock.boottime() or self._is_free(route)

    def called(self, key: Key, route: Route) -> None:
        """The call is made now."""
        if route.requests_per_second and self._turns.pop(key, 0.0) <= self._clock.boottime():
            self._take(route)

    def wait(self, key: Key, route: Route, lane: str) -> None:
        """Wake this object when its turn has come."""
        self._stand(route, lane, key)

    async def space(self, route: Route) -> None:
        """Return when a request may leave.

        Those whose turns came one by one may have been held up since, a call by the writing of its intent, and would
        leave all at once.
        """
        if not route.requests_per_second:
            return
        line = self._line(route)
        async with line.leaving:
            wait = line.last + 1 / line.rate - self._clock.boottime()
            if wait > 0:
                await self._clock.sleep(wait)
            line.last = self._clock.boottime()

    def forget(self, connection: str) -> None:
        """A connection is gone; whoever waits for it goes on, and finds that out."""
        line = self._lines.pop(connection, None)
        if line is None:
            return
        if line.timer is not None:
            line.timer.cancel()
        while (waiter := line.pop()) is not None:
            self._serve(waiter)

    def _line(self, route: Route) -> _Line:
        line = self._lines.setdefault(route.connection, _Line())
        line.rate = route.requests_per_second
        return line

    def _is_free(self, route: Route) -> bool:
        line = self._line(route)
        return not line.rows and line.next_turn <= self._clock.boottime()

    def _take(self, route: Route) -> bool:
        if not self._is_free(route):
            return False
        line = self._line(route)
        line.next_turn = self._clock.boottime() + 1 / line.rate
        return True

    def _stand(self, route: Route, lane: str, waiter: Waiter) -> None:
        line = self._line(route)
        row = line.rows.setdefault(lane, deque())
        if waiter not in row:
            row.append(waiter)
        if line.timer is None:
            self._plan(route.connection, line)

    def _plan(self, connection: str, line: _Line) -> None:
        left = max(0.0, line.next_turn - self._clock.boottime())
        line.timer = asyncio.get_running_loop().call_later(left, self._next, connection, line)

    def _next(self, connection: str, line: _Line) -> None:
        """Give the next turn, and plan the one after it."""
        line.timer = None
        waiter = line.pop()
        if waiter is None:
            return
        line.next_turn = self._clock.boottime() + 1 / line.rate
        self._serve(waiter)
        if line.rows:
            self._plan(connection, line)

    def _serve(self, waiter: Waiter) -> None:
        if isinstance(waiter, asyncio.Future):
            if not waiter.done():
                waiter.set_result(None)
            return
        now = self._clock.boottime()
        self._turns = {key: until for key, until in self._turns.items() if until > now}
        self._turns[waiter] = now + TURN_LASTS
        self._wake(waiter)


class PacedCloud:
    """The cloud, with each connection's requests kept apart."""

    def __init__(self, cloud: Cloud, pace: Pace) -> None:
        self._cloud = cloud
        self._pace = pace

    async def replicate(
        self, *, target: Target, request: ReplicateRequest, credential: Credential, may_send: Callable[[], bool]
    ) -> Facts:
        """As ``Cloud.replicate``; what is late by now is not sent."""
        await self._pace.space(credential.route)
        return await self._cloud.replicate(target=target, request=request, credential=credential, may_send=may_send)

    async def list_backups(self, *, target: Target, credential: Credential, offset: int, limit: int) -> Facts:
        """As ``Cloud.list_backups``."""
        await self._pace.space(credential.route)
        return await self._cloud.list_backups(target=target, credential=credential, offset=offset, limit=limit)

    async def list_operation_logs(
        self, *, target: Target, credential: Credential, since: datetime, offset: int, limit: int
    ) -> Facts:
        """As ``Cloud.list_operation_logs``."""
        await self._pace.space(credential.route)
        return await self._cloud.list_operation_logs(
            target=target, credential=credential, since=since, offset=offset, limit=limit
        )

    async def log_in(self, request: LoginRequest) -> LoginFacts:
        """As ``Cloud.log_in``: logins go to another server, and have a pace of their own."""
        return await self._cloud.log_in(request)

    def leave(self, connection: str) -> None:
        """As ``Cloud.leave``."""
        self._cloud.leave(connection)
