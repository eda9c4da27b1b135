"""Looking at vaults: one poller a lane and credential, shared by all objects that look at it."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from cbr_operator.engine.store import Key
from cbr_operator.engine.vault_reader import REFUSED_TOKEN_AGAIN, VaultReader
from cbr_operator.ports import Clock
from cbr_operator.rules.lanes import lane_of
from cbr_operator.rules.looks import LookFailure
from cbr_operator.rules.records import Look
from cbr_operator.rules.view import LookAtVault, shared_by

logger = logging.getLogger(__name__)

JITTER = 0.1
NEVER = float("inf")

Found = Look | LookFailure


@dataclass(slots=True)
class _Poller:
    """What is looked at together, and who waits for it."""

    action: LookAtVault
    """The newest wish: which vault, with which Secret."""
    interval: float
    due: float
    """When the next regular look is due, on the clock that never jumps."""
    not_before: float = 0.0
    wishes: dict[Key, "_Wish"] = field(default_factory=dict)
    served: dict[Key, None] = field(default_factory=dict)
    """Who waited for the look under way when it began; it is older than what others want to know."""
    seen: int | None = None
    """Fingerprint of the last look."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    @property
    def next_look(self) -> float:
        return max(self.not_before, min([self.due, *(each.due for each in self.wishes.values())]))


@dataclass(slots=True)
class _Wish:
    action: LookAtVault
    due: float
    """When it has to be fulfilled at the latest."""
    fresh: bool = True
    """It has not been woken by a look yet: the first one is news to it, whatever it shows."""


class Pollers:
    """All pollers. ``wake`` is called with each object whose look has come; a poller ends with its last object."""

    def __init__(
        self,
        *,
        reader: VaultReader,
        clock: Clock,
        wake: Callable[[Key], None],
        shortest: float,
        longest: float,
    ) -> None:
        """``shortest`` and ``longest``: seconds between two regular looks, growing while nothing changes."""
        self._reader = reader
        self._clock = clock
        self._wake = wake
        self._shortest = shortest
        self._longest = longest
        self._pollers: dict[str, _Poller] = {}
        self._homes: dict[Key, str] = {}
        self._results: dict[Key, Found] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._pollers)

    def want(self, key: Key, action: LookAtVault) -> None:
        """Have this object woken with the next look at its vault, or with one before ``action.within`` seconds."""
        home = f"{lane_of(action.target)} {shared_by(action.source)}"
        if self._homes.get(key, home) != home:
            self.drop(key)
        now = self._clock.boottime()
        poller = self._pollers.get(home)
        if poller is None:
            # Spread: after a restart all vaults would be looked at in the same second.
            due = now + self._shortest * (1 + self._clock.chance()) / 2
            poller = self._pollers[home] = _Poller(action, self._shortest, due)
            poller.task = asyncio.create_task(self._poll(poller))
        before = poller.wishes.get(key)
        if before is None:  # somebody new is not to wait for a poller that has slowed down
            poller.interval = self._shortest
            poller.due = min(poller.due, now + self._shortest)
        due = now + action.within if action.within is not None else NEVER
        poller.wishes[key] = _Wish(action, due) if before is None else _Wish(action, min(due, before.due), before.fresh)
        poller.action = action
        self._homes[key] = home
        poller.changed.set()

    def result_for(self, key: Key) -> Found | None:
        """What the look that this object waited for came to, until it is forgotten."""
        return self._results.get(key)

    def forget(self, key: Key, result: Found) -> None:
        """The object has taken note of this result; a newer one stays."""
        if self._results.get(key) is result:
            del self._results[key]

    def drop(self, key: Key) -> None:
        """The object looks no more. The last one to go ends the poller."""
        self._results.pop(key, None)
        home = self._homes.pop(key, None)
        if home is None:
            return
        poller = self._pollers[home]
        del poller.wishes[key]
        poller.served.pop(key, None)
        if not poller.wishes:
            del self._pollers[home]
            self._end(poller)

    async def close(self) -> None:
        """End all looking."""
        for poller in self._pollers.values():
            self._end(poller)
        self._pollers.clear()
        self._homes.clear()
        if self._ending:
            await asyncio.wait(self._ending)

    def _end(self, poller: _Poller) -> None:
        if poller.task is not None and not poller.task.done():
            poller.task.cancel()
            self._ending.add(poller.task)
            poller.task.add_done_callback(self._ending.discard)

    async def _poll(self, poller: _Poller) -> None:
        while True:
            await self._until_due(poller)
            poller.served = dict.fromkeys(poller.wishes)
            since = [each.action.log_since for each in poller.wishes.values() if each.action.log_since is not None]
            found = await self._look(poller.action, min(since, default=None))
            self._plan(poller, found)
            for key in list(poller.served):
                self._deliver(poller, key, found)
            poller.seen = found.fingerprint if isinstance(found, Look) else None

    async def _look(self, action: LookAtVault, log_since: datetime | None) -> Found:
        try:
            return await self._reader.look(action, log_since=log_since)
        except Exception:  # all who look at this vault would wait for ever
            logger.exception("A look at a vault failed")
            return LookFailure("Looking at the vault failed by a defect of the operator; its log says more")

    def _deliver(self, poller: _Poller, key: Key, found: Found) -> None:
        """Hand a look to an object that was waiting when it began, unless it asks for more by now."""
        wish = poller.wishes[key]
        if isinstance(found, Look) and not found.has_log_since(wish.action.log_since):
            return
        asked = wish.fresh or wish.action.always or wish.due < NEVER
        if asked or not isinstance(found, Look) or found.fingerprint != poller.seen:
            wish.due, wish.fresh = NEVER, False
            self._results[key] = found
            self._wake(key)

    def _plan(self, poller: _Poller, found: Found) -> None:
        """When the next regular look is due: sooner while things change, later while they do not."""
        now = self._clock.boottime()
        if isinstance(found, Look) and found.fingerprint != poller.seen:
            poller.interval = self._shortest
        else:
            poller.interval = min(self._longest, 2 * poller.interval)
        wait = poller.interval
        if isinstance(found, LookFailure):
            wait = max(found.again, found.retry_after) or wait
            poller.not_before = now + min(wait, REFUSED_TOKEN_AGAIN)
        poller.due = now + wait * (1 + JITTER * self._clock.chance())

    async def _until_due(self, poller: _Poller) -> None:
        while (left := poller.next_look - self._clock.boottime()) > 0:
            poller.changed.clear()
            try:
                async with asyncio.timeout(left):
                    await poller.changed.wait()
            except TimeoutError:
                continue
