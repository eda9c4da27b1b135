"""The engine, put together: what decides and submits while this process leads."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass

from cbr_operator.engine.cache import Cache, Entry
from cbr_operator.engine.calls import Calls
from cbr_operator.engine.clocks import CloudClocks
from cbr_operator.engine.controller import Controller
from cbr_operator.engine.lanes import Lanes
from cbr_operator.engine.looks import ClockLooks
from cbr_operator.engine.pollers import Pollers
from cbr_operator.engine.publish import Publisher
from cbr_operator.engine.queue import WorkQueue
from cbr_operator.engine.secrets import SecretReader
from cbr_operator.engine.store import Key, key_of
from cbr_operator.engine.submit import Submitter
from cbr_operator.engine.sweep import Lists
from cbr_operator.engine.vault_reader import VaultReader
from cbr_operator.engine.worker import Parts, Worker
from cbr_operator.kinds.replication import REPLICATIONS
from cbr_operator.ports import Clock, Cloud, EventNote, Kube
from cbr_operator.rules.lanes import Place
from cbr_operator.rules.view import Policy


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
        self.queue = WorkQueue()
        self._lanes = Lanes(self._wake)
        self._calls = Calls(self.queue.add)
        self.cache = Cache(clock=world.clock, lanes=self._lanes, gone=self._gone)
        clocks = CloudClocks(world.clock)
        secrets = SecretReader(kube=world.kube, clock=world.clock)
        self._pollers = Pollers(
            reader=VaultReader(cloud=world.cloud, clock=world.clock, clocks=clocks, secrets=secrets),
            clock=world.clock,
            wake=self.queue.add,
            shortest=polling[0],
            longest=polling[1],
        )
        publisher = Publisher(
            kube=world.kube, clock=world.clock, cache=self.cache, post=world.post, count=world.count_status_write
        )
        self.submitter = Submitter(
            cloud=world.cloud,
            clock=world.clock,
            clocks=clocks,
            publisher=publisher,
            may_send=world.may_send,
            count=world.count_submission,
        )
        parts = Parts(
            policy=policy,
            clock=world.clock,
            cache=self.cache,
            queue=self.queue,
            lanes=self._lanes,
            calls=self._calls,
            clocks=clocks,
            looks=ClockLooks(cloud=world.cloud, clocks=clocks, wake=self.queue.add),
            pollers=self._pollers,
            secrets=secrets,
            publisher=publisher,
            submitter=self.submitter,
            settle=self._settle,
        )

        self.controllers = (
            Controller(
                kind=REPLICATIONS,
                store=self.cache,
                lists=Lists(
                    kind=REPLICATIONS,
                    kube=world.kube,
                    clock=world.clock,
                    store=self.cache,
                    namespaces=namespaces,
                    changed=self.queue.add,
                ),
                queue=self.queue,
                process=Worker(parts).process,
                workers=workers,
                done=self._calls.wake_next,
            ),
        )

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
                for controller in self.controllers:
                    group.create_task(controller.run())
        finally:
            await self._pollers.close()

    def counts(self) -> Counter[str]:
        """How many objects there are by the reason of Succeeded; computed from the cache, for the metrics."""
        return Counter(entry.reason for _, entry in self.cache.entries())

    def _wake(self, place: Place) -> None:
        key: Key = (place.namespace, place.name)
        self.queue.add(key)

    def _gone(self, entry: Entry) -> None:
        """An object was deleted: its looks end; its call holds the lane until it must have shown (protocol, 5)."""
        key = key_of(entry.body)
        self._pollers.drop(key)
        self.queue.add_after(key, None)
        if entry.place is None:
            return
        if entry.uid in self._calls:
            self._lanes.hold(entry.place)  # its end settles it
        elif entry.place.holds:
            self._lanes.hold(entry.place)
            self._settle(entry.place)

    def _settle(self, place: Place) -> None:
        asyncio.get_running_loop().call_later(self._policy.proof_takes, self._lanes.release, place)
