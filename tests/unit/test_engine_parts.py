"""The parts of the engine that need neither API server nor cloud: cache, lanes, queue, calls."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbr_operator.engine.cache import Cache, Entry, Notes
from cbr_operator.engine.calls import CALLS_A_NAMESPACE, CALLS_AN_ENDPOINT, CALLS_IN_ALL, Calls
from cbr_operator.engine.lanes import Lanes
from cbr_operator.engine.queue import WorkQueue
from cbr_operator.engine.schedules import ScheduleStore
from cbr_operator.engine.worker import spread
from cbr_operator.kinds.policy import POLICY_LABEL
from cbr_operator.kinds.replication import Replication
from cbr_operator.kinds.schedule import RUN_NOW, SCHEDULES
from cbr_operator.rules.expiry import why_kept
from cbr_operator.rules.lanes import Place
from cbr_operator.rules.schedule import short_run_now
from ground.hand_clock import HandClock
from ground.objects import DESTINATION, SOURCE, body, spec
from ground.schedules import schedule


class Ground:
    """A cache with its lanes, and what they told."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.woken: list[str] = []
        self.gone: list[Entry] = []
        self.lanes = Lanes(lambda place: self.woken.append(place.name))
        self.cache = Cache(clock=self.clock, lanes=self.lanes, gone=self.gone.append)

    def store(self, name: str, version: int, **parts: Any) -> Place | None:
        metadata = {"resourceVersion": str(version), **parts.pop("metadata", {})}
        self.cache.store(body(name, metadata=metadata, **parts))
        entry = self.cache.get(("dr", name))
        assert entry is not None
        return entry.place


def target(outcome: str) -> dict[str, Any]:
    return {
        "submission": {"outcome": outcome, "target": {"endpoint": "https://cbr.region1.myhuaweicloud.com", **SOURCE}}
    }


def test_an_object_is_never_replaced_by_an_older_one() -> None:
    ground = Ground()
    ground.store("a", 5)
    assert not ground.cache.store(body("a", metadata={"resourceVersion": "4"}))
    assert not ground.cache.store(body("a", metadata={"resourceVersion": "5"}))
    assert ground.cache.store(body("a", metadata={"resourceVersion": "6"}))


@pytest.mark.parametrize("before", [True, False])
def test_waiting_for_a_slot_and_waiting_for_the_vault_are_counted_each_by_itself(before: bool) -> None:  # noqa: FBT001
    since = datetime(2026, 3, 1, tzinfo=UTC)
    notes = Notes(waiting_since=since, in_front=before)
    assert notes.waiting(in_front=before) == since
    assert notes.waiting(in_front=not before) is None


def test_late_news_of_a_deleted_object_are_ignored_and_its_namesake_is_not() -> None:
    ground = Ground()
    ground.store("a", 5)
    ground.cache.drop(("dr", "a"), "uid-of-a")
    assert [each.uid for each in ground.gone] == ["uid-of-a"]
    assert not ground.cache.store(body("a", metadata={"resourceVersion": "7"}))
    assert ground.cache.store(body("a", metadata={"uid": "another", "resourceVersion": "8"}))
    ground.cache.drop(("dr", "a"), "uid-of-a")
    assert ground.cache.get(("dr", "a")) is not None


def test_a_namesake_with_a_newer_version_takes_the_place_of_the_old_one() -> None:
    ground = Ground()
    ground.store("a", 5, status=target("Pending"))
    assert ground.cache.store(body("a", metadata={"uid": "another", "resourceVersion": "9"}))
    assert [each.uid for each in ground.gone] == ["uid-of-a"]


def test_an_object_that_cannot_be_read_is_kept_and_stands_nowhere() -> None:
    ground = Ground()
    assert ground.store("a", 1, status={"conditions": "nonsense"}) is None


def test_of_what_anybody_may_write_only_that_is_kept_which_something_rests_on() -> None:
    ground, much = Ground(), "x" * 200_000
    ground.store("a", 1, metadata={"annotations": {"much": much, "argocd.argoproj.io/tracking-id": much}})
    entry = ground.cache.get(("dr", "a"))
    assert entry is not None
    assert len(entry.packed) < 10_000
    assert why_kept(Replication.from_json(entry.body)).startswith("Argo CD would")


