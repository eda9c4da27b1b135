"""Load on an API server from one process: many objects created, and the bare limit of guarded status writes."""

import asyncio
import json
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Self

import aiohttp

from ground.controlplane.api import Api

API = "/apis/cbr-operator.io/v1alpha1/namespaces/default/checkpointreplications"
CREATORS = 16
PLAIN_CONNECTIONS = 32
MERGE = "application/merge-patch+json"


class Load:
    """A plain client with a bounded number of connections."""

    def __init__(self, api: Api, connections: int) -> None:
        self._api = api
        self._connections = connections
        context = ssl.create_default_context(cafile=api.ca_file)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, ssl=context),
            headers={"Authorization": f"Bearer {api.token}"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def request(self, method: str, path: str, body: Any, content_type: str = "application/json") -> Any:
        """One request; an answer other than 2xx ends the benchmark."""
        headers = {"Content-Type": content_type}
        url = self._api.url + path
        async with self._session.request(method, url, data=json.dumps(body), headers=headers) as answer:
            answer.raise_for_status()
            return await answer.json()

    async def each(self, items: Iterable[Any], work: Callable[[Any], Awaitable[Any]]) -> tuple[list[Any], float]:
        """Do the work for every item, as many at once as there are connections; results and seconds."""
        slots = asyncio.Semaphore(self._connections)

        async def one(item: Any) -> Any:
            async with slots:
                return await work(item)

        started = time.monotonic()
        return await asyncio.gather(*map(one, items)), time.monotonic() - started


async def create(api: Api, bodies: list[dict[str, Any]]) -> float:
    """Create these objects; the seconds it took."""
    async with Load(api, CREATORS) as load:
        return (await load.each(bodies, lambda body: load.request("POST", API, body)))[1]


async def remove_all(api: Api) -> None:
    """Delete them all."""
    async with Load(api, 1) as load:
        await load.request("DELETE", API, {})


async def bare_writes(api: Api, bodies: list[dict[str, Any]], status: dict[str, Any]) -> float:
    """Guarded status writes a second by a plain client: two for each of these objects, which are made and removed."""
    async with Load(api, PLAIN_CONNECTIONS) as load:
        made, _ = await load.each(bodies, lambda body: load.request("POST", API, body))

        async def write_twice(body: dict[str, Any]) -> None:
            for progress in ("0/3", "1/3"):
                guard = {"resourceVersion": body["metadata"]["resourceVersion"]}
                patch = {"metadata": guard, "status": {**status, "progress": progress}}
                path = f"{API}/{body['metadata']['name']}/status"
                body = await load.request("PATCH", path, patch, MERGE)

        _, seconds = await load.each(made, write_twice)
    await remove_all(api)
    return 2 * len(bodies) / seconds
