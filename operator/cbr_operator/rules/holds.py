"""Refusals that concern everybody with the same credential at the same endpoint: 401 and 429 (protocol, section 3).

They are read from the status of the objects that met them, so they survive a restart and end with their objects.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from cbr_operator.kinds.reasons import ConditionType, Reason
from cbr_operator.kinds.replication import Replication
from cbr_operator.kinds.replication_status import Outcome, Target
from cbr_operator.rules.access import comparable_endpoint
from cbr_operator.rules.connections import connection_owner
from cbr_operator.rules.lanes import target_of

_UNTOLD = "The cloud refused an earlier call with the same credential; it goes on by itself once that is over."


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the cloud refused to one object, and until when that holds for all behind it."""

    key: str
    """Credential owner and endpoint."""
    reason: Reason
    message: str
    until: datetime | None
    """429: when to try again. None for 401, which a new version of the Secret ends."""
    credential_version: str
    namespace: str = ""
    """Of the object that met it: its message, with the cloud's words, is not for another one."""


def owner_of(replication: Replication, target: Target) -> str:
    """Whose credential a call for this object to this target uses; empty where it names none."""
    spec = replication.spec
    if target.connection_uid:
        return connection_owner(target.connection_uid)
    if spec is None or spec.token_secret_ref is None:
        return ""
    reference = spec.token_secret_ref
    return f"Secret {replication.metadata.namespace}/{reference.name}, key {reference.key}"


def hold_key(replication: Replication, target: Target | None) -> str:
    """The key under which refusals of calls to this target are shared."""
    if target is None:
        return ""
    return f"{owner_of(replication, target)} at {comparable_endpoint(target.endpoint)}"


def refusal_of(replication: Replication) -> Refusal | None:
    """The refusal that this object's status tells of."""
    submission = replication.status.submission
    if submission is None or submission.outcome != Outcome.NOT_SUBMITTED:
        return None
    if submission.reason not in (Reason.AUTHENTICATION_FAILED, Reason.RATE_LIMITED):
        return None
    condition = replication.status.condition(ConditionType.SUBMITTED)
    said = condition.message if condition is not None and condition.reason == submission.reason else _UNTOLD
    refused_token = submission.reason == Reason.AUTHENTICATION_FAILED
    if not refused_token and submission.next_attempt_time is None:
        return None
    if refused_token and not submission.credential_version:
        return None  # it may be mended by itself: by a new login, or by signing anew
    # A connection may have changed since: what refused was what was called then.
    target = submission.target if submission.target.connection_uid else target_of(replication)
    return Refusal(
        key=hold_key(replication, target),
        reason=Reason(submission.reason),
        message=said,
        until=None if refused_token else submission.next_attempt_time,
        credential_version=submission.credential_version,
        namespace=replication.metadata.namespace,
    )


def held_by(refusals: Iterable[Refusal], *, credential_version: str, now: datetime, namespace: str) -> Refusal | None:
    """The refusal that holds a caller with this version of the credential now; a refused token comes first.

    What was said to an object of another ``namespace`` than the caller's is left out.
    """
    holding = [
        each if each.namespace == namespace else replace(each, message=_UNTOLD)
        for each in refusals
        if (each.until > now if each.until is not None else each.credential_version == credential_version)
    ]
    return min(holding, key=lambda each: (each.until is not None, str(each.until), each.message), default=None)
