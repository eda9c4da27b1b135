"""Time, the API server, the cloud, and every process of the operator: all that a story is made of."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from cbr_operator.kinds.connection import CONNECTIONS
from cbr_operator.kinds.reasons import ConditionType
from cbr_operator.kinds.replication import REPLICATIONS
from cbr_operator.ports import Json
from cbr_operator.rules.conditions import TRUE, UNKNOWN
from ground.objects import DESTINATION, SOURCE
from model.api_server import CONNECTION, SECRET, ApiServer
from model.cloud import Cloud, Traits
from model.laws import LOG, Laws
from model.process import Process, Request, Watch
from model.spelling import ENDPOINT, endpoint_of, vault_of
from model.times import FIRST_MOMENT

PLENTY = 1200
"""Seconds: the deadlines of the objects here, so that every story has an end."""
_CONNECTION = {
    "endpoint": ENDPOINT,
    "region": SOURCE["region"],
    "projectID": SOURCE["projectID"],
    "auth": {"token": {"secretRef": {"name": SECRET}}},
}


@dataclass(eq=False)
class World:
    """Everything there is. Nothing in it happens by itself."""

    traits: Traits = field(default_factory=Traits)
    names: tuple[str, ...] = ("a",)
    skews: tuple[float, ...] = ()
    """How wrong the clocks on the wall are, in seconds, of the machines on which processes start one by one."""

    followed: bool = True
    """The objects want their copying followed; else a story ends with the submission."""

    people: bool = True
    """Somebody may delete, create and suspend objects while the operator is at work."""

    connected: bool = False
    """The objects name a connection, and somebody may edit it, delete it and make it anew."""

    def __post_init__(self) -> None:
        LOG.clear()
        self.time = FIRST_MOMENT
        self.api = ApiServer(news=self._news)
        self.api_away_until = self.cloud_away_until = 0.0
        self.cloud = Cloud(self.traits)
        self.refused_tokens: set[str] = set()
        """Which the cloud takes no longer."""
        self.laws = Laws(self)
        self.processes: list[Process] = []
        self.plans: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self.made_processes = 0
        self.has_moved = True
        """The last move changed something outside the processes."""
        self._outside: object = None
        if self.connected:
            self.api.connect(_CONNECTION, time=self.time)
        for name in self.names:
            self.create(name)
        self.start()
        self.settle()

    # ------------------------------------------------------------------------------------ what people do

    def create(self, name: str) -> None:
        """A person creates an object."""
        spec = {
            **self._way_to_the_vault(f"uid-{self.api.made + 1}"),
            "destination": DESTINATION,
            "submission": {"deadlineSeconds": PLENTY},
            "tracking": {"deadlineSeconds": PLENTY, "enabled": self.followed},
        }
        self.api.create(name, spec, time=self.time)

    def _way_to_the_vault(self, uid: str) -> Json:
        vault = {"vaultID": vault_of(uid)}
        if self.connected:
            return {"source": vault, "connectionRef": {"kind": CONNECTIONS.kind, "name": CONNECTION}}
        return {"source": SOURCE | vault, "tokenSecretRef": {"name": SECRET}, "endpoint": endpoint_of(uid)}

    def start(self) -> Process:
        """A process begins to lead, on the next machine."""
        skew = self.skews[self.made_processes] if self.made_processes < len(self.skews) else 0.0
        self.made_processes += 1
        process = Process(
            name=f"process-{self.made_processes}",
            now=lambda: self.time,
            skew=skew,
            told=self.laws.told,
            number=lambda: next(self._count),
            kinds=(REPLICATIONS, CONNECTIONS) if self.connected else (REPLICATIONS,),
        )
        self.processes.append(process)
        return process

    def plan(self, seconds: float, act: Callable[[], None]) -> None:
        """Something happens by itself after a while."""
        self.plans.append((self.time + seconds, next(self._count), act))
        self.plans.sort(key=lambda each: each[:2])

    def plans_left(self) -> list[tuple[float, Callable[[], None]]]:
        """What will happen by itself, and when."""
        return [(moment, act) for moment, _, act in self.plans]

    # ----------------------------------------------------------------------------------------- time

    def settle(self) -> None:
        """Let every process do what it can without an answer."""
        for process in self.processes:
            if process.runs:
                process.loop.run()
                process.requests = [each for each in process.requests if each.is_open]
                if not process.over and process.watching and not process.leaving:
                    self._begin_watch(process)
        self.processes = [each for each in self.processes if not each.over]
        self.laws.check()
        outside = (self.time, self.api.version, self.cloud.accepted.total(), self.cloud.busy_until, *self._weather())
        self.has_moved, self._outside = outside != self._outside, outside

    def _weather(self) -> tuple[object, ...]:
        """How servers are, and what is planned."""
        return self.api_away_until, self.api.secret_version, len(self.refused_tokens), len(self.plans)

    def queue(self) -> list[Request]:
        """Requests that may come back now, in the order in which they were made."""
        open_ = (each for process in self.processes if process.runs for each in process.requests)
        return sorted((each for each in open_ if not each.hangs), key=lambda each: each.number)

    def next_moment(self) -> float | None:
        """When something happens by itself."""
        moments = [each[0] for each in self.plans]
        for process in self.processes:
            if process.runs:
                due = process.loop.next_timer()
                moments += [due] if due is not None else []
            else:
                moments.append(process.frozen_until)
            moments += [each.held_until for each in process.watches.values() if each.news]
        return min((each for each in moments if each > self.time), default=None)

    def pass_time(self) -> None:
        """Go to the next moment at which something happens by itself."""
        moment = self.next_moment()
        if moment is None:
            raise AssertionError("nothing will ever happen again, and an object has not come to its end")
        self.time = moment
        while self.plans and self.plans[0][0] <= self.time:
            self.plans.pop(0)[2]()

    def has_ended(self) -> bool:
        """Whether all objects that are left have come to their end, the connection is ready, and no status is old."""
        objects, connections = self.api.objects.values(), self.api.connections.values()
        return (
            all(map(_is_told, (*objects, *connections)))
            and all(said_of(body, ConditionType.SUCCEEDED) != UNKNOWN for body in objects)
            and all(said_of(body, ConditionType.READY) == TRUE for body in connections)
        )

    # ----------------------------------------------------------------------------------------- the watch

    def _news(self, what: str, body: Json) -> None:
        for process in self.processes:
            if process.watching:
                process.watches[body["kind"]].news.append((what, body))

    def _begin_watch(self, process: Process) -> None:
        """Kopf lists for itself when it begins to watch; what is known already is no news."""
        for kind, watch in process.watches.items():
            if not process.watch_begun:
                watch.news.extend(("ADDED", body) for body in self.api.all_of(kind).values())
            while watch.news and _is_echo(process, *watch.news[0]):
                watch.news.popleft()
        process.watch_begun = True

    def deliver(self, process: Process, watch: Watch) -> None:
        """The oldest news of a watch reach a process."""
        what, body = watch.news.popleft()
        controller = process.controllers[body["kind"]]
        process.loop.call_soon(controller.deleted if what == "DELETED" else controller.changed, body)


def _is_echo(process: Process, what: str, body: Json) -> bool:
    """Whether the process has this very version already, as from the answer to its own write."""
    metadata = body["metadata"]
    entry = process.controllers[body["kind"]].store.get((metadata["namespace"], metadata["name"]))
    return what != "DELETED" and entry is not None and entry.version == int(metadata["resourceVersion"])


def _is_told(body: Json) -> bool:
    """Whether its status speaks of its present generation."""
    told: int = body["status"]["observedGeneration"]
    generation: int = body["metadata"]["generation"]
    return told == generation


def said_of(body: Json, condition: ConditionType) -> str:
    """What a condition of an object says; Unknown before anything was said."""
    conditions = body["status"].get("conditions", ())
    return next((each["status"] for each in conditions if each["type"] == condition), UNKNOWN)
