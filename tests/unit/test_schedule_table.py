"""Clock, schedule and state: what runs, what is skipped, and when the next one starts."""

# ruff: noqa: E501 - a row of the table is a line

from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple

import pytest

from cbr_operator.kinds.common import format_time
from cbr_operator.kinds.schedule import Schedule
from cbr_operator.rules.runs import Run, RunState
from cbr_operator.rules.schedule import decide_schedule
from cbr_operator.rules.schedule_view import ScheduleDecision, ScheduleView
from cbr_operator.rules.slots import jitter_of
from ground.schedules import NAME, moment, run, schedule, seen

ASKED = {"annotations": {"cbr-operator.io/run-now": "please"}}
RESTORED = {"labels": {"velero.io/restore-name": "x"}}
OK, BAD, HELD = RunState.SUCCEEDED, RunState.FAILED, RunState.HELD


class Seen(NamedTuple):
    """What came of a row: the runs that were started, how many times were skipped, the reason of Ready."""

    started: str
    skipped: int
    reason: str
    following: str = ""


def play(of: Schedule, now: str, runs: tuple[Run, ...] = ()) -> tuple[list[str], ScheduleDecision]:
    """Decide until nothing is to be created, as the engine does; the names of what was."""
    created: list[str] = []
    view = ScheduleView(of, moment(now), runs=runs)
    while True:
        decision = decide_schedule(view)
        if decision.create is None:
            return created, decision
        created.append(decision.create["metadata"]["name"])
        assert len(created) == len(set(created)) <= 2
        view = replace(view, runs=(*view.runs, _made(view, decision)), created=view.created | {created[-1]})


def _made(view: ScheduleView, decision: ScheduleDecision) -> Run:
    made = run(view.now)
    assert decision.create is not None
    metadata = decision.create["metadata"]
    slot = metadata["annotations"].get("cbr-operator.io/scheduled-time")
    return replace(
        made, name=metadata["name"], uid=metadata["name"], slot=moment(slot[:16].replace("T", " ")) if slot else None
    )


def told(of: Schedule, now: str, runs: tuple[Run, ...]) -> Seen:
    created, decision = play(of, now, runs)
    assert decision.status is not None
    started = " ".join("now" if "-r-" in each else _slot(each) for each in created)
    ready = next(each for each in decision.status.conditions if each.type == "Ready")
    following = decision.status.next_schedule_time
    skipped = (decision.status.skipped_runs or 0) - (of.status.skipped_runs or 0)
    return Seen(started, skipped, ready.reason, f"{following:%d %H:%M}" if following else "-")


def _slot(name: str) -> str:
    return f"{moment('1970-01-01 00:00') + timedelta(minutes=int(name.rpartition('-')[2])):%d %H:%M}"


NEW = {"observedGeneration": -1}
YESTERDAY = seen(last="2026-03-01 02:00", since="2026-02-01 00:00", lastSuccessfulTime="2026-03-01T03:00:00Z")
HOURLY: dict[str, Any] = {"schedule": "0 * * * *"}
OLD_HOURLY = seen(last="02:00", observedSchedule="0 * * * * UTC", lastSuccessfulTime="2026-03-02T02:10:00Z")
SUSPENDED = seen(last="2026-02-20 02:00", since="", observedSchedule="")

