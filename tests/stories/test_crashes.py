"""Killed at every point of a submission, frozen, or two at once: never a second accepted call, always an end.

The points are reached from outside, by faults in the cloud and by a proxy before the API server. Objects that have
come to different points are killed together: each has a vault of its own.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from ground.api_proxy import ApiProxy, Match, Order, Seen, intent, status_write, to_status_of
from ground.operator_process import eventually
from ground.story import NO_CONCLUSION, Story

LONG = 3600.0
SOON = {"SETTLE_SECONDS": "4", "REQUEST_TIMEOUT_SECONDS": "5"}
"""Nothing is concluded before nine seconds have passed; records that appear are adopted after one."""
SUBMITTED, ADOPTED = ("True", "Submitted"), ("True", "OutcomeAdopted")
UNRESOLVED = ("False", "OutcomeUnresolved")
TAKEN, NOT_TAKEN = {"reset": True, "after": True}, {"reset": True}


def outcome(*names: str) -> Match:
    """A status write that brings in one of these outcomes."""
    return lambda seen: seen.outcome in names


def second_intent(seen: Seen) -> bool:
    """The write of the intent of a second attempt."""
    return intent(seen) and b'"attempt": 2' in seen.body


def ending(seen: Seen) -> bool:
    """The write that ends an object."""
    return status_write(seen) and b"completionTime" in seen.body


@dataclass(frozen=True, kw_only=True)
class Point:
    """One point to be killed at, and what must have come of it after a restart."""

    name: str
    faults: tuple[dict[str, Any], ...] = ()
    """What happens to its calls."""
    write: Match | None = None
    """The status write that is held."""
    after: bool = False
    """Held after it took effect."""
    posts: int = 1
    accepted: int = 1
    attempt: int = 1
    submitted: tuple[str, str] = SUBMITTED


SUBMITTING = [
    Point(name="intent-not-written", write=intent),
    Point(name="intent-on-its-way", write=intent, attempt=2),
    Point(name="intent-written", write=intent, after=True, attempt=2),
    Point(name="intent-answered", write=intent, after=True, attempt=2),
    Point(name="call-not-taken", faults=({"hang": True, "reset": True},), posts=2, attempt=2),
    Point(name="call-taken", faults=({"hang": True, "after": True},), submitted=ADOPTED),
    Point(name="call-answered", write=outcome("Submitted"), submitted=ADOPTED),
    Point(name="result-written", write=outcome("Submitted"), after=True),
    Point(name="followed"),
    Point(name="end-not-written", write=ending),
    Point(name="end-written", write=ending, after=True),
]

RESOLVING = [
    Point(name="between-looks", faults=(TAKEN,), submitted=ADOPTED),
    Point(name="found-not-written", faults=(TAKEN,), write=outcome("Adopted"), submitted=ADOPTED),
    Point(name="found-written", faults=(TAKEN,), write=outcome("Adopted"), after=True, submitted=ADOPTED),
    Point(name="absent-not-written", faults=(NOT_TAKEN,), write=outcome("NotSubmitted"), posts=2, attempt=2),
    Point(name="absent-written", faults=(NOT_TAKEN,), write=outcome("NotSubmitted"), after=True, posts=2, attempt=2),
    Point(
        name="second-intent-written",
        faults=(NOT_TAKEN,),
        write=second_intent,
        after=True,
        accepted=0,
        attempt=2,
        submitted=UNRESOLVED,
    ),
    Point(
        name="second-call-taken",
        faults=(NOT_TAKEN, {"hang": True, "after": True}),
        posts=2,
        attempt=2,
        submitted=ADOPTED,
    ),
]


@dataclass
class Matrix:
    """The objects of a list of points, and what holds each of them."""

    story: Story
    proxy: ApiProxy
    points: list[Point]
    vaults: dict[str, str] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)

    def create(self) -> None:
        """Order what happens to each object, then create it."""
        for point in self.points:
            pair = self.story.pair()
            self.vaults[point.name] = pair["source"]["vaultID"]
            for fault in point.faults:
                self.story.fault(self.vaults[point.name], **fault)
            if point.write is not None:
                self.orders[point.name] = self.proxy.order(_of(point, point.write), after=point.after, hold=True)
            self.story.create(point.name, **pair)

    def held(self, *names: str) -> bool:
        """Whether the writes of these objects, or of all, are held."""
        return all(order.came for name, order in self.orders.items() if name in names or not names)

    def let_go(self, *arrives: str) -> None:
        """The writes that are held never arrive, nor do the answers to those that did; but these do arrive."""
        for name, order in self.orders.items():
            order.release(cut=name not in arrives)
        self.proxy.clear()
        self.story.release_faults()

    def check(self) -> None:
        """What has become of every object."""
        for point in self.points:
            story, name = self.story, point.name
            ended = ("AllReplicated", "True") if point.submitted[0] == "True" else (point.submitted[1], "False")
            story.wait_for(name, ended[0], status=ended[1], seconds=90)
            assert len(story.posts(self.vaults[name])) == point.posts, name
            calls = story.accepted(self.vaults[name])
            assert len(calls) == point.accepted, name
            assert story.condition(name, "Submitted") == point.submitted, name
            assert story.submission(name)["attempt"] == point.attempt, name
            followed = [each["replicationRecordID"] for each in story.get(name)["status"].get("backups", [])]
            assert sorted(followed) == sorted(each for call in calls for each in call.record_ids), name


def _of(point: Point, write: Match) -> Match:
    """Such a write to the point's object; of an intent its reading back, too."""
    mine = to_status_of(point.name, write)
    read_back = write in (intent, second_intent)
    return lambda seen: (
        mine(seen)
        or (read_back and seen.method == "GET" and seen.path.endswith(f"/checkpointreplications/{point.name}"))
    )


