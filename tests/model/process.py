"""One process of the operator: the real engine on a loop of its own, its ports held by the explorer."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cbr_operator.engine.engine import Engine, World
from cbr_operator.engine.sweep import FIRST_SWEEP_SECONDS, SWEEP_SECONDS
from cbr_operator.kinds.common import ResourceKind
from cbr_operator.kinds.replication import REPLICATIONS
from cbr_operator.kinds.replication_status import Target
from cbr_operator.ports import (
    Credential,
    EventNote,
    Facts,
    Json,
    LoginFacts,
    LoginRequest,
    Page,
    ReplicateRequest,
    SecretData,
    UnavailableError,
)
from cbr_operator.rules.access import parse_pattern
from cbr_operator.rules.view import Policy
from model.loop import ModelLoop
from model.times import FIRST_VERSION, wall

PROXY = "http://proxy.example.com:3128"
PATTERNS = (parse_pattern("https://cbr.*.myhuaweicloud.com"), parse_pattern(PROXY))
LIST_AGAIN = 5.0
"""As in ``app``: between two tries of the first list."""
WORKERS = 2


@dataclass(eq=False)
class Request:
    """A call of a port that has not come back yet."""

    process: "Process"
    number: int
    verb: str
    what: dict[str, Any]
    future: asyncio.Future[Any]
    hangs: bool = False
    """Its end is planned; until then it is nobody's turn."""

    @property
    def is_open(self) -> bool:
        """Somebody still waits for it."""
        return not self.future.done()

    def give(self, value: Any) -> None:
        """It comes back with this, or raises it."""
        if not self.is_open:
            return
        if isinstance(value, Exception):
            self.future.set_exception(value)
        else:
            self.future.set_result(value)


@dataclass(eq=False)
class Watch:
    """News of one kind on their way to a process."""

    news: deque[tuple[str, Json]] = field(default_factory=deque)
    held_until: float = 0.0


@dataclass(eq=False)
class Process:
    """A process that leads, or believes that it does."""

    name: str
    now: Callable[[], float]
    """The world's time."""
    skew: float
    """Its wall clock less the right time, in seconds."""
    told: Callable[[EventNote], None]
    """Is given the Events that it posts."""
    number: Callable[[], int]
    """Numbers all requests of all processes in the order in which they were made."""
    kinds: tuple[ResourceKind, ...] = (REPLICATIONS,)
    """Of which there are objects in this story."""
    requests: list[Request] = field(default_factory=list)
    watching: bool = False
    watch_begun: bool = False
    frozen_until: float = 0.0
    leaving: bool = False
    over: bool = False

    def __post_init__(self) -> None:
        self.loop = ModelLoop(self.now)  # type: ignore[abstract]  # what it lacks nobody calls
        self.watches = {kind.kind: Watch() for kind in self.kinds}
        """Each kind's news travel by themselves."""
        self.sweepers: list[asyncio.Future[None]] = []
        """They sleep between two sweeps."""
        policy = Policy(
            allowed_endpoints=PATTERNS,
            holder=self.name,
            led_since=wall(self.now() + self.skew),
            cluster_wide=False,
        )
        world = World(
            kube=KubePort(self),
            cloud=CloudPort(self),
            clock=ClockPort(self),
            may_send=lambda: not self.leaving,
            post=self.told,
            count_submission=lambda _: None,
            count_status_write=lambda _: None,
        )

        def build() -> None:
            self.engine = Engine(world, policy, namespaces=(), workers=WORKERS, polling=(15.0, 300.0))
            self.controllers = {each.kind.kind: each for each in self.engine.controllers}
            self.work = self.loop.create_task(self._lead())

        self.loop.call_soon(build)
        self.loop.run()

    async def _lead(self) -> None:
        """As in ``app``: the whole list first, then decide and watch."""
        while True:
            try:
                await self.engine.fill()
                break
            except UnavailableError:
                await asyncio.sleep(LIST_AGAIN)
        self.watching = True
        await self.engine.run()

    async def _leave(self) -> None:
        """As in ``app``: nothing new is sent, what is under way is seen to its written end."""
        self.work.cancel()
        await self.engine.submitter.drain(180.0)
        self.over = True

    def sweep(self) -> None:
        """Its sweepers have slept for long enough: they may have begun before the story."""
        for sleeper in self.sweepers:
            _finish(sleeper)

    def tell_to_stop(self) -> None:
        """SIGTERM, or the Lease is lost."""
        self.leaving = True
        self._watch_no_more()
        self.loop.create_task(self._leave())

    def kill(self) -> None:
        """SIGKILL: whatever it would still do reaches nobody."""
        self.over = True
        self._watch_no_more()
        self.requests.clear()
        self.loop.cancel_all()

    def _watch_no_more(self) -> None:
        self.watching = False
        for watch in self.watches.values():
            watch.news.clear()

    @property
    def runs(self) -> bool:
        """It is there and not frozen."""
        return not self.over and self.frozen_until <= self.now()

    @property
    def has_news(self) -> bool:
        """Some are on their way to it."""
        return any(each.news for each in self.watches.values())

    def ask(self, verb: str, **what: Any) -> asyncio.Future[Any]:
        """A port was called: the explorer says what becomes of it."""
        future = self.loop.create_future()
        if not self.over:
            self.requests.append(Request(self, self.number(), verb, what, future))
        return future


