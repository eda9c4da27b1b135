"""Leader election on a Lease, by client-go's rules; not a lock, since the guards of the protocol keep us safe.

A loop of our own: the one in the kubernetes package gives up at the first refused connection, does not notice an
API server that hangs, and can leave two leaders. Source of the rules: client-go,
tools/leaderelection: another's Lease is expired when its record has not *changed* for the lease duration on our own
clock, and a leader that could not renew within the renew deadline no longer leads.
"""

import asyncio
import logging
import math
import random
from datetime import UTC, datetime
from typing import Protocol

from cbr_operator.kinds.common import format_micro_time
from cbr_operator.kube.client import KubeClient
from cbr_operator.ports import Clock, ConflictError, Json, KubeError, NotFoundError

logger = logging.getLogger(__name__)

NAME = "cbr-operator"
_RENEW_DEADLINE = 10 / 15
_RETRY = 2 / 15
"""Parts of the lease duration, in client-go's proportions."""
_SHORTEST_PAUSE = 0.1
"""Between two tries while the moment of expiry is near."""


class Leadership(Protocol):
    """What the operator asks of whatever decides that it leads."""

    async def acquire(self) -> None:
        """Return once this process leads."""

    def held(self) -> bool:
        """Whether it leads at this very moment."""

    def readable(self) -> bool:
        """Whether the last try to read the Lease went well: a standby that cannot is not ready."""

    async def keep(self) -> None:
        """Return once leadership is lost."""

    async def release(self) -> None:
        """Give it up, so that another need not wait."""


class AlwaysHeld:
    """Leadership with the election switched off."""

    async def acquire(self) -> None:
        """There is nobody to wait for."""

    def held(self) -> bool:
        """Always."""
        return True

    def readable(self) -> bool:
        """There is nothing to read."""
        return True

    async def keep(self) -> None:
        """Never lost."""
        await asyncio.Event().wait()

    async def release(self) -> None:
        """Nobody waits for it."""


class Lease:
    """Leadership by a coordination.k8s.io/v1 Lease."""

    def __init__(self, *, kube: KubeClient, clock: Clock, namespace: str, identity: str, duration: float) -> None:
        """``duration`` in seconds: how long others wait after the last change they saw."""
        self._kube = kube
        self._clock = clock
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._identity = identity
        self._duration = duration
        # A third of the renew deadline: an API server that hangs leaves time for another try.
        self._request_seconds = duration * _RENEW_DEADLINE / 3
        self._held_until: float | None = None
        self._leaving = False
        self._claim: asyncio.Task[None] | None = None
        self._readable = False
        self._seen: Json = {}
        self._seen_at = clock.boottime()

    def held(self) -> bool:
        """True until the renew deadline after the *start* of the last renewal that went well."""
        return self._held_until is not None and self._clock.boottime() < self._held_until

    def readable(self) -> bool:
        """Whether the last look at the Lease went well."""
        return self._readable

    async def acquire(self) -> None:
        """Try until this process leads."""
        self._leaving = False
        try:
            while not await self._try():
                expiry = self._until_expiry()
                await self._pause(at_most=max(expiry, _SHORTEST_PAUSE) if expiry > 0 else math.inf)
        except asyncio.CancelledError:
            await self.release()  # it may be taken by the claim under way
            raise
        logger.info("Leading as %s", self._identity)

    async def keep(self) -> None:
        """Renew until that has failed for the renew deadline, or another leads."""
        while self.held():
            await self._pause()
            if self.held():  # after the deadline, e.g. of a machine that was suspended, it is lost
                await self._try()
        if not self._leaving:
            logger.warning("The Lease is lost")

    async def release(self) -> None:
        """Stop leading at once, and tell the others as well as may be, within the time of one renewal."""
        self._leaving = True
        self._held_until = None
        if self._claim is None:
            return
        try:
            async with asyncio.timeout(self._request_seconds):
                await self._give_up(self._claim)
        except (KubeError, TimeoutError) as error:
            logger.warning("The Lease could not be released, it will expire: %s", error or "no answer in time")
        self._claim = None

    async def _give_up(self, claim: asyncio.Task[None]) -> None:
        await asyncio.gather(claim, return_exceptions=True)  # it would take back what is given up before it
        await self._look()
        spec = self._seen.get("spec", {})
        if spec.get("holderIdentity") == self._identity:
            await self._write({**self._seen, "spec": {**spec, "holderIdentity": "", "leaseDurationSeconds": 1}})

    async def _pause(self, *, at_most: float = math.inf) -> None:
        # With jitter, so that contenders do not stay in step.
        retry = self._duration * _RETRY * random.uniform(0.8, 1)  # noqa: S311 - no secret
        await self._clock.sleep(min(retry, at_most))

    async def _try(self) -> bool:
        """One try to take or renew the Lease; whether this process leads after it."""
        started = self._clock.boottime()
        try:
            await self._look()
            if not self._mine_to_take():
                self._held_until = None
                return False
            if self._leaving:
                return False
            self._claim = asyncio.create_task(self._write(self._claimed()))
            await asyncio.shield(self._claim)  # cancelled, it goes on, for ``release`` to wait for
        except ConflictError:
            return self.held()  # somebody was quicker; the next look tells who
        except KubeError as error:
            self._readable = False
            logger.warning("The Lease could not be read or written: %s", error)
            return self.held()
        if not self._leaving:
            self._held_until = started + self._duration * _RENEW_DEADLINE
        return self.held()

    async def _look(self) -> None:
        try:
            found = await self._request("GET", f"{self._path}/{NAME}")
        except NotFoundError:
            found = {}
        self._readable = True
        if found.get("spec") != self._seen.get("spec"):
            self._seen_at = self._clock.boottime()
        self._seen = found

    def _mine_to_take(self) -> bool:
        holder = self._seen.get("spec", {}).get("holderIdentity")
        return holder in (None, "", self._identity) or self._until_expiry() <= 0

    def _until_expiry(self) -> float:
        lasts = float(self._seen.get("spec", {}).get("leaseDurationSeconds") or self._duration)
        return self._seen_at + lasts - self._clock.boottime()

    def _claimed(self) -> Json:
        before = self._seen.get("spec", {})
        now = format_micro_time(datetime.now(UTC))
        mine = before.get("holderIdentity") == self._identity
        spec = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(self._duration),
            "acquireTime": before.get("acquireTime", now) if mine else now,
            "renewTime": now,
            "leaseTransitions": before.get("leaseTransitions", 0) + (0 if mine or not before else 1),
        }
        return {**self._seen, "spec": spec}

    async def _write(self, lease: Json) -> None:
        """Create or replace it; the resourceVersion in its metadata is the guard."""
        if "metadata" in lease:
            written = await self._request("PUT", f"{self._path}/{NAME}", lease)
        else:
            head: Json = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": NAME}}
            written = await self._request("POST", self._path, {**head, **lease})
        self._seen = written
        self._seen_at = self._clock.boottime()

    async def _request(self, method: str, path: str, body: Json | None = None) -> Json:
        return await self._kube.request(method, path, body=body, seconds=self._request_seconds)