@pytest.mark.parametrize("labels", [{}, {POLICY_LABEL: "p"}])
def test_a_schedule_s_annotations_are_kept_for_its_policy_alone(labels: dict[str, str]) -> None:
    store = ScheduleStore(clock=HandClock(), moved=lambda _before, _after: None)
    short, long = ({"x": "y", RUN_NOW: each} for each in ("today", "x" * 200_000))
    for version, annotations in enumerate((short, long)):
        metadata = {"resourceVersion": str(version), "annotations": annotations, "labels": labels}
        store.store(schedule(metadata=metadata).model_dump(mode="json", by_alias=True))
        entry = store.get(("dr", "nightly"))
        assert entry is not None
        run_now = short_run_now(annotations[RUN_NOW])
        assert entry.body["metadata"]["annotations"] == (annotations if labels else {RUN_NOW: run_now})
        assert short_run_now(run_now) == run_now


def test_the_oldest_ready_object_is_in_front_and_a_holder_before_all() -> None:
    ground = Ground()
    young = ground.store("young", 1)
    old = ground.store("old", 2, metadata={"creationTimestamp": "2026-01-01T00:00:00Z"})
    assert young is not None
    assert old is not None
    ground.lanes.stand(young, ready=True)
    assert ground.lanes.in_front_of(young) is None
    ground.lanes.stand(old, ready=True)
    assert ground.lanes.in_front_of(young) == old
    assert ground.lanes.in_front_of(old) is None
    ground.lanes.hold(young)
    assert ground.lanes.in_front_of(old) == young
    assert ground.lanes.in_front_of(young) == old
    ground.lanes.release(young)
    assert ground.woken == ["old"]
    ground.lanes.stand(old, ready=False)
    assert ground.woken == ["old", "young"]


def test_a_written_intent_holds_the_lane_and_a_known_outcome_frees_it() -> None:
    ground = Ground()
    first = ground.store("first", 1)
    second = ground.store("second", 2)
    assert first is not None
    assert second is not None
    ground.lanes.stand(second, ready=True)
    ground.store("first", 3, status=target("Pending"))
    assert ground.lanes.in_front_of(second) is not None
    ground.store("first", 4, status=target("Unknown"))
    assert ground.lanes.in_front_of(second) is not None
    ground.store("first", 5, status=target("Submitted"))
    assert ground.lanes.in_front_of(second) is None
    assert ground.woken == ["second"]


def test_runs_count_in_their_schedule_s_own_namespace_alone() -> None:
    cache = Ground().cache
    owner = {"apiVersion": SCHEDULES.api_version, "kind": SCHEDULES.kind, "name": "nightly", "uid": "u"}
    for namespace in ("dr", "elsewhere"):
        cache.store(body("a", metadata={"namespace": namespace, "uid": f"of-{namespace}", "ownerReferences": [owner]}))
    assert [each.uid for each in cache.runs_of("dr", "u")] == ["of-dr"]
    cache.drop(("dr", "a"), "of-dr")
    assert cache.runs_of("dr", "u") == ()


def test_another_project_or_vault_is_another_lane_and_spelling_is_not() -> None:
    ground = Ground()
    place = ground.store("a", 1)
    same = ground.store("b", 2, spec=spec(source={**SOURCE, "vaultID": SOURCE["vaultID"].upper().replace("-", "")}))
    other = ground.store("c", 3, spec=spec(source={**SOURCE, "vaultID": DESTINATION["vaultID"]}))
    ported = ground.store("d", 4, spec=spec(endpoint="https://CBR.region1.myhuaweicloud.com:443/"))
    assert place is not None
    assert same is not None
    assert other is not None
    assert ported is not None
    assert place.lane == same.lane == ported.lane != other.lane


MOVES = st.sampled_from(["ready", "left", "hold", "release"])


@given(st.lists(st.tuples(st.sampled_from("abcd"), MOVES), max_size=30))
def test_at_most_one_of_a_lane_is_in_front(actions: list[tuple[str, str]]) -> None:
    ground = Ground()
    places = {name: Place("lane", name, "dr", name, datetime(2026, 1, 1, tzinfo=UTC), holds=False) for name in "abcd"}
    ready: set[str] = set()
    held: set[str] = set()
    for name, action in actions:
        if action in ("ready", "left"):
            ground.lanes.stand(places[name], ready=action == "ready")
            (ready.add if action == "ready" else ready.discard)(name)
        else:
            (ground.lanes.hold if action == "hold" else ground.lanes.release)(places[name])
            (held.add if action == "hold" else held.discard)(name)
        front = [each for each in ready if ground.lanes.in_front_of(places[each]) is None]
        assert front == ([min(ready)] if ready and held <= {min(ready)} else [])


async def test_a_key_in_a_hurry_comes_first_and_once() -> None:
    queue = WorkQueue()
    for name in ("a", "b", "c"):
        queue.add(("dr", name))
    queue.hurry(("dr", "c"))
    queue.hurry(("dr", "new"))
    order = [await queue.get() for _ in range(4)]
    assert [name for _, name in order] == ["c", "new", "a", "b"]
    queue.hurry(("dr", "a"))  # a worker has it: it comes again after that
    assert len(queue) == 0
    queue.done(("dr", "a"))
    assert await queue.get() == ("dr", "a")


