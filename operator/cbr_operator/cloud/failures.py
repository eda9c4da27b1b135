"""What goes wrong below HTTP, in a word for the metrics and in words for people."""

import errno

import aiohttp

from cbr_operator.cloud.connector import ForbiddenAddressError


class LateError(Exception):
    """The body's writer was not allowed to write."""


def describe(error: Exception) -> tuple[str, str]:  # noqa: C901, PLR0911, PLR0912 - a table, one row an error
    """A short word for the metrics, and what went wrong for people; never the request's own headers."""
    match error:
        case aiohttp.ClientConnectorError() if isinstance(error.os_error, ForbiddenAddressError):
            return "forbidden", f"{error.os_error}, and may not be connected to"
        case aiohttp.ClientConnectorDNSError():
            return "dns", f"the name {error.host} was not found"
        case aiohttp.ClientConnectorCertificateError():
            return "tls", f"the certificate of {error.host} is not trusted: {error.certificate_error}"
        case aiohttp.ClientConnectorSSLError() | aiohttp.ClientSSLError():
            return "tls", f"no TLS connection to {error.host}: {error.os_error.strerror or error.os_error}"
        case aiohttp.ClientConnectorError():
            return "connect", f"no connection to {error.host}:{error.port}: {_errno_words(error.os_error)}"
        case aiohttp.ServerDisconnectedError():
            return "closed", "the server closed the connection without an answer"
        case aiohttp.ClientPayloadError():
            return "cut", "the answer was cut off"
        case aiohttp.ClientOSError():
            return "reset", f"the connection broke: {_errno_words(error)}"
        case aiohttp.ClientConnectionError() if isinstance(error.__cause__, LateError):
            return "late", "the time to send had passed"
        case aiohttp.ClientHttpProxyError():
            return "proxy", f"the proxy did not connect: HTTP {error.status}"
        case aiohttp.ClientResponseError():
            return "http", "the answer was no valid HTTP"
        case aiohttp.InvalidURL():
            return "url", "the URL cannot be used"
        case _:
            return "error", f"the call failed ({type(error).__name__})"


def _errno_words(error: OSError) -> str:
    words = {
        errno.ECONNREFUSED: "connection refused",
        errno.ECONNRESET: "connection reset",
        errno.EPIPE: "connection reset",
        errno.ETIMEDOUT: "connection timed out",
        errno.EHOSTUNREACH: "no route to host",
        errno.ENETUNREACH: "network unreachable",
    }
    return words.get(error.errno or 0, error.strerror or type(error).__name__)
