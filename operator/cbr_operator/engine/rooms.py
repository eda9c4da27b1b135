"""How many requests of one sort may be under way: in all, to one server, and for one namespace."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from cbr_operator.rules.access import origin_of


class Rooms:
    """Lets a few go at once. One sick server leaves room to the others, and so does one namespace."""

    def __init__(self, *, in_all: int, an_origin: int, a_namespace: int) -> None:
        self._all = asyncio.Semaphore(in_all)
        self._an_origin = an_origin
        self._a_namespace = a_namespace
        self._rooms: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def room(self, url: str, namespace: str) -> AsyncIterator[None]:
        """Have room for one request to this URL. What belongs to the whole cluster is of no ``namespace``."""
        origin = self._rooms.setdefault(origin_of(url), asyncio.Semaphore(self._an_origin))
        if not namespace:
            async with origin, self._all:
                yield
            return
        # One's own first: whoever waits keeps nothing that others could use.
        own = self._rooms.setdefault(f"namespace {namespace}", asyncio.Semaphore(self._a_namespace))
        async with own, origin, self._all:
            yield
