"""The status of a Schedule, and what else follows when nothing is left to be started."""

from dataclasses import replace
from datetime import datetime

from cbr_operator.kinds.common import format_time
from cbr_operator.kinds.reasons import ConditionType
from cbr_operator.kinds.schedule import (
    MAX_ACTIVE,
    RUN_NOW,
    SCHEDULE_LABEL,
    SCHEDULES,
    Schedule,
    ScheduleReason,
    ScheduleSpec,
    ScheduleStatus,
)
from cbr_operator.ports import EventNote
from cbr_operator.rules.cron import CronError
from cbr_operator.rules.history import Beyond, beyond_limits
from cbr_operator.rules.patches import note_about
from cbr_operator.rules.readiness import Readiness, with_readiness
from cbr_operator.rules.runs import RunState
from cbr_operator.rules.schedule_view import Plan, ScheduleDecision, ScheduleView
from cbr_operator.rules.slots import Timetable, dealt_with, observed_schedule


def settle(view: ScheduleView, spec: ScheduleSpec, plan: Plan) -> ScheduleDecision:
    """Nothing is to be started now: the status, what is beyond the history limits, and when to look again."""
    status = _with_runs(view, _with_plan(view.schedule, spec, plan))
    overdue_at = next_start = None
    if isinstance(plan.table, Timetable):
        next_start = plan.table.next_start(after=dealt_with(status, plan.table.since), now=view.now)
        overdue_at = plan.table.overdue_at(succeeded=status.last_successful_time)
    status = status.model_copy(update={"next_schedule_time": next_start})
    said = _readiness(view, spec, plan, status, overdue_at)
    beyond = beyond_limits(view, spec)
    said = replace(said, message=" ".join([said.message, *_besides(plan, beyond)]))
    status = with_readiness(view.schedule.metadata, status, said, now=view.now)
    moments = [each for each in (next_start, overdue_at) if each is not None and each > view.now]
    moments += [beyond.until] if beyond.until is not None else []
    return ScheduleDecision(
        status=status, delete=beyond.deleted, again=min(moments, default=None), notes=_notes(view.schedule, plan)
    )


def _besides(plan: Plan, beyond: Beyond) -> list[str]:
    """What else is to be said, in a sentence each."""
    waits = ["The run that was asked for starts when no other is unfinished."] if plan.run_now_waits else []
    kept = [f"Run {run.name!r} is kept beyond the history limits: {run.kept}" for run in beyond.kept[:1]]
    return waits + kept


def _with_plan(schedule: Schedule, spec: ScheduleSpec, plan: Plan) -> ScheduleStatus:
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


def _notes(schedule: Schedule, plan: Plan) -> tuple[EventNote, ...]:
    if not plan.skipped:
        return ()
    times = "1 time of the schedule" if plan.skipped == 1 else f"{plan.skipped} times of the schedule"
    note = f"{times} passed without a run: {plan.why_skipped}."
    return (note_about(SCHEDULES, schedule.metadata, warning=True, reason="RunsSkipped", note=note),)


def _readiness(
    view: ScheduleView, spec: ScheduleSpec, plan: Plan, status: ScheduleStatus, overdue_at: datetime | None
) -> Readiness:
    if isinstance(plan.table, CronError):
        text = f"{plan.table}. Nothing runs until it is mended."
        return Readiness(ready=False, reason=ScheduleReason.INVALID_SCHEDULE, message=text, for_a_person=True)
    if view.not_created is not None:
        return _said_before(view, view.not_created)
    if plan.table is None:
        text = f"spec.suspend is true: nothing starts, but by the annotation {RUN_NOW}. Nothing is made up for later."
        return Readiness(ready=True, reason=ScheduleReason.SUSPENDED, message=text)
    if ahead := _ahead(plan.table, status, view.now):
        return ahead
    if overdue_at is not None and overdue_at <= view.now:
        return _overdue(status, plan.table)
    if status.last_failed_time is not None and status.last_failed_time > (
        status.last_successful_time or plan.table.since
    ):
        return _last_run_failed(view)
    text = f"A run starts at each time of {spec.schedule!r} in {spec.time_zone}; status.nextScheduleTime is the next."
    return Readiness(ready=True, reason=ScheduleReason.SCHEDULED, message=text)


def _said_before(view: ScheduleView, said: Readiness) -> Readiness:
    """The server's words of the first refusal stay: a message holds nothing that changes from one try to the next."""
    before = view.schedule.status.condition(ConditionType.READY)
    if before is not None and before.reason == said.reason and said.reason == ScheduleReason.CREATION_REFUSED:
        return replace(said, message=before.message)
    return said


def _ahead(table: Timetable, status: ScheduleStatus, now: datetime) -> Readiness | None:
    """The clock was far ahead once, and what was run or skipped then does not run again."""
    if dealt_with(status, table.since) <= now:
        return None
    expected, following = table.overdue_at(succeeded=now), status.next_schedule_time
    if expected is None or following is None or following <= expected:
        return None
    text = (
        f"A time as late as {format_time(dealt_with(status, table.since))} was run or skipped already: the operator's "
        "clock must have been wrong then. Nothing starts by the schedule before that has passed. Create the Schedule "
        f"anew, or use the annotation {RUN_NOW}."
    )
    return Readiness(ready=False, reason=ScheduleReason.OVERDUE, message=text, for_a_person=True)


def _overdue(status: ScheduleStatus, table: Timetable) -> Readiness:
    since = status.last_successful_time
    text = (
        f"No run has succeeded since {format_time(since or table.since)}, which is more than two periods and the "
        "starting deadline ago. Look at the newest CheckpointReplication with the label "
        f"{SCHEDULE_LABEL}, and at status.active and status.skippedRuns."
    )
    return Readiness(ready=False, reason=ScheduleReason.OVERDUE, message=text)


def _last_run_failed(view: ScheduleView) -> Readiness:
    failed = [run for run in view.runs if run.state is RunState.FAILED and run.ended is not None]
    before = view.schedule.status.condition(ConditionType.READY)
    if not failed and before is not None and before.reason == ScheduleReason.LAST_RUN_FAILED:
        return Readiness(ready=False, reason=ScheduleReason(before.reason), message=before.message)
    newest = max(failed, key=lambda run: (run.ended, run.order), default=None)
    which = f"CheckpointReplication {newest.name!r} failed: {newest.reason}" if newest is not None else "It failed"
    text = f"{which}; its status says why. The next run starts at status.nextScheduleTime all the same."
    return Readiness(ready=False, reason=ScheduleReason.LAST_RUN_FAILED, message=text)
