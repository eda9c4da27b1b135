"""What follows from the View of one Schedule: a run to start, or else what is to be recorded."""

import hashlib
from dataclasses import replace
from datetime import datetime

from cbr_operator.kinds.common import format_time
from cbr_operator.kinds.replication import REPLICATIONS, RESTORED_LABEL
from cbr_operator.kinds.schedule import (
    RUN_NOW,
    SCHEDULE_LABEL,
    SCHEDULED_TIME,
    SCHEDULES,
    Schedule,
    ScheduleReason,
    ScheduleSpec,
)
from cbr_operator.ports import Json
from cbr_operator.rules.readiness import Readiness, with_readiness
from cbr_operator.rules.runs import RunState, run_name
from cbr_operator.rules.schedule_status import settle
from cbr_operator.rules.schedule_view import Plan, ScheduleDecision, ScheduleView
from cbr_operator.rules.slots import Due, Timetable, dealt_with, due, started_slots, timetable

MAX_RUN_NOW = 253
"""A longer value of the annotation is echoed as its digest."""


def decide_schedule(view: ScheduleView) -> ScheduleDecision:
    """The next step for this Schedule."""
    schedule, spec = view.schedule, view.schedule.spec
    if schedule.metadata.deletion_timestamp is not None:
        return ScheduleDecision()
    if spec is None:
        text = f"The spec cannot be read: {schedule.spec_error}. Nothing runs until it is mended."
        said = Readiness(ready=False, reason=ScheduleReason.INVALID_SCHEDULE, message=text, for_a_person=True)
        return ScheduleDecision(status=with_readiness(schedule.metadata, schedule.status, said, now=view.now))
    plan = Plan(timetable(schedule, spec, now=view.now))
    if isinstance(plan.table, Timetable):
        came = _what_came(view, plan.table)
        why = _why_not_started(view, spec, plan.table, came.waiting) if came.waiting is not None else ""
        if came.waiting is None or why:
            plan = _recorded(plan.table, came, why)
        elif view.not_created is None:
            name = run_name(schedule.metadata.name, came.waiting)
            return ScheduleDecision(create=_run(schedule, spec, name, came.waiting))
    return _answer_run_now(view, spec, plan)


def _answer_run_now(view: ScheduleView, spec: ScheduleSpec, plan: Plan) -> ScheduleDecision:
    """The run that the annotation asks for, if there is one and it may start; else all is settled."""
    schedule, asked = view.schedule, _asked(view)
    if asked and RESTORED_LABEL in schedule.metadata.labels and schedule.status.observed_generation < 0:
        return settle(view, spec, replace(plan, run_now=asked))  # it asked for a run of the original
    if asked:
        name = _run_now_name(schedule, asked)
        if name in view.created or any(run.name == name for run in view.runs):
            return settle(view, spec, replace(plan, run_now=asked, run_now_started=True))
        if _forbidden(view, spec):
            return settle(view, spec, replace(plan, run_now_waits=True))
        if view.not_created is None:
            return ScheduleDecision(create=_run(schedule, spec, name, None))
    return settle(view, spec, plan)


# ------------------------------------------------------------------------------------------ what is to be started


def _what_came(view: ScheduleView, table: Timetable) -> Due:
    started = started_slots(view.schedule, view.runs, view.created)
    return due(table, after=dealt_with(view.schedule.status, table.since), started=started, now=view.now)


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


def _recorded(table: Timetable, came: Due, why: str) -> Plan:
    """What came, as it goes into the status; ``why`` the newest of it does not run."""
    if came.waiting is not None:
        return Plan(table, came.started, came.others + 1, came.waiting, why)
    return Plan(
        table, came.started, came.others, why_skipped="several had passed at once, and only the newest of them runs"
    )


def _asked(view: ScheduleView) -> str:
    """The value of the annotation that asks for a run, if it was not dealt with yet."""
    value = short_run_now(view.schedule.metadata.annotations.get(RUN_NOW, ""))
    return value if value != view.schedule.status.last_handled_run_now else ""


def short_run_now(value: str) -> str:
    """The value of the annotation as it is kept and echoed."""
    return value if len(value) <= MAX_RUN_NOW else f"sha256:{hashlib.sha256(value.encode()).hexdigest()}"


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
