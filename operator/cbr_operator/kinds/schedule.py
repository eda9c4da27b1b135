"""CheckpointReplicationSchedule: creates CheckpointReplications at the times of a cron line; like a CronJob."""

from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field

from cbr_operator.kinds.common import ConditionedStatus, Metadata, Model, ResourceKind, Time, read_object
from cbr_operator.kinds.fields import Seconds
from cbr_operator.kinds.replication_spec import TemplateSpec
from cbr_operator.kinds.template import AsWritten, TemplateMetadata

SCHEDULES = ResourceKind(kind="CheckpointReplicationSchedule", plural="checkpointreplicationschedules")

SCHEDULE_LABEL = "cbr-operator.io/schedule"
"""On each CheckpointReplication that a Schedule made: the Schedule's name."""
SCHEDULED_TIME = "cbr-operator.io/scheduled-time"
"""Annotation of the same: the time it was due, without jitter."""
RUN_NOW = "cbr-operator.io/run-now"
"""Annotation of a Schedule: any new value asks for one run, at once."""

LONGEST_NAME = 52
"""A run's name is the Schedule's with at most 11 characters more, and must fit into a label."""
MAX_ACTIVE = 100
"""So many unfinished runs are named in a status; activeCount is exact."""

MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


def _field(value: str) -> str:
    """One field: a list of *, values or ranges, each with a step or without."""
    item = rf"(\*|{value}(-{value})?)(/[0-9]{{1,2}})?"
    return rf"{item}(,{item})*"


_MONTH = "(0?[1-9]|1[0-2]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)"
_DAY_OF_WEEK = "(0?[0-7]|SUN|MON|TUE|WED|THU|FRI|SAT)"
_FIELDS = ("[0-5]?[0-9]", "([01]?[0-9]|2[0-3])", "(0?[1-9]|[12][0-9]|3[01])", _MONTH, _DAY_OF_WEEK)
CRON_FIELDS = tuple(map(_field, _FIELDS))
"""Regular expressions of minute, hour, day of month, month and day of week, in capitals."""
_CRON = "(?i)^[ ]*(" + "|".join(MACROS) + "|" + "[ ]+".join(CRON_FIELDS) + ")[ ]*$"


class ReplicationTemplate(Model):
    """What each CheckpointReplication is made from."""

    metadata: TemplateMetadata = Field(default_factory=TemplateMetadata)
    """Labels and annotations of each CheckpointReplication."""
    spec: Annotated[dict[str, Any], AsWritten(lambda: TemplateSpec.__pydantic_core_schema__)]
    """The spec that each CheckpointReplication is made with: the same fields and rules as in one that you write
    yourself. It can be changed: what was made before keeps the copy it was made with."""


class ScheduleSpec(Model):
    """When to copy, and what from where to where.

    All of it can be changed at any time; runs that exist keep the copy of the template that they were made with.
    """

    schedule: Annotated[str, Field(min_length=1, max_length=256)]
    """When to run, as a cron line: "minute hour day-of-month month day-of-week", e.g. "0 2 * * *" for each day at
    02:00, or @hourly, @daily, @weekly, @monthly or @yearly. Where both days are restricted, either is enough. A time
    that daylight saving leaves out runs right after the gap; one that comes twice runs once, unless the hour is "*"."""
    time_zone: Annotated[
        str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_+\-]*(/[A-Za-z0-9_+\-]+){0,2}$", min_length=1, max_length=64)
    ] = "UTC"
    """Time zone of the schedule, a name of the IANA database such as "Europe/Berlin"."""
    suspend: bool = False
    """Start no more runs at the times of the schedule. Runs that exist go on, and the annotation
    cbr-operator.io/run-now still works. Nothing is made up for afterwards."""
    concurrency_policy: Literal["Forbid", "Allow"] = "Forbid"
    """Whether a run may start while an earlier one is unfinished. Forbid: it is skipped, and counted in
    status.skippedRuns. Allow: it starts, and waits for its turn at the vault."""
    starting_deadline_seconds: Seconds = 3600
    """Seconds after its time within which a run may still start, when the operator or the API server was away. After
    an absence only the newest one starts."""
    jitter_seconds: Annotated[int, Field(ge=0, le=86_400)] = 0
    """Spread the start over so many seconds, so that many schedules of the same time do not call at once. The delay
    of one Schedule is always the same."""
    successful_history_limit: Annotated[int, Field(ge=0, le=1000)] = 3
    """How many finished runs that succeeded are kept."""
    failed_history_limit: Annotated[int, Field(ge=0, le=1000)] = 3
    """How many finished runs that failed are kept. A run whose call's outcome could not be found out is always kept."""
    replication_template: ReplicationTemplate
    """What each CheckpointReplication is made from."""

    @staticmethod
    def _schema(schema: dict[str, Any]) -> None:
        schema["properties"]["schedule"]["x-kubernetes-validations"] = [
            {
                "rule": f"self.matches(r'{_CRON}')",
                "message": 'must be five fields "minute hour day-of-month month day-of-week" such as "0 2 * * *" '
                f"(minutes 0-59, hours 0-23, days 1-31, months 1-12 or JAN-DEC, days of week 0-7 or SUN-SAT, each with "
                f"*, lists, ranges and steps), or one of {', '.join(MACROS)}",
            }
        ]

    model_config = ConfigDict(json_schema_extra=_schema)


