"""What becomes of a call whose answer was lost: adopted, proven absent, or given up; never sent meanwhile."""

from datetime import timedelta
from typing import Any

import pytest

from cbr_operator.kinds.common import format_micro_time
from cbr_operator.kinds.reasons import Reason
from cbr_operator.kinds.replication_status import BackupState
from cbr_operator.rules.claims import Claims
from cbr_operator.rules.looks import LookFailure
from cbr_operator.rules.records import Look, Record
from cbr_operator.rules.view import LookAtVault, Submit
from ground.looks import NO_ANSWER, Life, at, living, logged, look, record
from ground.objects import NOW, spec, submitted_as

PROOF = 180.0
"""Seconds: request time-out and settle time of objects.POLICY."""
SINCE = NOW - timedelta(seconds=1)
HIDDEN: dict[str, Any] = {"log": (), "log_since": SINCE}


def seen(*records: Record, **changes: Any) -> Look:
    """A look with an operation log that shows nothing."""
    return look(*records, **{**HIDDEN, **changes})


NOTHING = seen()


def unknown(**parts: Any) -> dict[str, Any]:
    return submitted_as("Unknown", firstUnknownAt=format_micro_time(NOW), **parts)


def outcome(life: Life) -> str:
    assert life.status.submission is not None
    return life.status.submission.outcome


def test_it_looks_at_once_with_the_log_and_then_a_quarter_of_the_settle_time_later() -> None:
    life = living(unknown())
    first = life.at(0)
    assert isinstance(first.action, LookAtVault)
    assert (first.action.within, first.action.always) == (0.0, True)
    assert first.action.log_since == SINCE
    second = life.at(1, NOTHING)
    assert isinstance(second.action, LookAtVault)
    assert second.action.within == 30.0
    late = life.at(170, NOTHING)
    assert isinstance(late.action, LookAtVault)
    assert late.action.within == 10.0


def test_records_are_adopted_once_they_were_the_same_in_two_looks() -> None:
    life = living(unknown())
    life.at(0, seen(record("r1")))
    life.at(29, seen(record("r1")))
    assert outcome(life) == "Unknown"
    life.at(30, seen(record("r1"), record("r2")))
    life.at(59, seen(record("r2"), record("r1")))
    assert outcome(life) == "Unknown"
    life.at(60, seen(record("r2"), record("r1")))
    assert outcome(life) == "Adopted"
    assert {each.replication_record_id for each in life.status.backups} == {"r1", "r2"}
    assert life.said("Submitted") == ("True", "OutcomeAdopted")
    assert life.said() == ("Unknown", "Replicating")


def test_records_that_have_ended_are_adopted_with_their_end() -> None:
    life = living(unknown())
    for seconds in (0, 30):
        life.at(seconds, seen(record(state=BackupState.SUCCEEDED)))
    assert life.said() == ("True", "AllReplicated")


@pytest.mark.parametrize(
    "changes",
    [
        {"created_at": at(-1)},
        {"destination_region": "region3"},
        {"destination_project_id": "other"},
        {"destination_vault_id": "other"},
        {"auto_trigger": True},
    ],
)
def test_what_is_not_of_this_call_is_neither_adopted_nor_in_the_way(changes: dict[str, Any]) -> None:
    life = living(unknown())
    for seconds in (0, PROOF):
        life.at(seconds, seen(record(**changes)))
    assert outcome(life) == "NotSubmitted"


def test_absence_is_proven_only_after_the_whole_wait_and_two_looks_and_one_more_try_follows() -> None:
    life = living(unknown())
    life.at(0, NOTHING)
    life.at(PROOF - 0.1, NOTHING)
    assert outcome(life) == "Unknown"
    proven = life.at(PROOF, NOTHING)
    assert (outcome(life), proven.again) == ("NotSubmitted", 5.0)
    assert life.said("Submitted") == ("Unknown", "Submitting")
    assert life.at(PROOF + 1).action is None
    decision = life.at(PROOF + 10)
    assert isinstance(decision.action, Submit)
    assert (decision.action.intent.attempt, decision.action.intent.first_unknown_at) == (2, NOW)


def test_one_look_alone_concludes_nothing_however_late_it_is() -> None:
    life = living(unknown())
    life.at(0)
    life.at(3600, NOTHING)
    assert outcome(life) == "Unknown"
    life.at(3630, NOTHING)
    assert outcome(life) == "NotSubmitted"


def test_the_wait_begins_when_this_process_sees_the_call_and_not_when_it_was_made() -> None:
    life = living(unknown(), now=NOW + timedelta(days=1))
    life.at(0, NOTHING)
    life.at(100, NOTHING)
    assert outcome(life) == "Unknown"


@pytest.mark.parametrize(
    "shown",
    [
        seen(backups=0),
        seen(without_records=1),
        seen(record(created_at="")),
        seen(log=(logged(),), log_since=SINCE),
        seen(log=(logged(created_at=""),), log_since=SINCE),
    ],
)
def test_what_does_not_prove_absence_ends_unresolved(shown: Look) -> None:
    life = living(unknown())
    for seconds in (0, PROOF):
        life.at(seconds, shown)
    assert outcome(life) == "Unresolved"
    assert life.said() == life.said("Submitted") == ("False", "OutcomeUnresolved")
    assert life.said("Stalled")[0] == "True"
    assert "Check in the cloud's console" in life.message()
    assert life.status.completion_time is not None


