"""Finding out, never by sending, what became of a call whose answer was lost (protocol, section 4)."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cbr_operator.kinds.common import format_time
from cbr_operator.kinds.reasons import ConditionType, Reason
from cbr_operator.kinds.replication_status import Outcome, Status, Submission
from cbr_operator.rules.access import is_allowed
from cbr_operator.rules.backups import backup_of, with_backups
from cbr_operator.rules.claims import Claims, wanted_by, window_start
from cbr_operator.rules.conditions import FALSE, TRUE, UNKNOWN, Statement, observed, statement_of, with_conditions
from cbr_operator.rules.deadline import deadline_of
from cbr_operator.rules.endings import CANNOT_BE_CANCELLED, after_submission, ending
from cbr_operator.rules.looks import FAILURES_TOLD, LookFailure, Memory, is_stable, is_told, remembered, with_look
from cbr_operator.rules.matching import LOG_GRAIN
from cbr_operator.rules.records import Look, Record, Wanted
from cbr_operator.rules.results import FIRST_PAUSE, unresolved_yet
from cbr_operator.rules.text import PERMISSIONS, count_backups, sentence
from cbr_operator.rules.view import Decision, LookAtVault, View, look_at_vault

GIVE_UP_LOOKING = timedelta(days=1)
"""How long beyond the submission deadline looking that fails goes on."""
_NO_WAY_TO_LOOK = LookFailure(
    "the endpoint that was called is not allowed any more, or the spec names no credential for it",
    Reason.ENDPOINT_NOT_ALLOWED,
)
_CHECK = (
    "Check in the cloud's console, under the source vault's replication records and its tasks, whether the copying was "
    "begun. If it was not, create a new resource; this one is never sent again."
)


@dataclass(frozen=True, slots=True)
class Found:
    """What a look shows of a call."""

    candidates: list[Record]
    """Records that may be this call's: unclaimed, to its destination, since it may have been sent."""
    others: int
    """Records of the same kind that another object claims, or that have no time: they prove nothing."""
    logged: int
    """Lines about such replications in the operation log."""


def resolve(view: View) -> Decision:
    """The next step for an object whose outcome is Unknown: look, adopt what is there, or conclude."""
    submission = view.replication.status.submission
    spec, wanted, start = view.replication.spec, wanted_by(view.replication), window_start(view.replication)
    if submission is None:
        raise AssertionError("only a submission can be unknown")
    memory = remembered(view.memory, submission, boottime=view.boottime)
    action = look_at_vault(view)
    allowed = is_allowed(submission.target.endpoint, view.policy.allowed_endpoints)
    if action is None or spec is None or wanted is None or start is None or not allowed:
        return _failed(view, _NO_WAY_TO_LOOK, Decision(memory=replace(memory, failures=FAILURES_TOLD)))
    action = replace(action, log_since=start - LOG_GRAIN, always=True)
    again = _until_next_look(view, memory)
    if view.look is None or (isinstance(view.look, Look) and not view.look.has_log_since(action.log_since)):
        waiting = replace(action, within=0.0 if not memory.looks + memory.failures else again)
        return Decision(status=observed(view.replication), action=waiting, memory=memory)
    if isinstance(view.look, LookFailure):
        return _unseen(view, view.look, action, memory)
    found = find(view.look, wanted, start, view.claims)
    if view.look.log_failed and not found.candidates:  # it proves nothing, and shows nothing to adopt
        return _unseen(view, LookFailure(view.look.log_failed), action, memory)
    memory = with_look(memory, view.look, found.candidates)
    if found.candidates and is_stable(memory, view.look, settle=view.policy.settle):
        return Decision(status=adopted(view, submission, found.candidates), memory=memory, again=0.0)
    waited = view.look.started - memory.since >= view.policy.proof_takes
    if found.candidates or not waited or memory.looks < 2:  # noqa: PLR2004 - two looks
        action = replace(action, within=_until_next_look(view, memory))
        return Decision(status=_told(view), action=action, memory=memory)
    if _is_absent(submission, view.look, found):
        return Decision(status=_proven_absent(view, submission), memory=memory, again=FIRST_PAUSE)
    return Decision(status=_unresolved(view, view.look, found), memory=memory)


