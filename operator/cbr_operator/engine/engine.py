"""The engine, put together: what decides and submits while this process leads."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Any

from cbr_operator.engine.cache import Cache, Entry
from cbr_operator.engine.calls import Calls
from cbr_operator.engine.clocks import CloudClocks
from cbr_operator.engine.connection_worker import ConnectionWorker
from cbr_operator.engine.connections import Connections, name_of
from cbr_operator.engine.controller import Controller
from cbr_operator.engine.credentials import Credentials
from cbr_operator.engine.lanes import Lanes
from cbr_operator.engine.looks import ClockLooks
from cbr_operator.engine.pace import Pace, PacedCloud
from cbr_operator.engine.planning import Planning, Surroundings
from cbr_operator.engine.pollers import Pollers
from cbr_operator.engine.publish import Publisher
from cbr_operator.engine.queue import WorkQueue
from cbr_operator.engine.rooms import Rooms
from cbr_operator.engine.status_writer import StatusWriter
from cbr_operator.engine.store import Key, Store
from cbr_operator.engine.submit import Submitter
from cbr_operator.engine.sweep import Lists
from cbr_operator.engine.vault_reader import VaultReader, rooms_for_looks
from cbr_operator.engine.worker import Parts, Worker
from cbr_operator.kinds.common import ResourceKind
from cbr_operator.kinds.connection import CLUSTER_CONNECTIONS, CONNECTIONS, ConnectionKey
from cbr_operator.kinds.replication import REPLICATIONS
from cbr_operator.ports import Clock, Cloud, EventNote, Kube
from cbr_operator.rules.copies import CopyPair, newest_by_pair
from cbr_operator.rules.lanes import Place, oldest_of_each_lane
from cbr_operator.rules.runs import Run
from cbr_operator.rules.view import Policy

FEW = 2
"""Steps at once for kinds of which there are few objects."""
STATUS_AGAIN = 5.0
"""Seconds until a connection is looked at whose status alone is news: another process that leads, too, wrote it, and
would answer an answer as fast as the API server takes it, while what the two know differs."""

Process = Callable[[Key], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class World:
    """The ports, and what the engine tells others."""

    kube: Kube
    cloud: Cloud
    clock: Clock
    may_send: Callable[[], bool]
    """Whether this process still leads and is not leaving, asked at the last moment before a call."""
    post: Callable[[EventNote], None]
    count_submission: Callable[[str], None]
    count_status_write: Callable[[str], None]


class Engine:
    """Cache, queue and workers over one set of namespaces."""

    def __init__(
        self, world: World, policy: Policy, *, namespaces: Collection[str], workers: int, polling: tuple[float, float]
    ) -> None:
        """``polling``: the shortest and the longest time between two regular looks at a vault, in seconds."""
        self._policy = policy
        self._world = world
        self._namespaces = namespaces
        self.queue = WorkQueue()
        self._lanes = Lanes(self._wake)
        self._calls = Calls(self.queue.hurry)
        self._connections = Connections(clock=world.clock, changed=self._connection_changed, gone=self._connection_gone)
        self.cache = Cache(
            clock=world.clock, lanes=self._lanes, gone=self._gone, connection=self._connections.named_by, ran=self._ran
        )
        self._credentials = Credentials(
            kube=world.kube,
            cloud=world.cloud,
            clock=world.clock,
            policy=policy,
            connections=self._connections.get,
            moved=self._connection_moved,
        )
        self._clocks = CloudClocks(world.clock)
        self._pace = Pace(clock=world.clock, wake=self.queue.hurry)
        cloud, rooms = PacedCloud(world.cloud, self._pace), rooms_for_looks()
        self._pollers = self._new_pollers(cloud, rooms, polling)
        self._publisher = Publisher(
            kube=world.kube, clock=world.clock, cache=self.cache, post=world.post, count=world.count_status_write
        )
        self.submitter = self._new_submitter(cloud)
        worker = self._new_worker(cloud, rooms)
        replications = self._controller(REPLICATIONS, self.cache, self.queue, worker.process, workers=workers)
        kinds = [CONNECTIONS, *([CLUSTER_CONNECTIONS] if policy.cluster_wide else [])]
        self._of_connections = {kind.kind: self._controller_of(kind) for kind in kinds}
        self._planning = self._new_planning(replications, workers)
        self.controllers = (
            replace(replications, done=self._calls.decided),
            *self._of_connections.values(),
            *self._planning.controllers,
        )

    def _new_pollers(self, cloud: Cloud, rooms: Rooms, polling: tuple[float, float]) -> Pollers:
        reader = VaultReader(
            cloud=cloud,
            clock=self._world.clock,
            clocks=self._clocks,
            credentials=self._credentials,
            pace=self._pace,
            rooms=rooms,
        )
        shortest, longest = polling
        return Pollers(reader=reader, clock=self._world.clock, wake=self.queue.add, shortest=shortest, longest=longest)

    def _new_submitter(self, cloud: Cloud) -> Submitter:
        return Submitter(
            cloud=cloud,
            clock=self._world.clock,
            clocks=self._clocks,
            publisher=self._publisher,
            may_send=self._world.may_send,
            count=self._world.count_submission,
            answered=self._credentials.answered,
        )

    def _new_worker(self, cloud: Cloud, rooms: Rooms) -> Worker:
        looks = ClockLooks(
            cloud=cloud,
            clocks=self._clocks,
            credentials=self._credentials,
            pace=self._pace,
            rooms=rooms,
            wake=self.queue.add,
        )
        return Worker(
            Parts(
                policy=self._policy,
                clock=self._world.clock,
                cache=self.cache,
                queue=self.queue,
                lanes=self._lanes,
                calls=self._calls,
                clocks=self._clocks,
                looks=looks,
                pollers=self._pollers,
                pace=self._pace,
                credentials=self._credentials,
                connections=self._connections,
                labels_of=self._labels_of,
                publisher=self._publisher,
                submitter=self.submitter,
                settle=self._settle,
            )
        )

    def _new_planning(self, replications: Controller, workers: int) -> Planning:
        return Planning(
            Surroundings(
                kube=self._world.kube,
                clock=self._world.clock,
                cache=self.cache,
                observe=replications.lists.observe,
                may_act=self._world.may_send,
                post=self._world.post,
                count=self._world.count_status_write,
                namespaces=self._namespaces,
                workers=workers,
                labels_changed=self._labels_changed,
            )
        )

    def _controller_of(self, kind: ResourceKind) -> Controller:
        """The controller of one of the kinds of connections."""
        world, queue, store = self._world, WorkQueue(), self._connections.store_of(kind)
        writer = StatusWriter(kind=kind, kube=world.kube, store=store, post=world.post, count=world.count_status_write)
        worker = ConnectionWorker(kind, world.clock, self._connections, self._credentials, queue, writer)

        def news(key: Key) -> None:
            asyncio.get_running_loop().call_later(STATUS_AGAIN, queue.add, key)

        return self._controller(kind, store, queue, worker.process, changed=news)

    def _controller(
        self,
        kind: ResourceKind,
        store: Store[Any],
        queue: WorkQueue,
        process: Process,
        *,
        workers: int = FEW,
        changed: Callable[[Key], None] | None = None,
    ) -> Controller:
        """``changed``: what is done about news, if not to queue the object at once."""
        lists = Lists(
            kind=kind,
            kube=self._world.kube,
            clock=self._world.clock,
            store=store,
            namespaces=self._namespaces,
            changed=changed or queue.add,
        )
        return Controller(kind=kind, store=store, lists=lists, queue=queue, process=process, workers=workers)

    async def fill(self) -> None:
        """List every object of every kind; nothing may be decided before.

        Raises:
            NotInstalledError: a kind is not installed.
            UnavailableError: the API server does not answer, or refuses.
        """
        for controller in self.controllers:
            await controller.lists.fill()
        for _, entry in self.cache.entries():
            entry.notes.older = True

    async def run(self) -> None:
        """Decide and submit until cancelled; calls under way go on after that, see ``submitter.drain``."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._planning.alarms.run())
                for controller in self.controllers:
                    group.create_task(controller.run())
        finally:
            await self._pollers.close()
            await self._credentials.close()

    def counts(self) -> Counter[str]:
        """How many objects there are by the reason of Succeeded; computed from the cache, for the metrics."""
        return Counter(entry.reason for _, entry in self.cache.entries())

    def newest_copies(self) -> dict[CopyPair, datetime]:
        """How new the newest copy of each pair of vaults is; computed from what is there, for the metrics."""
        told = (entry.copy for _, entry in self.cache.entries())
        remembered = (entry.copy for _, entry in self._planning.schedules.entries())
        return newest_by_pair(chain(told, remembered))

    def token_expiries(self) -> dict[tuple[str, str, str], float]:
        """When the tokens of connections end, by kind, namespace and name; from the cache, for the metrics."""
        return {
            each.key: each.status.token_expires_at.timestamp()
            for each in self._connections.all()
            if each.status.token_expires_at is not None
        }

    def _wake(self, place: Place) -> None:
        key: Key = (place.namespace, place.name)
        self.queue.hurry(key)  # a lane that is free is not to wait for what stands in another

    def _ran(self, run: Run) -> None:
        self._planning.ran(run)

    def _gone(self, entry: Entry) -> None:
        """An object was deleted: its looks end. Its call holds the lane until it must have shown.

        Source: protocol, section 5.
        """
        self._pollers.drop(entry.key)
        self.queue.add_after(entry.key, None)
        if entry.place is None:
            return
        # While nothing is written of its call, the lane is held that was called, which need not be this one any more.
        if entry.place.holds:
            self._lanes.hold(entry.place)
            if entry.uid not in self._calls:  # else the call's end settles it
                self._settle(entry.place)

    def _connection_changed(self, key: ConnectionKey) -> None:
        """A connection came, went, or says something else: what uses it stands elsewhere now, and is decided anew."""
        self._of_connections[key.kind].queue.add(name_of(key))
        for user in self.cache.users_of(key):
            self.cache.derive(user)
        self._wake_users(key)

    def _wake_users(self, connection: ConnectionKey) -> None:
        """Decide about all that use a connection, first about the oldest of each lane: the others wait for those."""
        users = self.cache.users_of(connection)
        places = (entry.place for each in users if (entry := self.cache.get(each)) is not None)
        for place in oldest_of_each_lane(filter(None, places)):
            self._wake(place)
        for user in users:
            self.queue.add(user)

    def _connection_gone(self, uid: str) -> None:
        self._credentials.forget(uid)
        self._pace.forget(uid)
        self._world.cloud.leave(uid)

    def _connection_moved(self, uid: str) -> None:
        """A connection has become usable, or unusable, or has another credential."""
        key = self._connections.key_of(uid)
        if key is None:
            return
        self._of_connections[key.kind].queue.add(name_of(key))
        self._wake_users(key)

    def _labels_of(self, namespace: str) -> Mapping[str, str]:
        return self._planning.labels_of(namespace)

    def _labels_changed(self, namespace: str) -> None:
        """A namespace's labels may open or close a cluster connection to what is in it."""
        for key, entry in self.cache.entries():
            if key[0] == namespace and entry.connection is not None and not entry.connection.namespace:
                self.queue.add(key)

    def _settle(self, place: Place) -> None:
        asyncio.get_running_loop().call_later(self._policy.proof_takes, self._lanes.release, place)
