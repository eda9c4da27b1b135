"""Sessions to the cloud: one a connection, with its own trust, proxy and pool; one for what uses no connection."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from cbr_operator import __version__
from cbr_operator.cloud.connector import Addresses, make_connector, make_tls
from cbr_operator.ports import DIRECT, Route

IDLE_SECONDS = 60.0
"""After so long without a call a link is closed; it is made anew when it is needed."""
MOST_LINKS = 64
"""Each has an SSL context and a pool; beyond so many the one closes that was idle for longest."""


class Link:
    """A session, made for one route."""

    def __init__(self, route: Route, session: aiohttp.ClientSession, proxies: dict[str, str]) -> None:
        self.route = route
        self.session = session
        self._proxies = proxies
        self.calls = 0
        """Under way."""
        self.left = False
        """Nothing new begins on it."""
        self.timer: asyncio.TimerHandle | None = None
        """Closes it when it stays idle."""

    def proxy_for(self, url: str) -> str | None:
        """The proxy to go through: the route's, or what the environment names for this host."""
        if self.route.proxy:
            return self.route.proxy
        parts = urlsplit(url)
        return None if proxy_bypass(parts.netloc) else self._proxies.get(parts.scheme)


class Links:
    """Makes a link when a route is first travelled, and anew when its connection's trust or proxy changed."""

    def __init__(
        self,
        *,
        request_timeout: float,
        ca_file: Path | None,
        address_problem: Callable[[str, bool], str],
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        """``address_problem``: what is wrong with connecting to an address, see ``connector.Addresses``.

        Raises:
            OSError: ``ca_file`` cannot be used.
        """
        self._request_timeout = request_timeout
        self._idle_seconds = idle_seconds
        self._ca_file = ca_file
        self._proxies = getproxies()
        trusted = {host for each in self._proxies.values() if (host := urlsplit(each).hostname) is not None}
        self._addresses = Addresses(address_problem, trusted_hosts=trusted)
        self._tls = make_tls(ca_file)
        self._links: dict[str, Link] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._links[""] = self._make(DIRECT)

    def get(self, route: Route) -> Link:
        """The link for this route.

        Raises:
            ValueError: its certificates cannot be used.
        """
        link = self._links.get(route.connection)
        if link is not None and (link.route.ca, link.route.proxy) == (route.ca, route.proxy):
            self._links[route.connection] = self._links.pop(route.connection)  # the last one used stands last
            return link
        made = self._make(route)
        self.leave(route.connection)
        self._make_room()
        self._links[route.connection] = made
        return made

    def leave(self, connection: str) -> None:
        """Close this connection's link once the calls on it have ended."""
        link = self._links.pop(connection, None)
        if link is not None:
            link.left = True
            self.release(link)

    def release(self, link: Link) -> None:
        """A call on the link may have ended."""
        if link.calls:
            return
        if link.timer is not None:
            link.timer.cancel()
        if link.left:
            task = asyncio.create_task(link.session.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        elif link.route.connection:
            link.timer = asyncio.get_running_loop().call_later(self._idle_seconds, self._retire, link)

    async def close(self) -> None:
        """Close them all."""
        links = list(self._links.values())
        self._links.clear()
        for link in links:
            if link.timer is not None:
                link.timer.cancel()
        await asyncio.gather(*(each.session.close() for each in links), *self._closing)

    def _retire(self, link: Link) -> None:
        """Close a link that stayed idle: a call may have made it for a connection that was gone already."""
        if not link.calls and self._links.get(link.route.connection) is link:
            self.leave(link.route.connection)

    def _make_room(self) -> None:
        idle = (name for name, each in self._links.items() if name and not each.calls)
        if len(self._links) >= MOST_LINKS and (oldest := next(idle, None)) is not None:
            self.leave(oldest)

    def _make(self, route: Route) -> Link:
        try:
            # The system's trust anchors take half a megabyte: they are read once for all who add none.
            tls = make_tls(self._ca_file, route.ca) if route.ca else self._tls
        except ssl.SSLError as error:
            raise ValueError(f"the certificates of its caBundle cannot be used: {error.reason or error}") from None
        session = aiohttp.ClientSession(
            connector=make_connector(tls=tls, request_timeout=self._request_timeout, addresses=self._addresses),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # a small answer must not become a large one
            trust_env=False,  # it would look for a .netrc, and send what is in it
            timeout=aiohttp.ClientTimeout(total=None),  # the time-out is ours, around everything
            headers={"User-Agent": f"cbr-operator/{__version__}", "Accept-Encoding": "identity"},
        )
        return Link(route, session, self._proxies)
