"""Schedules: what is due runs once, whatever happens; nothing else does."""

from datetime import timedelta

import pytest

from cbr_operator.kinds.common import format_time
from ground.operator_process import eventually
from ground.schedule_story import NEVER, Schedules, line_of, minutes_ago, run_name, utc_now
from ground.story import Story


@pytest.fixture
def schedules(story: Story) -> Schedules:
    story.secret()
    return Schedules(story)


def test_a_time_that_has_come_runs_and_its_end_is_told(story: Story, schedules: Schedules) -> None:
    with story.operator() as operator:
        schedules.create()
        schedules.wait_for("Scheduled")
        due = schedules.make_due()
        [name] = schedules.wait_for_runs(1)
        assert name == run_name("nightly", due)
        schedules.wait_for_end(name)
        eventually(lambda: "lastSuccessfulTime" in schedules.status())
        run, status = story.get(name), schedules.status()
        owner = run["metadata"]["ownerReferences"][0]
        assert (owner["uid"], owner["blockOwnerDeletion"]) == (schedules.get()["metadata"]["uid"], False)
        assert run["metadata"]["labels"]["cbr-operator.io/schedule"] == "nightly"
        assert run["metadata"]["annotations"]["cbr-operator.io/scheduled-time"] == format_time(due)
        assert status["lastScheduleTime"] == format_time(due)
        assert status["lastSuccessfulTime"] == run["status"]["completionTime"]
        newest = max(each["createdAt"] for each in run["status"]["backups"])
        assert status["newestCopyTime"][:19] == newest[:19]
        assert (status["activeCount"], status["skippedRuns"], status.get("active")) == (0, 0, None)
        assert schedules.ready() == "Scheduled"
        story.controlplane.kubectl("-n", story.namespace, "wait", "cprsched/nightly", "--for=condition=Ready")
        metrics = operator.probe("metrics")[1]
        assert "cbr_operator_newest_copy_timestamp_seconds{" in metrics


def test_the_next_minute_runs_by_itself(schedules: Schedules, story: Story) -> None:
    with story.operator():
        created = schedules.create(schedule="* * * * *")["metadata"]["creationTimestamp"]
        eventually(schedules.runs, seconds=75)
        metadata = schedules.runs()[0]["metadata"]
        assert created < metadata["annotations"]["cbr-operator.io/scheduled-time"] <= metadata["creationTimestamp"]


def test_nothing_runs_when_a_schedule_is_created_resumed_or_changed(schedules: Schedules, story: Story) -> None:
    now = utc_now()
    with story.operator() as operator:
        schedules.create(schedule=line_of(now - timedelta(minutes=1)))
        schedules.wait_for("Scheduled")
        schedules.patch(suspend=True)
        schedules.wait_for("Suspended")
        schedules.patch(suspend=False, schedule=line_of(now - timedelta(minutes=2)))
        schedules.wait_for("Scheduled")
        schedules.patch(schedule=line_of(now - timedelta(minutes=3)))
        eventually(lambda: schedules.status()["observedGeneration"] == schedules.get()["metadata"]["generation"])
        operator.stop()
        schedules.patch(timeZone="Asia/Shanghai", schedule=NEVER)
        operator.start()
        eventually(lambda: "Shanghai" in schedules.status()["observedSchedule"])
        schedules.settle()
        assert schedules.runs() == []
        assert schedules.status()["skippedRuns"] == 0


def test_after_an_absence_only_the_newest_time_runs_and_the_rest_is_counted(schedules: Schedules, story: Story) -> None:
    with story.operator() as operator:
        schedules.create(schedule="* * * * *", suspend=True)
        schedules.wait_for("Suspended")
        schedules.patch(suspend=False)
        schedules.wait_for("Scheduled")
        operator.kill()
        before = {each["metadata"]["name"] for each in schedules.runs()}
        began = utc_now().replace(second=0)
        schedules.set_back(began - timedelta(minutes=10))
        operator.start()
        eventually(lambda: schedules.status()["skippedRuns"])
        new = [each for each in schedules.run_names() if each not in before]
        # The newest time before it was back, and perhaps some that came since; none of those that had passed before.
        assert new[0] >= run_name("nightly", began)
        eventually(lambda: ("Warning", "RunsSkipped") in story.events("nightly"))
        assert schedules.status()["skippedRuns"] >= 9 - len(before)


def test_what_is_too_late_is_skipped_and_counted(schedules: Schedules, story: Story) -> None:
    with story.operator():
        schedules.create(startingDeadlineSeconds=1)
        schedules.wait_for("Scheduled")
        due = schedules.make_due()
        eventually(lambda: schedules.status()["skippedRuns"] == 1)
        assert schedules.status()["lastSkippedTime"] == format_time(due)
        assert schedules.runs() == []


