"""Whether an object that has not been submitted may be, now: a row of small rules; the first that speaks counts.

The order is that of protocol section 5: only what is valid, allowed, not held, has its credential and no pause
to sit out stands in line; only the front of the line asks for the clock, a slot, and then for the call.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from cbr_operator.kinds.common import comparable_id, format_time
from cbr_operator.kinds.reasons import ConditionType, Reason
from cbr_operator.kinds.replication import RESTORED_LABEL
from cbr_operator.kinds.replication_spec import Spec
from cbr_operator.ports import ReplicateRequest
from cbr_operator.rules.addresses import refusal
from cbr_operator.rules.conditions import ACCEPTED, FALSE, UNKNOWN, Statement, with_conditions
from cbr_operator.rules.connections import connection_of, denial, unusable
from cbr_operator.rules.deadline import by_deadline, is_paused, paused, resumed
from cbr_operator.rules.holds import held_by
from cbr_operator.rules.lanes import Place, target_of
from cbr_operator.rules.looks import verdict_of
from cbr_operator.rules.prior_calls import look_for_prior_calls
from cbr_operator.rules.results import Try, not_submitted, reason_of
from cbr_operator.rules.tries import next_try, target_to_call
from cbr_operator.rules.view import Decision, LookAtClock, SecretProblem, Submit, View, credential_source

SECRET_AGAIN = 10.0
"""Seconds between two looks at a Secret that something waits for."""
REFUSED_SECRET_AGAIN = 60.0
"""Seconds between two looks at a Secret whose token the cloud refused."""
WAIT_UNSPOKEN = 10.0
"""Seconds an object may wait its turn before its status says so: most are gone by then, unwritten."""
DATE_GRAIN = 2.0
"""Seconds taken off the cloud's time: its Date header has whole seconds, and the answer took a while."""

Rule = Callable[[View, Spec], Decision | None]


def decide_submission(view: View, spec: Spec) -> Decision:
    """The way of an object that has not been submitted: what holds it, or the call."""
    decision = next(filter(None, (rule(view, spec) for rule in _RULES)), None)
    return by_deadline(view, spec, decision or _submit(view, spec))


def _invalid(view: View, spec: Spec) -> Decision | None:
    source = spec.source
    if spec.token_secret_ref is not None and not (source.region and source.project_id):
        return _refuse(view, Reason.INVALID_SPEC, "spec.source.region and spec.source.projectID are required.")
    if spec.token_secret_ref is None and spec.connection_ref is None:
        return _refuse(view, Reason.INVALID_SPEC, "One of spec.tokenSecretRef and spec.connectionRef is required.")
    target = target_of(view.replication, view.connection)
    region = target.region if target is not None else source.region
    if region and comparable_id(region) == comparable_id(spec.destination.region):
        origin = "spec.source.region" if source.region else f"the connection's region {region}"
        return _refuse(view, Reason.INVALID_SPEC, f"spec.destination.region must differ from {origin}.")
    return None


def _refuse(view: View, reason: Reason, what: str) -> Decision:
    text = f"{what} Nothing was sent. Create a new resource that says otherwise: this spec cannot be changed."
    return _hold(view, accepted=Statement(FALSE, reason, text))


def _connection(view: View, spec: Spec) -> Decision | None:
    key = connection_of(view.replication)
    if key is None:
        return None
    if not key.namespace and not view.policy.cluster_wide:
        why, for_a_person = (
            (
                f"{key} cannot be used: this operator watches only some namespaces (CBR_OPERATOR_NAMESPACES), and no "
                "connections of the whole cluster. Name a CBRConnection in a new resource."
            ),
            True,
        )
    else:
        why, for_a_person = unusable(key, view.connection, region=spec.source.region)
    waiting = Statement(UNKNOWN, Reason.WAITING_FOR_CONNECTION, why, for_a_person=for_a_person)
    return _hold(view, accepted=waiting) if why else None


