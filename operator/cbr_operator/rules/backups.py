"""The list of backups in a status: how it is counted, ordered and kept within bounds, and what a record makes of it."""

from collections import Counter
from collections.abc import Iterable
from itertools import accumulate

from cbr_operator.kinds.replication_status import MAX_BACKUPS, Backup, BackupState, Status, Summary
from cbr_operator.rules.records import Record

MAX_BYTES = 1_280_000
"""Of the list: room for 5,000 backups that succeeded, and with the largest annotations below etcd's 1.5 MiB."""
_KEYS, _FAIL_KEYS = 108, 32
"""Bytes that the names of an entry's fields take, quotes and all."""
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
            "backups": (kept := _as_many_as_fit(every)),
            "backups_omitted": len(every) - len(kept) + missing,
            "summary": (summary := summarise(every, missing=missing)),
            "progress": f"{summary.succeeded + summary.failed + summary.skipped}/{summary.total}",
        }
    )


def _as_many_as_fit(backups: list[Backup]) -> tuple[Backup, ...]:
    """Words about failures are long: what does not fit, the API server would refuse for ever."""
    kept = backups[:MAX_BACKUPS]
    sizes = accumulate(map(_size, kept))
    return tuple(each for each, size in zip(kept, sizes, strict=True) if size <= MAX_BYTES)


def _size(backup: Backup) -> int:
    ids = (backup.backup_id, backup.replication_record_id, backup.destination_backup_id)
    texts = (*ids, backup.state, backup.created_at, backup.fail_code, backup.fail_reason)
    keys = _KEYS + _FAIL_KEYS if backup.fail_code or backup.fail_reason else _KEYS
    escaped = sum(map(backup.fail_reason.count, '<>&"\\'))  # as Go writes them: up to six characters for one
    return keys + sum(len(each.encode()) for each in texts) + 5 * escaped


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
