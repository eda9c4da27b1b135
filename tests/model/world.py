"""Time, the API server, the cloud, and every process of the operator: all that a story is made of."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from cbr_operator.kinds.reasons import ConditionType
from cbr_operator.ports import Json
from cbr_operator.rules.conditions import UNKNOWN
from ground.objects import DESTINATION, SOURCE
from model.api_server import SECRET, ApiServer
from model.cloud import Cloud, Traits
from model.laws import LOG, Laws
from model.process import Process, Request
from model.spelling import endpoint_of
from model.times import FIRST_MOMENT

PLENTY = 1200
"""Seconds: the deadlines of the objects here, so that every story has an end."""


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

    def __post_init__(self) -> None:
        LOG.clear()
        self.time = FIRST_MOMENT
        self.api = ApiServer(news=self._news)
        self.api_away_until = self.cloud_away_until = 0.0
        self.cloud = Cloud(self.traits)
        self.refused_versions: set[str] = set()
        """Of the Secret, whose tokens the cloud refuses."""
        self.laws = Laws(self)
        self.processes: list[Process] = []
        self.plans: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self.made_processes = 0
        self.has_moved = True
        """The last move changed something outside the processes."""
        self._outside: object = None
        for name in self.names:
            self.create(name)
        self.start()
        self.settle()

    # ------------------------------------------------------------------------------------ what people do

    def create(self, name: str) -> None:
        """A person creates an object."""
        spec = {
            "source": SOURCE,
            "destination": DESTINATION,
            "tokenSecretRef": {"name": SECRET},
            "endpoint": endpoint_of(f"uid-{self.api.made + 1}"),
            "submission": {"deadlineSeconds": PLENTY},
            "tracking": {"deadlineSeconds": PLENTY, "enabled": self.followed},
        }
        self.api.create(name, spec, time=self.time)

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
        return self.api_away_until, self.api.secret_version, len(self.refused_versions), len(self.plans)

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
            if process.watch:
                moments.append(process.watch_held_until)
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
        """Whether every object that is left has come to its end, and says so of its present generation."""
        return all(
            outcome_of(body) != UNKNOWN and body["status"]["observedGeneration"] == body["metadata"]["generation"]
            for body in self.api.objects.values()
        )

    # ----------------------------------------------------------------------------------------- the watch

    def _news(self, kind: str, body: Json) -> None:
        for process in self.processes:
            if process.watching:
                process.watch.append((kind, body))

    def _begin_watch(self, process: Process) -> None:
        """Kopf lists for itself when it begins to watch; what is known already is no news."""
        if not process.watch_begun:
            process.watch_begun = True
            process.watch.extend(("ADDED", body) for body in self.api.objects.values())
        while process.watch and _is_echo(process, *process.watch[0]):
            process.watch.popleft()

    def deliver(self, process: Process) -> None:
        """The oldest news reach a process."""
        kind, body = process.watch.popleft()
        controller = process.controller
        process.loop.call_soon(controller.deleted if kind == "DELETED" else controller.changed, body)


def _is_echo(process: Process, kind: str, body: Json) -> bool:
    """Whether the process has this very version already, as from the answer to its own write."""
    metadata = body["metadata"]
    entry = process.engine.cache.get((metadata["namespace"], metadata["name"]))
    return kind != "DELETED" and entry is not None and entry.version == int(metadata["resourceVersion"])


def outcome_of(body: Json) -> str:
    """What Succeeded says; Unknown before anything was said."""
    conditions = body["status"].get("conditions", ())
    return next((each["status"] for each in conditions if each["type"] == ConditionType.SUCCEEDED), UNKNOWN)
