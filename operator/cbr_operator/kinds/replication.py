"""CheckpointReplication: one submission, followed to its end; like a Job."""

from enum import StrEnum
from typing import Any

from pydantic import Field, ValidationError

from cbr_operator.kinds.common import Condition, Metadata, MicroTime, Model, Time

KIND = "CheckpointReplication"
PLURAL = "checkpointreplications"
RESTORED_LABEL = "velero.io/restore-name"


class Source(Model):
    region: str = ""
    project_id: str = ""
    vault_id: str


class Destination(Model):
    region: str
    project_id: str
    vault_id: str


class TokenSecretRef(Model):
    name: str
    key: str = "token"


class ConnectionRef(Model):
    kind: str = "CBRConnection"
    name: str


class SubmissionSpec(Model):
    deadline_seconds: int = 86400


class TrackingSpec(Model):
    enabled: bool = True
    deadline_seconds: int = 172800


class Spec(Model):
    source: Source
    destination: Destination
    auto_trigger: bool = False
    enable_acceleration: bool = False
    token_secret_ref: TokenSecretRef | None = None
    connection_ref: ConnectionRef | None = None
    endpoint: str = ""
    suspend: bool = False
    submission: SubmissionSpec = Field(default_factory=SubmissionSpec)
    tracking: TrackingSpec = Field(default_factory=TrackingSpec)
    ttl_seconds_after_finished: int | None = None


class Outcome(StrEnum):
    """What is known of a submission. Kept as a plain string in the status, so that a newer one can be read."""

    PENDING = "Pending"
    SUBMITTED = "Submitted"
    ADOPTED = "Adopted"
    REJECTED = "Rejected"
    NOT_NEEDED = "NotNeeded"
    NOT_SUBMITTED = "NotSubmitted"
    UNKNOWN = "Unknown"
    UNRESOLVED = "Unresolved"


class Target(Model):
    """What is really called. Resolving and following use it, whatever the connection says later."""

    endpoint: str = ""
    region: str = ""
    project_id: str = ""
    vault_id: str = ""
    connection_uid: str = ""


class Submission(Model):
    """The write-ahead log of the one call (protocol, section 2)."""

    attempt: int = 0
    holder: str = ""
    intent_time: MicroTime | None = None
    cloud_time: MicroTime | None = None
    first_unknown_at: MicroTime | None = None
    target: Target = Field(default_factory=Target)
    outcome: str
    reason: str = ""
    request_id: str = ""
    next_attempt_time: Time | None = None
    credential_version: str = ""
    suspended_time: MicroTime | None = None
    """Since when it has been suspended after a first try: meanwhile the deadline stands still."""
    suspended_seconds: int | None = None
    """How long it was suspended before that, in all."""


class AnsweredSource(Model):
    region: str = ""
    project_id: str = ""
    vault_id: str = ""
    provider_id: str = ""


class AnsweredDestination(Model):
    region: str = ""
    project_id: str = ""
    vault_id: str = ""


class BackupState(StrEnum):
    WAITING = "Waiting"
    REPLICATING = "Replicating"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"
    UNKNOWN = "Unknown"


class Backup(Model):
    backup_id: str = ""
    replication_record_id: str = ""
    state: str = BackupState.UNKNOWN
    progress: int | None = None
    created_at: str = ""
    destination_backup_id: str = ""
    fail_code: str = ""
    fail_reason: str = ""


class Summary(Model):
    total: int = 0
    waiting: int = 0
    replicating: int = 0
    succeeded: int = 0
    failed: int = 0
    skipped: int = 0
    unknown: int = 0
    progress: int = 0


class Status(Model):
    observed_generation: int = -1
    start_time: Time | None = None
    completion_time: Time | None = None
    progress: str = ""
    submission: Submission | None = None
    source: AnsweredSource | None = None
    destination: AnsweredDestination | None = None
    backups: tuple[Backup, ...] = ()
    backups_omitted: int = 0
    summary: Summary | None = None
    conditions: tuple[Condition, ...] = ()

    def condition(self, type_: str) -> Condition | None:
        """The condition of this type, if there is one."""
        return next((each for each in self.conditions if each.type == type_), None)


class Replication(Model):
    """A CheckpointReplication as read from the API server.

    ``spec`` is None when it does not parse; ``spec_error`` then says why. Metadata and status are kept all the
    same: what was submitted must be followed whatever a later schema thinks of its spec.
    """

    metadata: Metadata
    spec: Spec | None
    spec_error: str = ""
    status: Status

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> "Replication":
        """Read an object; only metadata or a status that cannot be read raise ``pydantic.ValidationError``."""
        metadata = Metadata.model_validate(body["metadata"])
        status = Status.model_validate(body.get("status") or {})
        try:
            spec = Spec.model_validate(body.get("spec") or {})
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in ("spec", *first["loc"]))
            return cls(metadata=metadata, spec=None, spec_error=f"{place}: {first['msg']}", status=status)
        return cls(metadata=metadata, spec=spec, status=status)
