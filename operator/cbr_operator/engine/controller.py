"""One kind under control: its objects are listed, watched, queued, and each is taken a step further by a worker."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from cbr_operator.engine.queue import WorkQueue
from cbr_operator.engine.store import Key, Store, key_of
from cbr_operator.engine.sweep import Lists
from cbr_operator.kinds.common import ResourceKind
from cbr_operator.ports import Json

logger = logging.getLogger(__name__)

DEFECT_AGAIN = 60.0
"""Seconds until an object that met a defect of ours is tried again."""


@dataclass(frozen=True, slots=True)
class Controller:
    """One kind, and what is done for one of its objects."""

    kind: ResourceKind
    store: Store[Any]
    lists: Lists
    queue: WorkQueue
    process: Callable[[Key], Awaitable[None]]
    """Takes the next step for one object; never called for the same one twice at a time."""
    workers: int
    """How many steps may be taken at once."""
    done: Callable[[Key], None] = lambda _: None
    """Called with the object after each step."""

    def changed(self, body: Json) -> None:
        """A watch event: the object as it is now."""
        self.lists.observe(body)

    def deleted(self, body: Json) -> None:
        """A watch event: the object is gone."""
        self.store.drop(key_of(body), body["metadata"]["uid"])

    async def run(self) -> None:
        """Work and sweep until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.lists.keep_sweeping())
                for _ in range(self.workers):
                    group.create_task(self._work())
        finally:
            self.queue.close()

    async def _work(self) -> None:
        """Take one object after the other a step further."""
        while True:
            key = await self.queue.get()
            try:
                await self.process(key)
            except Exception:  # one object that meets a defect of ours must not stop the others
                logger.exception("Deciding about an object failed", extra=named(self.kind, key))
                self.queue.add_after(key, DEFECT_AGAIN)
            finally:
                self.queue.done(key)
                self.done(key)
            # A step that waits for nothing would let nobody else run while there are more: no Lease, no watch.
            await asyncio.sleep(0)


def named(kind: ResourceKind, key: Key) -> dict[str, dict[str, str]]:
    """The log fields that name an object."""
    return {"object": {"kind": kind.kind, "namespace": key[0], "name": key[1]}}