def _denied(view: View, spec: Spec) -> Decision | None:
    if view.connection is None:
        return None
    found = denial(
        view.connection,
        target_to_call(view),
        spec.destination,
        namespace=view.replication.metadata.namespace,
        labels=view.namespace_labels,
    )
    return _hold(view, accepted=Statement(FALSE, *found)) if found is not None else None


def _endpoint_refused(view: View, spec: Spec) -> Decision | None:
    endpoint = target_to_call(view).endpoint
    why = refusal(endpoint, view.policy.allowed_endpoints, view.policy.addresses)
    if not why:
        return None
    if view.connection is not None:
        origin, mend = f"The endpoint of {view.connection.key}", "Change the connection"
    else:
        origin = "spec.endpoint" if spec.endpoint else "The endpoint derived from spec.source.region"
        mend = "Name another endpoint in a new resource"
    text = (
        f"{origin}, {endpoint}, may not be called: {why}. Nothing was sent. {mend}, or ask the operator's "
        "administrator to allow it (CBR_OPERATOR_ALLOWED_ENDPOINTS)."
    )
    return _hold(view, accepted=Statement(FALSE, Reason.ENDPOINT_NOT_ALLOWED, text))


def _suspended(view: View, spec: Spec) -> Decision | None:
    if not spec.suspend:
        return None
    text = "spec.suspend is true: nothing has been submitted. Set it to false to go on."
    return _hold(view, submitted=Statement(UNKNOWN, Reason.SUSPENDED, text))


def _restored(view: View, spec: Spec) -> Decision | None:  # noqa: ARG001 - every rule is asked the same way
    if RESTORED_LABEL not in view.replication.metadata.labels or view.replication.status.submission is not None:
        return None
    text = (
        "Restored from a backup of the cluster: the original may have been submitted already. Remove the label "
        f"{RESTORED_LABEL} to submit this one, or delete it."
    )
    return _hold(view, submitted=Statement(UNKNOWN, Reason.RESTORED, text))


def _credential(view: View, spec: Spec) -> Decision | None:
    problem = view.credential
    if problem is None:
        return Decision(action=credential_source(view, target_to_call(view)))
    if not isinstance(problem, SecretProblem):
        return None
    status = FALSE if problem.reason is Reason.ENDPOINT_NOT_ALLOWED else UNKNOWN
    said = Statement(status, problem.reason, problem.message, for_a_person=problem.for_a_person)
    again = max(0.0, SECRET_AGAIN - problem.age) if spec.token_secret_ref is not None else problem.again
    return _hold(view, accepted=said, again=again)


def _refused_before(view: View, spec: Spec) -> Decision | None:  # noqa: ARG001 - as above
    credential = view.credential
    if credential is None or isinstance(credential, SecretProblem):
        return None
    refusal = held_by(
        view.refusals,
        credential_version=credential.version,
        now=view.now,
        namespace=view.replication.metadata.namespace,
    )
    if refusal is None:
        return None
    again = (refusal.until - view.now).total_seconds() if refusal.until else REFUSED_SECRET_AGAIN
    return _hold(view, submitted=Statement(UNKNOWN, refusal.reason, refusal.message), again=again)


def _pausing(view: View, spec: Spec) -> Decision | None:  # noqa: ARG001 - as above
    submission = view.replication.status.submission
    if submission is None or submission.next_attempt_time is None:
        return None
    if submission.credential_version or submission.next_attempt_time <= view.now:
        return None  # a new token need not sit out the pause of the old one
    said = view.replication.status.condition(ConditionType.SUBMITTED)
    again = (submission.next_attempt_time - view.now).total_seconds()
    if said is None or said.reason == submission.reason:
        return Decision(status=resumed(view), again=again)
    text = "It is tried again by itself at status.submission.nextAttemptTime."
    return _hold(view, submitted=Statement(UNKNOWN, reason_of(submission), text), again=again)


