"""What a verdict makes of a status: written, re-based, reduced; and the patch and Events between two statuses."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbr_operator.kinds.common import Condition, format_micro_time
from cbr_operator.kinds.connection import CLUSTER_CONNECTIONS, CONNECTIONS
from cbr_operator.kinds.reasons import ConditionType, Reason
from cbr_operator.kinds.replication import REPLICATIONS, Replication
from cbr_operator.kinds.replication_status import (
    MAX_BACKUPS,
    AnsweredDestination,
    AnsweredSource,
    Backup,
    BackupState,
    Outcome,
    Status,
    Submission,
)
from cbr_operator.ports import EventNote
from cbr_operator.rules.answers import Answer, Verdict
from cbr_operator.rules.backups import with_backups
from cbr_operator.rules.patches import difference, events_of, status_patch
from cbr_operator.rules.replication import decide
from cbr_operator.rules.results import LONGEST_PAUSE, Try, reduced, settled
from cbr_operator.rules.view import Submit
from ground.connections import cluster_connection, connection
from ground.objects import NOW, replication, spec, view


def answer(count: int = 3) -> Answer:
    backups = tuple(
        Backup(backup_id=f"b{each}", replication_record_id=f"r{each}", state="Waiting") for each in range(count)
    )
    return Answer(AnsweredSource(region="region1"), AnsweredDestination(region="region2"), backups)


TAKEN = Verdict(Outcome.SUBMITTED, request_id="req-1", answer=answer())
REJECTED = Verdict(Outcome.REJECTED, Reason.REJECTED, "HTTP 400: BackupService.6120: not found")
UNKNOWN = Verdict(Outcome.UNKNOWN, said="connection reset")
REFUSED = Verdict(Outcome.NOT_SUBMITTED, Reason.AUTHENTICATION_FAILED, "HTTP 401")


def intended(**changes: Any) -> tuple[Replication, Submission]:
    """An object whose intent was just written, and that intent."""
    decision = decide(view(replication(spec=spec(**changes))))
    assert isinstance(decision.action, Submit)
    assert decision.status is not None
    return replication(spec=spec(**changes), status=decision.status.to_json()), decision.action.intent


def tried(intent: Submission, verdict: Verdict, chance: float = 0.0) -> Try:
    return Try(intent, verdict, "7", NOW + timedelta(seconds=1), chance)


def after(verdict: Verdict, **changes: Any) -> Status:
    written, intent = intended(**changes)
    status = settled(written, tried(intent, verdict))
    assert status is not None
    return status


def succeeded(status: Status) -> tuple[str, str]:
    found = status.condition("Succeeded")
    assert found is not None
    return found.status, found.reason


@pytest.mark.parametrize(
    ("verdict", "changes", "expected"),
    [
        (TAKEN, {}, ("Unknown", "Replicating")),
        (TAKEN, {"tracking": {"enabled": False}}, ("True", "TrackingDisabled")),
        (Verdict(Outcome.SUBMITTED, answer=answer(0)), {}, ("True", "NothingToReplicate")),
        (
            Verdict(Outcome.SUBMITTED, answer=answer(0)),
            {"tracking": {"enabled": False}},
            ("True", "NothingToReplicate"),
        ),
        (Verdict(Outcome.NOT_NEEDED, Reason.NOT_NEEDED, "HTTP 400"), {}, ("Unknown", "Replicating")),
        (
            Verdict(Outcome.NOT_NEEDED, Reason.NOT_NEEDED, "HTTP 400"),
            {"tracking": {"enabled": False}},
            ("True", "NothingToReplicate"),
        ),
        (REJECTED, {}, ("False", "Rejected")),
        (UNKNOWN, {}, ("Unknown", "ResolvingOutcome")),
        (REFUSED, {}, ("Unknown", "AuthenticationFailed")),
    ],
)
def test_the_end_of_a_call(verdict: Verdict, changes: dict[str, Any], expected: tuple[str, str]) -> None:
    status = after(verdict, **changes)
    assert succeeded(status) == expected
    assert (status.completion_time is not None) == (expected[0] != "Unknown")


def test_entries_of_an_answer_that_were_not_read_are_counted() -> None:
    status = after(Verdict(Outcome.SUBMITTED, answer=replace(answer(), omitted=7)))
    assert (len(status.backups), status.backups_omitted) == (3, 7)
    assert status.summary is not None
    assert (status.summary.total, status.summary.unknown) == (10, 7)
    said = status.condition(ConditionType.SUBMITTED)
    assert said is not None
    assert "10 backups" in said.message


def test_an_answer_is_kept_with_every_id() -> None:
    status = after(TAKEN)
    assert [each.replication_record_id for each in status.backups] == ["r0", "r1", "r2"]
    assert status.progress == "0/3"
    assert status.submission is not None
    assert (status.submission.outcome, status.submission.request_id) == ("Submitted", "req-1")


def test_that_a_call_was_not_sent_frees_no_object_whose_records_were_adopted() -> None:
    written, intent = intended()
    submission = intent.model_copy(update={"outcome": "Adopted"})
    adopted = written.model_copy(update={"status": written.status.model_copy(update={"submission": submission})})
    for verdict in (REFUSED, UNKNOWN):
        assert settled(adopted, tried(intent, verdict)) is None
    status = settled(adopted, tried(intent, TAKEN))
    assert status is not None
    assert status.submission is not None
    assert status.submission.outcome == "Submitted"


def test_what_is_not_followed_is_not_said_to_wait() -> None:
    assert {each.state for each in after(TAKEN, tracking={"enabled": False}).backups} == {BackupState.UNKNOWN}


def test_a_refused_token_is_remembered_by_its_version() -> None:
    submission = after(REFUSED).submission
    assert submission is not None
    assert (submission.credential_version, submission.reason) == ("7", "AuthenticationFailed")


def test_the_first_unknown_attempt_is_remembered_for_good() -> None:
    written, intent = intended()
    first = settled(written, tried(intent, UNKNOWN))
    assert first is not None
    assert first.submission is not None
    assert first.submission.first_unknown_at == intent.cloud_time


def test_a_late_call_keeps_the_earlier_reason() -> None:
    written, intent = intended()
    earlier = intent.model_copy(update={"reason": "RateLimited"})
    late = Verdict(Outcome.NOT_SUBMITTED, None, "the time to send had passed")
    for submission, reason in ((earlier, "RateLimited"), (intent, "Submitting")):
        now = written.model_copy(update={"status": written.status.model_copy(update={"submission": submission})})
        status = settled(now, tried(submission, late))
        assert status is not None
        assert succeeded(status) == ("Unknown", reason)


def as_now(written: Replication, **changes: Any) -> Replication:
    """The object as somebody else left it meanwhile."""
    submission = written.status.submission
    assert submission is not None
    status = written.status.model_copy(update={"submission": submission.model_copy(update=changes)})
    return written.model_copy(update={"status": status})


@pytest.mark.parametrize("outcome", ["Unknown", "Adopted", "NotSubmitted", "Unresolved"])
def test_an_answer_beats_every_inference(outcome: str) -> None:
    written, intent = intended()
    status = settled(as_now(written, outcome=outcome, first_unknown_at=NOW), tried(intent, TAKEN))
    assert status is not None
    assert status.submission is not None
    assert status.submission.outcome == "Submitted"
    assert status.submission.first_unknown_at == NOW  # set once, never cleared
    assert len(status.backups) == 3


def test_an_answer_to_an_older_attempt_is_added_and_changes_nothing_else() -> None:
    written, intent = intended()
    newer = as_now(written, attempt=2)
    status = settled(newer, tried(intent, TAKEN))
    assert status is not None
    assert status.submission == newer.status.submission
    assert [each.replication_record_id for each in status.backups] == ["r0", "r1", "r2"]
    assert status.conditions == newer.status.conditions


@pytest.mark.parametrize("verdict", [UNKNOWN, REFUSED])
@pytest.mark.parametrize("changes", [{"attempt": 2}, {"outcome": "Unresolved"}, {"outcome": "Submitted"}])
def test_what_is_no_answer_has_nothing_to_say_late(verdict: Verdict, changes: dict[str, Any]) -> None:
    written, intent = intended()
    assert settled(as_now(written, **changes), tried(intent, verdict)) is None


@pytest.mark.parametrize("verdict", [REJECTED, Verdict(Outcome.NOT_NEEDED, Reason.NOT_NEEDED, "HTTP 400")])
def test_a_late_refusal_is_an_answer_too(verdict: Verdict) -> None:
    written, intent = intended()
    for outcome in ("Unresolved", "NotSubmitted"):
        status = settled(as_now(written, outcome=outcome), tried(intent, verdict))
        assert status is not None
        assert status.submission is not None
        assert status.submission.outcome == verdict.outcome
    for changes in ({"attempt": 2}, {"outcome": "Submitted"}):
        assert settled(as_now(written, **changes), tried(intent, verdict)) is None


def test_a_backup_that_was_known_without_its_record_is_not_listed_twice() -> None:
    written, intent = intended()
    bare = (Backup(backup_id="b0"), Backup(backup_id="b7"))
    newer = as_now(written, attempt=2)
    known = newer.model_copy(update={"status": with_backups(newer.status, bare)})
    status = settled(known, tried(intent, TAKEN))
    assert status is not None
    found = [(each.backup_id, each.replication_record_id) for each in status.backups]
    assert sorted(found) == [("b0", "r0"), ("b1", "r1"), ("b2", "r2"), ("b7", "")]


def test_a_reason_of_another_version_keeps_no_result_from_being_written() -> None:
    written, intent = intended()
    odd = intent.model_copy(update={"reason": "FromANewerVersion"})
    now = written.model_copy(update={"status": written.status.model_copy(update={"submission": odd})})
    status = settled(now, tried(odd, Verdict(Outcome.NOT_SUBMITTED, None, "the time to send had passed")))
    assert status is not None
    assert succeeded(status) == ("Unknown", "Submitting")


def test_writing_a_result_twice_changes_nothing() -> None:
    written, intent = intended()
    for verdict in (TAKEN, REJECTED, UNKNOWN, REFUSED):
        status = settled(written, tried(intent, verdict))
        assert status is not None
        again = settled(written.model_copy(update={"status": status}), tried(intent, verdict))
        assert again in (None, status)


@given(st.integers(1, 10_000), st.floats(0, 1), st.one_of(st.none(), st.floats(0, 86_400)))
def test_pauses_grow_and_stay_within_bounds(attempt: int, chance: float, retry_after: float | None) -> None:
    verdict = Verdict(Outcome.NOT_SUBMITTED, Reason.RATE_LIMITED, retry_after=retry_after)
    pause = Try(Submission(outcome="Pending", attempt=attempt), verdict, "", NOW, chance).pause
    assert 5 <= pause <= 1.2 * max(LONGEST_PAUSE, retry_after or 0)
    assert pause >= (retry_after or 0)


def test_a_long_list_keeps_failed_and_open_ones_and_counts_all() -> None:
    many = [Backup(backup_id=str(each), state="Succeeded") for each in range(MAX_BACKUPS + 10)]
    status = with_backups(Status(), [*many, Backup(backup_id="bad", state="Failed"), Backup(state="Replicating")])
    assert (len(status.backups), status.backups_omitted) == (MAX_BACKUPS, 12)
    assert [each.state for each in status.backups[:2]] == ["Failed", "Replicating"]
    assert status.progress == f"{MAX_BACKUPS + 11}/{MAX_BACKUPS + 12}"


def test_a_reduced_result_keeps_outcome_request_and_counts() -> None:
    status = after(TAKEN)
    small = reduced(status, keep=1)
    assert (len(small.backups), small.backups_omitted) == (1, 2)
    assert small.summary == status.summary
    assert small.submission == status.submission
    said = small.condition("Submitted")
    assert said is not None
    assert "shortened by 2" in said.message
    again = reduced(small, keep=1).condition("Submitted")
    assert again is not None
    assert again.message.count("shortened") == 1


@pytest.mark.parametrize("reason", ["", "x" * 512, "ß" * 512])
def test_a_list_stays_within_what_one_object_holds_whatever_the_cloud_says(reason: str) -> None:
    failed = Backup(
        backup_id="b" * 36,
        replication_record_id="r" * 36,
        state="Failed",
        created_at="2026-03-01T12:00:00.000000",
        destination_backup_id="d" * 36,
        fail_code="BackupService.1006",
        fail_reason=reason,
    )
    status = with_backups(Status(), [failed] * MAX_BACKUPS)
    stored = json.dumps(status.to_json(), ensure_ascii=False, separators=(",", ":")).encode()
    assert len(stored) < 1.25 * 2**20
    assert len(status.backups) + status.backups_omitted == MAX_BACKUPS
    assert status.backups[0].fail_reason == reason
    assert len(status.backups) > MAX_BACKUPS / 2


def test_a_patch_carries_its_version_and_only_what_changed() -> None:
    written, intent = intended()
    status = settled(written, tried(intent, TAKEN))
    assert status is not None
    patch = status_patch(written.metadata, written.status, status)
    assert patch is not None
    assert patch["metadata"] == {"resourceVersion": "100"}
    assert "startTime" not in patch["status"]
    assert patch["status"]["submission"] == {"outcome": "Submitted", "requestID": "req-1"}
    assert status_patch(written.metadata, written.status, written.status) is None


JSON = st.recursive(
    st.one_of(st.integers(0, 3), st.text("ab", min_size=1, max_size=2)),
    lambda inner: st.dictionaries(st.text("xyz", min_size=1, max_size=1), inner, min_size=1, max_size=3),
    max_leaves=8,
)


OBJECTS = st.dictionaries(st.text("pqr", min_size=1, max_size=1), JSON)


@given(OBJECTS, OBJECTS)
def test_a_merge_patch_leads_from_one_status_to_the_other(before: dict[str, Any], after_: dict[str, Any]) -> None:

    assert merged(before, difference(before, after_)) == after_


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def told_of(before: Replication, status: Status) -> list[EventNote]:
    return events_of(REPLICATIONS, before.metadata, before.status.conditions, status.conditions)


def test_an_event_about_a_cluster_connection_names_no_secret() -> None:
    of = cluster_connection()
    text = "Secret 'cbr' in namespace 'cbr-operator' does not exist."
    moment = of.metadata.creation_timestamp
    after = Condition(type="Ready", status="False", reason="SecretNotFound", message=text, last_transition_time=moment)
    [note] = events_of(CLUSTER_CONNECTIONS, of.metadata, (), [after])
    assert (note.reason, note.warning) == ("SecretNotFound", True)
    assert (
        note.note
        == f"Ready is False: SecretNotFound. The status of {CLUSTER_CONNECTIONS.kind} {of.metadata.name} says more."
    )
    [note] = events_of(CONNECTIONS, connection().metadata, (), [after])
    assert note.note == text


def test_events_tell_each_new_reason_once_and_not_the_ordinary_ones() -> None:
    written, intent = intended()
    assert told_of(replication(), written.status) == []
    told = {verdict: settled(written, tried(intent, verdict)) for verdict in (TAKEN, REJECTED, UNKNOWN)}
    notes = {
        verdict.outcome: [(note.reason, note.warning) for note in told_of(written, status)]
        for verdict, status in told.items()
        if status is not None
    }
    assert notes == {
        Outcome.SUBMITTED: [("Submitted", False), ("Replicating", False)],
        Outcome.REJECTED: [("Rejected", True)],
        Outcome.UNKNOWN: [("ResolvingOutcome", True)],
    }


def test_times_that_are_compared_keep_their_microseconds() -> None:
    written, intent = intended()
    assert written.status.submission is not None
    assert written.status.submission.intent_time == intent.intent_time
    assert format_micro_time(NOW).endswith(".000000Z")
