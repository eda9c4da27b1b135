"""What a Schedule needs to know of the CheckpointReplications it made."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from cbr_operator.kinds.reasons import ConditionType
from cbr_operator.kinds.replication import RESTORED_LABEL, Replication
from cbr_operator.kinds.replication_status import Outcome
from cbr_operator.kinds.schedule import SCHEDULES
from cbr_operator.rules.conditions import TRUE, is_final
from cbr_operator.rules.copies import newest_copy
from cbr_operator.rules.deadline import is_paused
from cbr_operator.rules.expiry import why_kept

_SLOT = re.compile(r"[1-9][0-9]{0,8}")
"""Decimal minutes since 1970, up to the year 3871."""


class RunState(Enum):
    """How far a run is."""

    UNFINISHED = "unfinished"
    HELD = "held"
    """Suspended, restored or being deleted: nothing of its own will end it, so nothing waits for it."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"

    @property
    def finished(self) -> bool:
        """Whether it came to an end."""
        return self in (RunState.SUCCEEDED, RunState.FAILED)


@dataclass(frozen=True, slots=True)
class Run:
    """One CheckpointReplication that a Schedule made."""

    owner: str
    """The Schedule's uid."""
    schedule: str
    """The Schedule's name."""
    namespace: str
    name: str
    uid: str
    version: str
    created: datetime
    slot: datetime | None
    """The time it was started for; None: by the annotation."""
    state: RunState
    ended: datetime | None = None
    newest_copy: datetime | None = None
    """When the cloud began to copy the newest backup that is confirmed as copied."""
    kept: str = ""
    """Why it is not to be deleted though it has ended."""
    open_outcome: bool = False
    """Whether the cloud took its call is not known."""
    reason: str = ""
    """Of Succeeded."""

    @property
    def order(self) -> tuple[datetime, str]:
        """Oldest first."""
        return self.slot or self.created, self.uid


def run_of(replication: Replication) -> Run | None:
    """The run that a CheckpointReplication is; None where no Schedule made it."""
    metadata, status = replication.metadata, replication.status
    owner = next((each for each in metadata.owner_references if each.kind == SCHEDULES.kind), None)
    if owner is None:
        return None
    succeeded = status.condition(ConditionType.SUCCEEDED)
    submission = status.submission
    open_outcomes = (Outcome.PENDING, Outcome.UNKNOWN, Outcome.UNRESOLVED)
    return Run(
        owner=owner.uid,
        schedule=owner.name,
        namespace=metadata.namespace,
        name=metadata.name,
        uid=metadata.uid,
        version=metadata.resource_version,
        created=metadata.creation_timestamp,
        slot=slot_of(metadata.name, owner.name),
        state=_state(replication),
        ended=status.completion_time,
        newest_copy=newest_copy(replication),
        kept=why_kept(replication),
        open_outcome=submission is not None and submission.outcome in open_outcomes,
        reason=succeeded.reason if succeeded is not None else "",
    )


def run_name(schedule: str, slot: datetime) -> str:
    """The name of the run for a time of the schedule; two tries to start it cannot make two."""
    return f"{schedule}-{int(slot.timestamp()) // 60}"


def slot_of(name: str, schedule: str) -> datetime | None:
    """The time that a run's name tells, or None where it is no such name."""
    minutes = name.removeprefix(f"{schedule}-")
    if not _SLOT.fullmatch(minutes):
        return None
    return datetime.fromtimestamp(60 * int(minutes), UTC)


def _state(replication: Replication) -> RunState:
    status, metadata = replication.status, replication.metadata
    if metadata.deletion_timestamp is not None:
        return RunState.HELD
    if is_final(status):
        succeeded = status.condition(ConditionType.SUCCEEDED)
        return RunState.SUCCEEDED if succeeded is not None and succeeded.status == TRUE else RunState.FAILED
    new = status.submission is None
    restored = new and RESTORED_LABEL in metadata.labels
    suspended = new and replication.spec is not None and replication.spec.suspend
    said = is_paused(status.condition(ConditionType.SUBMITTED))
    if restored or suspended or said:
        return RunState.HELD
    return RunState.UNFINISHED
