"""Which runs of a Schedule are beyond its history limits."""

from datetime import datetime, timedelta

from cbr_operator.kinds.schedule import ScheduleSpec
from cbr_operator.rules.runs import Run, RunState
from cbr_operator.rules.schedule_view import ScheduleView
from cbr_operator.rules.slots import jitter_of


def beyond_limits(view: ScheduleView, spec: ScheduleSpec) -> tuple[tuple[Run, ...], datetime | None]:
    """The finished runs beyond the history limits, and when one more may be deleted.

    The run of the newest time stays while it could still be started: should another operator that knows less try
    that, the name is taken.
    """
    beyond: list[Run] = []
    limits = {RunState.SUCCEEDED: spec.successful_history_limit, RunState.FAILED: spec.failed_history_limit}
    for state, limit in limits.items():
        finished = sorted((run for run in view.runs if run.state is state), key=lambda run: run.order)
        beyond += [run for run in finished[: max(0, len(finished) - limit)] if not run.kept]
    newest = max((run.slot for run in view.runs if run.slot is not None), default=None)
    if newest is None:
        return tuple(beyond), None
    jitter = jitter_of(view.schedule.metadata.uid, spec.jitter_seconds)
    safe_at = newest + jitter + timedelta(seconds=spec.starting_deadline_seconds)
    if safe_at < view.now:
        return tuple(beyond), None
    deleted = tuple(run for run in beyond if run.slot != newest)
    return deleted, safe_at + timedelta(seconds=1) if len(deleted) < len(beyond) else None
