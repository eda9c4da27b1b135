"""What a call's verdict makes of an object's status: written once, re-based on conflict, reduced when too large."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cbr_operator.kinds.common import comparable_id
from cbr_operator.kinds.reasons import ConditionType, Reason
from cbr_operator.kinds.replication import Replication
from cbr_operator.kinds.replication_status import Backup, BackupState, Outcome, Status, Submission
from cbr_operator.rules.answers import Answer, Verdict
from cbr_operator.rules.backups import with_backups
from cbr_operator.rules.conditions import FALSE, TRUE, UNKNOWN, Statement, is_final, with_conditions
from cbr_operator.rules.endings import CANNOT_BE_CANCELLED, after_submission
from cbr_operator.rules.text import PERMISSIONS, count_backups, sentence

FIRST_PAUSE = 5.0
"""Seconds to wait after a first try; each further one doubles it, up to the longest, and chance adds up to a fifth."""
LONGEST_PAUSE = 600.0
_OPEN = frozenset({Outcome.PENDING, Outcome.UNKNOWN, Outcome.ADOPTED})
_ANSWERS = frozenset({Outcome.SUBMITTED, Outcome.REJECTED, Outcome.NOT_NEEDED})
"""What the cloud said for good, and not what was inferred from its silence."""
# An inference stands until an answer comes. That this one call was not sent is none where records were adopted: they
# may be an earlier attempt's, and the object must never be free to call once more.
_TELLS_NOTHING_TO: dict[str, tuple[Outcome, ...]] = {
    Outcome.UNKNOWN: (Outcome.UNKNOWN,),
    Outcome.ADOPTED: (Outcome.UNKNOWN, Outcome.NOT_SUBMITTED),
}

_ADVICE = {
    Reason.ENDPOINT_UNREACHABLE: "Nothing was sent; it is tried again by itself. If it lasts, check the endpoint, "
    "DNS and the network from the operator's Pod.",
    Reason.AUTHENTICATION_FAILED: "Nothing was submitted. Put a new token into the Secret: the call is made within "
    "a minute of that, and not before.",
    Reason.PERMISSION_DENIED: "Nothing was submitted; it is tried again by itself. Give the credential's user the "
    f"permissions {PERMISSIONS} in the source project.",
    Reason.RATE_LIMITED: "Nothing was submitted; it is tried again by itself, later.",
    Reason.WAITING_FOR_VAULT: "The source vault is busy with another replication and takes one at a time; it is "
    "tried again by itself.",
    Reason.DESTINATION_NOT_READY: "Nothing was submitted; it is tried again by itself. Look at the destination "
    "vault (full? locked?) and at the source's newest backups.",
    Reason.SUBMITTING: "Nothing was sent; it is tried again by itself.",
}

_MAY_MEND = (
    "Nothing was submitted; it is tried again by itself, with a new login or a new signature where its connection has "
    "one. Check the project and the vault in spec.source: the cloud may refuse unknown ones like this."
)
_MEND_CONNECTION = (
    "Nothing was submitted. The status of its connection says what to do: the call is made within a minute of that, "
    "and not before."
)


@dataclass(frozen=True, slots=True)
class Try:
    """One try that is over, and what it came to."""

    submission: Submission
    """As its intent was written, or would have been."""
    verdict: Verdict
    credential_version: str
    ended: datetime
    chance: float
    """0 to 1, spreads the pause before the next one."""

    @property
    def pause(self) -> float:
        """Seconds to wait before the next try, if there is one."""
        doubled = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(max(self.submission.attempt, 1) - 1, 10))
        return max(doubled, self.verdict.retry_after or 0.0) * (1 + self.chance / 5)


def settled(replication: Replication, tried: Try) -> Status | None:
    """The status after a call; None when the object, as it is now, has nothing to learn from the verdict.

    ``replication`` may be newer than the one the intent was written to: then this is the re-basing of protocol
    section 1. An answer beats an inference, and nothing here ever leads to another call.
    """
    current = replication.status.submission
    same = current is None or _identity(current) == _identity(tried.submission)
    if current is not None and (not same or current.outcome not in _OPEN or is_final(replication.status)):
        return _with_late_answer(replication, current, tried, same=same)
    if current is not None and tried.verdict.outcome in _TELLS_NOTHING_TO.get(current.outcome, ()):
        return None
    return _described(replication, _recorded(current or tried.submission, tried), tried)


def not_submitted(replication: Replication, tried: Try) -> Status:
    """The status after a try that ended before there was an intent, such as the look at the cloud's clock."""
    return _described(replication, _recorded(tried.submission, tried), tried)


