"""How new the newest copy of a vault is, as far as copies are confirmed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from cbr_operator.kinds.common import comparable_id
from cbr_operator.kinds.replication import Replication
from cbr_operator.kinds.replication_spec import Spec
from cbr_operator.kinds.replication_status import BackupState
from cbr_operator.kinds.schedule import Schedule


@dataclass(frozen=True, slots=True)
class CopyPair:
    """What is copied where, for whom; vault ids as they are compared."""

    namespace: str
    source_vault: str
    destination_region: str
    destination_vault: str


@dataclass(frozen=True, slots=True)
class Copy:
    """The newest copy that one object tells of."""

    pair: CopyPair
    moment: datetime
    """When the cloud began to copy the backup."""


def newest_copy(replication: Replication) -> datetime | None:
    """When the cloud began to copy the newest backup that is confirmed as copied.

    A resource that is not followed confirms none.
    """
    copied = (each.created_at for each in replication.status.backups if each.state == BackupState.SUCCEEDED)
    newest = max(copied, default="")
    try:
        moment = datetime.fromisoformat(newest)
    except ValueError:
        return None  # the cloud's words, whatever they are
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def copy_of(replication: Replication) -> Copy | None:
    """What a CheckpointReplication tells."""
    moment = newest_copy(replication)
    if moment is None or replication.spec is None:
        return None
    return Copy(_pair(replication.metadata.namespace, replication.spec), moment)


def copy_of_schedule(schedule: Schedule) -> Copy | None:
    """What a Schedule remembers of runs that may be deleted by now."""
    moment = schedule.status.newest_copy_time
    if moment is None or schedule.spec is None:
        return None
    try:
        spec = Spec.model_validate(schedule.spec.replication_template.spec)
    except ValueError:
        return None
    return Copy(_pair(schedule.metadata.namespace, spec), moment)


def _pair(namespace: str, spec: Spec) -> CopyPair:
    destination = spec.destination
    return CopyPair(
        namespace,
        comparable_id(spec.source.vault_id),
        destination.region,
        comparable_id(destination.vault_id),
    )


def newest_by_pair(copies: Iterable[Copy | None]) -> dict[CopyPair, datetime]:
    """The newest of each pair."""
    newest: dict[CopyPair, datetime] = {}
    for each in copies:
        if each is not None and each.moment > newest.get(each.pair, datetime.min.replace(tzinfo=UTC)):
            newest[each.pair] = each.moment
    return newest
