"""Filling the cache before anything is decided, and keeping it true: our own lists (protocol, section 6)."""

import logging
from collections.abc import Callable, Sequence

from cbr_operator.engine.cache import Cache, Key, key_of
from cbr_operator.engine.publish import REPLICATIONS
from cbr_operator.ports import Clock, Json, Kube, KubeError, NotFoundError

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 600.0
"""Between two sweeps: a deletion in a gap of the watch is never reported (reference: Kopf, finding 4)."""


class Lists:
    """Reads all objects of the namespaces that are watched; an empty list of namespaces means all."""

    def __init__(
        self, *, kube: Kube, clock: Clock, cache: Cache, namespaces: Sequence[str], changed: Callable[[Key], None]
    ) -> None:
        self._kube = kube
        self._clock = clock
        self._cache = cache
        self._namespaces: Sequence[str | None] = tuple(namespaces) or (None,)
        self._changed = changed

    async def fill(self) -> int:
        """Store every object there is; the number of them.

        Raises:
            NotFoundError: the kind is not installed.
            UnavailableError: the API server does not answer, or refuses.
        """
        for namespace in self._namespaces:
            async for page in self._kube.list_pages(REPLICATIONS, namespace=namespace):
                for body in page.items:
                    self.observe(body)
                    entry = self._cache.get(key_of(body))
                    if entry is not None:
                        entry.notes.older = True
        return len(self._cache)

    def observe(self, body: Json) -> None:
        """Store an object, from whatever source, and have it decided about if it is news."""
        if self._cache.store(body):
            self._changed(key_of(body))

    async def keep_sweeping(self) -> None:
        """Sweep every ten minutes, until cancelled."""
        while True:
            await self._clock.sleep(SWEEP_SECONDS)
            try:
                await self.sweep()
            except KubeError as error:
                logger.warning("The periodic list failed, the next one is in ten minutes: %s", error)

    async def sweep(self) -> None:
        """Drop what is gone, fetch what was missed; what is newer than the list is left alone."""
        for namespace in self._namespaces:
            seen: set[str] = set()
            newest = 0
            async for page in self._kube.list_version_pages(REPLICATIONS, namespace=namespace):
                newest = page.version
                for body in page.items:
                    seen.add(body["metadata"]["uid"])
                    await self._fetch_if_missed(body)
            for key, entry in self._cache.entries():
                mine = namespace is None or key[0] == namespace
                if mine and entry.uid not in seen and entry.version <= newest:
                    self._cache.drop(key, entry.uid)

    async def _fetch_if_missed(self, body: Json) -> None:
        namespace, name = key = key_of(body)
        entry = self._cache.get(key)
        if entry is not None and entry.version >= int(body["metadata"]["resourceVersion"]):
            return
        try:
            self.observe(await self._kube.get(REPLICATIONS, namespace=namespace, name=name))
        except NotFoundError:
            return  # gone since the list; the next sweep drops it
