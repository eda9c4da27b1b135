"""Every condition type, and the reasons of CheckpointReplications and connections, with what they tell a user.

A reason means the same in each type it stands in. Which reason may stand under which type and status is laid down in
``ALLOWED``, to which the tests hold the code and the pages in docs/kinds. The reasons of Ready of the other kinds are
``ScheduleReason`` (``kinds/schedule.py``) and ``PolicyReason`` (``kinds/policy.py``).
"""

from enum import StrEnum


class ConditionType(StrEnum):
    """The types of conditions on our kinds."""

    ACCEPTED = "Accepted"
    """Whether the operator takes the resource as it is written."""
    SUBMITTED = "Submitted"
    """Whether the cloud has taken the call."""
    SUCCEEDED = "Succeeded"
    """The one to wait for: True and False are final."""
    READY = "Ready"
    """Of a connection: whether resources can use it. Of a Schedule or a policy: whether it does what it is for."""
    RECONCILING = "Reconciling"
    """kstatus: work goes on by itself. Absent rather than False."""
    STALLED = "Stalled"
    """kstatus: failed, or only a person can go on. Absent rather than False."""


class Reason(StrEnum):
    """Why a condition is as it is."""

    VALID = "Valid"
    """The resource is complete and allowed, and its credential could be read when it was needed."""
    WAITING_FOR_SECRET = "WaitingForSecret"  # noqa: S105 - a reason, no secret
    """The Secret, its key or a usable token in it is missing."""
    WAITING_FOR_CONNECTION = "WaitingForConnection"
    """The connection is missing or not usable."""
    INVALID_SPEC = "InvalidSpec"
    """The spec can never be carried out as it stands."""
    ENDPOINT_NOT_ALLOWED = "EndpointNotAllowed"
    """The operator's allow-list has no pattern for this endpoint."""
    NAMESPACE_NOT_ALLOWED = "NamespaceNotAllowed"
    """The cluster connection is not open to this namespace."""
    SOURCE_NOT_ALLOWED = "SourceNotAllowed"
    """The cluster connection does not allow this source vault."""
    DESTINATION_NOT_ALLOWED = "DestinationNotAllowed"
    """The cluster connection does not allow this destination vault."""

    SUBMITTED = "Submitted"
    """The cloud took the call and answered."""
    OUTCOME_ADOPTED = "OutcomeAdopted"
    """The answer was lost; the call's records were found in the cloud."""
    SUSPENDED = "Suspended"
    """spec.suspend holds it; nothing has been submitted."""
    RESTORED = "Restored"
    """Restored from a cluster backup; held until its restore label is removed."""
    SUBMITTING = "Submitting"
    """The call is being made, or waits for its turn."""
    RESOLVING_OUTCOME = "ResolvingOutcome"
    """Whether the cloud took the call is not known; it is never sent blindly again."""
    WAITING_FOR_VAULT = "WaitingForVault"
    """The source vault is busy with another replication."""
    RATE_LIMITED = "RateLimited"
    """The cloud asked to call less often."""
    AUTHENTICATION_FAILED = "AuthenticationFailed"
    """The cloud refused the credential: a token, or the signatures of an access key."""
    PERMISSION_DENIED = "PermissionDenied"
    """The credential is good but not allowed to do this."""
    ENDPOINT_UNREACHABLE = "EndpointUnreachable"
    """No connection to the endpoint could be made, or its address may not be connected to: nothing was sent."""
    DESTINATION_NOT_READY = "DestinationNotReady"
    """The cloud could not use the destination, or a backup, yet."""
    REJECTED = "Rejected"
    """The cloud refused the call for good."""
    NOT_NEEDED = "NotNeeded"
    """The cloud says that everything is replicated already."""
    SUBMISSION_DEADLINE_EXCEEDED = "SubmissionDeadlineExceeded"
    """It could not be submitted within spec.submission.deadlineSeconds."""
    OUTCOME_UNRESOLVED = "OutcomeUnresolved"
    """Whether the cloud took the call could not be found out."""

    REPLICATING = "Replicating"
    """The cloud is copying."""
    CANNOT_LOOK = "CannotLook"
    """The records cannot be read, three times in a row or with a refused token; the copying goes on unseen."""
    ALL_REPLICATED = "AllReplicated"
    """Every backup has its copy."""
    NOTHING_TO_REPLICATE = "NothingToReplicate"
    """There was no backup to copy."""
    TRACKING_DISABLED = "TrackingDisabled"
    """Submitted, and not followed, as spec.tracking.enabled says."""
    REPLICATION_FAILED = "ReplicationFailed"
    """No backup could be copied."""
    PARTIALLY_FAILED = "PartiallyFailed"
    """Some backups could not be copied."""
    TRACKING_DEADLINE_EXCEEDED = "TrackingDeadlineExceeded"
    """The copying was not over within spec.tracking.deadlineSeconds."""

    EXPIRES_SOON = "ExpiresSoon"
    """The token of a connection ends within two hours, and nobody has put a new one into its Secret yet."""
    EXPIRED = "Expired"
    """The token of a connection has ended."""
    SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105 - as above
    """What a connection reads from its Secret is missing or unusable."""
    CA_BUNDLE_NOT_FOUND = "CABundleNotFound"
    """What a connection reads as certificates to trust is missing or unusable."""
    LOGIN_FAILED = "LoginFailed"
    """IAM gave no token: the name or password is wrong, or it could not be reached."""


