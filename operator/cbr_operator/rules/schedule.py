"""What follows from the View of one Schedule: a run to start, or a status to write and runs to delete."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cbr_operator.kinds.common import format_time
from cbr_operator.kinds.replication import REPLICATIONS, RESTORED_LABEL
from cbr_operator.kinds.schedule import (
    MAX_ACTIVE,
    RUN_NOW,
    SCHEDULE_LABEL,
    SCHEDULED_TIME,
    SCHEDULES,
    Schedule,
    ScheduleReason,
    ScheduleSpec,
    ScheduleStatus,
)
from cbr_operator.ports import EventNote, Json
from cbr_operator.rules.cron import CronError
from cbr_operator.rules.patches import note_about
from cbr_operator.rules.readiness import READY, Readiness, with_readiness
from cbr_operator.rules.runs import Run, RunState, run_name
from cbr_operator.rules.slots import (
    Due,
    Timetable,
    dealt_with,
    due,
    jitter_of,
    observed_schedule,
    started_slots,
    timetable,
)

MAX_RUN_NOW = 253
"""A longer value of the annotation is echoed as its digest."""


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
class _Plan:
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


def decide_schedule(view: ScheduleView) -> ScheduleDecision:
    """The next step for this Schedule."""
    schedule, spec = view.schedule, view.schedule.spec
    if schedule.metadata.deletion_timestamp is not None:
        return ScheduleDecision()
    if spec is None:
        text = f"The spec cannot be read: {schedule.spec_error}. Nothing runs until it is mended."
        said = Readiness(ready=False, reason=ScheduleReason.INVALID_SCHEDULE, message=text, for_a_person=True)
        return ScheduleDecision(status=with_readiness(schedule.metadata, schedule.status, said, now=view.now))
    plan = _Plan(timetable(schedule, spec, now=view.now))
    if isinstance(plan.table, Timetable):
        came = _what_came(view, plan.table)
        why = _why_not_started(view, spec, plan.table, came.waiting) if came.waiting is not None else ""
        if came.waiting is None or why:
            plan = _recorded(plan.table, came, why)
        elif view.not_created is None:
            name = run_name(schedule.metadata.name, came.waiting)
            return ScheduleDecision(create=_run(schedule, spec, name, came.waiting))
    return _answer_run_now(view, spec, plan)


def _answer_run_now(view: ScheduleView, spec: ScheduleSpec, plan: _Plan) -> ScheduleDecision:
    """The run that the annotation asks for, if there is one and it may start; else all is settled."""
    schedule, asked = view.schedule, _asked(view)
    if asked and RESTORED_LABEL in schedule.metadata.labels and schedule.status.observed_generation < 0:
        return _settle(view, spec, replace(plan, run_now=asked))  # it asked for a run of the original
    if asked:
        name = _run_now_name(schedule, asked)
        if name in view.created or any(run.name == name for run in view.runs):
            return _settle(view, spec, replace(plan, run_now=asked, run_now_started=True))
        if _forbidden(view, spec):
            return _settle(view, spec, replace(plan, run_now_waits=True))
        if view.not_created is None:
            return ScheduleDecision(create=_run(schedule, spec, name, None))
    return _settle(view, spec, plan)


# ------------------------------------------------------------------------------------------ what is to be started


def _what_came(view: ScheduleView, table: Timetable) -> Due:
    started = started_slots(view.schedule, view.runs, view.created)
    return due(table, after=dealt_with(view.schedule, table.since), started=started, now=view.now)


def _forbidden(view: ScheduleView, spec: ScheduleSpec) -> bool:
    return spec.concurrency_policy == "Forbid" and any(run.state is RunState.UNFINISHED for run in view.runs)


def _why_not_started(view: ScheduleView, spec: ScheduleSpec, table: Timetable, slot: datetime) -> str:
    """Why a time that has come is skipped; empty where it runs."""
    if slot + table.jitter + table.deadline < view.now:
        return f"spec.startingDeadlineSeconds ({spec.starting_deadline_seconds}) had passed"
    if _forbidden(view, spec):
        unfinished = max((run for run in view.runs if run.state is RunState.UNFINISHED), key=lambda run: run.order)
        return f"run {unfinished.name!r} was unfinished, and spec.concurrencyPolicy is Forbid"
    return ""


def _recorded(table: Timetable, came: Due, why: str) -> _Plan:
    """What came, as it goes into the status; ``why`` the newest of it does not run."""
    if came.waiting is not None:
        return _Plan(table, came.started, came.others + 1, came.waiting, why)
    return _Plan(
        table, came.started, came.others, why_skipped="several had passed at once, and only the newest of them runs"
    )


def _asked(view: ScheduleView) -> str:
    """The value of the annotation that asks for a run, if it was not dealt with yet."""
    value = view.schedule.metadata.annotations.get(RUN_NOW, "")
    if len(value) > MAX_RUN_NOW:
        value = f"sha256:{hashlib.sha256(value.encode()).hexdigest()}"
    return value if value != view.schedule.status.last_handled_run_now else ""


def _run_now_name(schedule: Schedule, asked: str) -> str:
    """The same for each try to start this run, and another one whenever the same value is asked for again."""
    told = f"{schedule.metadata.uid} {schedule.status.run_now_count or 0} {asked}"
    return f"{schedule.metadata.name}-r-{hashlib.sha256(told.encode()).hexdigest()[:8]}"


def _run(schedule: Schedule, spec: ScheduleSpec, name: str, slot: datetime | None) -> Json:
    """A CheckpointReplication, from the template."""
    metadata, template = schedule.metadata, spec.replication_template
    when = {SCHEDULED_TIME: format_time(slot)} if slot is not None else {}
    owner = {
        "apiVersion": SCHEDULES.api_version,
        "kind": SCHEDULES.kind,
        "name": metadata.name,
        "uid": metadata.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }
    return {
        "apiVersion": REPLICATIONS.api_version,
        "kind": REPLICATIONS.kind,
        "metadata": {
            "name": name,
            "namespace": metadata.namespace,
            "labels": {**template.metadata.labels, SCHEDULE_LABEL: metadata.name},
            "annotations": {**template.metadata.annotations, **when},
            "ownerReferences": [owner],
        },
        "spec": template.spec,
    }


# -------------------------------------------------------------------------------------------------- what is recorded


def _settle(view: ScheduleView, spec: ScheduleSpec, plan: _Plan) -> ScheduleDecision:
    """Nothing is to be started now: the status, what is beyond the history limits, and when to look again."""
    status = _with_runs(view, _with_plan(view.schedule, spec, plan))
    overdue_at = next_start = None
    if isinstance(plan.table, Timetable):
        next_start = plan.table.next_start(after=dealt_with_now(status, plan.table), now=view.now)
        overdue_at = plan.table.overdue_at(succeeded=status.last_successful_time)
    status = status.model_copy(update={"next_schedule_time": next_start})
    said = _readiness(view, spec, plan, status, overdue_at)
    if plan.run_now_waits:
        said = replace(said, message=f"{said.message} The run that was asked for starts when no other is unfinished.")
    status = with_readiness(view.schedule.metadata, status, said, now=view.now)
    moments = [each for each in (next_start, overdue_at) if each is not None and each > view.now]
    delete, until = _beyond_limits(view, spec)
    moments += [until] if until is not None else []
    return ScheduleDecision(
        status=status, delete=delete, again=min(moments, default=None), notes=_notes(view.schedule, plan)
    )


def dealt_with_now(status: ScheduleStatus, table: Timetable) -> datetime:
    """The newest time that this status says was run or skipped."""
    known = (table.since, status.last_schedule_time, status.last_skipped_time)
    return max(each for each in known if each is not None)


def _with_plan(schedule: Schedule, spec: ScheduleSpec, plan: _Plan) -> ScheduleStatus:
    status = schedule.status
    running = isinstance(plan.table, Timetable)
    asked = {"last_handled_run_now": plan.run_now} if plan.run_now else {}
    return status.model_copy(
        update={
            "last_schedule_time": _latest(status.last_schedule_time, plan.started),
            "last_skipped_time": _latest(status.last_skipped_time, plan.skipped_until),
            "skipped_runs": (status.skipped_runs or 0) + plan.skipped,
            "observed_schedule": observed_schedule(spec) if running else "",
            "scheduled_since": plan.table.since if isinstance(plan.table, Timetable) else None,
            "run_now_count": (status.run_now_count or 0) + int(plan.run_now_started),
            **asked,
        }
    )


def _with_runs(view: ScheduleView, status: ScheduleStatus) -> ScheduleStatus:
    """What the runs tell. What finished runs told once stays, for they are deleted in time."""
    runs = sorted(view.runs, key=lambda run: run.order)
    unfinished = [run.name for run in runs if run.state is RunState.UNFINISHED]
    ends = {
        state: max((run.ended for run in runs if run.state is state and run.ended is not None), default=None)
        for state in (RunState.SUCCEEDED, RunState.FAILED)
    }
    copies = [run.newest_copy for run in runs if run.newest_copy is not None]
    return status.model_copy(
        update={
            "active": tuple(unfinished[-MAX_ACTIVE:]),
            "active_count": len(unfinished),
            "last_successful_time": _latest(status.last_successful_time, ends[RunState.SUCCEEDED]),
            "last_failed_time": _latest(status.last_failed_time, ends[RunState.FAILED]),
            "newest_copy_time": _latest(status.newest_copy_time, *copies),
        }
    )


def _latest(*moments: datetime | None) -> datetime | None:
    return max((each for each in moments if each is not None), default=None)


def _notes(schedule: Schedule, plan: _Plan) -> tuple[EventNote, ...]:
    if not plan.skipped:
        return ()
    times = "1 time of the schedule" if plan.skipped == 1 else f"{plan.skipped} times of the schedule"
    note = f"{times} passed without a run: {plan.why_skipped}."
    return (note_about(SCHEDULES, schedule.metadata, warning=True, reason="RunsSkipped", note=note),)


# ---------------------------------------------------------------------------------------------------- what Ready says


def _readiness(
    view: ScheduleView, spec: ScheduleSpec, plan: _Plan, status: ScheduleStatus, overdue_at: datetime | None
) -> Readiness:
    if isinstance(plan.table, CronError):
        text = f"{plan.table}. Nothing runs until it is mended."
        return Readiness(ready=False, reason=ScheduleReason.INVALID_SCHEDULE, message=text, for_a_person=True)
    if view.not_created is not None:
        return _said_before(view, view.not_created)
    if plan.table is None:
        text = f"spec.suspend is true: nothing starts, but by the annotation {RUN_NOW}. Nothing is made up for later."
        return Readiness(ready=True, reason=ScheduleReason.SUSPENDED, message=text)
    if overdue_at is not None and overdue_at <= view.now:
        return _overdue(status, plan.table, view.now)
    if status.last_failed_time is not None and status.last_failed_time > (
        status.last_successful_time or plan.table.since
    ):
        return _last_run_failed(view)
    text = f"A run starts at each time of {spec.schedule!r} in {spec.time_zone}; status.nextScheduleTime is the next."
    return Readiness(ready=True, reason=ScheduleReason.SCHEDULED, message=text)


def _said_before(view: ScheduleView, said: Readiness) -> Readiness:
    """The server's words of the first refusal stay: a message holds nothing that changes from one try to the next."""
    before = view.schedule.status.condition(READY)
    if before is not None and before.reason == said.reason and said.reason == ScheduleReason.CREATION_REFUSED:
        return replace(said, message=before.message)
    return said


