"""Following the copying of what the cloud took, from the records it shows to the end."""

from dataclasses import replace
from datetime import timedelta

from cbr_operator.kinds.reasons import ConditionType
from cbr_operator.kinds.replication_status import Outcome, Status
from cbr_operator.rules.access import is_allowed
from cbr_operator.rules.backups import backup_of, texts_of, with_backups
from cbr_operator.rules.claims import called_at, wanted_by, window_start
from cbr_operator.rules.conditions import Statement, observed, statement_of, with_conditions
from cbr_operator.rules.endings import cannot_look, copying, ending, given_up, not_followed, nothing_open, taken
from cbr_operator.rules.looks import LookFailure, Memory, is_told, remembered, with_look
from cbr_operator.rules.matching import Matched, match
from cbr_operator.rules.records import Look
from cbr_operator.rules.view import Decision, LookAtVault, View, look_at_vault

WRITE_AGAIN = 15.0
"""Seconds between two writes about progress, for each hundred entries and once more: a long list costs more."""
STEP = 10
"""Points of mean progress that are worth a write."""


def follow(view: View) -> Decision:
    """The next step for an object whose call the cloud took, or said is not needed: look, tell, or end it."""
    if not view.replication.tracking.enabled:
        return Decision(status=_said(view, view.replication.status, not_followed(view.replication)))
    memory = remembered(view.memory, view.replication.status.submission, boottime=view.boottime)
    decision = _look(view, memory)
    left = _seconds_left(view)
    if left > 0:
        return replace(decision, again=left if decision.again is None else min(left, decision.again))
    ended = decision.status is not None and decision.status.completion_time is not None
    unseen = view.look is None and memory.looks + memory.failures == 0 and decision.action is not None
    if ended or (unseen and _was_absent(view)):
        return decision
    status = decision.status or view.replication.status
    return Decision(status=_said(view, status, given_up(view.replication, status)), memory=memory)


def _look(view: View, memory: Memory) -> Decision:
    """What the look that came shows, or the wish for one."""
    submission = view.replication.status.submission
    action = look_at_vault(view)
    if (
        submission is None
        or action is None
        or not is_allowed(submission.target.endpoint, view.policy.allowed_endpoints)
    ):
        return Decision(status=_said(view, view.replication.status, cannot_look(view.replication, None)), memory=memory)
    if view.look is None:
        first = submission.outcome == Outcome.NOT_NEEDED and not view.replication.status.backups
        # What was just taken has nothing to show yet; what was not needed may be over at once.
        waiting = replace(action, within=0.0 if first or _is_overdue(view) else None)
        return Decision(status=observed(view.replication), action=waiting, memory=memory)
    if isinstance(view.look, LookFailure):
        return _unseen(view, view.look, action, memory)
    if submission.outcome == Outcome.NOT_NEEDED and not view.replication.status.backups:
        return _begin_with_open(view, view.look, action, with_look(memory, view.look, []))
    return _with_seen(view, view.look, action, memory)


def _unseen(view: View, failure: LookFailure, action: LookAtVault, memory: Memory) -> Decision:
    """A look came to nothing: said once that is worth telling."""
    memory = with_look(memory, failure, [])
    told = is_told(memory, failure)
    status = _said(view, view.replication.status, cannot_look(view.replication, failure)) if told else None
    return Decision(status=status or observed(view.replication), action=action, memory=memory)


def _begin_with_open(view: View, look: Look, action: LookAtVault, memory: Memory) -> Decision:
    """The copying is not needed, the cloud says: what another call copies to this destination is followed."""
    wanted = wanted_by(view.replication)
    found = [
        each
        for each in (wanted.among(look.records) if wanted is not None else [])
        if each.is_open and not view.claims.cover(each)
    ]
    if not found:
        return Decision(status=_said(view, view.replication.status, nothing_open(view.replication)), memory=memory)
    status = with_backups(view.replication.status, map(backup_of, found))
    said = _said(view, status, copying(status, look, Matched((), 0, 0, 0)))
    return Decision(status=said, action=action, memory=replace(memory, written=view.boottime))


def _with_seen(view: View, look: Look, action: LookAtVault, memory: Memory) -> Decision:
    before, start, left = view.replication.status, window_start(view.replication), _patience(view)
    patient = left > 0
    seen = match(view.replication, look, view.claims, lasting=view.policy.proof_takes, patient=patient)
    status = with_backups(before, seen.backups, missing=seen.missing)
    said = ending(status)
    if said is not None:
        return Decision(status=_said(view, status, said), memory=with_look(memory, look, []))
    needs_log = seen.without_record > 0 and not patient
    if needs_log and look.log_failed:
        return _unseen(view, LookFailure(look.log_failed), replace(action, log_since=start, always=True), memory)
    memory = with_look(memory, look, [])
    if needs_log:
        action = replace(action, log_since=start, always=True)
        if not look.has_log_since(start):  # before anything is said of them, the operation log is asked
            return Decision(status=observed(view.replication), action=replace(action, within=0.0), memory=memory)
    elif seen.without_record:  # once patience ends something follows, even from a look that shows nothing new
        action = replace(action, within=left)
    said = copying(status, look, Matched((), 0, 0, 0) if patient else seen)
    told = statement_of(before, ConditionType.SUCCEEDED)
    wait = _wait_before_writing(view, seen, status, memory)
    if wait is None and told == said:
        return Decision(status=observed(view.replication), action=action, memory=memory)
    if wait is not None and wait > 0 and told == said:
        action = replace(action, within=wait, always=True)
        return Decision(status=observed(view.replication), action=action, memory=memory)
    return Decision(status=_said(view, status, said), action=action, memory=replace(memory, written=view.boottime))


def _patience(view: View) -> float:
    """Seconds for which records of the last call may still come into sight."""
    called = called_at(view.replication)
    now_there = view.now + timedelta(seconds=view.clock_offset or 0.0)
    return view.policy.proof_takes - (now_there - called).total_seconds() if called is not None else 0.0


def _wait_before_writing(view: View, seen: Matched, status: Status, memory: Memory) -> float | None:
    """Seconds until this may be written; None when it is not worth a write."""
    before = view.replication.status
    entries = len(status.backups)
    since = view.boottime - memory.written if memory.written else WRITE_AGAIN * (1 + entries)
    if list(map(texts_of, status.backups)) != list(map(texts_of, before.backups)) or (
        seen.missing != before.backups_omitted and before.summary != status.summary
    ):
        return WRITE_AGAIN * entries / 100 - since
    old, new = (each.summary.progress if each.summary is not None else 0 for each in (before, status))
    return WRITE_AGAIN * (1 + entries / 100) - since if abs(new - old) >= STEP else None


def _said(view: View, status: Status, succeeded: Statement) -> Status:
    """``status`` with this said of Succeeded, and of Submitted what is known of it."""
    return with_conditions(
        view.replication, status, now=view.now, submitted=taken(view.replication), succeeded=succeeded
    )


def _seconds_left(view: View) -> float:
    """Seconds until spec.tracking.deadlineSeconds ends the tracking; they count from the answer or the adoption."""
    said = view.replication.status.condition(ConditionType.SUBMITTED)
    since = said.last_transition_time if said is not None else view.now
    return (since - view.now).total_seconds() + view.replication.tracking.deadline_seconds


def _is_overdue(view: View) -> bool:
    return _seconds_left(view) <= 0


def _was_absent(view: View) -> bool:
    """Whether the deadline passed while this process did not lead: then it looks once before it ends anything."""
    passed = view.now + timedelta(seconds=_seconds_left(view))
    return view.policy.led_since > passed
