"""What is decided about one object: each rule, and the laws that hold for every View."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from cbr_operator.kinds.common import format_time
from cbr_operator.kinds.reasons import Reason
from cbr_operator.kinds.replication_status import Status
from cbr_operator.rules.access import parse_pattern
from cbr_operator.rules.holds import Refusal, refusal_of
from cbr_operator.rules.lanes import place_of
from cbr_operator.rules.looks import LookFailure
from cbr_operator.rules.replication import decide
from cbr_operator.rules.view import Decision, LookAtClock, LookAtVault, Policy, ReadSecret, SecretProblem, Submit
from ground.objects import CREDENTIAL, DESTINATION, NOW, POLICY, SOURCE, TOKEN, replication, spec, submitted_as, view


def condition(status: Status | None, type_: str) -> tuple[str, str]:
    assert status is not None
    found = status.condition(type_)
    assert found is not None
    return found.status, found.reason


def reasons(decision: Decision) -> tuple[tuple[str, str], ...]:
    return tuple(condition(decision.status, type_) for type_ in ("Accepted", "Submitted", "Succeeded"))


def in_seconds(seconds: float) -> str:
    return format_time(NOW + timedelta(seconds=seconds))


def with_condition(reason: str, status: dict[str, Any] | None = None, type_: str = "Submitted") -> dict[str, Any]:
    said = {"type": type_, "status": "Unknown", "reason": reason, "message": "as said before"}
    return {**(status or {}), "conditions": [{**said, "lastTransitionTime": format_time(NOW)}]}


def test_an_object_that_nothing_holds_is_submitted_with_its_intent_first() -> None:
    decision = decide(view(clock_offset=30.0))
    assert isinstance(decision.action, Submit)
    intent = decision.action.intent
    assert (intent.outcome, intent.attempt, intent.holder) == ("Pending", 1, POLICY.holder)
    assert intent.cloud_time == NOW + timedelta(seconds=28)
    assert intent.target.vault_id == SOURCE["vaultID"]
    assert decision.status is not None
    assert decision.status.submission == intent
    assert decision.status.start_time == NOW
    assert reasons(decision) == (("True", "Valid"), ("Unknown", "Submitting"), ("Unknown", "Submitting"))
    assert decision.action.request.destination_vault_id == DESTINATION["vaultID"]


def test_an_older_object_without_a_start_may_have_been_called_for_since_its_creation() -> None:
    created = replication().metadata.creation_timestamp
    missing = SecretProblem("The Secret is missing.")
    for older, start in ((True, created), (False, NOW)):
        decision = decide(view(older=older, credential=missing))
        assert decision.status is not None
        assert decision.status.start_time == start
    resumed = replication(status=with_condition("Suspended"))
    decision = decide(view(resumed, older=True, credential=missing))
    assert decision.status is not None
    assert decision.status.start_time == NOW


def test_the_secret_is_read_only_when_everything_before_it_is_right() -> None:
    assert isinstance(decide(view(credential=None)).action, ReadSecret)
    assert decide(view(replication(spec=spec(suspend=True)), credential=None)).action is None


@pytest.mark.parametrize(
    ("changes", "accepted", "succeeded"),
    [
        ({"tokenSecretRef": None}, ("False", "InvalidSpec"), ("False", "InvalidSpec")),
        ({"destination": {**DESTINATION, "region": "region1"}}, ("False", "InvalidSpec"), ("False", "InvalidSpec")),
        ({"source": {"vaultID": SOURCE["vaultID"]}}, ("False", "InvalidSpec"), ("False", "InvalidSpec")),
        ({"source": None}, ("False", "InvalidSpec"), ("False", "InvalidSpec")),
        (
            {"tokenSecretRef": None, "connectionRef": {"name": "prod"}},
            ("Unknown", "WaitingForConnection"),
            ("Unknown", "WaitingForConnection"),
        ),
        (
            {"endpoint": "https://evil.example.com"},
            ("False", "EndpointNotAllowed"),
            ("Unknown", "EndpointNotAllowed"),
        ),
    ],
)
def test_what_is_not_accepted_sends_nothing(
    changes: dict[str, Any], accepted: tuple[str, str], succeeded: tuple[str, str]
) -> None:
    decision = decide(view(replication(spec=spec(**changes))))
    assert decision.action is None
    assert condition(decision.status, "Accepted") == accepted
    assert condition(decision.status, "Succeeded") == succeeded
    assert decision.status is not None
    assert (decision.status.completion_time is not None) == (succeeded[0] == "False")


def test_suspended_and_restored_objects_are_held_without_being_stuck_or_at_work() -> None:
    for found, reason in (
        (replication(spec=spec(suspend=True)), "Suspended"),
        (replication(metadata={"labels": {"velero.io/restore-name": "r"}}), "Restored"),
    ):
        decision = decide(view(found))
        assert reasons(decision)[1:] == (("Unknown", reason), ("Unknown", reason))
        assert decision.status is not None
        assert {each.type for each in decision.status.conditions} == {"Accepted", "Submitted", "Succeeded"}
        assert decision.status.start_time is None


def test_a_missing_secret_is_looked_at_again_when_its_reading_is_ten_seconds_old() -> None:
    decision = decide(view(credential=SecretProblem("Secret 'x' does not exist.", age=4.0)))
    assert reasons(decision) == (("Unknown", "WaitingForSecret"),) * 3
    assert decision.again == 6.0


def test_a_refused_token_holds_everybody_with_it_until_the_secret_changes() -> None:
    status = with_condition(
        "AuthenticationFailed",
        submitted_as(
            "NotSubmitted",
            reason="AuthenticationFailed",
            credentialVersion="7",
            nextAttemptTime=format_time(NOW + timedelta(hours=1)),
        ),
    )
    refused = replication(status=status)
    refusal = refusal_of(refused)
    assert refusal is not None
    behind = decide(view(replication("behind"), refusals=(refusal,)))
    assert reasons(behind)[1] == ("Unknown", "AuthenticationFailed")
    assert behind.again == 60.0
    assert decide(view(refused, refusals=(refusal,))).action is None
    newer = CREDENTIAL.__class__(owner=CREDENTIAL.owner, version="8", token=TOKEN)
    assert isinstance(decide(view(refused, refusals=(refusal,), credential=newer)).action, Submit)


def test_a_rate_limit_holds_everybody_until_its_time() -> None:
    until = NOW + timedelta(seconds=30)
    refusal = Refusal(key="k", reason=Reason.RATE_LIMITED, message="slow", until=until, credential_version="")
    held = decide(view(refusals=(refusal,)))
    assert (held.action, held.again) == (None, 30.0)
    assert isinstance(decide(view(refusals=(refusal,), now=until)).action, Submit)


def test_a_pause_is_sat_out_and_its_message_left_alone() -> None:
    status = with_condition(
        "EndpointUnreachable",
        submitted_as(
            "NotSubmitted", reason="EndpointUnreachable", nextAttemptTime=format_time(NOW + timedelta(seconds=9))
        ),
    )
    waiting = replication(status=status)
    decision = decide(view(waiting))
    assert decision.again == 9.0
    assert decision.status == waiting.status
    later = decide(view(waiting, now=NOW + timedelta(seconds=9)))
    assert isinstance(later.action, Submit)
    assert later.action.intent.attempt == 2


def test_an_object_behind_another_speaks_of_it_once_after_ten_seconds() -> None:
    front = place_of(replication("older", namespace="other"))
    silent = decide(view(in_front=front))
    assert (silent.status, silent.action, silent.again, silent.in_line) == (None, None, 10.0, True)
    spoken = decide(view(in_front=front, waiting_since=NOW - timedelta(seconds=10)))
    assert reasons(spoken)[1] == ("Unknown", "WaitingForVault")
    assert spoken.status is not None
    said = spoken.status.condition("Submitted")
    assert said is not None
    assert "an object of another namespace" in said.message
    assert "older" not in said.message
    again = replication(status=spoken.status.to_json())
    moved = decide(view(again, in_front=place_of(replication("another")), waiting_since=NOW))
    assert moved.status == again.status


def test_behind_a_free_vault_what_waited_for_it_says_once_that_it_waits_for_a_slot() -> None:
    since = NOW - timedelta(seconds=10)
    behind = decide(view(in_front=place_of(replication("older")), waiting_since=since))
    assert behind.status is not None
    waits = replication(status=behind.status.to_json())
    silent = decide(view(waits, slot_free=False))
    assert (silent.status, silent.again, silent.in_line) == (None, 10.0, True)
    spoken = decide(view(waits, slot_free=False, waiting_since=since))
    assert spoken.status is not None
    assert reasons(spoken)[1] == ("Unknown", "Submitting")
    told = replication(status=spoken.status.to_json())
    assert decide(view(told, slot_free=False, waiting_since=since)).status == told.status
    assert decide(view(told, in_front=place_of(replication("older")))).status is None


def test_a_full_endpoint_holds_the_front_of_the_line_too() -> None:
    decision = decide(view(slot_free=False, waiting_since=NOW - timedelta(minutes=1)))
    assert (decision.action, decision.in_line) == (None, True)
    assert reasons(decision)[1] == ("Unknown", "Submitting")


def test_an_unknown_clock_is_looked_at_first_and_a_failed_look_pauses() -> None:
    assert isinstance(decide(view(clock_offset=None)).action, LookAtClock)
    failure = LookFailure("HTTP 401", Reason.AUTHENTICATION_FAILED, credential_version="of the look")
    decision = decide(view(clock_offset=None, look_failed=failure))
    assert decision.action is None
    assert decision.status is not None
    assert decision.status.submission is not None
    assert (decision.status.submission.outcome, decision.status.submission.attempt) == ("NotSubmitted", 1)
    assert decision.status.submission.credential_version == "of the look"
    assert reasons(decision)[1] == ("Unknown", "AuthenticationFailed")


def test_pending_without_a_call_of_ours_is_somebody_elses_and_becomes_unknown() -> None:
    orphan = replication(status=submitted_as("Pending"))
    decision = decide(view(orphan))
    assert decision.action is None
    assert decision.status is not None
    assert decision.status.submission is not None
    assert decision.status.submission.outcome == "Unknown"
    assert decision.status.submission.first_unknown_at == NOW
    assert reasons(decision)[1:] == (("Unknown", "ResolvingOutcome"),) * 2
    assert decide(view(orphan, calling=True)) == Decision()


@pytest.mark.parametrize(
    "outcome", ["Pending", "Unknown", "Submitted", "Adopted", "Unresolved", "Rejected", "FromANewerVersion"]
)
def test_only_what_certainly_failed_is_ever_sent_again(outcome: str) -> None:
    action = decide(view(replication(status=submitted_as(outcome)))).action
    assert action is None or isinstance(action, LookAtVault)


def test_switching_tracking_off_ends_a_submitted_object() -> None:
    decision = decide(view(replication(spec=spec(tracking={"enabled": False}), status=submitted_as("Submitted"))))
    assert condition(decision.status, "Submitted") == ("True", "Submitted")
    assert condition(decision.status, "Succeeded")[0] == "True"
    assert decision.again == 0, "the watch need not tell of our own write, and a TTL counts from here"


def test_what_is_being_deleted_starts_nothing_and_what_it_began_is_resolved_all_the_same() -> None:
    going = {"deletionTimestamp": format_time(NOW)}
    for status in (None, submitted_as("NotSubmitted", reason="RateLimited")):
        assert decide(view(replication(status=status, metadata=going))) == Decision()
    orphaned = decide(view(replication(status=submitted_as("Pending"), metadata=going)))
    assert orphaned.status is not None
    assert orphaned.status.submission is not None
    assert orphaned.status.submission.outcome == "Unknown"


def test_a_finished_object_only_speaks_for_its_newest_generation() -> None:
    done = with_condition("Rejected", submitted_as("Rejected"), "Succeeded")
    done["conditions"][0]["status"] = "False"
    decision = decide(view(replication(status=done, metadata={"generation": 4})))
    assert decision.action is None
    assert decision.status is not None
    assert decision.status.observed_generation == 4
    assert {each.observed_generation for each in decision.status.conditions} == {4}


def aged(start: datetime, **parts: Any) -> Any:
    status = with_condition("WaitingForVault", {"startTime": format_time(start)})
    return replication(status=status, spec=spec(submission={"deadlineSeconds": 3600}), **parts)


def test_the_deadline_ends_waiting_but_not_before_one_more_try_after_an_absence() -> None:
    old = aged(NOW - timedelta(hours=2))
    absent = Policy(POLICY.allowed_endpoints, POLICY.holder, led_since=NOW)
    back_for_long = Policy(POLICY.allowed_endpoints, POLICY.holder, led_since=NOW - timedelta(minutes=11))
    present = Policy(POLICY.allowed_endpoints, POLICY.holder, led_since=NOW - timedelta(hours=3))
    assert isinstance(decide(view(old, policy=absent)).action, Submit)
    for ended in (
        decide(view(old, policy=present)),
        decide(view(old, policy=absent, tried=True)),
        decide(view(old, policy=back_for_long, credential=SecretProblem("none"))),
    ):
        assert condition(ended.status, "Succeeded") == ("False", "SubmissionDeadlineExceeded")
        assert ended.action is None
    blip = decide(view(old, policy=absent, credential=SecretProblem("none")))
    assert condition(blip.status, "Succeeded") == ("Unknown", "WaitingForSecret")
    assert blip.again is not None
    young = decide(view(aged(NOW - timedelta(minutes=59)), in_front=place_of(replication("older"))))
    assert young.again == 60.0


def test_the_deadline_stands_still_while_suspended() -> None:
    tried = submitted_as("NotSubmitted", reason="RateLimited", nextAttemptTime=format_time(NOW))
    held = spec(suspend=True, submission={"deadlineSeconds": 3600})
    suspended = decide(view(replication(status=tried, spec=held)))
    assert suspended.status is not None
    later = NOW + timedelta(days=2)
    resumed = replication(status=suspended.status.to_json(), spec=spec(submission={"deadlineSeconds": 3600}))
    assert isinstance(decide(view(resumed, now=later, tried=True)).action, Submit)
    still = decide(view(replication(status=suspended.status.to_json(), spec=held), now=later, tried=True))
    assert reasons(still)[1] == ("Unknown", "Suspended")


def test_an_endpoint_is_compared_parsed() -> None:
    policy = Policy((parse_pattern("http://127.0.0.1:*"),), "h", NOW)
    allowed = replication(spec=spec(endpoint="http://127.0.0.1:8099"))
    assert isinstance(decide(view(allowed, policy=policy)).action, Submit)
