"""Vaults, backups and replication records in time. Pure state: no I/O, no clock of its own, no threads.

Nothing runs in the background: what a record's status is follows from when its copying starts and ends.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain

from ground.simulator.errors import RefusedError
from ground.simulator.vaults import Backup, Vault


@dataclass(slots=True, kw_only=True)
class Record:
    """The replication of one backup to one destination vault. Times are seconds since 1970."""

    id: str
    log_id: str
    backup: Backup
    source: Vault
    destination: Vault
    destination_backup_id: str
    destination_checkpoint_id: str
    request_id: str
    auto_trigger: bool
    created_at: float
    starts_at: float
    ends_at: float
    ends_as: str
    visible_from: float = 0.0
    """When it can first be seen; infinity for never."""
    log_visible: bool = True
    misspelt: bool = False
    """Its extra_info holds ``destinatio_vault_id``, as some real ones do."""

    def status(self, now: float) -> str:
        if now >= self.ends_at:
            return self.ends_as
        return "replicating" if now >= self.starts_at else "waiting_replicate"

    def progress(self, now: float) -> int:
        """Whole per cent; a copy that fails or is skipped never gets to 100."""
        if now >= self.ends_at:
            return 100 if self.ends_as == "success" else 0
        if now < self.starts_at or math.isinf(self.ends_at):
            return 0
        return min(99, int(100 * (now - self.starts_at) / (self.ends_at - self.starts_at)))

    def occupies(self, region: str, now: float) -> bool:
        """Whether it has left a replica in the region, or is about to."""
        return self.destination.region == region and (now < self.ends_at or self.ends_as == "success")


@dataclass(slots=True)
class VaultState:
    """A vault with what has become of it."""

    vault: Vault
    backups: dict[str, Backup] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    """Those that copy its backups, oldest first."""
    records_of: dict[str, list[Record]] = field(default_factory=dict)
    """The same, by backup."""
    incoming: list[Record] = field(default_factory=list)
    """Those that copy into it."""
    busy_until: float = 0.0
    """The cloud replicates one vault once at a time."""

    def add_records(self, records: Iterable[Record]) -> None:
        for record in records:
            self.records.append(record)
            self.records_of.setdefault(record.backup.id, []).append(record)
            self.busy_until = max(self.busy_until, record.ends_at)

    def all_backups(self, now: float) -> Iterator[Backup]:
        """Its own, then the replicas that have arrived."""
        replicas = (_replica(record) for record in self.incoming if record.status(now) == "success")
        return chain(self.backups.values(), replicas)

    def finish_copying(self, now: float, count: int | None = None) -> None:
        """Let what is being copied end now; with ``count`` only so many of it."""
        for record in [each for each in self.records if each.ends_at > now][:count]:
            record.starts_at = min(record.starts_at, now)
            record.ends_at = now
        self.busy_until = max((each.ends_at for each in self.records), default=0.0)


def _replica(record: Record) -> Backup:
    return replace(
        record.backup,
        id=record.destination_backup_id,
        checkpoint_id=record.destination_checkpoint_id,
        image_type="replication",
        created_at=record.ends_at,
    )


class Vaults:
    """Every vault of the cloud, found by id, by project and by backup."""

    def __init__(self) -> None:
        self._by_id: dict[str, VaultState] = {}
        self._by_project: dict[str, list[VaultState]] = {}
        self._by_backup: dict[str, VaultState] = {}
        self._projects: dict[str, set[str]] = {}

    def put(self, vault: Vault) -> None:
        """Add a vault, or change what is said of one; its records stay."""
        state = self._by_id.get(vault.id)
        if state is None:
            state = self._by_id[vault.id] = VaultState(vault)
            self._by_project.setdefault(vault.project_id, []).append(state)
            self._projects.setdefault(vault.region, set()).add(vault.project_id)
        state.vault = vault
        state.backups = {backup.id: backup for backup in vault.backups}
        self._by_backup.update(dict.fromkeys(state.backups, state))

    def find(self, vault_id: str) -> VaultState | None:
        return self._by_id.get(vault_id)

    def get(self, project_id: str, vault_id: str) -> VaultState:
        """A vault of the project.

        Raises:
            RefusedError: 6105, it does not exist there.

        """
        state = self._by_id.get(vault_id)
        if state is None or state.vault.project_id != project_id:
            raise RefusedError("6105")
        return state

    def in_project(self, project_id: str) -> list[VaultState]:
        return self._by_project.get(project_id, [])

    def projects_in(self, region: str) -> set[str]:
        return self._projects.get(region, set())

    def holding(self, backup_id: str) -> VaultState | None:
        """The vault that holds a backup, be it its own or a replica."""
        return self._by_backup.get(backup_id)

    def add_records(self, records: list[Record]) -> None:
        """File what one accepted call has begun."""
        for record in records:
            self._by_id[record.source.id].add_records([record])
            destination = self._by_id[record.destination.id]
            destination.incoming.append(record)
            self._by_backup[record.destination_backup_id] = destination

    def finish_copying(self, vault_id: str, now: float, count: int | None = None) -> None:
        """Let the copies of one vault end now, or with an empty id those of all; ``count``: so many a vault."""
        states = [self._by_id[vault_id]] if vault_id else self._by_id.values()
        for state in states:
            state.finish_copying(now, count)
