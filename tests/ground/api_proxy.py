"""A proxy in front of an API server: it keeps what passes, and holds, cuts or answers requests on order.

It speaks plain HTTP to its client and TLS to the API server; loopback only. With it the moments of a write are
reached from outside: before it arrives, and after it took effect but before its answer.
"""

import asyncio
import json
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp import web

from ground.controlplane.api import Api

Json = dict[str, Any]
_LARGEST = 2**22
_HEADERS = ("Accept", "Authorization", "Content-Type")


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    body: bytes

    @property
    def outcome(self) -> str:
        """The outcome of the submission that a status write brings in; empty for all else."""
        if self.method != "PATCH" or not self.path.endswith("/status"):
            return ""
        submission = json.loads(self.body).get("status", {}).get("submission") or {}
        return str(submission.get("outcome", ""))

    @property
    def watches(self) -> bool:
        """Whether it is a watch."""
        return self.query.get("watch") in ("true", "1")


Match = Callable[[Seen], bool]


def everything(_: Seen) -> bool:
    """Every request."""
    return True


def intent(seen: Seen) -> bool:
    """The write of an intent."""
    return seen.outcome == "Pending"


def result(seen: Seen) -> bool:
    """The write of what a call came to, or was found to have come to."""
    return seen.outcome not in ("", "Pending")


def status_write(seen: Seen) -> bool:
    """Any write of a status."""
    return seen.method == "PATCH" and seen.path.endswith("/status")


def to_status_of(name: str, match: Match) -> Match:
    """Those of the writes that go to the status of the object of this name."""
    return lambda seen: seen.path.endswith(f"/{name}/status") and match(seen)


@dataclass(slots=True, kw_only=True, eq=False)
class Order:
    """What happens to the requests that match."""

    match: Match
    after: bool = False
    """After the API server has answered; otherwise before the request gets there."""
    times: int | None = None
    """For so many requests; None for all."""
    hold: bool = False
    """Keep them until the order is released."""
    cut: bool = False
    """End the connection. With ``hold``: once it is released."""
    status: int | None = None
    """Answer with this status and ``body``."""
    body: Json = field(default_factory=dict)
    came: int = 0
    """So many requests have met it."""
    _free: asyncio.Event = field(default_factory=asyncio.Event)
    _loop: asyncio.AbstractEventLoop | None = None

    def release(self, *, cut: bool = False) -> None:
        """Let what is held go on, and further ones pass; ``cut``: their connections end instead."""
        self.times = 0
        self.cut = self.cut or cut
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._free.set)

    async def until_free(self) -> None:
        """Return once it is released."""
        await self._free.wait()


