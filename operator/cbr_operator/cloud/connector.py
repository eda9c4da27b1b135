"""Connections to the cloud: how sockets and TLS are set up."""

import socket
import ssl
import struct
from pathlib import Path

import aiohttp

CONNECTIONS = 96
CONNECTIONS_A_HOST = 56
"""Room for the calls and for the looks beside them: a call must not wait for a connection that a look has."""
IDLE_SECONDS = 4.0
"""Servers and gateways close idle connections after five seconds and more; one closed under us loses a call."""
# Option 18 on Linux; the socket module knows its name only there.
_USER_TIMEOUT = getattr(socket, "TCP_USER_TIMEOUT", None)
_ABORT_ON_CLOSE = struct.pack("ii", 1, 0)


def make_tls(ca_file: Path | None) -> ssl.SSLContext:
    """TLS 1.2 at least, always verified, by the system's trust anchors and those in ``ca_file`` (PEM).

    Raises:
        OSError: the file cannot be read, or holds no certificate.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context


def make_connector(*, tls: ssl.SSLContext, request_timeout: float) -> aiohttp.TCPConnector:
    """A bounded pool of connections whose bytes cannot arrive after their call was given up.

    TCP_USER_TIMEOUT ends a connection whose bytes are not acknowledged for as long as a call may take (RFC 5482);
    SO_LINGER with zero seconds makes each close an abort, which throws away what the kernel still holds.
    """

    def make_socket(address: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, _ = address
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT_ON_CLOSE)
        if _USER_TIMEOUT is not None:
            made.setsockopt(socket.IPPROTO_TCP, _USER_TIMEOUT, int(request_timeout * 1000))
        return made

    return aiohttp.TCPConnector(
        ssl=tls,
        limit=CONNECTIONS,
        limit_per_host=CONNECTIONS_A_HOST,
        keepalive_timeout=IDLE_SECONDS,
        socket_factory=make_socket,
    )
