"""Records, looks and Views of them, for tests: the documented example, with what a test wants different."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from cbr_operator.kinds.replication import Replication
from cbr_operator.kinds.replication_status import BackupState, Status
from cbr_operator.rules.holds import refusal_of
from cbr_operator.rules.looks import LookFailure, Memory
from cbr_operator.rules.records import Look, Record, parse_moment
from cbr_operator.rules.replication import decide
from cbr_operator.rules.view import Decision
from ground.objects import DESTINATION, NOW, replication, view

NO_ANSWER = LookFailure("Reading the vault's records failed: connection refused")


def at(seconds: float) -> str:
    """So many seconds after the call of ``objects.SUBMISSION``, as the cloud writes it."""
    return (NOW + timedelta(seconds=seconds)).isoformat()


def record(id_: str = "r1", *, state: BackupState = BackupState.REPLICATING, **changes: Any) -> Record:
    """A record to the documented destination, begun a second after the call."""
    created_at = changes.pop("created_at", at(1))
    return Record(
        **{
            "id": id_,
            "backup_id": f"backup-of-{id_}",
            "state": state,
            "created_at": created_at,
            "created": parse_moment(created_at),
            "destination_region": DESTINATION["region"],
            "destination_project_id": DESTINATION["projectID"],
            "destination_vault_id": DESTINATION["vaultID"],
            "destination_backup_id": "",
            "auto_trigger": False,
            "progress": 10,
            "fail_code": "",
            "fail_reason": "",
            **changes,
        }
    )


def logged(backup: str = "backup-of-r1", *, state: BackupState = BackupState.REPLICATING, **changes: Any) -> Record:
    """The same as a line of the operation log."""
    return record("", state=state, backup_id=backup, destination_project_id="", destination_vault_id="", **changes)


def look(*records: Record, started: float = 0.0, **changes: Any) -> Look:
    """A complete look, at a vault whose backups all show their records."""
    return Look(**{"started": started, "backups": 3, "without_records": 0, "records": records, **changes})


def listed(*ids: str, state: str = "Waiting") -> list[dict[str, Any]]:
    """Entries of status.backups about these records."""
    return [{"backupID": f"backup-of-{each}", "replicationRecordID": each, "state": state} for each in ids]


class Life:
    """An object that is decided about again and again, as the worker does it: what is decided is written."""

    def __init__(self, found: Replication, **parts: Any) -> None:
        self.now = found
        self.parts = parts
        self.memory = Memory()
        self.seconds = 0.0
        self.writes = 0

    @property
    def status(self) -> Status:
        return self.now.status

    def said(self, type_: str = "Succeeded") -> tuple[str, str]:
        """Status and reason of a condition."""
        condition = self.status.condition(type_)
        assert condition is not None
        return condition.status, condition.reason

    def message(self, type_: str = "Succeeded") -> str:
        condition = self.status.condition(type_)
        assert condition is not None
        return condition.message

    def decide(self, **parts: Any) -> Decision:
        """Decide and write, at the present moment."""
        refusal = refusal_of(self.now)
        whole = {
            "now": NOW + timedelta(seconds=self.seconds),
            "boottime": 1000.0 + self.seconds,
            "memory": self.memory,
            "refusals": (refusal,) if refusal is not None else (),
        }
        decision = decide(view(self.now, **{**whole, **self.parts, **parts}))
        if decision.memory is not None:
            self.memory = decision.memory
        if decision.status is not None and decision.status != self.now.status:
            self.writes += 1
            body = self.now.model_copy(update={"status": Status.model_validate(decision.status.to_json())})
            self.now = body
        return decision

    def at(self, seconds: float, seen: Look | LookFailure | None = None, **parts: Any) -> Decision:
        """Decide so many seconds after the first time, with a look that began then, if any."""
        self.seconds = seconds
        if isinstance(seen, Look):
            seen = replace(seen, started=1000.0 + seconds)
        return self.decide(look=seen, **parts)


def living(status: dict[str, Any], *, spec: dict[str, Any] | None = None, **parts: Any) -> Life:
    """The life of an object with this status."""
    return Life(replication(status=status, spec=spec), **parts)