def _identity(submission: Submission) -> tuple[int, str, datetime | None]:
    return submission.attempt, submission.holder, submission.intent_time


def _recorded(submission: Submission, tried: Try) -> Submission:
    """The record of a try, closed with what came of it."""
    verdict = tried.verdict
    waits = verdict.outcome is Outcome.NOT_SUBMITTED
    reason = verdict.reason.value if verdict.reason else ""
    if waits and not reason:
        reason = submission.reason or Reason.SUBMITTING.value
    refused = reason == Reason.AUTHENTICATION_FAILED
    first_unknown = submission.first_unknown_at
    if verdict.outcome is Outcome.UNKNOWN and first_unknown is None:
        first_unknown = submission.cloud_time or submission.intent_time
    return submission.model_copy(
        update={
            "outcome": verdict.outcome.value,
            "reason": reason,
            "request_id": verdict.request_id,
            "first_unknown_at": first_unknown,
            "next_attempt_time": tried.ended + timedelta(seconds=tried.pause) if waits else None,
            "credential_version": tried.credential_version if refused and verdict.for_good else "",
        }
    )


def _described(replication: Replication, submission: Submission, tried: Try) -> Status:
    """The object's status with this submission and the conditions that tell of it."""
    verdict, now = tried.verdict, tried.ended
    status = replication.status
    status = status.model_copy(update={"submission": submission, "start_time": status.start_time or now})
    if verdict.answer is not None:
        return _submitted(replication, status, verdict.answer, now=now)
    submitted, succeeded = _told(submission, verdict, tracked=replication.tracking.enabled)
    return with_conditions(replication, status, now=now, submitted=submitted, succeeded=succeeded)


def _told(submission: Submission, verdict: Verdict, *, tracked: bool) -> tuple[Statement, Statement | None]:
    """What Submitted says of a verdict without an answer, and Succeeded where it says something else."""
    said = sentence(verdict.said)
    if verdict.outcome is Outcome.NOT_SUBMITTED:
        reason = reason_of(submission)
        advice = _ADVICE[reason] if reason is not Reason.AUTHENTICATION_FAILED else _new_credential(submission, verdict)
        return Statement(UNKNOWN, reason, f"{said} {advice}"), None
    if verdict.outcome is Outcome.NOT_NEEDED:
        text = f"{said} Every backup already has its copy, or is being copied by another call."
        ended = Statement(TRUE, Reason.NOTHING_TO_REPLICATE, text)
        looking = Statement(UNKNOWN, Reason.REPLICATING, f"{said} It is looked whether another call is copying.")
        return Statement(FALSE, Reason.NOT_NEEDED, text), looking if tracked else ended
    if verdict.outcome is Outcome.REJECTED:
        text = f"The cloud refused the call: {said} It is not sent again; mend what it names and create a new resource."
        return Statement(FALSE, Reason.REJECTED, text), None
    return unresolved_yet(verdict.said), None


def _new_credential(submission: Submission, verdict: Verdict) -> str:
    """What ends the refusal of a credential."""
    if not verdict.for_good:
        return _MAY_MEND
    return _MEND_CONNECTION if submission.target.connection_uid else _ADVICE[Reason.AUTHENTICATION_FAILED]


def reason_of(submission: Submission) -> Reason:
    """Why nothing was submitted, in a word of ours: another version may have written one that we do not know."""
    return Reason(submission.reason) if submission.reason in _ADVICE else Reason.SUBMITTING


