"""How vaults' backups, their records and operation logs look in answers."""

import json
from datetime import UTC, datetime
from typing import Any

from ground.simulator.replication import Replication
from ground.simulator.settings import Settings
from ground.simulator.state import Record, VaultState
from ground.simulator.vaults import Backup

Json = dict[str, Any]
_LOG_STATUS = {
    "waiting_replicate": "waiting",
    "replicating": "running",
    "success": "success",
    "fail": "failed",
    "skip": "skipped",
}


def replicated(replication: Replication) -> Json:
    """The answer to an accepted call."""
    source, destination = replication.source, replication.destination
    return {
        "replication": {
            "provider_id": source.provider_id,
            "source_region": source.region,
            "project_id": source.project_id,
            "vault_id": source.id,
            "destination_region": destination.region,
            "destination_project_id": destination.project_id,
            "destination_vault_id": destination.id,
            "backups": [
                {"backup_id": record.backup.id, "replication_record_id": record.id} for record in replication.records
            ],
        }
    }


def backup(state: VaultState, found: Backup, *, settings: Settings, now: float, show_records: bool) -> Json:
    """One backup, with its records where they are asked for and the cloud has any."""
    form: Json = {
        "id": found.id,
        "name": found.name,
        "checkpoint_id": found.checkpoint_id,
        "status": found.status,
        "image_type": found.image_type,
        "vault_id": state.vault.id,
        "project_id": state.vault.project_id,
        "provider_id": state.vault.provider_id,
        "resource_id": found.resource_id,
        "resource_name": found.name,
        "resource_type": "OS::Nova::Server",
        "resource_size": 40,
        "created_at": moment(found.created_at, settings),
        "updated_at": moment(found.created_at, settings),
        "protected_at": moment(found.created_at, settings),
        "extend_info": {"contain_system_disk": found.contains_system_disk},
        "children": [],
    }
    if settings.shows_records:
        records = state.records_of.get(found.id, ()) if show_records else ()
        form["replication_records"] = [
            record(each, settings=settings, now=now) for each in records if now >= each.visible_from
        ]
    return form


def record(found: Record, *, settings: Settings, now: float) -> Json:
    """One replication record."""
    status = found.status(now)
    failed = status == "fail"
    key = "destinatio_vault_id" if found.misspelt else "destination_vault_id"
    extra: Json = {
        "progress": found.progress(now),
        "fail_code": found.backup.fail_code if failed else "",
        "fail_reason": found.backup.fail_reason if failed else "",
        "auto_trigger": found.auto_trigger,
        key: found.destination.id,
    }
    return {
        "id": found.id,
        "status": status,
        "created_at": moment(found.created_at, settings),
        "source_backup_id": found.backup.id,
        "source_checkpoint_id": found.backup.checkpoint_id,
        "source_project_id": found.source.project_id,
        "source_region": found.source.region,
        "vault_id": found.source.id,
        "destination_backup_id": found.destination_backup_id,
        "destination_checkpoint_id": found.destination_checkpoint_id,
        "destination_project_id": found.destination.project_id,
        "destination_region": found.destination.region,
        "destination_vault_id": found.destination.id,
        "extra_info": json.dumps(extra) if settings.extra_info_as_text else extra,
    }


def operation_log(found: Record, *, settings: Settings, now: float) -> Json:
    """One line of the operation log; it does not name the record."""
    status = found.status(now)
    failed = status == "fail"
    ended = now >= found.ends_at
    return {
        "id": found.log_id,
        "operation_type": "replication",
        "status": _LOG_STATUS[status],
        "project_id": found.source.project_id,
        "provider_id": found.source.provider_id,
        "vault_id": found.source.id,
        "vault_name": found.source.name,
        "checkpoint_id": found.backup.checkpoint_id,
        "created_at": moment(found.created_at, settings),
        "started_at": moment(found.starts_at, settings),
        "ended_at": moment(found.ends_at, settings) if ended else None,
        "updated_at": moment(min(now, found.ends_at), settings),
        "policy_id": None,
        "error_info": {
            "code": found.backup.fail_code if failed else "",
            "message": found.backup.fail_reason if failed else "",
        },
        "extra_info": {
            "common": {"progress": found.progress(now), "request_id": found.request_id, "task_id": found.log_id},
            "replication": {
                "source_backup_id": found.backup.id,
                "source_region": found.source.region,
                "source_project_id": found.source.project_id,
                "source_checkpoint_id": found.backup.checkpoint_id,
                "destination_backup_id": found.destination_backup_id,
                "destination_region": found.destination.region,
                "destination_project_id": found.destination.project_id,
                "destination_checkpoint_id": found.destination_checkpoint_id,
            },
        },
    }


def log_status(found: Record, now: float) -> str:
    """The status of a log line, by which it can be filtered."""
    return _LOG_STATUS[found.status(now)]


def moment(seconds: float, settings: Settings) -> str:
    """A time as this cloud writes it."""
    at = datetime.fromtimestamp(seconds, UTC)
    if settings.time_form == "zulu":
        return at.strftime("%Y-%m-%dT%H:%M:%SZ")
    naive = at.strftime("%Y-%m-%dT%H:%M:%S.%f")
    return naive if settings.time_form == "naive" else f"{naive}+00:00"


def parse_moment(text: str) -> float:
    """A time as the filters take it: %Y-%m-%dT%H:%M:%SZ.

    Raises:
        ValueError: It is not of that form.

    """
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
