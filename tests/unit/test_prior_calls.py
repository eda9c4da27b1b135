"""The look at the vault before a call: what an earlier life began, and what keeps the vault busy."""

from datetime import timedelta
from typing import Any

import pytest

from cbr_operator.kinds.common import format_time
from cbr_operator.kinds.reasons import Reason
from cbr_operator.kinds.replication_status import BackupState
from cbr_operator.rules.claims import Claims, window_of
from cbr_operator.rules.looks import LookFailure
from cbr_operator.rules.view import LookAtVault, SecretProblem, Submit
from ground.looks import NO_ANSWER, Life, at, living, look, record
from ground.objects import NOW, replication, spec, submitted_as

ENDED = BackupState.SUCCEEDED
BUSY = {"reason": "WaitingForVault", "nextAttemptTime": format_time(NOW)}


def older(**parts: Any) -> Life:
    """An object that was there before this process led, and was first seen when objects.NOW was."""
    return living({"startTime": format_time(NOW)}, older=True, **parts)


def busy(**parts: Any) -> Life:
    """An object that the cloud told that its vault is busy."""
    return living(submitted_as("NotSubmitted", **BUSY), **parts)


def test_a_new_object_calls_without_a_look_and_an_older_one_looks_first() -> None:
    assert isinstance(living({}).at(0).action, Submit)
    life = older()
    first = life.at(0)
    assert isinstance(first.action, LookAtVault)
    assert (first.action.within, first.action.always) == (0.0, True)
    cleared = life.at(1, look())
    assert (cleared.action, cleared.again) == (None, 0.0)
    assert isinstance(life.at(2).action, Submit)


@pytest.mark.parametrize(
    "found",
    [record(), record(state=ENDED), record(created_at=at(-3600)), record(created_at=at(3600), state=ENDED)],
)
def test_open_records_and_those_of_its_own_time_are_adopted_after_two_looks(found: Any) -> None:
    life = older()
    waiting = life.at(0, look(found))
    assert isinstance(waiting.action, LookAtVault)
    assert waiting.action.within == 30.0
    assert life.said("Submitted") == ("Unknown", "ResolvingOutcome")
    assert life.at(29, look(found)).action is not None
    life.at(30, look(found))
    assert life.said("Submitted") == ("True", "OutcomeAdopted")
    assert life.status.submission is not None
    assert life.status.submission.outcome == "Adopted"
    assert [each.replication_record_id for each in life.status.backups] == ["r1"]


@pytest.mark.parametrize(
    "found",
    [record(created_at=at(-3600), state=ENDED), record(created_at=""), record(destination_region="region3")],
)
def test_what_cannot_be_its_own_is_left_alone(found: Any) -> None:
    life = older()
    life.at(0, look(found))
    assert isinstance(life.at(1).action, Submit)


def test_what_another_object_claims_is_left_alone() -> None:
    life = older(claims=Claims(frozenset({"r1"})))
    life.at(0, look(record()))
    assert isinstance(life.at(1).action, Submit)


@pytest.mark.parametrize("between", [None, NO_ANSWER, look(record("other", created_at=at(-30)))])
def test_what_an_object_began_before_its_status_was_lost_is_found_whatever_is_written_meanwhile(between: Any) -> None:
    begun = record(created_at=at(-30), state=ENDED)  # half a minute after the object's creation
    life = living({}, older=True)
    life.at(0, between)
    for seconds in (60, 100):
        life.at(seconds, look(begun))
    assert life.status.start_time is not None
    assert life.said("Submitted") == ("True", "OutcomeAdopted")


def test_records_of_an_adopted_earlier_life_may_have_begun_until_now() -> None:
    life = older()
    for seconds in (0, 3600):
        life.at(seconds, look(record()))
    window = window_of(life.now, lasting=180.0)
    assert window is not None
    assert (window.start, window.end) == (NOW, NOW + timedelta(seconds=3600 + 180))


def test_its_time_is_told_by_the_clouds_clock() -> None:
    life = older(clock_offset=-600.0)
    life.at(0, look(record(created_at=at(-599), state=ENDED)))
    assert life.said("Submitted") == ("Unknown", "ResolvingOutcome")


def test_a_busy_vault_is_called_only_once_no_record_of_it_is_open() -> None:
    life = busy()
    assert isinstance(life.at(0).action, LookAtVault)
    other = record(destination_region="region3")
    waiting = life.at(1, look(other))
    assert isinstance(waiting.action, LookAtVault)
    assert (waiting.action.within, waiting.action.always) == (None, False)
    assert isinstance(life.at(600).action, LookAtVault)
    life.at(601, look(record(state=ENDED)))
    assert isinstance(life.at(602).action, Submit)


def test_a_busy_vault_that_cannot_be_looked_at_stays_busy_and_says_why() -> None:
    life = busy()
    life.at(0, NO_ANSWER)
    assert life.status.submission is not None
    assert (life.status.submission.attempt, life.status.submission.reason) == (2, "WaitingForVault")
    assert "connection refused" in life.message("Submitted")
    assert life.at(1).action is None
    assert isinstance(life.at(60).action, LookAtVault)


def test_a_failed_look_keeps_an_older_object_from_calling_and_pauses() -> None:
    life = older()
    failed = life.at(0, NO_ANSWER)
    assert (failed.action, failed.again) == (None, 5.0)
    assert life.said("Submitted") == ("Unknown", "EndpointUnreachable")
    assert life.at(1).action is None
    assert isinstance(life.at(6).action, LookAtVault)


def test_a_refused_token_is_named_whatever_else_there_is() -> None:
    refused = LookFailure("HTTP 401", Reason.AUTHENTICATION_FAILED, for_a_person=True, credential_version="6")
    for life in (busy(), older()):
        life.at(0, refused)
        assert life.said("Submitted") == ("Unknown", "AuthenticationFailed")
        assert life.status.submission is not None
        assert life.status.submission.credential_version == "6"  # the one that was refused; by now there is another


def test_a_secret_that_is_back_by_now_is_no_failure() -> None:
    gone = LookFailure("Secret 'cbr-token' does not exist.", Reason.WAITING_FOR_SECRET, again=10.0)
    for life in (busy(), older()):
        again = life.at(0, gone)
        assert isinstance(again.action, LookAtVault)
        assert again.action.always
        life.at(1, look())
        assert isinstance(life.at(2).action, Submit)
    lost = older(credential=SecretProblem("Secret 'cbr-token' does not exist."))
    lost.at(0, gone)
    assert lost.said("Accepted") == ("Unknown", "WaitingForSecret")


def test_that_there_is_no_such_vault_is_for_the_call_to_tell() -> None:
    life = older()
    life.at(0, LookFailure("HTTP 404: BackupService.6105", code="6105"))
    assert isinstance(life.at(1).action, Submit)


def test_the_deadline_ends_waiting_for_a_busy_vault_and_no_look_under_way() -> None:
    life = busy()
    assert isinstance(life.at(86_400).action, LookAtVault)
    life.at(86_401, look(record()))
    assert life.said() == ("False", "SubmissionDeadlineExceeded")
    looking = older()
    looking.at(86_400, look(record()))
    assert looking.said("Submitted") == ("Unknown", "ResolvingOutcome")


def test_a_suspended_object_does_not_look() -> None:
    held = replication(spec=spec(suspend=True))
    assert Life(held, older=True).at(0).action is None
