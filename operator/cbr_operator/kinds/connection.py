"""CBRConnection and ClusterCBRConnection: how to reach and authenticate to CBR."""

from typing import Any, NamedTuple, Self

from cbr_operator.kinds.common import Metadata, Model, ResourceKind, read_object
from cbr_operator.kinds.connection_spec import ClusterConnectionSpec, ConnectionSpec
from cbr_operator.kinds.connection_status import ConnectionStatus

CONNECTIONS = ResourceKind(kind="CBRConnection", plural="cbrconnections")
CLUSTER_CONNECTIONS = ResourceKind(kind="ClusterCBRConnection", plural="clustercbrconnections", namespaced=False)


class ConnectionKey(NamedTuple):
    """The name under which a connection is found; ``namespace`` is empty for a ClusterCBRConnection."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """As messages name it."""
        return f"{self.kind} {self.name!r}"


class Connection(Model):
    """A connection of either kind as read from the API server.

    ``spec`` is None when it does not parse; ``spec_error`` then says why, and the connection cannot be used.
    """

    kind: str
    metadata: Metadata
    spec: ConnectionSpec | ClusterConnectionSpec | None
    spec_error: str = ""
    status: ConnectionStatus

    @classmethod
    def from_json(cls, kind: str, body: dict[str, Any]) -> Self:
        """Read an object of this kind; only metadata or a status that cannot be read raise ``ValidationError``."""
        model = ClusterConnectionSpec if kind == CLUSTER_CONNECTIONS.kind else ConnectionSpec
        metadata, spec, spec_error, status = read_object(body, model, ConnectionStatus)
        return cls(kind=kind, metadata=metadata, spec=spec, spec_error=spec_error, status=status)

    @property
    def key(self) -> ConnectionKey:
        """Its name."""
        return ConnectionKey(self.kind, self.metadata.namespace, self.metadata.name)

    @property
    def is_cluster_wide(self) -> bool:
        """Whether it serves many namespaces, and has its Secrets in the operator's."""
        return self.kind == CLUSTER_CONNECTIONS.kind
