"""A look at the vault before a call: for what an earlier life of the object began, and for what keeps the vault busy.

An object that existed before this process led may have a status that is older than the truth: a restored etcd, an
intent that was lost. A vault that answered 6130 takes a call only once none of its records is open.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from cbr_operator.kinds.reasons import Reason
from cbr_operator.kinds.replication_spec import Spec
from cbr_operator.kinds.replication_status import Status
from cbr_operator.rules.claims import wanted_by
from cbr_operator.rules.conditions import UNKNOWN, Statement, with_conditions
from cbr_operator.rules.deadline import resumed
from cbr_operator.rules.looks import LookFailure, Memory, is_stable, remembered, verdict_of, with_look
from cbr_operator.rules.records import Look, Record
from cbr_operator.rules.resolution import adopted
from cbr_operator.rules.results import Try, not_submitted
from cbr_operator.rules.tries import next_try
from cbr_operator.rules.view import Decision, LookAtVault, View, look_at_vault

_CODE_NO_VAULT = "6105"


def look_for_prior_calls(view: View, spec: Spec) -> Decision | None:  # noqa: ARG001 - every rule is asked the same way
    """What the vault shows that this object must know before it calls; None when the call may be made."""
    submission = view.replication.status.submission
    busy = _is_busy(view)
    memory = remembered(view.memory, submission, boottime=view.boottime)
    if memory.cleared or not (view.older or busy):
        return None
    action = look_at_vault(view)
    if action is None:
        raise AssertionError("the rules before this one see to the credential")
    if view.look is None:
        first = 0.0 if not memory.looks else None
        waiting = replace(action, within=view.policy.look_again if memory.candidates else first, always=True)
        return Decision(status=resumed(view), action=waiting, memory=memory, blocked=memory.looks > 0)
    if isinstance(view.look, LookFailure):
        return _unseen(view, view.look, replace(action, always=True), memory)
    since = _since(view) if view.older else None
    found = _unclaimed(view, view.look, since) if since is not None else []
    memory = with_look(memory, view.look, found)
    if found and is_stable(memory, view.look, settle=view.policy.settle):
        taken = next_try(view)
        began = taken.first_unknown_at or since
        # When the call was made is not known, so its records may have begun at any time until now.
        taken = taken.model_copy(update={"first_unknown_at": began, "cloud_time": _there(view, view.now)})
        return Decision(status=adopted(view, taken, found), memory=memory, again=0.0)
    if found:
        waiting = replace(action, within=view.policy.look_again, always=True)
        return Decision(status=_settling(view), action=waiting, memory=memory)
    if busy and any(each.is_open for each in view.look.records):
        return Decision(status=resumed(view), action=replace(action, always=False), memory=memory, blocked=True)
    return _cleared(memory)


def _cleared(memory: Memory) -> Decision:
    return Decision(memory=replace(memory, cleared=True), again=0.0)


def _unseen(view: View, failure: LookFailure, again: LookAtVault, memory: Memory) -> Decision:
    """The look came to nothing, so the call is not made; but that there is no such vault is for the call to tell."""
    if failure.code == _CODE_NO_VAULT:
        return _cleared(memory)
    if failure.reason is Reason.WAITING_FOR_SECRET:  # it can be read by now, or a rule before this one would speak
        return Decision(status=resumed(view), action=again, memory=memory)
    verdict = verdict_of(failure)
    if _is_busy(view) and not failure.for_a_person:  # that stands, and with it the look before the call
        verdict = replace(verdict, reason=Reason.WAITING_FOR_VAULT)
    tried = Try(next_try(view), verdict, failure.credential_version, view.now, view.chance)
    started = view.replication.model_copy(update={"status": resumed(view, always=True)})
    return Decision(status=not_submitted(started, tried), again=tried.pause, blocked=True)


def _is_busy(view: View) -> bool:
    """Whether the cloud said that the vault is busy with another replication."""
    submission = view.replication.status.submission
    return submission is not None and submission.reason == Reason.WAITING_FOR_VAULT


def _since(view: View) -> datetime:
    """Since when, by the cloud's clock, a call for this object can have been made."""
    start = view.replication.status.start_time or view.replication.metadata.creation_timestamp
    return _there(view, start)


def _there(view: View, moment: datetime) -> datetime:
    """A moment of our clock by the cloud's."""
    return moment + timedelta(seconds=view.clock_offset or 0.0)


def _unclaimed(view: View, look: Look, since: datetime) -> list[Record]:
    """Records to this destination that no object claims, and that are open or were created in the object's time."""
    wanted = wanted_by(view.replication)
    return [
        each
        for each in (wanted.among(look.records) if wanted is not None else [])
        if each.created is not None and (each.is_open or each.created >= since) and not view.claims.cover(each)
    ]


def _settling(view: View) -> Status:
    text = (
        "Nothing was sent by this operator. The cloud shows replications to this destination that no resource follows, "
        "open or begun since this one was created: they may be its own, from before its status was lost. It is looked "
        "at again; if they are still there, they are followed as its own, and nothing is sent."
    )
    submitted = Statement(UNKNOWN, Reason.RESOLVING_OUTCOME, text)
    return with_conditions(view.replication, resumed(view, always=True), now=view.now, submitted=submitted)
