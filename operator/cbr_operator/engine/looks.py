"""Looks at a cloud's clock: one at a time for an endpoint and credential, shared by all who wait for it."""

import asyncio
from collections.abc import Callable

from cbr_operator.engine.clocks import CloudClocks
from cbr_operator.engine.store import Key
from cbr_operator.ports import Cloud
from cbr_operator.rules.access import comparable_endpoint
from cbr_operator.rules.answers import Verdict
from cbr_operator.rules.looks import judge_clock_look
from cbr_operator.rules.view import LookAtClock


class ClockLooks:
    """Makes the looks that decisions ask for; ``wake`` is called with each object that waited for one."""

    def __init__(self, *, cloud: Cloud, clocks: CloudClocks, wake: Callable[[Key], None]) -> None:
        self._cloud = cloud
        self._clocks = clocks
        self._wake = wake
        self._waiting: dict[tuple[str, str], set[Key]] = {}
        self._failures: dict[Key, Verdict] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, key: Key, action: LookAtClock) -> None:
        """Look, or wait for the look that is under way."""
        shared = comparable_endpoint(action.target.endpoint), action.credential.owner
        waiting = self._waiting.setdefault(shared, set())
        waiting.add(key)
        if len(waiting) == 1:
            task = asyncio.create_task(self._look(shared, action))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def failure_for(self, key: Key) -> Verdict | None:
        """What the look that this object waited for came to, until it is forgotten."""
        return self._failures.get(key)

    def forget(self, key: Key) -> None:
        """The object has taken note of its failed look: its next try looks again."""
        self._failures.pop(key, None)

    async def _look(self, shared: tuple[str, str], action: LookAtClock) -> None:
        facts = await self._cloud.list_backups(target=action.target, credential=action.credential, offset=0, limit=1)
        failure = judge_clock_look(facts, token=action.credential.token)
        if failure is None:
            self._clocks.learn(action.target.endpoint, facts, or_none=True)
        for key in self._waiting.pop(shared):
            if failure is not None:
                self._failures[key] = failure
            self._wake(key)
