"""Which of the records that a look showed belong to an object's backups, and what they make of them."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta

from cbr_operator.kinds.common import comparable_id
from cbr_operator.kinds.replication import Replication
from cbr_operator.kinds.replication_status import Backup, BackupState, Outcome
from cbr_operator.rules.backups import FINISHED, backup_of, updated
from cbr_operator.rules.claims import Claims, Window, wanted_by, window_of
from cbr_operator.rules.records import Look, Record

LOG_GRAIN = timedelta(seconds=1)
"""The operation log's filter takes whole seconds."""


@dataclass(frozen=True, slots=True)
class Matched:
    """An object's backups, as one look shows them."""

    backups: tuple[Backup, ...]
    missing: int
    """Backups beyond the list in the status that the look does not show."""
    without_record: int
    """Unfinished backups whose record the look does not show, the missing ones among them."""
    unseen: int
    """Those of them that the operation log does not tell of either."""


def match(replication: Replication, look: Look, claims: Claims, *, lasting: float, patient: bool) -> Matched:
    """The object's backups after this look. Those of the rules work on the records read, not on the list that fits.

    ``lasting``: seconds after its intent in which a call begins its records. ``patient``: a record that is not
    there may still appear, so what it is missing for stays as it was.
    """
    status = replication.status
    window = window_of(replication, lasting=lasting)
    by_id = {comparable_id(each.id): each for each in look.records}
    free = _free(window, look, claims)
    known = {comparable_id(each.replication_record_id) for each in status.backups}
    by_backup: defaultdict[str, list[Record]] = defaultdict(list)
    for each in free:
        if comparable_id(each.id) not in known:
            by_backup[comparable_id(each.backup_id)].append(each)
    log = _newest_by_backup(replication, window, look)
    backups, without_record, unseen = [], 0, 0
    for backup in status.backups:
        record = by_id.get(comparable_id(backup.replication_record_id)) if backup.replication_record_id else None
        if record is None and not backup.replication_record_id and by_backup[comparable_id(backup.backup_id)]:
            record = by_backup[comparable_id(backup.backup_id)].pop(0)
        if backup.state in FINISHED:
            backups.append(backup)
            continue
        without_record += record is None
        record = record or log.get(comparable_id(backup.backup_id))
        if record is not None:
            backups.append(updated(backup, record))
        else:
            unseen += 1
            backups.append(backup if patient else backup.model_copy(update={"state": BackupState.UNKNOWN.value}))
    more = [backup_of(record) for records in by_backup.values() for record in records]
    adopted = status.submission is not None and status.submission.outcome == Outcome.ADOPTED
    found = more if adopted else more[: status.backups_omitted]
    missing = max(0, status.backups_omitted - len(found))
    return Matched((*backups, *found), missing, without_record + missing, unseen + missing)


def _free(window: Window | None, look: Look, claims: Claims) -> list[Record]:
    """Records in the object's window that no other object claims; one without a time is nobody's."""
    if window is None:
        return []
    return [
        each for each in look.records if each.created is not None and window.covers(each) and not claims.cover(each)
    ]


def _newest_by_backup(replication: Replication, window: Window | None, look: Look) -> dict[str, Record]:
    """The newest line of the operation log about each backup, for this destination and since the call."""
    wanted = wanted_by(replication)
    if not look.log or window is None or wanted is None:
        return {}
    lines = [
        each
        for each in wanted.among(look.log)
        if each.backup_id and (each.created is None or each.created >= window.start - LOG_GRAIN)
    ]
    lines.sort(key=lambda each: each.created or window.start)
    return {comparable_id(each.backup_id): each for each in lines}
