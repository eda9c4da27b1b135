"""Which records of a vault are whose: what one object follows is never adopted by another."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cbr_operator.kinds.common import comparable_id
from cbr_operator.kinds.replication import Replication
from cbr_operator.ports import Json
from cbr_operator.rules.records import Record, Wanted


@dataclass(frozen=True, slots=True)
class Window:
    """The records that one call may have begun: those to its destination, created in its time."""

    wanted: Wanted
    start: datetime
    end: datetime

    def covers(self, record: Record) -> bool:
        """Whether the record may be one of them; one without a time may be."""
        return self.wanted.matches(record) and (record.created is None or self.start <= record.created <= self.end)


@dataclass(frozen=True, slots=True)
class Claims:
    """The records that other objects follow, or have followed."""

    ids: frozenset[str]
    windows: tuple[Window, ...] = ()

    def cover(self, record: Record) -> bool:
        """Whether the record belongs to another object."""
        return comparable_id(record.id) in self.ids or any(each.covers(record) for each in self.windows)


NO_CLAIMS = Claims(frozenset())


def wanted_by(replication: Replication) -> Wanted | None:
    """Which records a call for this object begins; None where its spec cannot be read."""
    spec = replication.spec
    if spec is None:
        return None
    destination = spec.destination
    return Wanted(destination.region, destination.project_id, destination.vault_id, spec.auto_trigger)


def window_start(replication: Replication) -> datetime | None:
    """Since when, by the cloud's clock, records may be this object's call's."""
    submission = replication.status.submission
    if submission is None:
        return None
    return submission.first_unknown_at or submission.cloud_time or submission.intent_time


def window_of(replication: Replication, *, lasting: float) -> Window | None:
    """The window of this object's calls; ``lasting``: seconds after its intent in which a call begins its records."""
    submission, wanted, start = replication.status.submission, wanted_by(replication), window_start(replication)
    if submission is None or wanted is None or start is None:
        return None
    last = submission.cloud_time or submission.intent_time or start
    return Window(wanted, start, max(start, last) + timedelta(seconds=lasting))


def claims_of(others: Iterable[Json], *, pending: Iterable[str] = (), lasting: float) -> Claims:
    """What these objects claim, as raw bodies, with the record ids that older ones are about to adopt.

    An object whose list did not take all of its records claims its whole window.
    """
    ids = set(map(comparable_id, pending))
    windows = []
    for body in others:
        status = body.get("status") or {}
        ids.update(comparable_id(each.get("replicationRecordID", "")) for each in status.get("backups") or ())
        if status.get("backupsOmitted"):
            window = window_of(Replication.from_json(body), lasting=lasting)
            windows += [window] if window is not None else []
    return Claims(frozenset(ids - {""}), tuple(windows))
