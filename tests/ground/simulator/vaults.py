"""Vaults and backups as they are given to the simulated cloud, and ready-made ones."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

# provider_id tells what kind of thing a vault protects.
PROVIDERS = {
    "server": "0daac4c5-6707-4851-97ba-169e36266b66",
    "disk": "d1603440-187d-4516-af25-121250c7cc97",
    "turbo": "3f3c3220-245c-4805-b811-758870015881",
    "vmware": "a13639de-00be-4e94-af30-26912d75e4a2",
}


def new_id() -> str:
    """A UUID, as the cloud gives to everything."""
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """One backup of a resource, and how copying it will end."""

    id: str = field(default_factory=new_id)
    checkpoint_id: str = field(default_factory=new_id)
    resource_id: str = field(default_factory=new_id)
    name: str = "autobk"
    status: str = "available"
    image_type: Literal["backup", "replication"] = "backup"
    contains_system_disk: bool = True
    created_at: float = 1767225600.0
    """Seconds since 1970."""
    ends_as: Literal["success", "fail", "skip"] = "success"
    """The last status of each record that copies it."""
    fail_code: str = "BackupService.1006"
    fail_reason: str = "Failed to import the replica."


@dataclass(frozen=True, slots=True, kw_only=True)
class Vault:
    """One vault, in one region and project."""

    id: str = field(default_factory=new_id)
    region: str = "region1"
    project_id: str = "f841e01fd2b14e7fa41b6ae7aa6b0594"
    name: str = "vault"
    protects: Literal["server", "disk", "turbo", "vmware"] = "server"
    protect_type: Literal["backup", "replication", "hybrid"] = "backup"
    status: str = "available"
    full: bool = False
    backups: Sequence[Backup] = ()

    @property
    def provider_id(self) -> str:
        return PROVIDERS[self.protects]


def make_backups(count: int) -> tuple[Backup, ...]:
    """So many ordinary backups."""
    return tuple(Backup(name=f"autobk_{number:04d}") for number in range(count))


def vault_from_json(form: dict[str, Any]) -> Vault:
    """A vault from its fields; ``backups`` is a list of backups' fields, or how many there are.

    Raises:
        TypeError: A field is not known.

    """
    backups = form.get("backups", ())
    made = make_backups(backups) if isinstance(backups, int) else tuple(Backup(**backup) for backup in backups)
    return Vault(**{**form, "backups": made})


DOCUMENTED_EXAMPLE = (
    Vault(
        id="3b5816b5-f29c-4172-9d9a-76c719a659ce",
        backups=tuple(
            Backup(id=backup_id, name=f"autobk_{number:04d}")
            for number, backup_id in enumerate(
                (
                    "7558e1a3-7046-4787-95cd-14b0ad0642a8",
                    "6df2b54c-dd62-4059-a07c-1b8f24f2725d",
                    "aa00034d-ef40-443d-ab7a-dc846d988cdf",
                )
            )
        ),
    ),
    Vault(
        id="0ca3eb86-8800-46da-9c37-9d657a825274",
        region="region2",
        project_id="68589cac08274b82b4e254268a3862d8",
        protect_type="replication",
    ),
)
"""The source vault with its three backups, and the destination vault, of the vendor's documented example."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """Many source vaults in region1 and one destination vault in each of some other regions."""

    sources: tuple[Vault, ...]
    destinations: tuple[Vault, ...]

    @property
    def vaults(self) -> tuple[Vault, ...]:
        return self.sources + self.destinations


def make_fleet(*, vaults: int, regions: int = 5, backups: int = 3) -> Fleet:
    """A fleet for benchmarks; its ids are the same in every run."""

    def named(kind: str, number: int) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{kind}-{number}"))

    sources = tuple(
        Vault(
            id=named("source", number),
            backups=tuple(Backup(id=named(f"backup-{number}", index)) for index in range(backups)),
        )
        for number in range(vaults)
    )
    destinations = tuple(
        Vault(
            id=named("destination", number),
            region=f"region{number}",
            project_id=f"{number:032x}",
            protect_type="replication",
        )
        for number in range(2, 2 + regions)
    )
    return Fleet(sources, destinations)