def _finish(sleep: asyncio.Future[None]) -> None:
    if not sleep.done():
        sleep.set_result(None)


class ClockPort:
    """The machine's clocks: one on the wall, which may be wrong, and one that only goes on."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def now(self) -> datetime:
        return wall(self._process.now() + self._process.skew)

    def boottime(self) -> float:
        return self._process.now()

    async def sleep(self, seconds: float) -> None:
        process = self._process
        done = process.loop.create_future()
        if seconds in (FIRST_SWEEP_SECONDS, SWEEP_SECONDS):
            process.sweepers = [each for each in (*process.sweepers, done) if not each.done()]
        timer = process.loop.call_later(seconds, _finish, done)
        try:
            await done
        finally:
            timer.cancel()

    def chance(self) -> float:
        return 0.0


class KubePort:
    """The API server, as this process reaches it."""

    def __init__(self, process: Process) -> None:
        self._ask = process.ask
        self._kinds = process.kinds

    async def list_pages(self, kind: ResourceKind, *, namespace: str | None) -> AsyncIterator[Page]:
        if kind not in self._kinds:
            yield Page((), FIRST_VERSION)
            return
        yield await self._ask("list", kind=kind.kind, namespace=namespace)

    def list_version_pages(self, kind: ResourceKind, *, namespace: str | None) -> AsyncIterator[Page]:
        return self.list_pages(kind, namespace=namespace)

    async def get(self, kind: ResourceKind, *, namespace: str, name: str) -> Json:
        body: Json = await self._ask("get", kind=kind.kind, namespace=namespace, name=name)
        return body

    async def patch_status(self, kind: ResourceKind, *, namespace: str, name: str, patch: Json) -> Json:
        body: Json = await self._ask("patch_status", kind=kind.kind, namespace=namespace, name=name, patch=patch)
        return body

    async def read_secret(self, *, namespace: str, name: str) -> SecretData:
        secret: SecretData = await self._ask("read_secret", namespace=namespace, name=name)
        return secret

    async def delete(self, kind: ResourceKind, *, namespace: str, name: str, uid: str, version: str) -> None:
        await self._ask("delete", kind=kind.kind, namespace=namespace, name=name, uid=uid, version=version)

    async def read_config_map(self, *, namespace: str, name: str) -> SecretData:
        raise AssertionError("no connection here names certificates")

    async def create(self, kind: ResourceKind, *, namespace: str, body: Json) -> Json:
        raise AssertionError("no replication creates anything")

    async def apply(self, kind: ResourceKind, *, namespace: str, name: str, body: Json, manager: str) -> Json:
        raise AssertionError("no replication applies anything")

    async def create_event(self, event: EventNote) -> None:
        raise AssertionError("Events are posted by what stands beside the engine")


class CloudPort:
    """The cloud, as this process reaches it."""

    def __init__(self, process: Process) -> None:
        self._ask = process.ask

    async def replicate(
        self, *, target: Target, request: ReplicateRequest, credential: Credential, may_send: Callable[[], bool]
    ) -> Facts:
        facts: Facts = await self._ask(
            "replicate", target=target, request=request, credential=credential, may_send=may_send
        )
        return facts

    async def list_backups(self, *, target: Target, credential: Credential, offset: int, limit: int) -> Facts:
        facts: Facts = await self._ask("list_backups", target=target, credential=credential, limit=limit)
        return facts

    async def list_operation_logs(
        self, *, target: Target, credential: Credential, since: datetime, offset: int, limit: int
    ) -> Facts:
        facts: Facts = await self._ask("list_operation_logs", target=target, credential=credential, since=since)
        return facts

    async def log_in(self, request: LoginRequest) -> LoginFacts:
        raise AssertionError("no connection here logs in")

    def leave(self, connection: str) -> None:
        """Nothing is kept open here."""
