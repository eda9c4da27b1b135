"""Laws of schedules, through any history of clocks, crashes, changes and runs that end or not."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cbr_operator.kinds.schedule import Schedule
from cbr_operator.rules.cron import parse_cron
from cbr_operator.rules.runs import Run, RunState
from cbr_operator.rules.schedule import decide_schedule
from cbr_operator.rules.schedule_view import ScheduleDecision, ScheduleView
from cbr_operator.rules.slots import jitter_of
from ground.schedules import CREATED, moment, run, schedule

SPECS: list[dict[str, Any]] = [
    {"schedule": "0 2 * * *"},
    {"schedule": "*/7 * * * *", "concurrencyPolicy": "Allow"},
    {"schedule": "*/20 1-3 * * *", "timeZone": "Europe/Berlin"},
    {"schedule": "30 2 * * *", "timeZone": "Australia/Lord_Howe", "jitterSeconds": 900},
    {"schedule": "*/5 * * * *", "jitterSeconds": 600, "startingDeadlineSeconds": 120, "successfulHistoryLimit": 0},
    {"schedule": "0 * * * *", "suspend": True},
]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["look", "look", "crash", "end", "fail", "change", "back", "delete"]),
        st.sampled_from([1, 59, 300, 3600, 7200, 86_400, 700_000]),
        st.integers(0, len(SPECS) - 1),
    ),
    min_size=1,
    max_size=25,
)


class History:
    """A Schedule, its runs and the clock, as they would be on an API server."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.status: dict[str, Any] = {"observedGeneration": -1}
        self.runs: dict[str, Run] = {}
        self.now = CREATED
        self.started: Counter[datetime] = Counter()
        self.changed = CREATED

    def object(self) -> Schedule:
        return schedule(status=self.status, **self.spec)

    def view(self) -> ScheduleView:
        return ScheduleView(self.object(), self.now, runs=tuple(self.runs.values()))

    def look(self, *, crash: bool) -> None:
        """The operator looks; with a crash, it ends between the creation of a run and the status."""
        created = 0
        while (decision := decide_schedule(self.view())).create is not None:
            self._create(decision)
            created += 1
            assert created == 1, "more than one run at once"
            if crash:
                return
        assert decision.status is not None
        self._check(decision)
        self.status = decision.status.to_json()
        for each in decision.delete:
            del self.runs[each.name]
        again = decide_schedule(self.view())
        assert again.create is None
        assert again.status == Schedule.from_json({**_body(self.object()), "status": self.status}).status

    def _create(self, decision: ScheduleDecision) -> None:
        assert decision.create is not None
        metadata = decision.create["metadata"]
        slot = datetime.fromisoformat(metadata["annotations"]["cbr-operator.io/scheduled-time"])
        self.started[slot] += 1
        assert self.started[slot] == 1, "a time ran twice"
        assert slot <= self.now, "a time ran before it came"
        assert slot > self.changed, "a change made something run"
        assert not self.spec.get("suspend")
        self.runs[metadata["name"]] = replace(run(slot), name=metadata["name"], created=self.now)

    def _check(self, decision: ScheduleDecision) -> None:
        assert decision.status is not None
        following = decision.status.next_schedule_time
        assert (following is None) == bool(self.spec.get("suspend"))
        assert following is None or following > self.now
        assert decision.again is None or decision.again > self.now
        assert decision.status.skipped_runs is not None
        assert decision.status.skipped_runs >= self.status.get("skippedRuns", 0)

    def change(self, spec: dict[str, Any]) -> None:
        if spec is not self.spec:
            self.spec = spec
            self.changed = self.now

    def delete_recorded(self) -> None:
        """Somebody deletes every run that the status tells of."""
        last = Schedule.from_json({**_body(self.object()), "status": self.status}).status.last_schedule_time
        self.runs = {name: each for name, each in self.runs.items() if last is None or each.order[0] > last}

    def end(self, state: RunState) -> None:
        for name, each in self.runs.items():
            if each.state is RunState.UNFINISHED:
                self.runs[name] = replace(each, state=state, ended=self.now)


def _body(of: Schedule) -> dict[str, Any]:
    metadata = of.metadata.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {"metadata": metadata, "spec": {}}


@settings(max_examples=60)
@given(first=st.integers(0, len(SPECS) - 1), steps=STEPS)
def test_no_history_makes_a_time_run_twice(first: int, steps: list[tuple[str, int, int]]) -> None:
    history = History(SPECS[first])
    history.look(crash=False)
    for what, seconds, number in steps:
        history.now += timedelta(seconds=-seconds if what == "back" else seconds)
        if what == "change":
            history.change(SPECS[number])
        elif what in ("end", "fail"):
            history.end(RunState.SUCCEEDED if what == "end" else RunState.FAILED)
        elif what == "delete":
            history.delete_recorded()
        history.look(crash=what == "crash")


@settings(max_examples=40)
@given(
    spec=st.sampled_from([each for each in SPECS if not each.get("suspend")]),
    away=st.timedeltas(timedelta(minutes=1), timedelta(days=4)),
)
def test_after_any_absence_at_most_one_run_is_made_up_for(spec: dict[str, Any], away: timedelta) -> None:
    history = History(spec)
    history.look(crash=False)
    history.now += away
    history.look(crash=False)
    assert sum(history.started.values()) <= 1
    if history.started:
        [slot] = history.started
        later = [each for each in _times(history) if slot < each <= history.now]
        assert later == [], "the newest time is the one that runs"


def _times(history: History) -> list[datetime]:
    spec = history.object().spec
    assert spec is not None
    found = []
    for each in parse_cron(spec.schedule, spec.time_zone).after(CREATED):
        if each > history.now - jitter_of(history.object().metadata.uid, spec.jitter_seconds):
            break
        found.append(each)
    return found


@settings(max_examples=40)
@given(
    spec=st.sampled_from(SPECS),
    looks=st.lists(st.integers(1, 100_000), min_size=1, max_size=12),
    restart=st.booleans(),
)
def test_looking_more_often_changes_nothing_but_what_was_in_time(
    spec: dict[str, Any],
    looks: list[int],
    restart: bool,  # noqa: FBT001
) -> None:
    """Two operators of which one looks twice at each moment come to the same."""
    one, other = History(spec), History(spec)
    for seconds in looks:
        for history in (one, other):
            history.now += timedelta(seconds=seconds)
            history.look(crash=False)
        if restart:
            other.look(crash=False)
    assert (one.status, one.started) == (other.status, other.started)


def test_the_same_answer_after_a_crash_at_every_point() -> None:
    """Creation and status, either lost or not: what comes of it is the same."""
    ends = []
    for crashes in (0, 1, 2, 3):
        history = History(SPECS[0])
        history.look(crash=False)
        history.now = moment("2026-03-02 02:00")
        for _ in range(crashes):
            history.look(crash=True)
        history.look(crash=False)
        ends.append((history.status, history.started))
    assert all(each == ends[0] for each in ends)
    assert ends[0][1] == {datetime(2026, 3, 2, 2, tzinfo=UTC): 1}
