"""From two statuses to the merge patch between them, and to the Events that the change makes."""

from collections.abc import Iterable
from typing import Any

from cbr_operator.kinds.common import Condition, Metadata, Model, ResourceKind
from cbr_operator.kinds.policy import PolicyReason
from cbr_operator.kinds.reasons import ConditionType, Reason
from cbr_operator.kinds.schedule import ScheduleReason
from cbr_operator.ports import EventNote, Json
from cbr_operator.rules.conditions import FALSE

# What nobody has to act on, and what follows in every object's life: not worth an Event.
_UNTOLD: frozenset[str] = frozenset({Reason.VALID, Reason.SUBMITTING, ScheduleReason.SCHEDULED, PolicyReason.APPLIED})
# A person should look at these although they may still end by themselves.
_WARNINGS = frozenset(
    {
        Reason.WAITING_FOR_SECRET,
        Reason.WAITING_FOR_CONNECTION,
        Reason.AUTHENTICATION_FAILED,
        Reason.PERMISSION_DENIED,
        Reason.ENDPOINT_UNREACHABLE,
        Reason.DESTINATION_NOT_READY,
        Reason.RESOLVING_OUTCOME,
        Reason.CANNOT_LOOK,
    }
)


_ACTION = "Replicate"
"""What events.k8s.io calls the action: everything here is done for a replication."""


def status_patch(metadata: Metadata, before: Model, after: Model) -> Json | None:
    """The JSON merge patch (RFC 7396) from one status to another, guarded by the version it was computed from.

    None when there is nothing to write. Keys this version does not know are left alone.
    """
    if before == after:  # as most decisions find; a tenth of the price
        return None
    changes = difference(before.to_json(), after.to_json())
    return {"metadata": {"resourceVersion": metadata.resource_version}, "status": changes} if changes else None


def difference(before: Json, after: Json) -> Json:
    """The JSON merge patch that leads from one JSON object to another."""
    changes: Json = {key: None for key in before if key not in after}
    for key, value in after.items():
        old: Any = before.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            if inner := difference(old, value):
                changes[key] = inner
        elif value != old:
            changes[key] = value
    return changes


def events_of(
    kind: ResourceKind, metadata: Metadata, before: Iterable[Condition], after: Iterable[Condition]
) -> list[EventNote]:
    """One Event for each reason that a status write brings in; the same reason in two conditions is told once.

    Events about cluster-scoped objects lie in ``default``, where tenants may read them: the message stays in the
    object, for it may name Secrets.
    """
    known = {(each.type, each.reason) for each in before}
    told: dict[str, EventNote] = {}
    for each in after:
        if each.type in (ConditionType.RECONCILING, ConditionType.STALLED):
            continue
        if (each.type, each.reason) not in known and each.reason not in _UNTOLD and each.reason not in told:
            failed = each.status == FALSE and each.reason != Reason.NOT_NEEDED
            warning = failed or each.reason in _WARNINGS
            elsewhere = (
                f"{each.type} is {each.status}: {each.reason}. The status of {kind.kind} {metadata.name} says more."
            )
            note = each.message if metadata.namespace else elsewhere
            told[each.reason] = note_about(kind, metadata, warning=warning, reason=each.reason, note=note)
    return list(told.values())


def note_about(kind: ResourceKind, metadata: Metadata, *, warning: bool, reason: str, note: str) -> EventNote:
    """An Event about an object."""
    regarding = {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "namespace": metadata.namespace,
        "name": metadata.name,
        "uid": metadata.uid,
        "resourceVersion": metadata.resource_version,
    }
    return EventNote(regarding=regarding, warning=warning, reason=reason, action=_ACTION, note=note)
