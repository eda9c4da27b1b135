"""Filling the cache before anything is decided, and keeping it true: our own lists (protocol, section 6)."""

import logging
from collections.abc import Callable, Collection, Sequence
from typing import Any

from cbr_operator.engine.store import Key, Store, key_of
from cbr_operator.kinds.common import ResourceKind
from cbr_operator.ports import Clock, Json, Kube, KubeError, NotFoundError

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 600.0
"""Between two sweeps: Kopf never reports a deletion that fell into a gap of the watch (410 Gone)."""
FIRST_SWEEP_SECONDS = 30.0
"""Until the first one: between our own first list and the watch's lies such a gap at every start."""


class NotInstalledError(Exception):
    """The kind is not known to the API server; its message is the kind."""


class Lists:
    """Reads all objects of one kind, in the namespaces that are watched; an empty list of namespaces means all."""

    def __init__(
        self,
        *,
        kind: ResourceKind,
        kube: Kube,
        clock: Clock,
        store: Store[Any],
        namespaces: Collection[str],
        changed: Callable[[Key], None],
    ) -> None:
        """``changed`` is called with each object that is news."""
        self._kind = kind
        self._kube = kube
        self._clock = clock
        self._store = store
        self._namespaces: Sequence[str | None] = (tuple(namespaces) if kind.namespaced else ()) or (None,)
        self._changed = changed

    async def fill(self) -> None:
        """Store every object there is.

        Raises:
            NotInstalledError: the kind is not installed.
            UnavailableError: the API server does not answer, or refuses.
        """
        for namespace in self._namespaces:
            try:
                async for page in self._kube.list_pages(self._kind, namespace=namespace):
                    for body in page.items:
                        self.observe(body)
            except NotFoundError:
                raise NotInstalledError(self._kind.kind) from None

    def observe(self, body: Json) -> None:
        """Store an object, from whatever source, and have it decided about if it is news."""
        if self._store.store(body):
            self._changed(key_of(body))

    async def keep_sweeping(self) -> None:
        """Sweep soon after the start, then every ten minutes, until cancelled."""
        pause = FIRST_SWEEP_SECONDS
        while True:
            await self._clock.sleep(pause)
            pause = SWEEP_SECONDS
            try:
                await self.sweep()
            except KubeError as error:
                logger.warning("The periodic list failed, the next one is in ten minutes: %s", error)
            except Exception:  # it is no reason to leave
                logger.exception("The periodic list met a defect of ours")

    async def sweep(self) -> None:
        """Drop what is gone, fetch what was missed; what is newer than the list is left alone."""
        for namespace in self._namespaces:
            seen: set[str] = set()
            newest = 0
            async for page in self._kube.list_version_pages(self._kind, namespace=namespace):
                newest = page.version
                for body in page.items:
                    seen.add(body["metadata"]["uid"])
                    await self._fetch_if_missed(body)
            for key, entry in self._store.entries():
                mine = namespace is None or key[0] == namespace
                if mine and entry.uid not in seen and entry.version <= newest:
                    self._store.drop(key, entry.uid)

    async def _fetch_if_missed(self, body: Json) -> None:
        namespace, name = key = key_of(body)
        entry = self._store.get(key)
        if entry is not None and entry.version >= int(body["metadata"]["resourceVersion"]):
            return
        try:
            self.observe(await self._kube.get(self._kind, namespace=namespace, name=name))
        except NotFoundError:
            return  # gone since the list; the next sweep drops it
