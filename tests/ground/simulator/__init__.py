"""A small real HTTP server that follows the CBR API, for tests, the demo and benchmarks. Loopback only."""

import asyncio
import threading
from collections.abc import Collection
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from ground.simulator.calls import Call
from ground.simulator.errors import GATEWAY, SERVICE, gateway_body, service_body, unauthorized_body
from ground.simulator.faults import Fault, as_bytes
from ground.simulator.server import Cloud
from ground.simulator.settings import Settings
from ground.simulator.vaults import DOCUMENTED_EXAMPLE, Backup, Vault, make_backups, make_fleet

__all__ = [
    "GATEWAY",
    "SERVICE",
    "Backup",
    "Call",
    "Settings",
    "Simulator",
    "Vault",
    "make_backups",
    "make_fleet",
    "unauthorized_body",
]


class Simulator:
    """The simulated cloud in a thread of its own, on a free port of 127.0.0.1; a context manager.

    Settings may be changed while it runs, with ``change``.
    """

    url: str

    def __init__(self, *, port: int = 0, **settings: Any) -> None:
        self._port = port
        self._settings = Settings(**settings)
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="simulator", daemon=True)
        self._failure: BaseException | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen.

        Raises:
            OSError: The port is taken.

        """
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Stop listening, and end what hangs."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits in start()
            self._failure = error
            self._started.set()
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._end = asyncio.Event()
        self._cloud = Cloud(self._settings)
        runner = web.AppRunner(self._cloud.application(), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self._port).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._started.set()
        await self._end.wait()
        self._cloud.release()
        await runner.cleanup()

    # ---------------------------------------------------------------------------------------------- steering

    def change(self, **settings: Any) -> None:
        """Change settings."""
        self._cloud.settings = replace(self._cloud.settings, **settings)

    def refuse_tokens(self, tokens: Collection[str]) -> None:
        """Let these tokens have expired."""
        self.change(refused_tokens=tuple(tokens))

    def add(self, *vaults: Vault) -> None:
        """Add vaults, or change what is said of them."""
        for vault in vaults:
            self._cloud.vaults.put(vault)

    def add_documented_example(self) -> None:
        """Add the vaults and backups of the vendor's documented example."""
        self.add(*DOCUMENTED_EXAMPLE)

    def order(self, vault_id: str = "", **fault: Any) -> None:
        """Order a fault for the calls on a vault, or on all: the fields of ``Fault``, or one of

        - ``service="6130"``: the service's error of this code, with its first HTTP status or ``status``,
        - ``gateway="0308"``: the gateway's, likewise,
        - ``json``: this body.
        """
        self._cloud.faults.add(vault_id, _fault(**fault))

    def order_read(self, name: str, **fault: Any) -> None:
        """Order a fault for the reads of a list, ``backups`` or ``operation-logs``, as with ``order``."""
        self._cloud.read_faults.add(name, _fault(**fault))

    def release(self) -> None:
        """Let everything that hangs go on, and forget what was ordered."""
        done = threading.Event()

        def release() -> None:
            self._cloud.release()
            done.set()

        self._loop.call_soon_threadsafe(release)
        done.wait(10)

    def finish_copying(self, vault_id: str = "", count: int | None = None) -> None:
        """Let what is being copied from a vault, or from all, end now; with ``count`` so many copies of it."""
        self._cloud.vaults.finish_copying(vault_id, self._cloud.now(), count)

    # ---------------------------------------------------------------------------------------------- reading

    def received(self, vault_id: str = "") -> list[Call]:
        """The POSTs on a vault, or on all, in the order in which they came."""
        return self._cloud.calls.received(vault_id)

    def accepted(self, vault_id: str = "") -> list[Call]:
        """Those that took effect."""
        return self._cloud.calls.accepted(vault_id)

    def most_at_once(self, vault_id: str) -> int:
        """How many calls on a vault were ever under way at once."""
        return self._cloud.calls.most_at_once[vault_id]

    def gets(self) -> dict[str, int]:
        """How often each list was read."""
        return dict(self._cloud.calls.gets)

    def refused(self, token: str) -> int:
        """How many requests came with this token after it had expired."""
        return self._cloud.calls.refused[token]

    def gets_of(self, vault_id: str, name: str = "backups") -> int:
        """How often a list of this vault was read."""
        return self._cloud.calls.gets_of[name, vault_id]


def _fault(*, service: str = "", gateway: str = "", json: Any = None, **fields: Any) -> Fault:
    if service:
        fields = {"status": SERVICE[service].statuses[0], "body": as_bytes(service_body(service)), **fields}
    elif gateway:
        fields = {"status": GATEWAY[gateway].statuses[0], "body": as_bytes(gateway_body(gateway, "r")), **fields}
    elif json is not None:
        fields = {"body": as_bytes(json), **fields}
    return Fault(**fields)