class ScheduleReason(StrEnum):
    """Why Ready is as it is."""

    SCHEDULED = "Scheduled"
    """True: runs start at their times, and the last one that ended succeeded."""
    SUSPENDED = "Suspended"
    """True: spec.suspend is set, so nothing starts but by the annotation cbr-operator.io/run-now."""
    INVALID_SCHEDULE = "InvalidSchedule"
    """False: the cron line or the time zone cannot be read. Nothing runs until it is mended."""
    NAME_TAKEN = "NameTaken"
    """False: an object that is not this Schedule's has the name of the run that is due."""
    CREATION_REFUSED = "CreationRefused"
    """False: the API server does not take the run that is due; it is tried again
    every ten seconds until the starting deadline."""
    OVERDUE = "Overdue"
    """False: no run has succeeded for two periods and the starting deadline."""
    LAST_RUN_FAILED = "LastRunFailed"
    """False: the run that ended last failed. The next one starts at its time all the same."""


class ScheduleStatus(ConditionedStatus):
    """What is going on. Written by the operator alone."""

    active: tuple[str, ...] = ()
    """Names of the unfinished runs, the newest 100 of them."""
    active_count: int | None = None
    """How many runs are unfinished."""
    last_schedule_time: Time | None = None
    """The time, without jitter, of the newest run that was started by the schedule."""
    next_schedule_time: Time | None = None
    """When the next run starts, jitter included. Absent while nothing is going to."""
    last_successful_time: Time | None = None
    """When a run last ended well."""
    last_failed_time: Time | None = None
    """When a run last failed."""
    newest_copy_time: Time | None = None
    """How new the newest copy is: when the cloud began to copy the newest backup that it has confirmed as copied."""
    last_handled_run_now: str = ""
    """The last value of the annotation cbr-operator.io/run-now that a run was started for."""
    run_now_count: int | None = None
    """How many runs were started by that annotation."""
    skipped_runs: int | None = None
    """How many times of the schedule passed without a run: the operator was away for longer than the starting
    deadline, several times passed at once, or an earlier run was unfinished. At most 10,000 are counted for one
    absence."""
    last_skipped_time: Time | None = None
    """The newest of these times."""
    observed_schedule: str = ""
    """The cron line and time zone by which runs are started; absent while suspended."""
    scheduled_since: Time | None = None
    """Since when they apply: times before that never run."""


class Schedule(Model):
    """A Schedule as read from the API server; ``spec`` is None when it does not parse, and ``spec_error`` says why."""

    metadata: Metadata
    spec: ScheduleSpec | None
    spec_error: str = ""
    status: ScheduleStatus

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Self:
        """Read an object; only metadata or a status that cannot be read raise ``pydantic.ValidationError``."""
        metadata, spec, spec_error, status = read_object(body, ScheduleSpec, ScheduleStatus)
        return cls(metadata=metadata, spec=spec, spec_error=spec_error, status=status)
