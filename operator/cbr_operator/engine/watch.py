"""Kopf, as informer and lifecycle: one event handler, no other of its ways.

Its change handlers are repeated when what they did could not be noted down (docs.kopf.dev, "Error handling"), which
must never happen to the call; its timers, daemons and deletion handlers put a finalizer on each object.

It runs in a thread with an event loop of its own. At its end, for whatever reason, Kopf cancels every task that
was created in its loop since it began: a call under way must not be among them, nor the writing of its answer.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import aiohttp
import kopf

from cbr_operator.engine.controller import Controller
from cbr_operator.ports import Json

logger = logging.getLogger(__name__)

WATCH_SECONDS = 240
"""How long the API server keeps a watch request open."""
LOGIN_SECONDS = 300
"""A credential that is read anew counts as new, so that one spurious 401 does not end the process."""
LOGIN_PAUSE_SECONDS = 5.0
"""Between two logins at least."""
IDLE_SECONDS = 0.05
"""How long Kopf keeps a task for an object that nothing happens to: at a start all objects have one at once."""
_PULSE_SECONDS = 1.0
"""How often its thread gives a sign of life."""
_OUTAGE_BACKOFFS = (0.5, 1, 2, 4, 8, *(15,) * 120)
"""Seconds between tries while the API server is away: half an hour, longer than an upgrade of it takes."""

LEAVE_SECONDS = 5.0
"""How long Kopf's tasks may take to end; what is left of them ends with the process."""

Take = Callable[[Json], None]
Login = Callable[[], tuple[aiohttp.ClientSession, str, str]]
"""Gives a new authenticated session, the server's URL and the default namespace; Kopf closes the session."""


class Watch:
    """The watch on all kinds; each controller is told of its own, in the loop that starts the watch."""

    def __init__(
        self,
        *,
        login: Login,
        namespaces: Collection[str],
        identity: str,
        controllers: Collection[Controller],
    ) -> None:
        self._login = login
        self._namespaces = namespaces
        self._identity = identity
        self._controllers = controllers
        self._loop = asyncio.get_running_loop()
        self._watching: asyncio.AbstractEventLoop | None = None
        self._handed: deque[tuple[Take, Json]] = deque()
        self._stop = asyncio.Event()
        self._next_login = 0.0
        self._ended = asyncio.Event()
        self._pulse_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._pulse_at = time.monotonic()
        self._thread.start()

    def stuck_seconds(self) -> float:
        """How long its thread has done nothing at all: about a second while it is well; 0 once it has ended."""
        return 0.0 if self._ended.is_set() else time.monotonic() - self._pulse_at

    async def ended(self) -> None:
        """Return when watching is over, whether it was stopped or ended by itself."""
        await self._ended.wait()

    async def stop(self, seconds: float) -> None:
        """Ask it to end, and wait so long for that."""
        if self._watching is None or self._ended.is_set():
            return
        self._watching.call_soon_threadsafe(self._stop.set)
        try:
            await asyncio.wait_for(self._ended.wait(), seconds)
        except TimeoutError:
            logger.warning("Watching did not end within %s seconds, leaving it behind", seconds)

    def _run(self) -> None:
        try:
            asyncio.run(self._operate())
        except Exception:
            # Whatever ends Kopf ends the process gracefully: the log says why, a restart begins anew.
            logger.exception("Watching ended in an error")
        self._tell_end()

    def _tell_end(self) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)

    async def _operate(self) -> None:
        self._watching = asyncio.get_running_loop()
        pulse = asyncio.create_task(self._pulse())
        try:
            await self._run_kopf()
        finally:
            pulse.cancel()

    async def _pulse(self) -> None:
        while True:
            self._pulse_at = time.monotonic()
            await asyncio.sleep(_PULSE_SECONDS)

    async def _run_kopf(self) -> None:
        tasks = await kopf.spawn_tasks(
            registry=self._registry(),
            settings=_settings(),
            # Kopf would ask for a user name, which a container's numeric user has not got.
            identity=cast("Any", self._identity),
            standalone=True,
            clusterwide=not self._namespaces,
            namespaces=self._namespaces,
            stop_flag=self._stop,
        )
        over, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        # The end of one kind's watch is the end of watching. Kopf would wait for the others, of which one can take
        # its cancellation for a lost connection, and stay for ever.
        self._tell_end()
        for task in left:
            task.cancel()
        await asyncio.wait(tasks, timeout=LEAVE_SECONDS)
        for task in over:
            task.result()

    def _registry(self) -> kopf.OperatorRegistry:
        """The handlers: hand over, nothing else; what an object means is for the worker to find out."""
        registry = kopf.OperatorRegistry()

        for controller in self._controllers:
            self._observe(registry, controller)

        @kopf.on.login(registry=registry)
        async def log_in(**_: Any) -> kopf.AiohttpSession:  # noqa: ANN401 - as above
            await self._pause_between_logins()
            session, server, namespace = self._login()
            return kopf.AiohttpSession(
                aiohttp_session=session,
                server=server,
                default_namespace=namespace,
                expiration=datetime.now(tz=UTC) + timedelta(seconds=LOGIN_SECONDS),
            )

        return registry

    async def _pause_between_logins(self) -> None:
        """Kopf logs in anew after each 401, at once, and asks again: a lasting one would keep it running in circles."""
        now = time.monotonic()
        self._next_login = max(now, self._next_login) + LOGIN_PAUSE_SECONDS
        await asyncio.sleep(self._next_login - LOGIN_PAUSE_SECONDS - now)

    def _observe(self, registry: kopf.OperatorRegistry, controller: Controller) -> None:
        kind = controller.kind

        @kopf.on.event(kind.group, kind.version, kind.plural, registry=registry, id=f"observe-{kind.plural}")
        async def observe(event: kopf.RawEvent, **_: Any) -> None:  # noqa: ANN401 - Kopf passes much more
            body = cast("Json", event["object"])
            body["metadata"].pop("managedFields", None)
            take = controller.deleted if event["type"] == "DELETED" else controller.changed
            self._hand_over(take, body)

    def _hand_over(self, take: Take, body: Json) -> None:
        """From Kopf's thread to the engine's loop, which is woken once for all that comes before it gets there."""
        self._handed.append((take, body))
        if len(self._handed) == 1:
            self._loop.call_soon_threadsafe(self._take_all)

    def _take_all(self) -> None:
        while self._handed:
            take, body = self._handed.popleft()
            try:
                take(body)
            except Exception:  # it must not keep the others
                logger.exception("An event met a defect of ours")


class _NoDifferences(kopf.DiffBaseStorage):
    """Nothing is compared with what was handled before: there are no change handlers.

    Kopf would deep-copy every object at every event, which took a ninth of the operator's CPU.
    """

    def build(self, **_: Any) -> kopf.BodyEssence:  # noqa: ANN401 - Kopf's own signature
        return kopf.BodyEssence({})

    def fetch(self, **_: Any) -> None:  # noqa: ANN401 - as above
        return None

    def store(self, **_: Any) -> None:  # noqa: ANN401 - as above
        return None


def _settings() -> kopf.OperatorSettings:
    """No Events of Kopf's own, watches that end, and patience with the API server."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.persistence.diffbase_storage = _NoDifferences()
    settings.scanning.disabled = True
    settings.watching.server_timeout = WATCH_SECONDS
    settings.watching.inactivity_timeout = WATCH_SECONDS + 60
    settings.watching.chunk_size = 500
    settings.queueing.idle_timeout = IDLE_SECONDS
    settings.networking.error_backoffs = _OUTAGE_BACKOFFS
    return settings
