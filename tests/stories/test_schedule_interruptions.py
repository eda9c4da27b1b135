"""Schedules while the operator is killed, doubled or cut off: a time never runs twice."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from cbr_operator.kinds.common import format_time
from ground.controlplane.api import ApiError
from ground.operator_process import eventually
from ground.schedule_story import MERGE, PLURAL, Schedules, minutes_ago, run_name, utc_now
from ground.story import API, Story

ADMISSION = "/apis/admissionregistration.k8s.io/v1"


@pytest.fixture
def schedules(story: Story) -> Schedules:
    story.secret()
    return Schedules(story)


@contextmanager
def no_record_of_runs(story: Story) -> Iterator[None]:
    """The API server takes no status of this namespace that tells of a run, for as long as this lasts."""
    name = f"no-record-{story.namespace}"
    rule = {
        "apiGroups": ["cbr-operator.io"],
        "apiVersions": ["*"],
        "operations": ["UPDATE"],
        "resources": [f"{PLURAL}/status"],
    }
    policy = {
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {"resourceRules": [rule]},
            "validations": [{"expression": "!has(object.status.lastScheduleTime)", "message": "not now"}],
        },
    }
    selector = {"matchLabels": {"kubernetes.io/metadata.name": story.namespace}}
    binding = {
        "metadata": {"name": name},
        "spec": {
            "policyName": name,
            "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": selector},
        },
    }
    story.request("POST", f"{ADMISSION}/validatingadmissionpolicies", body=policy)
    story.request("POST", f"{ADMISSION}/validatingadmissionpolicybindings", body=binding)
    try:
        yield
    finally:
        story.request("DELETE", f"{ADMISSION}/validatingadmissionpolicybindings/{name}")
        story.request("DELETE", f"{ADMISSION}/validatingadmissionpolicies/{name}")


def _refused(schedules: Schedules) -> bool:
    """Whether the API server refuses a status that tells of a run."""
    body = {"status": {"lastScheduleTime": format_time(utc_now())}}
    try:
        schedules.story.request(
            "PATCH", f"{schedules.path('nightly')}/status?dryRun=All", body=body, content_type=MERGE
        )
    except ApiError as error:
        return error.status == 422
    return False


def test_killed_between_the_run_and_its_record(schedules: Schedules, story: Story) -> None:
    with story.operator() as operator:
        schedules.create()
        schedules.wait_for("Scheduled")
        with no_record_of_runs(story):
            eventually(lambda: _refused(schedules))
            due = schedules.make_due()
            [name] = schedules.wait_for_runs(1)
            eventually(lambda: "could not be written" in operator.log_text())
            operator.kill()
            assert "lastScheduleTime" not in schedules.status()
        operator.start()
        eventually(lambda: schedules.status().get("lastScheduleTime") == format_time(due))
        schedules.settle()
        assert schedules.run_names() == [name] == [run_name("nightly", due)]


def test_what_was_not_recorded_is_recorded_by_the_next(schedules: Schedules, story: Story) -> None:
    """The same from the other side: the run of a time is there, and the status knows nothing of it."""
    with story.operator() as operator:
        schedules.create()
        schedules.wait_for("Scheduled")
        due = schedules.make_due()
        [name] = schedules.wait_for_runs(1)
        schedules.wait_for_end(name)
        eventually(lambda: "lastSuccessfulTime" in schedules.status())
        operator.kill()
        schedules.set_back(due - timedelta(minutes=1))
        operator.start()
        eventually(lambda: schedules.status().get("lastScheduleTime") == format_time(due))
        assert schedules.run_names() == [name]
        assert schedules.status()["skippedRuns"] == 0


def test_two_operators_at_once_start_each_time_once(schedules: Schedules, story: Story) -> None:
    names = [f"nightly-{number}" for number in range(6)]
    for name in names:
        schedules.create(name)
    with story.operator("one"), story.operator("other"):
        for name in names:
            schedules.wait_for("Scheduled", name)
        dues = {name: schedules.make_due(name) for name in names}
        for name in names:
            [run] = schedules.wait_for_runs(1, name)
            schedules.wait_for_end(run)
        schedules.settle()
        for name in names:
            assert schedules.run_names(name) == [run_name(name, dues[name])]
            assert schedules.status(name)["lastScheduleTime"] == format_time(dues[name])


def _answers(story: Story) -> bool:
    """Whether the API server serves our kinds again: right after a restart it answers 429 for each of them."""
    try:
        for each in story.request("GET", API)["resources"]:
            if "/" not in each["name"]:
                story.request("GET", f"{API}/{each['name']}?limit=1")
    except ApiError:
        return False
    return True


@pytest.mark.timeout(300)
def test_the_api_server_is_away_over_two_times(schedules: Schedules, story: Story) -> None:
    """Two minutes of a minute's schedule pass unseen: one run is made up for, and the other is counted."""
    with story.operator():
        schedules.create(schedule="* * * * *")
        schedules.wait_for("Scheduled")
        story.controlplane.stop_apiserver(kill=True)
        try:
            first = utc_now().replace(second=0) + timedelta(minutes=1)
            time.sleep((first + timedelta(minutes=1, seconds=2) - utc_now()).total_seconds())
        finally:
            story.controlplane.start_apiserver()
        eventually(lambda: _answers(story))
        missed = run_name("nightly", first)
        eventually(lambda: max(schedules.run_names(), default="") > missed)
        eventually(lambda: schedules.status().get("skippedRuns"))
        assert missed not in schedules.run_names()


def test_an_object_of_the_users_own_is_in_the_way(schedules: Schedules, story: Story) -> None:
    with story.operator():
        schedules.create()
        schedules.wait_for("Scheduled")
        due = minutes_ago(2)
        taken = story.create(run_name("nightly", due), suspend=True)
        schedules.make_due(due=due)
        schedules.wait_for("NameTaken")
        assert "that this Schedule did not make" in schedules.message()
        assert "lastScheduleTime" not in schedules.status()
        assert story.get(run_name("nightly", due))["metadata"]["uid"] == taken["metadata"]["uid"]
        eventually(lambda: ("Warning", "NameTaken") in story.events("nightly"))
        story.delete(run_name("nightly", due))
        schedules.wait_for("Scheduled")
        assert schedules.status()["lastScheduleTime"] == format_time(due)
        assert schedules.run_names() == [run_name("nightly", due)]
