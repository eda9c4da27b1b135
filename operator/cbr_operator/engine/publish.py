"""What is written about a CheckpointReplication: a result until it is done, whatever the API server says."""

import logging

from cbr_operator.engine.cache import Cache
from cbr_operator.engine.status_writer import Count, Post, StatusWriter
from cbr_operator.kinds.reasons import Reason
from cbr_operator.kinds.replication import REPLICATIONS, Replication
from cbr_operator.kinds.replication_status import Status
from cbr_operator.ports import (
    Clock,
    ConflictError,
    EventNote,
    Kube,
    KubeError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from cbr_operator.rules.patches import events_of, note_about
from cbr_operator.rules.results import Try, reduced, settled

logger = logging.getLogger(__name__)

FIRST_RETRY = 0.5
LONGEST_RETRY = 10.0
"""Seconds between tries to write an answer while the API server does not take it."""
KEPT_BACKUPS = (None, 1000, 0)
"""How many backups stay in a status that the API server refuses: all, then these."""


class Publisher:
    """Writes status and what follows from it: the cache sees the answer at once, Events are posted."""

    def __init__(self, *, kube: Kube, clock: Clock, cache: Cache, post: Post, count: Count) -> None:
        """``count`` is told ``written`` or the name of the error for each status write."""
        self._kube = kube
        self._clock = clock
        self._cache = cache
        self._post = post
        self._writer = StatusWriter(kind=REPLICATIONS, kube=kube, store=cache, post=post, count=count)

    async def publish(self, replication: Replication, status: Status) -> Replication:
        """Write ``status`` once, if it changes anything; the object as it is then.

        Raises:
            KubeError: as ``StatusWriter.write``.
        """
        body = await self._writer.write(replication.metadata, replication.status, status)
        return Replication.from_json(body) if body is not None else replication

    async def publish_or_reduce(self, replication: Replication, status: Status) -> Replication:
        """The same, but what the API server refuses as it is, is written with fewer backups.

        Raises:
            KubeError: as ``StatusWriter.write``; RefusedError when not even a status without any is taken.
        """
        *more, last = KEPT_BACKUPS if status.backups else KEPT_BACKUPS[:1]
        for keep in more:
            try:
                return await self.publish(replication, status if keep is None else reduced(status, keep=keep))
            except RefusedError as error:
                logger.error("The API server refuses a status, shortening it: %s", error, extra=about(replication))  # noqa: TRY400 - the message says it all
        return await self.publish(replication, status if last is None else reduced(status, keep=last))

    async def delete(self, replication: Replication) -> None:
        """Delete the object as it was decided about, and no other.

        Raises:
            UnavailableError: the API server did not answer.
        """
        metadata = replication.metadata
        try:
            await self._kube.delete(
                REPLICATIONS,
                namespace=metadata.namespace,
                name=metadata.name,
                uid=metadata.uid,
                version=metadata.resource_version,
            )
        except (ConflictError, NotFoundError):
            return  # it changed, so an event decides again; or it is gone

    async def intend(self, replication: Replication, status: Status) -> Replication | None:
        """Write an intent; the object as written, or None when it is not certain that this very intent was written."""
        try:
            return await self.publish(replication, status)
        except (ConflictError, NotFoundError):
            return None
        except RefusedError as error:
            logger.error("The API server refuses an intent, nothing is sent: %s", error, extra=about(replication))  # noqa: TRY400 - the message says it all
            return None
        except UnavailableError as error:
            logger.warning("No answer to an intent, reading it back: %s", error, extra=about(replication))
        try:
            current = await self._read(replication)
        except KubeError:
            return None
        written = current is not None and current.status.submission == status.submission
        return current if written else None

    async def record(self, written: Replication, tried: Try) -> None:
        """Write what a call came to, however long that takes; only an object that is gone ends it early.

        An answer is never lost to a conflict, an outage, or a status that the API server refuses as too large.
        """
        current: Replication | None = written
        delay = FIRST_RETRY
        while current is not None:
            status = settled(current, tried)
            if status is None:
                return
            try:
                await self.publish_or_reduce(current, status)
            except NotFoundError:
                break
            except ConflictError:
                delay = FIRST_RETRY  # somebody wrote, so the API server is well
            except (UnavailableError, RefusedError) as error:
                logger.warning("A result could not be written yet: %s", error, extra=about(current))
            else:
                self._tell_of_late_answer(current, status, tried)
                return
            await self._clock.sleep(delay)
            delay = min(LONGEST_RETRY, 2 * delay)
            current = await self._read_until_known(current)
        self._report_homeless(written, tried)

    async def _read(self, replication: Replication) -> Replication | None:
        """The object as it is now; None when it is gone, also when a namesake has taken its place."""
        metadata = replication.metadata
        try:
            body = await self._kube.get(REPLICATIONS, namespace=metadata.namespace, name=metadata.name)
        except NotFoundError:
            return None
        current = Replication.from_json(body)
        if current.metadata.uid != metadata.uid:
            return None  # a namesake is the watch's to tell of: stored here, it would be no news, and never be decided
        self._cache.store(body)
        return current

    async def _read_until_known(self, replication: Replication) -> Replication | None:
        delay = FIRST_RETRY
        while True:
            try:
                return await self._read(replication)
            except KubeError as error:
                logger.warning("A result waits for the API server: %s", error, extra=about(replication))
            await self._clock.sleep(delay)
            delay = min(LONGEST_RETRY, 2 * delay)

    def _tell_of_late_answer(self, replication: Replication, status: Status, tried: Try) -> None:
        """An answer that changed no condition would otherwise be seen by nobody."""
        answer = tried.verdict.answer
        if answer is None or _events(replication, status):
            return
        note = f"A late answer to the call told of {len(answer.backups)} backups; they are in status.backups."
        self._post(note_about(REPLICATIONS, replication.metadata, warning=False, reason=Reason.SUBMITTED, note=note))

    def _report_homeless(self, written: Replication, tried: Try) -> None:
        """The object is gone: its answer goes to an Event and the log, the one stated exception to "never lost"."""
        answer = tried.verdict.answer
        ids = ", ".join(each.replication_record_id for each in answer.backups) if answer is not None else "none"
        note = (
            f"The resource was deleted during its call, which came to {tried.verdict.outcome.value} "
            f"{tried.verdict.said} Replication record ids: {ids}"
        )
        logger.warning("%s", note, extra=about(written))
        outcome = tried.verdict.outcome.value
        self._post(note_about(REPLICATIONS, written.metadata, warning=True, reason=outcome, note=note))


def _events(replication: Replication, status: Status) -> list[EventNote]:
    return events_of(REPLICATIONS, replication.metadata, replication.status.conditions, status.conditions)


def about(replication: Replication) -> dict[str, dict[str, str]]:
    """The log fields that name an object."""
    metadata = replication.metadata
    return {
        "object": {
            "kind": REPLICATIONS.kind,
            "namespace": metadata.namespace,
            "name": metadata.name,
            "uid": metadata.uid,
        }
    }
