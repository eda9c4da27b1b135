"""What keeps a look from going well, what that means for the call, and what is remembered of looks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbr_operator.kinds.reasons import Reason
from cbr_operator.kinds.replication_status import Outcome, Submission
from cbr_operator.ports import Body, Facts
from cbr_operator.rules.looks import (
    LookFailure,
    Memory,
    failure_of,
    is_stable,
    judge_clock_look,
    remembered,
    verdict_of,
    with_look,
)
from ground.looks import NO_ANSWER, look, record
from ground.objects import TOKEN
from ground.vault import answered

SETTLE = 120.0


def code(number: str, status: int) -> Facts:
    return answered({"error_code": number, "error_msg": f"no, {TOKEN}"}, status=status)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (Facts(sent=False, failure=f"no connection, {TOKEN}"), Reason.ENDPOINT_UNREACHABLE),
        (code("BackupService.9910", 500), Reason.ENDPOINT_UNREACHABLE),
        (code("BackupService.9998", 500), Reason.ENDPOINT_UNREACHABLE),
        (code("BackupService.9998", 400), Reason.AUTHENTICATION_FAILED),
        (code("APIGW.0302", 400), Reason.PERMISSION_DENIED),
        (code("APIGW.0308", 400), Reason.RATE_LIMITED),
        (code("", 401), Reason.AUTHENTICATION_FAILED),
        (code("", 407), Reason.AUTHENTICATION_FAILED),
        (code("", 403), Reason.PERMISSION_DENIED),
        (code("", 429), Reason.RATE_LIMITED),
        (code("", 408), Reason.ENDPOINT_UNREACHABLE),
        (code("", 302), Reason.ENDPOINT_UNREACHABLE),
    ],
)
def test_a_failed_read_has_the_reason_that_the_call_would_have(facts: Facts, reason: Reason) -> None:
    failure = failure_of(facts, token=TOKEN, what="Reading")
    assert failure is not None
    assert failure.reason is reason
    assert failure.said.startswith("Reading failed: ")
    assert TOKEN not in failure.said
    verdict = verdict_of(failure)
    assert (verdict.outcome, verdict.reason) == (Outcome.NOT_SUBMITTED, reason)


@pytest.mark.parametrize("status", [200, 204])
def test_an_answer_is_no_failure(status: int) -> None:
    assert failure_of(Facts(sent=False, status=status, body_state=Body.WHOLE), token=TOKEN, what="Reading") is None


@pytest.mark.parametrize(
    ("facts", "held"),
    [
        (answered({}), False),
        (code("BackupService.6105", 404), False),
        (code("", 400), False),
        (code("BackupService.9998", 400), True),
        (code("", 401), True),
        (code("", 403), True),
        (code("", 429), True),
        (code("", 408), True),
        (code("", 503), True),
        (Facts(sent=False, failure="the name was not found"), True),
    ],
)
def test_a_clock_look_that_was_refused_for_the_call_itself_is_left_to_the_call(facts: Facts, *, held: bool) -> None:
    assert (judge_clock_look(facts, token=TOKEN) is not None) is held


def test_what_a_pause_is_told_reaches_the_verdict() -> None:
    assert verdict_of(LookFailure("slow", retry_after=9.0)).retry_after == 9.0
    assert verdict_of(LookFailure("slow")).retry_after is None


def test_memory_begins_anew_with_each_attempt_and_outcome() -> None:
    first = remembered(Memory(), Submission(outcome="Unknown", attempt=1), boottime=5.0)
    assert (first.since, first.looks) == (5.0, 0)
    later = with_look(first, look(), [])
    assert remembered(later, Submission(outcome="Unknown", attempt=1), boottime=9.0) is later
    for other in (Submission(outcome="Unknown", attempt=2), Submission(outcome="Adopted", attempt=1), None):
        assert remembered(later, other, boottime=9.0).since == 9.0


LOOKS = st.lists(st.none() | st.sets(st.sampled_from("abc")), min_size=1, max_size=12)


@given(LOOKS)
def test_a_set_is_stable_only_if_all_looks_of_a_quarter_of_the_settle_time_showed_it(
    shown: list[set[str] | None],
) -> None:
    memory = Memory(since=0.0)
    for number, ids in enumerate(shown):
        if ids is None:
            memory = with_look(memory, NO_ANSWER, [])
            continue
        seen = look(*map(record, sorted(ids)), started=10.0 * number)
        memory = with_look(memory, seen, list(seen.records))
        good = [(10.0 * at, each) for at, each in enumerate(shown[: number + 1]) if each is not None]
        since = next((at for at, _ in good if all(later == ids for when, later in good if when >= at)), 10.0 * number)
        assert is_stable(memory, seen, settle=SETTLE) == (bool(ids) and 10.0 * number - since >= SETTLE / 4)
    failing = 0
    for each in shown:
        failing = failing + 1 if each is None else 0
    assert (memory.looks, memory.failures) == (sum(each is not None for each in shown), failing)
