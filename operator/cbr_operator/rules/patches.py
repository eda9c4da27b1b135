"""From two statuses to the merge patch between them, and to the Events that the change makes."""

from typing import Any

from cbr_operator.kinds.common import API_VERSION, Metadata
from cbr_operator.kinds.reasons import ConditionType, Reason
from cbr_operator.kinds.replication import KIND, Replication
from cbr_operator.kinds.replication_status import Status
from cbr_operator.ports import EventNote, Json
from cbr_operator.rules.conditions import FALSE

# What nobody has to act on, and what follows in every object's life: not worth an Event.
_UNTOLD = frozenset({Reason.VALID, Reason.SUBMITTING})
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


def status_patch(replication: Replication, status: Status) -> Json | None:
    """The JSON merge patch (RFC 7396) that leads to ``status``, guarded by the version it was computed from.

    None when there is nothing to write. Keys this version does not know are left alone.
    """
    changes = difference(replication.status.to_json(), status.to_json())
    if not changes:
        return None
    return {"metadata": {"resourceVersion": replication.metadata.resource_version}, "status": changes}


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


def events_of(replication: Replication, status: Status) -> list[EventNote]:
    """One Event for each reason that a status write brings in; the same reason in two conditions is told once."""
    before = {(each.type, each.reason) for each in replication.status.conditions}
    told: dict[str, EventNote] = {}
    for each in status.conditions:
        if each.type in (ConditionType.RECONCILING, ConditionType.STALLED):
            continue
        if (each.type, each.reason) not in before and each.reason not in _UNTOLD and each.reason not in told:
            failed = each.status == FALSE and each.reason != Reason.NOT_NEEDED
            warning = failed or each.reason in _WARNINGS
            told[each.reason] = note_about(replication.metadata, warning=warning, reason=each.reason, note=each.message)
    return list(told.values())


def note_about(metadata: Metadata, *, warning: bool, reason: str, note: str) -> EventNote:
    """An Event about a CheckpointReplication."""
    regarding = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "namespace": metadata.namespace,
        "name": metadata.name,
        "uid": metadata.uid,
        "resourceVersion": metadata.resource_version,
    }
    return EventNote(regarding=regarding, warning=warning, reason=reason, action="Replicate", note=note)
