"""A tiny API server: objects with versions and uids, guarded status patches, Secrets, and news of every change.

Bodies are never changed in place, so that whoever has read one has it as it was (as over a wire).
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cbr_operator.kinds.common import API_VERSION, format_time
from cbr_operator.kinds.connection import CONNECTIONS
from cbr_operator.kinds.replication import REPLICATIONS
from cbr_operator.ports import ConflictError, Json, NotFoundError, SecretData
from model.times import FIRST_VERSION, wall

NAMESPACE = "dr"
SECRET = "cbr-token"
CONNECTION = "prod"

Key = tuple[str, str]


@dataclass
class ApiServer:
    """What etcd holds. ``news`` is told of every change: its type, and the object."""

    news: Callable[[str, Json], None]
    objects: dict[Key, Json] = field(default_factory=dict)
    """The CheckpointReplications."""
    connections: dict[Key, Json] = field(default_factory=dict)
    version: int = FIRST_VERSION
    secret_version: int = 1
    has_secret: bool = True
    made: int = 0
    connections_made: int = 0
    writes: Counter[str] = field(default_factory=Counter)
    """Status patches that changed something, by kind."""

    def create(self, name: str, spec: Json, *, time: float) -> None:
        """A person creates an object; its uid tells of its place in the order of all."""
        self.made += 1
        self._create(REPLICATIONS.kind, name, f"uid-{self.made}", spec, time)

    def connect(self, spec: Json, *, time: float) -> None:
        """A person creates the connection."""
        self.connections_made += 1
        self._create(CONNECTIONS.kind, CONNECTION, f"uid-of-connection-{self.connections_made}", spec, time)

    def _create(self, kind: str, name: str, uid: str, spec: Json, time: float) -> None:
        metadata = {
            "name": name,
            "namespace": NAMESPACE,
            "uid": uid,
            "generation": 1,
            "creationTimestamp": format_time(wall(time)),
        }
        status = {"observedGeneration": -1}  # the CRD's default
        body = {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec, "status": status}
        self._store("ADDED", body)

    def all_of(self, kind: str) -> dict[Key, Json]:
        """The objects of a kind."""
        return self.connections if kind == CONNECTIONS.kind else self.objects

    def touch(self, body: Json) -> None:
        """Somebody sets an annotation."""
        metadata = {**body["metadata"], "annotations": {"touched": "yes"}}
        self._store("MODIFIED", {**body, "metadata": metadata})

    def edit(self, body: Json, **changes: Any) -> None:
        """Somebody edits the spec; None takes a field away."""
        metadata = {**body["metadata"], "generation": body["metadata"]["generation"] + 1}
        self._store("MODIFIED", {**body, "metadata": metadata, "spec": merged(body["spec"], changes)})

    def remove(self, body: Json) -> None:
        """The object is deleted; its last news carry a version of their own."""
        del self.all_of(body["kind"])[_key(body)]
        self.version += 1
        self.news("DELETED", _versioned(body, self.version))

    def get(self, kind: str, namespace: str, name: str) -> Json:
        """One object."""
        try:
            return self.all_of(kind)[namespace, name]
        except KeyError:
            raise NotFoundError(name) from None

    def patch_status(self, kind: str, namespace: str, name: str, patch: Json) -> Json:
        """Merge a patch into the status, if the version that it names, if any, is the present one."""
        body = self.get(kind, namespace, name)
        guard = patch.get("metadata", {}).get("resourceVersion")
        if guard not in (None, body["metadata"]["resourceVersion"]):
            raise ConflictError(name)
        status = merged(body["status"], patch["status"])
        if status == body["status"]:
            return body
        self.writes[kind] += 1
        return self._store("MODIFIED", {**body, "status": status})

    def delete(self, kind: str, namespace: str, name: str, *, uid: str, version: str) -> None:
        """Delete with preconditions."""
        body = self.get(kind, namespace, name)
        if (body["metadata"]["uid"], body["metadata"]["resourceVersion"]) != (uid, version):
            raise ConflictError(name)
        self.remove(body)

    def read_secret(self) -> SecretData:
        """The one Secret."""
        if not self.has_secret:
            raise NotFoundError(SECRET)
        return SecretData(str(self.secret_version), {"token": b"token-%d" % self.secret_version})

    def _store(self, news: str, body: Json) -> Json:
        self.version += 1
        body = _versioned(body, self.version)
        self.all_of(body["kind"])[_key(body)] = body
        self.news(news, body)
        return body


def merged(document: Json, patch: Json) -> Json:
    """RFC 7396, into a new document."""
    result = dict(document)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            before = document.get(key)
            result[key] = merged(before if isinstance(before, dict) else {}, value)
        else:
            result[key] = value
    return result


def _key(body: Json) -> Key:
    return body["metadata"]["namespace"], body["metadata"]["name"]


def _versioned(body: Json, version: int) -> Json:
    return {**body, "metadata": {**body["metadata"], "resourceVersion": str(version)}}
