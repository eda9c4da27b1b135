"""The calls themselves: one request each, no retry, no redirect, one time-out; what happened comes back as Facts."""

import asyncio
import errno
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractStreamWriter

from cbr_operator import __version__
from cbr_operator.cloud import wire
from cbr_operator.cloud.connector import make_connector, make_tls
from cbr_operator.kinds.replication_status import Target
from cbr_operator.ports import Body, Clock, Credential, Facts, ReplicateRequest

LONGEST_ANSWER = 8 * 2**20
"""Bytes that are read of an answer; 5,000 backups take less than one MiB."""
_CHUNK = 65536

OnCall = Callable[[str, str, float], None]
"""Told of each call: the operation, the HTTP status or what went wrong, and the seconds it took."""


class _LateError(Exception):
    """The body's writer was not allowed to write."""


class _GuardedBody(aiohttp.BytesPayload):
    """A body that asks whether it may still be sent when the connection stands and its turn to be written has come.

    aiohttp keeps the request's head back until the first bytes of the body, so a refusal leaves nothing on the wire.
    """

    def __init__(self, value: bytes, may_send: Callable[[], bool]) -> None:
        super().__init__(value)
        self._may_send = may_send
        self.sent = False
        self.late = False

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Write the body, if that is still allowed."""
        if self.sent or self.late or not self._may_send():
            self.late = not self.sent
            raise _LateError
        self.sent = True  # before the first byte: from here on the cloud may have taken the call
        await super().write_with_length(writer, content_length)


class CbrClient:
    """The Cloud port on aiohttp; to be made inside a running event loop."""

    def __init__(
        self, *, clock: Clock, request_timeout: float, ca_file: Path | None = None, on_call: OnCall | None = None
    ) -> None:
        """``request_timeout``: seconds for one call in all, from connecting to the last byte of its answer.

        Raises:
            OSError: ``ca_file`` cannot be used.
        """
        self._clock = clock
        self._timeout = request_timeout
        self._on_call = on_call
        self._session = aiohttp.ClientSession(
            connector=make_connector(tls=make_tls(ca_file), request_timeout=request_timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # a small answer must not become a large one
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=None),  # the time-out is ours, around everything
            headers={"User-Agent": f"cbr-operator/{__version__}", "Accept-Encoding": "identity"},
        )

    async def close(self) -> None:
        """Close its connections."""
        await self._session.close()

    async def replicate(
        self, *, target: Target, request: ReplicateRequest, credential: Credential, may_send: Callable[[], bool]
    ) -> Facts:
        """Ask for the replication, once."""
        body = _GuardedBody(wire.replicate_body(request), may_send)
        facts = await self._call("replicate", "POST", wire.replicate_url(target), credential, body)
        return replace(facts, sent=body.sent, late=body.late)

    async def list_backups(self, *, target: Target, credential: Credential, offset: int, limit: int) -> Facts:
        """One page of the vault's backups; ``sent`` is always false in its Facts: it submits nothing."""
        url = wire.backups_url(target, offset=offset, limit=limit)
        return await self._call("list_backups", "GET", url, credential, None)

    async def list_operation_logs(
        self, *, target: Target, credential: Credential, since: datetime, offset: int, limit: int
    ) -> Facts:
        """One page of the vault's operation log; ``sent`` is always false, as above."""
        url = wire.operation_logs_url(target, since=since, offset=offset, limit=limit)
        return await self._call("list_operation_logs", "GET", url, credential, None)

    async def _call(
        self, operation: str, method: str, url: str, credential: Credential, body: _GuardedBody | None
    ) -> Facts:
        headers = {"X-Auth-Token": credential.token, "Content-Type": "application/json;charset=UTF-8"}
        started = time.monotonic()
        facts = Facts(sent=False)
        code = ""
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._session.request(method, url, data=body, headers=headers, allow_redirects=False) as response,
            ):
                facts = self._head(response)
                content, state = await _read(response)
                facts = replace(facts, body=content, body_state=state)
        except TimeoutError:
            code, words = "timeout", f"no answer within {self._timeout:g} seconds"
            facts = replace(facts, failure=words)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            code, words = _describe(error)
            facts = replace(facts, failure=words)
        if self._on_call is not None:
            self._on_call(operation, code or str(facts.status), time.monotonic() - started)
        return facts

    def _head(self, response: aiohttp.ClientResponse) -> Facts:
        now = self._clock.now()
        date = wire.http_date(response.headers.get("Date"))
        return Facts(
            sent=False,
            status=response.status,
            body_state=Body.CUT,  # until it has been read to its end
            request_id=wire.request_id(response.headers.get("X-Request-Id")),
            retry_after=wire.retry_after(response.headers.get("Retry-After"), now=now),
            clock_offset=(date - now).total_seconds() if date is not None else None,
        )


async def _read(response: aiohttp.ClientResponse) -> tuple[bytes, Body]:
    """The body, as far as it is read; leaving a longer one unread makes aiohttp close its connection."""
    content = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        content += chunk
        if len(content) > LONGEST_ANSWER:
            response.close()
            return bytes(content[:LONGEST_ANSWER]), Body.TOO_LONG
    return bytes(content), Body.WHOLE


def _describe(error: Exception) -> tuple[str, str]:  # noqa: C901, PLR0911 - a table, one row an error
    """A short word for the metrics, and what went wrong for people; never the request's own headers."""
    match error:
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
        case aiohttp.ClientConnectionError() if isinstance(error.__cause__, _LateError):
            return "late", "the time to send had passed"
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
