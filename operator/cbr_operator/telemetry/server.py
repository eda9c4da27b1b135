"""The HTTP server for /livez, /readyz and /metrics."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

logger = logging.getLogger(__name__)

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Check:
    """What a probe finds, with the reason in words."""

    ok: bool
    words: str


class ProbeServer:
    """Serves the probes and the metrics; up before anything else, so that a slow start is visible."""

    def __init__(self, *, live: Callable[[], Check], ready: Callable[[], Check], metrics: Callable[[], bytes]) -> None:
        self._live = live
        self._ready = ready
        self._metrics = metrics
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; the port, which is a free one where 0 was asked for.

        Raises:
            OSError: the address cannot be listened on.
        """
        app = web.Application()
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metricsz)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, host or None, port).start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _livez(self, _: web.Request) -> web.Response:
        return _answer(self._live)

    async def _readyz(self, _: web.Request) -> web.Response:
        return _answer(self._ready)

    async def _metricsz(self, _: web.Request) -> web.Response:
        return web.Response(body=self._metrics(), headers={"Content-Type": METRICS_TYPE})


def _answer(probe: Callable[[], Check]) -> web.Response:
    try:
        check = probe()
    except Exception:  # a probe that fails must answer, not hang or close the connection
        logger.exception("A probe failed")
        return web.Response(status=500, text="the probe failed, see the log\n")
    return web.Response(status=200 if check.ok else 503, text=f"{check.words}\n")
