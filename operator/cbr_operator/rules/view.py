"""What a decision rests on, and what it says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cbr_operator.kinds.connection import Connection, ConnectionKey
from cbr_operator.kinds.reasons import Reason
from cbr_operator.kinds.replication import Replication
from cbr_operator.kinds.replication_status import Status, Submission, Target
from cbr_operator.ports import Credential, ReplicateRequest
from cbr_operator.rules.access import EndpointPattern
from cbr_operator.rules.addresses import NO_RULES_OF_ITS_OWN, AddressRules
from cbr_operator.rules.claims import NO_CLAIMS, Claims
from cbr_operator.rules.connections import connection_of
from cbr_operator.rules.holds import Refusal
from cbr_operator.rules.lanes import Place, target_of
from cbr_operator.rules.looks import NOTHING_REMEMBERED, LookFailure, Memory
from cbr_operator.rules.records import Look


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator was set up with and every decision knows."""

    allowed_endpoints: tuple[EndpointPattern, ...]
    holder: str
    """Random per process start, never a Pod name: marks an intent as this process's own."""
    led_since: datetime
    """When this process began to decide."""
    request_timeout: float = 60.0
    """Seconds that one call may take in all."""
    settle: float = 120.0
    """Seconds within which the cloud shows what it took."""

    operator_namespace: str = "default"
    """Where the Secrets of cluster connections are."""
    cluster_wide: bool = True
    """All namespaces are watched, and with them the cluster's connections."""
    addresses: AddressRules = NO_RULES_OF_ITS_OWN
    """Which addresses may be called."""

    @property
    def look_again(self) -> float:
        """Seconds between two looks that must agree."""
        return self.settle / 4

    @property
    def proof_takes(self) -> float:
        """Seconds after which a call that was taken must have shown itself."""
        return self.request_timeout + self.settle


@dataclass(frozen=True, slots=True)
class SecretProblem:
    """Why no credential could be had from a Secret, and what to do."""

    message: str
    age: float = 0.0
    """Seconds since the Secret was read."""
    reason: Reason = Reason.WAITING_FOR_SECRET
    """WaitingForSecret, or with a connection WaitingForConnection or EndpointNotAllowed."""
    for_a_person: bool = False
    """It does not go on before a person acts."""
    again: float | None = None
    """With a connection: seconds until another look; None where the connection's own controller looks for all."""


@dataclass(frozen=True, slots=True)
class View:
    """One object and everything that was read about it."""

    policy: Policy
    replication: Replication
    now: datetime
    """Our wall clock."""
    calling: bool = False
    """This process has a call under way for this object."""
    older: bool = False
    """It existed before this process led, which has not called for it yet: its status may be older than the truth."""
    tried: bool = False
    """This process has already tried to submit it."""
    credential: Credential | SecretProblem | None = None
    """None: the Secret has not been read within the last seconds."""
    refusals: tuple[Refusal, ...] = ()
    """What the cloud refused to callers with the same credential at the same endpoint."""
    in_front: Place | None = None
    """Who has this object's lane, or comes before it."""
    waiting_since: datetime | None = None
    """Since when it has stood ready in line and waited for the same: its vault, or, in front of the line, a slot."""
    clock_offset: float | None = None
    """The cloud's clock minus ours, in seconds; None: not known, look first."""
    look_failed: LookFailure | None = None
    """The look at the cloud's clock that this object waited for came to nothing."""
    chance: float = 0.0
    """0 to 1, drawn anew each time: spreads pauses."""
    slot_free: bool = True
    """Another call to this endpoint may start."""
    cloud_has_no_clock: bool = False
    """It was looked at, and sends no Date: only our own clock is left, which proves no absence."""
    boottime: float = 0.0
    """Our clock that never jumps."""
    look: Look | LookFailure | None = None
    """What the look that this object waited for came to."""
    claims: Claims = NO_CLAIMS
    """Which of the vault's records belong to other objects."""
    memory: Memory = NOTHING_REMEMBERED
    connection: Connection | None = None
    """The connection that the object names, if it is there."""
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    """Labels of the object's namespace."""
    untried: bool = False
    """The credential is an access key that has not been seen to work: a wrong one too often would be locked."""


@dataclass(frozen=True, slots=True)
class ReadSecret:
    """Read this Secret, then decide again."""

    namespace: str
    name: str
    key: str


@dataclass(frozen=True, slots=True)
class UseConnection:
    """Get the credential of this connection for calls in this project, then decide again."""

    key: ConnectionKey
    uid: str
    """Of the connection as it was decided from; empty where there is none."""
    project_id: str


CredentialSource = ReadSecret | UseConnection


def shared_by(source: CredentialSource) -> str:
    """The same for all who use the same credential, and for nobody else: what one reads is shown to them alone."""
    if isinstance(source, ReadSecret):
        return f"Secret {source.namespace}/{source.name}/{source.key}"
    return f"{source.key.kind} {source.key.namespace}/{source.key.name} {source.uid}"


@dataclass(frozen=True, slots=True)
class LookAtVault:
    """Read the vault's records, together with all who look at it with the same credential, then decide again."""

    target: Target
    source: CredentialSource
    within: float | None = None
    """Seconds until then; None: whenever the next regular look is due."""
    log_since: datetime | None = None
    """Read the operation log since then, too."""
    always: bool = True
    """Decide again even if the look shows what the last one showed."""


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the object, as it was seen."""


@dataclass(frozen=True, slots=True)
class LookAtClock:
    """Make a harmless call for the cloud's Date header, then decide again."""

    target: Target
    credential: Credential


@dataclass(frozen=True, slots=True)
class Submit:
    """Write the intent (the decision's status) under its guard, and only then make the call."""

    intent: Submission
    request: ReplicateRequest
    credential: Credential


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from a View."""

    status: Status | None = None
    """The status to be written, or None where nothing changes."""
    action: CredentialSource | LookAtClock | LookAtVault | Submit | Delete | None = None
    again: float | None = None
    """Seconds until another look even if nothing happens; None: the next event decides."""
    in_line: bool = False
    """The object is ready and stands in its lane."""
    blocked: bool = False
    """It was found unable to be submitted: after a while that counts as having tried."""
    memory: Memory | None = None
    """What to remember of its looks; None: what is remembered stays."""


def credential_source(view: View, target: Target) -> CredentialSource | None:
    """Where the credential for calls to this target comes from: the object's own Secret, or its connection."""
    spec, key = view.replication.spec, connection_of(view.replication)
    if key is not None:
        uid = view.connection.metadata.uid if view.connection is not None else ""
        return UseConnection(key, uid, target.project_id)
    if spec is None or spec.token_secret_ref is None:
        return None
    reference = spec.token_secret_ref
    return ReadSecret(view.replication.metadata.namespace, reference.name, reference.key)


def look_at_vault(view: View) -> LookAtVault | None:
    """A look at the vault that was really called; None where the object names no credential for it."""
    target = target_of(view.replication, view.connection)
    source = credential_source(view, target) if target is not None else None
    return LookAtVault(target, source, always=False) if target is not None and source is not None else None
