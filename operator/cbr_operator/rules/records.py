"""What the cloud shows of a vault: its backups' replication records and its operation log. Answers in, values out.

Source: "Querying All Backups" (show_replication) and "Querying the Task List" of the CBR API reference. Everything
but a record's id may be missing; what is not understood is left empty, and never taken for an end.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cbr_operator.kinds.common import comparable_id
from cbr_operator.kinds.replication_status import BackupState
from cbr_operator.ports import Body, Facts
from cbr_operator.rules.text import clip, read_json

MOST_ENTRIES = 1000
"""Backups, or lines of the log, in one answer: what the service gives at most (reference, section 2)."""
MOST_RECORDS = 10_000
"""In one answer. A server that sends more must not keep the operator from everything else while they are read."""
_TEXT_LENGTH = 128
_REASON_LENGTH = 512
_STATES = {
    "waiting_replicate": BackupState.WAITING,
    "replicating": BackupState.REPLICATING,
    "success": BackupState.SUCCEEDED,
    "fail": BackupState.FAILED,
    "skip": BackupState.SKIPPED,
}
_LOG_STATES = {
    "waiting": BackupState.WAITING,
    "running": BackupState.REPLICATING,
    "success": BackupState.SUCCEEDED,
    "failed": BackupState.FAILED,
    "timeout": BackupState.FAILED,
    "skipped": BackupState.SKIPPED,
}
_OPEN = frozenset({BackupState.WAITING, BackupState.REPLICATING})


@dataclass(frozen=True, slots=True)
class Record:
    """The replication of one backup, by its record or by its line in the operation log (which has no record id)."""

    id: str
    backup_id: str
    state: BackupState
    created_at: str
    created: datetime | None
    """The same moment; None where it cannot be read."""
    destination_region: str
    destination_project_id: str
    destination_vault_id: str
    destination_backup_id: str
    auto_trigger: bool | None
    progress: int | None
    fail_code: str
    fail_reason: str

    @property
    def is_open(self) -> bool:
        """The copying has not ended. A state that is not known is neither an end nor work to wait for."""
        return self.state in _OPEN


@dataclass(frozen=True, slots=True)
class BackupsPage:
    """One page of a vault's backups."""

    count: int | None
    """Of all pages, where it says so."""
    backup_ids: tuple[str, ...]
    without_records: int
    """Backups that lack the key ``replication_records``, as some clouds do, or hold what cannot be read there."""
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class LogPage:
    """One page of a vault's operation log."""

    count: int | None
    length: int
    entries: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """One complete look at a vault: every page was read."""

    started: float
    """On the clock that never jumps."""
    backups: int
    without_records: int
    records: tuple[Record, ...]
    log: tuple[Record, ...] | None = None
    """None: it was not asked for, or cannot be read here."""
    log_since: datetime | None = None
    """Since when the operation log was asked for; None: it was not."""
    log_failed: str = ""
    """Why it could not be read this time: whoever needs it has to look again."""
    vouched_by: str = ""
    """As in a target: the namespace that decided who answered."""

    @property
    def fingerprint(self) -> int:
        """Equal for looks that showed the same."""
        return hash((self.backups, self.without_records, self.records, self.log))

    def has_log_since(self, moment: datetime | None) -> bool:
        """Whether the operation log was asked for since then; None: it is not needed."""
        return moment is None or (self.log_since is not None and self.log_since <= moment)

    @property
    def shows_records(self) -> bool:
        """Whether a record that is not here does not exist: each of at least one backup has the key."""
        return self.backups > 0 and self.without_records == 0


def read_backups(facts: Facts) -> BackupsPage | None:
    """A page of ``GET …/backups``; None when it cannot be read, or holds more than any page does."""
    body = _load(facts)
    backups = body.get("backups")
    if not isinstance(backups, list) or len(backups) > MOST_ENTRIES:
        return None
    found = [_dict(each) for each in backups]
    listed = [each.get("replication_records") for each in found]
    if sum(len(each) for each in listed if isinstance(each, list)) > MOST_RECORDS:
        return None
    return BackupsPage(
        count=_number(body.get("count")),
        backup_ids=tuple(_text(each, "id") for each in found),
        without_records=sum(not _is_readable(records) for records in listed),
        records=tuple(
            _record(record, _text(backup, "id"))
            for backup, records in zip(found, listed, strict=True)
            for record in (records if isinstance(records, list) else ())
            if _is_record(record)
        ),
    )


def _is_record(record: Any) -> bool:  # noqa: ANN401 - JSON is anything
    return isinstance(record, dict) and bool(_text(record, "id"))


