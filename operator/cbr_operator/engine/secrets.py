"""Reading Secrets: just before use, from the object's own namespace, at most once in ten seconds a name."""

import asyncio
from dataclasses import dataclass, replace

from cbr_operator.ports import Clock, Credential, Kube, KubeError, NotFoundError, SecretData
from cbr_operator.rules.secrets import credential_of, unreadable
from cbr_operator.rules.view import ReadSecret, SecretProblem

FRESH_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class _Reading:
    at: float
    secret: SecretData | None
    failure: str = ""


class SecretReader:
    """Reads Secrets and forgets them after ten seconds; those who ask at the same time share one reading."""

    def __init__(self, *, kube: Kube, clock: Clock) -> None:
        self._kube = kube
        self._clock = clock
        self._readings: dict[tuple[str, str], asyncio.Task[_Reading]] = {}

    async def read(self, wanted: ReadSecret) -> Credential | SecretProblem:
        """The credential in a Secret's key, or what keeps it from being one."""
        namespace, name = wanted.namespace, wanted.name
        self._forget_old()
        if (namespace, name) not in self._readings:
            self._readings[namespace, name] = asyncio.create_task(self._fetch(namespace, name))
        # Shielded: the reading is shared, and one who gives up must not end it for the others.
        reading = await asyncio.shield(self._readings[namespace, name])
        if reading.failure:
            found: Credential | SecretProblem = unreadable(namespace=namespace, name=name, why=reading.failure)
        else:
            found = credential_of(reading.secret, namespace=namespace, name=name, key=wanted.key)
        if isinstance(found, SecretProblem):
            return replace(found, age=self._clock.boottime() - reading.at)
        return found

    async def _fetch(self, namespace: str, name: str) -> _Reading:
        at = self._clock.boottime()
        try:
            return _Reading(at, await self._kube.read_secret(namespace=namespace, name=name))
        except NotFoundError:
            return _Reading(at, None)
        except KubeError as error:
            return _Reading(at, None, failure=str(error))

    def _forget_old(self) -> None:
        oldest = self._clock.boottime() - FRESH_SECONDS
        for name, reading in list(self._readings.items()):
            if reading.done() and (reading.cancelled() or reading.exception() or reading.result().at <= oldest):
                del self._readings[name]
