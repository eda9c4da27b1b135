"""What follows from the View of one CheckpointReplication: the way in to all rules."""

from dataclasses import replace

from cbr_operator.kinds.reasons import Reason
from cbr_operator.kinds.replication_status import Outcome, Status, Submission
from cbr_operator.rules.conditions import FALSE, Statement, is_final, observed, with_conditions
from cbr_operator.rules.expiry import finished
from cbr_operator.rules.lanes import FOLLOWED
from cbr_operator.rules.records import Look
from cbr_operator.rules.resolution import answered_late, resolve
from cbr_operator.rules.results import unresolved_yet
from cbr_operator.rules.submission import decide_submission
from cbr_operator.rules.tracking import follow
from cbr_operator.rules.view import Decision, View

_SENT_AGAIN_OR_LOOKED_FOR = frozenset({Outcome.NOT_SUBMITTED, Outcome.UNKNOWN})
_ORPHANED = "the operator that made the call ended before it could write the answer."


def decide(view: View) -> Decision:
    """The next step for this object. Only an object without a submission, or with one that certainly failed, sends."""
    decision = _vouched(view, _next_step(view))
    ends = decision.status is not None and is_final(decision.status) and not is_final(view.replication.status)
    return replace(decision, again=0.0) if ends else decision  # from here on its time to live counts


def _vouched(view: View, decision: Decision) -> Decision:
    """What a look brought, where a tenant decides who answers to it, counts for that tenant alone, and for ever."""
    status, by = decision.status, view.look.vouched_by if isinstance(view.look, Look) else ""
    if not by or status is None or status.submission is None or status.backups == view.replication.status.backups:
        return decision
    called = status.submission.target.model_copy(update={"vouched_by": by})
    submission = status.submission.model_copy(update={"target": called})
    return replace(decision, status=status.model_copy(update={"submission": submission}))


def _next_step(view: View) -> Decision:
    replication = view.replication
    submission = replication.status.submission
    if view.calling:
        return Decision()  # the answer under way decides
    going = replication.metadata.deletion_timestamp is not None
    if going and (is_final(replication.status) or submission is None or submission.outcome == Outcome.NOT_SUBMITTED):
        return Decision()  # what is being deleted starts nothing; what it began is followed, for it holds its lane
    if is_final(replication.status):
        return finished(view)
    if submission is not None and submission.outcome in _SENT_AGAIN_OR_LOOKED_FOR and replication.status.backups:
        return Decision(status=answered_late(view, submission), again=0.0)
    if submission is None or submission.outcome == Outcome.NOT_SUBMITTED:
        return decide_submission(view, replication.spec) if replication.spec else Decision(status=_unreadable(view))
    if submission.outcome == Outcome.PENDING:
        return Decision(status=_orphaned(view, submission), again=0.0)
    if submission.outcome == Outcome.UNKNOWN:
        return resolve(view)
    return follow(view) if submission.outcome in FOLLOWED else Decision(status=observed(replication))


def _unreadable(view: View) -> Status:
    text = (
        f"The spec cannot be read: {view.replication.spec_error}. Nothing was sent. Are the CRDs of this version "
        "installed? Create a new resource with a valid spec."
    )
    statement = Statement(FALSE, Reason.INVALID_SPEC, text)
    return with_conditions(view.replication, view.replication.status, now=view.now, accepted=statement)


def _orphaned(view: View, submission: Submission) -> Status:
    """Pending, and no call of this process under way: the call was somebody else's, and may have been taken."""
    since = submission.first_unknown_at or submission.cloud_time or submission.intent_time
    unknown = submission.model_copy(update={"outcome": Outcome.UNKNOWN.value, "first_unknown_at": since})
    status = view.replication.status.model_copy(update={"submission": unknown})
    return with_conditions(view.replication, status, now=view.now, submitted=unresolved_yet(_ORPHANED))