def test_a_look_without_the_log_that_was_wanted_counts_for_nothing() -> None:
    life = living(unknown())
    for seconds, shown in ((0, look()), (PROOF, seen(log=(), log_since=NOW)), (PROOF + 30, look())):
        assert isinstance(life.at(seconds, shown).action, LookAtVault)
    assert outcome(life) == "Unknown"
    assert life.memory.looks == 0


def test_a_log_that_cannot_be_read_here_is_no_hindrance() -> None:
    life = living(unknown())
    for seconds in (0, PROOF):
        life.at(seconds, seen(log=None, log_since=SINCE))
    assert outcome(life) == "NotSubmitted"


def test_what_another_object_claims_is_never_adopted_and_never_proof() -> None:
    life = living(unknown(), claims=Claims(frozenset({"r1"})))
    for seconds in (0, 30, PROOF):
        life.at(seconds, seen(record("R-1")))
    assert outcome(life) == "Unresolved"
    assert "1 records to this destination that belong to other resources" in life.message()


@pytest.mark.parametrize(
    "parts",
    [
        {"cloudTime": None, "firstUnknownAt": format_micro_time(NOW)},
        {"attempt": 2, "cloudTime": at(600), "firstUnknownAt": format_micro_time(NOW)},
    ],
)
def test_our_own_clock_and_a_second_unknown_call_prove_nothing(parts: dict[str, Any]) -> None:
    status = unknown()
    status["submission"] = {key: value for key, value in {**status["submission"], **parts}.items() if value}
    life = living(status)
    for seconds in (0, PROOF):
        life.at(seconds, NOTHING)
    assert outcome(life) == "Unresolved"


def test_a_second_unknown_call_adopts_what_the_first_one_began() -> None:
    life = living(unknown(attempt=2, cloudTime=at(600)))
    for seconds in (0, 30):
        life.at(seconds, seen(record(created_at=at(2))))
    assert outcome(life) == "Adopted"


def test_a_failing_log_hides_no_records_and_proves_no_absence() -> None:
    failing: dict[str, Any] = {"log_since": SINCE, "log_failed": "Reading the operation log failed: HTTP 503"}
    blind = living(unknown())
    for seconds in range(0, 3600, 30):
        blind.at(seconds, seen(**failing))
    assert outcome(blind) == "Unknown"
    assert "HTTP 503" in blind.message()
    seeing = living(unknown())
    for seconds in (0, 30):
        seeing.at(seconds, seen(record(), **failing))
    assert outcome(seeing) == "Adopted"


def test_failed_looks_are_told_once_with_their_cause_and_taken_back() -> None:
    life = living(unknown())
    for seconds in (0, 30):
        life.at(seconds, NO_ANSWER)
    before = life.writes
    life.at(60, NO_ANSWER)
    assert life.said("Submitted") == ("Unknown", "ResolvingOutcome")
    assert "connection refused. If it lasts, check the endpoint" in life.message("Submitted")
    life.at(90, LookFailure("Reading the vault's records failed: connection reset"))
    life.at(120, NO_ANSWER)
    assert life.writes == before + 1
    life.at(150, LookFailure("HTTP 401", Reason.AUTHENTICATION_FAILED, for_a_person=True))
    assert "Put a new token into the Secret" in life.message("Submitted")
    assert life.said("Reconciling")[0] == "True"
    life.at(180, NOTHING)
    assert "fails" not in life.message("Submitted")


def test_looking_in_vain_is_given_up_a_day_after_the_deadline_and_not_before() -> None:
    life = living(unknown(), spec=spec(submission={"deadlineSeconds": 3600}))
    day = 86_400
    for seconds in (0, 30, 60, 3600, day + 3599):
        life.at(seconds, NO_ANSWER)
        assert outcome(life) == "Unknown"
    life.at(day + 3600, NO_ANSWER)
    assert outcome(life) == "Unresolved"
    assert "could not be looked up" in life.message()


def test_where_there_is_no_way_to_look_it_is_said_and_ends_in_time() -> None:
    life = living(unknown(target={"endpoint": "https://gone.example.com"}))
    decision = life.at(0)
    assert decision.action is None
    assert decision.again == 2 * 86_400
    assert "CBR_OPERATOR_ALLOWED_ENDPOINTS" in life.message("Submitted")
    assert life.at(10).again == 2 * 86_400 - 10
    life.at(2 * 86_400)
    assert outcome(life) == "Unresolved"


def test_an_object_whose_earlier_call_was_answered_late_is_never_sent_again() -> None:
    listed = [{"backupID": "b", "replicationRecordID": "r", "state": "Waiting"}]
    for status in (submitted_as("NotSubmitted", attempt=2), unknown(attempt=2)):
        life = living({**status, "backups": listed, "summary": {"total": 1, "waiting": 1}})
        assert life.at(0).action is None
        assert outcome(life) == "Adopted"
        assert life.said("Submitted") == ("True", "OutcomeAdopted")
        assert isinstance(life.at(1).action, LookAtVault)
