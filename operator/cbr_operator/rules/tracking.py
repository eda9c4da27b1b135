"""The list of backups in a status: how it is counted, ordered and kept within bounds."""

from collections import Counter
from collections.abc import Iterable

from cbr_operator.kinds.replication_status import MAX_BACKUPS, Backup, BackupState, Status, Summary

_FINISHED = frozenset({BackupState.SUCCEEDED, BackupState.FAILED, BackupState.SKIPPED})
# Failed and open ones first: what a person looks for must not be what is left out.
_ORDER = {
    BackupState.FAILED: 0,
    BackupState.UNKNOWN: 1,
    BackupState.REPLICATING: 2,
    BackupState.WAITING: 3,
    BackupState.SKIPPED: 4,
    BackupState.SUCCEEDED: 5,
}


def with_backups(status: Status, backups: Iterable[Backup]) -> Status:
    """``status`` with these backups, their summary and the short progress; beyond the bound they are only counted."""
    every = sorted(backups, key=lambda each: _ORDER.get(each.state, 1))  # type: ignore[call-overload]
    return status.model_copy(
        update={
            "backups": tuple(every[:MAX_BACKUPS]),
            "backups_omitted": max(0, len(every) - MAX_BACKUPS),
            "summary": (summary := summarise(every)),
            "progress": f"{summary.succeeded + summary.failed + summary.skipped}/{summary.total}",
        }
    )


def summarise(backups: list[Backup]) -> Summary:
    """Counts by state, and the mean progress, a finished one counting 100."""
    states = Counter(each.state for each in backups)
    known = {state: states.pop(state, 0) for state in BackupState if state is not BackupState.UNKNOWN}
    done = sum(100 if each.state in _FINISHED else each.progress or 0 for each in backups)
    return Summary(
        total=len(backups),
        waiting=known[BackupState.WAITING],
        replicating=known[BackupState.REPLICATING],
        succeeded=known[BackupState.SUCCEEDED],
        failed=known[BackupState.FAILED],
        skipped=known[BackupState.SKIPPED],
        unknown=states.total(),
        progress=done // len(backups) if backups else 0,
    )
