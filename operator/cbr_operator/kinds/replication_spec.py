"""The spec of a CheckpointReplication. The docstrings are what ``kubectl explain`` shows."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from cbr_operator.kinds.common import Model
from cbr_operator.kinds.fields import YEAR, Id, Name, Region, Seconds, SecretKey, Url, rule


def _immutable(field: str) -> dict[str, str]:
    """Catches changing, adding and removing; ``self.?x == oldSelf.?x`` breaks CEL's cost budget."""
    kept = f"has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})"
    return rule(kept, "is immutable: a resource is one submission; create a new one instead", field=field)


class Source(Model):
    """The vault whose backups are copied."""

    region: Region = ""
    """Region of the source vault, e.g. "cn-north-4". Required with tokenSecretRef; otherwise the connection's."""
    project_id: Id = Field(default="")
    """Id of the project that the source vault belongs to, in the source region: 32 hexadecimal digits, shown in the
    cloud's console under My Credentials, Projects. Required with tokenSecretRef; otherwise the connection's."""
    vault_id: Id
    """Id of the source vault, a UUID: "id" in the answer of GET /v3/{project_id}/vaults, or the vault's page in the
    console. All of its backups that can be replicated are, and not a single chosen one. Disk vaults cannot be
    replicated."""


class Destination(Model):
    """The vault, in another region, that receives the copies."""

    region: Region
    """Region of the destination vault; it must differ from the source's."""
    project_id: Id
    """Id of the project in the destination region: a project's id differs from region to region. Shown in the
    console, with the destination region chosen, under My Credentials, Projects."""
    vault_id: Id
    """Id of the destination vault, a UUID. It must be a replication vault (protect_type "replication") with room for
    the copies; look it up with the destination's project id."""


class TokenSecretRef(Model):
    """A key of a Secret in the resource's own namespace."""

    name: Name
    """Name of the Secret."""
    key: SecretKey = "token"
    """Key in the Secret that holds the token."""


class ConnectionRef(Model):
    """A connection that says how to reach and authenticate to CBR."""

    kind: Literal["CBRConnection", "ClusterCBRConnection"] = "CBRConnection"
    """CBRConnection (in the resource's own namespace) or ClusterCBRConnection."""
    name: Name
    """Name of the connection."""


class SubmissionSpec(Model):
    """How long to try to submit."""

    deadline_seconds: Seconds = 86_400
    """Seconds from status.startTime after which a resource that could not be submitted is given up. Time while it is
    suspended does not count. A call whose outcome is not known is never ended by this."""


class TrackingSpec(Model):
    """Whether and how long to follow the copying."""

    enabled: bool = True
    """Follow every backup until it is copied. With false the resource is finished once the cloud took the call."""
    deadline_seconds: Seconds = 172_800
    """Seconds from the submission after which the copying is no longer followed and the resource fails. It goes on
    in the cloud."""


class Spec(Model):
    """What to copy from where to where.

    It cannot be changed but for suspend, tracking and ttlSecondsAfterFinished: a resource is one submission. To copy
    again, create another: under another name, or with generateName and kubectl create -f (kubectl apply refuses it).

    The call is made at most once for each resource. Deleting the resource ends its tracking, and never the copying:
    the cloud has no call that cancels it.
    """

    source: Source
    """The vault whose backups are copied."""
    destination: Destination
    """The vault, in another region, that receives the copies."""
    auto_trigger: bool = False
    """Sent to the cloud as auto_trigger: mark the replication as triggered automatically rather than by a person."""
    enable_acceleration: bool = False
    """Sent to the cloud as enable_acceleration: copy faster, billed extra. Some deployments do not know it: it is
    sent only when true."""
    token_secret_ref: TokenSecretRef | None = None
    """A Secret in this namespace that holds a project-scoped token of the source region (X-Auth-Token). It is read
    just before use. Exactly one of tokenSecretRef and connectionRef is required."""
    connection_ref: ConnectionRef | None = None
    """The connection to use. Exactly one of tokenSecretRef and connectionRef is required."""
    endpoint: Url = ""
    """URL of the source region's CBR endpoint, e.g. "https://cbr.cn-north-4.myhuaweicloud.com". Absent: derived from
    source.region. Only with tokenSecretRef, and only what the operator's administrator allows."""
    suspend: bool = False
    """Hold the resource as long as nothing has been submitted. What is submitted goes on."""
    submission: SubmissionSpec = Field(default_factory=SubmissionSpec)
    """How long to try to submit."""
    tracking: TrackingSpec = Field(default_factory=TrackingSpec)
    """Whether and how long to follow the copying."""
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=YEAR)] | None = None
    """Seconds after its end when the resource is deleted; absent: it is kept. Do not set it on resources that are
    kept in Git: the GitOps tool would create them anew, and they would be submitted again."""

    @staticmethod
    def _schema(schema: dict[str, Any]) -> None:
        schema["x-kubernetes-validations"] = [*_RULES, *map(_immutable, _IMMUTABLE)]

    model_config = ConfigDict(json_schema_extra=_schema)


class TemplateSpec(Spec):
    """The spec of what a template makes.

    It has the same fields and rules, and can be changed: what was made before keeps the copy it was made with.
    """

    @staticmethod
    def _schema(schema: dict[str, Any]) -> None:
        schema["x-kubernetes-validations"] = list(_RULES)

    model_config = ConfigDict(json_schema_extra=_schema)


_RULES = (
    rule(
        "has(self.tokenSecretRef) != has(self.connectionRef)",
        "exactly one of tokenSecretRef and connectionRef is required",
    ),
    rule(
        "!has(self.endpoint) || has(self.tokenSecretRef)",
        "is only allowed with tokenSecretRef: a connection has an endpoint of its own",
        field="endpoint",
    ),
    rule(
        "!has(self.tokenSecretRef) || (has(self.source.region) && has(self.source.projectID))",
        "region and projectID are required with tokenSecretRef",
        field="source",
    ),
    rule(
        "!has(self.source.region) || self.source.region.lowerAscii() != self.destination.region.lowerAscii()",
        "must differ from source.region",
        field="destination.region",
    ),
)

_IMMUTABLE = (
    "source",
    "destination",
    "autoTrigger",
    "enableAcceleration",
    "tokenSecretRef",
    "connectionRef",
    "endpoint",
    "submission",
)
