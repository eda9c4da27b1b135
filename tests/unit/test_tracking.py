"""Following the copying to its end: what is written, when, and how it ends."""

from datetime import timedelta
from typing import Any

import pytest

from cbr_operator.kinds.common import format_time
from cbr_operator.kinds.reasons import Reason
from cbr_operator.kinds.replication_status import BackupState
from cbr_operator.rules.claims import Claims
from cbr_operator.rules.endings import after_submission
from cbr_operator.rules.lanes import place_of
from cbr_operator.rules.looks import LookFailure
from cbr_operator.rules.view import LookAtVault, Policy
from ground.looks import NO_ANSWER, Life, at, listed, living, logged, look, record
from ground.objects import NOW, POLICY, spec, submitted_as

DONE, FAILED, SKIPPED, WAITING = BackupState.SUCCEEDED, BackupState.FAILED, BackupState.SKIPPED, BackupState.WAITING
LATE = 200.0
"""Seconds after which a record must have shown itself."""
DAYS = 2 * 86_400


def conditions(submitted: tuple[str, str], succeeded: tuple[str, str], count: int = 0) -> list[dict[str, Any]]:
    return [
        {
            "type": type_,
            "status": status,
            "reason": reason,
            "message": after_submission(count, tracked=True).message,
            "lastTransitionTime": format_time(NOW),
            "observedGeneration": 1,
        }
        for type_, (status, reason) in (("Submitted", submitted), ("Succeeded", succeeded))
    ]


def followed(*ids: str, outcome: str = "Submitted", spec: dict[str, Any] | None = None, **parts: Any) -> Life:
    """An object whose call was taken for these records just now."""
    status = {**submitted_as(outcome), "backups": listed(*ids), "summary": {"total": len(ids), "waiting": len(ids)}}
    status["conditions"] = conditions(("True", "Submitted"), ("Unknown", "Replicating"), len(ids))
    status |= {"observedGeneration": 1, "progress": f"0/{len(ids)}"}
    return living({**status, **parts.pop("status", {})}, spec=spec, **parts)


def not_needed(**parts: Any) -> Life:
    status = submitted_as("NotNeeded")
    status["conditions"] = conditions(("False", "NotNeeded"), ("Unknown", "Replicating"))
    return living(status, **parts)


def counts(life: Life) -> tuple[str, int]:
    assert life.status.summary is not None
    return life.status.progress, life.status.summary.progress


def test_it_is_looked_at_with_the_next_regular_look_and_not_asked_about_what_did_not_change() -> None:
    decision = followed("r1").at(0)
    assert isinstance(decision.action, LookAtVault)
    assert (decision.action.within, decision.action.always, decision.action.log_since) == (None, False, None)
    assert decision.again == DAYS


def test_three_backups_to_success_take_one_write_a_change() -> None:
    life = followed("r1", "r2", "r3")
    rounds = (
        [record("r1"), record("r2", state=WAITING), record("r3", state=WAITING)],
        [record("r1", state=DONE), record("r2"), record("r3", state=WAITING)],
        [record("r1", state=DONE), record("r2", state=DONE), record("r3", state=DONE)],
    )
    for number, shown in enumerate(rounds):
        life.at(15.0 * number, look(*shown))
        life.at(15.0 * number + 1, look(*shown))
    assert life.writes == 3
    assert (life.said(), counts(life)) == (("True", "AllReplicated"), ("3/3", 100))
    assert life.status.completion_time is not None


@pytest.mark.parametrize(
    ("states", "succeeded", "words"),
    [
        ((DONE, DONE), ("True", "AllReplicated"), "2 backups copied"),
        ((DONE, SKIPPED), ("True", "AllReplicated"), "1 backup needed none"),
        ((SKIPPED, SKIPPED), ("True", "NothingToReplicate"), "skipped 2 backups"),
        ((DONE, FAILED), ("False", "PartiallyFailed"), "1 of 2 backups could not be copied: backup-of-r2 (E.1: why)"),
        ((FAILED, FAILED), ("False", "ReplicationFailed"), "None of 2 backups could be copied"),
        ((SKIPPED, FAILED), ("False", "ReplicationFailed"), "None of 1 backup could be copied, and 1 needed no copy"),
    ],
)
def test_the_ends(states: tuple[BackupState, BackupState], succeeded: tuple[str, str], words: str) -> None:
    life = followed("r1", "r2")
    failing = {"fail_code": "E.1", "fail_reason": "why."}
    life.at(0, look(*(record(f"r{number}", state=state, **failing) for number, state in enumerate(states, 1))))
    assert life.said() == succeeded
    assert words in life.message()
    assert (life.status.condition("Stalled") is not None) == (succeeded[0] == "False")
    before = life.status
    life.at(60, look())
    assert life.status == before