@pytest.fixture
def copying(story: Story) -> Iterator[None]:
    """A cloud that copies until it is told to end."""
    story.secret()
    story.cloud.change(copy_seconds=LONG)
    yield
    story.release_faults()


@pytest.mark.timeout(240)
def test_killed_at_every_point_of_a_submission(story: Story, proxy: ApiProxy, copying: None) -> None:
    matrix = Matrix(story, proxy, SUBMITTING)
    first = story.operator_behind(proxy, "first", **NO_CONCLUSION).start()
    matrix.create()
    ended = ("end-not-written", "end-written")
    for name in (*ended, "followed"):
        story.wait_for(name, "Replicating")
    for name in ended:
        story.cloud.finish_copying(matrix.vaults[name])
    eventually(matrix.held)
    eventually(lambda: story.accepted(matrix.vaults["call-taken"]))
    eventually(lambda: story.posts(matrix.vaults["call-not-taken"]))

    first.freeze()
    matrix.orders["intent-answered"].release()  # the answer comes to a process that cannot act on it
    first.kill()
    matrix.let_go("intent-on-its-way")
    eventually(lambda: story.submission("intent-on-its-way").get("outcome") == "Pending")
    assert story.submission("intent-not-written") == {}

    with story.operator("second", **SOON):
        for name in ("call-taken", "call-answered"):
            eventually(partial(is_followed, story, name))
        story.cloud.change(copy_seconds=0)
        story.cloud.finish_copying()
        matrix.check()


def is_followed(story: Story, name: str) -> bool:
    """Whether its call is known to have been taken."""
    return story.condition(name, "Submitted")[0] == "True"


@pytest.mark.timeout(240)
def test_killed_at_every_point_of_resolving(story: Story, proxy: ApiProxy) -> None:
    story.secret()
    matrix = Matrix(story, proxy, RESOLVING)
    with story.operator("first", REQUEST_TIMEOUT_SECONDS="60", **NO_CONCLUSION):
        matrix.create()
        for point in RESOLVING:
            story.wait_for(point.name, "ResolvingOutcome")
            eventually(lambda: story.cloud.gets_of(matrix.vaults[point.name]))  # noqa: B023 - called at once
    with story.operator_behind(proxy, "second", **{**SOON, "REQUEST_TIMEOUT_SECONDS": "10"}):
        eventually(matrix.held, seconds=90)
        eventually(lambda: story.accepted(matrix.vaults["second-call-taken"]))
    matrix.let_go()
    with story.operator("third", **SOON):
        matrix.check()


def test_frozen_between_intent_and_call_for_longer_than_the_lease_it_does_not_send(
    story: Story, proxy: ApiProxy
) -> None:
    story.secret()
    election = {"LEADER_ELECTION": "true", "LEASE_DURATION_SECONDS": "4", "OPERATOR_NAMESPACE": story.namespace}
    first = story.operator_behind(proxy, "first", **SOON, **election).start()
    second = story.operator("second", **SOON, **election).start()
    answer = proxy.order(intent, after=True, hold=True)
    created = story.create("orders")
    vault = created["spec"]["source"]["vaultID"]
    eventually(lambda: answer.came)
    first.freeze()
    answer.release()
    eventually(lambda: second.probe("readyz")[1].startswith("leading"))
    story.wait_for("orders", "ResolvingOutcome")
    assert story.posts(vault) == []
    first.wake()
    story.wait_for("orders", "AllReplicated", status="True")
    assert first.process is not None
    assert first.process.wait(60) == 1
    assert "Leaving: lease" in first.log_text()
    assert len(story.posts(vault)) == 1
    assert story.submission("orders")["attempt"] == 2


def test_frozen_beyond_the_time_to_send_it_does_not_send_what_it_intended(story: Story, proxy: ApiProxy) -> None:
    story.secret()
    answer = proxy.order(intent, after=True, hold=True, times=1)
    with story.operator_behind(proxy, **NO_CONCLUSION) as operator:
        created = story.create("orders")
        eventually(lambda: answer.came)
        operator.freeze()
        answer.release()
        time.sleep(6)  # the call must start within five seconds
        operator.wake()
        story.wait_for("orders", "AllReplicated", status="True")
        assert story.submission("orders")["attempt"] == 2
        [call] = story.posts(created["spec"]["source"]["vaultID"])
        assert call.accepted


def test_two_operators_without_election_submit_each_object_once(story: Story) -> None:
    story.secret()
    vaults, regions = 10, 4
    with story.operator("first", **SOON), story.operator("second", **SOON):
        names: dict[str, list[str]] = {}
        for number in range(vaults):
            pair = story.pair(destinations=regions)
            vault = pair["source"]["vaultID"]
            names[vault] = []
            for destination in pair["destinations"]:
                names[vault].append(f"copy-{number}-{destination['region']}")
                story.create(names[vault][-1], source=pair["source"], destination=destination)
        for vault, made in names.items():
            for name in made:
                story.wait_for(name, "AllReplicated", status="True", seconds=90)
            # All calls count, for the cloud would refuse a second one with the same destination.
            called = sorted(call.destination_region for call in story.posts(vault))
            assert called == [f"region{2 + each}" for each in range(regions)]
