"""Looking at the cloud: what keeps a look from going well, and what an object remembers of its looks."""

from dataclasses import dataclass, replace

from cbr_operator.kinds.reasons import Reason
from cbr_operator.kinds.replication_status import Outcome, Submission
from cbr_operator.ports import Facts
from cbr_operator.rules.answers import Verdict, error_of, refused_credential, without_token
from cbr_operator.rules.records import Look, Record

FAILURES_TOLD = 3
"""So many failed looks in a row are worth telling."""


@dataclass(frozen=True, slots=True)
class LookFailure:
    """Why a look came to nothing."""

    said: str
    """What happened, with the server's words where there are any; never a token."""
    reason: Reason = Reason.ENDPOINT_UNREACHABLE
    """What it would be called if it were the call."""
    code: str = ""
    """The service's error code."""
    for_a_person: bool = False
    """401 or 403: nobody but a person can go on."""
    retry_after: float = 0.0
    """Seconds that the cloud asked to wait."""
    again: float = 0.0
    """Seconds after which it may be otherwise; 0 where nothing is known of that."""
    for_good: bool = True
    """Of a refused credential: see ``Verdict``."""
    credential_version: str = ""
    """Of the Secret that it was made with, which may have changed since."""
    request_id: str = ""


KEY_REFUSED = LookFailure(
    "the cloud has just refused the same access key for good", Reason.AUTHENTICATION_FAILED, for_a_person=True
)


def failure_of(facts: Facts, *, token: str, what: str) -> LookFailure | None:
    """What kept a read from going well; None when it has an answer to be read. ``what`` names the read."""
    status = facts.status
    if status is not None and 200 <= status < 300:  # noqa: PLR2004 - HTTP
        return None
    facts = without_token(token, facts)
    code, said = error_of(facts) if status is not None else ("", facts.failure or "no answer came")
    reason = refused_credential(status or 0, code) or Reason.ENDPOINT_UNREACHABLE
    return LookFailure(
        said=f"{what} failed: {said}",
        reason=reason,
        code=code,
        for_a_person=reason in (Reason.AUTHENTICATION_FAILED, Reason.PERMISSION_DENIED),
        retry_after=facts.retry_after or 0.0,
        request_id=facts.request_id,
    )


def judge_clock_look(facts: Facts, *, token: str) -> LookFailure | None:
    """What kept a look at the cloud's clock from going well; None when the call itself may be made.

    Nothing was submitted, whatever happened. A refusal that is not about the credential is left to the call to
    tell: its answer had a clock, too.
    """
    failure = failure_of(facts, token=token, what="Looking at the cloud's clock (GET backups)")
    if failure is None:
        return None
    answered = facts.status is not None and facts.status < 500 and facts.status != 408  # noqa: PLR2004 - HTTP
    if answered and failure.reason is Reason.ENDPOINT_UNREACHABLE:
        return None
    return failure


def verdict_of(failure: LookFailure) -> Verdict:
    """A failed look before the call, as what it means for the call: it was not made."""
    retry_after = failure.retry_after or None
    return Verdict(
        Outcome.NOT_SUBMITTED, failure.reason, failure.said, failure.request_id, retry_after, for_good=failure.for_good
    )


@dataclass(frozen=True, slots=True)
class Memory:
    """What this process remembers of an object's looks. Beginning without it is always safe, and only slower."""

    about: tuple[int, str] = (-1, "")
    """Attempt and outcome of the submission that it speaks of."""
    since: float = 0.0
    """When this process first saw that, on the clock that never jumps."""
    looks: int = 0
    """Complete looks since then."""
    failures: int = 0
    """Looks in a row that came to nothing."""
    candidates: frozenset[str] = frozenset()
    """Ids of the records that may be this object's."""
    candidates_since: float = 0.0
    """Start of the first of the looks that all showed just these."""
    cleared: bool = False
    """A look showed that nothing stands against the call."""
    written: float = 0.0
    """When progress was last written."""


NOTHING_REMEMBERED = Memory()


def remembered(memory: Memory, submission: Submission | None, *, boottime: float) -> Memory:
    """The memory, begun anew when it is about an earlier attempt or outcome."""
    about = (submission.attempt, submission.outcome) if submission is not None else (0, "")
    return memory if memory.about == about else Memory(about=about, since=boottime)


def with_look(memory: Memory, look: Look | LookFailure, candidates: list[Record]) -> Memory:
    """The memory after one more look, which showed these candidates."""
    if isinstance(look, LookFailure):
        return replace(memory, failures=memory.failures + 1)
    ids = frozenset(each.id for each in candidates)
    same = ids == memory.candidates and memory.looks > 0
    return replace(
        memory,
        looks=memory.looks + 1,
        failures=0,
        candidates=ids,
        candidates_since=memory.candidates_since if same else look.started,
    )


def is_told(memory: Memory, failure: LookFailure) -> bool:
    """Whether failed looks are worth telling: three in a row; a refused token at once, for it is not tried again."""
    return memory.failures >= FAILURES_TOLD or failure.reason is Reason.AUTHENTICATION_FAILED


def is_stable(memory: Memory, look: Look, *, settle: float) -> bool:
    """Whether a non-empty set of candidates was the same in looks a quarter of the settle time apart."""
    return bool(memory.candidates) and look.started - memory.candidates_since >= settle / 4
