"""Builds every part from the settings, and sees to the order of start and stop.

settings → probes up → leader → own full list → engine → watch, until told to stop. Then: nothing new is sent, the
calls under way are awaited, and their answers written.
"""

import asyncio
import logging
import secrets
import signal
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import astuple
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from cbr_operator.cloud.client import CbrClient
from cbr_operator.cloud.connector import addresses_of
from cbr_operator.engine.engine import Engine, World
from cbr_operator.engine.sweep import NotInstalledError
from cbr_operator.engine.system_clock import SystemClock
from cbr_operator.engine.watch import WATCH_SECONDS, Watch
from cbr_operator.kube.client import KubeClient
from cbr_operator.kube.config import ConfigError, Connection, connect
from cbr_operator.kube.events import EventPoster
from cbr_operator.kube.lease import AlwaysHeld, Leadership, Lease
from cbr_operator.ports import UnavailableError
from cbr_operator.rules.access import parse_pattern
from cbr_operator.rules.addresses import AddressRules, named_addresses
from cbr_operator.rules.view import Policy
from cbr_operator.settings import Settings
from cbr_operator.telemetry.metrics import Gauges, Metrics
from cbr_operator.telemetry.server import Check, ProbeServer

logger = logging.getLogger(__name__)

WATCH_DEAD_SECONDS = 2.5 * WATCH_SECONDS
"""Without any request of the watch for so long it has really stopped: a quiet one is renewed each WATCH_SECONDS."""
WATCH_STUCK_SECONDS = 30.0
"""Without a sign of life from the watch's thread for so long it hangs; it gives one each second."""
WATCH_STOP_SECONDS = 1.0
"""How long to wait for the watch at the end; it holds nothing worth waiting for."""
LIST_AGAIN_SECONDS = 5.0
"""Between two tries of the first list while the API server is away."""


class StartError(Exception):
    """The operator cannot start; the message is one line that says why and what to do."""


