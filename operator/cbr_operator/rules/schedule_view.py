"""What a decision about a Schedule rests on, and what it says."""

from dataclasses import dataclass
from datetime import datetime

from cbr_operator.kinds.schedule import Schedule, ScheduleStatus
from cbr_operator.ports import EventNote, Json
from cbr_operator.rules.cron import CronError
from cbr_operator.rules.readiness import Readiness
from cbr_operator.rules.runs import Run
from cbr_operator.rules.slots import Timetable


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """One Schedule and everything that is known about it."""

    schedule: Schedule
    now: datetime
    runs: tuple[Run, ...] = ()
    """The runs that are there and its own."""
    created: frozenset[str] = frozenset()
    """Names of runs that this process saw created, whether they are still there or not."""
    not_created: Readiness | None = None
    """Why a run that was due could not be created just now."""


@dataclass(frozen=True, slots=True)
class ScheduleDecision:
    """What follows: either ``create``, and then a new decision, or everything else."""

    create: Json | None = None
    """The run to start."""
    status: ScheduleStatus | None = None
    delete: tuple[Run, ...] = ()
    """Runs beyond the history limits, to be deleted once the status is written."""
    again: datetime | None = None
    """When to decide again even if nothing happens."""
    notes: tuple[EventNote, ...] = ()
    """Events beside those of changed conditions, to be posted once the status is written."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be recorded, when nothing is left to be started."""

    table: Timetable | CronError | None
    started: datetime | None = None
    skipped: int = 0
    skipped_until: datetime | None = None
    why_skipped: str = ""
    run_now: str = ""
    """The value of the annotation that is dealt with."""
    run_now_started: bool = False
    """It has got its run."""
    run_now_waits: bool = False
    """A run that was asked for waits for the end of another."""
