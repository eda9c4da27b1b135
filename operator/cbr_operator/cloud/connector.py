"""Connections to the cloud: how sockets and TLS are set up."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable, Collection
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver

CONNECTIONS = 96
CONNECTIONS_A_HOST = 56
"""Room for the calls and for the looks beside them: a call must not wait for a connection that a look has."""
IDLE_SECONDS = 4.0
"""Servers and gateways close idle connections after five seconds and more; one closed under us loses a call."""
# Option 18 on Linux; the socket module knows its name only there.
_USER_TIMEOUT = getattr(socket, "TCP_USER_TIMEOUT", None)
_ABORT_ON_CLOSE = struct.pack("ii", 1, 0)


class ForbiddenAddressError(OSError):
    """An address may not be connected to; the message says which and why."""


class Addresses:
    """Which addresses may be connected to, asked of each one just before that, however it was spelt or found.

    ``problem(address, literal)`` says in words what is wrong with an address, or nothing. ``literal``: it was written
    as an address; otherwise a name led to it. ``trusted_hosts`` are those of the environment's own proxies, which the
    administrator chose: they are not asked about.
    """

    def __init__(self, problem: Callable[[str, bool], str], *, trusted_hosts: Collection[str] = ()) -> None:
        self._problem = problem
        self._trusted_hosts = frozenset(trusted_hosts)
        self._trusted_addresses = set(trusted_hosts)

    def found(self, host: str, addresses: Collection[str]) -> None:
        """Check what a name has led to: one bad address among good ones spoils them all.

        Raises:
            ForbiddenAddressError: one of them may not be connected to.
        """
        if host in self._trusted_hosts:
            self._trusted_addresses.update(addresses)
            return
        for each in addresses:
            if problem := self._problem(each, False):  # noqa: FBT003 - a callable's arguments have no names
                raise ForbiddenAddressError(f"{host} leads to {each}, {problem}")

    def connecting(self, address: str) -> None:
        """Check an address at the last moment.

        Raises:
            ForbiddenAddressError: it may not be connected to.
        """
        if address in self._trusted_addresses:
            return
        if problem := self._problem(address, True):  # noqa: FBT003 - as above
            raise ForbiddenAddressError(f"{address} is {problem}")


class _CheckedResolver(AbstractResolver):
    """The usual resolver; what it finds is what is connected to, so nothing can change in between."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._resolver = DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a name, all of which may be connected to."""
        found = await self._resolver.resolve(host, port, family)
        self._addresses.found(host, [each["host"] for each in found])
        return found

    async def close(self) -> None:
        """End it."""
        await self._resolver.close()


async def addresses_of(host: str) -> set[str]:
    """The addresses of a host; none where it is not found."""
    try:
        infos = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return set()
    return {str(place[0]).partition("%")[0] for *_, place in infos}


def make_tls(ca_file: Path | None, ca: str = "") -> ssl.SSLContext:
    """TLS 1.2 at least, always verified, by the system's trust anchors and those in ``ca_file`` and ``ca`` (PEM).

    Raises:
        OSError: the file cannot be read, or holds no certificate.
        ssl.SSLError: ``ca`` holds none.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    if ca:
        context.load_verify_locations(cadata=ca)
    return context


def make_connector(*, tls: ssl.SSLContext, request_timeout: float, addresses: Addresses) -> aiohttp.TCPConnector:
    """A bounded pool of connections whose bytes cannot arrive after their call was given up.

    TCP_USER_TIMEOUT ends a connection whose bytes are not acknowledged for as long as a call may take (RFC 5482);
    SO_LINGER with zero seconds makes each close an abort, which throws away what the kernel still holds.
    """

    def make_socket(address: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, place = address
        addresses.connecting(str(place[0]))
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT_ON_CLOSE)
        if _USER_TIMEOUT is not None:
            made.setsockopt(socket.IPPROTO_TCP, _USER_TIMEOUT, int(request_timeout * 1000))
        return made

    return aiohttp.TCPConnector(
        ssl=tls,
        resolver=_CheckedResolver(addresses),
        limit=CONNECTIONS,
        limit_per_host=CONNECTIONS_A_HOST,
        keepalive_timeout=IDLE_SECONDS,
        socket_factory=make_socket,
    )