def test_an_unfinished_run_forbids_the_next_and_a_suspended_one_does_not(schedules: Schedules, story: Story) -> None:
    pair = story.pair()
    story.fault(pair["source"]["vaultID"], hang=True)
    with story.operator():
        schedules.create(pair=pair)
        schedules.wait_for("Scheduled")
        schedules.make_due(due=minutes_ago(6))
        [first] = schedules.wait_for_runs(1)
        eventually(lambda: schedules.status().get("active") == [first])
        second = schedules.make_due(due=minutes_ago(4))
        eventually(lambda: schedules.status()["skippedRuns"] == 1)
        assert schedules.status()["lastSkippedTime"] == format_time(second)
        assert schedules.run_names() == [first]
        story.release_faults()
        schedules.wait_for_end(first)
        schedules.patch(replicationTemplate={"spec": {"suspend": True}})
        schedules.make_due(due=minutes_ago(3))
        schedules.wait_for_runs(2)
        schedules.make_due(due=minutes_ago(2))
        schedules.wait_for_runs(3)
        assert schedules.status()["skippedRuns"] == 1


def test_run_now_once_for_each_new_value_while_suspended_too(schedules: Schedules, story: Story) -> None:
    with story.operator() as operator:
        schedules.create(suspend=True)
        schedules.wait_for("Suspended")
        schedules.run_now("2026-03-01")
        eventually(lambda: schedules.status().get("lastHandledRunNow") == "2026-03-01")
        [first] = schedules.wait_for_runs(1)
        schedules.wait_for_end(first)
        schedules.run_now("2026-03-01")
        operator.kill()
        operator.start()
        schedules.settle()
        assert schedules.run_names() == [first]
        schedules.run_now("again")
        schedules.wait_for_runs(2)
        eventually(lambda: schedules.status()["runNowCount"] == 2)
        assert schedules.status().get("lastScheduleTime") is None


def test_a_run_that_was_asked_for_waits_for_the_unfinished_one(schedules: Schedules, story: Story) -> None:
    pair = story.pair()
    story.fault(pair["source"]["vaultID"], hang=True)
    with story.operator():
        schedules.create(pair=pair)
        schedules.run_now("one")
        [first] = schedules.wait_for_runs(1)
        schedules.run_now("two")
        eventually(lambda: "starts when no other is unfinished" in schedules.message())
        assert schedules.run_names() == [first]
        story.release_faults()
        schedules.wait_for_runs(2)
        eventually(lambda: schedules.status()["lastHandledRunNow"] == "two")


def test_a_line_that_is_no_good_says_where(schedules: Schedules, story: Story) -> None:
    with story.operator():
        schedules.create(schedule="0 2 31 2 *")
        schedules.wait_for("InvalidSchedule")
        assert "position 5: no month that is named has day 31" in schedules.message()
        described = story.controlplane.kubectl("-n", story.namespace, "describe", "cprsched", "nightly").stdout
        assert "InvalidSchedule" in described
        schedules.patch(schedule=NEVER, timeZone="Mars/Olympus")
        eventually(lambda: "'Mars/Olympus' is not a time zone" in schedules.message())
        schedules.patch(timeZone="Europe/Berlin")
        schedules.wait_for("Scheduled")


def test_old_runs_are_deleted_but_never_one_that_must_stay(schedules: Schedules, story: Story) -> None:
    """History under load: twelve runs at once, of which two may stay, and one that Flux keeps."""
    with story.operator():
        schedules.create(concurrencyPolicy="Allow", successfulHistoryLimit=2, failedHistoryLimit=0)
        schedules.run_now("run-0")
        [kept] = schedules.wait_for_runs(1)
        story.patch_metadata(kept, {"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}})
        seen = {kept}
        for number in range(1, 12):
            schedules.run_now(f"run-{number}")
            schedules.wait_for_run_now(f"run-{number}")
            seen |= set(schedules.run_names())
        eventually(lambda: schedules.status()["activeCount"] == 0 and len(schedules.runs()) == 3)
        assert kept in schedules.run_names()
        assert schedules.status()["runNowCount"] == 12
        assert len(seen) > 3


def test_what_kubectl_shows(schedules: Schedules, story: Story) -> None:
    with story.operator():
        schedules.create(timeZone="Europe/Berlin", schedule="0 2 * * *")
        schedules.wait_for("Scheduled")
        shown = story.controlplane.kubectl("-n", story.namespace, "get", "cprsched").stdout.splitlines()
    headings = "NAME SCHEDULE TIMEZONE SUSPEND ACTIVE LAST SUCCESS NEWEST COPY NEXT AGE"
    assert " ".join(shown[0].split()) == headings
    assert shown[1].split()[:9] == ["nightly", "0", "2", "*", "*", "*", "Europe/Berlin", "false", "0"]
