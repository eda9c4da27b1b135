"""The rules of ``POST /v3/{project_id}/checkpoints/replicate``: what is refused, and what an accepted call begins."""

import json
import math
import re
from dataclasses import dataclass
from typing import Any

from ground.simulator.errors import RefusedError
from ground.simulator.settings import Settings
from ground.simulator.state import Record, Vaults, VaultState
from ground.simulator.vaults import Backup, Vault, new_id

COPIES_AT_ONCE = 8
"""The documents give this number without saying of what; here it is per vault."""

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_REGION = re.compile(r"[a-zA-Z0-9._\-]{0,255}")
_TEXTS = ("vault_id", "destination_project_id", "destination_region", "destination_vault_id")
_FLAGS = ("auto_trigger", "enable_acceleration")


@dataclass(frozen=True, slots=True)
class Parameters:
    """The body of the request."""

    vault_id: str
    destination_project_id: str
    destination_region: str
    destination_vault_id: str
    auto_trigger: bool = False
    enable_acceleration: bool = False


@dataclass(frozen=True, slots=True)
class Visibility:
    """Which of a call's records can be seen, and when."""

    after: float = 0.0
    count: int | None = None
    """Only so many of them, ever; None for all."""
    in_log: bool = True


def parse(body: bytes, settings: Settings) -> Parameters:
    """Read the request.

    Raises:
        RefusedError: 9900, with the field that is wrong. Keys that the documents do not know are refused too,
            so that no client gets used to sending them.

    """
    try:
        whole = json.loads(body)
    except ValueError:
        raise RefusedError("9900", "The request body is not JSON.") from None
    fields = whole.get("replicate") if isinstance(whole, dict) else None
    if not isinstance(fields, dict):
        raise RefusedError("9900", "replicate is required.")
    known = {*_TEXTS, *_FLAGS} - ({"enable_acceleration"} if settings.refuses_acceleration_key else set())
    if unknown := sorted({*whole, *fields} - known - {"replicate"}):
        raise RefusedError("9900", f"Additional properties are not allowed: {', '.join(unknown)}.")
    for name in _TEXTS:
        _check_text(name, fields)
    for name in _FLAGS:
        if not isinstance(fields.get(name, False), bool):
            raise RefusedError("9900", f"{name} is not of type boolean.")
    return Parameters(**fields)


def _check_text(name: str, fields: dict[str, Any]) -> None:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise RefusedError("9900", f"{name} is required and of type string.")
    if name == "vault_id" and not _UUID.fullmatch(value):
        raise RefusedError("9900", f"{name} is not a UUID.")
    if name == "destination_region" and not _REGION.fullmatch(value):
        raise RefusedError("9900", f"{name} does not match the pattern.")


@dataclass(frozen=True, slots=True)
class Replication:
    """What an accepted call has begun."""

    source: Vault
    destination: Vault
    records: tuple[Record, ...]


class Replicator:
    """Takes calls on the vaults of a cloud."""

    def __init__(self, vaults: Vaults) -> None:
        self._vaults = vaults

    def replicate(
        self,
        project_id: str,
        parameters: Parameters,
        *,
        settings: Settings,
        visibility: Visibility,
        request_id: str,
        now: float,
    ) -> Replication:
        """Take one call, or refuse it.

        Raises:
            RefusedError: With the code of the rule that forbids it.

        """
        source = self._vaults.get(project_id, parameters.vault_id)
        _check_source(source.vault)
        destination = self._destination(source.vault, parameters, settings)
        if source.busy_until > now:
            raise RefusedError("6130")
        backups = _eligible(source, parameters.destination_region, settings=settings, now=now)
        # A skipped one is not copied, so it holds no place in the line.
        places = iter(range(len(backups)))
        records = [
            _record(
                backup,
                index=index,
                place=-1 if backup.ends_as == "skip" else next(places),
                source=source.vault,
                destination=destination,
                visibility=visibility,
                times=(now, settings.copy_seconds),
                auto_trigger=parameters.auto_trigger,
                request_id=request_id,
            )
            for index, backup in enumerate(backups)
        ]
        self._vaults.add_records(records)
        return Replication(source.vault, destination, tuple(records))

    def _destination(self, source: Vault, parameters: Parameters, settings: Settings) -> Vault:
        """The destination vault, if it may be one."""
        region, project_id = parameters.destination_region, parameters.destination_project_id
        if region == source.region:
            raise RefusedError(settings.same_region_code)
        projects = self._vaults.projects_in(region)
        if not projects:
            raise RefusedError("1005")
        if project_id not in projects:
            raise RefusedError("1011")
        state = self._vaults.find(parameters.destination_vault_id)
        if state is None or (state.vault.region, state.vault.project_id) != (region, project_id):
            raise RefusedError("6120")
        if state.vault.protect_type != "replication":
            raise RefusedError("6119")
        if state.vault.status != "available":
            raise RefusedError("6112")
        if state.vault.full:
            raise RefusedError("6129")
        return state.vault


def _check_source(vault: Vault) -> None:
    if vault.protects == "disk" or vault.protect_type == "replication":
        raise RefusedError("6128")
    if vault.status != "available":
        raise RefusedError("6112")


def _eligible(state: VaultState, region: str, *, settings: Settings, now: float) -> list[Backup]:
    """The backups that the call would copy; when there are none, the reason that stands nearest to success."""
    copied = [
        backup
        for backup in state.backups.values()
        if any(record.occupies(region, now) for record in state.records_of.get(backup.id, ()))
    ]
    done = {backup.id for backup in copied}
    left = [backup for backup in state.backups.values() if backup.id not in done]
    available = [backup for backup in left if backup.status == "available"]
    eligible = [
        backup
        for backup in available
        if backup.image_type == "backup" and (backup.contains_system_disk or state.vault.protects != "server")
    ]
    if eligible:
        return eligible
    if copied:
        raise RefusedError(settings.already_replicated_code)
    if available:
        # Which of 1002, 1003, 1004 and 1013 is said for which of these is not documented.
        raise RefusedError("1003" if available[0].image_type == "backup" else "1002")
    if left:
        raise RefusedError("1001")
    if settings.empty_vault_code:
        raise RefusedError(settings.empty_vault_code)
    return []


def _record(
    backup: Backup,
    *,
    index: int,
    place: int,
    source: Vault,
    destination: Vault,
    visibility: Visibility,
    times: tuple[float, float],
    auto_trigger: bool,
    request_id: str,
) -> Record:
    now, copy_seconds = times
    starts_at = now + place // COPIES_AT_ONCE * copy_seconds if place >= 0 else now
    hidden = visibility.count is not None and index >= visibility.count
    return Record(
        id=new_id(),
        log_id=new_id(),
        backup=backup,
        source=source,
        destination=destination,
        destination_backup_id=new_id(),
        destination_checkpoint_id=new_id(),
        request_id=request_id,
        auto_trigger=auto_trigger,
        created_at=now,
        starts_at=starts_at,
        ends_at=starts_at + (copy_seconds if place >= 0 else 0.0),
        ends_as=backup.ends_as,
        visible_from=math.inf if hidden else now + visibility.after,
        log_visible=visibility.in_log,
        misspelt=index % 2 == 1,
    )
