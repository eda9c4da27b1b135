"""Laws that hold for whatever the cloud shows of a call that was made, in whatever order."""

from copy import copy
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cbr_operator.kinds.common import format_micro_time
from cbr_operator.kinds.reasons import Reason
from cbr_operator.kinds.replication_status import BackupState
from cbr_operator.rules.claims import Claims
from cbr_operator.rules.conditions import is_final
from cbr_operator.rules.looks import LookFailure
from cbr_operator.rules.records import Look
from cbr_operator.rules.view import Submit
from ground.conditions import check_conditions
from ground.looks import NO_ANSWER, Life, at, listed, living, logged, look, record
from ground.objects import NOW, POLICY, spec, submitted_as

RECORDS = st.lists(
    st.builds(
        lambda number, state, created, to: record(f"r{number}", state=state, created_at=created, **to),
        st.integers(0, 4),
        st.sampled_from(BackupState),
        st.sampled_from([at(-100), at(1), at(1), at(250), ""]),
        st.sampled_from([{}, {}, {"destination_region": "region3"}, {"auto_trigger": None}]),
    ),
    max_size=4,
    unique_by=lambda each: each.id,
)
LOOKS = st.builds(
    lambda records, log, without, since, failed: look(
        *records,
        backups=3,
        without_records=without,
        log=None if failed else log,
        log_since=since,
        log_failed="HTTP 500" if failed else "",
    ),
    RECORDS,
    st.sampled_from([None, (), (), (logged(),), (logged(state=BackupState.SUCCEEDED), logged(created_at=at(-99)))]),
    st.sampled_from([0, 0, 0, 1]),
    st.sampled_from([None, NOW - timedelta(seconds=1), NOW - timedelta(days=1), NOW]),
    st.sampled_from([False, False, True]),
)
FAILURES = st.sampled_from(
    [
        NO_ANSWER,
        LookFailure("HTTP 401", Reason.AUTHENTICATION_FAILED, for_a_person=True),
        LookFailure("Secret 'x' does not exist.", Reason.WAITING_FOR_SECRET),
        LookFailure("HTTP 404: BackupService.6105", code="6105"),
    ]
)


@dataclass
class Step:
    after: float
    seen: Look | LookFailure | None
    claimed: frozenset[str]


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from([0.0, 1.0, 16.0, 31.0, 60.0, 200.0, 90_000.0]),
        st.one_of(st.none(), LOOKS, LOOKS, FAILURES),
        st.frozensets(st.sampled_from([f"r{each}" for each in range(5)]), max_size=2),
    ),
    min_size=1,
    max_size=8,
)
STATUSES = st.sampled_from(
    [
        {},
        submitted_as("Pending"),
        submitted_as("Unknown", firstUnknownAt=format_micro_time(NOW)),
        submitted_as("Unknown", attempt=3, firstUnknownAt=format_micro_time(NOW - timedelta(hours=1))),
        submitted_as("NotSubmitted", reason="WaitingForVault"),
        {**submitted_as("Submitted"), "backups": [*listed("r0", "r1"), {"backupID": "backup-of-r2"}]},
        {**submitted_as("Submitted"), "backups": listed("r0"), "backupsOmitted": 2},
        {**submitted_as("Adopted"), "backups": listed("r0")},
        submitted_as("NotNeeded"),
        {**submitted_as("NotSubmitted", attempt=2), "backups": listed("r0")},
    ]
)


@settings(max_examples=300)
@given(status=STATUSES, steps=STEPS, tracked=st.booleans())
def test_laws_of_looking(status: dict[str, Any], steps: list[Step], *, tracked: bool) -> None:
    life = living(status, spec=spec(tracking={"enabled": tracked}), older=True)
    seconds, ended, looks = 0.0, False, 0
    for step in steps:
        seconds += step.after
        before = life.now
        memory = life.memory
        decision = life.at(seconds, step.seen, claims=Claims(step.claimed))
        looks += isinstance(step.seen, Look)
        if life.status.conditions:
            check_conditions(life.status)
        # Somebody decides again: an event, a timer, a look; unless it has ended and nothing is left to do.
        final = is_final(life.status)
        assert final or decision.action is not None or decision.again is not None
        assert not (ended and not final)
        ended = ended or final
        assert_nothing_claimed_is_adopted(before.status.backups, life, step.claimed)
        submission, earlier = life.status.submission, before.status.submission
        if isinstance(decision.action, Submit):
            assert not before.status.backups
            assert earlier is None or earlier.outcome == "NotSubmitted"
            return
        if earlier is not None and submission is not None and earlier.outcome == "Unknown" != submission.outcome:
            if submission.outcome == "NotSubmitted":
                assert_proven(step, memory.since, 1000.0 + seconds, looks)
                assert earlier.first_unknown_at == earlier.cloud_time
            assert submission.first_unknown_at == earlier.first_unknown_at
        assert_settles(life, step, seconds)


def assert_nothing_claimed_is_adopted(before: Any, life: Life, claimed: frozenset[str]) -> None:
    known = {each.replication_record_id for each in before}
    assert not {each.replication_record_id for each in life.status.backups} - known & claimed


def assert_proven(step: Step, since: float, now: float, looks: int) -> None:
    seen = step.seen
    assert isinstance(seen, Look)
    assert looks >= 2
    assert now - since >= POLICY.proof_takes
    assert seen.shows_records
    assert not seen.log_failed
    assert seen.log_since is not None
    for each in (*seen.records, *(seen.log or ())):
        elsewhere = each.destination_region == "region3"
        assert elsewhere or (each.created is not None and each.created < NOW)


def assert_settles(life: Life, step: Step, seconds: float) -> None:
    """The same thing shown over and over at one moment comes to rest: nothing is written in a loop."""
    other = copy(life)
    for number in range(8):
        writes = other.writes
        other.at(seconds, step.seen, claims=Claims(step.claimed))
        assert number < 5 or other.writes == writes
