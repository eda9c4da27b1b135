"""startTime and the submission deadline: as in a Job, and standing still while an object is held on purpose."""

from dataclasses import replace
from datetime import datetime, timedelta

from cbr_operator.kinds.common import Condition
from cbr_operator.kinds.reasons import ConditionType, Reason
from cbr_operator.kinds.replication import Replication
from cbr_operator.kinds.replication_spec import Spec
from cbr_operator.kinds.replication_status import Status
from cbr_operator.rules.conditions import ACCEPTED, FALSE, Statement, statement_of, with_conditions
from cbr_operator.rules.view import Decision, LookAtClock, LookAtVault, ReadSecret, UseConnection, View

AFTER_ABSENCE = 600.0
"""Seconds that an object whose deadline passed in the operator's absence has for its one more try."""


def is_paused(said: Condition | Statement | None) -> bool:
    """Whether this says that the object is held on purpose."""
    return said is not None and said.reason in (Reason.SUSPENDED, Reason.RESTORED)


def resumed(view: View, *, always: bool = False) -> Status:
    """The status with startTime as in a Job: first seen unsuspended, reset on resume, frozen at the first intent.

    An object that existed before this process led, without a startTime, may have lost its status: it may have been
    called for at any time since its creation, and what began since its startTime is looked for (protocol, section 7).
    What was suspended after a first try keeps its startTime; the time it was suspended is taken off the deadline
    instead.
    """
    status = view.replication.status
    said = status.condition(ConditionType.SUBMITTED)
    was_paused = is_paused(said)
    submission = status.submission
    if submission is not None and submission.suspended_time is not None:
        suspended = (submission.suspended_seconds or 0) + (view.now - submission.suspended_time).total_seconds()
        submission = submission.model_copy(update={"suspended_time": None, "suspended_seconds": int(suspended)})
    start = status.start_time
    if was_paused and submission is None:
        start = view.now
    elif start is None:
        start = view.replication.metadata.creation_timestamp if view.older else view.now
    if always or was_paused or submission is not status.submission:
        return status.model_copy(update={"start_time": start, "submission": submission})
    return status


def paused(view: View) -> Status:
    """The status of a suspended object: from here on its deadline stands still."""
    status, submission = view.replication.status, view.replication.status.submission
    if submission is None or submission.suspended_time is not None:
        return status
    return status.model_copy(update={"submission": submission.model_copy(update={"suspended_time": view.now})})


def deadline_of(replication: Replication, status: Status, start: datetime) -> datetime:
    """When spec.submission.deadlineSeconds ends what began then."""
    suspended = (status.submission.suspended_seconds or 0) if status.submission is not None else 0
    return start + timedelta(seconds=replication.submission_limits.deadline_seconds + suspended)


def by_deadline(view: View, spec: Spec, decision: Decision) -> Decision:
    """``decision``, unless spec.submission.deadlineSeconds ends the waiting first.

    After an absence of the operator nothing ends before one more try, so a process that did not lead when the
    deadline passed must have tried, or have found for a while that it cannot.
    """
    status = decision.status or view.replication.status
    said = status.condition(ConditionType.SUBMITTED)
    looking = isinstance(decision.action, ReadSecret | UseConnection | LookAtClock)
    looking = looking or (isinstance(decision.action, LookAtVault) and not decision.blocked)
    if looking or is_paused(said) or status.start_time is None or (said is not None and said.status == FALSE):
        return decision
    deadline = deadline_of(view.replication, status, status.start_time)
    left = (deadline - view.now).total_seconds()
    if left > 0:
        return replace(decision, again=left if decision.again is None else min(left, decision.again))
    if view.policy.led_since > deadline:
        grace = AFTER_ABSENCE - (view.now - view.policy.led_since).total_seconds()
        if not (view.tried or decision.blocked):
            return decision
        if not view.tried and grace > 0:  # the first thing that fails after a start is often over in a moment
            return replace(decision, again=grace if decision.again is None else min(grace, decision.again))
    return Decision(status=_given_up(view, view.replication.status if decision.action else status, spec))


def _given_up(view: View, status: Status, spec: Spec) -> Status:
    said = status.condition(ConditionType.SUBMITTED)
    why = f" The last that held it was {said.reason}: {said.message}" if said is not None else ""
    text = (
        f"It could not be submitted within {spec.submission.deadline_seconds} seconds; nothing was submitted, and "
        f"nothing will be.{why} To try again, create a new resource."
    )
    statement = Statement(FALSE, Reason.SUBMISSION_DEADLINE_EXCEEDED, text)
    accepted = statement_of(status, ConditionType.ACCEPTED) or ACCEPTED
    return with_conditions(view.replication, status, now=view.now, accepted=accepted, submitted=statement)