def test_progress_alone_is_written_in_steps_of_ten_points_and_not_too_often() -> None:
    life = followed("r1")
    life.at(0, look(record(progress=0)))
    for seconds, progress in ((16, 9), (17, 10), (20, 21)):
        life.at(seconds, look(record(progress=progress)))
    assert (life.writes, counts(life)[1]) == (2, 10)
    waiting = life.at(25, look(record(progress=30)))
    assert isinstance(waiting.action, LookAtVault)
    assert waiting.action.always
    assert waiting.action.within == pytest.approx(15 * 1.01 - 8)
    life.at(33, look(record(progress=30)))
    assert (life.writes, counts(life)[1]) == (3, 30)


def test_a_long_list_is_written_less_often_and_its_end_at_once() -> None:
    ids = [f"r{number}" for number in range(200)]
    life = followed(*ids)
    life.at(0, look(*map(record, ids)))
    life.at(15, look(record("r0", state=DONE), *map(record, ids[1:])))
    assert life.writes == 1
    life.at(31, look(record("r0", state=DONE), *map(record, ids[1:])))
    assert life.writes == 2
    life.at(32, look(*(record(each, state=DONE) for each in ids)))
    assert life.said() == ("True", "AllReplicated")


def test_a_record_is_awaited_as_long_as_it_may_still_appear() -> None:
    life = followed("r1")
    waiting = life.at(100, look())
    assert isinstance(waiting.action, LookAtVault)
    assert waiting.action.within == 80.0
    assert (life.writes, life.status.backups[0].state) == (0, "Waiting")
    again = life.at(LATE, look())
    assert isinstance(again.action, LookAtVault)
    assert (again.action.within, again.action.log_since) == (0.0, NOW)


def test_waiting_for_a_record_counts_from_the_last_call() -> None:
    later = {"firstUnknownAt": format_time(NOW), "cloudTime": at(600)}
    life = followed("r1", status=submitted_as("Submitted", **later))
    life.at(700, look(log=(), log_since=NOW))
    assert life.status.backups[0].state == "Waiting"


def test_where_no_record_is_shown_the_log_is_followed_to_the_end() -> None:
    life = followed("r1", "r2")
    life.at(LATE, look(log=(logged(),), log_since=NOW, without_records=3))
    assert life.said() == ("Unknown", "Replicating")
    assert "shows no replication records with its backups; the operation log is followed" in life.message()
    assert "tells nothing of 1 backup" in life.message()
    both = (logged(state=DONE), logged("backup-of-r2", state=FAILED))
    life.at(LATE + 15, look(log=both, log_since=NOW, without_records=3))
    assert life.said() == ("False", "PartiallyFailed")


def test_a_log_of_later_lines_alone_is_not_taken_for_the_whole() -> None:
    life = followed("r1")
    again = life.at(LATE, look(log=(), log_since=NOW + timedelta(seconds=60)))
    assert isinstance(again.action, LookAtVault)
    assert (again.action.within, life.status.backups[0].state) == (0.0, "Waiting")


def test_neither_records_nor_log_is_said_and_is_no_failure() -> None:
    life = followed("r1")
    life.at(LATE, look(log=None, log_since=NOW))
    assert life.said() == ("Unknown", "CannotLook")
    assert life.status.backups[0].state == "Unknown"
    assert life.status.condition("Reconciling") is not None
    writes = life.writes
    life.at(LATE + 15, look(log=None, log_since=NOW))
    assert life.writes == writes
    life.at(LATE + 30, look(record()))
    assert life.said() == ("Unknown", "Replicating")


def test_a_log_that_fails_is_a_failed_look_only_to_whoever_needs_it() -> None:
    failing: dict[str, Any] = {"log_since": NOW, "log_failed": "Reading the operation log failed: HTTP 500"}
    life, other = followed("r1"), followed("r1")
    for number in range(3):
        life.at(LATE + 15 * number, look(**failing))
        other.at(LATE + 15 * number, look(record(state=DONE), **failing))
    assert life.said() == ("Unknown", "CannotLook")
    assert "HTTP 500" in life.message()
    assert life.status.backups[0].state == "Waiting"
    assert other.said() == ("True", "AllReplicated")


@pytest.mark.parametrize("called", [{}, {"cloudTime": "", "intentTime": ""}])
def test_a_status_without_any_time_asks_for_no_log_again_and_again(called: dict[str, str]) -> None:
    life = followed(
        "r1", status={"submission": {"outcome": "Submitted", "target": submitted_as("x")["submission"]["target"]}}
    )
    decision = life.at(LATE, look())
    assert isinstance(decision.action, LookAtVault)
    assert (decision.action.within, life.said()) == (None, ("Unknown", "CannotLook"))


