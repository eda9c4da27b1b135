"""A step for one connection: find out whether it can be used, and say so in its status."""

import asyncio
import logging
from dataclasses import dataclass

from cbr_operator.engine.connections import Connections
from cbr_operator.engine.controller import named
from cbr_operator.engine.credentials import Credentials, Found
from cbr_operator.engine.queue import WorkQueue
from cbr_operator.engine.status_writer import StatusWriter
from cbr_operator.engine.store import Key
from cbr_operator.kinds.common import ResourceKind
from cbr_operator.kinds.connection import Connection
from cbr_operator.ports import Clock, ConflictError, KubeError, NotFoundError
from cbr_operator.rules.connection_status import check_again, status_of, was_refused
from cbr_operator.rules.credentials import Usable

logger = logging.getLogger(__name__)

UNWRITTEN_AGAIN = 5.0
"""Seconds until another step when the API server did not take a status."""
JITTER = 0.1


@dataclass(frozen=True, slots=True)
class ConnectionWorker:
    """Keeps the status of the connections of one kind."""

    kind: ResourceKind
    clock: Clock
    connections: Connections
    credentials: Credentials
    queue: WorkQueue
    writer: StatusWriter

    async def process(self, key: Key) -> None:
        """Take the next step for one connection; a login is not waited for: its end is a reason for another step."""
        entry = self.connections.store_of(self.kind).get(key)
        if entry is None:
            return
        connection = entry.connection
        if connection is None:
            logger.error("A connection cannot be read; nothing is done about it", extra=named(self.kind, key))
            return
        found = await self.credentials.of(connection)
        if isinstance(found, asyncio.Task):
            return
        again = await self._publish(key, connection, found)
        self.queue.add_after(key, again * (1 + JITTER * self.clock.chance()) if again is not None else None)

    async def _publish(self, key: Key, connection: Connection, found: Found) -> float | None:
        """Write what was found; the seconds until it is looked at again."""
        now = self.clock.now()
        status = status_of(connection, found, now=now, refused=self._is_refused(connection, found))
        try:
            await self.writer.write(connection.metadata, connection.status, status)
        except (ConflictError, NotFoundError):
            return UNWRITTEN_AGAIN  # as a rule a newer event decides sooner
        except KubeError as error:
            logger.warning("The status of a connection could not be written: %s", error, extra=named(self.kind, key))
            return UNWRITTEN_AGAIN
        again, renewal = check_again(found, now=now), self.credentials.renews_in(connection)
        return again if renewal is None else min(max(1.0, renewal), again if again is not None else renewal)

    def _is_refused(self, connection: Connection, found: Found) -> bool:
        """Whether the cloud refuses the credential: as this process has seen it, else as its status tells."""
        if not isinstance(found, Usable):
            return False
        seen = self.credentials.standing(found.credential)
        return was_refused(connection, found) if seen is None else not seen