_HOLDS_ACCEPTED = frozenset({Reason.WAITING_FOR_SECRET, Reason.WAITING_FOR_CONNECTION})
_DENIED = frozenset(
    {
        Reason.INVALID_SPEC,
        Reason.ENDPOINT_NOT_ALLOWED,
        Reason.NAMESPACE_NOT_ALLOWED,
        Reason.SOURCE_NOT_ALLOWED,
        Reason.DESTINATION_NOT_ALLOWED,
    }
)
_HOLDS_SUBMITTED = frozenset(
    {
        Reason.SUSPENDED,
        Reason.RESTORED,
        Reason.SUBMITTING,
        Reason.RESOLVING_OUTCOME,
        Reason.WAITING_FOR_VAULT,
        Reason.RATE_LIMITED,
        Reason.AUTHENTICATION_FAILED,
        Reason.PERMISSION_DENIED,
        Reason.ENDPOINT_UNREACHABLE,
        Reason.DESTINATION_NOT_READY,
    }
)
_SUBMISSION_ENDS = frozenset({Reason.REJECTED, Reason.SUBMISSION_DEADLINE_EXCEEDED, Reason.OUTCOME_UNRESOLVED})
# What holds Accepted holds everything behind it, so Submitted and Succeeded carry its reason.
_HELD = _HOLDS_ACCEPTED | _HOLDS_SUBMITTED | (_DENIED - {Reason.INVALID_SPEC})

ALLOWED: dict[ConditionType, dict[str, frozenset[Reason]]] = {
    ConditionType.ACCEPTED: {
        "True": frozenset({Reason.VALID}),
        "Unknown": _HOLDS_ACCEPTED,
        "False": _DENIED,
    },
    ConditionType.SUBMITTED: {
        "True": frozenset({Reason.SUBMITTED, Reason.OUTCOME_ADOPTED}),
        "Unknown": _HELD,
        "False": _SUBMISSION_ENDS | {Reason.NOT_NEEDED, Reason.INVALID_SPEC},
    },
    ConditionType.SUCCEEDED: {
        "True": frozenset({Reason.ALL_REPLICATED, Reason.NOTHING_TO_REPLICATE, Reason.TRACKING_DISABLED}),
        "Unknown": _HELD | {Reason.REPLICATING, Reason.CANNOT_LOOK},
        "False": _SUBMISSION_ENDS
        | {
            Reason.INVALID_SPEC,
            Reason.REPLICATION_FAILED,
            Reason.PARTIALLY_FAILED,
            Reason.TRACKING_DEADLINE_EXCEEDED,
        },
    },
    ConditionType.READY: {
        "True": frozenset({Reason.VALID, Reason.EXPIRES_SOON}),
        "False": frozenset(
            {
                Reason.INVALID_SPEC,
                Reason.ENDPOINT_NOT_ALLOWED,
                Reason.SECRET_NOT_FOUND,
                Reason.CA_BUNDLE_NOT_FOUND,
                Reason.EXPIRED,
                Reason.LOGIN_FAILED,
                Reason.AUTHENTICATION_FAILED,
            }
        ),
    },
}