def _overdue(status: ScheduleStatus, table: Timetable, now: datetime) -> Readiness:
    since = status.last_successful_time
    text = (
        f"No run has succeeded since {format_time(since or table.since)}, which is more than two periods and the "
        "starting deadline ago. Look at the newest CheckpointReplication with the label "
        f"{SCHEDULE_LABEL}, and at status.active and status.skippedRuns."
    )
    if status.last_schedule_time is not None and status.last_schedule_time > now:
        text += (
            " status.lastScheduleTime lies ahead of the clock, which must have been wrong then: nothing starts by the "
            f"schedule before it has passed. Create the Schedule anew, or use the annotation {RUN_NOW}."
        )
    return Readiness(ready=False, reason=ScheduleReason.OVERDUE, message=text)


def _last_run_failed(view: ScheduleView) -> Readiness:
    failed = [run for run in view.runs if run.state is RunState.FAILED and run.ended is not None]
    before = view.schedule.status.condition(READY)
    if not failed and before is not None and before.reason == ScheduleReason.LAST_RUN_FAILED:
        return Readiness(ready=False, reason=before.reason, message=before.message)
    newest = max(failed, key=lambda run: (run.ended, run.order), default=None)
    which = f"CheckpointReplication {newest.name!r} failed: {newest.reason}" if newest is not None else "It failed"
    text = f"{which}; its status says why. The next run starts at status.nextScheduleTime all the same."
    return Readiness(ready=False, reason=ScheduleReason.LAST_RUN_FAILED, message=text)


# ------------------------------------------------------------------------------------------------- what is not kept


def _beyond_limits(view: ScheduleView, spec: ScheduleSpec) -> tuple[tuple[Run, ...], datetime | None]:
    """The finished runs beyond the history limits, and when one more may be deleted.

    The run of the newest time stays while it could still be started: should another operator that knows less try
    that, the name is taken.
    """
    beyond: list[Run] = []
    limits = {RunState.SUCCEEDED: spec.successful_history_limit, RunState.FAILED: spec.failed_history_limit}
    for state, limit in limits.items():
        finished = sorted((run for run in view.runs if run.state is state), key=lambda run: run.order)
        beyond += [run for run in finished[: len(finished) - limit] if not run.kept]
    newest = max((run.slot for run in view.runs if run.slot is not None), default=None)
    if newest is None:
        return tuple(beyond), None
    jitter = jitter_of(view.schedule.metadata.uid, spec.jitter_seconds)
    safe_at = newest + jitter + timedelta(seconds=spec.starting_deadline_seconds)
    if safe_at < view.now:
        return tuple(beyond), None
    deleted = tuple(run for run in beyond if run.slot != newest)
    return deleted, safe_at + timedelta(seconds=1) if len(deleted) < len(beyond) else None