def find(look: Look, wanted: Wanted, start: datetime, claims: Claims) -> Found:
    """What the look shows of a call to this destination that may have been sent since ``start``."""
    since = [each for each in wanted.among(look.records) if each.created is None or each.created >= start]
    candidates = [each for each in since if each.created is not None and not claims.cover(each)]
    logged = sum(each.created is None or each.created >= start - LOG_GRAIN for each in wanted.among(look.log or ()))
    return Found(candidates, len(since) - len(candidates), logged)


def _until_next_look(view: View, memory: Memory) -> float:
    """Seconds: a quarter of the settle time, or less where the wait for a proof ends sooner."""
    waited = view.boottime - memory.since
    left = view.policy.proof_takes - waited
    return min(view.policy.look_again, left) if left > 0 else view.policy.look_again


def _is_absent(submission: Submission, look: Look, found: Found) -> bool:
    """Whether the look proves that the call was not taken, and one more may be made.

    By our own clock nothing is proven: it may be ahead of the cloud's. A second unknown call is not followed by a
    third.
    """
    first = submission.cloud_time is not None and submission.first_unknown_at == submission.cloud_time
    return first and look.shows_records and not found.others and not found.logged


def adopted(view: View, submission: Submission, candidates: list[Record]) -> Status:
    """The status of an object whose call's records were found."""
    taken = submission.model_copy(update={"outcome": Outcome.ADOPTED.value, "reason": "", "next_attempt_time": None})
    status = view.replication.status.model_copy(update={"submission": taken})
    status = with_backups(status, map(backup_of, candidates))
    text = (
        f"The answer to the call was lost, but the cloud shows what it began: {count_backups(len(candidates))} on the "
        f"way to this destination since {format_time(min(each.created for each in candidates if each.created))}. "
        f"{CANNOT_BE_CANCELLED}"
    )
    return _taken(view, status, text)


def answered_late(view: View, submission: Submission) -> Status:
    """The status of an object that knows from a late answer that an earlier call was taken: nothing is sent again."""
    taken = submission.model_copy(update={"outcome": Outcome.ADOPTED.value, "reason": "", "next_attempt_time": None})
    status = view.replication.status.model_copy(update={"submission": taken})
    text = f"An earlier call was taken: its answer came late, and status.backups has it. {CANNOT_BE_CANCELLED}"
    return _taken(view, status, text)


def _taken(view: View, status: Status, text: str) -> Status:
    """``status`` with the conditions of an object whose call was taken, as ``text`` says."""
    tracked = view.replication.tracking.enabled
    total = status.summary.total if status.summary is not None else 0
    succeeded = (tracked and ending(status)) or after_submission(total, tracked=tracked)
    submitted = Statement(TRUE, Reason.OUTCOME_ADOPTED, text)
    return with_conditions(view.replication, status, now=view.now, submitted=submitted, succeeded=succeeded)


def _told(view: View) -> Status:
    """The status while looking goes on: the cause of failed looks is taken back once one succeeds."""
    said = statement_of(view.replication.status, ConditionType.SUBMITTED)
    if said is None or _LOOKING_FAILS not in said.message:
        return observed(view.replication)
    submitted = unresolved_yet("its answer did not come")
    return with_conditions(view.replication, view.replication.status, now=view.now, submitted=submitted)


_LOOKING_FAILS = "Looking for it fails:"


def _unseen(view: View, failure: LookFailure, action: LookAtVault, memory: Memory) -> Decision:
    memory = with_look(memory, failure, [])
    return _failed(view, failure, Decision(action=replace(action, within=view.policy.look_again), memory=memory))


