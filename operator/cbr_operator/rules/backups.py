"""The list of backups in a status: how it is counted, ordered and kept within bounds, and what a record makes of it."""

from collections import Counter
from collections.abc import Iterable

from cbr_operator.kinds.replication_status import MAX_BACKUPS, Backup, BackupState, Status, Summary
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
            "backups": tuple(every[:MAX_BACKUPS]),
            "backups_omitted": max(0, len(every) - MAX_BACKUPS) + missing,
            "summary": (summary := summarise(every, missing=missing)),
            "progress": f"{summary.succeeded + summary.failed + summary.skipped}/{summary.total}",
        }
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