class ApiProxy:
    """The proxy, in a thread of its own, on a free port of 127.0.0.1; a context manager."""

    url: str
    kubeconfig: Path

    def __init__(self, api: Api, folder: Path) -> None:
        self._api = api
        self._folder = folder
        self._port = 0
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="api-proxy", daemon=True)
        self._lock = threading.Lock()
        self._orders: list[Order] = []
        self._watches: set[asyncio.Queue[Json]] = set()
        self._open: set[asyncio.Transport] = set()
        self.seen: list[Seen] = []
        """Every request that came."""
        self.latency = 0.0
        """Seconds before each request is passed on."""
        self.page_size = 0
        """Lists are passed on with this limit, so that few objects make several pages; 0: with their own."""

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait(30)
        self.kubeconfig = self._folder / "proxy.kubeconfig"
        api = replace(self._api, url=self.url)
        form = api.kubeconfig()
        del form["clusters"][0]["cluster"]["certificate-authority"]
        self.kubeconfig.write_text(json.dumps(form), encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    # ---------------------------------------------------------------------------------------------- steering

    def order(self, match: Match, **what: Any) -> Order:
        """Order what happens to the requests that match: the fields of ``Order``. The first that matches counts."""
        order = Order(match=match, _loop=self._loop, **what)
        with self._lock:
            self._orders.append(order)
        return order

    def clear(self) -> None:
        """Forget what was ordered, and let what is held go on."""
        with self._lock:
            for order in self._orders:
                order.release()
            self._orders.clear()

    def refuse(self) -> None:
        """Refuse connections, and cut those there are."""
        self._do(self._refuse())

    def accept(self) -> None:
        """Take connections again, on the same port."""
        self._do(self._listen())

    def end_watches(self, event: Json | None = None) -> int:
        """End every open watch, with this event as its last one; how many there were."""
        return int(self._do(self._end_watches(event)))

    def writes(self, match: Match = status_write) -> list[Seen]:
        """The requests that came and match."""
        return [each for each in list(self.seen) if match(each)]

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    # ---------------------------------------------------------------------------------------------- serving

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._end = asyncio.Event()
        app = web.Application(client_max_size=_LARGEST)
        app.router.add_route("*", "/{path:.*}", self._handle)
        tls = ssl.create_default_context(cafile=self._api.ca_file)
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls, limit=0),
            timeout=aiohttp.ClientTimeout(total=None),
            read_bufsize=_LARGEST,
        ) as self._session:
            self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await self._runner.setup()
            await self._listen()
            self.url = f"http://127.0.0.1:{self._port}"
            self._started.set()
            await self._end.wait()
            await self._end_watches(None)
            await self._runner.cleanup()
        await asyncio.sleep(0.1)  # what was closed is gone only after some rounds of the loop

    async def _listen(self) -> None:
        self._site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await self._site.start()
        self._port = self._runner.addresses[0][1]

    async def _refuse(self) -> None:
        await self._site.stop()
        for transport in list(self._open):
            transport.abort()
        self._open.clear()

    async def _end_watches(self, event: Json | None) -> int:
        count = len(self._watches)
        for queue in self._watches:
            queue.put_nowait(event or {})
        return count

    def _take(self, seen: Seen) -> Order | None:
        with self._lock:
            for order in self._orders:
                if order.times != 0 and order.match(seen):
                    if order.times is not None:
                        order.times -= 1
                    return order
        return None

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        seen = Seen(request.method, request.path, dict(request.query), await request.read())
        self.seen.append(seen)
        self._open = {each for each in self._open if not each.is_closing()}
        if request.transport is not None:
            self._open.add(request.transport)
        await asyncio.sleep(self.latency)
        order = self._take(seen)
        if order is not None and not order.after:
            instead = await _carry_out(request, order)
            if instead is not None:
                return instead
        if seen.watches:
            return await self._watch(request, seen)
        answer = await self._pass_on(request, seen)
        if order is not None and order.after:
            return await _carry_out(request, order) or answer
        return answer

    def _asked(self, request: web.Request, seen: Seen) -> Any:
        """The same request to the API server."""
        query = dict(seen.query)
        if self.page_size and "limit" in query:
            query["limit"] = str(self.page_size)
        headers = {name: request.headers[name] for name in _HEADERS if name in request.headers}
        return self._session.request(
            seen.method, self._api.url + seen.path, params=query, data=seen.body or None, headers=headers
        )

    async def _pass_on(self, request: web.Request, seen: Seen) -> web.Response:
        async with self._asked(request, seen) as answer:
            content = await answer.read()
            headers = {"Content-Type": answer.headers.get("Content-Type", "application/json")}
            return web.Response(status=answer.status, body=content, headers=headers)

    async def _watch(self, request: web.Request, seen: Seen) -> web.StreamResponse:
        """Pass on line by line, until either side ends it or an event of ours does."""
        ordered: asyncio.Queue[Json] = asyncio.Queue()
        async with self._asked(request, seen) as answer:
            response = web.StreamResponse(status=answer.status, headers={"Content-Type": "application/json"})
            await response.prepare(request)
            self._watches.add(ordered)
            ending = asyncio.create_task(ordered.get())
            try:
                with suppress(OSError, aiohttp.ClientError):
                    while True:
                        line = asyncio.create_task(answer.content.readline())
                        await asyncio.wait({line, ending}, return_when=asyncio.FIRST_COMPLETED)
                        if ending.done():
                            line.cancel()
                            if event := ending.result():
                                await response.write(json.dumps(event).encode() + b"\n")
                            break
                        if not line.result():
                            break
                        await response.write(line.result())
            finally:
                ending.cancel()
                self._watches.discard(ordered)
            return response


async def _carry_out(request: web.Request, order: Order) -> web.Response | None:
    """What is ordered; None where the request, or its answer, then goes on."""
    order.came += 1
    if order.hold:
        await order.until_free()
    if order.cut:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("ordered")
    if order.status is not None:
        return web.json_response(order.body, status=order.status)
    return None
