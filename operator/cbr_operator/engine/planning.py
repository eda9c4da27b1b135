"""Schedules and policies, put together: what makes CheckpointReplications, and what makes that."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from cbr_operator.engine.alarms import Alarms
from cbr_operator.engine.cache import Cache
from cbr_operator.engine.controller import Controller
from cbr_operator.engine.policies import (
    NamespaceEntry,
    PolicyEntry,
    PolicyKeeper,
    PolicyParts,
    namespace_entry,
    policy_entry,
)
from cbr_operator.engine.queue import WorkQueue
from cbr_operator.engine.schedules import ScheduleEntry, ScheduleKeeper, ScheduleStore
from cbr_operator.engine.status_writer import Count, Post, StatusWriter
from cbr_operator.engine.store import Key, Store
from cbr_operator.engine.sweep import Lists
from cbr_operator.kinds.common import ResourceKind
from cbr_operator.kinds.namespace import NAMESPACES
from cbr_operator.kinds.policy import POLICIES
from cbr_operator.kinds.schedule import SCHEDULES
from cbr_operator.ports import Clock, Json, Kube
from cbr_operator.rules.runs import Run


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What planning needs of the rest of the engine."""

    kube: Kube
    clock: Clock
    cache: Cache
    observe: Callable[[Json], None]
    """Takes in a CheckpointReplication that was created."""
    may_act: Callable[[], bool]
    post: Post
    count: Count
    namespaces: Collection[str]
    """Those that are watched; empty: all, and then there are policies."""
    workers: int
    labels_changed: Callable[[str], None]
    """Told of each namespace that came, went or has other labels."""


class Planning:
    """The controllers of Schedules and, where all namespaces are watched, of policies and of Namespaces."""

    def __init__(self, around: Surroundings) -> None:
        self._ = around
        self._queue = WorkQueue()
        self._namespace_queue = WorkQueue()
        self._keeper: PolicyKeeper | None = None
        self.schedules = ScheduleStore(clock=around.clock, moved=self._schedule_moved)
        self.alarms = Alarms(around.clock, self._queue.add)
        self._namespaces: Store[NamespaceEntry] = Store(
            clock=around.clock, entry=namespace_entry, moved=self._namespace_moved
        )
        self.controllers: tuple[Controller, ...] = (self._schedule_controller(),)
        if not around.namespaces:
            self.controllers += self._policy_controllers()

    def ran(self, run: Run) -> None:
        """A run came, changed or went: its Schedule counts it, and may have waited for its end to be deleted."""
        key = (run.namespace, run.schedule)
        self._queue.add(key)
        entry = self.schedules.get(key)
        if self._keeper is not None and entry is not None and entry.kept_by_policy:
            self._namespace_queue.add(("", run.namespace))

    def labels_of(self, namespace: str) -> Mapping[str, str]:
        """The labels of a namespace; none where namespaces are not watched."""
        entry = self._namespaces.get(("", namespace))
        return entry.labels if entry is not None else {}

    def _schedule_moved(self, before: ScheduleEntry | None, after: ScheduleEntry | None) -> None:
        if self._keeper is not None:
            self._keeper.schedule_moved(before, after)

    def _policy_moved(self, before: PolicyEntry | None, after: PolicyEntry | None) -> None:
        if self._keeper is not None:
            self._keeper.policy_moved(before, after)

    def _namespace_moved(self, before: NamespaceEntry | None, after: NamespaceEntry | None) -> None:
        if self._keeper is not None:
            self._keeper.namespace_moved(before, after)
        labels = [each.labels if each is not None else {} for each in (before, after)]
        either = after or before
        if either is not None and labels[0] != labels[1]:
            self._.labels_changed(either.name)

    def _schedule_controller(self) -> Controller:
        around = self._
        keeper = ScheduleKeeper(
            kube=around.kube,
            clock=around.clock,
            store=self.schedules,
            cache=around.cache,
            writer=self._writer(SCHEDULES, self.schedules),
            alarms=self.alarms,
            observe=around.observe,
            may_act=around.may_act,
            post=around.post,
        )
        lists = self._lists(SCHEDULES, self.schedules, self._queue.add)
        self._observe_schedule = lists.observe
        return Controller(SCHEDULES, self.schedules, lists, self._queue, keeper.process, around.workers)

    def _policy_controllers(self) -> tuple[Controller, ...]:
        around, policy_queue = self._, WorkQueue()
        clock = around.clock
        policies: Store[PolicyEntry] = Store(clock=clock, entry=policy_entry, moved=self._policy_moved)
        keeper = self._keeper = PolicyKeeper(
            PolicyParts(
                kube=around.kube,
                clock=clock,
                cache=around.cache,
                schedules=self.schedules,
                namespaces=self._namespaces,
                policies=policies,
                namespace_queue=self._namespace_queue,
                policy_queue=policy_queue,
                observe=self._observe_schedule,
                writer=self._writer(POLICIES, policies),
                may_act=around.may_act,
            )
        )
        return (
            Controller(
                POLICIES,
                policies,
                self._lists(POLICIES, policies, policy_queue.add),
                policy_queue,
                keeper.process_policy,
                1,
            ),
            Controller(
                NAMESPACES,
                self._namespaces,
                self._lists(NAMESPACES, self._namespaces, self._namespace_queue.add),
                self._namespace_queue,
                keeper.process_namespace,
                around.workers,
            ),
        )

    def _writer(self, kind: ResourceKind, store: Store[Any]) -> StatusWriter:
        return StatusWriter(kind=kind, kube=self._.kube, store=store, post=self._.post, count=self._.count)

    def _lists(self, kind: ResourceKind, store: Store[Any], changed: Callable[[Key], None]) -> Lists:
        around = self._
        return Lists(
            kind=kind,
            kube=around.kube,
            clock=around.clock,
            store=store,
            namespaces=around.namespaces,
            changed=changed,
        )
