"""Schedules, their runs and what is decided about them, for tests: a nightly one, with what a test wants different."""

from datetime import UTC, datetime
from typing import Any

from cbr_operator.kinds.common import format_time
from cbr_operator.kinds.schedule import SCHEDULES, Schedule
from cbr_operator.rules.runs import Run, RunState, run_name
from cbr_operator.rules.schedule import decide_schedule
from cbr_operator.rules.schedule_view import ScheduleDecision, ScheduleView
from ground.objects import spec as replication_spec

CREATED = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
NAME = "nightly"


def moment(text: str) -> datetime:
    """``2026-03-02 02:00`` in UTC; the date may be left out: it is the day after CREATED then."""
    return datetime.fromisoformat(text if "-" in text else f"2026-03-02 {text}").replace(tzinfo=UTC)


def schedule(*, status: dict[str, Any] | None = None, metadata: dict[str, Any] | None = None, **spec: Any) -> Schedule:
    """A Schedule as the API server gives it, with defaults filled in."""
    whole = {"schedule": "0 2 * * *", "replicationTemplate": {"spec": replication_spec()}, **spec}
    return Schedule.from_json(
        {
            "apiVersion": SCHEDULES.api_version,
            "kind": SCHEDULES.kind,
            "metadata": {
                "name": NAME,
                "namespace": "dr",
                "uid": "uid-of-nightly",
                "resourceVersion": "100",
                "creationTimestamp": format_time(CREATED),
                **(metadata or {}),
            },
            "spec": whole,
            "status": status if status is not None else {"observedGeneration": -1},
        }
    )


def seen(*, last: str = "", skipped: str = "", since: str = "2026-03-01 12:00", **more: Any) -> dict[str, Any]:
    """A status of the nightly Schedule: when it last ran, when it last skipped, since when it counts."""
    times = {"lastScheduleTime": last, "lastSkippedTime": skipped, "scheduledSince": since}
    whole = {
        "observedGeneration": 1,
        "observedSchedule": "0 2 * * * UTC",
        "activeCount": 0,
        "skippedRuns": 0,
        "runNowCount": 0,
        **{key: format_time(moment(value)) for key, value in times.items() if value},
        **more,
    }
    return {key: value for key, value in whole.items() if value is not None}


def run(time: str | datetime, state: RunState = RunState.UNFINISHED, **parts: Any) -> Run:
    """The run of a time."""
    at = moment(time) if isinstance(time, str) else time
    whole: dict[str, Any] = {
        "owner": "uid-of-nightly",
        "schedule": NAME,
        "namespace": "dr",
        "name": run_name(NAME, at),
        "uid": f"uid-of-{int(at.timestamp())}",
        "version": "7",
        "created": at,
        "slot": at,
        "state": state,
        "ended": at if state.finished else None,
        **parts,
    }
    return Run(**whole)


def decide_at(of: Schedule, now: str | datetime, *runs: Run, **parts: Any) -> ScheduleDecision:
    """What follows at this moment."""
    at = moment(now) if isinstance(now, str) else now
    return decide_schedule(ScheduleView(of, at, runs=runs, **parts))