Row = tuple[str, dict[str, Any], str, tuple[Run, ...], Seen]
ROWS: list[Row] = [
    # A Schedule that was never seen counts since it was created (on 1 March at 12:00).
    ("new, long before its first time", {"status": NEW}, "2026-03-01 12:00", (), Seen("", 0, "Scheduled", "02 02:00")),
    ("new, just before", {"status": NEW}, "01:59", (), Seen("", 0, "Scheduled", "02 02:00")),
    ("new, at its first time", {"status": NEW}, "02:00", (), Seen("02 02:00", 0, "Scheduled", "03 02:00")),
    ("created at one of its times", {"status": NEW, "schedule": "0 12 * * *"}, "2026-03-01 12:00", (), Seen("", 0, "Scheduled", "02 12:00")),
    ("created just after one", {"status": NEW, "schedule": "59 11 * * *"}, "2026-03-01 12:00", (), Seen("", 0, "Scheduled", "02 11:59")),
    ("new, the operator was away", {"status": NEW}, "02:59", (), Seen("02 02:00", 0, "Scheduled", "03 02:00")),
    ("new, away for too long", {"status": NEW}, "03:01", (), Seen("", 1, "Scheduled", "03 02:00")),
    ("new and suspended", {"status": NEW, "suspend": True}, "02:00", (), Seen("", 0, "Suspended", "-")),
    ("created in the clock's future", {"status": NEW}, "2026-03-01 02:00", (), Seen("", 0, "Scheduled", "02 02:00")),
    # A night as any other.
    ("before", {"status": YESTERDAY}, "01:59", (), Seen("", 0, "Scheduled", "02 02:00")),
    ("at", {"status": YESTERDAY}, "02:00", (), Seen("02 02:00", 0, "Scheduled", "03 02:00")),
    ("a little late", {"status": YESTERDAY}, "02:01", (), Seen("02 02:00", 0, "Scheduled", "03 02:00")),
    ("after it was run", {"status": seen(last="02:00")}, "02:01", (), Seen("", 0, "Scheduled", "03 02:00")),
    ("after it was skipped", {"status": seen(skipped="02:00")}, "02:01", (), Seen("", 0, "Scheduled", "03 02:00")),
    # A crash between the run and the status: the run tells.
    ("run created, not recorded", {"status": YESTERDAY}, "02:01", (run("02:00"),), Seen("", 0, "Scheduled", "03 02:00")),
    ("created and ended", {"status": YESTERDAY}, "02:50", (run("02:00", OK),), Seen("", 0, "Scheduled", "03 02:00")),
    ("created and failed", {"status": YESTERDAY}, "02:50", (run("02:00", BAD),), Seen("", 0, "LastRunFailed", "03 02:00")),
    ("created, then away for days", {"status": YESTERDAY}, "2026-03-04 02:10", (run("02:00", OK),), Seen("04 02:00", 1, "Scheduled", "05 02:00")),
    ("created long ago, unfinished", {"status": YESTERDAY}, "2026-03-03 02:10", (run("02:00"),), Seen("", 1, "Scheduled", "04 02:00")),
    # Outages: at most one run is made up for.
    ("one time missed, in time", {"status": YESTERDAY}, "03:00", (), Seen("02 02:00", 0, "Scheduled", "03 02:00")),
    ("one time missed, too late", {"status": YESTERDAY}, "03:01", (), Seen("", 1, "Scheduled", "03 02:00")),
    ("a week missed, the last in time", {"status": YESTERDAY}, "2026-03-09 02:10", (), Seen("09 02:00", 7, "Overdue", "10 02:00")),
    ("a week missed, all too late", {"status": YESTERDAY}, "2026-03-09 12:00", (), Seen("", 8, "Overdue", "10 02:00")),
    ("an hour missed, by the minute", {"schedule": "* * * * *", "status": seen(last="02:00", observedSchedule="* * * * * UTC")}, "03:00", (), Seen("02 03:00", 59, "Overdue", "02 03:01")),
    ("a short deadline, in time", {"status": YESTERDAY, "startingDeadlineSeconds": 60}, "02:01", (), Seen("02 02:00", 0, "Scheduled", "03 02:00")),
    ("a short deadline, too late", {"status": YESTERDAY, "startingDeadlineSeconds": 59}, "02:01", (), Seen("", 1, "Scheduled", "03 02:00")),
    ("a deadline longer than the period", {**HOURLY, "status": OLD_HOURLY, "startingDeadlineSeconds": 86400}, "07:30", (), Seen("02 07:00", 4, "Scheduled", "02 08:00")),
    # Clocks.
    ("the clock went back an hour", {"status": seen(last="02:00")}, "01:30", (), Seen("", 0, "Scheduled", "03 02:00")),
    ("back by days", {"status": seen(last="2026-03-05 02:00", lastSuccessfulTime="2026-03-05T03:00:00Z")}, "2026-03-02 02:00", (), Seen("", 0, "Overdue", "06 02:00")),
    ("back by a day", {"status": seen(last="2026-03-03 02:00", lastSuccessfulTime="2026-03-03T03:00:00Z")}, "2026-03-02 02:00", (), Seen("", 0, "Scheduled", "04 02:00")),
    ("back, and the run alone tells", {"status": YESTERDAY}, "01:30", (run("02:00"),), Seen("", 0, "Scheduled", "03 02:00")),
    ("a run of a time far away says nothing", {"status": YESTERDAY}, "02:00", (run("3000-01-01 02:00", HELD),), Seen("02 02:00", 0, "Scheduled", "03 02:00")),
    ("forwards is an outage", {"status": YESTERDAY}, "2026-05-02 02:00", (), Seen("02 02:00", 61, "Overdue", "03 02:00")),
    # Suspended and resumed.
    ("suspended at its time", {"status": YESTERDAY, "suspend": True}, "02:00", (), Seen("", 0, "Suspended", "-")),
    ("suspended for long", {"status": SUSPENDED, "suspend": True}, "02:00", (), Seen("", 0, "Suspended", "-")),
    ("resumed right after its time", {"status": SUSPENDED}, "02:01", (), Seen("", 0, "Scheduled", "03 02:00")),
    ("resumed at its time", {"status": SUSPENDED}, "02:00", (), Seen("", 0, "Scheduled", "03 02:00")),
    ("resumed before its time", {"status": SUSPENDED}, "01:00", (), Seen("", 0, "Scheduled", "02 02:00")),
    # Changed.
    ("the line changed, one would be due", {**HOURLY, "status": YESTERDAY}, "02:30", (), Seen("", 0, "Scheduled", "02 03:00")),
    ("the line changed at a time of the new one", {**HOURLY, "status": YESTERDAY}, "03:00", (), Seen("", 0, "Scheduled", "02 04:00")),
    ("the zone changed", {"timeZone": "Europe/Berlin", "status": YESTERDAY}, "02:30", (), Seen("", 0, "Scheduled", "03 01:00")),
    ("only the jitter changed", {"jitterSeconds": 60, "status": YESTERDAY}, "02:02", (), Seen("02 02:00", 0, "Scheduled", "03 02:00")),
    ("the line is no good", {"schedule": "0 2 31 2 *", "status": YESTERDAY}, "02:00", (), Seen("", 0, "InvalidSchedule", "-")),
    ("the zone is none", {"timeZone": "Mars/Olympus", "status": YESTERDAY}, "02:00", (), Seen("", 0, "InvalidSchedule", "-")),
    ("mended right after a time", {"status": seen(last="2026-03-01 02:00", since="", observedSchedule="")}, "02:30", (), Seen("", 0, "Scheduled", "03 02:00")),
    # Forbid and Allow.
    ("Forbid, one is unfinished", {"status": YESTERDAY}, "02:00", (run("2026-03-01 02:00"),), Seen("", 1, "Scheduled", "03 02:00")),
    ("Forbid, one is held", {"status": YESTERDAY}, "02:00", (run("2026-03-01 02:00", HELD),), Seen("02 02:00", 0, "Scheduled", "03 02:00")),
    ("Forbid, one has ended", {"status": YESTERDAY}, "02:00", (run("2026-03-01 02:00", OK),), Seen("02 02:00", 0, "Scheduled", "03 02:00")),
    ("Forbid, a run by annotation is unfinished", {"status": YESTERDAY}, "02:00", (run("2026-03-01 02:00", slot=None, name="nightly-r-0"),), Seen("", 1, "Scheduled", "03 02:00")),
    ("Forbid, once it has ended nothing is made up", {"status": seen(skipped="02:00", last="2026-03-01 02:00")}, "02:30", (run("2026-03-01 02:00", OK),), Seen("", 0, "Scheduled", "03 02:00")),
    ("Allow, one is unfinished", {"status": YESTERDAY, "concurrencyPolicy": "Allow"}, "02:00", (run("2026-03-01 02:00"),), Seen("02 02:00", 0, "Scheduled", "03 02:00")),
    ("Allow, after an outage still one", {**HOURLY, "status": OLD_HOURLY, "concurrencyPolicy": "Allow"}, "04:30", (run("02:00"),), Seen("02 04:00", 1, "Scheduled", "02 05:00")),
    # Run now.
    ("asked for", {"status": YESTERDAY, "metadata": ASKED}, "00:30", (), Seen("now", 0, "Scheduled", "02 02:00")),
    ("asked for while suspended", {"status": SUSPENDED, "suspend": True, "metadata": ASKED}, "00:30", (), Seen("now", 0, "Suspended", "-")),
    ("asked for on create", {"status": NEW, "metadata": ASKED}, "2026-03-01 12:00", (), Seen("now", 0, "Scheduled", "02 02:00")),
    ("asked for, and restored from a backup", {"status": NEW, "metadata": {**ASKED, **RESTORED}}, "2026-03-01 12:00", (), Seen("", 0, "Scheduled", "02 02:00")),
    ("restored long ago, and asked for now", {"status": YESTERDAY, "metadata": {**ASKED, **RESTORED}}, "00:30", (), Seen("now", 0, "Scheduled", "02 02:00")),
    ("asked for already", {"status": {**YESTERDAY, "lastHandledRunNow": "please"}, "metadata": ASKED}, "00:30", (), Seen("", 0, "Scheduled", "02 02:00")),
    ("asked for something new", {"status": {**YESTERDAY, "lastHandledRunNow": "before"}, "metadata": ASKED}, "00:30", (), Seen("now", 0, "Scheduled", "02 02:00")),
    ("asked for with an empty value", {"status": YESTERDAY, "metadata": {"annotations": {"cbr-operator.io/run-now": ""}}}, "00:30", (), Seen("", 0, "Scheduled", "02 02:00")),
    ("asked for, Forbid, one is unfinished", {"status": YESTERDAY, "metadata": ASKED}, "00:30", (run("2026-03-01 02:00"),), Seen("", 0, "Scheduled", "02 02:00")),
    ("asked for, Allow, one is unfinished", {"status": YESTERDAY, "metadata": ASKED, "concurrencyPolicy": "Allow"}, "00:30", (run("2026-03-01 02:00"),), Seen("now", 0, "Scheduled", "02 02:00")),
    ("asked for at a time: the time comes first", {"status": YESTERDAY, "metadata": ASKED}, "02:00", (), Seen("02 02:00", 0, "Scheduled", "03 02:00")),
    ("the same with Allow: both", {"status": YESTERDAY, "metadata": ASKED, "concurrencyPolicy": "Allow"}, "02:00", (), Seen("02 02:00 now", 0, "Scheduled", "03 02:00")),
    ("asked for with a line that is no good", {"schedule": "0 2 31 2 *", "status": YESTERDAY, "metadata": ASKED}, "00:30", (), Seen("now", 0, "InvalidSchedule", "-")),
    # Overdue and failed.
    ("no success for two periods, within the deadline", {"status": seen(last="2026-03-03 02:00", lastSuccessfulTime="2026-03-01T03:00:00Z")}, "2026-03-03 03:00", (), Seen("", 0, "Overdue", "04 02:00")),
    ("the same, a minute before", {"status": seen(last="2026-03-03 02:00", lastSuccessfulTime="2026-03-01T03:00:00Z")}, "2026-03-03 02:59", (), Seen("", 0, "Scheduled", "04 02:00")),
    ("never a success", {"status": seen(last="2026-03-03 02:00")}, "2026-03-03 03:00", (), Seen("", 0, "Overdue", "04 02:00")),
    ("resumed lately", {"status": seen(since="2026-03-03 01:00", lastSuccessfulTime="2026-02-01T03:00:00Z")}, "2026-03-03 01:30", (), Seen("", 0, "Scheduled", "03 02:00")),
    ("failed, then ended well", {"status": seen(last="02:00")}, "03:00", (run("2026-03-01 02:00", BAD), run("02:00", OK)), Seen("", 0, "Scheduled", "03 02:00")),
    ("ended well, then failed", {"status": seen(last="02:00")}, "03:00", (run("2026-03-01 02:00", OK), run("02:00", BAD)), Seen("", 0, "LastRunFailed", "03 02:00")),
    ("failed, and deleted since", {"status": seen(last="02:00", lastFailedTime="2026-03-02T02:30:00Z")}, "03:00", (), Seen("", 0, "LastRunFailed", "03 02:00")),
    ("suspended after a failure", {"status": seen(last="02:00"), "suspend": True}, "03:00", (run("02:00", BAD),), Seen("", 0, "Suspended", "-")),
]  # fmt: skip