class Operator:
    """One process of the operator."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clock = SystemClock()
        self._identity = secrets.token_hex(8)
        self._stop = asyncio.Event()
        self._engine: Engine | None = None
        self._watch: Watch | None = None
        self._watch_seen = self._clock.boottime()
        self._lease: Leadership = AlwaysHeld()
        self._metrics = Metrics(
            Gauges(
                replications=lambda: self._engine.counts() if self._engine is not None else {},
                newest_copies=self._newest_copies,
                queue_depth=lambda: len(self._engine.queue) if self._engine is not None else 0,
                watch_age=self._watch_age,
                leader=lambda: self._engine is not None and self._lease.held(),
                token_expiries=lambda: self._engine.token_expiries() if self._engine is not None else {},
            )
        )

    async def run(self) -> int:
        """Run until told to stop; the exit code: 0 when told to, 1 when the Lease or the watch was lost.

        Raises:
            StartError: it cannot start.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        async with AsyncExitStack() as stack:
            connection = await _connect()
            kube = KubeClient(connection, instance=self._identity)
            stack.push_async_callback(kube.close)
            await self._serve(stack)
            if self._settings.leader_election:
                self._lease = self._make_lease(kube, connection)
            if not await self._unless_stopped(self._lease.acquire()):
                return 0
            return await self._lead(kube, connection)

    async def _serve(self, stack: AsyncExitStack) -> None:
        """Bring up the probes before anything that may take long."""
        server = ProbeServer(live=self._live, ready=self._ready, metrics=self._metrics.render)
        host, port = self._settings.http_host, self._settings.http_port
        stack.push_async_callback(server.stop)
        try:
            port = await server.start(host, port)
        except OSError as error:
            raise StartError(f"CBR_OPERATOR_HTTP_HOST, CBR_OPERATOR_HTTP_PORT: {error}") from None
        logger.info("Probes and metrics are served on port %d", port, extra={"http_port": port})

    def _make_lease(self, kube: KubeClient, connection: Connection) -> Lease:
        return Lease(
            kube=kube,
            clock=self._clock,
            namespace=self._settings.operator_namespace or connection.default_namespace,
            identity=self._identity,
            duration=self._settings.lease_duration_seconds,
        )

    def _make_cloud(self, addresses: AddressRules) -> CbrClient:
        settings = self._settings
        try:
            return CbrClient(
                clock=self._clock,
                request_timeout=settings.request_timeout_seconds,
                address_problem=addresses.problem,
                ca_file=Path(settings.ca_file) if settings.ca_file else None,
                on_call=self._metrics.count_cloud_request,
            )
        except OSError as error:
            raise StartError(f"CBR_OPERATOR_CA_FILE={settings.ca_file!r} cannot be used: {error}") from None

    async def _addresses(self, connection: Connection) -> AddressRules:
        """Which addresses the cloud's calls may go to; the API server's are looked up once."""
        patterns = map(parse_pattern, self._settings.allowed_endpoints)
        denied = tuple(map(ip_network, self._settings.denied_networks))
        servers = await addresses_of(urlsplit(connection.server).hostname or "")
        return AddressRules(denied, frozenset(map(ip_address, servers)), named_addresses(patterns))

    def _make_policy(self, connection: Connection, addresses: AddressRules) -> Policy:
        settings = self._settings
        return Policy(
            allowed_endpoints=tuple(map(parse_pattern, settings.allowed_endpoints)),
            holder=self._identity,
            led_since=self._clock.now(),
            request_timeout=settings.request_timeout_seconds,
            settle=settings.settle_seconds,
            operator_namespace=settings.operator_namespace or connection.default_namespace,
            cluster_wide=not settings.namespaces,
            addresses=addresses,
        )

    def _make_engine(self, kube: KubeClient, cloud: CbrClient, poster: EventPoster, policy: Policy) -> Engine:
        settings = self._settings
        world = World(
            kube=kube,
            cloud=cloud,
            clock=self._clock,
            may_send=lambda: self._lease.held() and not self._stop.is_set(),
            post=poster.post,
            count_submission=self._metrics.count_submission,
            count_status_write=self._metrics.count_status_write,
        )
        return Engine(
            world,
            policy,
            namespaces=settings.namespaces,
            workers=settings.workers,
            polling=(settings.poll_min_seconds, settings.poll_max_seconds),
        )

    def _make_watch(self, connection: Connection, engine: Engine) -> Watch:
        async def seen(*_: object) -> None:
            self._watch_seen = self._clock.boottime()

        # A refused request counts as well: the API server being away is no reason to restart.
        trace = aiohttp.TraceConfig()
        trace.on_request_start.append(seen)
        trace.on_request_end.append(seen)
        trace.on_request_exception.append(seen)
        trace.on_response_chunk_received.append(seen)
        return Watch(
            login=lambda: (
                connection.new_session(trace_configs=[trace]),
                connection.server,
                connection.default_namespace,
            ),
            namespaces=self._settings.namespaces,
            identity=self._identity,
            controllers=engine.controllers,
        )

    async def _lead(self, kube: KubeClient, connection: Connection) -> int:
        """Fill the cache, decide and watch, until told to stop or until the Lease or the watch is lost."""
        addresses = await self._addresses(connection)
        cloud = self._make_cloud(addresses)
        poster = EventPoster(kube, dropped=self._metrics.count_dropped_event)
        engine = self._make_engine(kube, cloud, poster, self._make_policy(connection, addresses))
        watch = self._make_watch(connection, engine)
        try:
            if not await self._unless_stopped(self._fill(engine)):
                return 0
            self._engine = engine  # ready from here on
            self._watch_seen = self._clock.boottime()
            watch.start()
            self._watch = watch
            return await self._work(engine, watch, poster)
        finally:
            await asyncio.gather(watch.stop(WATCH_STOP_SECONDS), poster.close(), cloud.close(), self._lease.release())

    async def _work(self, engine: Engine, watch: Watch, poster: EventPoster) -> int:
        """Decide and submit until it is over, then see every call under way to its written end."""
        tasks = {
            asyncio.create_task(self._stop.wait(), name="told to stop"),
            asyncio.create_task(self._lease.keep(), name="lease"),
            asyncio.create_task(watch.ended(), name="watch"),
            asyncio.create_task(engine.run(), name="engine"),
            asyncio.create_task(poster.run(), name="events"),
        }
        over, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        told = self._stop.is_set()
        for task in over:
            logger.info("Leaving: %s", task.get_name(), exc_info=task.exception())
        await self._lease.release()  # nothing new is sent from here on
        for task in tasks:
            if task.get_name() != "events":
                task.cancel()
        settle = self._settings.settle_seconds
        left = await engine.submitter.drain(self._settings.request_timeout_seconds + settle if told else settle)
        if left:
            logger.error("Leaving behind %d answers that could not be written; they are in this log", left)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        return 0 if told else 1

    def _newest_copies(self) -> dict[tuple[str, str, str, str], float]:
        found = self._engine.newest_copies() if self._engine is not None else {}
        return {astuple(pair): moment.timestamp() for pair, moment in found.items()}

    def _watch_age(self) -> float:
        return self._clock.boottime() - self._watch_seen if self._engine is not None else 0.0

    def _live(self) -> Check:
        age = self._watch_age()
        if age > WATCH_DEAD_SECONDS:
            return Check(ok=False, words=f"watching has stopped: no request for {age:.0f} seconds")
        stuck = self._watch.stuck_seconds() if self._watch is not None else 0.0
        if stuck > WATCH_STUCK_SECONDS:
            return Check(ok=False, words=f"watching has stopped: its thread hangs for {stuck:.0f} seconds")
        return Check(ok=True, words="alive")

    def _ready(self) -> Check:
        if self._engine is not None:
            return Check(ok=True, words="leading, and every object has been listed")
        if self._lease.held():
            return Check(ok=False, words="leading, the first list is not complete yet")
        ready = self._lease.readable()
        return Check(ok=ready, words="standing by" if ready else "the Lease cannot be read")

    async def _fill(self, engine: Engine) -> None:
        """The full list that must be complete before anything is decided."""
        while True:
            try:
                await engine.fill()
            except NotInstalledError as kind:
                raise StartError(
                    f"The kind {kind} is not installed: kubectl apply -f manifests/crds/ "
                    "(or: cbr-operator crds | kubectl apply -f -)"
                ) from None
            except UnavailableError as error:
                logger.warning("The first list failed, trying again: %s", error)
                await self._clock.sleep(LIST_AGAIN_SECONDS)
            else:
                logger.info("Leading, with %d CheckpointReplications", len(engine.cache))
                return

    async def _unless_stopped(self, work: Coroutine[Any, Any, None]) -> bool:
        """Await ``work``; False when told to stop before it was done."""
        stop, task = asyncio.create_task(self._stop.wait()), asyncio.create_task(work)
        await asyncio.wait({stop, task}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
            return False
        await task
        return True


async def _connect() -> Connection:
    try:
        return await connect()
    except ConfigError as error:
        raise StartError(str(error)) from None
