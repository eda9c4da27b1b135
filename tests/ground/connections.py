"""Connections for tests: one that logs in, with what a test wants different."""

import copy
from typing import Any

from cbr_operator.kinds.common import API_VERSION
from cbr_operator.kinds.connection import CLUSTER_CONNECTIONS, CONNECTIONS, Connection
from ground.objects import DESTINATION, SOURCE, replication, spec

PASSWORD = {"password": {"domainName": "acme", "userName": "dr", "secretRef": {"name": "cbr"}}}
TOKEN = {"token": {"secretRef": {"name": "cbr"}}}
ACCESS_KEY = {"accessKey": {"secretRef": {"name": "cbr"}}}


def connection_body(*, kind: str = CONNECTIONS.kind, metadata: Any = None, status: Any = None, **changes: Any) -> Any:
    """A connection as the API server gives it; ``changes`` replace keys of its spec, None removes one."""
    whole = {"region": "region1", "projectID": SOURCE["projectID"], "auth": copy.deepcopy(PASSWORD), **changes}
    namespace = {"namespace": "dr"} if kind == CONNECTIONS.kind else {}
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {
            "name": "prod",
            **namespace,
            "uid": "uid-of-prod",
            "resourceVersion": "50",
            "generation": 1,
            "creationTimestamp": "2026-03-01T11:00:00Z",
            **(metadata or {}),
        },
        "spec": {key: value for key, value in whole.items() if value is not None},
        "status": status or {"observedGeneration": -1},
    }


def connection(**parts: Any) -> Connection:
    """The same, parsed."""
    return Connection.from_json(parts.get("kind", CONNECTIONS.kind), connection_body(**parts))


def cluster_connection(**parts: Any) -> Connection:
    """One for the whole cluster, closed unless it is opened."""
    return connection(kind=CLUSTER_CONNECTIONS.kind, **parts)


def through(kind: str = CONNECTIONS.kind, **changes: Any) -> Any:
    """An object that uses it; its source is the connection's unless it says otherwise."""
    reference = {"kind": kind, "name": "prod"}
    whole = {"source": {"vaultID": SOURCE["vaultID"]}, "destination": DESTINATION, **changes}
    return replication(spec=spec(tokenSecretRef=None, connectionRef=reference, **whole))
