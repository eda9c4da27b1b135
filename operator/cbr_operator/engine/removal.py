"""Deleting an object, and forgetting it at once: a deletion in a gap of the watch is never reported.

Right after the start there is such a gap, between our own list and the first of the watch.
"""

from typing import Any

from cbr_operator.engine.store import Store
from cbr_operator.kinds.common import ResourceKind
from cbr_operator.ports import Kube, NotFoundError


async def remove(  # noqa: PLR0913 - an object's whole identity, each part by its name
    kube: Kube, kind: ResourceKind, store: Store[Any], *, namespace: str, name: str, uid: str, version: str
) -> None:
    """Delete this very object as it was seen; one that waits for somebody's finalizer is not forgotten.

    Raises:
        ConflictError: it has changed, or is another one; an event decides again.
        RefusedError, UnavailableError: as the API server said.
    """
    try:
        await kube.delete(kind, namespace=namespace, name=name, uid=uid, version=version)
        left = await kube.get(kind, namespace=namespace, name=name)
    except NotFoundError:
        store.drop((namespace, name), uid)
        return
    if left["metadata"]["uid"] != uid:
        store.drop((namespace, name), uid)
    else:
        store.store(left)
