"""The list of backups in a status: how it is counted, ordered and kept within bounds, and what a record makes of it."""

from collections import Counter
from collections.abc import Iterable

from cbr_operator.kinds.replication_status import MAX_BACKUPS, MAX_BYTES, Backup, BackupState, Status, Summary
from cbr_operator.rules.records import Record

FINISHED = frozenset({BackupState.SUCCEEDED, BackupState.FAILED, BackupState.SKIPPED})
# Failed and open ones first: what a person looks for must not be what is left out.
_ORDER = {
    BackupState.FAILED: 0,
    BackupState.UNKNOWN: 1,
    BackupState.REPLICATING: 2,
    BackupState.WAITING: 3,
    BackupState.SKIPPED: 4,
    BackupState.SUCCEEDED: 5,
}


def with_backups(status: Status, backups: Iterable[Backup], *, missing: int = 0) -> Status:
    """``status`` with these backups, their summary and the short progress; beyond the bound they are only counted.

    ``missing`` more are known to exist and cannot be found: they count as unknown.
    """
    every = sorted(backups, key=lambda each: _ORDER.get(each.state, 1))  # type: ignore[call-overload]
    return status.model_copy(
        update={
            "backups": (listed := _within_bounds(every)),
            "backups_omitted": len(every) - len(listed) + missing,
            "summary": (summary := summarise(every, missing=missing)),
            "progress": f"{summary.succeeded + summary.failed + summary.skipped}/{summary.total}",
        }
    )


def _within_bounds(backups: list[Backup]) -> tuple[Backup, ...]:
    """The first of them, as many as one object holds; what lies beyond half of the room goes without the cloud's words.

    Ids are worth more than reasons: by them the rest is followed.
    """
    listed: list[Backup] = []
    taken = 0
    for each in backups[:MAX_BACKUPS]:
        backup = each
        if taken > MAX_BYTES // 2 and each.fail_reason:
            backup = each.model_copy(update={"fail_reason": ""})
        taken += _bytes(backup)
        if taken > MAX_BYTES:
            break
        listed.append(backup)
    return tuple(listed)


def _bytes(backup: Backup) -> int:
    """About what an entry takes: the values, and their names and quotes; Go escapes some characters with six."""
    escaped = sum(map(backup.fail_reason.count, '<>&"\\'))
    return sum(len(each.encode()) + 17 for each in texts_of(backup) if each) + 20 + 5 * escaped


def texts_of(backup: Backup) -> tuple[str, ...]:
    """Everything of an entry but its progress."""
    return (
        backup.backup_id,
        backup.replication_record_id,
        backup.state,
        backup.created_at,
        backup.destination_backup_id,
        backup.fail_code,
        backup.fail_reason,
    )


def summarise(backups: list[Backup], *, missing: int = 0) -> Summary:
    """Counts by state, and the mean progress, a finished one counting 100."""
    states = Counter(each.state for each in backups)
    known = {state: states.pop(state, 0) for state in BackupState if state is not BackupState.UNKNOWN}
    done = sum(100 if each.state in FINISHED else each.progress or 0 for each in backups)
    total = len(backups) + missing
    return Summary(
        total=total,
        waiting=known[BackupState.WAITING],
        replicating=known[BackupState.REPLICATING],
        succeeded=known[BackupState.SUCCEEDED],
        failed=known[BackupState.FAILED],
        skipped=known[BackupState.SKIPPED],
        unknown=states.total() + missing,
        progress=done // total if total else 0,
    )


def backup_of(record: Record) -> Backup:
    """The entry of a status that a record makes."""
    return Backup(
        backup_id=record.backup_id,
        replication_record_id=record.id,
        state=record.state.value,
        progress=record.progress,
        created_at=record.created_at,
        destination_backup_id=record.destination_backup_id,
        fail_code=record.fail_code,
        fail_reason=record.fail_reason,
    )


def updated(backup: Backup, record: Record) -> Backup:
    """The entry after one more look, which showed this record of it, or this line of the operation log."""
    seen = backup_of(record)
    kept = {
        "backup_id": backup.backup_id or seen.backup_id,
        "replication_record_id": backup.replication_record_id or seen.replication_record_id,
        "created_at": seen.created_at or backup.created_at,
        "destination_backup_id": seen.destination_backup_id or backup.destination_backup_id,
    }
    return seen.model_copy(update=kept)