def _failed(view: View, failure: LookFailure, decision: Decision) -> Decision:
    """A look came to nothing: said once that is worth telling, and given up a day after the deadline."""
    replication, status = view.replication, view.replication.status
    start = status.start_time or window_start(replication) or view.now
    left = (deadline_of(replication, status, start) + GIVE_UP_LOOKING - view.now).total_seconds()
    decision = replace(decision, status=observed(replication), again=left if left > 0 else None)
    if decision.memory is None or not is_told(decision.memory, failure):
        return decision
    if left <= 0:
        text = f"Whether the cloud took the call is not known, and could not be looked up: {sentence(failure.said)}"
        return Decision(status=_given_up(view, text), memory=decision.memory)
    advice = _ADVICE.get(failure.reason, _ADVICE[Reason.ENDPOINT_UNREACHABLE])
    said = statement_of(status, ConditionType.SUBMITTED)
    if said is not None and _LOOKING_FAILS in said.message and advice in said.message:
        return decision  # with the server's words of the first time: they may differ from look to look
    submitted = unresolved_yet(f"its answer did not come. {_LOOKING_FAILS} {sentence(failure.said)} {advice}")
    return replace(decision, status=with_conditions(replication, status, now=view.now, submitted=submitted))


_ADVICE = {
    Reason.AUTHENTICATION_FAILED: "Put a new token into the Secret (with a connection, its status says what to do).",
    Reason.PERMISSION_DENIED: f"Give the credential's user the permissions {PERMISSIONS} in the source project.",
    Reason.WAITING_FOR_SECRET: "Put the token back into the Secret.",
    Reason.WAITING_FOR_CONNECTION: "Mend its connection: its status says what to do.",
    Reason.RATE_LIMITED: "The cloud asked to look less often.",
    Reason.ENDPOINT_NOT_ALLOWED: "Ask the operator's administrator to allow it (CBR_OPERATOR_ALLOWED_ENDPOINTS).",
    Reason.ENDPOINT_UNREACHABLE: "If it lasts, check the endpoint and the network from the operator's Pod.",
}


def _proven_absent(view: View, submission: Submission) -> Status:
    """Nothing of the call is to be seen where it would have to be: one more attempt is made."""
    again = submission.model_copy(
        update={
            "outcome": Outcome.NOT_SUBMITTED.value,
            "reason": Reason.SUBMITTING.value,
            "next_attempt_time": view.now + timedelta(seconds=FIRST_PAUSE),
        }
    )
    text = (
        f"The cloud did not take the call of {format_time(submission.intent_time or view.now)}: every backup's records "
        "and the operation log were read for long enough, and show nothing of it. It is made once more."
    )
    status = view.replication.status.model_copy(update={"submission": again})
    submitted = Statement(UNKNOWN, Reason.SUBMITTING, text)
    return with_conditions(view.replication, status, now=view.now, submitted=submitted)


def _unresolved(view: View, look: Look, found: Found) -> Status:
    seen = [f"{count_backups(look.backups)} in the vault"]
    if look.without_records:
        seen.append(f"{look.without_records} of them shown without replication records")
    if found.others:
        seen.append(f"{found.others} records to this destination that belong to other resources or have no time")
    if look.log is None:
        seen.append("the operation log could not be read")
    elif found.logged:
        seen.append(f"{found.logged} replications in the operation log since the call")
    second = view.replication.status.submission
    if second is not None and second.first_unknown_at not in (None, second.cloud_time or second.intent_time):
        seen.append("an earlier call whose outcome was unknown as well")
    if second is not None and second.cloud_time is None:
        seen.append("no clock of the cloud to compare times with")
    text = (
        "Whether the cloud took the call could not be found out. No unclaimed record of it was seen, and what was seen "
        f"does not prove that it was not taken: {'; '.join(seen)}."
    )
    return _given_up(view, text)


def _given_up(view: View, text: str) -> Status:
    submission = view.replication.status.submission
    if submission is None:
        raise AssertionError("only a submission can be given up")
    left = submission.model_copy(update={"outcome": Outcome.UNRESOLVED.value})
    status = view.replication.status.model_copy(update={"submission": left})
    submitted = Statement(FALSE, Reason.OUTCOME_UNRESOLVED, f"{text} {_CHECK}")
    return with_conditions(view.replication, status, now=view.now, submitted=submitted)
