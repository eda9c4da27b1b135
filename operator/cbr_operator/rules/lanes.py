"""Lanes: calls to one source vault go one at a time, oldest object first (protocol, section 5)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cbr_operator.kinds.common import comparable_id
from cbr_operator.kinds.connection import Connection
from cbr_operator.kinds.replication import Replication
from cbr_operator.kinds.replication_status import BackupState, Outcome, Target
from cbr_operator.rules.access import authority_of, endpoint_of_region
from cbr_operator.rules.conditions import is_final
from cbr_operator.rules.connections import target_through, voucher_of

# With these outcomes nothing of the object is on its way to the vault, or ever will be.
_LEFT = frozenset({Outcome.REJECTED, Outcome.UNRESOLVED})
# With these the cloud may be copying; while it is being followed, the cloud takes no other call for the vault.
FOLLOWED = frozenset({Outcome.SUBMITTED, Outcome.ADOPTED, Outcome.NOT_NEEDED})
_OPEN = frozenset({BackupState.WAITING, BackupState.REPLICATING})


@dataclass(frozen=True, slots=True)
class Place:
    """Where one object stands in a lane."""

    lane: str
    uid: str
    namespace: str
    name: str
    created: datetime
    holds: bool
    """Its call may be with the cloud (Pending, Unknown), or it is followed and has open records: nobody else calls
    this vault."""

    @property
    def order(self) -> tuple[datetime, str]:
        """Oldest first, ties by uid."""
        return self.created, self.uid


def lane_of(target: Target) -> str:
    """The key of the lane for calls to this target: who answers, project and vault, each in its comparable form."""
    return " ".join(
        (
            authority_of(target.endpoint, target.vouched_by),
            comparable_id(target.project_id),
            comparable_id(target.vault_id),
        )
    )


def target_of(replication: Replication, connection: Connection | None = None) -> Target | None:
    """What a call for this object goes to, or went to; None while that is not known.

    ``connection``: the one that it names, if it names one that is there. Where a tenant decides by now who answers to
    looks at what was called, what those show counts for that tenant alone.
    """
    submission = replication.status.submission
    if submission is not None and submission.outcome != Outcome.NOT_SUBMITTED:
        called = submission.target
        if connection is None or called.vouched_by:
            return called
        return called.model_copy(update={"vouched_by": voucher_of(connection)})
    spec = replication.spec
    if connection is not None:
        return target_through(replication, connection)
    if spec is None or spec.token_secret_ref is None:
        return None
    return Target(
        endpoint=spec.endpoint or endpoint_of_region(spec.source.region),
        region=spec.source.region,
        project_id=spec.source.project_id,
        vault_id=spec.source.vault_id,
    )


def place_of(replication: Replication, connection: Connection | None = None) -> Place | None:
    """Where this object stands, or None when it has no business with a lane (any more)."""
    submission = replication.status.submission
    outcome = submission.outcome if submission is not None else None
    target = target_of(replication, connection)
    if target is None or outcome in _LEFT or (outcome in FOLLOWED and not _is_copying(replication)):
        return None
    metadata = replication.metadata
    return Place(
        lane=lane_of(target),
        uid=metadata.uid,
        namespace=metadata.namespace,
        name=metadata.name,
        created=metadata.creation_timestamp,
        holds=outcome not in (None, Outcome.NOT_SUBMITTED),
    )


def _is_copying(replication: Replication) -> bool:
    """Whether the object is being followed and has records that are known to be open."""
    return not is_final(replication.status) and any(each.state in _OPEN for each in replication.status.backups)


def oldest_of_each_lane(places: Iterable[Place]) -> list[Place]:
    """Of each lane among these places the one that comes first."""
    oldest: dict[str, Place] = {}
    for place in places:
        if place.lane not in oldest or place.order < oldest[place.lane].order:
            oldest[place.lane] = place
    return list(oldest.values())