def _in_line(view: View, spec: Spec) -> Decision | None:  # noqa: ARG001 - as above
    front = view.in_front
    if front is None and view.slot_free:
        return None
    said = view.replication.status.condition(ConditionType.SUBMITTED)
    since = view.waiting_since or view.now
    waited = (view.now - since).total_seconds()
    if front is not None and said is not None and said.reason == Reason.WAITING_FOR_VAULT:
        return Decision(status=resumed(view), in_line=True)  # said once, not rewritten as the line moves
    if waited < WAIT_UNSPOKEN:
        return Decision(in_line=True, again=WAIT_UNSPOKEN - waited)
    statement = _waiting_for_vault(view, front, since) if front is not None else _waiting_for_slot(view)
    return _hold(view, submitted=statement, in_line=True)


def _waiting_for_vault(view: View, front: Place, since: datetime) -> Statement:
    other = front.namespace != view.replication.metadata.namespace
    who = "an object of another namespace" if other else f"CheckpointReplication {front.name!r}"
    text = (
        f"Waiting since {format_time(since)} for the source vault, which takes one call at a time: {who} was in front "
        "then. Nothing was sent; it goes on by itself."
    )
    return Statement(UNKNOWN, Reason.WAITING_FOR_VAULT, text)


def _waiting_for_slot(view: View) -> Statement:
    pace = ", or for its turn within its connection's requestsPerSecond" if view.connection is not None else ""
    text = (
        "Its turn has come; it waits for one of the few calls that may run at once to "
        f"{target_to_call(view).endpoint}{pace}. Nothing was sent; it goes on by itself."
    )
    return Statement(UNKNOWN, Reason.SUBMITTING, text)


def _clock(view: View, spec: Spec) -> Decision | None:  # noqa: ARG001 - as above
    credential = view.credential
    if (view.clock_offset is not None or view.cloud_has_no_clock) and not view.untried:
        return None
    if credential is None or isinstance(credential, SecretProblem):
        return None
    if view.look_failed is None:
        return Decision(action=LookAtClock(target_to_call(view), credential), in_line=True)
    failed = view.look_failed
    tried = Try(next_try(view), verdict_of(failed), failed.credential_version, view.now, view.chance)
    return Decision(status=not_submitted(view.replication, tried), again=tried.pause, blocked=True)


_RULES: tuple[Rule, ...] = (
    _invalid,
    _connection,
    _denied,
    _endpoint_refused,
    _suspended,
    _restored,
    _credential,
    _refused_before,
    _pausing,
    look_for_prior_calls,
    _in_line,
    _clock,
)


def _submit(view: View, spec: Spec) -> Decision:
    """Nothing holds it: the intent, and with it the call."""
    credential = view.credential
    if credential is None or isinstance(credential, SecretProblem):
        raise AssertionError("the rules before this one see to the credential")
    offset = view.clock_offset
    cloud_time = view.now + timedelta(seconds=offset - DATE_GRAIN) if offset is not None else None
    intent = next_try(view).model_copy(update={"intent_time": view.now, "cloud_time": cloud_time})
    destination = spec.destination
    text = (
        f"The call to replicate vault {intent.target.vault_id} to vault {destination.vault_id} in region "
        f"{destination.region} is being made."
    )
    status = with_conditions(
        view.replication,
        resumed(view, always=True).model_copy(update={"submission": intent}),
        now=view.now,
        submitted=Statement(UNKNOWN, Reason.SUBMITTING, text),
    )
    request = ReplicateRequest(
        vault_id=intent.target.vault_id,
        destination_project_id=destination.project_id,
        destination_region=destination.region,
        destination_vault_id=destination.vault_id,
        auto_trigger=spec.auto_trigger,
        enable_acceleration=spec.enable_acceleration,
    )
    return Decision(status=status, action=Submit(intent, request, credential), in_line=True)


def _hold(
    view: View,
    *,
    accepted: Statement | None = None,
    submitted: Statement | None = None,
    again: float | None = None,
    in_line: bool = False,
) -> Decision:
    """Something holds the object: its conditions say what, and when to look again."""
    said = submitted or accepted
    status = paused(view) if is_paused(said) else resumed(view, always=True)
    status = with_conditions(view.replication, status, now=view.now, accepted=accepted or ACCEPTED, submitted=submitted)
    return Decision(status=status, again=again, in_line=in_line, blocked=not in_line)