async def test_a_key_that_changes_while_it_is_worked_on_comes_once_more() -> None:
    queue = WorkQueue()
    queue.add(("dr", "a"))
    queue.add(("dr", "a"))
    key = await queue.get()
    queue.add(key)
    queue.add(key)
    assert len(queue) == 0
    queue.done(key)
    assert await queue.get() == key
    queue.done(key)
    assert len(queue) == 0
    queue.close()


async def test_the_newest_plan_for_a_key_counts() -> None:
    queue = WorkQueue()
    queue.add_after(("dr", "a"), 3600)
    queue.add_after(("dr", "b"), 0.01)
    queue.add_after(("dr", "c"), 0.02)
    queue.add_after(("dr", "c"), None)
    queue.add_after(("dr", "a"), 0.03)
    assert [await queue.get(), await queue.get()] == [("dr", "b"), ("dr", "a")]
    assert len(queue) == 0
    queue.close()


async def test_plans_that_are_made_anew_do_not_pile_up() -> None:
    queue = WorkQueue()
    for number in range(10_000):
        queue.add_after(("dr", str(number % 3)), 100_000.0 + number)
    assert len(queue._timers) < 100
    queue.add_after(("dr", "soon"), 0.0)
    assert await queue.get() == ("dr", "soon")
    queue.close()


def test_looks_are_spread_and_a_deadline_of_days_is_not_hours_late() -> None:
    assert spread(10.0, chance=1.0) == 11.0
    assert spread(10.0, chance=0.0) == 10.0
    assert spread(172_800.0, chance=1.0) == 172_830.0


async def test_whoever_waits_for_work_gets_it() -> None:
    queue = WorkQueue()
    waiting = [asyncio.create_task(queue.get()) for _ in range(2)]
    await asyncio.sleep(0)
    queue.add(("dr", "a"))
    queue.add(("dr", "b"))
    assert sorted(await asyncio.gather(*waiting)) == [("dr", "a"), ("dr", "b")]


@pytest.mark.parametrize(
    ("endpoints", "namespaces", "most"),
    [(1, 10, CALLS_AN_ENDPOINT), (3, 10, CALLS_IN_ALL), (3, 1, CALLS_A_NAMESPACE)],
)
def test_calls_are_bounded_by_server_by_namespace_and_in_all(endpoints: int, namespaces: int, most: int) -> None:
    calls = Calls(lambda _: None)
    started = 0
    for number in range(300):
        endpoint, key = f"https://e{number % endpoints}/path{number}", (f"n{number % namespaces}", str(number))
        if calls.has_room(endpoint, key):
            calls.start(str(number), endpoint, key)
            started += 1
    assert started == most


def test_one_namespace_that_waits_keeps_no_other_from_its_turn() -> None:
    woken: list[Any] = []
    calls = Calls(woken.append)
    for number in range(CALLS_A_NAMESPACE):
        calls.start(str(number), "https://slow", ("dr", str(number)))
    calls.wait("https://e", ("dr", "a"))
    calls.wait("https://e", ("other", "b"))
    calls.decided(("other", "b"))
    assert woken == [("other", "b")]
    calls.end("0")
    assert woken == [("other", "b"), ("dr", "a")]


def full(woken: list[Any]) -> Calls:
    calls = Calls(woken.append)
    for number in range(CALLS_AN_ENDPOINT):
        calls.start(str(number), "e", (f"n{number}", "x"))
    return calls


def test_room_is_passed_on_until_somebody_takes_it() -> None:
    woken: list[Any] = []
    calls = full(woken)
    calls.wait("e", ("dr", "a"))
    calls.wait("e", ("dr", "b"))
    calls.decided(("dr", "b"))
    assert woken == []
    calls.end("0")
    assert woken == [("dr", "a")]
    calls.decided(("dr", "a"))  # and did not call
    assert woken == [("dr", "a"), ("dr", "b")]


def test_room_is_kept_for_whoever_waits_longest() -> None:
    woken: list[Any] = []
    calls = full(woken)
    calls.wait("e", ("dr", "a"))
    calls.end("0")
    assert woken == [("dr", "a")]
    calls.decided(("dr", "quick"))
    assert not calls.has_room("e", ("dr", "quick"))
    assert calls.has_room("e", ("dr", "a"))
    calls.start("a", "e", ("dr", "a"))
    assert not calls.has_room("e", ("dr", "a"))
    calls.end("a")
    assert calls.has_room("e", ("dr", "quick"))
