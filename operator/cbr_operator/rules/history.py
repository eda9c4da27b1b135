"""Which runs of a Schedule are beyond its history limits."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cbr_operator.kinds.schedule import ScheduleSpec
from cbr_operator.rules.runs import Run, RunState
from cbr_operator.rules.schedule_view import ScheduleView
from cbr_operator.rules.slots import jitter_of


@dataclass(frozen=True, slots=True)
class Beyond:
    """The finished runs beyond the limits."""

    deleted: tuple[Run, ...] = ()
    """Those that may go now."""
    until: datetime | None = None
    """When one more may go."""
    kept: tuple[Run, ...] = ()
    """Those that must not go (protocol, section 7)."""


def beyond_limits(view: ScheduleView, spec: ScheduleSpec) -> Beyond:
    """The finished runs beyond the history limits, the oldest first of each kind.

    The run of the newest time stays while it could still be started: should another operator that knows less try
    that, the name is taken.
    """
    beyond: list[Run] = []
    limits = {RunState.SUCCEEDED: spec.successful_history_limit, RunState.FAILED: spec.failed_history_limit}
    for state, limit in limits.items():
        finished = sorted((run for run in view.runs if run.state is state), key=lambda run: run.order)
        beyond += finished[: max(0, len(finished) - limit)]
    kept = tuple(run for run in beyond if run.kept)
    free = tuple(run for run in beyond if not run.kept)
    newest = max((run.slot for run in view.runs if run.slot is not None), default=None)
    if newest is None:
        return Beyond(free, kept=kept)
    jitter = jitter_of(view.schedule.metadata.uid, spec.jitter_seconds)
    safe_at = newest + jitter + timedelta(seconds=spec.starting_deadline_seconds)
    if safe_at < view.now:
        return Beyond(free, kept=kept)
    deleted = tuple(run for run in free if run.slot != newest)
    until = safe_at + timedelta(seconds=1) if len(deleted) < len(free) else None
    return Beyond(deleted, until, kept)
