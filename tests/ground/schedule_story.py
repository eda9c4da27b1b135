"""The words in which stories about Schedules are told.

No story waits for a night: a Schedule gets the line of a time that has just passed, and its status is set back to
before that. To the operator this is an absence, and to the API server it is nothing special; no clock is faked, so
nothing has to be installed and no code of the product knows of it. What really waits for its time waits for the next
minute.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from cbr_operator.kinds.common import format_time
from ground.controlplane.api import ApiError
from ground.operator_process import eventually
from ground.story import API, Story

PLURAL = "checkpointreplicationschedules"
MERGE = "application/merge-patch+json"
NEVER = "0 0 29 2 *"
"""A line whose next time is years away."""


def utc_now() -> datetime:
    """The clock, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


def minutes_ago(minutes: int) -> datetime:
    """A whole minute in the past."""
    return utc_now().replace(second=0) - timedelta(minutes=minutes)


def line_of(moment: datetime) -> str:
    """A line that names this minute, and no other of the year."""
    return f"{moment.minute} {moment.hour} {moment.day} {moment.month} *"


class Schedules:
    """The Schedules of one story's namespace, or of another one."""

    def __init__(self, story: Story, namespace: str = "") -> None:
        self.story = story
        self.namespace = namespace or story.namespace

    def path(self, name: str = "") -> str:
        return f"{API}/namespaces/{self.namespace}/{PLURAL}" + (f"/{name}" if name else "")

    def create(
        self,
        name: str = "nightly",
        *,
        schedule: str = NEVER,
        pair: dict[str, Any] | None = None,
        template: dict[str, Any] | None = None,
        annotations: dict[str, str] | None = None,
        **spec: Any,
    ) -> dict[str, Any]:
        """Create a Schedule from a source vault of its own to a destination of its own."""
        chosen = pair if pair is not None else self.story.pair()
        replication = {**chosen, "tokenSecretRef": {"name": "cbr-token"}, "endpoint": self.story.cloud.url}
        body = {
            "apiVersion": "cbr-operator.io/v1alpha1",
            "kind": "CheckpointReplicationSchedule",
            "metadata": {"name": name, "annotations": annotations or {}},
            "spec": {
                "schedule": schedule,
                "replicationTemplate": {"spec": {**replication, **(template or {})}},
                **spec,
            },
        }
        created: dict[str, Any] = self.story.request("POST", self.path(), body=body)
        return created

    def get(self, name: str = "nightly") -> dict[str, Any]:
        found: dict[str, Any] = self.story.request("GET", self.path(name))
        return found

    def find(self, name: str) -> dict[str, Any] | None:
        """The same, or None where it is not there."""
        try:
            return self.get(name)
        except ApiError as error:
            if error.status != 404:
                raise
            return None

    def status(self, name: str = "nightly") -> dict[str, Any]:
        found: dict[str, Any] = self.get(name)["status"]
        return found

    def patch(self, name: str = "nightly", **spec: Any) -> None:
        self.story.request("PATCH", self.path(name), body={"spec": spec}, content_type=MERGE)

    def run_now(self, value: str, name: str = "nightly") -> None:
        """Ask for a run."""
        body = {"metadata": {"annotations": {"cbr-operator.io/run-now": value}}}
        self.story.request("PATCH", self.path(name), body=body, content_type=MERGE)

    def wait_for_run_now(self, value: str, name: str = "nightly") -> None:
        """Wait until a run that was asked for is dealt with."""
        eventually(lambda: self.status(name).get("lastHandledRunNow") == value, what=f"run now {value} is handled")

    def set_back(self, since: datetime, name: str = "nightly", **status: Any) -> None:
        """Let the operator believe that it has dealt with nothing since then."""
        times = {"scheduledSince": format_time(since), "lastScheduleTime": None, "lastSkippedTime": None, **status}
        self.story.request("PATCH", f"{self.path(name)}/status", body={"status": times}, content_type=MERGE)

    def make_due(self, name: str = "nightly", *, due: datetime | None = None) -> datetime:
        """Let a time be due, by default two minutes ago; that time."""
        due = due or minutes_ago(2)
        self.patch(name, schedule=line_of(due))
        eventually(lambda: self.status(name).get("observedSchedule") == f"{line_of(due)} UTC")
        self.set_back(due - timedelta(minutes=1), name)
        return due

    def ready(self, name: str = "nightly") -> str:
        """The reason of Ready, empty while there is none."""
        conditions = self.get(name)["status"].get("conditions", [])
        return next((str(each["reason"]) for each in conditions if each["type"] == "Ready"), "")

    def message(self, name: str = "nightly") -> str:
        """What Ready says."""
        conditions = self.get(name)["status"].get("conditions", [])
        return next((str(each["message"]) for each in conditions if each["type"] == "Ready"), "")

    def wait_for(self, reason: str, name: str = "nightly") -> None:
        """Wait until Ready has this reason."""
        eventually(lambda: self.ready(name) == reason, what=f"{name} is {reason}")

    def runs(self, name: str = "nightly") -> list[dict[str, Any]]:
        """The CheckpointReplications that it made, by name."""
        path = f"{API}/namespaces/{self.namespace}/checkpointreplications"
        return self.story.items(f"{path}?labelSelector=cbr-operator.io/schedule%3D{name}")

    def reason_of(self, run: str) -> str:
        """The reason of a run's Succeeded, empty while there is none."""
        found = self.story.request("GET", f"{API}/namespaces/{self.namespace}/checkpointreplications/{run}")
        conditions = found["status"].get("conditions", [])
        return next((str(each["reason"]) for each in conditions if each["type"] == "Succeeded"), "")

    def wait_for_reason(self, run: str, *reasons: str) -> str:
        """Wait until a run's Succeeded has one of these reasons; which one."""
        eventually(lambda: self.reason_of(run) in reasons, what=f"{run} is one of {reasons}")
        return self.reason_of(run)

    def run_names(self, name: str = "nightly") -> list[str]:
        return [each["metadata"]["name"] for each in self.runs(name)]

    def wait_for_runs(self, count: int, name: str = "nightly") -> list[str]:
        """Wait until there are so many."""
        eventually(lambda: len(self.runs(name)) >= count, what=f"{count} runs of {name}")
        return self.run_names(name)

    def wait_for_end(self, run: str) -> None:
        """Wait until a run has succeeded."""
        self.story.wait_for(run, "AllReplicated")

    def settle(self) -> None:
        """Time enough to do what must not be done."""
        time.sleep(2)


def run_name(schedule: str, time_of: datetime) -> str:
    """The name of the run of a time."""
    return f"{schedule}-{int(time_of.timestamp()) // 60}"
