"""Writing the status of one kind's objects: guarded by resourceVersion, told in Events, seen by the store at once."""

from collections.abc import Callable
from typing import Any

from cbr_operator.engine.store import Store
from cbr_operator.kinds.common import ConditionedStatus, Metadata, ResourceKind
from cbr_operator.ports import EventNote, Json, Kube, KubeError
from cbr_operator.rules.patches import events_of, status_patch

Post = Callable[[EventNote], None]
Count = Callable[[str], None]


class StatusWriter:
    """The one way in which a status is written (protocol, section 1)."""

    def __init__(self, *, kind: ResourceKind, kube: Kube, store: Store[Any], post: Post, count: Count) -> None:
        """``count`` is told ``written`` or the name of the error for each write."""
        self.kind = kind
        self._kube = kube
        self._store = store
        self._post = post
        self._count = count

    async def write(self, metadata: Metadata, before: ConditionedStatus, after: ConditionedStatus) -> Json | None:
        """Write ``after`` once, if it changes anything; the object as written, or None where it does not.

        Raises:
            ConflictError: the object is newer than what was decided from; its event decides again.
            NotFoundError: it is gone.
            RefusedError, UnavailableError: as the API server said; nothing is known to be written.
        """
        patch = status_patch(metadata, before, after)
        if patch is None:
            return None
        try:
            body = await self._kube.patch_status(
                self.kind, namespace=metadata.namespace, name=metadata.name, patch=patch
            )
        except KubeError as error:
            self._count(type(error).__name__.removesuffix("Error").lower())
            raise
        self._count("written")
        self._store.store(body)
        for note in events_of(self.kind, metadata, before.conditions, after.conditions):
            self._post(note)
        return body