def test_three_failed_polls_are_told_once_and_are_over_with_the_first_good_one() -> None:
    life = followed("r1")
    for seconds in (0, 15):
        life.at(seconds, NO_ANSWER)
    assert life.writes == 0
    life.at(30, NO_ANSWER)
    assert life.said() == ("Unknown", "CannotLook")
    assert life.said("Reconciling") == ("True", "CannotLook")
    assert "connection refused" in life.message()
    for seconds in (45, 60, 75, 90):
        life.at(seconds, LookFailure(f"{seconds} times otherwise"))
    assert life.writes == 1
    life.at(105, look(record()))
    assert life.said() == ("Unknown", "Replicating")


@pytest.mark.parametrize(
    ("reason", "told_at"), [(Reason.AUTHENTICATION_FAILED, (0,)), (Reason.PERMISSION_DENIED, (0, 15, 30))]
)
def test_only_a_person_can_mend_a_refused_token_or_a_missing_permission(
    reason: Reason, told_at: tuple[int, ...]
) -> None:
    life = followed("r1")
    for seconds in told_at:
        life.at(seconds, LookFailure("HTTP 401", reason, for_a_person=True))
    assert life.said("Stalled") == ("True", "CannotLook")
    assert life.status.condition("Reconciling") is None
    life.at(45, look(record()))
    assert life.said("Reconciling") == ("True", "Replicating")
    assert life.status.condition("Stalled") is None


def test_an_endpoint_that_may_not_be_called_any_more_is_said_and_the_deadline_still_ends_it() -> None:
    target = {"endpoint": "https://gone.example.com"}
    life = followed("r1", status=submitted_as("Submitted", target=target))
    decision = life.at(0)
    assert (decision.action, life.said(), decision.again) == (None, ("Unknown", "CannotLook"), DAYS)
    life.at(DAYS)
    assert life.said() == ("False", "TrackingDeadlineExceeded")


def test_the_deadline_counts_from_the_answer_and_ends_the_following() -> None:
    life = followed("r1", "r2", spec=spec(tracking={"deadlineSeconds": 600}))
    assert life.at(500, look(record("r1", state=DONE), record("r2"))).again == 100.0
    life.at(600, look(record("r1", state=DONE), record("r2")))
    assert life.said() == ("False", "TrackingDeadlineExceeded")
    assert "600 seconds after its submission; 1/2 backups had come to their end" in life.message()


def test_what_ended_in_time_is_not_failed_because_nobody_looked() -> None:
    absent = Policy(POLICY.allowed_endpoints, "h", led_since=NOW + timedelta(seconds=700))
    for shown, succeeded in (
        (look(record(state=DONE)), ("True", "AllReplicated")),
        (look(record()), ("False", "TrackingDeadlineExceeded")),
        (NO_ANSWER, ("False", "TrackingDeadlineExceeded")),
    ):
        life = followed("r1", spec=spec(tracking={"deadlineSeconds": 600}), policy=absent)
        first = life.at(701)
        assert isinstance(first.action, LookAtVault)
        assert first.action.within == 0.0
        life.at(702, shown)
        assert life.said() == succeeded


def test_what_was_not_needed_follows_what_another_call_has_under_way() -> None:
    life = not_needed(claims=Claims(frozenset({"r3"})))
    first = life.at(0)
    assert isinstance(first.action, LookAtVault)
    assert first.action.within == 0.0
    life.at(1, look(record("r1", created_at=at(-999)), record("r2", state=DONE), record("r3")))
    assert [each.replication_record_id for each in life.status.backups] == ["r1"]
    assert life.said("Submitted") == ("False", "NotNeeded")
    assert life.said() == ("Unknown", "Replicating")
    life.at(16, look(record("r1", state=DONE)))
    assert life.said() == ("True", "AllReplicated")


@pytest.mark.parametrize("shown", [look(), look(record(state=DONE)), look(record(destination_region="region3"))])
def test_what_was_not_needed_and_is_not_under_way_is_over(shown: Any) -> None:
    life = not_needed()
    life.at(1, shown)
    assert life.said() == ("True", "NothingToReplicate")


def test_a_spec_that_cannot_be_read_ends_by_the_default_deadline() -> None:
    life = followed("r1", spec={"source": 5})
    assert life.at(0).again == DAYS
    life.at(DAYS)
    assert life.said() == ("False", "TrackingDeadlineExceeded")
    assert "172800 seconds" in life.message()


def test_a_reason_of_another_version_is_replaced() -> None:
    life = followed("r1", status={"conditions": conditions(("True", "Novel"), ("Unknown", "Newer"))})
    life.at(0, look(record()))
    assert life.said("Submitted") == ("True", "Submitted")
    assert life.said() == ("Unknown", "Replicating")


def test_an_object_holds_its_lane_while_records_are_known_to_be_open() -> None:
    def holds(life: Life) -> bool:
        place = place_of(life.now)
        return place is not None and place.holds

    life = followed("r1")
    assert holds(life)
    for seconds, shown, held in (
        (LATE, look(log=None, log_since=NOW), False),
        (LATE + 15, look(record()), True),
        (LATE + 30, look(record(state=DONE)), False),
    ):
        life.at(seconds, shown)
        assert holds(life) is held
