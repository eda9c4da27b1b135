"""Which times of a schedule are due, which have passed, and which comes next."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from cbr_operator.kinds.schedule import Schedule, ScheduleSpec, ScheduleStatus
from cbr_operator.rules.cron import Cron, CronError, parse_cron
from cbr_operator.rules.runs import Run, slot_of

CLOCK_BACK = timedelta(days=1)
"""So far our clock may have been set back since a run was made. A run of a later time was not made by us: were it
believed, one with a name of the year 3000 would end all others."""


@dataclass(frozen=True, slots=True)
class Timetable:
    """A schedule's times: since when they count, and by how much each is delayed."""

    cron: Cron
    since: datetime
    """Times at or before it never run: it was created, resumed or changed then."""
    jitter: timedelta
    deadline: timedelta
    """How long after its (delayed) time a run may still start."""

    def next_start(self, *, after: datetime, now: datetime) -> datetime | None:
        """The first start to come: of a time after ``after``, and itself after ``now``."""
        slot = self.cron.next(after)
        if slot is not None and slot + self.jitter <= now:
            slot = self.cron.next(now - self.jitter)
        return slot + self.jitter if slot is not None else None

    def overdue_at(self, *, succeeded: datetime | None) -> datetime | None:
        """When two periods and the starting deadline have passed without a success."""
        second = self.cron.second(max(succeeded or self.since, self.since))
        return second + self.jitter + self.deadline if second is not None else None


@dataclass(frozen=True, slots=True)
class Due:
    """What has come since the last time that was dealt with."""

    started: datetime | None = None
    """The newest time that has its run."""
    waiting: datetime | None = None
    """A time that has come, has no run and is newer than all that have."""
    others: int = 0
    """How many more times have passed without a run."""


def timetable(schedule: Schedule, spec: ScheduleSpec, *, now: datetime) -> Timetable | CronError | None:
    """The times by which runs start; None while suspended, and why there are none where the line is no good.

    What is recorded as observed counts since then. Anything else counts from now on, so that nothing runs because of
    a change; for a Schedule that was never seen before, since it was created.
    """
    try:
        cron = parse_cron(spec.schedule, spec.time_zone)
    except CronError as error:
        return error
    if spec.suspend:
        return None
    status = schedule.status
    since = status.scheduled_since
    if status.observed_schedule != observed_schedule(spec) or since is None:
        never_seen = status.observed_generation < 0
        since = schedule.metadata.creation_timestamp if never_seen else now
    return Timetable(
        cron=cron,
        since=since.replace(microsecond=0),
        jitter=jitter_of(schedule.metadata.uid, spec.jitter_seconds),
        deadline=timedelta(seconds=spec.starting_deadline_seconds),
    )


def observed_schedule(spec: ScheduleSpec) -> str:
    """The cron line and zone as they are recorded."""
    return f"{spec.schedule} {spec.time_zone}"


def jitter_of(uid: str, seconds: int) -> timedelta:
    """The delay of one Schedule, evenly spread over all uids, and always the same."""
    digest = hashlib.sha256(uid.encode()).digest()
    return timedelta(seconds=int.from_bytes(digest[:8], "big") % (seconds + 1))


def dealt_with(status: ScheduleStatus, since: datetime) -> datetime:
    """The newest time that the status says was run or skipped; none at or before it ever runs."""
    return max(each for each in (since, status.last_schedule_time, status.last_skipped_time) if each is not None)


def started_slots(schedule: Schedule, runs: tuple[Run, ...], created: frozenset[str]) -> frozenset[datetime]:
    """The times that have a run, as far as runs are there or were just made."""
    names = {slot_of(name, schedule.metadata.name) for name in created}
    return frozenset({slot for slot in names | {run.slot for run in runs} if slot is not None})


def due(table: Timetable, *, after: datetime, started: frozenset[datetime], now: datetime) -> Due:
    """What has come after a time that was dealt with."""
    passed = table.cron.passed(after=after, until=now - table.jitter)
    known = {slot for slot in started if after < slot <= now + CLOCK_BACK}
    newest = max(known, default=None)
    waiting = passed.newest
    if waiting is not None and newest is not None and waiting <= newest:
        waiting = None
    passed_and_known = sum(1 for slot in known if passed.newest is not None and slot <= passed.newest)
    others = passed.count - passed_and_known - (1 if waiting is not None else 0)
    return Due(started=newest, waiting=waiting, others=max(0, others))