def unresolved_yet(said: str) -> Statement:
    """What is said while it is not known whether the cloud took the call."""
    return Statement(
        UNKNOWN,
        Reason.RESOLVING_OUTCOME,
        f"Whether the cloud took the call is not known: {sentence(said)} It is being resolved from what the cloud "
        "shows; the call is not sent again meanwhile, and other calls to this vault wait. If the copying was "
        f"begun, it goes on: {CANNOT_BE_CANCELLED[0].lower()}{CANNOT_BE_CANCELLED[1:]}",
    )


def _submitted(replication: Replication, status: Status, answer: Answer, *, now: datetime) -> Status:
    tracked = replication.tracking.enabled
    backups = merged(status, answer.backups if tracked else _unfollowed(answer.backups))
    status = with_backups(status, backups, missing=answer.omitted).model_copy(
        update={"source": answer.source, "destination": answer.destination}
    )
    total = len(backups) + answer.omitted
    taken = Statement(
        TRUE,
        Reason.SUBMITTED,
        f"The cloud took the call and replicates {count_backups(total)}. {CANNOT_BE_CANCELLED}",
    )
    return with_conditions(
        replication, status, now=now, submitted=taken, succeeded=after_submission(total, tracked=tracked)
    )


def _with_late_answer(replication: Replication, current: Submission, tried: Try, *, same: bool) -> Status | None:
    """An answer that comes after the object went on without it: added, and never a reason to send.

    It changes what the conditions say only where nothing was known to be submitted; what has ended stays ended,
    but for OutcomeUnresolved.
    """
    answer, status = tried.verdict.answer, replication.status
    left = same and current.outcome in (Outcome.NOT_SUBMITTED, Outcome.UNRESOLVED)
    if left and tried.verdict.outcome in _ANSWERS and (current.outcome == Outcome.UNRESOLVED or not is_final(status)):
        return _described(replication, _recorded(current, tried), tried)
    if answer is None:
        return None
    backups = merged(status, _unfollowed(answer.backups) if is_final(status) else answer.backups)
    return with_backups(status, backups, missing=answer.omitted) if backups != status.backups else None


def merged(status: Status, answered: tuple[Backup, ...]) -> tuple[Backup, ...]:
    """The backups that are known already, as they are, and those that an answer adds to them."""
    if status.backups_omitted:
        return answered if len(answered) > len(status.backups) else status.backups
    every = (*status.backups, *answered)
    with_record = {backup for backup, record in map(_ids, every) if record}
    found: dict[tuple[str, str], Backup] = {}
    for each in every:
        backup, record = ids = _ids(each)
        if record or backup not in with_record:
            found.setdefault(ids, each)
    return tuple(found.values())


def _unfollowed(backups: tuple[Backup, ...]) -> tuple[Backup, ...]:
    return tuple(each.model_copy(update={"state": BackupState.UNKNOWN.value}) for each in backups)


def _ids(backup: Backup) -> tuple[str, str]:
    return comparable_id(backup.backup_id), comparable_id(backup.replication_record_id)


_SHORTENED = " The list of backups was shortened by"


def reduced(status: Status, *, keep: int) -> Status:
    """A status that the API server refused as it was: outcome, request id, counts and as many ids as asked for.

    ``keep`` is the number of backups that stay, with their ids alone.
    """
    backups = tuple(
        each.model_copy(update={"fail_reason": "", "fail_code": "", "destination_backup_id": ""})
        for each in status.backups[:keep]
    )
    left_out = status.backups_omitted + len(status.backups) - len(backups)
    note = f"{_SHORTENED} {left_out}: the API server refused the whole of it."
    conditions = tuple(
        each.model_copy(update={"message": each.message.partition(_SHORTENED)[0][:1024] + note})
        if each.type in (ConditionType.SUBMITTED, ConditionType.SUCCEEDED)
        else each
        for each in status.conditions
    )
    return status.model_copy(
        update={
            "backups": backups,
            "backups_omitted": left_out,
            "conditions": conditions,
            "source": None,
            "destination": None,
        }
    )
