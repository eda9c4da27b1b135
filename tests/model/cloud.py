"""A tiny cloud: one vault, its backups and the records that accepted calls begin, as they can be seen in time."""

import json
import math
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from cbr_operator.ports import Body, Facts
from ground.objects import DESTINATION
from model.times import FIRST_MOMENT, wall

COPYING = 20.0
"""Seconds that the copying of one call takes."""
LATE = 100.0
"""Seconds until a slow cloud shows a record: within the settle time."""
TOO_LATE = 400.0
"""Seconds until a cloud shows one that breaks assumption 2 of the protocol."""
BACKUPS = ("backup-1", "backup-2")


class Sight(Enum):
    """How the cloud shows the records of what it took."""

    AT_ONCE = "at once"
    LATE = "late"
    IN_PARTS = "in parts"
    IN_THE_LOG = "only in the operation log"
    TOO_LATE = "later than the settle time, which assumption 2 rules out"


_LOGGED = {Sight.LATE: LATE, Sight.TOO_LATE: TOO_LATE}
"""Seconds until the operation log shows a call."""


@dataclass(frozen=True)
class Traits:
    """What kind of cloud it is."""

    sight: Sight = Sight.AT_ONCE
    has_records: bool = True
    """Its backups have the key ``replication_records``."""
    has_log: bool = True
    has_date: bool = True
    backups: tuple[str, ...] = BACKUPS


@dataclass(frozen=True)
class Record:
    """The copying of one backup."""

    id: str
    uid: str
    """Of the object whose call it was; the cloud itself does not know that."""
    backup: str
    begun: float
    shown: float
    logged: float


@dataclass
class Cloud:
    """The cloud; its clock is right."""

    traits: Traits
    records: list[Record] = field(default_factory=list)
    accepted: Counter[str] = field(default_factory=Counter)
    """Calls taken, by the uid of the object that they were made for."""
    busy_until: float = 0.0
    """Somebody else's copying keeps the vault busy until then."""
    reads: int = 0

    def is_busy(self, time: float) -> bool:
        """Whether it takes no other call for the vault."""
        return time < self.busy_until or any(time < each.begun + COPYING for each in self.records)

    def take(self, uid: str, *, time: float) -> list[str]:
        """Accept a call; the ids of the records that it begins."""
        self.accepted[uid] += 1
        new = [
            Record(
                id=f"record-{len(self.records) + number}",
                uid=uid,
                backup=backup,
                begun=time,
                shown=time + self._delay(number),
                logged=time + _LOGGED.get(self.traits.sight, 0.0),
            )
            for number, backup in enumerate(self.traits.backups)
        ]
        self.records += new
        return [each.id for each in new]

    def _delay(self, number: int) -> float:
        match self.traits.sight:
            case Sight.LATE:
                return LATE
            case Sight.IN_PARTS:
                return LATE if number else 0.0
            case Sight.IN_THE_LOG:
                return math.inf
            case Sight.TOO_LATE:
                return TOO_LATE
            case Sight.AT_ONCE:
                return 0.0

    def answer(self, ids: list[str]) -> dict[str, Any]:
        """The body of a 202."""
        backups = [
            {"backup_id": backup, "replication_record_id": id_}
            for backup, id_ in zip(self.traits.backups, ids, strict=True)
        ]
        return {"replication": {"backups": backups, "destination_region": DESTINATION["region"]}}

    def backups(self, *, time: float, limit: int) -> dict[str, Any]:
        """The body of ``GET …/backups``."""
        shown = [self._shown(backup, time) for backup in self.traits.backups]
        return {"backups": shown[:limit], "count": len(shown)}

    def _shown(self, backup: str, time: float) -> dict[str, Any]:
        if not self.traits.has_records:
            return {"id": backup}
        mine = [each for each in self.records if each.backup == backup and each.shown <= time]
        return {"id": backup, "replication_records": [_record(each, time) for each in mine]}

    def log(self, *, time: float, since: float) -> dict[str, Any]:
        """The body of ``GET …/operation-logs``."""
        lines = [_line(each, time) for each in self.records if each.logged <= time and each.begun >= since]
        return {"operation_logs": lines, "count": len(lines)}


def _record(record: Record, time: float) -> dict[str, Any]:
    return {
        "id": record.id,
        "source_backup_id": record.backup,
        "status": "success" if time >= record.begun + COPYING else "replicating",
        "created_at": _moment(record.begun),
        "destination_region": DESTINATION["region"],
        "destination_project_id": DESTINATION["projectID"],
        "destination_vault_id": DESTINATION["vaultID"],
        "destination_backup_id": f"copy-of-{record.id}",
        "extra_info": {"auto_trigger": False},
    }


def _line(record: Record, time: float) -> dict[str, Any]:
    return {
        "status": "success" if time >= record.begun + COPYING else "running",
        "created_at": _moment(record.begun),
        "extra_info": {"replication": {"source_backup_id": record.backup, "destination_region": DESTINATION["region"]}},
    }


def _moment(time: float) -> str:
    return wall(time).replace(tzinfo=None).isoformat(timespec="microseconds")


def answered(
    status: int, body: dict[str, Any], *, offset: float | None, sent: bool = False, retry_after: float | None = None
) -> Facts:
    """An answer that was read to its end."""
    return Facts(
        sent=sent,
        status=status,
        body=json.dumps(body).encode(),
        body_state=Body.WHOLE,
        request_id="request",
        retry_after=retry_after,
        clock_offset=offset,
    )


def failed(status: int, code: str, words: str, **parts: Any) -> Facts:
    """An answer with an error code of the service."""
    return answered(status, {"error_code": f"BackupService.{code}" if code else "", "error_msg": words}, **parts)


def date_offset(time: float, own: float) -> float:
    """The Date header, which has whole seconds, less a machine's own clock, as seconds from the same beginning."""
    return math.floor(time - FIRST_MOMENT) - (own - FIRST_MOMENT)