def _is_readable(records: Any) -> bool:  # noqa: ANN401 - JSON is anything
    """Whether a backup shows all of its records; one without an id is none that could be adopted or ruled out."""
    return isinstance(records, list) and all(map(_is_record, records))


def read_log(facts: Facts) -> LogPage | None:
    """A page of ``GET …/operation-logs``; None when it cannot be read, or holds more than any page does."""
    body = _load(facts)
    logs = body.get("operation_logs")
    if not isinstance(logs, list) or len(logs) > MOST_ENTRIES:
        return None
    entries = tuple(_entry(each) for each in logs if isinstance(each, dict))
    return LogPage(count=_number(body.get("count")), length=len(logs), entries=entries)


def _load(facts: Facts) -> dict[str, Any]:
    return _dict(read_json(facts.body) if facts.body_state is Body.WHOLE else None)


def _record(record: dict[str, Any], backup_id: str) -> Record:
    extra = _extra(record)
    created_at = _text(record, "created_at")
    auto = extra.get("auto_trigger")
    return Record(
        id=_text(record, "id"),
        backup_id=_text(record, "source_backup_id") or backup_id,
        state=_STATES.get(_text(record, "status"), BackupState.UNKNOWN),
        created_at=created_at,
        created=parse_moment(created_at),
        destination_region=_text(record, "destination_region"),
        destination_project_id=_text(record, "destination_project_id"),
        # The misspelt key is real: the documented example answer of "Querying All Backups" has it.
        destination_vault_id=_text(record, "destination_vault_id")
        or _text(extra, "destination_vault_id")
        or _text(extra, "destinatio_vault_id"),
        destination_backup_id=_text(record, "destination_backup_id"),
        auto_trigger=auto if isinstance(auto, bool) else None,
        progress=_percent(extra.get("progress")),
        fail_code=_text(extra, "fail_code"),
        fail_reason=clip(str(extra.get("fail_reason") or ""), _REASON_LENGTH),
    )


def _entry(log: dict[str, Any]) -> Record:
    extra = _extra(log)
    common, copied = _dict(extra.get("common")), _dict(extra.get("replication"))
    error = _dict(log.get("error_info"))
    created_at = _text(log, "created_at") or _text(log, "started_at")
    return Record(
        id="",
        backup_id=_text(copied, "source_backup_id"),
        state=_LOG_STATES.get(_text(log, "status"), BackupState.UNKNOWN),
        created_at=created_at,
        created=parse_moment(created_at),
        destination_region=_text(copied, "destination_region"),
        destination_project_id=_text(copied, "destination_project_id"),
        destination_vault_id="",
        destination_backup_id=_text(copied, "destination_backup_id"),
        auto_trigger=None,
        progress=_percent(common.get("progress")),
        fail_code=_text(error, "code"),
        fail_reason=clip(str(error.get("message") or ""), _REASON_LENGTH),
    )


def _extra(record: dict[str, Any]) -> dict[str, Any]:
    """``extra_info``, which may also be a string that holds JSON."""
    extra = record.get("extra_info")
    if isinstance(extra, str):
        try:
            extra = json.loads(extra)
        except (ValueError, RecursionError):
            extra = None
    return _dict(extra)


def _dict(value: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON is anything
    return value if isinstance(value, dict) else {}


def _text(body: dict[str, Any], key: str) -> str:
    value = body.get(key)
    return clip(str(value), _TEXT_LENGTH) if isinstance(value, str | int) else ""


def _number(value: Any) -> int | None:  # noqa: ANN401 - JSON is anything
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _percent(value: Any) -> int | None:  # noqa: ANN401 - JSON is anything
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return max(0, min(100, int(float(value))))
    except (ValueError, OverflowError):
        return None


def parse_moment(text: str) -> datetime | None:
    """A time as the cloud writes it: naive (then it is UTC), with an offset, or with Z; None where it is no time."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):  # the latter: an offset that leads out of the years 1 to 9999
        return None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records belong to a call: those to its destination, with its auto_trigger, since a moment."""

    region: str
    project_id: str
    vault_id: str
    auto_trigger: bool

    def matches(self, record: Record) -> bool:
        """Whether the record goes where the call goes; a field that it lacks is no mismatch."""
        return (
            record.destination_region.lower() in ("", self.region.lower())
            and comparable_id(record.destination_project_id) in ("", comparable_id(self.project_id))
            and comparable_id(record.destination_vault_id) in ("", comparable_id(self.vault_id))
            and record.auto_trigger in (None, self.auto_trigger)
        )

    def among(self, records: Iterable[Record]) -> list[Record]:
        """Those of the records that match."""
        return [each for each in records if self.matches(each)]