@pytest.mark.parametrize(("of", "now", "runs", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_what_runs(of: dict[str, Any], now: str, runs: tuple[Run, ...], expected: Seen) -> None:
    assert told(schedule(**of), now, runs) == expected


def test_the_table_is_long_enough() -> None:
    assert len(ROWS) >= 60


def test_jitter_delays_the_start_and_not_the_time() -> None:
    of = schedule(status=YESTERDAY, jitterSeconds=600)
    delay = jitter_of(of.metadata.uid, 600)
    assert timedelta(minutes=1) < delay <= timedelta(minutes=10)
    early, late = (moment("02:00") + delay + timedelta(seconds=each) for each in (-1, 0))
    before, at = decide_schedule(ScheduleView(of, early)), decide_schedule(ScheduleView(of, late))
    assert before.create is None
    assert before.status is not None
    assert before.status.next_schedule_time == before.again == late
    assert at.create is not None
    assert at.create["metadata"]["name"] == f"{NAME}-{int(moment('02:00').timestamp()) // 60}"
    assert at.create["metadata"]["annotations"]["cbr-operator.io/scheduled-time"] == "2026-03-02T02:00:00Z"


def test_jitter_is_spread() -> None:
    delays = [jitter_of(f"uid-{number}", 30).total_seconds() for number in range(600)]
    assert {min(delays), max(delays)} == {0, 30}
    assert max(delays.count(second) for second in range(31)) < 45


def test_a_run_is_made_of_the_template_and_belongs_to_its_schedule() -> None:
    template = {"metadata": {"labels": {"team": "a"}, "annotations": {"x": "y"}}, "spec": {"any": {"key": 1}}}
    decision = decide_schedule(ScheduleView(schedule(status=YESTERDAY, replicationTemplate=template), moment("02:00")))
    assert decision.create is not None
    assert decision.create["metadata"]["labels"] == {"team": "a", "cbr-operator.io/schedule": NAME}
    assert decision.create["metadata"]["annotations"]["x"] == "y"
    [owner] = decision.create["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"], owner["blockOwnerDeletion"]) == ("uid-of-nightly", True, False)
    assert decision.create["spec"] == {"any": {"key": 1}}


def test_the_same_value_asks_again_after_another() -> None:
    names = []
    status = YESTERDAY
    for value in ("a", "b", "a", "b"):
        of = schedule(status=status, metadata={"annotations": {"cbr-operator.io/run-now": value}})
        created, decision = play(of, "00:30")
        names += created
        assert decision.status is not None
        status = decision.status.to_json()
        assert status["lastHandledRunNow"] == value
    assert len(set(names)) == 4
    assert status["runNowCount"] == 4


def test_a_very_long_value_is_echoed_as_its_digest() -> None:
    of = schedule(status=YESTERDAY, metadata={"annotations": {"cbr-operator.io/run-now": "x" * 1000}})
    _, decision = play(of, "00:30")
    assert decision.status is not None
    assert decision.status.last_handled_run_now.startswith("sha256:")
    again = schedule(
        status=decision.status.to_json(), metadata={"annotations": {"cbr-operator.io/run-now": "x" * 1000}}
    )
    assert play(again, "00:31")[0] == []


def history(*states: RunState, **parts: Any) -> tuple[Run, ...]:
    first = moment("2026-02-01 02:00")
    return tuple(run(first + timedelta(days=number), state, **parts) for number, state in enumerate(states))


def deleted(of: Schedule, runs: tuple[Run, ...], now: str = "12:00") -> list[str]:
    _, decision = play(of, now, runs)
    return [f"{each.slot:%d}" for each in decision.delete]


def test_the_oldest_beyond_the_limits_are_deleted() -> None:
    runs = history(OK, BAD, OK, BAD, OK, OK, BAD, BAD, RunState.UNFINISHED, HELD)
    assert deleted(schedule(status=seen(last="02:00")), runs) == ["01", "02"]
    none = schedule(status=seen(last="02:00"), successfulHistoryLimit=0, failedHistoryLimit=0)
    assert deleted(none, runs) == ["01", "03", "05", "06", "02", "04", "07", "08"]
    for more in (4, 5, 100):
        of = schedule(status=seen(last="02:00"), successfulHistoryLimit=more, failedHistoryLimit=more)
        assert deleted(of, runs) == []


def test_what_is_protected_is_never_deleted() -> None:
    of = schedule(status=seen(last="02:00"), successfulHistoryLimit=0, failedHistoryLimit=0)
    runs = history(OK, BAD, kept="Flux (Kustomization) would create it anew.")
    assert deleted(of, runs) == []
    _, decision = play(of, "12:00", runs)
    assert decision.status is not None
    assert "is kept beyond the history limits: Flux (Kustomization)" in decision.status.conditions[0].message


def test_the_run_of_the_newest_time_stays_while_it_could_still_be_started() -> None:
    of = schedule(status=seen(last="02:00"), successfulHistoryLimit=0)
    runs = (*history(OK), run("02:00", OK))
    assert deleted(of, runs, "02:30") == ["01"]
    _, decision = play(of, "02:30", runs)
    assert decision.again == moment("03:00") + timedelta(seconds=1)
    assert deleted(of, runs, "03:01") == ["01", "02"]


def test_what_runs_told_stays_when_they_are_deleted() -> None:
    copied = moment("2026-02-01 02:20")
    runs = (run("2026-02-01 02:00", OK, newest_copy=copied),)
    _, decision = play(schedule(status=seen(last="02:00")), "12:00", runs)
    assert decision.status is not None
    _, later = play(schedule(status=decision.status.to_json()), "13:00")
    assert later.status is not None
    assert (later.status.newest_copy_time, later.status.last_successful_time) == (copied, moment("2026-02-01 02:00"))


def test_unfinished_runs_are_named_the_newest_and_counted_all() -> None:
    runs = tuple(run(moment("2026-02-01 02:00") + timedelta(hours=each)) for each in range(150))
    _, decision = play(schedule(status=seen(last="02:00")), "12:00", runs)
    assert decision.status is not None
    assert (len(decision.status.active), decision.status.active_count) == (100, 150)
    assert decision.status.active[-1] == runs[-1].name


def test_what_is_being_deleted_starts_nothing() -> None:
    of = schedule(status=YESTERDAY, metadata={"deletionTimestamp": format_time(moment("01:00"))})
    assert decide_schedule(ScheduleView(of, moment("02:00"))) == ScheduleDecision()


def test_a_spec_that_cannot_be_read_is_said_and_starts_nothing() -> None:
    decision = decide_schedule(ScheduleView(schedule(status=YESTERDAY, concurrencyPolicy="Sometimes"), moment("02:00")))
    assert decision.create is None
    assert decision.status is not None
    assert {each.type: each.reason for each in decision.status.conditions} == {
        "Ready": "InvalidSchedule",
        "Stalled": "InvalidSchedule",
    }
    assert "spec.concurrencyPolicy" in decision.status.conditions[0].message
