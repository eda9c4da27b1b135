"""Reading Secrets: just before use, at most once in ten seconds a name; ConfigMaps likewise."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from typing import Protocol

from cbr_operator.ports import Clock, Credential, Kube, KubeError, NotFoundError, SecretData
from cbr_operator.rules.secrets import credential_of, unreadable
from cbr_operator.rules.view import ReadSecret, SecretProblem

FRESH_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Reading:
    """What one reading came to."""

    at: float
    """When it began, on the clock that never jumps."""
    secret: SecretData | None
    """None: there is none, or ``failure`` says why it could not be read."""
    failure: str = ""


class _Read(Protocol):
    def __call__(self, *, namespace: str, name: str) -> Awaitable[SecretData]: ...


class Readings:
    """Reads objects and forgets them after ten seconds; those who ask at the same time share one reading."""

    def __init__(self, read: _Read, clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._readings: dict[tuple[str, str], asyncio.Task[Reading]] = {}

    async def read(self, *, namespace: str, name: str) -> Reading:
        """The object, as it was ten seconds ago or later."""
        self._forget_old()
        reading = self._readings.get((namespace, name))
        if reading is None or self._is_old(reading):
            self._readings.pop((namespace, name), None)  # so that they stand in the order in which they began
            reading = self._readings[namespace, name] = asyncio.create_task(self._fetch(namespace, name))
        # Shielded: the reading is shared, and one who gives up must not end it for the others.
        return await asyncio.shield(reading)

    async def _fetch(self, namespace: str, name: str) -> Reading:
        at = self._clock.boottime()
        try:
            return Reading(at, await self._read(namespace=namespace, name=name))
        except NotFoundError:
            return Reading(at, None)
        except KubeError as error:
            return Reading(at, None, failure=str(error))

    def _forget_old(self) -> None:
        """Drop the oldest; one that is under way keeps those behind it until it ends, which costs memory alone."""
        while self._readings:
            name = next(iter(self._readings))
            if not self._is_old(self._readings[name]):
                return
            del self._readings[name]

    def _is_old(self, reading: asyncio.Task[Reading]) -> bool:
        if not reading.done():
            return False
        if reading.cancelled() or reading.exception():
            return True
        return reading.result().at <= self._clock.boottime() - FRESH_SECONDS


class SecretReader:
    """Secrets, and what of them authenticates a call."""

    def __init__(self, *, kube: Kube, clock: Clock) -> None:
        self._clock = clock
        self._secrets = Readings(kube.read_secret, clock)

    async def read(self, wanted: ReadSecret) -> Credential | SecretProblem:
        """The credential in a Secret's key, or what keeps it from being one."""
        namespace, name = wanted.namespace, wanted.name
        reading = await self.reading(namespace=namespace, name=name)
        if reading.failure:
            found: Credential | SecretProblem = unreadable(namespace=namespace, name=name, why=reading.failure)
        else:
            found = credential_of(reading.secret, namespace=namespace, name=name, key=wanted.key)
        if isinstance(found, SecretProblem):
            return replace(found, age=self._clock.boottime() - reading.at)
        return found

    async def reading(self, *, namespace: str, name: str) -> Reading:
        """The Secret itself."""
        return await self._secrets.read(namespace=namespace, name=name)
