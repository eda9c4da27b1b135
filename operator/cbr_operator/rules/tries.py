"""The record of a new try, before anything came of it."""

from cbr_operator.kinds.replication_status import Outcome, Submission, Target
from cbr_operator.rules.deadline import resumed
from cbr_operator.rules.lanes import target_of
from cbr_operator.rules.view import View


def next_try(view: View) -> Submission:
    """The record of a new try: Pending, numbered, with what earlier tries left behind."""
    before = resumed(view).submission or Submission(outcome=Outcome.NOT_SUBMITTED)
    return Submission(
        attempt=before.attempt + 1,
        holder=view.policy.holder,
        first_unknown_at=before.first_unknown_at,
        target=target_to_call(view),
        outcome=Outcome.PENDING.value,
        reason=before.reason,
        suspended_seconds=before.suspended_seconds,
    )


def target_to_call(view: View) -> Target:
    """What a call for this object goes to."""
    target = target_of(view.replication, view.connection)
    if target is None:
        raise AssertionError("the rules before this one see to the target")
    return target
