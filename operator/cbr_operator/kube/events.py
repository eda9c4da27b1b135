"""Posting Events in the background: news for people, worth no retry and no waiting."""

import asyncio
import logging
from collections.abc import Callable

from cbr_operator.ports import EventNote, Kube, KubeError

logger = logging.getLogger(__name__)

WAITING = 1000
"""Events kept while the API server is slow; what comes beyond is dropped and counted."""
CLOSE_SECONDS = 1.0
"""How long the end may be held up by Events."""


class EventPoster:
    """Takes Events without ever blocking or raising, and posts them one by one."""

    def __init__(self, kube: Kube, *, dropped: Callable[[], None]) -> None:
        self._kube = kube
        self._dropped = dropped
        self._waiting: asyncio.Queue[EventNote] = asyncio.Queue(WAITING)
        self._complained = False

    def post(self, event: EventNote) -> None:
        """Have it posted, unless too many wait already."""
        try:
            self._waiting.put_nowait(event)
        except asyncio.QueueFull:
            self._dropped()

    async def run(self) -> None:
        """Post until cancelled."""
        while True:
            await self._post(await self._waiting.get())

    async def close(self, *, seconds: float = CLOSE_SECONDS) -> None:
        """Post what waits, for so long at most."""

        async def post_all() -> None:
            while not self._waiting.empty():
                await self._post(self._waiting.get_nowait())

        try:
            await asyncio.wait_for(post_all(), seconds)
        except TimeoutError:
            logger.info("%d Events were not posted any more", self._waiting.qsize())

    async def _post(self, event: EventNote) -> None:
        try:
            await self._kube.create_event(event)
        except KubeError as error:
            self._dropped()
            if not self._complained:  # a missing right would otherwise fill the log
                logger.warning("An Event could not be posted; until one can be, others are only counted: %s", error)
            self._complained = True
        else:
            self._complained = False
