"""Which records of a vault are whose: what one object follows is never adopted by another."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cbr_operator.kinds.common import comparable_id
from cbr_operator.kinds.replication import Replication
from cbr_operator.kinds.replication_status import Outcome
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


MOST_CLOCK_OFFSET = 86400.0
"""Seconds that a cloud's clock may differ from ours; what differs by more is no clock."""
_OPEN = frozenset({Outcome.PENDING, Outcome.UNKNOWN})
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
    return (submission.first_unknown_at if submission is not None else None) or called_at(replication)


def called_at(replication: Replication) -> datetime | None:
    """When, by the cloud's clock, the last call was about to be made."""
    submission = replication.status.submission
    return (submission.cloud_time or submission.intent_time) if submission is not None else None


def window_of(replication: Replication, *, lasting: float) -> Window | None:
    """The window of this object's calls; ``lasting``: seconds after its intent in which a call begins its records.

    The cloud's clock set it. Our own bounds it: nothing was called for before the object was there or after its intent,
    so a clock that was wrong does not claim all that a vault has ever copied, or ever will.
    """
    wanted, start = wanted_by(replication), window_start(replication)
    if wanted is None or start is None:
        return None
    end = max(start, called_at(replication) or start)
    apart = timedelta(seconds=MOST_CLOCK_OFFSET)
    submission, began = replication.status.submission, replication.metadata.creation_timestamp
    began = min(began, replication.status.start_time or began)  # a restored object may be older than it says
    start = max(start, began - apart)
    if submission is not None and submission.intent_time is not None:
        end = min(end, submission.intent_time + apart)
    return Window(wanted, start, end + timedelta(seconds=lasting))


@dataclass(frozen=True, slots=True)
class Claim:
    """What one object claims."""

    ids: tuple[str, ...]
    """The records that its list names."""
    window: Window | None = None
    """Of its calls, where it claims more than its list names, or may."""
    is_open: bool = False
    """What its call began is not known; with a list that names all there is, the window counts beside others alone."""
    names_all: bool = True


def claim_of(replication: Replication) -> Claim | None:
    """What this object claims: its whole window where its list does not name all of its records; None for nothing."""
    status = replication.status
    listed = [comparable_id(each.replication_record_id) for each in status.backups]
    names_all = not status.backups_omitted and "" not in listed
    is_open = status.submission is not None and status.submission.outcome in _OPEN
    window = window_of(replication, lasting=0.0) if is_open or not names_all else None
    return Claim(tuple(filter(None, listed)), window, is_open, names_all) if listed or window is not None else None


def claims_of(
    others: Iterable[Claim], *, pending: Iterable[str] = (), lasting: float, beside_open: bool = False
) -> Claims:
    """What these objects claim, with the record ids that older ones are about to adopt.

    ``lasting``: as of ``window_of``. ``beside_open``: for one whose own call's outcome is not open, so what the open
    call of another may have begun is the other's.
    """
    ids = set(map(comparable_id, pending))
    windows = []
    for claim in others:
        ids.update(claim.ids)
        if claim.window is not None and (not claim.names_all or (beside_open and claim.is_open)):
            windows.append(replace(claim.window, end=claim.window.end + timedelta(seconds=lasting)))
    return Claims(frozenset(ids), tuple(windows))
