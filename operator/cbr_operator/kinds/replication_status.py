"""The status of a CheckpointReplication.

Fields that echo the cloud have no pattern, enum, required key or uniqueness: an answer must never be lost because
the API server does not like how it looks (protocol, section 1).
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from cbr_operator.kinds.common import ConditionedStatus, Conditions, MicroTime, Model, Time

MAX_BACKUPS = 5000
"""So many entries of backups that were copied fit into one object."""
MAX_BYTES = 1_300_000
"""What all entries may take in JSON: etcd takes requests of 1.5 MiB, of which annotations may take a quarter."""


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
    """What is really called. Resolving and tracking use it, whatever the connection says later."""

    endpoint: str = ""
    """URL of the endpoint."""
    region: str = ""
    """Source region."""
    project_id: str = ""
    """Source project."""
    vault_id: str = ""
    """Source vault."""
    connection_uid: str = ""
    """UID of the connection that was used."""
    vouched_by: str = ""
    """Namespace whose CBRConnection decided, by its proxyURL or caBundle, who answers at the endpoint. Absent where the
    endpoint's own name and the operator's trust anchors did."""


class Submission(Model):
    """The log of the one call: written before it is made, and closed with what came of it."""

    attempt: int = 0
    """Number of the attempt, failed looks before the call included."""
    holder: str = ""
    """Random id of the process that wrote it."""
    intent_time: MicroTime | None = None
    """When the intent was written."""
    cloud_time: MicroTime | None = None
    """The same moment by the cloud's clock."""
    first_unknown_at: MicroTime | None = None
    """cloudTime of the first attempt whose outcome was not known."""
    target: Target = Field(default_factory=Target)
    """What was called."""
    outcome: str
    """Pending, Submitted, Adopted, Rejected, NotNeeded, NotSubmitted, Unknown or Unresolved. Only NotSubmitted is
    tried again."""
    reason: str = ""
    """Why nothing was submitted."""
    request_id: str = ""
    """The cloud's request id (X-Request-Id); its support asks for it."""
    next_attempt_time: Time | None = None
    """When it is tried again."""
    credential_version: str = ""
    """Version of the credential that was refused for good: the Secret's resourceVersion, and with a connection its
    generation, as "<resourceVersion>/<generation>". There is no new attempt before it changes."""
    suspended_time: MicroTime | None = None
    """Since when it has been suspended after a first attempt: meanwhile the deadline stands still."""
    suspended_seconds: int | None = None
    """How long it was suspended before that, in all."""


class AnsweredSource(Model):
    """The source as the cloud answered it."""

    region: str = ""
    """Source region."""
    project_id: str = ""
    """Source project."""
    vault_id: str = ""
    """Source vault."""
    provider_id: str = ""
    """Provider of the backups: tells servers from other things."""


class AnsweredDestination(Model):
    """The destination as the cloud answered it."""

    region: str = ""
    """Destination region."""
    project_id: str = ""
    """Destination project."""
    vault_id: str = ""
    """Destination vault."""


class BackupState(StrEnum):
    """How far the copying of one backup is."""

    WAITING = "Waiting"
    REPLICATING = "Replicating"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"
    UNKNOWN = "Unknown"


class Backup(Model):
    """One backup that the cloud said it copies."""

    backup_id: str = ""
    """Id of the backup in the source region."""
    replication_record_id: str = ""
    """Id of the record of its replication, by which the copying is followed."""
    state: str = BackupState.UNKNOWN.value
    """Waiting, Replicating, Succeeded, Failed, Skipped or Unknown."""
    progress: int | None = None
    """Percent copied."""
    created_at: str = ""
    """When the cloud began the record."""
    destination_backup_id: str = ""
    """Id of the copy in the destination region."""
    fail_code: str = ""
    """The cloud's error code, when it failed."""
    fail_reason: str = ""
    """The cloud's words, when it failed."""


class Summary(Model):
    """How many backups there are in each state."""

    total: int = 0
    """All of them, also those left out of backups."""
    waiting: int = 0
    """Not begun."""
    replicating: int = 0
    """Being copied."""
    succeeded: int = 0
    """Copied."""
    failed: int = 0
    """Could not be copied."""
    skipped: int = 0
    """The cloud saw no need; neither a success nor a failure."""
    unknown: int = 0
    """Not known, or not followed."""
    progress: int = 0
    """Mean progress in percent; a finished one counts 100."""


class Status(ConditionedStatus):
    """What is going on. Written by the operator alone."""

    start_time: Time | None = None
    """When the resource was first seen unsuspended, as in a Job; frozen at the first attempt."""
    completion_time: Time | None = None
    """When it ended, well or not. Set only then: kubectl wait --for=jsonpath='{.status.completionTime}'."""
    progress: str = ""
    """Finished backups of all, e.g. "2/3"."""
    submission: Submission | None = None
    """The log of the one call."""
    source: AnsweredSource | None = None
    """The source as the cloud answered it."""
    destination: AnsweredDestination | None = None
    """The destination as the cloud answered it."""
    backups: Annotated[tuple[Backup, ...], Field(json_schema_extra={"x-kubernetes-list-type": "atomic"})] = ()
    """Every backup with the id of its replication record; failed and open ones first, at most 5,000."""
    backups_omitted: int = 0
    """How many backups are left out of the list."""
    summary: Summary | None = None
    """How many backups there are in each state."""
    conditions: Conditions = ()
    """Accepted: by the operator. Submitted: to the cloud. Succeeded: the one to wait for; True and False are final.
    Reconciling and Stalled: for tools that follow kstatus."""
