"""What follows from the View of one CheckpointReplication: the way in to all rules."""

from cbr_operator.kinds.reasons import Reason
from cbr_operator.kinds.replication_status import Outcome, Status
from cbr_operator.rules.conditions import FALSE, TRUE, Statement, is_final, observed, with_conditions
from cbr_operator.rules.results import CANNOT_BE_CANCELLED, after_submission, unresolved_yet
from cbr_operator.rules.submission import decide_submission
from cbr_operator.rules.view import Decision, View

_TAKEN = frozenset({Outcome.SUBMITTED, Outcome.ADOPTED})
_ORPHANED = "the operator that made the call ended before it could write the answer."


def decide(view: View) -> Decision:
    """The next step for this object. Only an object without a submission, or with one that certainly failed, sends."""
    replication = view.replication
    submission = replication.status.submission
    if view.calling or replication.metadata.deletion_timestamp is not None:
        return Decision()  # the answer under way decides; what is being deleted starts nothing
    if is_final(replication.status):
        return Decision(status=observed(replication))
    if submission is None or submission.outcome == Outcome.NOT_SUBMITTED:
        return decide_submission(view, replication.spec) if replication.spec else Decision(status=_unreadable(view))
    return Decision(status=_after_intent(view, submission.outcome))


def _after_intent(view: View, outcome: str) -> Status:
    """The status of an object whose call may have been taken: it is never sent again from here."""
    spec = view.replication.spec
    if outcome == Outcome.PENDING:
        return _orphaned(view)
    if outcome in _TAKEN and spec is not None and not spec.tracking.enabled:
        return _no_longer_tracked(view)
    return observed(view.replication)


def _unreadable(view: View) -> Status:
    text = (
        f"The spec cannot be read: {view.replication.spec_error}. Nothing was sent. Are the CRDs of this version "
        "installed? Create a new resource with a valid spec."
    )
    statement = Statement(FALSE, Reason.INVALID_SPEC, text)
    return with_conditions(view.replication, view.replication.status, now=view.now, accepted=statement)


def _orphaned(view: View) -> Status:
    """Pending, and no call of this process under way: the call was somebody else's, and may have been taken."""
    status = view.replication.status
    submission = status.submission
    if submission is None:
        raise AssertionError("only a Pending submission is orphaned")
    unknown = submission.model_copy(
        update={
            "outcome": Outcome.UNKNOWN.value,
            "first_unknown_at": submission.first_unknown_at or submission.cloud_time,
        }
    )
    status = status.model_copy(update={"submission": unknown})
    return with_conditions(view.replication, status, now=view.now, submitted=unresolved_yet(_ORPHANED))


def _no_longer_tracked(view: View) -> Status:
    """spec.tracking.enabled was switched off while the copying was being followed."""
    status = view.replication.status
    adopted = status.submission is not None and status.submission.outcome == Outcome.ADOPTED
    reason = Reason.OUTCOME_ADOPTED if adopted else Reason.SUBMITTED
    total = status.summary.total if status.summary is not None else 0
    return with_conditions(
        view.replication,
        status,
        now=view.now,
        submitted=Statement(TRUE, reason, f"The cloud took the call. {CANNOT_BE_CANCELLED}"),
        succeeded=after_submission(total, tracked=False),
    )
